"""What the last gate promises: limits hold at every moment, and what is refused stays here."""

from bisect import bisect_left
from decimal import Decimal

from kernel.events import (
    HeldOrderTriggered,
    Order,
    OrderApproved,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderOrigin,
    OrderRejected,
    OrderSubmitted,
    PositionChanged,
    PositionSide,
    ReplaceApproved,
    ReplaceSubmitted,
    Side,
    TradingState,
    TradingStateChanged,
)
from kernel.time_units import SECOND_NS
from tests.core.tape import Tape

ZERO = Decimal(0)


def is_exit(order: Order) -> bool:
    """Whether risk itself made the order, to close a position."""
    return order.origin is OrderOrigin.RISK


def test_a_denied_order_is_never_submitted_nor_filled(tape: Tape) -> None:
    denied: set[str] = set()
    for event in tape.derived():
        if isinstance(event, OrderDenied):
            denied.add(event.order.client_order_id)
        elif isinstance(event, OrderSubmitted):
            assert event.order.client_order_id not in denied, event
        elif isinstance(event, OrderFilled):
            assert event.client_order_id not in denied, event


def test_nothing_is_submitted_that_was_not_approved(tape: Tape) -> None:
    approved: set[str] = set()
    for event in tape.derived():
        if isinstance(event, OrderApproved | ReplaceApproved):
            approved.add(event.order.client_order_id)
        elif isinstance(event, OrderSubmitted | ReplaceSubmitted | HeldOrderTriggered):
            assert event.order.client_order_id in approved, event


def test_nothing_but_an_operators_exit_is_submitted_while_trading_is_halted(tape: Tape) -> None:
    state = TradingState.ACTIVE
    for event in tape.derived():
        if isinstance(event, TradingStateChanged):
            state = event.state
        elif isinstance(event, OrderSubmitted) and state is TradingState.HALTED:
            assert is_exit(event.order), event
            assert "flatten by" in event.order.tag, event


def test_an_order_that_is_sent_under_reduce_only_makes_no_position_grow(tape: Tape) -> None:
    state, held = TradingState.ACTIVE, dict[tuple[str, str, PositionSide | None], Decimal]()
    reducing: set[str] = set()
    for event in tape.derived():
        if isinstance(event, TradingStateChanged):
            state = event.state
        elif isinstance(event, OrderSubmitted) and state is TradingState.REDUCE_ONLY:
            if not is_exit(event.order):  # exits close what each strategy holds, not the net
                reducing.add(event.order.client_order_id)
        elif isinstance(event, PositionChanged) and not event.fill_id:
            held[event.strategy, event.symbol, event.position_side] = event.quantity
        elif isinstance(event, OrderFilled):
            own = (event.strategy, event.symbol, event.position_side)
            before = sum((held[key] for key in held if key[1:] == own[1:]), ZERO)
            signed = event.quantity if event.side is Side.BUY else -event.quantity
            held[own] = held.get(own, ZERO) + signed
            if event.client_order_id in reducing and state is TradingState.REDUCE_ONLY:
                assert abs(before + signed) < abs(before), event
                assert before * signed < 0, event


def test_orders_and_positions_stay_within_their_limits(tape: Tape) -> None:
    """In hedging mode each leg stays within the limits."""
    limits, exits = tape.world.limits, set[str]()
    net: dict[tuple[str, PositionSide | None], Decimal] = {}
    if tape.world.has_actions:
        return  # a split makes positions larger than any limit
    for event in tape.derived():
        if isinstance(event, OrderApproved) and is_exit(event.order):
            exits.add(event.order.client_order_id)
        elif isinstance(event, OrderApproved | ReplaceApproved):
            most = limits.max_order_quantity
            assert most is None or event.order.quantity <= most, event
        elif isinstance(event, OrderFilled):
            key = (event.symbol, event.position_side)
            before = net.get(key, ZERO)
            signed = event.quantity if event.side is Side.BUY else -event.quantity
            after = net[key] = before + signed
            most = limits.max_position_quantity
            if event.client_order_id in exits:
                continue  # exits close what each strategy holds, one after the other
            assert most is None or abs(after) <= max(most, abs(before)), event
            if not limits.allow_short:
                assert after >= min(ZERO, before), event


def test_orders_are_not_more_than_allowed(tape: Tape) -> None:
    """Open ones, and those of any second and minute; what risk sends itself is not counted."""
    limits = tape.world.limits
    working: dict[str, str] = {}
    times: list[int] = []
    for event in tape.derived():
        match event:
            case OrderApproved() | ReplaceApproved() if not is_exit(event.order):
                times.append(event.ts)
                if isinstance(event, OrderApproved):
                    working[event.order.client_order_id] = event.order.symbol
                most, per_symbol = limits.max_open_orders, limits.max_open_orders_per_symbol
                assert most is None or len(working) <= most, event
                count = list(working.values()).count(event.order.symbol)
                assert per_symbol is None or tape.world.has_actions or count <= per_symbol, event
            case OrderCancelled() | OrderExpired() | OrderRejected():
                working.pop(event.client_order_id, None)
            case OrderFilled() if not event.leaves_quantity:
                working.pop(event.client_order_id, None)
            case OrderDenied():
                working.pop(event.order.client_order_id, None)
            case _:
                pass
    for most, span in (
        (limits.max_orders_per_second, SECOND_NS),
        (limits.max_orders_per_minute, 60 * SECOND_NS),
    ):
        for place, ts in enumerate(times):
            since = bisect_left(times, ts - span + 1)
            assert most is None or place + 1 - since <= most, ts


def test_a_still_market_takes_no_more_cash_than_there_is(tape: Tape) -> None:
    """With prices that never move and nothing to pay, a buy that was let through is paid for."""
    if not tape.world.is_still or tape.world.has_actions:
        return
    assert tape.world.limits.require_cash
    core = tape.core
    assert core.portfolio.cash >= 0
    assert all(core.portfolio.net_position(symbol) >= 0 for symbol in core.portfolio.open_symbols())
