"""Checks of a user's models: their form when they are loaded, and each of their answers.

Answers are prices and money that are booked, so each one is checked when it is given:

- A bad answer is a ``ComponentError`` that names the model and the value, and nothing is booked.
- A number of another type than the port's is converted. A ``float`` commission becomes the ``Decimal`` that
  it is written as: 0.1 is a tenth.

Built-in models are used directly, without these checks.
"""

import inspect
from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

import msgspec

from brokers.simulated.commission import CommissionModel, FillTerms
from brokers.simulated.fills.book import OpenBook
from brokers.simulated.fills.port import Price
from brokers.simulated.fills.queue import QueueModel
from brokers.simulated.fills.volume import VolumeModel
from brokers.simulated.latency import LatencyModel
from brokers.simulated.resting import Resting
from brokers.simulated.slippage import SlippageModel, Taken
from kernel.errors import ComponentError, ConfigError
from kernel.events import Bar, Quote, Side, Trade
from kernel.time_units import DAY_NS
from kernel.timers import NEVER

_NUMBERS = int | float | Decimal


class Method(msgspec.Struct, frozen=True):
    """A method that a model must have: its name, and its positional and keyword arguments."""

    name: str
    by_place: tuple[str, ...]
    by_name: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = ("*", *self.by_name) if self.by_name else ()
        return f"{self.name}({', '.join(('self', *self.by_place, *named))})"


class Form(msgspec.Struct, frozen=True):
    """The methods and attributes that a model of a role must have."""

    methods: tuple[Method, ...]
    attributes: tuple[str, ...] = ()


FORMS: Mapping[str, Form] = {
    "bars": Form((Method("fill", ("resting", "bar")),)),
    "quotes": Form((Method("fill", ("resting", "quote")),)),
    "trades": Form((Method("fill", ("resting", "trade")),)),
    "book": Form((Method("fill", ("resting", "book")),)),
    "queue": Form((Method("ahead_after", ("cancelled",), ("front", "back")),)),
    "volume": Form((Method("available", ("event", "side")),)),
    "slippage": Form((Method("price", ("taken",)),), ("needs_volatility",)),
    "commission": Form((Method("commission", ("fill",)), Method("accrual", ("fill",))), ("needs_history",)),
    "latency": Form((Method("delay_ns", ("count",)),)),
}
"""By role: the form of its port."""


def check_form(role: str, name: str, model: object) -> None:
    """Raise ``ConfigError`` for the first method or attribute that a model of this role lacks."""
    kind, form = type(model), FORMS[role]
    for method in form.methods:
        if not callable(getattr(kind, method.name, None)):
            raise ConfigError(f"broker.{role}: {name} has no method {method}")
        function: Callable[..., object] = getattr(model, method.name)
        try:
            inspect.signature(function).bind(*method.by_place, **dict.fromkeys(method.by_name))
        except TypeError as error:
            raise ConfigError(
                f"broker.{role}: {name}: {method.name} cannot be called as {method}: {error}"
            ) from error
    for attribute in form.attributes:
        if not hasattr(kind, attribute):
            raise ConfigError(
                f"broker.{role}: {name} has no {attribute}: expected a property, "
                f"or {attribute}: ClassVar[bool] = False"
            )


class CheckedFill:
    """A fill model of the user's, for any kind of market data."""

    # Any: the class is the user's; its methods were checked by name, their types cannot be known
    def __init__(self, model: Any, name: str) -> None:
        self.model = model
        self._name = name

    def fill(self, resting: Resting, event: Bar | Quote | Trade | OpenBook) -> Price | None:
        """The model's answer, checked."""
        answer: object = self.model.fill(resting, event)
        if answer is None:
            return None
        name = f"{self._name}: fill of {resting.order.client_order_id}"
        if not isinstance(answer, Price):
            raise ComponentError(f"{name} is {answer!r}, expected a Price or None")
        price = _real(answer.price, f"{name}: price")
        if price <= 0.0 and not _lowest(event, resting) < 0.0:
            raise ComponentError(f"{name}: price {price!r} is not above 0")
        executed_ts = _whole(answer.executed_ts, f"{name}: executed_ts", highest=NEVER)
        quantity = answer.quantity
        if quantity is not None:
            quantity = _exact(quantity, f"{name}: quantity")
            if quantity < 0:
                raise ComponentError(f"{name}: quantity {quantity} is below 0")
        return Price(price, bool(answer.slips), executed_ts, _real(answer.rank, f"{name}: rank"), quantity)


