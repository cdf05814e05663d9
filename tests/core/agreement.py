"""What venue, orders, risk, emulation, allocator and portfolio must agree on; where they do not, in words.

Between two inputs, always (``disagreements``):

- The venue's count of every strategy's position is the portfolio's.
- An order that was sent is at the venue or on its way there, under the same symbol; what rests there has the
  same leaves quantity and price. Nothing rests there that is not an open order. Risk counts the same leaves.
- An emulated order is held under the symbol that it has.
- The allocator's working orders are open orders in the plan's symbol; its exits close no more than is held,
  at the prices of the plan; targets are whole lots.
- No order is open in an instrument that has expired, but for one of which the end is asked for.
- The margin that is watched is the account's, and an account that is short of it is called.

Over a corporate action (``broken_by``), with a reckoning of its own of what the ratio leaves:

- Positions and the leaves of each order are what the ratio leaves of them, in lots of the successor.
- An order that would have closed a position, or a part of it, closes no more than what is held now.
- A target that was reached is reached.
- Orders and plans in what has ended are gone, or their end is asked for.
- A spin-off gives whole lots of the new share, and leaves the old one as it is.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from math import isclose, trunc

import msgspec

from components.allocation.allocator import ALLOCATOR
from components.allocation.plan import Plan, Role
from components.assembly.core import Core
from components.emulation.emulator import Emulator
from components.execution.work import Stage
from components.orders.state import OrderEntry
from components.portfolio.hedged_portfolio import HedgedPortfolio
from components.risk_monitor.margin_watch import MarginWatch
from kernel.events import (
    CorporateAction,
    CorporateActionKind,
    Event,
    HoldReason,
    Order,
    OrderReplaced,
    OrderStatus,
    OrderSubmitted,
    Side,
    SignalsAggregated,
)
from kernel.identifiers import ClientOrderId, StrategyId
from tests.components.sample_core import broker_of

ZERO = Decimal(0)
CHANGE, SPLIT, MERGER = (
    CorporateActionKind.SYMBOL_CHANGE,
    CorporateActionKind.SPLIT,
    CorporateActionKind.MERGER,
)
TOLERANCE = Fraction(1, 10_000)
"""Of a lot: as far as a ratio may be off because it was rounded."""

SHORT = " short"
"""Marks a strategy's short legs in the keys of hedging mode."""

Positions = dict[tuple[str, str], Decimal]
"""By strategy and symbol."""


class Known(msgspec.Struct, frozen=True):
    """What there was before an input."""

    positions: Positions
    leaves: dict[ClientOrderId, tuple[StrategyId, str, Side, Decimal]]
    """Strategy of the position that it would close, symbol, side and leaves quantity of every open order."""
    targets: dict[str, Decimal]
    """Of plans that are at rest: without an order that brings them to their target."""
    pursued: frozenset[str]
    """The symbols of all other plans."""
    entering: frozenset[str]
    """Those of which an order is under way to the target."""
    levels: dict[str, tuple[str, float]]
    """Symbol and level of every stop that follows the market, here or at the venue."""


def known(core: Core) -> Known:
    """The present state of a core, as far as actions change it."""
    leaves = {
        key: (closed_by(core, entry.order), entry.order.symbol, entry.order.side, entry.leaves_quantity)
        for key, entry in core.orders.state.open.items()
    }
    targets = targets_at_rest(core)
    plans = {} if core.allocation is None else core.allocation.state.plans
    pursued = frozenset(plans) - frozenset(targets)
    entering = frozenset(symbol for symbol, plan in plans.items() if _is_entering(plan))
    return Known(positions_of(core), leaves, targets, pursued, entering, _levels(core))


def _levels(core: Core) -> dict[str, tuple[str, float]]:
    levels = {
        one.order.client_order_id: (symbol, one.stop)
        for symbol, orders in broker_of(core).state.resting.items()
        for one in orders
        if one.is_trailing
    }
    emulation = core.bus.components.get("emulation")
    if isinstance(emulation, Emulator):
        for symbol, items in emulation.state.orders.items():
            for key, item in items.items():
                if item.condition is not None and item.condition.trails:
                    levels[key] = (symbol, item.condition.level)
    return {str(key): level for key, level in levels.items()}


def positions_of(core: Core) -> Positions:
    """What is held, as the portfolio has it."""
    state = core.portfolio.state
    return {
        (f"{strategy}{mark}", symbol): position.quantity
        for by_strategy, mark in ((state.positions, ""), (state.shorts.positions, SHORT))
        for strategy, positions in by_strategy.items()
        for symbol, position in positions.items()
        if position.quantity
    }


def closed_by(core: Core, order: Order) -> StrategyId:
    """The first part of the key in ``positions_of`` of the position that an order would close."""
    if not isinstance(core.portfolio, HedgedPortfolio):
        return order.strategy
    if not order.reduce_only:
        return StrategyId(f"{order.strategy} opens")
    return StrategyId(f"{order.strategy}{SHORT}") if order.side is Side.BUY else order.strategy


