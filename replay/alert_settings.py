"""Settings of alerts: the section ``alerts:``. The rules are told apart by ``kind``.

What the rules mean is in ``ops.alerts``, and so are the names of metrics and the rules that are always there.
"""

from datetime import time
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from kernel.errors import ConfigError
from kernel.events import EVENT_TYPES, Event, Severity
from kernel.secret import SecretReference

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$(?!\n)")]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]

_TYPES: dict[str, type[Event]] = {kind.__name__: kind for kind in EVENT_TYPES}

OPEN_SCHEMES = frozenset({"json", "form", "xml", "dbus", "gnome", "macosx", "windows", "mailto"})
"""Kinds of address without a token of their own, which may stand in the file; also those over TLS."""


class RuleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What all rules have."""

    name: Name
    severity: Severity = Severity.WARNING
    text: str = ""
    """What it means, for the people who get the message."""
    channels: tuple[str, ...] = ()
    """Names of channels. Empty: all."""
    for_s: NotNegative = 0.0
    """How long it must hold before there is an alert."""
    clear_s: NotNegative = 30.0
    """How long all must be well before the alert is over: a value around its limit is one alert."""


class ThresholdRule(RuleSettings, frozen=True, kw_only=True, tag="threshold"):
    """A metric is above, or below, a limit."""

    metric: str
    above: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        if (self.above is None) is (self.below is None):
            raise ValueError(f"rule {self.name}: expected either above or below")


class ChangeRule(RuleSettings, frozen=True, kw_only=True, tag="change"):
    """A metric has risen by more than ``rise``, or fallen by more than ``fall``, within ``over_s``."""

    metric: str
    over_s: Positive
    rise: Positive | None = None
    fall: Positive | None = None

    def __post_init__(self) -> None:
        if self.rise is None and self.fall is None:
            raise ValueError(f"rule {self.name}: expected rise, fall or both")


class AbsenceRule(RuleSettings, frozen=True, kw_only=True, tag="absence"):
    """For ``within_s`` no event has come, or a metric has not changed. Counted from the start of the daemon.

    ``where``: only events whose fields have these values.
    """

    within_s: Positive
    metric: str = ""
    events: tuple[str, ...] = ()
    where: dict[str, str] = {}

    def __post_init__(self) -> None:
        if bool(self.metric) is bool(self.events):
            raise ValueError(f"rule {self.name}: expected either metric or events")
        _check_events(self.name, self.events, self.where)


class AnomalyRule(RuleSettings, frozen=True, kw_only=True, tag="anomaly"):
    """A metric is far from its own recent mean, counted in standard deviations.

    - ``over_s``: how much of the past counts, without the value that is judged.
    - ``least_values``: looks that are needed before anything is judged.
    - ``least_change``: a distance from the mean below which nothing is odd, in the unit of the metric: a
      metric that has rested has a deviation near 0.
    """

    metric: str
    over_s: Positive = 600.0
    deviations: Positive = 4.0
    least_values: Annotated[int, msgspec.Meta(ge=2)] = 60
    least_change: NotNegative = 0.0


class EventRule(RuleSettings, frozen=True, kw_only=True, tag="event"):
    """There were ``count`` events or more of the named types within ``within_s``.

    ``where``: only events whose fields have these values: a strategy, a symbol.
    """

    events: tuple[str, ...]
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    within_s: Positive = 60.0
    where: dict[str, str] = {}

    def __post_init__(self) -> None:
        if not self.events:
            raise ValueError(f"rule {self.name}: events: expected the name of at least one event type")
        _check_events(self.name, self.events, self.where)


AlertRule = ThresholdRule | ChangeRule | AbsenceRule | AnomalyRule | EventRule


class ChannelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where messages go.

    - ``url``: an address of apprise (``json://host/path``). One with a token or a password is a secret:
      ``{secret: slack_alerts}``.
    - ``least``: the least severity of its messages.
    """

    name: Name
    url: str | SecretReference
    least: Severity = Severity.INFO

    def __post_init__(self) -> None:
        if isinstance(self.url, SecretReference):
            return
        scheme = self.url.partition("://")[0].lower()
        if scheme.removesuffix("s") not in OPEN_SCHEMES and scheme not in OPEN_SCHEMES:
            raise ValueError(
                f"channel {self.name}: an address of {scheme}:// holds a token, and this file is recorded; "
                "expected the name of a secret, {secret: NAME}"
            )


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The hours of each day in which only severe alerts are told; the others afterwards, if still open.

    - ``from``, ``to``: ``22:00``; the end may be on the next day.
    - ``timezone``: ``Europe/Berlin``.
    - ``least``: the severity that is told all the same.
    """

    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    timezone: str = "UTC"
    least: Severity = Severity.CRITICAL

    def __post_init__(self) -> None:
        for key, value in (("from", self.start), ("to", self.end)):
            try:
                time.fromisoformat(value)
            except ValueError:
                raise ValueError(f"quiet_hours.{key}: {value!r} is not a time such as 22:00") from None
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"quiet_hours.timezone: there is no {self.timezone!r}") from None


class Escalation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An alert that nobody has acknowledged for ``after_s`` is told to ``channels`` too."""

    after_s: Positive = 900.0
    channels: tuple[str, ...]


class DeliverySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How messages are delivered to every channel."""

    limit_s: Positive = 20.0
    """For one attempt: a service that takes longer is away."""
    first_retry_s: Positive = 2.0
    """The wait after the first failure; doubled after each further one, up to a minute."""
    give_up_s: Positive = 900.0
    """How long one message is tried. An alert that is still open then is repeated all the same."""
    most_waiting: Annotated[int, msgspec.Meta(ge=1)] = 100
    """Messages that wait for one channel. Beyond it the oldest one is dropped, and recorded as such."""


class AlertsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The alerts of a daemon.

    - ``rules``: further rules. One with the name of a rule that is always there replaces it.
    - ``off``: the names of rules that are not used.
    - ``quiet_hours``, ``escalate``: none unless given.
    """

    enabled: bool = True
    """Judge rules and record alerts. Without channels they are in the log and in ``onetape alerts list``."""
    look_s: Positive = 1.0
    """How often metrics are read."""
    channels: tuple[ChannelSettings, ...] = ()
    rules: tuple[AlertRule, ...] = ()
    off: tuple[str, ...] = ()
    quiet_hours: QuietHours | None = None
    group_s: NotNegative = 30.0
    """After a message about a rule, more about it is kept so long, and told in one message."""
    repeat_s: NotNegative = 14_400.0
    """How often an open alert is told again until somebody acknowledges it; every four hours. 0: never."""
    escalate: Escalation | None = None
    delivery: DeliverySettings = DeliverySettings()
    advice: tuple[str, ...] = ()
    """In mode ``advisory``: the channels that are told each decision, also in quiet hours. Empty: none."""


def check_alerts(config: AlertsConfig) -> None:
    """Refuse names that are given twice, and channels that do not exist. Raises ``ConfigError``."""
    for key, names in (
        ("channels", [one.name for one in config.channels]),
        ("rules", [one.name for one in config.rules]),
    ):
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            raise ConfigError(f"alerts.{key}: there are two with the name {twice!r}")
    known = [one.name for one in config.channels]
    named = [(f"rules: {rule.name}", name) for rule in config.rules for name in rule.channels]
    if config.escalate is not None:
        named += [("escalate", name) for name in config.escalate.channels]
    named += [("advice", name) for name in config.advice]
    if config.advice and not config.enabled:
        raise ConfigError(
            "alerts.advice: alerts are off, so no channel takes a message; expected enabled: true"
        )
    for place, name in named:
        if name not in known:
            there = ", ".join(known) or "none"
            raise ConfigError(f"alerts.{place}: there is no channel {name!r}; the channels are: {there}")


def _check_events(rule: str, names: tuple[str, ...], where: dict[str, str]) -> None:
    for name in names:
        if name not in _TYPES:
            raise ValueError(f"rule {rule}: there is no event type {name!r}; see docs/events.md")
        for field in where:
            if field not in _TYPES[name].__struct_fields__:
                raise ValueError(f"rule {rule}: where: {name} has no field {field!r}")
