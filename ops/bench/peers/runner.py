"""Runs one peer as a process of its own and reads its measurements."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from ops.bench.peers.environment import DEFAULT_ROOT, PeerAbsent, environments, peer_named

RUN_TIMEOUT_S = 900.0
"""The slowest run of the default sizes takes a minute; a busy machine may need several times that."""

FROM_OUR_ENVIRONMENT = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
"""Variables that a peer must not inherit, as they would make our packages visible to it."""


class PeerResult(msgspec.Struct, frozen=True):
    """One run of one peer.

    - ``seconds``: from the first quote to the last one processed.
    - ``load_seconds``: before that, making the quotes and loading them into the engine.
    - ``orders``: decisions; an engine that fills later than the decision may have one fill less.
    - ``peak_rss_mb``: peak memory of the process in MiB, with the engine's own copy of all quotes.
    """

    engine: str
    version: str
    python: str
    count: int
    fast: int
    slow: int
    seed: int
    seconds: float
    load_seconds: float
    quotes_per_s: float
    orders: int
    fills: int
    final_position: float
    final_equity: float | None
    peak_rss_mb: float


def run_peer(
    name: str,
    count: int,
    *,
    fast: int,
    slow: int,
    seed: int,
    root: Path = DEFAULT_ROOT,
    timeout_s: float = RUN_TIMEOUT_S,
) -> PeerResult | PeerAbsent:
    """Run the named peer over ``count`` quotes, pinned to one core where the system can do that.

    Blocks until it ends. Returns ``PeerAbsent`` with the reason for a peer that is not installed, fails or
    takes longer than ``timeout_s``. Raises ``ValueError`` for an unknown name.
    """
    peer = peer_named(name)
    python = environments(root).get(name)
    if python is None:
        return PeerAbsent(name, f"{peer.requirement} is not installed under {root}: make bench-peers")
    script = Path(__file__).with_name(peer.script)
    sizes = {"--count": count, "--fast": fast, "--slow": slow, "--seed": seed}
    options = [word for option, size in sizes.items() for word in (option, str(size))]
    return _run(name, [str(python), "-W", "ignore", str(script), *options], timeout_s=timeout_s)


def _run(name: str, command: list[str], *, timeout_s: float) -> PeerResult | PeerAbsent:
    variables = {key: value for key, value in os.environ.items() if key not in FROM_OUR_ENVIRONMENT}
    process = subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _pin_to_one_core(process.pid)
    try:
        said, complained = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return PeerAbsent(name, f"took longer than {timeout_s:g} s")
    if process.returncode != 0:
        return PeerAbsent(name, f"failed: {_last_line(complained) or f'exit code {process.returncode}'}")
    try:
        return msgspec.json.decode(_last_line(said), type=PeerResult)
    except msgspec.MsgspecError as error:
        return PeerAbsent(name, f"its output was not understood: {error}")


def _pin_to_one_core(pid: int) -> None:
    """Pin a process to one core, with all threads that it starts later: engines are compared by core."""
    if sys.platform == "linux":
        with suppress(ProcessLookupError):  # it may have ended already; its output then tells the reason
            os.sched_setaffinity(pid, {max(os.sched_getaffinity(0))})


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
