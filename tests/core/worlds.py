"""A world from a seed: how the core is set up, and all that happens to it."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random

import msgspec

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.fills import FillTiming
from brokers.simulated.financing import FinancingConfig, Interest
from components.allocation.config import Net, Priority, SignalsConfig, Vote
from components.assembly.core import Core
from components.execution.config import ExecutionConfig
from components.portfolio.config import PositionMode
from components.portfolio.portfolio import AccountType, LotMethod, PortfolioConfig
from kernel.events import (
    AssetClass,
    CalendarDefined,
    CashMoved,
    Event,
    FxRateSet,
    InstrumentDefined,
    SessionStarted,
    TradingSession,
    VenueDeclared,
)
from kernel.identifiers import StrategyId
from kernel.time_units import SECOND_NS
from strategies.sdk import RiskLimits
from strategies.sdk.algorithms import Twap
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind, MarginCall, Rearm
from strategies.sdk.sizing import FixedFractional
from tests.components.sample_core import FREE, core_with
from tests.core.decisions import Gambler
from tests.core.happenings import NEW_SYMBOL, START, SYMBOLS, Happenings
from tests.core.nonsense import Fool

FOOL = StrategyId("fool")

LIMITS = RiskLimits(
    allow_short=True,
    require_cash=False,
    max_order_quantity=Decimal(150),
    max_order_notional=Decimal(20_000),
    max_position_quantity=Decimal(60),
    max_open_orders=12,
    max_open_orders_per_symbol=6,
    max_orders_per_second=5,
    max_orders_per_minute=40,
)
CAREFUL = RiskLimits(
    allow_short=True,
    require_margin=True,
    require_cash=False,
    margin_call=MarginCall.LIQUIDATE,
    max_position_notional=Decimal(30_000),
    max_gross_exposure=Decimal(60_000),
    max_leverage=Decimal(2),
    max_symbol_concentration=Decimal("0.5"),
    price_collar_bps=Decimal(200),
    stop_collar_bps=Decimal(300),
    duplicate_window_s=5.0,
    max_daily_loss=Decimal(4_000),
    max_drawdown=Decimal("0.1"),
    in_session_only=True,
    continuous=(
        ContinuousLimit(
            kind=LimitKind.DAILY_LOSS,
            limit=Decimal("0.01"),
            action=BreachAction.FLATTEN,
            rearm=Rearm.DELAY,
            rearm_after_s=60,
        ),
        ContinuousLimit(kind=LimitKind.STOP_LOSS, limit=Decimal("0.02"), action=BreachAction.FLATTEN),
        ContinuousLimit(kind=LimitKind.TAKE_PROFIT, limit=Decimal("0.02"), action=BreachAction.REDUCE),
        ContinuousLimit(kind=LimitKind.STALE_DATA, limit=Decimal(1800), action=BreachAction.HALT),
        ContinuousLimit(
            kind=LimitKind.DRAWDOWN,
            limit=Decimal("0.03"),
            action=BreachAction.DENY,
            rearm=Rearm.RECOVERY,
        ),
    ),
)
NET_POSITION_KINDS = (LimitKind.STOP_LOSS, LimitKind.TAKE_PROFIT)
"""Limits that hedging mode does not have."""
CASH_ONLY = RiskLimits()
"""As a run has it that says nothing: buys need their cash, nothing goes short."""

LACKING = (
    *("stop", "stop_limit", "trailing_stop", "market_if_touched", "limit_if_touched"),
    *("market_on_open", "limit_on_open", "market_on_close", "limit_on_close"),
    *("day", "gtd", "ioc", "fok", "post_only", "reduce_only", "iceberg", "oco", "replace"),
)


class World(msgspec.Struct, frozen=True):
    """All that a run is made of. ``muted`` are occasions at which strategies say nothing."""

    seed: int
    limits: RiskLimits
    broker: SimulatedBrokerConfig
    portfolio: PortfolioConfig
    signals: SignalsConfig | None
    inputs: tuple[Event, ...]
    activity: float
    is_still: bool
    has_actions: bool
    muted: frozenset[str] = frozenset()

    def core(self) -> Core:
        """A new core; always the same one."""
        strategies: dict[str, Gambler | Fool] = {"x": Gambler(), "y": Gambler(), FOOL: Fool()}
        for strategy in strategies.values():
            strategy.seed, strategy.muted = self.seed, self.muted
            if isinstance(strategy, Gambler):
                strategy.activity = self.activity
        return core_with(
            strategies,
            symbols=(*SYMBOLS, NEW_SYMBOL),
            limits=self.limits,
            broker=self.broker,
            portfolio=self.portfolio,
            signals=self.signals,
            execution=ExecutionConfig(learn_volume=("A",) if self.seed % 3 == 0 else ()),
        )


def world(seed: int, *, length: int = 100) -> World:
    """The world of a seed."""
    dice = Random(f"world {seed}")
    is_still, has_actions = dice.random() < 0.15, dice.random() < 0.4
    limits = CASH_ONLY if is_still else dice.choice((FREE, FREE, LIMITS, LIMITS, CAREFUL, CASH_ONLY))
    broker = SimulatedBrokerConfig(lacks=_lacking(dice)) if is_still else _broker(dice)
    happenings = Happenings(
        dice, is_still=is_still, has_actions=has_actions, has_book=broker.book is not None
    )
    opening = _opening(dice, broker)
    return World(
        seed,
        limits,
        broker,
        PortfolioConfig(
            mark_every_s=dice.choice((30, 300, 86_400)),
            lots=dice.choice(list(LotMethod)),
            account_type=dice.choice(list(AccountType)),
            mark_ledgers=True,
            mark_margin=True,
        ),
        None if dice.random() < 0.7 else _signals(dice),
        (*opening, *happenings.take(length)),
        dice.choice((0.2, 0.6, 0.9)),
        is_still,
        has_actions,
    )


def hedged_world(seed: int) -> World:
    """The world of a seed in hedging mode, with the settings that it needs."""
    given = world(seed)
    broker = msgspec.structs.replace(
        given.broker, lacks=tuple(name for name in given.broker.lacks if name != "reduce_only")
    )
    limits = given.limits if given.limits.allow_short else FREE
    continuous = tuple(one for one in limits.continuous if one.kind not in NET_POSITION_KINDS)
    return msgspec.structs.replace(
        given,
        limits=msgspec.structs.replace(limits, continuous=continuous),
        broker=broker,
        portfolio=msgspec.structs.replace(
            given.portfolio, position_mode=PositionMode.HEDGING, account_type=AccountType.MARGIN
        ),
        signals=None,
        inputs=declared_by(broker, given.inputs),
        is_still=False,  # what is promised of still markets is about cash accounts
    )


def declared_by(broker: SimulatedBrokerConfig, inputs: Sequence[Event]) -> tuple[Event, ...]:
    """The inputs with the declaration of this venue."""
    takes = broker.capabilities()
    return tuple(
        msgspec.structs.replace(
            event,
            order_types=takes.order_types,
            times_in_force=takes.times_in_force,
            features=takes.features,
        )
        if isinstance(event, VenueDeclared)
        else event
        for event in inputs
    )


def _lacking(dice: Random) -> tuple[str, ...]:
    return tuple(dice.sample(LACKING, dice.choice((0, 0, 0, 5, 12, len(LACKING)))))


def _broker(dice: Random) -> SimulatedBrokerConfig:
    """Any venue; half of them as it comes but for one thing or two."""
    tiers = ModelConfig("tiered", {"tiers": [{"rate": "0.01", "up_to": "50"}, {"rate": "0.004"}]})
    interest = {"USD": Interest(credit=Decimal("0.01"), debit=Decimal("0.06"))}
    chosen: dict[str, object] = {
        "bars": dice.choice(("ohlc", "ohlc_return", "open", "close", "path", "path_pessimistic")),
        "quotes": dice.choice(("quote", "maker")),
        "trades": dice.choice(("print", "touch", "through")),
        "volume": ModelConfig("share", {"limit": dice.choice((0.05, 0.5, 1.0))}),
        "slippage": dice.choice(
            (
                ModelConfig("fixed_bps", {"bps": 12.0}),
                ModelConfig("spread", {"fraction": 0.5, "fallback_bps": 3.0}),
                ModelConfig("volume_share"),
                ModelConfig("square_root", {"coefficient": 0.7}),
                ModelConfig("price_improvement", {"fraction": 0.4}),
            )
        ),
        "commission": dice.choice(("alpaca", "ibkr_fixed", "ibkr_tiered", "binance_spot", tiers)),
        "latency": dice.choice(
            (
                ModelConfig("constant", {"delay_ms": dice.choice((0.001, 400.0, 30_000.0))}),
                ModelConfig("jitter", {"low_ms": 0.0, "high_ms": 5_000.0, "seed": 7}),
                ModelConfig("normal", {"mean_ms": 900.0, "sd_ms": 500.0}),
            )
        ),
        "book": "walk",
        "queue": dice.choice(("pessimistic", "probabilistic")),
        "lacks": _lacking(dice),
        "bar_fill": dice.choice(list(FillTiming)),
        "financing": FinancingConfig(interest=interest),
    }
    several = dice.sample(sorted(chosen), dice.choice((0, 1, 2, 3, 6, len(chosen))))
    return msgspec.convert(
        {name: chosen[name] for name in several}, SimulatedBrokerConfig, from_attributes=True
    )


def _signals(dice: Random) -> SignalsConfig:
    return SignalsConfig(
        aggregation=dice.choice((Net(), Vote(quorum=2), Priority(order=("y", "x")))),
        sizing=FixedFractional(),
        valid_for_s=dice.choice((0.0, 120.0)),
        execution=dice.choice((None, Twap(60.0, 3))),
    )


def _opening(dice: Random, broker: SimulatedBrokerConfig) -> list[Event]:
    takes = broker.capabilities()
    days = tuple(
        TradingSession(20231114 + day, start, start + 6 * 3600 * SECOND_NS)
        for day in range(12)
        for start in (START + (day * 24 - 1) * 3600 * SECOND_NS,)
    )
    calendar = dice.choice(("", "", "X"))
    return [
        CalendarDefined(START, "X", days),
        *(
            [
                VenueDeclared(
                    START, "simulated_broker", takes.order_types, takes.times_in_force, takes.features
                )
            ]
            if broker.lacks
            else []
        ),
        InstrumentDefined(START, "A", calendar=calendar, sector="tech", borrow_rate=Decimal("0.05")),
        InstrumentDefined(START, "B", currency="EUR", tick_size=Decimal("0.05"), calendar=calendar),
        InstrumentDefined(
            START,
            "F",
            dice.choice((AssetClass.FUTURE, AssetClass.PERPETUAL)),
            tick_size=Decimal("0.25"),
            multiplier=Decimal(5),
            margin_rate=Decimal("0.1"),
        ),
        FxRateSet(START, "EUR", "USD", Decimal("1.08")),
        CashMoved(START, Decimal(100_000)),
        SessionStarted(START, 1, "backtest", "", ""),
    ]


def inputs_without(inputs: Sequence[Event], start: int, count: int) -> tuple[Event, ...]:
    """The inputs but for a part of them."""
    return (*inputs[:start], *inputs[start + count :])
