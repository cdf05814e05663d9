"""What the control API shows: figures, metrics, the stream of state; and that no secret is in it."""

import asyncio
import math
import shutil
from asyncio.subprocess import PIPE
from pathlib import Path

import aiohttp
import msgspec
import pytest
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families

from kernel.events import TradingState
from ops.alerts.channel import ChannelStatus
from ops.alerts.status import AlertsStatus
from ops.control.client import get, post
from ops.control.log_views import Fills
from ops.control.requests import Command, Flatten
from ops.control.socket_file import SOCKET
from ops.control.stream import Frame
from ops.control.views import Health, LimitsView, StrategyView
from ops.daemon.status import DaemonStatus, HeldPosition, OpenOrder
from tests.ops.alerts.worlds import entry
from tests.ops.control.running import Running, running
from tests.ops.control.test_access import ADMIN, READ, TCP, TRADE, write_tokens
from tests.ops.daemon.statuses import STATUS, changed_status

BUSY = '{strategy: "trade.py:Busy", symbols: [AAA, AAB], params: {every: 2}, limits: {max_open_orders: 50}}'
LIMITS = "{allow_short: true, require_cash: false, max_order_quantity: 500}"


async def metrics_of(daemon: Running) -> dict[tuple[str, tuple[str, ...]], float]:
    """Samples by name and values of their labels."""
    text = (await get(daemon.address, "/v1/metrics")).decode()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# --- questions --------------------------------------------------------------------------------


async def test_positions_orders_and_fills_are_those_of_the_core(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        for number in range(5):
            await daemon.quote(price=100.0 + number)
        positions = await daemon.show("/positions", tuple[HeldPosition, ...])
        orders = await daemon.show("/orders", tuple[OpenOrder, ...])
        fills = await daemon.show("/fills", Fills)
        last = await daemon.show("/fills?limit=1&symbol=AAA", Fills)
        other = await daemon.show("/fills?symbol=AAB", Fills)

    net = sum(int(one.quantity) * (1 if one.side == "buy" else -1) for one in fills.fills)
    assert [(one.symbol, int(one.quantity)) for one in positions] == ([("AAA", net)] if net else [])
    assert {one.side for one in orders} == {"buy"}
    assert [one.seq for one in fills.fills] == sorted(one.seq for one in fills.fills)
    assert last.fills == fills.fills[-1:]
    assert other.fills == ()


async def test_strategies_have_state_parameters_code_and_pnl(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        for number in range(5):
            await daemon.quote(price=100.0 + number)
        (one,) = await daemon.show("/strategies", tuple[StrategyView, ...])

    assert (one.strategy, one.state, one.symbols) == ("busy", "running", ("AAA", "AAB"))
    assert one.params["every"] == 2
    assert len(one.source_hash) == 64
    assert one.pnl is not None


async def test_limits_are_those_of_the_account_and_of_strategies(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,), risk=LIMITS) as daemon:
        view = await daemon.show("/limits", LimitsView)

    assert view.trading_state is TradingState.ACTIVE
    assert view.account.max_order_quantity == 500
    assert view.strategies["busy"].max_open_orders == 50
    assert view.latches == ()


async def test_daemon_that_is_not_ready_answers_503_and_lives(tmp_path: Path) -> None:
    async with (
        running(tmp_path, status=lambda: changed_status(is_ready=False)) as daemon,
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(daemon.folder / SOCKET))) as client,
    ):
        answers: list[tuple[int, Health]] = []
        for name in ("live", "ready"):
            async with client.get(f"http://x/v1/health/{name}") as answer:
                answers.append((answer.status, msgspec.json.decode(await answer.read(), type=Health)))

    assert answers == [(200, Health(live=True, ready=False)), (503, Health(live=True, ready=False))]


async def test_document_is_valid_and_has_every_path(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        document = msgspec.json.decode(await get(daemon.address, "/openapi.json"))

    validate(document)
    assert {"/v1/status", "/v1/kill", "/v1/limits", "/v1/stream"} <= set(document["paths"])
    assert set(document["paths"]["/v1/limits"]) == {"get", "post"}


# --- metrics ----------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
async def test_prometheus_itself_finds_no_fault_in_the_metrics(tmp_path: Path) -> None:
    async with running(tmp_path, status=lambda: STATUS) as daemon:
        text = await get(daemon.address, "/v1/metrics")

    check = await asyncio.create_subprocess_exec("promtool", "check", "metrics", stdin=PIPE, stderr=PIPE)
    _, complaint = await check.communicate(text)
    assert (check.returncode, complaint) == (0, b"")


async def test_metrics_are_read_by_the_parser_of_prometheus(tmp_path: Path) -> None:
    async with running(tmp_path, status=lambda: STATUS) as daemon:
        await daemon.do("/trading/halt", Command())
        text = (await get(daemon.address, "/v1/metrics")).decode()
        found = await metrics_of(daemon)

    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type in ("gauge", "counter", "summary") for family in families)
    assert text.count("# TYPE") == len({line for line in text.splitlines() if line.startswith("# TYPE")})
    assert found["onetape_equity", ()] == 99_886.5
    assert found["onetape_position", ("AAA",)] == 97
    assert found["onetape_strategy_pnl", ("ping",)] == -113.5
    assert found["onetape_trading_state", ("active",)] == 1
    assert found["onetape_trading_state", ("killed",)] == 0
    assert found["onetape_control_requests_total", ("/v1/trading/halt", "200")] == 1
    assert math.isclose(found["onetape_commit_seconds", ("0.99",)], 0.0019)


