"""The gate before the broker, the kill switch and flattening, through the whole core."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from components.assembly.core import Core
from kernel import snapshot
from kernel.events import (
    CancelAllOrders,
    CancelOrder,
    CancelSubmitted,
    Event,
    FlattenPositions,
    HaltTrading,
    InstrumentDefined,
    OrderCancelled,
    OrderDenied,
    OrderFilled,
    OrderHeld,
    OrderIntent,
    OrderSubmitted,
    Quote,
    ReduceOnlyTrading,
    ResumeTrading,
    Side,
    TradingState,
    TradingStateChanged,
)
from kernel.identifiers import ClientOrderId, StrategyId
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind
from tests.components.sample_core import FREE, Step, begin, broker_of, core_with, hear, of_type, scripted

X, Y = StrategyId("x"), StrategyId("y")


def running(*script: Sequence[Step], other: Sequence[Sequence[Step]] = ()) -> Core:
    """A core whose strategies ``x`` and ``y`` follow these scripts, after its session started."""
    core = core_with({"x": scripted(*script), "y": scripted(*other)})
    hear(core, *(InstrumentDefined(0, symbol) for symbol in "AB"))
    begin(core)
    return core


def quotes(core: Core, ts: int, *, price: float = 100.0, symbols: str = "A") -> Sequence[Event]:
    """What follows from a quote of each symbol."""
    return hear(core, *(Quote(ts, symbol, price - 0.01, price + 0.01) for symbol in symbols))


def test_the_kill_switch_calls_back_every_working_order() -> None:
    core = running([("limit", "A", 5, -5), ("limit", "B", 5, -5)])
    quotes(core, 1)

    events = hear(core, HaltTrading(2, "ann", "enough"))

    assert events[0] == TradingStateChanged(2, TradingState.HALTED, "enough")
    assert events[1] == CancelAllOrders(2, "risk")
    assert len(of_type(events, CancelSubmitted)) == 2
    assert len(of_type(events, OrderCancelled)) == 2
    assert core.risk.state.working.orders == {}


def test_a_halt_without_working_orders_cancels_nothing() -> None:
    core = running()

    events = hear(core, HaltTrading(1, "ann"))

    assert list(events) == [TradingStateChanged(1, TradingState.HALTED)]


@pytest.mark.parametrize("narrowed", [(), (ReduceOnlyTrading(2, "ann"),)], ids=["active", "reduce only"])
def test_an_intent_under_the_id_of_a_working_order_is_denied_and_changes_nothing(
    narrowed: Sequence[Event],
) -> None:
    core = running([("limit", "A", 5, -5)])
    quotes(core, 1)
    (order,) = core.orders.open_orders(X, None)
    hear(core, *narrowed)

    events = hear(core, OrderIntent(3, order))

    assert list(map(type, events)) == [OrderDenied]
    assert core.risk.state.working.orders.keys() == {order.client_order_id}
    hear(core, CancelOrder(4, "ann", order.client_order_id))
    assert core.risk.state.working.orders == {}
    assert core.risk.state.repeated == []


def test_an_intent_under_the_id_of_a_held_order_leaves_that_order_held() -> None:
    core = running([("limit", "A", 5, -5)])
    quotes(core, 1)
    (parent,) = core.orders.open_orders(X, None)
    key = ClientOrderId("child")
    child = msgspec.structs.replace(parent, client_order_id=key, parent_id=parent.client_order_id)
    held = hear(core, OrderIntent(2, child))

    repeated = hear(core, OrderIntent(3, child))

    assert of_type(held, OrderHeld)
    assert list(map(type, repeated)) == [OrderDenied]
    assert core.orders.open_orders(X, None) == (parent, child)


def test_an_order_that_waited_does_not_leave_while_trading_is_halted() -> None:
    core = running([("limit", "A", 5, -5)])
    quotes(core, 1)
    (order,) = core.orders.open_orders(X, None)
    core.risk.state.trading_state = TradingState.HALTED

    refusal = core.risk.refusal(order)

    assert refusal == "trading is halted"


def test_of_orders_that_waited_only_those_that_reduce_leave_in_reduce_only() -> None:
    core = running([("market", "A", 5, 0)], [("limit", "A", -5, 5), ("limit", "A", 1, -5)])
    quotes(core, 1)
    quotes(core, 2)
    sell, buy = core.orders.open_orders(X, None)
    hear(core, ReduceOnlyTrading(3, "ann"))

    refusals = [core.risk.refusal(sell), core.risk.refusal(buy)]

    assert core.portfolio.net_position("A") == 5
    assert refusals == ["", "trading is reduce_only"]


def test_an_exit_in_reduce_only_calls_back_what_would_open_a_position_after_it() -> None:
    """``y`` may sell, for that makes the net position smaller: until the exit of ``x`` has closed it."""
    limit = ContinuousLimit(kind=LimitKind.STOP_LOSS, limit=Decimal("0.02"), action=BreachAction.FLATTEN)
    strategies = {"x": scripted([("market", "A", 5, 0)]), "y": scripted((), (), [("stop", "A", -3, -20)])}
    core = core_with(strategies, limits=msgspec.structs.replace(FREE, continuous=(limit,)))
    hear(core, InstrumentDefined(0, "A"))
    begin(core)
    quotes(core, 1)
    quotes(core, 2)
    hear(core, ReduceOnlyTrading(3, "ann"))
    quotes(core, 4)

    closing = [*quotes(core, 5, price=97.0), *quotes(core, 6, price=97.0), *quotes(core, 7, price=50.0)]

    assert [one.strategy for one in of_type(closing, CancelSubmitted)] == [Y]
    assert [one.strategy for one in of_type(closing, OrderFilled)] == [X]
    assert core.portfolio.net_position("A") == 0


def test_flatten_closes_every_strategys_position_and_calls_back_its_orders() -> None:
    core = running(
        [("market", "A", 5, 0), ("market", "B", -3, 0), ("limit", "A", -5, 8)],
        other=[[("market", "A", 2, 0)]],
    )
    quotes(core, 1, symbols="AB")
    quotes(core, 2, symbols="AB")

    events = hear(core, FlattenPositions(3, "ann"))
    sent = [one.order for one in of_type(events, OrderSubmitted)]
    filled = [*events, *quotes(core, 4, symbols="AB")]

    assert len(of_type(events, OrderCancelled)) == 1
    assert [one.client_order_id for one in sent] == ["1-risk-1", "1-risk-2", "1-risk-3"]
    assert sorted((one.strategy, one.symbol, one.side, one.quantity) for one in sent) == [
        (X, "A", Side.SELL, Decimal(5)),
        (X, "B", Side.BUY, Decimal(3)),
        (Y, "A", Side.SELL, Decimal(2)),
    ]
    assert {one.tag for one in sent} == {"risk: flatten by ann"}
    assert len(of_type(filled, OrderFilled)) == 3
    assert list(core.portfolio.open_symbols()) == []
    assert core.risk.state.flattening == {}


def test_flatten_of_one_symbol_leaves_the_others_alone() -> None:
    core = running([("market", "A", 5, 0), ("market", "B", 3, 0)])
    quotes(core, 1, symbols="AB")
    quotes(core, 2, symbols="AB")

    hear(core, FlattenPositions(3, "ann", "B"))
    quotes(core, 4, symbols="AB")

    assert core.portfolio.net_position("A") == 5
    assert core.portfolio.net_position("B") == 0


def test_an_operators_flatten_leaves_even_while_trading_is_halted() -> None:
    core = running([("market", "A", 5, 0)], [("market", "A", -5, 0)])
    quotes(core, 1)
    quotes(core, 2)
    hear(core, HaltTrading(3, "ann"))

    denied = quotes(core, 4)
    hear(core, FlattenPositions(5, "ann"))
    quotes(core, 6)

    assert core.portfolio.net_position("A") == 0
    assert core.risk.state.trading_state is TradingState.HALTED
    assert not of_type(denied, OrderSubmitted)


def test_a_denied_order_reaches_no_broker() -> None:
    core = running([("market", "A", 5, 0)])
    hear(core, HaltTrading(1, "ann"))

    events = quotes(core, 2)

    assert [one.rule for one in of_type(events, OrderDenied)] == ["trading_state"]
    assert not of_type(events, OrderSubmitted)
    assert broker_of(core).state.order_count == 0


def test_what_an_operator_closed_only_an_operator_opens() -> None:
    core = running()
    hear(core, HaltTrading(1, "ann"), ReduceOnlyTrading(2, "ann"))

    narrowed = core.risk.state.trading_state
    hear(core, ResumeTrading(3, "ann"))

    assert narrowed is TradingState.REDUCE_ONLY
    assert core.risk.state.trading_state is TradingState.ACTIVE
    assert core.risk.state.latches == {}


def test_an_exit_survives_a_snapshot_between_order_and_fill() -> None:
    core, copy = running([("market", "A", 5, 0)]), running([("market", "A", 5, 0)])
    quotes(core, 1)
    quotes(core, 2)
    hear(core, FlattenPositions(3, "ann"))
    snapshot.put_back(copy.bus, snapshot.take(core.bus))

    after = [quotes(one, 4) for one in (core, copy)]

    assert after[0] == after[1]
    assert copy.portfolio.net_position("A") == 0
