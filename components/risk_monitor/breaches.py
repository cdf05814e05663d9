"""When a continuous limit acts, and when it watches again.

A limit acts once: its breach is remembered until the limit is re-armed. Each of the two is a
``RiskLimitBreached`` in the log, the second one with the action ``rearmed``.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import inf

from components.risk_monitor.state import Breach, MonitorState
from kernel.events import Event, RiskLimitBreached, TimerScheduled
from kernel.identifiers import StrategyId, TimerName
from kernel.time_units import SECOND_NS
from strategies.sdk.limits import REARMED, ContinuousLimit, LimitKind, Rearm, breach_key

NOBODY = StrategyId("")
SILENCE, DELAY = "silence|", "delay|"
"""How the names of timers begin: of symbols that must be heard of, of limits that re-arm after a delay."""


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
        """Record a breach that is new, or the recovery from one that ends so."""
        key, limit, breaches = breach_key(rule, symbol, strategy), self._rules[rule], self._state.breaches
        if is_beyond and key not in breaches:
            breaches[key] = Breach(ts, rule, symbol, strategy)
            shown, action = str(_shown(value)), limit.action.value
            yield RiskLimitBreached(ts, rule, str(limit.limit), shown, action, symbol, strategy)
            if limit.rearms is Rearm.DELAY:
                due_ts = ts + limit.rearm_after_s * SECOND_NS
                yield TimerScheduled(ts, self._owner, TimerName(DELAY + key), due_ts)
        elif not is_beyond and key in breaches and limit.rearms is Rearm.RECOVERY:
            yield from self.rearm(key, ts, value=str(_shown(value)))

    def rearm(self, key: str, ts: int, *, value: str = "") -> Iterator[Event]:
        """Watch again; ``value`` is the figure that recovered.

        Losses count from now on, except those that recovered.
        """
        state = self._state
        breach = state.breaches.pop(key)
        limit = self._rules[breach.rule]
        if limit.is_loss and not value:
            state.origins[breach.rule] = state.equity
        yield RiskLimitBreached(
            ts, breach.rule, str(limit.limit), value, REARMED, breach.symbol, breach.strategy
        )
        if limit.kind is LimitKind.STALE_DATA and breach.symbol in state.heard:
            yield self.silence_timer(breach.rule, breach.symbol, ts, since=ts)

    def rearm_on(self, occasion: Rearm, ts: int) -> Iterator[Event]:
        """Re-arm every limit that watches again on this occasion."""
        for key, breach in tuple(self._state.breaches.items()):
            if self._rules[breach.rule].rearms is occasion:
                yield from self.rearm(key, ts)

    def rearm_all(self, ts: int) -> Iterator[Event]:
        """Re-arm every limit."""
        for key in tuple(self._state.breaches):
            yield from self.rearm(key, ts)

    def silence_timer(self, rule: str, symbol: str, ts: int, *, since: int) -> TimerScheduled:
        """The timer that falls due when a symbol has been silent for too long."""
        due_ts = since + int(self._rules[rule].limit * SECOND_NS)
        return TimerScheduled(ts, self._owner, TimerName(f"{SILENCE}{rule}|{symbol}"), due_ts)


def _shown(value: float) -> Decimal:
    """A figure as the log shows it: six decimals, no more digits than it needs."""
    return Decimal(repr(round(value, 6))).normalize() + 0 if abs(value) < inf else Decimal(repr(value))
