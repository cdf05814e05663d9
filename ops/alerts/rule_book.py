"""The rules of a daemon, and the alerts that they have open.

- What it remembers: of each rule, since when it finds something, or nothing any more, and the id of its open
  alert. A rule has one open alert at most.
- What changes it: events and looks. A rule that finds something for long enough raises an alert; one that
  finds nothing for long enough resolves it.
- What never happens: an id is used twice. It has the number of the session, which never recurs.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from kernel.events import AlertRaised, AlertResolved, Event
from kernel.time_units import SECOND_NS
from ops.alerts.judges import Judge, judge_of
from replay.alert_settings import AlertRule


class _Entry(msgspec.Struct):
    """A rule at work."""

    rule: AlertRule
    judge: Judge
    since_ts: int | None = None
    well_since_ts: int | None = None
    alert_id: str = ""


class RuleBook:
    """All rules of one session."""

    def __init__(self, rules: Sequence[AlertRule], *, epoch: int, begin_ts: int) -> None:
        self._entries = {rule.name: _Entry(rule, judge_of(rule, begin_ts=begin_ts)) for rule in rules}
        self._epoch = epoch
        self._count = 0
        self._orphans: dict[str, str] = {}
        self._hearing: dict[type[Event], list[Judge]] = {}
        for entry in self._entries.values():
            for kind in entry.judge.event_types:
                self._hearing.setdefault(kind, []).append(entry.judge)

    @property
    def event_types(self) -> frozenset[type[Event]]:
        """The events that any rule hears."""
        return frozenset(self._hearing)

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics that any rule reads."""
        return frozenset(entry.judge.metric for entry in self._entries.values() if entry.judge.metric)

    def restore(self, open_alerts: Iterable[tuple[str, str]]) -> None:
        """Take over alerts that former sessions left open: their ids and rules."""
        for alert_id, rule in open_alerts:
            entry = self._entries.get(rule)
            if entry is None or entry.alert_id:
                self._orphans[alert_id] = rule
            else:
                entry.alert_id = alert_id

    def hear(self, event: Event) -> None:
        """Give an event to the rules that want it."""
        for judge in self._hearing.get(type(event), ()):
            judge.hear(event)

    def look(self, now: int, values: Mapping[str, float | None]) -> list[AlertRaised | AlertResolved]:
        """Judge all rules; returns the alerts that begin and end."""
        made: list[AlertRaised | AlertResolved] = [
            AlertResolved(now, alert_id, rule, "the rule is no longer used")
            for alert_id, rule in self._orphans.items()
        ]
        self._orphans.clear()
        for entry in self._entries.values():
            change = self._judged(entry, now, values)
            if change is not None:
                made.append(change)
        return made

    def _judged(
        self, entry: _Entry, now: int, values: Mapping[str, float | None]
    ) -> AlertRaised | AlertResolved | None:
        rule, finding = entry.rule, entry.judge.look(now, values.get(entry.judge.metric))
        if finding is None:
            return self._well(entry, now)
        entry.well_since_ts = None
        if entry.since_ts is None:
            entry.since_ts = now
        if entry.alert_id or now - entry.since_ts < rule.for_s * SECOND_NS:
            return None
        self._count += 1
        entry.alert_id = f"{self._epoch}-{self._count}"
        sentence = f"{rule.text}: {finding.sentence}" if rule.text else finding.sentence
        return AlertRaised(now, entry.alert_id, rule.name, rule.severity, sentence, finding.value)

    def _well(self, entry: _Entry, now: int) -> AlertResolved | None:
        """Note that a rule finds nothing."""
        entry.since_ts = None
        if not entry.alert_id:
            return None
        if entry.well_since_ts is None:
            entry.well_since_ts = now
        if now - entry.well_since_ts < entry.rule.clear_s * SECOND_NS:
            return None
        alert_id, entry.alert_id, entry.well_since_ts = entry.alert_id, "", None
        return AlertResolved(now, alert_id, entry.rule.name)
