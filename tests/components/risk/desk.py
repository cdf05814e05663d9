"""Risk on a bus with the account, market and venue that a test sets: the desk that asks it."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from components.risk.context import RiskContext
from components.risk.risk import Risk
from kernel.bus import EventBus
from kernel.events import (
    Event,
    InstrumentDefined,
    Order,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    OrderType,
    Quote,
    ReplaceApproved,
    ReplaceDenied,
    ReplaceIntent,
    Side,
    TradingSession,
    VenueFeature,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from kernel.position_sides import Leg
from strategies.sdk import RiskLimits, RiskRule

ME, OTHER = StrategyId("me"), StrategyId("other")
NO_LIMITS = RiskLimits(require_cash=False, allow_short=True)


def limits(**changes: Any) -> RiskLimits:  # Any: a limit's own type
    """No limits but these."""
    return msgspec.structs.replace(NO_LIMITS, **changes)


class Desk:
    """Risk on a bus, and the account and market that it looks at, as the test sets them."""

    def __init__(
        self, limits: RiskLimits = NO_LIMITS, *, declared: int | None = None, own: Sequence[RiskRule] = ()
    ) -> None:
        self.cash = Decimal(1000)
        self.held: dict[StrategyId, Decimal] = {}
        self.price: float | None = 10.0
        self.quote: Quote | None = None
        self.terms = InstrumentDefined(0, "")
        self.multiplier = Decimal(1)
        self.rates: dict[str, Decimal] = {}
        self.opens = True
        self.lacking = ""
        self.features = frozenset(VenueFeature)
        self.emulated = False
        self.lost = 0.0
        self.bus = EventBus()
        positions = {} if declared is None else {ME: Decimal(declared)}
        context = RiskContext(
            account=self,
            market=self,
            venue=self,
            figures=self,
            is_emulated=lambda _order, _lacking: self.emulated,
            currency="USD",
        )
        self.risk = Risk(limits, context, declared_positions=positions, own_rules=own)
        self.bus.register(self.risk)
        for symbol in ("A", "B"):
            self.hear_all(InstrumentDefined(0, symbol))
        self._count = 0

    # the account and the market

    def net_position(self, symbol: str) -> Decimal:
        return sum(self.held.values(), Decimal(0)) if symbol == "A" else Decimal(0)

    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal:
        return self.held.get(strategy, Decimal(0)) if symbol == "A" else Decimal(0)

    def holders(self, symbol: str) -> Mapping[StrategyId, Decimal]:
        return {strategy: held for strategy, held in self.held.items() if held and symbol == "A"}

    def legs(self, symbol: str) -> Mapping[Leg, Decimal]:
        return {Leg(strategy): held for strategy, held in self.holders(symbol).items()}

    def worth_of(self, symbol: str) -> tuple[Decimal, Decimal]:
        value = self.value_of(symbol)
        return value, abs(value)

    def open_symbols(self) -> Iterable[str]:
        return ["A"] if any(self.held.values()) else []

    @property
    def gross_exposure(self) -> Decimal:
        return abs(self.value_of("A"))

    @property
    def initial_margin(self) -> Decimal:
        return self.gross_exposure * self.terms.margin_rate

    @property
    def equity(self) -> Decimal:
        return self.cash + self.value_of("A")

    def value_of(self, symbol: str) -> Decimal:
        return self.net_position(symbol) * Decimal(str(self.price or 0)) * self.multiplier

    def sector_exposure(self, sector: str) -> Decimal:
        return self.gross_exposure if sector == self.terms.sector else Decimal(0)

    def margin_rate(self, symbol: str) -> Decimal:
        return self.instrument(symbol).margin_rate

    def opening_margin_rate(self, symbol: str, side: Side) -> Decimal:  # noqa: ARG002  # no options here
        return self.margin_rate(symbol)

    def maintenance_rate(self, symbol: str) -> Decimal:
        return self.margin_rate(symbol)

    def rate(self, currency: str) -> Decimal | None:
        return self.rates.get(currency)

    def last_price(self, symbol: str) -> float | None:
        return self.price if symbol else None

    def last_quote(self, symbol: str) -> Quote | None:
        return self.quote if symbol else None

    def instrument(self, symbol: str) -> InstrumentDefined:
        return msgspec.structs.replace(self.terms, symbol=symbol, multiplier=self.multiplier)

    # the venue, and what was lost

    def is_open(self, symbol: str, ts: int) -> bool:
        return self.opens and bool(symbol) and ts >= 0

    def session(self, symbol: str, ts: int) -> TradingSession | None:  # noqa: ARG002  # no calendar is known
        return None

    def day_end(self, symbol: str, ts: int) -> int:  # noqa: ARG002  # days of 1,000 ns
        return (ts // 1000 + 1) * 1000

    def has(self, feature: VenueFeature) -> bool:
        return feature in self.features

    def lacks(self, order: Order) -> str:
        return self.lacking if order.symbol else ""

    def loss(self, rule: str) -> float:
        return self.lost if rule else 0.0

    # what the test does

    def hear(self, event: Event) -> Event | None:
        """The one thing, if any, that risk makes of it."""
        events = self.hear_all(event)
        assert len(events) <= 1, events
        return events[0] if events else None

    def hear_all(self, event: Event) -> list[Event]:
        """Everything that risk makes of it."""
        self.bus.dispatch([event])
        return self.bus.take_derived().events

    def ask(
        self,
        side: Side,
        quantity: int | str,
        *,
        limit: str | None = None,
        stop: str | None = None,
        strategy: StrategyId = ME,
        symbol: str = "A",
        ts: int = 0,
        parent: str = "",
        group: str = "",
        reduce_only: bool = False,
    ) -> OrderApproved | OrderDenied:
        """Risk's answer to an order; ids count up from ``o1``."""
        self._count += 1
        kind = {(0, 0): "market", (1, 0): "limit", (0, 1): "stop", (1, 1): "stop_limit"}
        order = Order(
            ClientOrderId(f"o{self._count}"),
            strategy,
            symbol,
            side,
            OrderType(kind[limit is not None, stop is not None]),
            Decimal(quantity),
            None if limit is None else Decimal(limit),
            None if stop is None else Decimal(stop),
            parent_id=ClientOrderId(parent),
            group_id=group,
            reduce_only=reduce_only,
        )
        return self.intend(order, ts=ts)

    def intend(self, order: Order, *, ts: int = 0) -> OrderApproved | OrderDenied:
        """Risk's answer to this very order."""
        answer = self.hear(OrderIntent(ts, order))
        assert isinstance(answer, OrderApproved | OrderDenied), answer
        return answer

    def replace(
        self,
        order: Order,
        *,
        strategy: StrategyId = ME,
        quantity: str = "",
        limit_price: str = "",
        stop_price: str = "",
    ) -> ReplaceApproved | ReplaceDenied:
        """Risk's answer to new terms; an empty one keeps the old."""
        units, limit, stop = (Decimal(term) if term else None for term in (quantity, limit_price, stop_price))
        answer = self.hear(
            ReplaceIntent(0, order.client_order_id, strategy, order.symbol, units, limit, stop)
        )
        assert isinstance(answer, ReplaceApproved | ReplaceDenied), answer
        return answer

    def filled(self, order: Order, quantity: int, *, leaves: int) -> None:
        """The orders component says so."""
        self.hear(
            OrderFilled(
                0,
                order.client_order_id,
                order.strategy,
                order.symbol,
                order.side,
                Decimal(quantity),
                Decimal(10),
                Decimal(0),
                Decimal(leaves),
                FillId("f"),
            )
        )


def rule_of(answer: OrderApproved | OrderDenied) -> str:
    """The rule that denied; empty for an approval."""
    return answer.rule if isinstance(answer, OrderDenied) else ""


def allowed(answer: OrderApproved | OrderDenied) -> Order:
    assert isinstance(answer, OrderApproved), answer
    return answer.order
