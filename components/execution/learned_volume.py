"""Volume by time of day, configured or learned from the market."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from components.execution.config import ExecutionConfig
from components.execution.schedule import MAX_PARTS
from components.execution.volume_profile import (
    TRADES,
    SymbolVolume,
    add_bar,
    add_trade,
    bucket_steps,
    step_weights,
)
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import Bar, Trade
from kernel.time_units import DAY_S


class LearnedVolumeState(msgspec.Struct):
    """``volumes``: the learned volume by time of day, by symbol."""

    volumes: dict[str, SymbolVolume] = {}


class LearnedVolume:
    """The component that adds up the volume of the symbols in ``learn_volume``."""

    name = "learned_volume"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self, config: ExecutionConfig) -> None:
        self.state = LearnedVolumeState()
        self._config = config

    def subscriptions(self) -> Iterable[Subscription]:
        learned = frozenset(self._config.learn_volume)
        yield Subscription(Bar, self.on_bar, learned)
        yield Subscription(Trade, self.on_trade, learned)

    def on_bar(self, bar: Bar) -> None:
        add_bar(self._profile(bar.symbol, bar.timeframe), bar)

    def on_trade(self, trade: Trade) -> None:
        add_trade(self._profile(trade.symbol, TRADES), trade)

    def step_weights(self, symbol: str, start_ts: int, end_ts: int) -> tuple[Decimal, ...]:
        """Weights of the steps of a period, one step a bucket; equal weights if no volume is known.

        A configured profile is used before a learned one.
        """
        volumes: Sequence[float] = self._config.volume_profiles.get(symbol, ())
        if not volumes:
            learned = self.state.volumes.get(symbol)
            volumes = self._no_volumes() if learned is None else learned.volumes
        steps = bucket_steps(volumes, start_ts, end_ts, most=MAX_PARTS)
        return step_weights(volumes, start_ts, end_ts, steps=steps)

    def _profile(self, symbol: str, source: str) -> SymbolVolume:
        profile = self.state.volumes.get(symbol)
        if profile is None:
            profile = self.state.volumes[symbol] = SymbolVolume(source, self._no_volumes())
        return profile

    def _no_volumes(self) -> list[float]:
        return [0.0] * (DAY_S // self._config.bucket_s)
