"""A whole run over a venue's recorded order book: orders walk it, and wait their turn in it."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from brokers.simulated.config import SimulatedBrokerConfig
from components.assembly.instruments import InstrumentConfig
from components.order_books.order_books import OrderBooks
from eventstore.importing import DataKind, ImportOptions
from kernel.events import AssetClass, BookDelta, BookSnapshot, Event, Liquidity, OrderFilled
from replay.config import ReplayConfig
from strategies.sdk import Decisions, RiskLimits, Side, Strategy, StrategyParams, StrategyState, buy, sell
from tests.replay.playing import derived_of, digest_of, read_events, record_run, store_of_files

RECORDED = ImportOptions(kind=DataKind.DEPTH)
CONFIG = ReplayConfig(
    cash=Decimal(10_000_000),
    risk=RiskLimits(allow_short=True),
    broker=SimulatedBrokerConfig(book="walk", queue="probabilistic"),
    instruments=(
        InstrumentConfig(
            symbol="BTCUSDT",
            asset_class=AssetClass.PERPETUAL,
            tick_size=Decimal("0.1"),
            lot_size=Decimal("0.001"),
        ),
    ),
)
QUANTITY = Decimal(40)


class Plan(StrategyState):
    updates: int = 0


class TakeThenMake(Strategy[StrategyParams, Plan]):
    """Buys a lot at the market once, and offers a little at the best ask."""

    def on_book(self, book: BookSnapshot | BookDelta) -> Decisions:
        self.state.updates += 1
        seen = self.ctx.book(book.symbol)
        assert seen is not None
        if self.state.updates == 1_000:
            return buy(book.symbol, QUANTITY)
        if self.state.updates == 1_001:
            return sell(book.symbol, Decimal("0.05"), limit=seen.best_ask)
        return None


@pytest.fixture
def recorded(shared_data: Path) -> Path:
    return shared_data / "book" / "binance_usdm" / "btcusdt_20240808.gz"


def cost_after(events: Sequence[Event], updates: int) -> float | None:
    """The average price of buying it all from the book as it is after so many updates."""
    books = OrderBooks()
    for event in events:
        if isinstance(event, BookSnapshot):
            books.on_snapshot(event)
        elif isinstance(event, BookDelta):
            books.on_delta(event)
        else:
            continue
        updates -= 1
        if not updates:
            break
    book = books.book("BTCUSDT")
    return None if book is None else book.cost_to_fill(Side.BUY, float(QUANTITY))


async def test_a_market_order_pays_what_the_book_asks_and_a_limit_waits_its_turn(recorded: Path) -> None:
    store = await store_of_files(recorded, options=RECORDED)

    run = await record_run(store, [TakeThenMake()], CONFIG)

    fills = [event for event in await derived_of(store, run) if isinstance(event, OrderFilled)]
    taken = [fill for fill in fills if fill.side is Side.BUY]
    made = [fill for fill in fills if fill.side is Side.SELL]
    assert sum(fill.quantity for fill in taken) == QUANTITY
    assert len({fill.price for fill in taken}) > 10
    assert [fill.price for fill in taken] == sorted(fill.price for fill in taken)
    assert {fill.liquidity for fill in taken} == {Liquidity.TAKER}
    average = float(sum(fill.quantity * fill.price for fill in taken) / QUANTITY)
    assert average == pytest.approx(cost_after(await read_events(store, "btcusdt.depth"), 1_001), rel=1e-12)
    assert sum(fill.quantity for fill in made) == Decimal("0.05")
    assert {fill.liquidity for fill in made} == {Liquidity.MAKER}


async def test_a_second_run_over_the_book_is_the_same_run(recorded: Path) -> None:
    store = await store_of_files(recorded, options=RECORDED)
    config = msgspec.structs.replace(CONFIG, end="2024-08-08T23:55:30")

    first = await record_run(
        store, [TakeThenMake()], msgspec.structs.replace(config, streams=("btcusdt.depth",))
    )
    again = await record_run(
        store, [TakeThenMake()], msgspec.structs.replace(config, streams=("btcusdt.depth",))
    )

    assert await digest_of(store, first) == await digest_of(store, again)
