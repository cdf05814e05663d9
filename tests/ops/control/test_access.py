"""Who is let in, and what is refused before anything is looked at."""

import asyncio
import socket
import stat
from contextlib import suppress
from hashlib import sha256
from itertools import count
from pathlib import Path

import aiohttp
import msgspec
import pytest

from kernel.errors import ConfigError, VenueUnavailable
from kernel.events import ControlRequested
from ops.control.access import LoopbackAddress
from ops.control.client import CommandRefused, DaemonAddress, address_of, get, post
from ops.control.problems import PROBLEM_JSON, Problem
from ops.control.requests import Command
from ops.control.server import LARGEST_BODY, LONGEST_PATH, ControlServer, RequestLimits
from ops.control.socket_file import SOCKET
from ops.control.tokens import Tokens
from replay.run_config import load_run_config
from tests.ops.control.running import Running, running
from tests.ops.daemon.processes import hold_up

READ, TRADE, ADMIN = "read-canary-0123456789", "trade-canary-0123456789", "admin-canary-0123456789"
TCP = "control: {tcp: '127.0.0.1:0', tokens_file: tokens.yaml}"


def write_tokens(folder: Path, mode: int = 0o600) -> Path:
    path = folder / "tokens.yaml"
    hashed = sha256(ADMIN.encode()).hexdigest()
    path.write_text(
        "tokens:\n"
        f"  - {{name: grafana, role: read, token: {READ}}}\n"
        f"  - {{name: desk, role: trade, token: {TRADE}}}\n"
        f"  - {{name: chief, role: admin, sha256: {hashed}}}\n",
        "utf-8",
    )
    path.chmod(mode)
    return path


def url_of(daemon: Running) -> str:
    return f"http://127.0.0.1:{daemon.control.server.port}"


class Said(msgspec.Struct):
    status: int
    problem: Problem | None


