"""The alerts of a log, folded from its events: those that are open, and the last that are over.

The daemon reads the last month at its start, so that it knows what its predecessors have told. Alerts that
are open for longer are raised anew. Folding an event twice changes nothing.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import aclosing

import msgspec

from eventstore import EventStore, Selection
from kernel.errors import StreamMissing
from kernel.events import (
    AlertAcknowledged,
    AlertDelivered,
    AlertNotice,
    AlertRaised,
    AlertResolved,
    EquityNoted,
    Event,
    Severity,
)
from kernel.time_units import DAY_NS

ALERT_TYPES: frozenset[type[Event]] = frozenset(
    {AlertRaised, AlertResolved, AlertAcknowledged, AlertDelivered}
)
RECORDED = ALERT_TYPES | {EquityNoted}
DAYS_READ = 30
KEPT = 100
"""Alerts that are over, of which something is remembered."""


class AlertEntry(msgspec.Struct, kw_only=True):
    """An alert and what became of it. Times in ns; 0: not yet.

    - ``told_ts``: the last message that a channel took.
    - ``told``: channels that took a message; ``failed``: the last error of others.
    """

    alert_id: str
    rule: str
    severity: Severity
    sentence: str
    value: float | None
    raised_ts: int
    resolved_ts: int = 0
    acknowledged_ts: int = 0
    acknowledged_by: str = ""
    reason: str = ""
    told_ts: int = 0
    is_escalated: bool = False
    told: list[str] = []
    failed: dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        """Whether its rule still finds something."""
        return not self.resolved_ts


class AlertRecord:
    """The fold."""

    def __init__(self) -> None:
        self.open: dict[str, AlertEntry] = {}
        self.over = deque[AlertEntry](maxlen=KEPT)
        self.equity: EquityNoted | None = None
        """What losses were measured from last."""

    def __iter__(self) -> Iterator[AlertEntry]:
        """Those that are open, oldest first; then the others, the last first."""
        yield from self.open.values()
        yield from reversed(self.over)

    def fold(self, event: Event) -> AlertEntry | None:
        """Take an event. Returns the alert that it begins; ``None`` if it begins none."""
        match event:
            case AlertRaised():
                return self._begin(event)
            case AlertResolved():
                ended = self.open.pop(event.alert_id, None)
                if ended is not None:
                    ended.resolved_ts = event.ts
                    self.over.append(ended)
            case AlertAcknowledged():
                entry = self.open.get(event.alert_id)
                if entry is not None and not entry.acknowledged_ts:
                    entry.acknowledged_ts, entry.acknowledged_by = event.ts, event.operator
                    entry.reason = event.reason
            case AlertDelivered():
                self._deliver(event)
            case EquityNoted():
                self.equity = event
            case _:
                pass
        return None

    def find(self, alert_id: str) -> AlertEntry | None:
        """An alert that is open, or was one of the last."""
        return next((entry for entry in self if entry.alert_id == alert_id), None)

    def _begin(self, event: AlertRaised) -> AlertEntry | None:
        if self.find(event.alert_id) is not None:
            return None
        entry = AlertEntry(
            alert_id=event.alert_id,
            rule=event.rule,
            severity=event.severity,
            sentence=event.sentence,
            value=event.value,
            raised_ts=event.ts,
        )
        self.open[event.alert_id] = entry
        return entry

    def _deliver(self, event: AlertDelivered) -> None:
        entry = self.find(event.alert_id)
        if entry is None:
            return
        if not event.is_delivered:
            entry.failed[event.channel] = event.error
            return
        entry.failed.pop(event.channel, None)
        entry.told_ts = max(entry.told_ts, event.ts)
        entry.is_escalated |= event.notice is AlertNotice.ESCALATED
        if event.channel not in entry.told:
            entry.told.append(event.channel)


async def read_alerts(store: EventStore, log: str, *, now_ts: int, days: int = DAYS_READ) -> AlertRecord:
    """The alerts of the last days of a log; none if there is no log yet."""
    record = AlertRecord()
    selection = Selection(from_ts=now_ts - days * DAY_NS, types=RECORDED)
    try:
        async with aclosing(store.read(log, selection)) as batches:
            async for batch in batches:
                for event in batch.events:
                    record.fold(event)
    except StreamMissing:
        pass
    return record
