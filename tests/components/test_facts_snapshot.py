"""Calendars, halts and corporate actions are state: a core put back between any two inputs goes on alike."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from components.assembly.core import Core
from kernel import snapshot
from kernel.events import (
    Bar,
    CalendarDefined,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    Event,
    InstrumentDefined,
    SessionStarted,
    SignalRaised,
    TradingSession,
    TradingStatus,
    TradingStatusChanged,
)
from kernel.time_units import HOUR_NS
from strategies.sdk import (
    Adjustment,
    Decisions,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
)
from tests.components.sample_core import core_with, hear, of_type


class Onlooker(Strategy[StrategyParams, StrategyState]):
    """Says at each bar what it sees of the past: a signal's reason."""

    def bars_needed(self) -> int:
        return 4

    def on_bar(self, bar: Bar) -> Decisions:
        seen = self.ctx.history(bar.symbol, 4, adjustment=Adjustment.TOTAL)
        told = f"{[one.close for one in seen]} {[self.ctx.last_price(symbol) for symbol in self.ctx.symbols]}"
        return Signal(bar.symbol, SignalDirection.FLAT, 0.0, told)


def opening() -> list[Event]:
    sessions = tuple(
        TradingSession(20240101 + day, 24 * day * HOUR_NS, (24 * day + 8) * HOUR_NS) for day in range(5)
    )
    return [
        CalendarDefined(0, "X", sessions),
        *(InstrumentDefined(0, symbol, calendar="X") for symbol in ("A", "B")),
        CashMoved(0, Decimal(1_000_000)),
        SessionStarted(0, 1, "backtest", "", ""),
    ]


def event_of(kind: int, symbol: str, ts: int) -> Event:
    """A bar, an action or a change of status, by number."""
    price = 100.0 + ts % 7
    match kind:
        case 0 | 1 | 2:
            return Bar(ts, symbol, "1h", price, price, price, price, 10.0, ts - HOUR_NS)
        case 3:
            return CorporateAction(ts, symbol, CorporateActionKind.SPLIT, Decimal(2))
        case 4:
            return CorporateAction(ts, symbol, CorporateActionKind.DIVIDEND, amount=Decimal(1))
        case 5:
            other = "B" if symbol == "A" else "A"
            return CorporateAction(ts, symbol, CorporateActionKind.SYMBOL_CHANGE, new_symbol=other)
        case _:
            status = TradingStatus.HALTED if ts % 2 else TradingStatus.OPEN
            return TradingStatusChanged(ts, symbol, status)


def seen_of(core: Core, events: list[Event]) -> list[SignalRaised]:
    return of_type(hear(core, *events), SignalRaised)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["A", "B"])), min_size=2, max_size=25),
    st.integers(0, 25),
)
def test_a_core_put_back_after_facts_goes_on_alike(steps: list[tuple[int, str]], cut: int) -> None:
    events = [
        event_of(kind, symbol, (place + 1) * HOUR_NS + place) for place, (kind, symbol) in enumerate(steps)
    ]
    straight, first, second = (core_with({"s": Onlooker()}) for _ in range(3))

    seen_of(straight, opening())
    expected = seen_of(straight, events)
    seen_of(first, opening())
    found = seen_of(first, events[:cut])
    snapshot.put_back(second.bus, snapshot.take(first.bus))
    found += seen_of(second, events[cut:])

    assert found == expected
    assert snapshot.take(second.bus) == snapshot.take(straight.bus)
