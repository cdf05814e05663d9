"""Alerts and channels as rows of text, for ``onetape alerts list``, ``status`` and ``top``."""

from collections.abc import Iterable

from ops.alerts.channel import ChannelStatus
from ops.alerts.record import AlertEntry
from replay import figures
from replay.rows import Rows, number, text


def alert_rows(entries: Iterable[AlertEntry], *, title: str = "Alerts") -> Rows:
    """A row for each alert."""
    columns = (
        text("Alert"), text("Severity"), text("Rule"), text("Raised", rank=1), text("State"),
        text("Told", rank=2), text("What"),
    )  # fmt: skip
    rows = tuple(
        (
            entry.alert_id,
            entry.severity.value,
            entry.rule,
            figures.moment(entry.raised_ts),
            state_of(entry),
            _told(entry),
            entry.sentence,
        )
        for entry in entries
    )
    return Rows(title, columns, rows)


def channel_rows(channels: Iterable[ChannelStatus]) -> Rows:
    """A row for each channel of alerts."""
    columns = (
        text("Channel"), number("Waiting"), number("Delivered"), number("Given up"),
        number("Dropped", rank=1), text("Last error", rank=2),
    )  # fmt: skip
    rows = tuple(
        (
            one.name, f"{one.waiting:,}", f"{one.delivered:,}", f"{one.given_up:,}", f"{one.dropped:,}",
            one.error,
        )
        for one in channels
    )  # fmt: skip
    return Rows("Channels of alerts", columns, rows)


def state_of(entry: AlertEntry) -> str:
    """Open, acknowledged by somebody, or resolved at a time."""
    if not entry.is_open:
        return f"resolved {figures.moment(entry.resolved_ts)}"
    return f"acknowledged by {entry.acknowledged_by}" if entry.acknowledged_ts else "open"


def _told(entry: AlertEntry) -> str:
    told = ", ".join(entry.told)
    failed = ", ".join(f"not {channel}: {error}" for channel, error in entry.failed.items())
    return "; ".join(part for part in (told, failed) if part) or "nobody"
