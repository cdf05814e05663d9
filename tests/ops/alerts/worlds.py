"""Events, values and times for tests of alerts."""

from kernel.events import AlertRaised, ComponentFailed, Severity
from kernel.time_units import SECOND_NS
from ops.alerts.record import AlertEntry

BEGIN = 1_795_888_800 * SECOND_NS
"""2026-11-28 18:00:00 UTC."""


def at(seconds: float) -> int:
    """A time, in seconds after the begin."""
    return BEGIN + int(seconds * SECOND_NS)


def failed(seconds: float, component: str = "busy") -> ComponentFailed:
    """A component that raised."""
    return ComponentFailed(at(seconds), component, "Quote", "ValueError: no idea", 1)


def raised(alert_id: str = "1-1", rule: str = "r", severity: Severity = Severity.WARNING) -> AlertRaised:
    """An alert that begins."""
    return AlertRaised(BEGIN, alert_id, rule, severity, f"{rule} has found something", 1.0)


def entry(alert_id: str = "1-1", rule: str = "r", severity: Severity = Severity.WARNING) -> AlertEntry:
    """The same, as it is remembered."""
    return AlertEntry(
        alert_id=alert_id,
        rule=rule,
        severity=severity,
        sentence=f"{rule} has found something",
        value=1.0,
        raised_ts=BEGIN,
    )
