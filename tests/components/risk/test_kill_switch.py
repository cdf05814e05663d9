"""The kill switch: no order passes the last gate, not even an exit, until it is released by name."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from components.assembly.core import Core
from kernel.events import (
    CancelAllOrders,
    CancelSubmitted,
    EngageKillSwitch,
    Event,
    ExecutionKind,
    ExecutionReport,
    FlattenPositions,
    HaltTrading,
    InstrumentDefined,
    OrderApproved,
    OrderCancelled,
    OrderDenied,
    OrderStatus,
    OrderSubmitted,
    Quote,
    ReduceOnlyTrading,
    ReplaceSubmitted,
    ResumeTrading,
    RiskLimitBreached,
    TradingState,
    TradingStateChanged,
)
from kernel.snapshot import put_back, take
from strategies.sdk import RiskLimits
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind
from tests.components.sample_core import FREE, Step, begin, core_with, hear, of_type, scripted

KILL = EngageKillSwitch(10, "ann", "enough")
RELEASE = ResumeTrading(20, "ann", "calm again", releases_kill_switch=True)


def running(*script: Sequence[Step], limits: RiskLimits = FREE) -> Core:
    core = core_with({"x": scripted(*script)}, limits=limits)
    hear(core, *(InstrumentDefined(0, symbol) for symbol in "AB"))
    begin(core)
    return core


def quotes(core: Core, ts: int) -> Sequence[Event]:
    return hear(core, *(Quote(ts, symbol, 100.0, 100.0, 1.0, 1.0) for symbol in "AB"))


def test_every_working_order_is_cancelled_at_once_and_later_ones_are_denied() -> None:
    core = running([("limit", "A", 5, -5), ("limit", "B", 5, -5)], [("market", "A", 5, 0)])
    hear(core, Quote(1, "A", 100.0, 100.0, 1.0, 1.0))

    killed = hear(core, KILL)
    denied = quotes(core, 11)

    assert killed[0] == TradingStateChanged(10, TradingState.KILLED, "kill switch by ann: enough")
    assert len(of_type(killed, CancelSubmitted)) == len(of_type(killed, OrderCancelled)) == 2
    assert [one.reason for one in of_type(denied, OrderDenied)] == ["trading is killed"]
    assert not of_type(denied, OrderSubmitted)


@pytest.mark.parametrize(
    "command",
    [
        FlattenPositions(12, "ann"),
        FlattenPositions(12, "ann", "A"),
        ResumeTrading(12, "ann"),
        ReduceOnlyTrading(12, "ann"),
        HaltTrading(12, "ann"),
        RiskLimitBreached(12, "drawdown", "1", "2", "flatten"),
        RiskLimitBreached(12, "maintenance_margin", "1", "2", "liquidate"),
    ],
    ids=lambda command: type(command).__name__,
)
def test_no_command_and_no_limit_lets_an_order_pass_it(command: Event) -> None:
    drawdown = ContinuousLimit(kind=LimitKind.DRAWDOWN, limit=Decimal("0.5"), action=BreachAction.FLATTEN)
    core = running([("market", "A", 5, 0)], limits=RiskLimits(require_cash=False, continuous=(drawdown,)))
    quotes(core, 1)
    quotes(core, 2)
    hear(core, KILL)

    events = [*hear(core, command), *quotes(core, 13), *quotes(core, 14)]

    assert core.portfolio.net_position("A") == 5
    assert not of_type(events, OrderSubmitted)
    assert not of_type(events, OrderApproved)
    assert core.risk.state.trading_state is TradingState.KILLED


def test_flattening_under_way_ends_and_does_not_begin_again_after_the_release() -> None:
    core = running([("market", "A", 5, 0)])
    quotes(core, 1)
    quotes(core, 2)
    hear(core, FlattenPositions(3, "ann"))

    hear(core, KILL)
    events = [*quotes(core, 11), *hear(core, RELEASE), *quotes(core, 21)]

    assert core.portfolio.net_position("A") == 5
    assert not of_type(events, OrderSubmitted)


def test_release_leaves_the_latches_that_were_there_before() -> None:
    core = running()
    hear(core, HaltTrading(1, "ann", "lunch"), KILL)

    events = hear(core, RELEASE)

    assert list(events) == [TradingStateChanged(20, TradingState.HALTED, "calm again")]


def test_working_order_that_is_being_replaced_is_cancelled_too() -> None:
    core = running([("limit", "A", 5, -5)], [("replace", "A", 6, 0)])
    hear(core, Quote(1, "A", 100.0, 100.0, 1.0, 1.0))
    (entry,) = core.orders.state.open.values()
    entry.status = OrderStatus.PENDING_REPLACE

    events = hear(core, KILL)

    assert len(of_type(events, CancelSubmitted)) == 1
    assert not of_type(events, ReplaceSubmitted)


def test_order_of_unknown_outcome_is_cancelled_when_the_venue_says_that_it_works() -> None:
    core = running([("limit", "A", 5, -5)])
    hear(core, Quote(1, "A", 100.0, 100.0, 1.0, 1.0))
    (entry,) = core.orders.state.open.values()
    entry.status = OrderStatus.UNKNOWN
    killed = hear(core, KILL)

    key = entry.order.client_order_id
    events = hear(core, ExecutionReport(12, ExecutionKind.ACCEPTED, key, "A"))

    assert not of_type(killed, CancelSubmitted)
    assert [one.client_order_id for one in of_type(events, CancelSubmitted)] == [key]


def test_engaged_again_it_asks_for_the_cancels_again() -> None:
    core = running()

    first, second = hear(core, KILL), hear(core, EngageKillSwitch(11, "ann"))

    assert of_type(first, CancelAllOrders)
    assert list(second) == [CancelAllOrders(11, "risk")]


def test_it_is_in_a_snapshot() -> None:
    core, copy = running([("market", "A", 5, 0)]), running([("market", "A", 5, 0)])
    hear(core, KILL)

    put_back(copy.bus, take(core.bus))
    events = quotes(copy, 11)

    assert of_type(events, OrderDenied)
    assert copy.orders.state.is_killed
