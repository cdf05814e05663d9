"""Continuous limits through the whole core: what is found, what is done, what makes them watch again."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from components.assembly.core import Core
from kernel import snapshot
from kernel.events import (
    CalendarDefined,
    CashMoved,
    ComponentFailed,
    Event,
    InstrumentDefined,
    OrderDenied,
    OrderFilled,
    OrderSubmitted,
    Quote,
    ResumeTrading,
    RiskLimitBreached,
    TradingSession,
    TradingState,
    TradingStateChanged,
)
from kernel.time_units import DAY_NS as DAY
from kernel.time_units import SECOND_NS as SECOND
from strategies.sdk import RiskLimits
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind, LimitUnit, LossOrigin, Rearm
from tests.components.sample_core import FREE, Step, begin, core_with, hear, of_type, scripted


def limit(kind: LimitKind, size: str, **terms: Any) -> RiskLimits:  # Any: a term's own type
    """Nothing but this continuous limit."""
    one = ContinuousLimit(kind=kind, limit=Decimal(size), **terms)
    return msgspec.structs.replace(FREE, continuous=(one,))


def holding(limits: RiskLimits, *script: Sequence[Step], cash: int = 10_000) -> Core:
    """A core of which strategy ``x`` bought 100 A at 100 on the first day, all its cash."""
    core = core_with({"x": scripted([("market", "A", 100, 0)], *script)}, limits=limits)
    hear(core, *(InstrumentDefined(0, symbol) for symbol in "AB"))
    begin(core, cash=cash)
    price(core, 100, ts=1)
    price(core, 100, ts=2)
    assert core.portfolio.net_position("A") == 100
    return core


def price(core: Core, at: float, *, ts: int, symbol: str = "A") -> Sequence[Event]:
    """What follows when a symbol is quoted at a price, without a spread."""
    return hear(core, Quote(ts, symbol, at, at))


def breaches(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    """Rule, value and action of the breaches among the events."""
    return [(one.rule, one.value, one.action) for one in of_type(events, RiskLimitBreached)]


# --- losses -----------------------------------------------------------------------------------


def test_a_daily_loss_is_found_at_the_quote_that_makes_it() -> None:
    core = holding(limit(LimitKind.DAILY_LOSS, "0.02"))

    before, at, after = (price(core, at, ts=ts) for ts, at in ((3, 98.01), (4, 98.0), (5, 97.0)))

    assert breaches(before) == []
    assert breaches(at) == [("daily_loss", "0.02", "alert")]
    assert breaches(after) == []


def test_a_daily_loss_counts_from_the_last_days_end() -> None:
    core = holding(limit(LimitKind.DAILY_LOSS, "0.02"))
    price(core, 99.0, ts=3)

    next_day = price(core, 97.5, ts=DAY + 1)
    more = price(core, 97.0, ts=DAY + 2)

    assert breaches(next_day) == []
    assert breaches(more) == [("daily_loss", "0.020202", "alert")]


def test_a_daily_loss_is_re_armed_by_the_next_day_and_its_gate_opens() -> None:
    core = holding(
        limit(LimitKind.DAILY_LOSS, "0.02", action=BreachAction.DENY), [], [], [("market", "A", 1, 0)]
    )
    lost = price(core, 97.0, ts=3)
    denied = price(core, 97.0, ts=4)

    next_day = price(core, 97.0, ts=DAY + 1)

    assert of_type(lost, TradingStateChanged)[0].state is TradingState.REDUCE_ONLY
    assert [one.rule for one in of_type(denied, OrderDenied)] == ["trading_state"]
    assert ("daily_loss", "", "rearmed") in breaches(next_day)
    assert of_type(next_day, TradingStateChanged)[0].state is TradingState.ACTIVE


def test_days_are_those_of_the_instruments_calendar() -> None:
    core = core_with({"x": scripted([("market", "A", 100, 0)])}, limits=limit(LimitKind.DAILY_LOSS, "0.02"))
    days = tuple(TradingSession(day, day * 50, day * 50 + 20) for day in range(1, 5))
    hear(core, CalendarDefined(0, "X", days), InstrumentDefined(0, "A", calendar="X"))
    begin(core, cash=10_000)
    price(core, 100, ts=51)
    price(core, 100, ts=52)

    at_close, after_close = price(core, 98.5, ts=70), price(core, 97.5, ts=101)
    next_day = price(core, 96.5, ts=102)

    assert breaches(at_close) == []
    assert breaches(after_close) == []
    assert breaches(next_day) == [("daily_loss", "0.020305", "alert")]


def test_a_loss_may_be_counted_in_money_and_from_the_peak() -> None:
    terms = {"unit": LimitUnit.MONEY, "origin": LossOrigin.PEAK}
    core = holding(limit(LimitKind.DAILY_LOSS, "500", **terms))

    found = [breaches(price(core, at, ts=ts)) for ts, at in ((3, 103.0), (4, 98.5), (5, 98.0))]

    assert found == [[], [], [("daily_loss", "500", "alert")]]


@pytest.mark.parametrize(("origin", "at"), [(LossOrigin.PEAK, 99.0), (LossOrigin.START, 90.0)])
def test_a_drawdown_is_from_the_peak_or_from_the_start(origin: LossOrigin, at: float) -> None:
    core = holding(limit(LimitKind.DRAWDOWN, "0.1", origin=origin))
    price(core, 110.0, ts=3)

    before, found = price(core, at + 0.5, ts=4), price(core, at, ts=DAY + 5)

    assert breaches(before) == []
    assert breaches(found) == [("drawdown", "0.1", "alert")]


def test_a_deposit_is_no_gain_and_a_withdrawal_no_loss() -> None:
    core = holding(limit(LimitKind.DRAWDOWN, "0.1"), cash=20_000)

    events = hear(core, CashMoved(3, Decimal(-9_000)))

    assert breaches([*events, *price(core, 100.0, ts=4)]) == []
    assert breaches(price(core, 89.0, ts=5)) == [("drawdown", "0.1", "alert")]


def test_a_halt_lasts_until_the_operator_resumes_and_then_counts_anew() -> None:
    core = holding(limit(LimitKind.DRAWDOWN, "0.1", action=BreachAction.HALT), [], [("limit", "A", 1, -50)])
    price(core, 100.0, ts=3)

    halted = price(core, 90.0, ts=4)
    resumed = hear(core, ResumeTrading(5, "ann"))
    on = [breaches(price(core, at, ts=ts)) for ts, at in ((6, 82.0), (7, 81.0))]

    assert of_type(halted, TradingStateChanged)[0].state is TradingState.HALTED
    assert of_type(resumed, TradingStateChanged)[0].state is TradingState.ACTIVE
    assert on == [[], [("drawdown", "0.1", "halt")]]


def test_a_breaker_may_re_arm_after_a_while() -> None:
    terms = {"rearm": Rearm.DELAY, "rearm_after_s": 10, "action": BreachAction.DENY}
    core = holding(limit(LimitKind.DRAWDOWN, "0.1", **terms))
    price(core, 90.0, ts=SECOND)

    before = price(core, 89.0, ts=11 * SECOND)
    after = price(core, 89.0, ts=11 * SECOND + 1)

    assert breaches(before) == []
    assert breaches(after) == [("drawdown", "", "rearmed")]
    assert core.risk.state.trading_state is TradingState.ACTIVE


def test_a_breaker_may_re_arm_when_the_loss_is_made_good() -> None:
    core = holding(limit(LimitKind.DRAWDOWN, "0.1", rearm=Rearm.RECOVERY))
    price(core, 90.0, ts=3)

    found = [breaches(price(core, at, ts=ts)) for ts, at in ((4, 89.0), (5, 95.0), (6, 90.0))]

    assert found == [[], [("drawdown", "0.05", "rearmed")], [("drawdown", "0.1", "alert")]]


def test_flattening_an_account_closes_it_and_its_gate() -> None:
    core = holding(limit(LimitKind.DAILY_LOSS, "0.02", action=BreachAction.FLATTEN))

    events = [*price(core, 98.0, ts=3), *price(core, 98.0, ts=4)]

    assert [one.order.client_order_id for one in of_type(events, OrderSubmitted)] == ["1-risk-1"]
    assert core.portfolio.net_position("A") == 0
    assert core.risk.state.trading_state is TradingState.REDUCE_ONLY


def test_reducing_closes_the_fraction_asked_for_once() -> None:
    terms = {"action": BreachAction.REDUCE, "reduce_by": Decimal("0.25")}
    core = holding(limit(LimitKind.DAILY_LOSS, "0.02", **terms))

    for ts in range(3, 8):
        price(core, 98.0, ts=ts)

    assert core.portfolio.net_position("A") == 75
    assert core.risk.state.trading_state is TradingState.ACTIVE


@pytest.mark.parametrize(("rule", "size"), [("max_daily_loss", "200"), ("max_drawdown", "0.02")])
def test_the_loss_rules_deny_what_does_not_reduce(rule: str, size: str) -> None:
    limits = msgspec.structs.replace(FREE, **{rule: Decimal(size)})
    core = holding(limits, [], [], [("market", "A", 1, 0), ("market", "A", -1, 0)])

    price(core, 98.01, ts=3)
    events = price(core, 98.0, ts=4)

    assert [(one.rule, one.order.quantity) for one in of_type(events, OrderDenied)] == [(rule, Decimal(1))]
    assert len(of_type(events, OrderSubmitted)) == 1


# --- positions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "at", "value"), [(LimitKind.STOP_LOSS, 95.0, "0.05"), (LimitKind.TAKE_PROFIT, 105.0, "0.05")]
)
def test_a_position_is_closed_by_a_fraction_of_what_it_cost(kind: LimitKind, at: float, value: str) -> None:
    core = holding(limit(kind, "0.05", action=BreachAction.FLATTEN))

    events = [*price(core, at, ts=3), *price(core, at, ts=4)]

    (breach,) = [one for one in of_type(events, RiskLimitBreached) if one.action == "flatten"]
    assert (breach.rule, breach.value, breach.symbol, breach.strategy) == (kind.value, value, "A", "x")
    assert len(of_type(events, OrderFilled)) == 1
    assert core.portfolio.net_position("A") == 0
    assert core.risk.state.trading_state is TradingState.ACTIVE


def test_a_stop_watches_the_next_position_again() -> None:
    core = holding(
        limit(LimitKind.STOP_LOSS, "0.05", action=BreachAction.FLATTEN), [], [], [], [("market", "A", 9, 0)]
    )
    for ts in (3, 4, 5, 6):
        price(core, 95.0, ts=ts)
    held = core.portfolio.net_position("A")

    price(core, 90.0, ts=7)
    price(core, 90.0, ts=8)

    assert held == 9
    assert core.portfolio.net_position("A") == 0


def test_symbols_that_a_limit_does_not_name_are_left_alone() -> None:
    core = holding(limit(LimitKind.STOP_LOSS, "0.05", symbols=("B",)))

    assert breaches(price(core, 50.0, ts=3)) == []


# --- volatility -------------------------------------------------------------------------------


def test_volatility_above_the_target_reduces_until_it_is_below() -> None:
    terms = {"window": 2, "action": BreachAction.REDUCE, "symbols": ("A",)}
    core = holding(limit(LimitKind.VOLATILITY, "0.5", **terms))

    found = [
        breaches(price(core, at, ts=day * DAY - 1) if day < 7 else price(core, at, ts=day * DAY + 1))
        for day, at in enumerate((100.0, 110.0, 100.0, 100.0, 100.0, 100.0, 100.0), start=1)
    ]
    flat = [one for each in found for one in each]

    assert [action for _, _, action in flat] == ["reduce", "rearmed"]
    assert core.portfolio.net_position("A") == 50


# --- silence ----------------------------------------------------------------------------------


def test_silence_of_a_held_symbol_is_found_after_the_seconds_allowed() -> None:
    core = holding(limit(LimitKind.STALE_DATA, "5", action=BreachAction.HALT))
    price(core, 100.0, ts=3 * SECOND)

    fresh = price(core, 50.0, ts=8 * SECOND, symbol="B")
    stale = price(core, 50.0, ts=8 * SECOND + 1, symbol="B")
    back = price(core, 100.0, ts=9 * SECOND)

    assert breaches(fresh) == []
    assert breaches(stale) == [("stale_data", "5", "halt")]
    assert breaches(back) == [("stale_data", "", "rearmed")]
    assert core.risk.state.trading_state is TradingState.ACTIVE


def test_a_closed_market_is_not_silent() -> None:
    core = core_with({"x": scripted([("market", "A", 100, 0)])}, limits=limit(LimitKind.STALE_DATA, "5"))
    days = tuple(TradingSession(day, day * DAY, day * DAY + 60 * SECOND) for day in range(3))
    hear(core, CalendarDefined(0, "X", days), InstrumentDefined(0, "A", calendar="X"))
    begin(core)
    price(core, 100, ts=SECOND)
    price(core, 100, ts=58 * SECOND)

    overnight = price(core, 50.0, ts=DAY + 5 * SECOND, symbol="B")
    next_day = price(core, 50.0, ts=DAY + 5 * SECOND + 1, symbol="B")

    assert breaches(overnight) == []
    assert breaches(next_day) == [("stale_data", "5", "alert")]


def test_nothing_is_silent_where_nothing_is_held() -> None:
    core = core_with({}, limits=limit(LimitKind.STALE_DATA, "5"))
    begin(core)
    price(core, 100.0, ts=1)

    assert breaches(price(core, 100.0, ts=100 * SECOND)) == []


# --- what it costs, and what it remembers -----------------------------------------------------


def test_without_a_limit_to_watch_there_is_no_monitor() -> None:
    assert "risk_monitor" not in core_with({}).bus.components
    assert "risk_monitor" in core_with({}, limits=limit(LimitKind.DRAWDOWN, "0.1")).bus.components


def test_only_symbols_that_are_held_are_heard() -> None:
    core = holding(limit(LimitKind.STOP_LOSS, "0.05", action=BreachAction.FLATTEN))

    held = core.bus.watched("risk_monitor")
    price(core, 90.0, ts=3)
    price(core, 90.0, ts=4)

    assert held == {"A"}
    assert core.bus.watched("risk_monitor") == frozenset()


def test_a_breach_survives_a_snapshot() -> None:
    limits = limit(LimitKind.DRAWDOWN, "0.1", action=BreachAction.DENY)
    core, copy = holding(limits), holding(limits)
    price(core, 90.0, ts=3)
    snapshot.put_back(copy.bus, snapshot.take(core.bus))

    after = [[*price(one, 80.0, ts=4), *hear(one, ResumeTrading(5, "ann"))] for one in (core, copy)]

    assert after[0] == after[1]
    assert copy.risk.state.trading_state is TradingState.ACTIVE


def test_the_quote_that_closes_a_position_is_no_longer_asked_about_it() -> None:
    """The venue hears a quote first; what it fills may leave nothing to watch before the monitor hears it."""
    core = holding(limit(LimitKind.STOP_LOSS, "0.05"), [("market", "A", -100, 0)])

    closing = price(core, 99.0, ts=3)

    assert core.portfolio.net_position("A") == 0
    assert of_type(closing, ComponentFailed) == []
