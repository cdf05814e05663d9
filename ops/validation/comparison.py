"""Runs a reference in another engine and here, on the same bars, and compares fills and equity."""

from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import as_file

import msgspec

from eventstore import EventStore, MemoryEventStore, Selection
from eventstore.importing import ImportOptions, import_file
from kernel.decimals import exact
from kernel.events import Bar, Event, OrderFilled
from kernel.time_units import SECOND_NS
from ops.validation.engines import ask
from ops.validation.references import CASH, QUANTITY, Reference
from replay.arguments import config_of
from replay.backtesting import from_instance, run_and_record
from replay.equity import daily_closes
from replay.planning import plan_run
from replay.results import read_results
from replay.sample import stocks

Row = tuple[str, float, float, float, float, float]
"""Day, open, high, low, close, volume."""


class Fill(msgspec.Struct, frozen=True, order=True):
    """An execution: day of its bar (UTC), ``buy`` or ``sell``, units, price."""

    day: str
    side: str
    quantity: float
    price: float


class Outcome(msgspec.Struct, frozen=True):
    """The fills of a run in order of time, and the equity at the close of every bar."""

    fills: tuple[Fill, ...]
    equity: tuple[float, ...]
    version: str = ""


class Task(msgspec.Struct, frozen=True):
    """A reference as a script of another engine reads it."""

    rules: str
    params: dict[str, float]
    rows: tuple[Row, ...]
    quantity: int
    cash: int
    commission_rate: float


class Comparison(msgspec.Struct, frozen=True):
    """A reference in both engines.

    - ``different``: fills that only one of them made.
    - ``equity_gap``: the largest difference of equity at any close, in the account's currency.
    """

    reference: Reference
    theirs: Outcome
    ours: Outcome
    different: int
    equity_gap: float

    @property
    def agrees(self) -> bool:
        """Whether all fills are equal, and the equity of every day is equal to a cent for each fill so far.

        Commissions are booked to the cent here, and are not rounded in the other engines.
        """
        return not self.different and self.equity_gap <= max(0.01, 0.005 * len(self.ours.fills))


async def compare(reference: Reference) -> Comparison:
    """Run a reference in both engines; raises ``InputError`` if the other one fails or is not there."""
    store = MemoryEventStore()
    with as_file(stocks()) as path:
        imported = await import_file(store, path, ImportOptions(only=(reference.symbol,)))
    (stream,) = imported.streams
    rows = await _rows(store, stream.stream)
    task = Task(
        reference.rules,
        dict(reference.params),
        rows,
        quantity=QUANTITY,
        cash=CASH,
        commission_rate=float(reference.commission_rate),
    )
    theirs = ask(reference.engine.script, task, answer=Outcome)
    ours = await _ours(store, stream.stream, reference)
    left, right = _merged(theirs.fills), _merged(ours.fills)
    gap = max(abs(one - other) for one, other in zip(theirs.equity, ours.equity, strict=True))
    return Comparison(reference, theirs, ours, len(left.symmetric_difference(right)), gap)


@exact
async def _ours(store: EventStore, stream: str, reference: Reference) -> Outcome:
    config = config_of(
        {
            "streams": [stream],
            "cash": CASH,
            "risk": {"allow_short": True, "require_cash": False},
            "broker": {**reference.engine.broker, "commission_rate": reference.commission_rate},
            "signals": reference.signals,
        }
    )
    plan = await plan_run(store, config, loaded=[from_instance(reference.strategy)])
    run = await run_and_record(store, plan)
    fills = [
        Fill(_day(fill.ts), fill.side.value, float(fill.quantity), float(fill.price))
        async for fill in _events(store, run, OrderFilled)
        if isinstance(fill, OrderFilled)
    ]
    result = await read_results(store, run)
    return Outcome(tuple(fills), tuple(daily_closes(result.equity).equity.tolist()))


async def _rows(store: EventStore, stream: str) -> tuple[Row, ...]:
    return tuple(
        [
            (_day(bar.ts), bar.open, bar.high, bar.low, bar.close, bar.volume)
            async for bar in _events(store, stream, Bar)
            if isinstance(bar, Bar)
        ]
    )


async def _events(store: EventStore, stream: str, kind: type[Event]) -> AsyncGenerator[Event]:
    async for batch in store.read(stream, Selection(types=frozenset({kind}))):
        for event in batch.events:
            yield event


def _merged(fills: Iterable[Fill]) -> set[Fill]:
    """Fills of one day, side and price as one: an engine may close and open with an order each.

    Prices are compared to eight decimals, because backtrader's have noise of float arithmetic.
    """
    sums: dict[tuple[str, str, float], Decimal] = {}
    for fill in fills:
        key = (fill.day, fill.side, round(fill.price, 8))
        sums[key] = sums.get(key, Decimal(0)) + Decimal(repr(fill.quantity))
    return {Fill(day, side, float(units), price) for (day, side, price), units in sums.items()}


def _day(ts: int) -> str:
    return datetime.fromtimestamp(ts // SECOND_NS, UTC).date().isoformat()