def targets_at_rest(core: Core) -> dict[str, Decimal]:
    """The targets of plans whose position is what it is to be."""
    if core.allocation is None:
        return {}
    positions = positions_of(core)
    return {
        symbol: plan.target
        for symbol, plan in core.allocation.state.plans.items()
        if plan.target == positions.get((ALLOCATOR, symbol), ZERO) and not _is_entering(plan)
    }


def _is_entering(plan: Plan) -> bool:
    return any(working.role is Role.ENTRY for working in plan.working.values())


# --- between two inputs -------------------------------------------------------------------------


def disagreements(core: Core) -> Iterator[str]:
    """Everything that two parts of a core say differently."""
    yield from _counts(core)
    yield from _orders(core)
    yield from _plans(core)
    yield from _margin(core)


def _margin(core: Core) -> Iterator[str]:
    """While prices are followed, what is known of the margin is the account's, and a shortage is called.

    Dividends that are owed, short options, and terms that a symbol change gave to others who held the symbol
    are looked at with the next fill or mark. Of two prices of one nanosecond the watch has the later one, and
    the account the one of the quote.
    """
    watch, account, market = core.bus.components.get(MarginWatch.name), core.portfolio, core.market
    if not isinstance(watch, MarginWatch) or not watch.state.watched or account.net_position("O") < 0:
        return
    marks = watch.state.marks
    for symbol in account.state.net:
        if symbol not in marks:
            yield f"{symbol} is held and not watched"
    for symbol, mark in marks.items():
        if mark.price != market.last_price(symbol) or mark.rate != float(account.maintenance_rate(symbol)):
            return
        if account.strategies.currency_of(symbol) != market.instrument(symbol).currency:
            return
    state, assets = (
        watch.state,
        account.cash + sum((account.worth_of(one)[0] for one in account.open_symbols()), ZERO),
    )
    for name, known, right in (
        ("equity", state.cash + state.worth, assets),
        ("initial margin", state.initial, account.initial_margin),
        ("maintenance margin", state.required, account.maintenance_margin),
    ):
        if not isclose(known, float(right), rel_tol=1e-9, abs_tol=1e-4):
            yield f"{name} {known} is watched, {right} is the account's"
    known_free = watch.free_margin()
    if known_free is not None and Decimal(repr(known_free)) > assets - account.initial_margin:
        yield f"a free margin of {known_free} is known, of {assets} less {account.initial_margin}"
    is_short = assets < account.maintenance_margin and bool(account.state.holders)
    if is_short and not (state.is_called or core.risk.is_closing() or account.equity > assets):
        yield f"equity {account.equity} is below {account.maintenance_margin} without a call"


def _counts(core: Core) -> Iterator[str]:
    venue = broker_of(core).state
    counted = {
        (f"{strategy}{mark}", symbol): quantity
        for count, mark in ((venue.positions, ""), (venue.shorts, SHORT))
        for symbol, by_strategy in count.items()
        for strategy, quantity in by_strategy.items()
        if quantity
    }
    held = positions_of(core)
    for key in {*counted, *held}:
        if counted.get(key) != held.get(key):
            yield f"position {key}: {counted.get(key)} at the venue, {held.get(key)} in the portfolio"


def _orders(core: Core) -> Iterator[str]:
    venue = broker_of(core).state
    resting = {
        one.order.client_order_id: (symbol, one) for symbol, orders in venue.resting.items() for one in orders
    }
    flying = {
        request.event.order.client_order_id: request.event.order
        for request in venue.requests.in_flight
        if isinstance(request.event, OrderSubmitted)
    }
    for key in resting:
        if key not in core.orders.state.open:
            yield f"order {key} rests at the venue and is not open"
    for key, entry in core.orders.state.open.items():
        order, where = entry.order, f"order {key} in {entry.order.symbol}"
        if entry.leaves_quantity <= 0:
            yield f"{where} is open with {entry.leaves_quantity} left"
        working = core.risk.state.working.orders.get(key)
        if working is None or (working.leaves_quantity, working.order.symbol) != (
            entry.leaves_quantity,
            order.symbol,
        ):
            yield f"{where}: {entry.leaves_quantity} left, risk counts {working}"
        if _is_over(core, entry):
            yield f"{where} is {entry.status.value} though the instrument has expired"
        if entry.status is OrderStatus.PENDING:
            yield from _held(core, entry)
        elif key in resting:
            symbol, one = resting[key]
            at_venue = (symbol, one.order.symbol, one.leaves, one.order.limit_price)
            if at_venue != (order.symbol, order.symbol, entry.leaves_quantity, order.limit_price):
                yield f"{where}: {entry.leaves_quantity} at {order.limit_price}, at the venue {at_venue}"
        elif key not in flying:
            yield f"{where} is {entry.status.value} and the venue knows nothing of it"
        elif (flying[key].symbol, flying[key].limit_price) != (order.symbol, order.limit_price):
            yield f"{where} is on its way as {flying[key]}"


