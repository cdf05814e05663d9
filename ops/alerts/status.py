"""The alerts of a running daemon, as its status shows them."""

import msgspec

from ops.alerts.channel import ChannelStatus
from ops.alerts.record import AlertEntry


class AlertsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that are open, oldest first, and the channels."""

    open: tuple[AlertEntry, ...] = ()
    channels: tuple[ChannelStatus, ...] = ()
