"""From a strategy's decisions to events: stamped, named and quantised, or refused with the reason."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from itertools import islice
from numbers import Integral, Real
from typing import TypeGuard, TypeVar

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
    Side,
    SignalDirection,
    SignalRaised,
    TimeInForce,
    TimerCancelled,
    TimerScheduled,
)
from kernel.identifiers import ClientOrderId, StrategyId, TimerName
from kernel.loggable import loggable
from kernel.timers import NEVER
from strategies.sdk import Cancel, CancelTimer, PlaceOrder, Replace, SetTimer, Signal
from strategies.sdk.decisions import Decision, Number

MAX_DECISIONS = 1_000
"""Decisions taken from one hook call; what a strategy returns beyond is refused."""

MIN_TIMER_PERIOD_NS = 1_000_000
"""A timer that repeats faster is refused: seconds or milliseconds taken for nanoseconds, most likely."""

LARGEST = Decimal("1E+18")
"""Beyond it no quantity or price is meant; exact arithmetic and every venue's number formats end near it."""

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)

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
        if not _is_several(returned):
            return (self._translate(event.ts, returned),)
        decisions: Iterator[object] = islice(iter(returned), MAX_DECISIONS + 1)
        events = [self._translate(event.ts, decision) for decision in decisions]
        if len(events) > MAX_DECISIONS:
            events[-1] = self._refuse(event.ts, "", f"more than {MAX_DECISIONS} decisions from one call")
        return events

    def _translate(self, ts: int, decision: object) -> Event:
        if isinstance(decision, PlaceOrder):
            return self._place(ts, decision)
        try:
            return self._checked(ts, decision)
        except (ValueError, ArithmeticError) as error:
            return self._refuse(ts, "", str(error))

    def _checked(self, ts: int, decision: object) -> Event:
        """Raises ``ValueError`` for what is not a valid decision; type annotations bind no strategy."""
        strategy = self._strategy
        match decision:
            case Cancel(client_order_id=key):
                key = ClientOrderId(_text(key, "client_order_id"))
                return CancelIntent(ts, key, strategy, self._symbol_of(key))
            case Replace():
                return self._replace(ts, decision)
            case Signal(symbol=symbol, direction=direction, strength=strength, reason=reason):
                if not 0 <= _exact(strength, "signal strength") <= 1:
                    raise ValueError(f"signal strength {strength!r} is not in 0..1")
                symbol, reason = _text(symbol, "symbol"), _text(reason, "reason")
                direction = _choice(SignalDirection, direction, "direction")
                return SignalRaised(ts, strategy, symbol, direction, float(strength), reason)
            case SetTimer(name=name, due_ts=due_ts, every_ns=every_ns):
                name, every_ns = TimerName(_text(name, "timer name")), _nanoseconds(every_ns, "every_ns")
                if 0 < every_ns < MIN_TIMER_PERIOD_NS:
                    raise ValueError(f"timer {name!r}: every_ns {every_ns} is below {MIN_TIMER_PERIOD_NS}")
                return TimerScheduled(ts, self._owner, name, _nanoseconds(due_ts, "due_ts"), every_ns)
            case CancelTimer(name=name):
                return TimerCancelled(ts, self._owner, TimerName(_text(name, "timer name")))
            case _:
                kinds = ", ".join(kind.__name__ for kind in Decision.__args__)
                raise ValueError(f"expected one of {kinds}; got {type(decision).__name__}")

    def _place(self, ts: int, wanted: PlaceOrder) -> Event:
        symbol = ""
        try:
            symbol = _text(wanted.symbol, "symbol")
            order = self._order(symbol, wanted)
        except (ValueError, ArithmeticError) as error:
            return self._refuse(ts, symbol, str(error))
        return OrderIntent(ts, order)

    def _order(self, symbol: str, wanted: PlaceOrder) -> Order:
        instrument = self._instrument(symbol)
        order_type = _choice(OrderType, wanted.order_type, "order_type")
        quantity = to_lots(wanted.quantity, instrument.lot_size)
        limit_price = to_ticks(wanted.limit_price, instrument.tick_size)
        stop_price = to_ticks(wanted.stop_price, instrument.tick_size)
        if (order_type in _NEEDS_LIMIT) is not (limit_price is not None):
            raise ValueError(f"{order_type.value} order with limit price {wanted.limit_price}")
        if (order_type in _NEEDS_STOP) is not (stop_price is not None):
            raise ValueError(f"{order_type.value} order with stop price {wanted.stop_price}")
        side = _choice(Side, wanted.side, "side")
        time_in_force = _choice(TimeInForce, wanted.time_in_force, "time_in_force")
        tag = _text(wanted.tag, "tag")
        self._state.order_count += 1
        return Order(
            ClientOrderId(f"{self._state.epoch}-{self._slug}-{self._state.order_count}"),
            self._strategy,
            symbol,
            side,
            order_type,
            quantity,
            limit_price,
            stop_price,
            time_in_force,
            0,
            False,
            False,
            tag,
        )

    def _replace(self, ts: int, wanted: Replace) -> Event:
        key = ClientOrderId(_text(wanted.client_order_id, "client_order_id"))
        symbol = self._symbol_of(key)
        instrument = self._instrument(symbol)
        quantity = None if wanted.quantity is None else to_lots(wanted.quantity, instrument.lot_size)
        limit_price = to_ticks(wanted.limit_price, instrument.tick_size)
        stop_price = to_ticks(wanted.stop_price, instrument.tick_size)
        return ReplaceIntent(ts, key, self._strategy, symbol, quantity, limit_price, stop_price)

    def _refuse(self, ts: int, symbol: str, reason: str) -> DecisionRefused:
        return DecisionRefused(ts, self._strategy, symbol, loggable(reason))