def _is_over(core: Core, entry: OrderEntry) -> bool:
    expiry_ts = core.market.instrument(entry.order.symbol).expiry_ts
    is_ending = entry.status in (OrderStatus.PENDING_CANCEL, OrderStatus.SUBMITTED)
    return 0 < expiry_ts < core.bus.now - 1 and not is_ending


def _held(core: Core, entry: OrderEntry) -> Iterator[str]:
    emulation = core.bus.components.get("emulation")
    if entry.held is HoldReason.EMULATED and isinstance(emulation, Emulator):
        key, symbol = entry.order.client_order_id, entry.order.symbol
        item = emulation.state.orders.get(symbol, {}).get(key)
        if item is None or (item.order.symbol, item.order.quantity) != (symbol, entry.order.quantity):
            yield f"order {key} in {symbol} is held as {item}"


def _plans(core: Core) -> Iterator[str]:
    if core.allocation is None:
        return
    for symbol, plan in core.allocation.state.plans.items():
        lot_size = core.market.instrument(symbol).lot_size
        if plan.target % lot_size and plan.target != core.portfolio.strategy_position(ALLOCATOR, symbol):
            yield f"the target of {symbol}, {plan.target}, is not in lots of {lot_size}"
        for price in (plan.stop_loss, plan.take_profit):
            if price is not None and price <= 0:
                yield f"an exit of {symbol} is at {price}"
        held = core.portfolio.strategy_position(ALLOCATOR, symbol)
        for key, working in plan.working.items():
            entry = core.orders.state.open.get(key)
            if entry is not None and entry.status is OrderStatus.PENDING_CANCEL:
                continue
            if entry is not None and working.role is not Role.ENTRY and not working.is_cancelling:
                yield from _exit(key, entry, plan, held=held)
            work = core.execution.state.works.get(key)
            if work is not None and work.stage is Stage.STOPPING:
                continue  # its parts are called back; it ends under its old symbol
            found = core.execution.symbol_of(key) if entry is None else entry.order.symbol
            if found != symbol and not working.is_cancelling:
                yield f"{working.role.value} order {key} of the plan for {symbol} is in {found or 'nothing'}"


def _exit(key: str, entry: OrderEntry, plan: Plan, *, held: Decimal) -> Iterator[str]:
    """A working exit closes no more than is held, at the price that the plan says."""
    order = entry.order
    closes = entry.leaves_quantity * (1 if order.side is Side.SELL else -1)
    if closes * held <= 0 or abs(closes) > abs(held):
        yield f"exit {key} in {order.symbol} closes {closes} of {held}"
    prices = (None, *plan.exits_for[1:])
    if (order.stop_price or order.limit_price) not in prices:
        yield f"exit {key} in {order.symbol} is at {order.stop_price or order.limit_price}, not at {prices}"


# --- over a corporate action --------------------------------------------------------------------


def broken_by(action: CorporateAction, before: Known, core: Core, derived: Sequence[Event]) -> Iterator[str]:
    """What an action did that it should not have done; ``derived`` is what followed from it."""
    if action.kind is CorporateActionKind.SPIN_OFF:
        yield from _wrongly_given(action, before, core)
        return
    replaced = {event.order.client_order_id for event in derived if isinstance(event, OrderReplaced)}
    after, new = known(core), _successor(action)
    lot_size = core.market.instrument(new).lot_size if new else Decimal(1)
    old = action.symbol
    for (strategy, symbol), quantity in before.positions.items():
        if symbol != old:
            continue
        left = _left(quantity, action.ratio, lot_size) if new else ZERO
        other = before.positions.get((strategy, new), ZERO) if new != old else ZERO
        found = after.positions.get((strategy, new), ZERO)
        if new and found != left + other:
            yield f"{quantity} of {strategy} are {found} and not {left + other}"
        if new != old and after.positions.get((strategy, old)):
            yield f"{strategy} still holds {after.positions[strategy, old]} of {old}"
    for key, (strategy, symbol, side, leaves) in before.leaves.items():
        if symbol == old and key not in replaced:
            yield from _broken_order(action, before, core, key, strategy=strategy, side=side, leaves=leaves)
    for symbol, target in before.targets.items():
        is_added_to = new != old and (ALLOCATOR, new) in before.positions and new not in before.targets
        is_joined = new in before.pursued or is_added_to
        if symbol == old and action.kind in (SPLIT, CHANGE) and not is_joined:
            held = after.positions.get((ALLOCATOR, new), ZERO)
            plan = core.allocation.state.plans.get(new) if core.allocation else None
            if plan is None or plan.target != held:
                yield f"a target of {target} is {plan and plan.target}, and {held} are held"
    signalled = {event.symbol for event in derived if isinstance(event, SignalsAggregated)}
    if old not in signalled:
        yield from _broken_plan(before, core, old=old, new=new)
    for name, (symbol, level) in before.levels.items():
        ratio = float(action.ratio) if symbol == old else 1.0
        now = after.levels.get(name)
        if name not in replaced and now is not None and not isclose(now[1], level / ratio):
            yield f"the level of {name} in {symbol} is {now[1]} after {level}"


