"""A whole core whose simulated venue takes less than it could, and a strategy that places what it is told."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from brokers.simulated.config import SimulatedBrokerConfig
from components.assembly.core import Core
from kernel.events import (
    Bar,
    Event,
    OrderFilled,
    OrderType,
    Quote,
    TimeInForce,
    Trade,
    VenueDeclared,
    VenueFeature,
)
from strategies.sdk import (
    Decision,
    Decisions,
    OrderUpdate,
    RiskLimits,
    Strategy,
    StrategyParams,
    StrategyState,
    TimerFired,
)
from tests.components.sample_core import FREE, begin, core_with, hear

PLAIN = ("market", "limit", "gtc")
EVERYTHING_ELSE = tuple(
    each.value for kind in (OrderType, TimeInForce, VenueFeature) for each in kind if each.value not in PLAIN
)
"""What a venue lacks that takes market and limit orders, good till cancelled, and nothing more."""


class Calls(StrategyState):
    """How often the strategy was called, and what it was told of its orders."""

    count: int = 0
    updates: list[str] = msgspec.field(default_factory=list[str])


class Planned(Strategy[StrategyParams, Calls]):
    """Returns the next of its decisions at each market event, then nothing."""

    plan: Sequence[Decision | Sequence[Decision] | None] = ()

    def on_bar(self, bar: Bar) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self._next()

    def on_quote(self, quote: Quote) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self._next()

    def on_trade(self, trade: Trade) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self._next()

    def on_timer(self, timer: TimerFired) -> Decisions:  # noqa: ARG002  # the hook's signature
        return None

    def on_order_update(self, update: OrderUpdate) -> Decisions:
        self.state.updates.append(type(update).__name__)
        return None

    def _next(self) -> Decisions:
        count, self.state.count = self.state.count, self.state.count + 1
        return self.plan[count] if count < len(self.plan) else None


def planned(*plan: Decision | Sequence[Decision] | None) -> Planned:
    """A strategy with this plan."""
    strategy = Planned()
    strategy.plan = plan
    return strategy


def core_lacking(strategy: Planned, *lacks: str, limits: RiskLimits = FREE) -> Core:
    """A core at a venue that lacks these, declared as a run declares it, its session begun."""
    config = SimulatedBrokerConfig(lacks=lacks)
    core = core_with({"x": strategy}, broker=config, limits=limits)
    declare(core, config)
    begin(core, ts=1)
    return core


def declare(core: Core, config: SimulatedBrokerConfig) -> None:
    """Say what the venue takes, if it lacks anything."""
    if config.lacks:
        takes = config.capabilities()
        hear(core, VenueDeclared(1, "sim", takes.order_types, takes.times_in_force, takes.features))


def fills(events: Sequence[Event]) -> list[tuple[str, Decimal, Decimal]]:
    """Order, quantity and price of each fill."""
    return [(e.client_order_id, e.quantity, e.price) for e in events if isinstance(e, OrderFilled)]


def kinds(events: Sequence[Event]) -> list[str]:
    """The types of events."""
    return [type(event).__name__ for event in events]