async def said(
    daemon: Running, path: str = "/v1/status", *, method: str = "GET", body: object = None, **headers: str
) -> Said:
    """What the TCP socket says to a request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, url_of(daemon) + path, headers=named, json=body) as answer,
    ):
        content = await answer.read()
        is_problem = answer.content_type == PROBLEM_JSON
        return Said(answer.status, msgspec.json.decode(content, type=Problem) if is_problem else None)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_only_the_owner_can_use_the_unix_socket(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        mode = (daemon.folder / SOCKET).stat().st_mode

    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_what_others_make_while_the_socket_is_opened_has_its_usual_mode(tmp_path: Path) -> None:
    """The daemon starts processes and makes folders in the same turns of the loop."""

    async def make_folders() -> None:
        for number in count():
            (tmp_path / f"made {number}").mkdir()
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        making = group.create_task(make_folders(), name="folders")
        async with running(tmp_path):
            making.cancel()

    assert len(modes_of(tmp_path)) == 1


def modes_of(folder: Path) -> set[int]:
    """The modes of the folders that were made in a folder."""
    return {path.stat().st_mode for path in folder.glob("made *")}


async def test_without_a_configured_address_there_is_no_tcp_socket(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        assert daemon.control.server.port == 0


async def test_roles_let_a_token_do_so_much_and_no_more(tmp_path: Path) -> None:
    write_tokens(tmp_path)
    halt, shutdown = "/v1/trading/halt", "/v1/shutdown"
    async with running(tmp_path, TCP) as daemon:
        statuses = {
            (name, path): (await said(daemon, path, method="POST", body=body, **bearer(token))).status
            for name, token in (("read", READ), ("trade", TRADE), ("admin", ADMIN))
            for path, body in ((halt, {}), (shutdown, {"reason": "x"}))
        }
        read = [(await said(daemon, **bearer(token))).status for token in (READ, TRADE, ADMIN)]
        recorded = [one.operator for one in await daemon.logged(ControlRequested)]

    assert read == [200, 200, 200]
    assert statuses == {
        ("read", halt): 403,
        ("read", shutdown): 403,
        ("trade", halt): 200,
        ("trade", shutdown): 403,
        ("admin", halt): 200,
        ("admin", shutdown): 200,
    }
    assert recorded == ["desk (token)", "chief (token)", "chief (token)"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {ADMIN}"},
        {"Authorization": f"Bearer {READ[:-1]}"},
        {"Authorization": "Bearer"},
    ],
)
async def test_request_without_a_known_token_is_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    write_tokens(tmp_path)
    async with running(tmp_path, TCP) as daemon:
        answers = [
            await said(daemon, path, method=method, body={} if method == "POST" else None, **headers)
            for path, method in (
                ("/v1/status", "GET"),
                ("/v1/stream", "GET"),
                ("/openapi.json", "GET"),
                ("/v1/kill", "POST"),
                ("/nowhere", "GET"),
            )
        ]
        recorded = await daemon.logged(ControlRequested)

    assert {one.status for one in answers} == {401}
    assert recorded == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
    ],
    ids=lambda headers: " ".join(*headers.items()),
)
async def test_page_of_another_origin_and_rebound_name_are_refused(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    write_tokens(tmp_path)
    async with running(tmp_path, TCP) as daemon:
        answer = await said(daemon, "/v1/kill", method="POST", body={}, **bearer(ADMIN), **headers)
        recorded = await daemon.logged(ControlRequested)

    assert answer.status == 403
    assert recorded == []


async def test_own_origin_and_localhost_are_let_in(tmp_path: Path) -> None:
    write_tokens(tmp_path)
    async with running(tmp_path, TCP) as daemon:
        host = f"localhost:{daemon.control.server.port}"
        answer = await said(daemon, **bearer(READ), Host=host, Origin=f"http://{host}")

    assert answer.status == 200


async def test_oversized_body_is_refused(tmp_path: Path) -> None:
    write_tokens(tmp_path)
    async with running(tmp_path, TCP) as daemon:
        body = {"reason": "x" * (LARGEST_BODY + 1)}
        answer = await said(daemon, "/v1/kill", method="POST", body=body, **bearer(ADMIN))
        recorded = await daemon.logged(ControlRequested)

    assert answer.status == 413
    assert recorded == []


async def test_body_that_does_not_come_is_refused_in_time(tmp_path: Path) -> None:
    async with running(tmp_path, limits=RequestLimits(body_s=0.1)) as daemon:
        reader, writer = await asyncio.open_unix_connection(str(daemon.folder / SOCKET))
        writer.write(
            b"POST /v1/kill HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10\r\n\r\n{"
        )
        answer = await reader.read()  # until the server closes it
        writer.close()

    assert b" 408 " in answer


async def test_connection_that_says_nothing_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path, limits=RequestLimits(headers_s=0.1)) as daemon:
        reader, writer = await asyncio.open_unix_connection(str(daemon.folder / SOCKET))
        writer.write(b"GET /v1/status HTTP/1.1\r\nHost: ")
        rest = await reader.read()
        writer.close()
        still = b""
        while not still:
            with suppress(VenueUnavailable):  # our own words may take longer on a busy machine
                still = await get(daemon.address, "/v1/health/live")

    assert rest == b""
    assert b'"live":true' in still


async def test_request_that_came_while_the_daemon_was_held_up_is_answered(tmp_path: Path) -> None:
    async with running(tmp_path, limits=RequestLimits(headers_s=0.5)) as daemon:
        reader, writer = await asyncio.open_unix_connection(str(daemon.folder / SOCKET))
        for _ in range(5):
            await asyncio.sleep(0)  # it is accepted
        writer.write(b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        hold_up(0.7)
        answer = await reader.read()
        writer.close()

    assert b" 200 " in answer


async def test_connections_are_bounded(tmp_path: Path) -> None:
    async with running(tmp_path, limits=RequestLimits(connections=2)) as daemon:
        held = [await asyncio.open_unix_connection(str(daemon.folder / SOCKET)) for _ in range(3)]
        rest = await held[2][0].read()
        for _, writer in held:
            writer.close()

    assert rest == b""


async def test_connections_on_tcp_keep_nobody_from_the_unix_socket(tmp_path: Path) -> None:
    write_tokens(tmp_path)
    async with running(tmp_path, TCP, limits=RequestLimits(connections=2)) as daemon:
        port = daemon.control.server.port
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        receipt = await daemon.do("/kill", Command(reason="a flood"))
        for _, writer in held:
            writer.close()

    assert receipt.seq > 0


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"reason": "x", "force": true}', "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"reason": 5}', "application/json", 400),
        (b'{"reason": "x"}', "text/plain", 415),
        (b"", "application/json", 400),
    ],
)
async def test_body_that_is_not_as_expected_is_refused_with_a_problem(
    tmp_path: Path, body: bytes, kind: str, status: int
) -> None:
    async with (
        running(tmp_path) as daemon,
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(daemon.folder / SOCKET))) as client,
    ):
        headers = {"Content-Type": kind}
        async with client.post("http://x/v1/trading/halt", data=body, headers=headers) as answer:
            problem = msgspec.json.decode(await answer.read(), type=Problem)

    assert (answer.status, problem.status) == (status, status)


async def test_unknown_path_and_method_are_problems(tmp_path: Path) -> None:
    write_tokens(tmp_path)
    async with running(tmp_path, TCP) as daemon:
        unknown = await said(daemon, "/v1/nothing", **bearer(READ))
        wrong = await said(daemon, "/v1/kill", **bearer(READ))

    assert (unknown.status, wrong.status) == (404, 405)
    assert unknown.problem is not None
    assert wrong.problem is not None


# --- the file of tokens -----------------------------------------------------------------------


def test_tokens_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = write_tokens(tmp_path, 0o640)

    with pytest.raises(ConfigError, match=r"has mode 0640; expected a file of mode 0600 .*chmod 600"):
        Tokens(path)


@pytest.mark.parametrize(
    "content",
    [
        "tokens: [{name: a, role: read, token: short}]",
        "tokens: [{name: a, role: boss, token: long-canary-0123456789}]",
        "tokens: [{name: a, role: read}]",
        "tokens: [{name: a, role: read, token: long-canary-0123456789, sha256: 00}]",
        "long-canary-0123456789",
        "{",
    ],
)
def test_wrong_tokens_file_is_refused_without_quoting_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens.yaml"
    path.write_text(content, "utf-8")
    path.chmod(0o600)

    with pytest.raises(ConfigError) as refused:
        Tokens(path)

    assert "control.tokens_file" in str(refused.value)
    assert "canary" not in str(refused.value)


async def test_token_that_is_taken_away_is_refused_at_once(tmp_path: Path) -> None:
    path = write_tokens(tmp_path)
    async with running(tmp_path, TCP) as daemon:
        before = await said(daemon, **bearer(READ))
        path.write_text(f"tokens: [{{name: desk, role: trade, token: {TRADE}}}]\n", "utf-8")
        after = await said(daemon, **bearer(READ))
        path.chmod(0o644)
        open_to_others = await said(daemon, **bearer(TRADE))

    assert (before.status, after.status, open_to_others.status) == (200, 401, 503)


@pytest.mark.parametrize("address", ["0.0.0.0:8810", "192.168.1.5:8810", "8810", "127.0.0.1:x", "host:1"])
def test_address_that_others_reach_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"control.tcp: .* is not a loopback address"):
        LoopbackAddress(address)


def test_tcp_without_tokens_is_refused(tmp_path: Path) -> None:
    (tmp_path / "paper.yaml").write_text("mode: paper\ncontrol: {tcp: '127.0.0.1:8810'}\n", "utf-8")

    with pytest.raises(ConfigError, match="tcp and tokens_file together"):
        load_run_config(tmp_path / "paper.yaml")


# --- the client -------------------------------------------------------------------------------


async def test_client_reaches_a_daemon_by_its_url_and_a_token_file(tmp_path: Path) -> None:
    write_tokens(tmp_path)
    token = tmp_path / "token"
    token.write_text(f"{TRADE}\n", "ascii")
    token.chmod(0o600)
    async with running(tmp_path, TCP) as daemon:
        address = address_of(tmp_path, url=url_of(daemon), token_file=token)
        answer = await post(address, "/v1/trading/halt", Command())
        with pytest.raises(CommandRefused, match=r"expected a header Authorization"):
            await get(DaemonAddress(url=url_of(daemon)), "/v1/status")

    assert b'"operator":"desk (token)"' in answer
    assert TRADE not in repr(address)


def test_token_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TRADE, "ascii")
    token.chmod(0o644)

    with pytest.raises(ConfigError, match=r"has mode 0644; expected 0600"):
        address_of(tmp_path, url="http://127.0.0.1:1", token_file=token)


def test_path_that_is_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ("x" * LONGEST_PATH) / SOCKET

    with pytest.raises(ConfigError, match=rf"more than {LONGEST_PATH} bytes; expected a shorter path"):
        ControlServer.check_path(path)


async def test_port_that_is_taken_is_told(tmp_path: Path) -> None:
    write_tokens(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ExceptionGroup) as failed:
            async with running(tmp_path, TCP.replace(":0", f":{port}")):
                pass

    assert failed.group_contains(ConfigError, match="control.tcp")