async def test_open_alerts_and_channels_are_metrics(tmp_path: Path) -> None:
    channel = ChannelStatus(name="desk", waiting=2, delivered=7, given_up=1, dropped=0, error="")
    alerts = AlertsStatus(open=(entry("1-1"), entry("1-2"), entry("1-3", "disk")), channels=(channel,))
    async with running(tmp_path, status=lambda: changed_status(alerts=alerts)) as daemon:
        found = await metrics_of(daemon)

    assert found["onetape_alerts_open", ("r", "warning")] == 2
    assert found["onetape_alerts_open", ("disk", "warning")] == 1
    assert found["onetape_alert_messages_waiting", ("desk",)] == 2
    assert found["onetape_alert_messages_delivered_total", ("desk",)] == 7


async def test_label_of_a_strange_name_is_escaped(tmp_path: Path) -> None:
    strange = 'a"b\\c\nd'
    async with running(tmp_path, status=lambda: changed_status(failing={strange: "quarantined"})) as daemon:
        found = await metrics_of(daemon)

    assert found["onetape_component_failing", (strange,)] == 2


async def test_no_metric_is_labelled_by_order(tmp_path: Path) -> None:
    async with running(tmp_path, status=lambda: STATUS) as daemon:
        text = (await get(daemon.address, "/v1/metrics")).decode()

    assert STATUS.orders[0].client_order_id not in text


# --- the stream -------------------------------------------------------------------------------


async def test_stream_tells_the_whole_status_first_and_then_changes_and_events(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as daemon,
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(daemon.folder / SOCKET))) as client,
        client.ws_connect("http://x/v1/stream") as stream,
    ):
        first = msgspec.json.decode(await stream.receive_bytes(), type=Frame)
        await daemon.do("/trading/halt", Command(reason="lunch"))
        later = [msgspec.json.decode(await stream.receive_bytes(), type=Frame)]
        while not any(frame.events for frame in later):
            later.append(msgspec.json.decode(await stream.receive_bytes(), type=Frame))

    names = {field.name for field in msgspec.structs.fields(DaemonStatus)}
    assert set(first.status) == names
    assert "positions" not in later[-1].status
    changes = {name: value for frame in later for name, value in frame.status.items()}
    assert changes["trading_state"] == "halted"
    types = [event["type"] for frame in later for event in frame.events]
    assert types == ["TradingStateChanged", "ControlRequested"]


async def test_stream_goes_on_after_a_seq(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        receipt = await daemon.do("/trading/halt", Command(reason="lunch"))
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(daemon.folder / SOCKET))) as client,
            client.ws_connect(f"http://x/v1/stream?after={receipt.seq - 1}") as stream,
        ):
            first = msgspec.json.decode(await stream.receive_bytes(), type=Frame)

    assert [event["seq"] for event in first.events] == [receipt.seq]
    assert first.left_out == 0


async def test_client_that_does_not_read_holds_up_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        reader, writer = await asyncio.open_unix_connection(str(daemon.folder / SOCKET))
        writer.write(
            b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await reader.readline()
        for _ in range(50):
            await daemon.quote()
        receipt = await daemon.do("/trading/halt", Command())
        writer.close()

    assert receipt.seq > 50


async def test_clients_hear_that_the_daemon_goes(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        client = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(daemon.folder / SOCKET)))
        stream = await client.ws_connect("http://x/v1/stream")
        await stream.receive_bytes()
        daemon.stop.ask("the test ends it")
        while not stream.closed:
            message = await stream.receive()
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                break
        await client.close()

    assert stream.close_code == aiohttp.WSCloseCode.GOING_AWAY


# --- no secret --------------------------------------------------------------------------------


async def test_no_answer_event_file_or_log_line_shows_a_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tokens(tmp_path)
    shown: list[bytes] = []
    async with running(tmp_path, TCP) as daemon:
        for path in ("status", "metrics", "positions", "orders", "fills", "strategies", "limits", "config"):
            shown.append(await get(daemon.address, f"/v1/{path}"))
        shown.append(await get(daemon.address, "/openapi.json"))
        shown.append(await post(daemon.address, "/v1/flatten", Flatten(reason="away")))
        async with aiohttp.ClientSession() as client:
            url = f"http://127.0.0.1:{daemon.control.server.port}/v1"
            for token in (READ, TRADE, ADMIN, f"{ADMIN}-wrong"):
                headers = {"Authorization": f"Bearer {token}"}
                for path, method in (("/config", "GET"), ("/shutdown", "POST"), ("/nothing", "GET")):
                    async with client.request(method, url + path, headers=headers, json={}) as answer:
                        shown += [await answer.read(), repr(answer.headers).encode()]
    files = [one for one in daemon.folder.rglob("*") if one.is_file() and b"canary-0123" in one.read_bytes()]
    written = capsys.readouterr()

    assert b"canary-0123" not in b"".join(shown)
    assert "canary-0123" not in written.out + written.err
    assert files == []
