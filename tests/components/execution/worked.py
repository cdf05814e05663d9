"""The execution algorithms alone on a bus, with a venue that the test plays by hand."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from components.execution.algorithms import ExecutionAlgorithms
from components.execution.config import ExecutionConfig
from components.execution.learned_volume import LearnedVolume
from kernel.bus import EventBus
from kernel.events import (
    AlgorithmKind,
    AlgorithmTerms,
    Bar,
    CancelIntent,
    CancelRejected,
    Event,
    ExecutionFinished,
    ExecutionRequested,
    InstrumentDefined,
    Order,
    OrderCancelled,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderType,
    Side,
    TimeInForce,
    Trade,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId

STRATEGY = StrategyId("s")
PARENT = ClientOrderId("1-s-1")
EventT = TypeVar("EventT", bound=Event)


class OneInstrument:
    """A market view of which only the terms matter."""

    def __init__(self, *, lot_size: int | str = 1, minimum: int | str = 0) -> None:
        self.terms = InstrumentDefined(0, "A", lot_size=Decimal(lot_size), minimum_quantity=Decimal(minimum))

    def instrument(self, symbol: str) -> InstrumentDefined:  # noqa: ARG002  # there is one
        return self.terms


class Desk:
    """Hears what the algorithms want and tells them what became of it; every method says what followed."""

    def __init__(
        self, *, lot_size: int | str = 1, minimum: int | str = 0, config: ExecutionConfig | None = None
    ) -> None:
        self.bus = EventBus()
        self.volumes = LearnedVolume(config or ExecutionConfig())
        self.algorithms = ExecutionAlgorithms(OneInstrument(lot_size=lot_size, minimum=minimum), self.volumes)
        self.bus.register(self.volumes)
        self.bus.register_watching(self.algorithms)
        self.open: dict[ClientOrderId, Order] = {}
        self.leaves: dict[ClientOrderId, Decimal] = {}
        self.filled = Decimal(0)
        self.fill_count = 0
        self.log: list[Event] = []

    def hear(self, *events: Event) -> Sequence[Event]:
        """What follows from these inputs; intents become open orders."""
        self.bus.dispatch(events)
        derived = self.bus.take_derived().events
        for event in derived:
            if isinstance(event, OrderIntent):
                self.open[event.order.client_order_id] = event.order
                self.leaves[event.order.client_order_id] = event.order.quantity
        self.log += derived
        return derived

    def work(
        self,
        kind: AlgorithmKind,
        quantity: int | str,
        *,
        ts: int = 0,
        start_ts: int = 0,
        end_ts: int = 0,
        weights: Sequence[int] = (),
        rate: str = "0",
        shown: int | str = 0,
        limit: int | None = None,
        until_end: bool = True,
    ) -> Sequence[Event]:
        """A strategy wants an order worked."""
        order = Order(
            PARENT,
            STRATEGY,
            "A",
            Side.BUY,
            OrderType.MARKET if limit is None else OrderType.LIMIT,
            Decimal(quantity),
            None if limit is None else Decimal(limit),
            None,
            TimeInForce.GTD if until_end else TimeInForce.GTC,
        )
        amounts = tuple(Decimal(weight) for weight in weights)
        terms = AlgorithmTerms(kind, start_ts or ts, end_ts, amounts, Decimal(rate), Decimal(shown))
        return self.hear(ExecutionRequested(ts, order, terms))

    def fill(self, number: int, quantity: int | str | Decimal, *, ts: int = 0) -> Sequence[Event]:
        """A part fills, late ones too."""
        key, amount = self.key(number), Decimal(quantity)
        self.leaves[key] -= amount
        self.filled += amount
        self.fill_count += 1
        if self.leaves[key] <= 0:
            self.open.pop(key, None)
        return self.hear(
            OrderFilled(
                self._now(ts),
                key,
                STRATEGY,
                "A",
                Side.BUY,
                amount,
                Decimal(10),
                Decimal(0),
                self.leaves[key],
                FillId(f"f{self.fill_count}"),
            )
        )

    def cancelled(self, number: int, *, ts: int = 0, reason: str = "") -> Sequence[Event]:
        """A part is off the venue."""
        key = self.key(number)
        self.open.pop(key, None)
        return self.hear(OrderCancelled(self._now(ts), key, STRATEGY, "A", self.leaves[key], reason))

    def rejected(self, number: int, *, ts: int = 0) -> Sequence[Event]:
        """The venue refused a part."""
        self.open.pop(self.key(number), None)
        return self.hear(OrderRejected(self._now(ts), self.key(number), STRATEGY, "A", "no"))

    def denied(self, number: int, *, ts: int = 0) -> Sequence[Event]:
        """Risk refused a part."""
        order = self.open.pop(self.key(number))
        return self.hear(OrderDenied(self._now(ts), order, "max_order", "too much"))

    def cancel_rejected(self, number: int, *, ts: int = 0) -> Sequence[Event]:
        """The venue does not cancel a part."""
        return self.hear(CancelRejected(self._now(ts), self.key(number), STRATEGY, "A"))

    def advance(self, ts: int) -> Sequence[Event]:
        """Time passes; the market says nothing that counts."""
        return self.hear(Trade(ts, "B", 1.0, 1.0))

    def trade(self, ts: int, size: float) -> Sequence[Event]:
        """The market trades."""
        return self.hear(Trade(ts, "A", 10.0, size))

    def bar(self, ts: int, volume: float, *, open_ts: int = 0, timeframe: str = "1m") -> Sequence[Event]:
        """A bar ends."""
        return self.hear(Bar(ts, "A", timeframe, 10.0, 10.0, 10.0, 10.0, volume, open_ts))

    @property
    def working(self) -> Decimal:
        """What may still fill of the open parts."""
        return sum((self.leaves[key] for key in self.open), Decimal(0))

    @staticmethod
    def key(number: int) -> ClientOrderId:
        """The id of a part."""
        return ClientOrderId(f"{PARENT}-{number}")

    def _now(self, ts: int) -> int:
        return max(ts, self.bus.state.now)


def sent(events: Sequence[Event]) -> list[int]:
    """The quantities of the parts that were sent, whole numbers here."""
    return [int(event.order.quantity) for event in events if isinstance(event, OrderIntent)]


def called_back(events: Sequence[Event]) -> list[str]:
    """The ids of the parts that were called back."""
    return [event.client_order_id for event in events if isinstance(event, CancelIntent)]


def finished(events: Sequence[Event]) -> tuple[int, int, str]:
    """What was filled and left, and why it ended there; it must have ended."""
    (end,) = (event for event in events if isinstance(event, ExecutionFinished))
    return int(end.filled_quantity), int(end.leaves_quantity), end.reason
