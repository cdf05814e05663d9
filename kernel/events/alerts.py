"""Alerts: what a rule has found, what an operator said to it, and whether a channel has taken the message.

All are inputs: rules look at the speed of a machine and at the world, which a replay cannot find out again.
"""

from decimal import Decimal
from enum import StrEnum

from kernel.events.header import Event


class Severity(StrEnum):
    """How much an alert matters, from the least on."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertNotice(StrEnum):
    """The reason of a message about an alert."""

    RAISED = "raised"
    REPEATED = "repeated"
    """It is still open, and nobody has acknowledged it."""
    ESCALATED = "escalated"
    """As repeated, to those who are told when nobody answers."""
    RESOLVED = "resolved"


class EquityNoted(Event, frozen=True, tag=137):
    """Input: what alerts measure losses of the account from, so that it outlasts a restart.

    - ``peak``: the highest equity. ``day_equity``: the first of the UTC day ``day``, in days since the epoch.
    - ``paid_in``: payments in less payments out, since the log began.
    """

    peak: Decimal
    day_equity: Decimal
    day: int
    paid_in: Decimal


class AlertRaised(Event, frozen=True, tag=150):
    """Input: a rule has found something.

    - ``alert_id``: unique in the log.
    - ``sentence``: what was found, for people.
    - ``value``: of the rule's metric, or a number of events; ``None`` if there is none.
    """

    alert_id: str
    rule: str
    severity: Severity
    sentence: str
    value: float | None = None


class AlertResolved(Event, frozen=True, tag=151):
    """Input: the rule of an open alert no longer finds anything, or is gone."""

    alert_id: str
    rule: str
    sentence: str = ""


class AlertAcknowledged(Event, frozen=True, tag=152):
    """Operator: somebody looks after an open alert, so that it is neither repeated nor escalated."""

    operator: str
    alert_id: str
    reason: str = ""


class AlertDelivered(Event, frozen=True, tag=153):
    """Input: a channel has taken a message about an alert, or was given up.

    - ``attempts``: how often it was tried; 0 for a message that found no room.
    - ``error``: the last one, without secrets; empty if it was delivered.
    """

    alert_id: str
    channel: str
    notice: AlertNotice
    is_delivered: bool
    attempts: int = 1
    error: str = ""
