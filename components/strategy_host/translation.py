"""From a strategy's decisions to events: stamped, named and quantised, or refused with the reason."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import islice

from components.strategy_host.state import HostState
from kernel.events import (
    CancelIntent,
    DecisionRefused,
    Event,
    InstrumentDefined,
    Order,
    OrderIntent,
    OrderType,
    ReplaceIntent,
    SignalRaised,
    TimerCancelled,
    TimerScheduled,
)
from kernel.identifiers import ClientOrderId, StrategyId
from strategies.sdk import Cancel, CancelTimer, PlaceOrder, Replace, SetTimer, Signal
from strategies.sdk.decisions import Decision, Number

MAX_DECISIONS = 1_000
"""Decisions taken from one hook call; what a strategy returns beyond is refused."""

_NEEDS_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_NEEDS_STOP = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


class Translator:
    """Turns what one strategy returned into events."""

    def __init__(
        self,
        strategy: StrategyId,
        *,
        state: HostState,
        instrument: Callable[[str], InstrumentDefined],
        symbol_of: Callable[[ClientOrderId], str],
    ) -> None:
        self._strategy = strategy
        self._owner = host_name(strategy)
        self._slug = order_slug(strategy)
        self._state = state
        self._instrument = instrument
        self._symbol_of = symbol_of

    def __call__(self, event: Event, returned: object) -> Sequence[Event]:
        """Events for whatever a hook returned; runs a generator to its end."""
        if isinstance(returned, PlaceOrder):
            return (self._place(event.ts, returned),)
        if not isinstance(returned, Iterable):
            return (self._translate(event.ts, returned),)
        # Whatever a strategy returned, one by one: _translate sorts out what is a decision.
        decisions: Iterator[object] = islice(returned, MAX_DECISIONS + 1)
        events = [self._translate(event.ts, decision) for decision in decisions]
        if len(events) > MAX_DECISIONS:
            events[-1] = self._refuse(event.ts, "", f"more than {MAX_DECISIONS} decisions from one call")
        return events

    def _translate(self, ts: int, decision: object) -> Event:
        strategy = self._strategy
        match decision:
            case PlaceOrder():
                return self._place(ts, decision)
            case Cancel(client_order_id=key):
                return CancelIntent(ts, key, strategy, self._symbol_of(key))
            case Replace():
                return self._replace(ts, decision)
            case Signal(symbol=symbol, direction=direction, strength=strength, reason=reason):
                if not 0 <= strength <= 1:
                    return self._refuse(ts, symbol, f"signal strength {strength!r} is not in 0..1")
                return SignalRaised(ts, strategy, symbol, direction, strength, reason)
            case SetTimer(name=name, due_ts=due_ts, every_ns=every_ns):
                if every_ns < 0:
                    return self._refuse(ts, "", f"timer {name!r}: every_ns {every_ns} is negative")
                return TimerScheduled(ts, self._owner, name, due_ts, every_ns)
            case CancelTimer(name=name):
                return TimerCancelled(ts, self._owner, name)
            case _:
                kinds = ", ".join(kind.__name__ for kind in Decision.__args__)
                return self._refuse(ts, "", f"expected one of {kinds}; got {type(decision).__name__}")

    def _place(self, ts: int, wanted: PlaceOrder) -> Event:
        symbol, order_type = wanted.symbol, wanted.order_type
        try:
            instrument = self._instrument(symbol)
            quantity = to_lots(wanted.quantity, instrument.lot_size)
            limit_price = to_ticks(wanted.limit_price, instrument.tick_size)
            stop_price = to_ticks(wanted.stop_price, instrument.tick_size)
        except ValueError as error:
            return self._refuse(ts, symbol, str(error))
        if (order_type in _NEEDS_LIMIT) is not (limit_price is not None):
            return self._refuse(ts, symbol, f"{order_type.value} order with limit price {wanted.limit_price}")
        if (order_type in _NEEDS_STOP) is not (stop_price is not None):
            return self._refuse(ts, symbol, f"{order_type.value} order with stop price {wanted.stop_price}")
        self._state.order_count += 1
        key = ClientOrderId(f"{self._state.epoch}-{self._slug}-{self._state.order_count}")
        order = Order(
            key,
            self._strategy,
            symbol,
            wanted.side,
            order_type,
            quantity,
            limit_price,
            stop_price,
            wanted.time_in_force,
            0,
            False,
            False,
            wanted.tag,
        )
        return OrderIntent(ts, order)

    def _replace(self, ts: int, wanted: Replace) -> Event:
        symbol = self._symbol_of(wanted.client_order_id)
        instrument = self._instrument(symbol)
        try:
            quantity = None if wanted.quantity is None else to_lots(wanted.quantity, instrument.lot_size)
            limit_price = to_ticks(wanted.limit_price, instrument.tick_size)
            stop_price = to_ticks(wanted.stop_price, instrument.tick_size)
        except ValueError as error:
            return self._refuse(ts, symbol, str(error))
        return ReplaceIntent(
            ts, wanted.client_order_id, self._strategy, symbol, quantity, limit_price, stop_price
        )

    def _refuse(self, ts: int, symbol: str, reason: str) -> DecisionRefused:
        return DecisionRefused(ts, self._strategy, symbol, reason)


def host_name(strategy: StrategyId) -> str:
    """The component name of a strategy's host, which owns its timers."""
    return f"strategy:{strategy}"


def order_slug(strategy: StrategyId) -> str:
    """The strategy's part of its client order ids: letters and digits, at most 16."""
    return "".join(letter for letter in strategy if letter.isascii() and letter.isalnum())[:16]


def to_lots(quantity: Number, lot_size: Decimal) -> Decimal:
    """The quantity rounded down to whole lots; ``ValueError`` if nothing is left or it is no number."""
    exact = _exact(quantity, "quantity")
    lots = exact if lot_size == 1 and exact == exact.to_integral_value() else exact // lot_size * lot_size
    if lots <= 0:
        raise ValueError(f"quantity {quantity!r} is less than one lot of {lot_size}")
    return lots.quantize(lot_size, ROUND_DOWN)


def to_ticks(price: Number | None, tick_size: Decimal) -> Decimal | None:
    """The price rounded to the nearest tick; ``ValueError`` if it is no positive number."""
    if price is None:
        return None
    exact = _exact(price, "price")
    if exact <= 0:
        raise ValueError(f"price {price!r} is not positive")
    ticks = (exact / tick_size).to_integral_value(ROUND_HALF_EVEN)
    return (ticks * tick_size).quantize(tick_size)


def _exact(value: Number, what: str) -> Decimal:
    try:
        exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (TypeError, ValueError, InvalidOperation) as error:
        raise ValueError(f"{what} {value!r} is not a number") from error
    if not exact.is_finite():
        raise ValueError(f"{what} {value!r} is not finite")
    return exact