def _is_several(returned: object) -> TypeGuard[Iterable[object]]:
    return isinstance(returned, Iterable)


def host_name(strategy: StrategyId) -> str:
    """The component name of a strategy's host, which owns its timers."""
    return f"strategy:{strategy}"


def order_slug(strategy: StrategyId) -> str:
    """The strategy's part of its client order ids: letters and digits, at most 16."""
    return "".join(letter for letter in strategy if letter.isascii() and letter.isalnum())[:16]


def to_lots(quantity: Number, lot_size: Decimal) -> Decimal:
    """The quantity rounded down to whole lots; ``ValueError`` if nothing is left or it is no number."""
    exact = _exact(quantity, "quantity")
    if exact > LARGEST:
        raise ValueError(f"quantity {quantity!r} is beyond {LARGEST}")
    lots = exact // lot_size * lot_size
    if lots <= 0:
        raise ValueError(f"quantity {quantity!r} is less than one lot of {lot_size}")
    return lots


def to_ticks(price: Number | None, tick_size: Decimal) -> Decimal | None:
    """The price rounded to the nearest tick; ``ValueError`` if that is no positive number."""
    if price is None:
        return None
    exact = _exact(price, "price")
    if exact > LARGEST:
        raise ValueError(f"price {price!r} is beyond {LARGEST}")
    ticks = (exact / tick_size).to_integral_value(ROUND_HALF_EVEN)
    if ticks <= 0:
        raise ValueError(f"price {price!r} is not positive, to the nearest tick of {tick_size}")
    return (ticks * tick_size).quantize(tick_size)


def _exact(value: object, what: str) -> Decimal:
    """A number as it is written, numpy's included; ``ValueError`` for anything else."""
    if isinstance(value, Decimal):
        exact = value
    elif isinstance(value, bool):
        raise ValueError(f"{what}: expected a number; got bool")
    elif isinstance(value, Integral):
        exact = Decimal(int(value))
    elif isinstance(value, Real):
        exact = Decimal(repr(float(value)))
    else:
        raise ValueError(f"{what}: expected a number; got {type(value).__name__}")
    if not exact.is_finite():
        raise ValueError(f"{what} {value!r} is not finite")
    return exact


def _nanoseconds(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{what}: expected a whole number of nanoseconds; got {type(value).__name__}")
    nanoseconds = int(value)
    if not 0 <= nanoseconds <= NEVER:
        raise ValueError(f"{what} {nanoseconds} is not in 0..{NEVER}")
    return nanoseconds


def _choice(kind: type[ChoiceT], value: object, what: str) -> ChoiceT:
    """The member of an enum, by itself or by its value: a plain "buy" must never pass for a sale."""
    if type(value) is kind:
        return value
    if isinstance(value, str):
        return kind(value)
    raise ValueError(f"{what}: expected a {kind.__name__}; got {type(value).__name__}")


def _text(value: object, what: str) -> str:
    """A string that can be written to the log; ``ValueError`` for anything else."""
    if not isinstance(value, str):
        raise ValueError(f"{what}: expected a text; got {type(value).__name__}")
    if not value.isascii():
        value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return value
