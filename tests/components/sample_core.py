"""A whole core, assembled as a replay does it, under strategies that do what a test's script says."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import TypeVar

import msgspec

from brokers.simulated.broker import SimulatedBroker
from brokers.simulated.config import SimulatedBrokerConfig
from components.allocation.config import SignalsConfig
from components.assembly.core import Core, assemble
from components.assembly.hosts import PlacedStrategy
from components.execution.config import ExecutionConfig
from components.portfolio.portfolio import PortfolioConfig
from components.strategy_host.host import AnyStrategy
from kernel.events import CashMoved, Event, SessionStarted
from kernel.identifiers import ClientOrderId, StrategyId, TimerName
from kernel.rules import RULES
from replay.simulated_venue import SimulatedVenue
from strategies.sdk import (
    Bar,
    Cancel,
    CancelTimer,
    Context,
    Decision,
    Decisions,
    OrderUpdate,
    PlaceOrder,
    PositionChanged,
    Quote,
    Replace,
    RiskLimits,
    SetTimer,
    Side,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
    TimerFired,
    Trade,
    buy,
    sell,
)
from strategies.sdk.strategy_limits import UNLIMITED, StrategyTerms

EventT = TypeVar("EventT", bound=Event)
FREE = RiskLimits(require_cash=False, allow_short=True)
"""No limit at all."""
NO_TERMS: Mapping[str, StrategyTerms] = MappingProxyType({})

Step = tuple[str, str, int, int]
"""A decision as data: verb, symbol, amount (sells when negative), offset from the last price."""


class Memory(StrategyState):
    """What a scripted strategy remembers; its script goes on from here."""

    calls: int = 0
    updates: list[str] = msgspec.field(default_factory=list[str])
    positions: dict[str, Decimal] = msgspec.field(default_factory=dict[str, Decimal])


class Scripted(Strategy[StrategyParams, Memory]):
    """Takes the steps of its script, one line at each call with market data or a timer."""

    script: Sequence[Sequence[Step]] = ()

    def on_bar(self, bar: Bar) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self._next()

    def on_quote(self, quote: Quote) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self._next()

    def on_trade(self, trade: Trade) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self._next()

    def on_timer(self, timer: TimerFired) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self._next()

    def on_order_update(self, update: OrderUpdate) -> Decisions:
        self.state.updates.append(type(update).__name__)
        return None

    def on_position_update(self, position: PositionChanged) -> Decisions:
        self.state.positions[position.symbol] = position.quantity
        return None

    def _next(self) -> Decisions:
        line = self.script[self.state.calls] if self.state.calls < len(self.script) else ()
        self.state.calls += 1
        return self._take(line) if line else None

    def _take(self, line: Sequence[Step]) -> Iterator[Decision]:
        for step in line:
            if step[0] == "raise":
                raise ZeroDivisionError("as the script says")
            decision = _decision(self.ctx, *step)
            if decision is not None:
                yield decision


def _decision(ctx: Context, verb: str, symbol: str, amount: int, offset: int) -> Decision | None:
    side = buy if amount > 0 else sell
    last = ctx.last_price(symbol) or 100.0
    orders = ctx.portfolio.open_orders()
    chosen = orders[amount % len(orders)] if orders else None
    match verb:
        case "market":
            return side(symbol, abs(amount))
        case "limit":
            return side(symbol, abs(amount), limit=last + offset)
        case "stop":
            return side(symbol, abs(amount), stop=last + offset)
        case "stop_limit":
            return side(symbol, abs(amount), limit=last + offset, stop=last + offset // 2)
        case "reduce":
            return side(symbol, abs(amount), stop=last + offset, reduce_only=True)
        case "bracket":
            worse, better = (last - 3, last + 3) if amount > 0 else (last + 3, last - 3)
            return side(symbol, abs(amount), stop_loss=worse, take_profit=better if offset % 2 else None)
        case "cancel":
            return Cancel(chosen.client_order_id if chosen else ClientOrderId("nobody"))
        case "replace":
            key = chosen.client_order_id if chosen else ClientOrderId("nobody")
            return Replace(key, quantity=amount, limit_price=last + offset if offset % 2 else None)
        case "timer":
            every = 1_000_000 * abs(offset) if offset < -5 else 0
            return SetTimer(TimerName(f"t{amount % 3}"), ctx.now + 500_000 * abs(offset), every)
        case "cancel_timer":
            return CancelTimer(TimerName(f"t{amount % 3}"))
        case "signal":
            strength = ctx.random.random()
            return Signal(symbol, SignalDirection.LONG, strength, f"{ctx.portfolio.equity}")
        case "nonsense":
            return PlaceOrder(symbol, Side.BUY, float("nan"))
        case _:
            return None


def core_with(
    strategies: Mapping[str, AnyStrategy],
    *,
    symbols: tuple[str, ...] = ("A", "B"),
    limits: RiskLimits = FREE,
    broker: SimulatedBrokerConfig | None = None,
    portfolio: PortfolioConfig | None = None,
    signals: SignalsConfig | None = None,
    execution: ExecutionConfig | None = None,
    terms: Mapping[str, StrategyTerms] = NO_TERMS,
    rules: int = RULES,
) -> Core:
    """A core with these strategies, by id, all of them given these symbols, some of them ``terms``."""
    return assemble(
        [
            PlacedStrategy(StrategyId(name), strategy, symbols, terms=terms.get(name, UNLIMITED))
            for name, strategy in strategies.items()
        ],
        venue=SimulatedVenue(broker or SimulatedBrokerConfig()),
        risk_limits=limits,
        portfolio=portfolio or PortfolioConfig(),
        environment={"desk": "test"},
        signals=signals,
        execution=execution or ExecutionConfig(),
        rules=rules,
    )


def scripted(*script: Sequence[Step]) -> Scripted:
    """A strategy that takes these steps."""
    strategy = Scripted()
    strategy.script = script
    return strategy


def broker_of(core: Core) -> SimulatedBroker:
    """The simulated broker of a core."""
    broker = core.bus.components[SimulatedBroker.name]
    assert isinstance(broker, SimulatedBroker)
    return broker


def begin(core: Core, *, cash: int = 1_000_000, ts: int = 0) -> Sequence[Event]:
    """Pay cash in and start the session; what followed."""
    return hear(core, CashMoved(ts, Decimal(cash)), SessionStarted(ts, 1, "backtest", "", ""))


def hear(core: Core, *events: Event) -> Sequence[Event]:
    """What follows from these inputs."""
    core.bus.dispatch(events)
    return core.bus.take_derived().events


def of_type(events: Sequence[Event], kind: type[EventT]) -> list[EventT]:
    """The events of one type."""
    return [event for event in events if isinstance(event, kind)]
