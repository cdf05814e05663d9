"""Settings of a venue that takes real orders: ``venue:``, told apart by ``kind``."""

from typing import Annotated

import msgspec

from kernel.secret import SecretReference
from kernel.supervision import RestartPolicy

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class VenueSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What all venues have."""

    account: Name
    """The account's id at the venue. Live trading is confirmed for this account alone."""
    name: Name = "venue"
    """The name under which it is in events. Another name is another venue."""
    answer_s: Positive = 5.0
    """How long the venue may take to answer. An order without an answer by then is unknown, and asked about;
    venues answer in well under a second."""
    settle_s: NotNegative = 2.0
    """How long an order that the venue does not know may still be on its way: it is asked about again after
    that, before "no such order" is believed."""
    send_within_s: Positive = 10.0
    """An order that waited longer than this for a venue that was away is not sent any more: the market that
    it was meant for is gone."""
    reconcile_every_s: Positive = 30.0
    """How often orders, fills and positions are compared while all is well."""
    fills_overlap_s: NotNegative = 3_600.0
    """How far back from the last event of the log fills are asked for: clocks differ, and fills come late."""
    cash_tolerance: NotNegative = 0.01
    """How far the account's cash may be from ours before that is told, in its currency. A cent: venues round
    each fill's commission."""
    restart: RestartPolicy = RestartPolicy()


class ExchangeVenueConfig(VenueSettings, frozen=True, kw_only=True, tag="exchange"):
    """Order entry at ``onetape exchange`` (``docs/live.md``)."""

    url: str
    """The address, ``ws://HOST:PORT/orders``, without a password: it is in the log."""
    key: SecretReference
    """The account's key."""
    heartbeat_s: NotNegative = 5.0
    """Seconds between pings. No answer in half of that: the connection is lost. 0: off."""


VenueConfig = ExchangeVenueConfig
"""Any venue."""
