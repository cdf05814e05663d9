"""Turns a strategy's decisions into events.

What it remembers: the order counter of the host's state, from which order ids are made.

What changes it: each decision becomes intents, signals or timers, with the time, an order id, and quantities
and prices on lot and tick. An invalid decision becomes a ``DecisionRefused`` with the reason.

What never happens: a refused decision uses an order id, or raises an error in the core.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeGuard

from components.strategy_host.hedged_plans import HedgedOrderPlans, LegsView
from components.strategy_host.order_costs import OrderCosts
from components.strategy_host.order_plans import HeldView, OrderPlans
from components.strategy_host.plain_values import (
    REASON_LIMIT,
    choice,
    exact_number,
    nanoseconds,
    order_price,
    text,
)
from components.strategy_host.session_timers import SessionTimers
from components.strategy_host.sizes import ACCOUNT, AccountView, Sizes
from components.strategy_host.state import HostState
from components.strategy_host.words import Words
from components.strategy_host.worked_orders import WorkedOrders
from kernel.cost_view import CostView
from kernel.events import (
    CancelExecutionIntent,
    CancelIntent,
    DecisionRefused,
    Event,
    InstrumentDefined,
    Quote,
    ReplaceIntent,
    SignalDirection,
    SignalRaised,
    TimerCancelled,
    TimerScheduled,
    VenueFeature,
)
from kernel.identifiers import ClientOrderId, StrategyId, TimerName
from kernel.loggable import loggable, message_of
from kernel.time_units import MS_NS
from strategies.sdk import (
    Cancel,
    CancelExecution,
    CancelTimer,
    Execute,
    OneCancelsOther,
    OneTriggersOther,
    PlaceOrder,
    Replace,
    SetSessionTimer,
    SetTimer,
    Signal,
    Target,
)
from strategies.sdk.decisions import Decision

MAX_DECISIONS = 1_000
"""The most decisions of one hook call; further ones are refused."""

MIN_TIMER_PERIOD_NS = MS_NS
"""The shortest period of a timer. A shorter one was probably meant in seconds or milliseconds."""


def has_all(feature: VenueFeature) -> bool:  # noqa: ARG001  # the signature of a question to a venue
    """The answer for a venue without a declaration: it has every feature."""
    return True


def _no_quote(symbol: str) -> Quote | None:  # noqa: ARG001  # the signature of a question to the market
    """The answer where no quotes are known."""
    return None


class Translator:
    """Turns the decisions of one strategy into events. ``slug`` is its part of client order ids."""

    def __init__(
        self,
        strategy: StrategyId,
        *,
        slug: str,
        state: HostState,
        instrument: Callable[[str], InstrumentDefined],
        symbol_of: Callable[[ClientOrderId], str],
        account: AccountView,
        last_price: Callable[[str], float | None],
        session_timers: SessionTimers,
        words: Words,
        held: HeldView,
        basis: str = ACCOUNT,
        last_quote: Callable[[str], Quote | None] = _no_quote,
        costs: CostView | None = None,
        has: Callable[[VenueFeature], bool] = has_all,
        records_cuts: bool = False,
        exits_reduce: bool = True,
        legs: LegsView | None = None,
    ) -> None:
        """``legs``: the legs of strategies in hedging mode; ``None`` in netting mode."""
        self._strategy = strategy
        self._owner = host_name(strategy)
        self._state = state
        self._instrument = instrument
        self._symbol_of = symbol_of
        order_costs = None
        if costs is not None:
            order_costs = OrderCosts(strategy, costs, rate=account.rate, last_quote=last_quote)
        self._sizes = sizes = Sizes(
            strategy,
            account=account,
            last_price=last_price,
            basis=basis,
            costs=order_costs,
            records_cuts=records_cuts,
        )
        if legs is None:
            self._plans = OrderPlans(
                strategy,
                slug=slug,
                state=state,
                instrument=instrument,
                sizes=sizes,
                held=held,
                has=has,
                exits_reduce=exits_reduce,
            )
        else:
            self._plans = HedgedOrderPlans(
                strategy,
                legs,
                slug=slug,
                state=state,
                instrument=instrument,
                sizes=sizes,
                held=held,
                has=has,
            )
        self._worked = WorkedOrders(self._plans, instrument, records_cuts=records_cuts)
        self._session_timers = session_timers
        self._words = words
        self._has = has

    def __call__(self, event: Event, returned: object) -> Sequence[Event]:
        """Events for a hook's decisions and logged words. A generator is run to its end."""
        words = self._words
        if isinstance(returned, PlaceOrder) or not _is_several(returned):
            said = words.take() if words.said else ()
            return (
                (*said, *self._translate(event.ts, returned)) if said else self._translate(event.ts, returned)
            )
        decisions: Iterator[object] = islice(iter(returned), MAX_DECISIONS + 1)
        events: list[Event] = []
        for number, decision in enumerate(decisions):
            if words.said:
                events += words.take()
            made = self._translate(event.ts, decision)
            if number == MAX_DECISIONS:
                made = (self._refuse(event.ts, "", f"more than {MAX_DECISIONS} decisions from one call"),)
            events += made
        events += words.take()
        return events

    def _translate(self, ts: int, decision: object) -> Sequence[Event]:
        """The events of one decision. A refused one uses no order id."""
        order_count = self._state.order_count
        try:
            if isinstance(decision, PlaceOrder):
                if decision.display_quantity is not None and not self._has(VenueFeature.ICEBERG):
                    return self._worked.shown_in_parts(ts, decision)
                return self._plans.placed(ts, decision)
            return self._checked(ts, decision)
        except (ValueError, ArithmeticError) as error:
            self._state.order_count = order_count
            return (self._refuse(ts, _symbol_in(decision), message_of(error)),)

    def _checked(self, ts: int, decision: object) -> Sequence[Event]:
        """The events of one decision; raises ``ValueError`` if it is not valid, whatever its type."""
        match decision:
            case Cancel(client_order_id=key):
                key = ClientOrderId(text(key, "client_order_id"))
                return (CancelIntent(ts, key, self._strategy, self._symbol_of(key)),)
            case Replace():
                return (self._replace(ts, decision),)
            case Target():
                return self._plans.targeted(ts, decision)
            case OneCancelsOther():
                return self._plans.cancelling(ts, decision)
            case OneTriggersOther():
                return self._plans.triggering(ts, decision)
            case Execute():
                return self._worked.requested(ts, decision)
            case CancelExecution(client_order_id=key):
                key = ClientOrderId(text(key, "client_order_id"))
                return (CancelExecutionIntent(ts, key, self._strategy, self._symbol_of(key)),)
            case Signal():
                return (self._signal(ts, decision),)
            case SetTimer(name=name, due_ts=due_ts, every_ns=every_ns):
                name, every_ns = TimerName(text(name, "timer name")), nanoseconds(every_ns, "every_ns")
                if 0 < every_ns < MIN_TIMER_PERIOD_NS:
                    raise ValueError(f"timer {name!r}: every_ns {every_ns} is below {MIN_TIMER_PERIOD_NS}")
                due_ts = nanoseconds(due_ts, "due_ts")
                self._session_timers.forget(name)
                return (TimerScheduled(ts, self._owner, name, due_ts, every_ns),)
            case SetSessionTimer():
                return self._session_timers.set(ts, decision)
            case CancelTimer(name=name):
                name = TimerName(text(name, "timer name"))
                self._session_timers.forget(name)
                return (TimerCancelled(ts, self._owner, name),)
            case _:
                kinds = ", ".join(kind.__name__ for kind in Decision.__args__)
                raise ValueError(f"expected one of {kinds}; got {type(decision).__name__}")

    def _replace(self, ts: int, wanted: Replace) -> Event:
        key = ClientOrderId(text(wanted.client_order_id, "client_order_id"))
        symbol = self._symbol_of(key)
        instrument = self._instrument(symbol)
        quantity, asked = None, ""
        if wanted.quantity is not None:
            quantity, asked = self._sizes.whole_lots(wanted.quantity, instrument)
        limit_price = order_price(wanted.limit_price, instrument)
        stop_price = order_price(wanted.stop_price, instrument)
        return ReplaceIntent(ts, key, self._strategy, symbol, quantity, limit_price, stop_price, asked)

    def _signal(self, ts: int, raised: Signal) -> Event:
        strength = exact_number(raised.strength, "signal strength")
        if not 0 <= strength <= 1:
            raise ValueError(f"signal strength {raised.strength!r} is not in 0..1")
        symbol, reason = text(raised.symbol, "symbol"), text(raised.reason, "reason", at_most=REASON_LIMIT)
        instrument = self._instrument(symbol)
        return SignalRaised(
            ts,
            self._strategy,
            symbol,
            choice(SignalDirection, raised.direction, "direction"),
            float(raised.strength),
            reason,
            order_price(raised.stop_loss, instrument),
            order_price(raised.take_profit, instrument),
        )

    def _refuse(self, ts: int, symbol: str, reason: str) -> DecisionRefused:
        return DecisionRefused(ts, self._strategy, symbol, loggable(reason))


def _is_several(returned: object) -> TypeGuard[Iterable[object]]:
    return isinstance(returned, Iterable)


def _symbol_in(decision: object) -> str:
    """The symbol of a refused order; empty if it cannot be logged."""
    try:
        return text(decision.symbol, "symbol") if isinstance(decision, PlaceOrder | Target) else ""
    except ValueError:
        return ""


def host_name(strategy: StrategyId) -> str:
    """The component name of a strategy's host, which owns its timers."""
    return f"strategy:{strategy}"
