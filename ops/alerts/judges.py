"""The kinds of rules: what each remembers, and when it finds something.

A judge gets the value of its metric at each look, or the events that it asked for. It knows no clock: each
call has the time, in ns. What it finds is a value and a sentence; ``None`` means that all is well.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from math import fsum, sqrt
from typing import Protocol, assert_never

import msgspec

from kernel.events import Event
from kernel.time_units import SECOND_NS
from ops.event_lines import EVENT_NAMES, field_texts
from replay.alert_settings import (
    AbsenceRule,
    AlertRule,
    AnomalyRule,
    ChangeRule,
    EventRule,
    ThresholdRule,
)

LONGEST_SENTENCE = 300
_HASH = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")
MOST_COUNTED = 1_000
"""Events that a rule counts, unless it needs more: a storm of millions is not kept."""


class Finding(msgspec.Struct, frozen=True):
    """Something that a rule has found."""

    value: float | None
    sentence: str


class Judge(Protocol):
    """A rule with its memory."""

    @property
    def metric(self) -> str:
        """The metric that it reads; empty for a rule of events."""
        ...

    @property
    def event_types(self) -> frozenset[type[Event]]:
        """The events that it hears."""
        ...

    def hear(self, event: Event) -> None:
        """Take an event of one of the types."""
        ...

    def look(self, now: int, value: float | None) -> Finding | None:
        """Judge at ``now``. ``value``: of the metric; ``None`` if it has none now."""
        ...


def judge_of(rule: AlertRule, *, begin_ts: int) -> Judge:
    """A judge of a rule, with an empty memory."""
    match rule:
        case ThresholdRule():
            return ThresholdJudge(rule)
        case ChangeRule():
            return ChangeJudge(rule)
        case AbsenceRule():
            return AbsenceJudge(rule, begin_ts=begin_ts)
        case AnomalyRule():
            return AnomalyJudge(rule)
        case EventRule():
            return EventJudge(rule)
        case _:
            assert_never(rule)


class MetricJudge:
    """A judge that hears no events."""

    event_types: frozenset[type[Event]] = frozenset()

    def __init__(self, metric: str) -> None:
        self.metric = metric

    def hear(self, event: Event) -> None:
        """Hears none."""


class ThresholdJudge(MetricJudge):
    """Remembers nothing."""

    def __init__(self, rule: ThresholdRule) -> None:
        super().__init__(rule.metric)
        self._above, self._below = rule.above, rule.below

    def look(self, now: int, value: float | None) -> Finding | None:
        del now
        if value is None:
            return None
        if self._above is not None and value > self._above:
            return Finding(value, f"{self.metric} is {value:,.6g}, above {self._above:,.6g}")
        if self._below is not None and value < self._below:
            return Finding(value, f"{self.metric} is {value:,.6g}, below {self._below:,.6g}")
        return None


class Window:
    """The values of a period, which ends now."""

    def __init__(self, over_s: float) -> None:
        self._over_ns = int(over_s * SECOND_NS)
        self._values = deque[tuple[int, float]]()

    def add(self, now: int, value: float) -> None:
        """Add the value of now."""
        self._values.append((now, value))

    def until(self, now: int) -> list[float]:
        """Forget what is older than the period, and return the rest, oldest first."""
        values = self._values
        while values and values[0][0] < now - self._over_ns:
            values.popleft()
        return [each for _, each in values]


class ChangeJudge(MetricJudge):
    """Remembers the values of its period."""

    def __init__(self, rule: ChangeRule) -> None:
        super().__init__(rule.metric)
        self._rule = rule
        self._window = Window(rule.over_s)

    def look(self, now: int, value: float | None) -> Finding | None:
        past = self._window.until(now)
        if value is None:
            return None
        self._window.add(now, value)
        known = [*past, value]
        risen, fallen = value - min(known), max(known) - value
        rule, over = self._rule, f"within {self._rule.over_s:g} s, to {value:,.6g}"
        if rule.rise is not None and risen > rule.rise:
            return Finding(value, f"{self.metric} has risen by {risen:,.6g} {over}")
        if rule.fall is not None and fallen > rule.fall:
            return Finding(value, f"{self.metric} has fallen by {fallen:,.6g} {over}")
        return None


class AnomalyJudge(MetricJudge):
    """Remembers the values of its period."""

    def __init__(self, rule: AnomalyRule) -> None:
        super().__init__(rule.metric)
        self._rule = rule
        self._window = Window(rule.over_s)

    def look(self, now: int, value: float | None) -> Finding | None:
        past = self._window.until(now)
        if value is None:
            return None
        self._window.add(now, value)
        if len(past) < self._rule.least_values:
            return None
        mean = fsum(past) / len(past)
        deviation = sqrt(fsum((each - mean) ** 2 for each in past) / (len(past) - 1))
        distance = abs(value - mean)
        if distance <= max(self._rule.deviations * deviation, self._rule.least_change):
            return None
        how_far = f"{distance / deviation:.1f} deviations" if deviation else f"{distance:,.6g}"
        return Finding(value, f"{self.metric} is {value:,.6g}, {how_far} from its recent mean {mean:,.6g}")


class AbsenceJudge:
    """Remembers when its event came last, or its metric changed last."""

    def __init__(self, rule: AbsenceRule, *, begin_ts: int) -> None:
        self.metric = rule.metric
        self.event_types = frozenset(EVENT_NAMES[name] for name in rule.events)
        self._fits = fits(rule.where)
        self._within_ns = int(rule.within_s * SECOND_NS)
        self._what = f"{self.metric} has not changed" if self.metric else f"no {' or '.join(rule.events)}"
        self._last_ts = begin_ts
        self._value: float | None = None

    def hear(self, event: Event) -> None:
        if self._fits(event):
            self._last_ts = max(self._last_ts, event.ts)

    def look(self, now: int, value: float | None) -> Finding | None:
        if value != self._value:
            self._value, self._last_ts = value, now
        silent_ns = now - self._last_ts
        if silent_ns <= self._within_ns:
            return None
        return Finding(silent_ns / SECOND_NS, f"{self._what} for {silent_ns / SECOND_NS:,.0f} s")


class EventJudge:
    """Remembers the times of its last events, and the last one."""

    metric = ""

    def __init__(self, rule: EventRule) -> None:
        self.event_types = frozenset(EVENT_NAMES[name] for name in rule.events)
        self._rule = rule
        self._fits = fits(rule.where)
        self._within_ns = int(rule.within_s * SECOND_NS)
        self._times = deque[int](maxlen=max(rule.count, MOST_COUNTED))
        self._last: Event | None = None

    def hear(self, event: Event) -> None:
        if self._fits(event):
            self._times.append(event.ts)
            self._last = event

    def look(self, now: int, value: float | None) -> Finding | None:
        del value
        while self._times and self._times[0] < now - self._within_ns:
            self._times.popleft()
        count = len(self._times)
        if count < self._rule.count or self._last is None:
            return None
        last = _said(self._last)
        if self._rule.count == 1 and count == 1:
            return Finding(1.0, last)
        many = f"{count:,}{' or more' if count == self._times.maxlen else ''}"
        return Finding(float(count), f"{many} within {self._rule.within_s:g} s, the last: {last}")


def fits(where: Mapping[str, str]) -> Callable[[Event], bool]:
    """Whether the fields of an event have these values."""

    def is_so(event: Event) -> bool:
        return all(_shown(getattr(event, field)) == wanted for field, wanted in where.items())

    return is_so


def _said(event: Event) -> str:
    """An event in words for people: hashes by their first letters, without lists and settings in JSON."""
    texts = (_HASH.sub(r"\1", text) for text in field_texts(event) if "={" not in text and "=[]" not in text)
    return f"{type(event).__name__} {' '.join(texts)}"[:LONGEST_SENTENCE]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.value) if isinstance(value, Enum) else str(value)
