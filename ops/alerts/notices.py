"""Decides who is told what, and when.

- What it remembers: alerts that somebody may still have to hear of, when they were told last, and when a
  message about each rule was made.
- What changes it: alerts that begin; ``due``, which is asked again and again with the time of now.
- What never happens: two messages about one rule within ``group_s``, unless nobody has answered and the
  second one goes to those who are told then.

In quiet hours only severe alerts are told. The others are told at their end, if they are still open.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import msgspec

from kernel.events import AlertNotice, Severity
from kernel.time_units import SECOND_NS
from ops.alerts.record import AlertEntry
from replay.alert_settings import AlertRule, AlertsConfig, QuietHours

SEVERITIES = tuple(Severity)
LONGEST_BODY = 1_800
"""Characters: Discord takes 2,000, Telegram 4,096."""
LONGEST_LINE = 400

Item = tuple[AlertEntry, AlertNotice]


class Message(msgspec.Struct, frozen=True):
    """A message to a channel. ``items``: the alerts that it is about, and why."""

    severity: Severity
    title: str
    body: str
    items: tuple[tuple[str, AlertNotice], ...] = ()


class Notices:
    """The messages of one daemon."""

    def __init__(self, config: AlertsConfig, rules: Sequence[AlertRule], *, source: str) -> None:
        """``source``: what the messages are about: the name of the log."""
        self._config = config
        self._rules = {rule.name: rule for rule in rules}
        self._source = source
        self._live: dict[str, AlertEntry] = {}
        self._begin_ts: dict[str, int] = {}
        self._told_ts: dict[str, int] = {}
        self._escalated: set[str] = set()
        self._made_ts: dict[str, int] = {}

    def begin(self, entry: AlertEntry, now: int) -> None:
        """Take an alert that begins, or one that a former session left open."""
        key = entry.alert_id
        self._live[key], self._begin_ts[key] = entry, now
        if entry.told_ts:
            self._told_ts[key] = now
        if entry.is_escalated:
            self._escalated.add(key)

    def due(self, now: int) -> list[tuple[str, Message]]:
        """The messages that are to be sent now, each with its channel."""
        by_rule: dict[str, list[Item]] = {}
        for entry in tuple(self._live.values()):
            items = [(entry, notice) for notice in self._notices(entry, now)]
            if items:
                by_rule.setdefault(entry.rule, []).extend(items)
        messages: list[tuple[str, Message]] = []
        for rule, items in by_rule.items():
            made_ts, is_urgent = self._made_ts.get(rule), _has_escalation(items)
            if made_ts is not None and now - made_ts < self._config.group_s * SECOND_NS and not is_urgent:
                continue
            self._made_ts[rule] = now
            messages += self._messages(items)
            self._note(items, now)
        return messages

    # --- one alert ----------------------------------------------------------------------------

    def _notices(self, entry: AlertEntry, now: int) -> Iterator[AlertNotice]:
        key, told_ts = entry.alert_id, self._told_ts.get(entry.alert_id)
        if is_quiet(self._config.quiet_hours, entry.severity, now):
            if told_ts is None and not entry.is_open:
                self._forget(key)
            return
        if told_ts is None:
            yield AlertNotice.RAISED
        if not entry.is_open:
            yield AlertNotice.RESOLVED
            return
        if entry.acknowledged_ts:
            return
        repeat_s, escalate = self._config.repeat_s, self._config.escalate
        if told_ts is not None and repeat_s and now - told_ts >= repeat_s * SECOND_NS:
            yield AlertNotice.REPEATED
        if escalate is None or key in self._escalated:
            return
        if now - self._begin_ts[key] >= escalate.after_s * SECOND_NS:
            yield AlertNotice.ESCALATED

    def _note(self, items: Sequence[Item], now: int) -> None:
        for entry, notice in items:
            if notice is AlertNotice.RESOLVED:
                self._forget(entry.alert_id)
            elif notice is AlertNotice.ESCALATED:
                self._escalated.add(entry.alert_id)
            else:
                self._told_ts[entry.alert_id] = now

    def _forget(self, key: str) -> None:
        del self._live[key], self._begin_ts[key]
        self._told_ts.pop(key, None)
        self._escalated.discard(key)

    # --- messages -----------------------------------------------------------------------------

    def _messages(self, items: Sequence[Item]) -> Iterator[tuple[str, Message]]:
        by_channel: dict[str, list[Item]] = {}
        for item in items:
            for channel in self._channels(item):
                by_channel.setdefault(channel, []).append(item)
        for channel, its in by_channel.items():
            yield channel, message_of(its, source=self._source)

    def _channels(self, item: Item) -> Sequence[str]:
        entry, notice = item
        further = () if self._config.escalate is None else self._config.escalate.channels
        if notice is AlertNotice.ESCALATED:
            return further
        rule = self._rules.get(entry.rule)
        named = () if rule is None else rule.channels
        takers = [
            one.name
            for one in self._config.channels
            if (not named or one.name in named) and is_as_severe(entry.severity, one.least)
        ]
        if notice is AlertNotice.RESOLVED and entry.alert_id in self._escalated:
            takers += [name for name in further if name not in takers]
        return takers


def is_as_severe(severity: Severity, least: Severity) -> bool:
    """Whether a severity is the other one or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def is_quiet(hours: QuietHours | None, severity: Severity, now: int) -> bool:
    """Whether an alert of a severity is not told at a time, in ns."""
    if hours is None or is_as_severe(severity, hours.least):
        return False
    at = datetime.fromtimestamp(now // SECOND_NS, tz=UTC).astimezone(ZoneInfo(hours.timezone)).time()
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    return start <= at < end if start <= end else at >= start or at < end


def message_of(items: Sequence[Item], *, source: str) -> Message:
    """One message about all items, the oldest first; cut if it is long."""
    severity = max((entry.severity for entry, _ in items), key=SEVERITIES.index)
    rules = ", ".join(dict.fromkeys(entry.rule for entry, _ in items))
    is_over = all(not entry.is_open for entry, _ in items)
    title = f"onetape {source}: {'resolved' if is_over else severity.value}: {rules}"
    lines: list[str] = []
    for place, (entry, notice) in enumerate(items):
        line = _line(entry, notice)
        if len("\n".join([*lines, line])) > LONGEST_BODY:
            lines.append(f"and {len(items) - place} more: onetape alerts list")
            break
        lines.append(line)
    told = tuple((entry.alert_id, notice) for entry, notice in items)
    return Message(severity, title, "\n".join(lines), told)


def _line(entry: AlertEntry, notice: AlertNotice) -> str:
    raised = _moment(entry.raised_ts)
    match notice:
        case AlertNotice.RAISED:
            line = f"{raised} {entry.sentence} (alert {entry.alert_id})"
        case AlertNotice.REPEATED:
            line = f"still open since {raised}: {entry.sentence} (alert {entry.alert_id})"
        case AlertNotice.ESCALATED:
            line = f"open since {raised}, and nobody has answered: {entry.sentence} (alert {entry.alert_id})"
        case AlertNotice.RESOLVED:
            line = f"{_moment(entry.resolved_ts)} resolved: {entry.sentence} (alert {entry.alert_id})"
    return line[:LONGEST_LINE]


def _moment(ts: int) -> str:
    return datetime.fromtimestamp(ts // SECOND_NS, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _has_escalation(items: Sequence[Item]) -> bool:
    return any(notice is AlertNotice.ESCALATED for _, notice in items)
