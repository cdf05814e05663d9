"""Breaches of continuous limits: when a limit acts, and when it is re-armed.

A limit acts once. Its breach is remembered until the limit is re-armed. The log has a ``RiskLimitBreached``
for the breach, and a second one with the action ``rearmed``.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import inf

from components.risk_monitor.state import Breach, MonitorState
from kernel.events import Event, RiskLimitBreached, TimerScheduled
from kernel.events.timer_purposes import DataSilence, LimitRearm
from kernel.identifiers import StrategyId, TimerName
from kernel.time_units import SECOND_NS
from strategies.sdk.limits import REARMED, BreachKey, ContinuousLimit, LimitKind, Rearm

NOBODY = StrategyId("")


class Breaches:
    """The breaches of the monitor's state; ``owner`` is the component that its timers belong to."""

    def __init__(self, state: MonitorState, rules: Mapping[str, ContinuousLimit], *, owner: str) -> None:
        self._state = state
        self._rules = rules
        self._owner = owner
        self._bounds = {rule: float(limit.limit) for rule, limit in rules.items()}

    def bound(self, rule: str) -> float:
        """The limit of a rule, in its unit."""
        return self._bounds[rule]

    def judge(
        self,
        rule: str,
        value: float,
        *,
        is_beyond: bool,
        ts: int,
        symbol: str = "",
        strategy: StrategyId = NOBODY,
    ) -> Iterator[Event]:
        """Record a new breach, or re-arm a limit whose breach ends by recovery."""
        key, limit = BreachKey(rule, symbol, strategy), self._rules[rule]
        breaches = self._state.breaches
        if is_beyond and key not in breaches:
            breaches[key] = Breach(ts)
            shown, action = str(_shown(value)), limit.action.value
            yield RiskLimitBreached(ts, rule, str(limit.limit), shown, action, symbol, strategy)
            if limit.rearms is Rearm.DELAY:
                yield self._rearm_timer(key, ts, due_ts=ts + limit.rearm_after_s * SECOND_NS)
        elif not is_beyond and key in breaches and limit.rearms is Rearm.RECOVERY:
            yield from self.rearm(key, ts, value=str(_shown(value)))

    def rearm(self, key: BreachKey, ts: int, *, value: str = "") -> Iterator[Event]:
        """Re-arm a limit. ``value``: the recovered figure; empty if it did not recover.

        A loss that did not recover is measured from the present equity from now on.
        """
        state = self._state
        del state.breaches[key]
        limit = self._rules[key.rule]
        if limit.is_loss and not value:
            state.origins[key.rule] = state.equity
        yield RiskLimitBreached(
            ts, key.rule, str(limit.limit), value, REARMED, key.symbol, key.strategy, is_rearmed=True
        )
        if limit.kind is LimitKind.STALE_DATA and key.symbol in state.heard:
            yield self.silence_timer(key.rule, key.symbol, ts, since=ts)

    def rearm_delayed(self, timer: TimerName, ts: int) -> Iterator[Event]:
        """Re-arm a limit after its delay, unless it was re-armed before."""
        key = self._state.rearms.pop(timer)
        if key in self._state.breaches:
            yield from self.rearm(key, ts)

    def rearm_on(self, occasion: Rearm, ts: int) -> Iterator[Event]:
        """Re-arm every limit whose setting names this occasion."""
        for key in tuple(self._state.breaches):
            if self._rules[key.rule].rearms is occasion:
                yield from self.rearm(key, ts)

    def rearm_all(self, ts: int) -> Iterator[Event]:
        """Re-arm every limit."""
        for key in tuple(self._state.breaches):
            yield from self.rearm(key, ts)

    def silence_timer(self, rule: str, symbol: str, ts: int, *, since: int) -> TimerScheduled:
        """The timer that is due when a symbol has had no data for too long."""
        due_ts = since + int(self._rules[rule].limit * SECOND_NS)
        name = TimerName(f"silence|{rule}|{symbol}")
        return TimerScheduled(ts, self._owner, name, due_ts, purpose=DataSilence(rule, symbol))

    def _rearm_timer(self, key: BreachKey, ts: int, *, due_ts: int) -> TimerScheduled:
        name = TimerName(f"delay|{key.rule}|{key.symbol}|{key.strategy}")
        self._state.rearms[name] = key
        return TimerScheduled(ts, self._owner, name, due_ts, purpose=LimitRearm(key.rule))


def _shown(value: float) -> Decimal:
    """A figure as the log shows it: at most six decimals, without trailing zeros."""
    return Decimal(repr(round(value, 6))).normalize() + 0 if abs(value) < inf else Decimal(repr(value))
