"""Random runs of a whole core: inputs of every kind, and scripts for the strategies that hear them."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec
from hypothesis import strategies as st

from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.fills import FillTiming
from components.assembly.core import Core
from components.portfolio.portfolio import PortfolioConfig
from kernel.events import (
    Bar,
    CancelAllOrders,
    CashMoved,
    EngageKillSwitch,
    Event,
    HaltTrading,
    InstrumentDefined,
    Quote,
    ReduceOnlyTrading,
    ReleaseComponent,
    ResumeTrading,
    SessionStarted,
    SessionStopped,
    Trade,
)
from strategies.sdk import RiskLimits
from tests.components.sample_core import FREE, Step, core_with, scripted

Script = list[list[Step]]
Happening = tuple[int, str, str, float, float]
"""An input as data: ns since the last one, what it is, its symbol, two prices."""

symbols = st.sampled_from("AB")
amounts = st.sampled_from([-200, -30, -7, -2, -1, 1, 2, 7, 30, 200])
verbs = st.sampled_from(
    [
        *("market",) * 4,
        *("limit",) * 3,
        *("stop", "stop_limit", "cancel"),
        *("replace",) * 3,
        *("timer", "timer", "cancel_timer"),
        *("signal", "nonsense", "raise"),
    ]
)
steps = st.tuples(verbs, symbols, amounts, st.integers(-8, 8))
scripts: st.SearchStrategy[Script] = st.lists(st.lists(steps, max_size=4), min_size=8, max_size=25)
prices = st.floats(90.0, 110.0, allow_nan=False).map(lambda price: round(price, 3))
_KINDS = [
    *("bar",) * 4,
    *("quote",) * 5,
    *("trade",) * 2,
    *("halt", "reduce", "resume", "resume", "kill", "unkill", "unkill", "cancel", "release"),
]
happenings: st.SearchStrategy[list[Happening]] = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 400_000, 1_000_000, 3_000_000, 2_000_000_000]),
        st.sampled_from(_KINDS),
        symbols,
        prices,
        prices,
    ),
    min_size=5,
    max_size=30,
)


class Setting(msgspec.Struct, frozen=True):
    """What a random core is made of; strategies ``x`` and ``y`` follow the two scripts."""

    scripts: tuple[Script, Script]
    limits: RiskLimits
    timing: FillTiming

    def core(self) -> Core:
        """A new core; always the same one."""
        return core_with(
            {"x": scripted(*self.scripts[0]), "y": scripted(*self.scripts[1])},
            limits=self.limits,
            broker=SimulatedBrokerConfig(
                bar_fill=self.timing, slippage_bps=5.0, commission_per_order=Decimal("0.35")
            ),
            portfolio=PortfolioConfig(mark_every_s=1),
        )


limits = st.sampled_from(
    [
        FREE,
        RiskLimits(),
        RiskLimits(
            max_order_quantity=Decimal(100),
            max_order_notional=Decimal(9000),
            max_position_quantity=Decimal(40),
            allow_short=True,
        ),
    ]
)
settings_of_cores: st.SearchStrategy[Setting] = st.builds(
    Setting, st.tuples(scripts, scripts), limits, st.sampled_from(FillTiming)
)

_COMMANDS: dict[str, Callable[[int], Event]] = {
    "halt": lambda ts: HaltTrading(ts, "op"),
    "reduce": lambda ts: ReduceOnlyTrading(ts, "op"),
    "resume": lambda ts: ResumeTrading(ts, "op"),
    "kill": lambda ts: EngageKillSwitch(ts, "op"),
    "unkill": lambda ts: ResumeTrading(ts, "op", releases_kill_switch=True),
    "cancel": lambda ts: CancelAllOrders(ts, "op", "A"),
    "release": lambda ts: ReleaseComponent(ts, "op", "strategy:x"),
}


def inputs_of(happenings: Sequence[Happening]) -> list[Event]:
    """A whole run's inputs, session start and stop included."""
    events: list[Event] = [
        InstrumentDefined(1, "B", tick_size=Decimal("0.25"), multiplier=Decimal(5)),
        CashMoved(1, Decimal(10_000)),
        SessionStarted(1, 1, "backtest", "", ""),
    ]
    ts, last_bar_ts = 1, {"A": 1, "B": 1}
    for after, kind, symbol, price, other in happenings:
        ts += after
        low, high = min(price, other), max(price, other)
        match kind:
            case "bar":
                events.append(Bar(ts, symbol, "1s", price, high, low, other, 1.0, last_bar_ts[symbol]))
                last_bar_ts[symbol] = ts
            case "quote":
                events.append(Quote(ts, symbol, low, high))
            case "trade":
                events.append(Trade(ts, symbol, price, 1.0))
            case _:
                events.append(_COMMANDS[kind](ts))
    return [*events, SessionStopped(ts, 1)]
