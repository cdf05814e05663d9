"""The control API against requests that are made from its own document."""

import asyncio
import sys
from pathlib import Path

import pytest

from ops.control.tokens import SHORTEST
from tests.ops.control.running import running
from tests.ops.control.test_access import TCP, TRADE, write_tokens

pytestmark = pytest.mark.slow

LIMIT_S = 240


async def test_requests_made_from_the_document_break_no_promise_of_it(tmp_path: Path) -> None:
    """With the role trade, so that no request ends the daemon; schemathesis tries other tokens by itself."""
    write_tokens(tmp_path)
    assert len(TRADE) >= SHORTEST
    async with running(tmp_path, TCP) as daemon:
        url = f"http://127.0.0.1:{daemon.control.server.port}"
        command = (
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
            *("-H", f"Authorization: Bearer {TRADE}"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--seed", "1"),
            *("--exclude-path", "/v1/stream", "--no-color", "--suppress-health-check", "all"),
        )
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        async with asyncio.timeout(LIMIT_S):
            said, _ = await process.communicate()
        assert daemon.session.engine.refused == 0

    assert process.returncode == 0, said.decode()
