"""A model in another program posts signals to a real daemon; the strategy orders, and a replay agrees."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from eventstore import open_store
from kernel.events import Event, OrderSubmitted, Quote, SignalDirection, SignalPosted
from ops.control.client import post
from ops.control.receipts import Receipt
from ops.control.requests import OutsideSignal, PostSignals
from ops.daemon.status import DaemonStatus
from tests.ops.control.test_signals import FOLLOWER, write_code
from tests.ops.daemon.processes import Daemon, Forks, exchange
from tests.ops.daemon.test_modes import events_of, write_market
from tests.ops.daemon.worlds import write_world

pytestmark = pytest.mark.slow

COUNT = 20
RUN = "run.follower.1"
ISOLATED = FOLLOWER.removesuffix("}") + ", isolation: process}"


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


async def posted(daemon: Daemon, number: int, symbol: str) -> Receipt:
    direction = SignalDirection.SHORT if number % 3 else SignalDirection.LONG
    signal = OutsideSignal(symbol=symbol, direction=direction, fields={"size": 1.0 + number})
    body = PostSignals(source="forest", signals=(signal,), id=f"forest-{number}")
    return msgspec.json.decode(await post(daemon.address, "/v1/signals", body), type=Receipt)


def ordered(events: list[Event]) -> list[tuple[str, str, str]]:
    return [
        (event.order.symbol, event.order.side.value, f"{event.order.quantity:f}")
        for event in events
        if isinstance(event, OrderSubmitted)
    ]


def has_quotes(status: DaemonStatus) -> bool:
    return status.inputs > 100 and all(one.seq > 0 for one in status.workers)


@pytest.mark.parametrize("strategy", [FOLLOWER, ISOLATED], ids=["in the core", "in a process"])
async def test_posted_signals_become_orders_that_a_replay_reproduces(
    forks: Forks, tmp_path: Path, strategy: str
) -> None:
    write_code(tmp_path)
    with exchange(forks, tmp_path, "--symbols", "4", "--rate", "100") as url:
        write_world(tmp_path, url, strategies=(strategy,))
        daemon = Daemon(forks, tmp_path).started()
        await daemon.until(has_quotes)
        for number in range(COUNT):
            await posted(daemon, number, "AAA" if number % 2 else "AAB")
        await posted(daemon, 0, "AAB")
        seq = (await daemon.status()).seq
        await daemon.until(lambda status: all(one.seq >= seq for one in status.workers))
        assert daemon.stop() == 0, daemon.complaint
    live = await events_of(daemon.store, "paper")
    verified = forks.run(tmp_path, "verify", "paper", "--store", "paper.tape", program="replay")
    logged = forks.run(
        tmp_path, "log", "paper", "--store", "paper.tape", "--type", "SignalPosted", "--json", "--limit", "99"
    )

    assert verified.code == 0, verified.complaint
    assert len(logged.said.splitlines()) == COUNT
    assert ordered(live) == [
        ("AAA" if number % 2 else "AAB", "sell" if number % 3 else "buy", f"{1 + number}")
        for number in range(COUNT)
    ]


async def test_recorded_signals_are_played_to_a_backtest(forks: Forks, tmp_path: Path) -> None:
    """The quotes and signals of a live log as two streams: the same strategy makes the same orders."""
    write_code(tmp_path)
    with exchange(forks, tmp_path, "--symbols", "4", "--rate", "100") as url:
        write_world(tmp_path, url, strategies=(FOLLOWER,))
        daemon = Daemon(forks, tmp_path).started()
        await daemon.until(has_quotes)
        taken = [await posted(daemon, number, "AAA" if number % 2 else "AAB") for number in range(COUNT)]
        await daemon.until(lambda status: status.seq > taken[-1].seq + 20)  # a backtest ends with its prices
        assert daemon.stop() == 0, daemon.complaint
    live = await events_of(daemon.store, "paper")
    await write_market(tmp_path, [event for event in live if isinstance(event, Quote)])
    async with await open_store(tmp_path / "data.db") as store:
        signals = [event for event in live if isinstance(event, SignalPosted)]
        await store.append("signals", signals, expected_seq=0)

    ended = forks.run(
        tmp_path,
        *("--config", "paper.yaml", "--store", "data.db", "--stream", "market", "--stream", "signals"),
        "--no-report",
        program="replay",
    )
    verified = forks.run(tmp_path, "verify", RUN, "--store", "data.db", program="replay")

    assert ended.code == 0, ended.complaint
    assert verified.code == 0, verified.complaint
    assert ordered(await events_of(tmp_path / "data.db", RUN)) == ordered(live)
