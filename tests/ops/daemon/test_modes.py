"""One strategy, one configuration, three modes: a backtest, played data, and a live market.

Where the inputs are equal, the decisions are: the quotes that a daemon took from a live market give the same
orders and fills when they are replayed, and when they are played to another daemon.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from brokers.feeds.config import Channel
from brokers.feeds.dialect import QuoteMessage
from eventstore import open_store
from kernel.events import Event, OrderFilled, OrderSubmitted, Quote, RunStarted
from kernel.time_units import SECOND_NS
from ops.daemon.status import DaemonStatus
from ops.exchange.market import SyntheticMarket
from tests.ops.daemon.processes import Daemon, Ended, Forks, exchange
from tests.ops.daemon.worlds import SYMBOLS, write_world

pytestmark = pytest.mark.slow

Trade = tuple[str, str, str, Decimal, Decimal | None]
"""Kind of event, symbol, side, quantity, price."""

PLAYED = (
    "  - {{kind: playback, name: played, store: data.db, streams: [market], speed: {speed}, times: {times}}}"
)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


async def events_of(store: Path, stream: str) -> list[Event]:
    async with await open_store(store, read_only=True) as opened:
        return [event async for batch in opened.read(stream) for event in batch.events]


def trades_of(events: Sequence[Event]) -> list[Trade]:
    """What was ordered, and what was filled."""
    found: list[Trade] = []
    for event in events:
        match event:
            case OrderSubmitted(order=order):
                found.append(("order", order.symbol, order.side.value, order.quantity, order.limit_price))
            case OrderFilled():
                found.append(("fill", event.symbol, event.side.value, event.quantity, event.price))
            case _:
                pass
    return found


def more_inputs_than(count: int) -> Callable[[DaemonStatus], bool]:
    return lambda status: status.inputs > count


async def write_market(folder: Path, quotes: Sequence[Quote]) -> None:
    """The quotes as the stream ``market`` of ``data.db``."""
    async with await open_store(folder / "data.db") as store:
        await store.append("market", quotes, expected_seq=0)


def write_played(folder: Path, *, log: str, times: str, speed: str = "max") -> None:
    """The configuration of the folder, with played data instead of the live market."""
    text = (folder / "paper.yaml").read_text("utf-8")
    before, _, after = text.partition("feeds:\n")
    _, _, rest = after.partition("\n")
    feed = PLAYED.format(speed=speed, times=times)
    (folder / "paper.yaml").write_text(f"log: {log}\n{before}feeds:\n{feed}\n{rest}", "utf-8")


def play(forks: Forks, folder: Path) -> None:
    """Run the daemon to the end of its feed."""
    daemon = Daemon(forks, folder, "--stop-at-end").started()
    assert daemon.ended() == 0, daemon.complaint


def backtest(forks: Forks, folder: Path) -> Ended:
    """Replay the same file over the stream."""
    ended = forks.run(
        folder,
        "--config",
        "paper.yaml",
        "--store",
        "data.db",
        "--stream",
        "market",
        "--no-report",
        program="replay",
    )
    assert ended.code == 0, ended.complaint
    return ended


def a_day_of_quotes() -> list[Quote]:
    """A quote each second from before the open of a trading day in New York to after its close."""
    began, ended = (int(datetime(2024, 6, 3, *at, tzinfo=UTC).timestamp()) for at in ((13, 20), (20, 10)))
    market = SyntheticMarket(SYMBOLS, (Channel.QUOTES,), seed=7)
    return [
        Quote(second * SECOND_NS, made.symbol, made.bid, made.ask, made.bid_size, made.ask_size)
        for second in range(began, ended)
        for made in market.next(1, ts=second * SECOND_NS)
        if isinstance(made, QuoteMessage)
    ]


async def run_in(store: Path) -> list[Event]:
    """The events of the one run in a store."""
    async with await open_store(store, read_only=True) as opened:
        (run,) = await opened.streams(holding=RunStarted)
    return await events_of(store, run.stream)


async def test_live_played_and_replayed_quotes_give_the_same_orders_and_fills(
    forks: Forks, tmp_path: Path
) -> None:
    with exchange(forks, tmp_path, "--symbols", "4", "--rate", "1000", "--seed", "5") as url:
        write_world(tmp_path, url)
        daemon = Daemon(forks, tmp_path).started()
        await daemon.until(lambda status: status.inputs > 1_500)
        assert daemon.stop() == 0, daemon.complaint
    live = await events_of(daemon.store, "paper")
    await write_market(tmp_path, [event for event in live if isinstance(event, Quote)])
    backtest(forks, tmp_path)
    for times in ("shifted", "kept"):
        write_world(tmp_path, url)
        write_played(tmp_path, log=times, times=times)
        play(forks, tmp_path)

    expected = trades_of(live)

    assert {kind for kind, *_ in expected} == {"order", "fill"}
    assert trades_of(await run_in(tmp_path / "data.db")) == expected
    assert trades_of(await events_of(daemon.store, "shifted")) == expected
    kept = await events_of(daemon.store, "kept")
    assert trades_of(kept) == expected
    assert [(one.ts, one.fill_id) for one in kept if isinstance(one, OrderFilled)] == [
        (one.ts, one.fill_id) for one in live if isinstance(one, OrderFilled)
    ]


@pytest.mark.parametrize("times", ["shifted", "kept"])
async def test_playback_goes_on_after_the_last_event_that_is_in_the_log(
    forks: Forks, tmp_path: Path, times: str
) -> None:
    """Killed in the middle, twice: each quote is in the log once, in its place."""
    quotes = [
        msgspec.structs.replace(one, bid_size=float(place))
        for place, one in enumerate(a_day_of_quotes()[:6_000], 1)
    ]
    await write_market(tmp_path, quotes)
    write_world(tmp_path, "ws://unused")
    write_played(tmp_path, log="paper", times=times, speed="100")  # a minute, so that it is killed in time
    for _ in range(2):
        daemon = Daemon(forks, tmp_path, "--stop-at-end").started()
        before = (await daemon.status()).inputs
        await daemon.until(more_inputs_than(before + 100))
        daemon.kill()
    file = tmp_path / "paper.yaml"
    file.write_text(file.read_text("utf-8").replace("speed: 100,", "speed: 1000,"), "utf-8")
    play(forks, tmp_path)

    events = await events_of(tmp_path / "paper.tape", "paper")
    assert [int(one.bid_size) for one in events if isinstance(one, Quote)] == [*range(1, len(quotes) + 1)]


@pytest.mark.slow
async def test_a_day_of_paper_trading_from_before_the_open_to_after_the_close(
    forks: Forks, tmp_path: Path
) -> None:
    await write_market(tmp_path, a_day_of_quotes())
    trader = f'{{strategy: "trade.py:Trader", symbols: [{", ".join(SYMBOLS)}]}}'
    terms = "tick_size: 0.01, lot_size: 1, calendar: XNYS"
    write_world(tmp_path, "ws://unused", strategies=(trader,), terms=terms)
    write_played(tmp_path, log="day", times="kept")
    play(forks, tmp_path)
    backtest(forks, tmp_path)

    events = await events_of(tmp_path / "paper.tape", "day")
    verified, journal, report = (
        forks.run(tmp_path, word, "day", "--store", "paper.tape", "--json", program="replay")
        for word in ("verify", "journal", "report")
    )

    assert verified.code == 0, verified.complaint
    assert len(journal.said.splitlines()) > 100
    assert msgspec.json.decode(report.said)["fills"] == sum(isinstance(one, OrderFilled) for one in events)
    opening, closing = (
        int(datetime(2024, 6, 3, *at, tzinfo=UTC).timestamp()) * SECOND_NS for at in ((13, 30), (20, 0))
    )
    assert all(opening <= one.ts <= closing for one in events if isinstance(one, OrderFilled))
    assert trades_of(events) == trades_of(await run_in(tmp_path / "data.db"))