class CheckedVolume:
    """A volume model of the user's."""

    def __init__(self, model: VolumeModel, name: str) -> None:
        self._model = model
        self._name = name

    def available(self, event: Bar | Quote | Trade, side: Side) -> float:
        """The model's answer. NaN is allowed: data without volumes have it, and it counts as 0."""
        answer: object = self._model.available(event, side)
        if isinstance(answer, float) and answer != answer:
            return float(answer)
        return _real(answer, f"{self._name}: available of {event.symbol}")


class CheckedQueue:
    """A queue model of the user's."""

    def __init__(self, model: QueueModel, name: str) -> None:
        self._model = model
        self._name = name

    def ahead_after(self, cancelled: float, *, front: float, back: float) -> float:
        """The model's answer, held between 0 and the whole size of the queue."""
        answer = self._model.ahead_after(cancelled, front=front, back=back)
        ahead = _real(answer, f"{self._name}: ahead_after({cancelled!r}, front={front!r}, back={back!r})")
        return min(max(ahead, 0.0), front + back)


class CheckedSlippage:
    """A slippage model of the user's."""

    def __init__(self, model: SlippageModel, name: str) -> None:
        self._model = model
        self._name = name

    @property
    def needs_volatility(self) -> bool:
        """The model's answer."""
        return bool(self._model.needs_volatility)

    def price(self, taken: Taken) -> float:
        """The model's answer. It must be above 0 if the price before slippage is."""
        price = _real(self._model.price(taken), f"{self._name}: price for {taken.price!r}")
        if price <= 0.0 < taken.price:
            raise ComponentError(f"{self._name}: price {price!r} for {taken.price!r} is not above 0")
        return price


class CheckedCommission:
    """A commission model of the user's."""

    def __init__(self, model: CommissionModel, name: str) -> None:
        self._model = model
        self._name = name

    @property
    def needs_history(self) -> bool:
        """The model's answer."""
        return bool(self._model.needs_history)

    def accrual(self, fill: FillTerms) -> Decimal:
        """The model's answer."""
        return _exact(self._model.accrual(fill), f"{self._name}: accrual of {fill.order.client_order_id}")

    def commission(self, fill: FillTerms) -> Decimal:
        """The model's answer."""
        answer = self._model.commission(fill)
        return _exact(answer, f"{self._name}: commission of {fill.order.client_order_id}")


class CheckedLatency:
    """A latency model of the user's."""

    def __init__(self, model: LatencyModel, name: str) -> None:
        self._model = model
        self._name = name

    def delay_ns(self, count: int) -> int:
        """The model's answer, from 0 to a day."""
        answer = self._model.delay_ns(count)
        return _whole(answer, f"{self._name}: delay_ns({count})", highest=DAY_NS)


# Any: models of different roles share no type
CHECKED: Mapping[str, Callable[[Any, str], object]] = {
    "bars": CheckedFill,
    "quotes": CheckedFill,
    "trades": CheckedFill,
    "book": CheckedFill,
    "queue": CheckedQueue,
    "volume": CheckedVolume,
    "slippage": CheckedSlippage,
    "commission": CheckedCommission,
    "latency": CheckedLatency,
}
"""By role: the class that checks a user's model. Its arguments are the model and its name."""


def _lowest(event: Bar | Quote | Trade | OpenBook, resting: Resting) -> float:
    """The event's lowest price. A fill may be below 0 only if the market is (oil in 2020)."""
    match event:
        case Bar():
            return event.low
        case Quote():
            return min(event.bid, event.ask)
        case Trade():
            return event.price
        case OpenBook():
            best = event.best(resting.order.side)
            return 0.0 if best is None else best


def _real(value: object, what: str) -> float:
    """``value`` as a finite float."""
    if not isinstance(value, _NUMBERS) or isinstance(value, bool) or not isfinite(value):
        raise ComponentError(f"{what} is {value!r}, expected a finite number")
    return float(value)


def _whole(value: object, what: str, *, highest: int) -> int:
    """``value``, if it is a whole number from 0 to ``highest``."""
    if not isinstance(value, int) or not 0 <= value <= highest:
        raise ComponentError(f"{what} is {value!r}, expected a whole number of ns from 0 to {highest:,}")
    return int(value)


def _exact(value: object, what: str) -> Decimal:
    """``value`` as a finite Decimal. A float is converted by its shortest decimal form."""
    if isinstance(value, float):
        value = Decimal(repr(float(value)))
    elif isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise ComponentError(f"{what} is {value!r}, expected a finite number")
    return value
