"""Outside models post signals: who may, for whom, and what is refused."""

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from kernel.events import ControlRequested, OrderIntent, OrderSubmitted, SignalDirection, SignalPosted
from kernel.secret import Secret
from ops.control.client import CommandRefused, DaemonAddress, post
from ops.control.requests import OutsideSignal, PostSignals
from replay.audit import audit
from replay.verification import verify_run
from tests.ops.control.running import LOG, Running, running
from tests.ops.control.test_access import READ, TCP, write_tokens
from tests.ops.daemon.statuses import asked

FOLLOWER = '{strategy: "follow.py:Follower", symbols: [AAA, AAB]}'
HOLDER = '{strategy: "trade.py:Holder", symbols: [AAC]}'
CODE = '''
from strategies.sdk import Decisions, Metadata, SignalPosted, Strategy, StrategyParams, StrategyState
from strategies.sdk import buy, sell


class Follower(Strategy[StrategyParams, StrategyState]):
    """Buys or sells what a model says."""

    metadata = Metadata(name="follower")

    def on_signal(self, signal: SignalPosted) -> Decisions:
        order = sell if signal.direction == "short" else buy
        return order(signal.symbol, int(signal.get("size", 1.0)), tag=signal.source)
'''
LONG = OutsideSignal(symbol="AAA", direction=SignalDirection.LONG, fields={"size": 3.0})


def posted(*signals: OutsideSignal, key: str = "") -> PostSignals:
    return PostSignals(source="forest", signals=signals, id=key)


def write_code(folder: Path) -> None:
    (folder / "follow.py").write_text(CODE, "utf-8")


async def refusal_of(daemon: Running, signal: OutsideSignal) -> str:
    with pytest.raises(CommandRefused) as refused:
        await daemon.do("/signals", posted(signal))
    return str(refused.value)


async def test_signal_is_in_the_log_with_who_before_it_is_answered_and_orders_follow(tmp_path: Path) -> None:
    write_code(tmp_path)
    async with running(tmp_path, strategies=(FOLLOWER,)) as daemon:
        await daemon.quote()
        receipt = await daemon.do("/signals", posted(LONG))
        (signal,) = await daemon.logged(SignalPosted)
        (order,) = await daemon.logged(OrderSubmitted)
        await verify_run(daemon.store, LOG)  # raises what differs

    assert (signal.operator, signal.source, signal.get("size")) == (receipt.operator, "forest", 3.0)
    assert (order.order.symbol, order.order.quantity, order.order.tag) == ("AAA", Decimal(3), "forest")


async def test_repeated_request_posts_its_signals_once(tmp_path: Path) -> None:
    write_code(tmp_path)
    async with running(tmp_path, strategies=(FOLLOWER,)) as daemon:
        await daemon.quote()
        first = await daemon.do("/signals", posted(LONG, key="k1"))
        second = await daemon.do("/signals", posted(LONG, key="k1"))
        signals = await daemon.logged(SignalPosted)

    assert (first.seq, second.is_repeated, len(signals)) == (second.seq, True, 1)


async def test_signal_that_nobody_would_get_is_refused_with_the_reason_and_nothing_is_recorded(
    tmp_path: Path,
) -> None:
    write_code(tmp_path)
    changes: tuple[dict[str, object], ...] = (
        {"strategy": "nobody"},
        {"strategy": "holder"},
        {"symbol": "AAC"},
        {"symbol": "NOPE"},
        {"expire_s": 5.0},
        {"direction": None, "fields": {}},
    )
    async with running(tmp_path, strategies=(FOLLOWER, HOLDER)) as daemon:
        said = [await refusal_of(daemon, msgspec.structs.replace(LONG, **one)) for one in changes]
        recorded = await daemon.logged(SignalPosted, ControlRequested)

    assert said == [
        "there is no strategy 'nobody'; there are: follower, holder",
        "strategy 'holder' takes no signals: its code has no on_signal",
        "no strategy takes signals about 'AAC'; there are: AAA, AAB",
        "no strategy takes signals about 'NOPE'; there are: AAA, AAB",
        "the signal about 'AAA' has expired",
        "a signal needs a value, a direction or fields",
    ]
    assert recorded == []


async def test_one_wrong_signal_refuses_all_of_its_request(tmp_path: Path) -> None:
    write_code(tmp_path)
    async with running(tmp_path, strategies=(FOLLOWER,)) as daemon:
        with pytest.raises(CommandRefused, match="NOPE"):
            await daemon.do("/signals", posted(LONG, msgspec.structs.replace(LONG, symbol="NOPE")))
        recorded = await daemon.logged(SignalPosted)

    assert recorded == []


async def test_role_read_may_not_post(tmp_path: Path) -> None:
    write_tokens(tmp_path)
    write_code(tmp_path)
    async with running(tmp_path, TCP, strategies=(FOLLOWER,)) as daemon:
        url = f"http://127.0.0.1:{daemon.control.server.port}"
        with pytest.raises(CommandRefused, match="trade"):
            await post(DaemonAddress(url=url, token=Secret(READ)), "/v1/signals", posted(LONG))


async def test_command_posts_a_signal_with_fields(tmp_path: Path) -> None:
    write_code(tmp_path)
    async with running(tmp_path, strategies=(FOLLOWER,)) as daemon:
        await daemon.quote("AAB")
        done = await asked(
            *("signal", daemon.folder, "--source", "forest", "--symbol", "AAB", "--direction", "short"),
            *("--valid", "60", "--field", "size=2", "--field", "why=trend"),
        )
        empty = await asked("signal", daemon.folder, "--source", "forest", "--symbol", "AAB")
        (signal,) = await daemon.logged(SignalPosted)
        (order,) = await daemon.logged(OrderSubmitted)

    assert done.exit_code == 0, done.output
    assert (signal.get("size"), signal.get("why")) == (2.0, "trend")
    assert signal.ts < signal.expire_ts
    assert (order.order.side.value, order.order.quantity) == ("sell", Decimal(2))
    assert empty.exit_code == 2


async def test_audit_leaves_signals_out(tmp_path: Path) -> None:
    write_code(tmp_path)
    async with running(tmp_path, strategies=(FOLLOWER,)) as daemon:
        await daemon.do("/signals", posted(LONG))
        lines = [line async for line in audit(daemon.store, LOG)]

    assert lines
    assert not [line for line in lines if line.event in ("SignalPosted", "ControlRequested")]


async def test_many_models_at_once_lose_nothing(tmp_path: Path) -> None:
    write_code(tmp_path)
    async with running(tmp_path, strategies=(FOLLOWER,)) as daemon:
        await daemon.quote()
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(
                    daemon.do("/signals", posted(*(LONG,) * 25, key=f"model-{number}")), name=f"{number}"
                )
        signals = await daemon.logged(SignalPosted)
        orders = await daemon.logged(OrderIntent)

    assert (len(signals), len(orders)) == (500, 500)