def _wrongly_given(action: CorporateAction, before: Known, core: Core) -> Iterator[str]:
    """A spin-off gives new shares in whole lots, and changes no position or order in the old ones."""
    after, old, new = known(core), action.symbol, action.new_symbol
    lot_size = core.market.instrument(new).lot_size
    for (strategy, symbol), quantity in before.positions.items():
        if symbol != old:
            continue
        lots = abs(Fraction(quantity) * Fraction(action.ratio) / Fraction(lot_size))
        given = (trunc(lots + TOLERANCE) * lot_size).copy_sign(quantity)
        expected = before.positions.get((strategy, new), ZERO) + given
        if after.positions.get((strategy, old)) != quantity:
            yield f"{quantity} of {strategy} became {after.positions.get((strategy, old))} of {old}"
        if after.positions.get((strategy, new), ZERO) != expected:
            yield f"{strategy} has {after.positions.get((strategy, new))} of {new} and not {expected}"
    for key, order in before.leaves.items():
        if order[1] == old and after.leaves.get(key, order) != order:  # its strategy may have ended it
            yield f"order {key} became {after.leaves.get(key)}"


def _broken_plan(before: Known, core: Core, *, old: str, new: str) -> Iterator[str]:
    """Where an order that was to bring a plan to its target ended, the plan leaves it at what is held."""
    plans = {} if core.allocation is None else core.allocation.state.plans
    if new != old and old in plans:
        yield f"there still is a plan for {old}"
    plan = plans.get(new)
    if (
        plan is None
        or old not in before.entering
        or (new != old and new in {*before.pursued, *before.targets})
    ):
        return
    held = core.portfolio.strategy_position(ALLOCATOR, new)
    if not _is_entering(plan) and abs(plan.target - held) >= core.market.instrument(new).lot_size:
        yield f"the plan for {new} wants {plan.target}, holds {held}, and nothing is under way"


def _broken_order(
    action: CorporateAction,
    before: Known,
    core: Core,
    key: ClientOrderId,
    *,
    strategy: StrategyId,
    side: Side,
    leaves: Decimal,
) -> Iterator[str]:
    old, new = action.symbol, _successor(action)
    entry = next((one for name, one in core.orders.state.open.items() if name == key), None)
    if entry is None:
        return
    is_ending = entry.status is OrderStatus.PENDING_CANCEL
    left = _left(leaves, action.ratio, core.market.instrument(new).lot_size)
    if (
        not left
        and is_ending
        and not any(
            one.order.client_order_id == key
            for orders in broker_of(core).state.resting.values()
            for one in orders
        )
    ):
        return  # on its way, and rejected when it arrives
    if action.kind not in (SPLIT, CHANGE):
        if not is_ending:
            yield f"order {key} is {entry.status.value} after a {action.kind.value}"
        return
    if entry.order.symbol != new:
        yield f"order {key} is in {entry.order.symbol}"
    if entry.leaves_quantity != left:
        yield f"order {key} for {leaves} leaves {entry.leaves_quantity} and not {left}"
    held = before.positions.get((strategy, old), ZERO)
    was_exit = held * (1 if side is Side.SELL else -1) >= leaves
    is_added_to = new != old and (strategy, new) in before.positions
    now = positions_of(core).get((strategy, new), ZERO) * (1 if side is Side.SELL else -1)
    if was_exit and not is_added_to and now < entry.leaves_quantity:
        yield f"order {key} closes {entry.leaves_quantity} of {now}"


def _successor(action: CorporateAction) -> str:
    if action.kind is MERGER:
        return action.new_symbol if action.ratio > 0 else ""
    if action.kind is CHANGE:
        return action.new_symbol
    return "" if action.kind is CorporateActionKind.DELISTING else action.symbol


def _left(quantity: Decimal, ratio: Decimal, lot_size: Decimal) -> Decimal:
    """What a ratio leaves, reckoned in fractions: whole lots, also where a rounded ratio just misses one."""
    if ratio == 1:
        return quantity
    lots = abs(Fraction(quantity) * Fraction(ratio) / Fraction(lot_size))
    whole = trunc(lots + TOLERANCE) * lot_size
    return whole if quantity > 0 else -whole
