"""Runs written by hand, so that what must be read from them is known beforehand."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from eventstore import EventStore
from kernel.events import (
    AccountMarked,
    Bar,
    CashMoved,
    ConfigLoaded,
    Event,
    FillCorrected,
    InstrumentDefined,
    OrderFilled,
    RunFinished,
    RunStarted,
    SessionStarted,
    Side,
    StrategyLoaded,
    StreamRange,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from kernel.time_units import DAY_NS, HOUR_NS

RUN = "run.by_hand.1"
DATA = "abc.1d"
MONDAY = 19_723 * DAY_NS
"""2024-01-01."""
STRATEGY = StrategyId("by_hand")
ZERO = Decimal(0)


def day(number: int, hour: float = 0.0) -> int:
    """ns UTC of a moment in the days from Monday 2024-01-01, which is day 0."""
    return MONDAY + number * DAY_NS + int(hour * HOUR_NS)


def bar(number: int, close: float, *, symbol: str = "ABC") -> Bar:
    """A daily bar that ends with its day."""
    return Bar(day(number + 1) - 1, symbol, "1d", close, close, close, close, 1000.0, day(number))


def fill(
    ts: int,
    side: Side,
    quantity: str,
    price: str,
    *,
    commission: str = "0",
    symbol: str = "ABC",
    strategy: StrategyId = STRATEGY,
    executed_ts: int = 0,
    fill_id: str = "",
) -> OrderFilled:
    """A fill of an order of its own."""
    name = fill_id or f"f{ts}{side.value}{quantity}"
    return OrderFilled(
        ts,
        ClientOrderId(f"o-{name}"),
        strategy,
        symbol,
        side,
        Decimal(quantity),
        Decimal(price),
        Decimal(commission),
        ZERO,
        FillId(name),
        executed_ts,
    )


def correction(ts: int, old: OrderFilled, *, quantity: str, price: str) -> FillCorrected:
    """The venue changes a fill; quantity 0 undoes it."""
    return FillCorrected(
        ts,
        old.client_order_id,
        old.strategy,
        old.symbol,
        old.side,
        old.fill_id,
        old.quantity,
        old.price,
        Decimal(quantity),
        Decimal(price),
    )


def mark(
    ts: int, equity: str, *, exposure: str = "0", commissions: str = "0", cash: str | None = None
) -> AccountMarked:
    """The account at one moment."""
    total, exposed = Decimal(equity), Decimal(exposure)
    held = total - exposed if cash is None else Decimal(cash)
    return AccountMarked(ts, held, total, ZERO, ZERO, Decimal(commissions), exposed)


async def record_run(
    store: EventStore,
    derived: Iterable[Event],
    *,
    data: Mapping[str, Sequence[Event]],
    cash: str = "10000",
    strategies: Sequence[str] = (STRATEGY,),
    params: str = '{"fast":2}',
    instruments: Iterable[InstrumentDefined] = (),
    start_ts: int | None = None,
    is_finished: bool = True,
) -> str:
    """Append the data streams and a run over them that derived these events; returns its stream.

    The run starts with its data unless ``start_ts`` is given.
    """
    sources: list[StreamRange] = []
    for stream, events in data.items():
        head = await store.append(stream, events, expected_seq=0)
        sources.append(StreamRange(stream, 1, head.seq, head.block_hash.hex()))
    symbols = sorted({str(getattr(event, "symbol", "")) for events in data.values() for event in events})
    ts = min(events[0].ts for events in data.values()) if start_ts is None else start_ts
    told: list[Event] = [
        RunStarted(ts, tuple(sources), tuple(symbols), 0, 0),
        ConfigLoaded(ts, "hash", '{"cash":"10000"}'),
        *(
            StrategyLoaded(ts, StrategyId(name), "strategies.by_hand:ByHand", "hash", "source", params, "1.0")
            for name in strategies
        ),
        *instruments,
        CashMoved(ts, Decimal(cash)),
        SessionStarted(ts, 1, "backtest", "0", "3.11"),
    ]
    made = list(derived)
    inputs = len(told) + sum(source.last_seq for source in sources)
    events = [*told, *made]
    causes = [*(-ordinal for ordinal in range(1, len(told) + 1)), *([inputs] * len(made))]
    if is_finished:
        end_ts = made[-1].ts if made else ts
        events.append(RunFinished(end_ts, inputs, len(made), "d1935e57"))
        causes.append(-(inputs + 1))
    await store.append(RUN, events, expected_seq=0, causes=causes)
    return RUN
