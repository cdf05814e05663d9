"""Settings of feeds: the entries of ``feeds:``, told apart by ``kind``."""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from brokers.feeds.bars import BarsConfig
from brokers.feeds.quality import QualityConfig
from kernel.secret import SecretReference
from kernel.supervision import RestartPolicy

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class Channel(StrEnum):
    """A kind of data that a feed can be subscribed to."""

    QUOTES = "quotes"
    TRADES = "trades"
    BOOKS = "books"
    BARS = "bars"


class Encoding(StrEnum):
    """How messages are written in frames."""

    JSON = "json"
    MSGPACK = "msgpack"


class Numbering(StrEnum):
    """What the numbers of a source's messages count."""

    NONE = "none"
    """Messages have no numbers: nothing can be said about gaps."""
    SYMBOL = "symbol"
    """The messages of each symbol."""
    SOURCE = "source"
    """All messages."""


class PlayedTimes(StrEnum):
    """The times of played events."""

    SHIFTED = "shifted"
    """As if they happened now: what a daemon needs whose clock is the real one."""
    KEPT = "kept"
    """As recorded. An engine keeps them only if its clock shows that time too (``PlaybackClock``)."""


class FeedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What all feeds have."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    """Unique among the feeds: it is in the events about the feed."""
    symbols: tuple[str, ...] = ()
    """What to subscribe to. Empty: all that the source has."""
    backup_for: str = ""
    """The feed whose data this one gives while that one is lost or stale. It is connected all the time, so
    that it takes over at once. Backups take over in the order in which they are listed."""
    stale_after_s: NotNegative = 15.0
    """Silence, in seconds, after which data are stale, strategies are told, and the source is connected anew.
    Counted by market data: a connection that only answers pings is mute. 0: never, for markets that rest."""
    calendar: str = ""
    """The trading hours (``XNYS``) outside of which silence is no fault. Empty: data are always expected."""
    hold_ms: NotNegative = 50.0
    """How long a message waits for one before it that is missing. Two paths of a network differ by less."""
    hold_limit: Annotated[int, msgspec.Meta(ge=1)] = 256
    """The most messages of one numbering that wait so; beyond it, the missing ones are given up."""
    quality: QualityConfig = QualityConfig()
    bars: BarsConfig | None = None
    restart: RestartPolicy = RestartPolicy()


class WebSocketFeedConfig(FeedSettings, frozen=True, kw_only=True, tag="websocket"):
    """A feed over a WebSocket that speaks the protocol of ``onetape exchange`` (``docs/feeds.md``)."""

    url: str
    """The address, without a password: it is in events."""
    channels: tuple[Channel, ...] = (Channel.QUOTES,)
    encoding: Encoding = Encoding.JSON
    numbering: Numbering = Numbering.SYMBOL
    counts_anew: bool = False
    """Whether the source's numbers begin again with each connection. Off: what was missed between two
    connections is a gap, and what is sent again is ignored."""
    connect_timeout_s: Positive = 10.0
    """For the connection and the answer to each subscription: a venue that takes longer is away."""
    heartbeat_s: NotNegative = 10.0
    """Seconds between pings. No answer in half of that: the connection is lost (half-open). 0: off."""
    max_message_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 4 << 20
    """Largest frame. Batches and whole books have tens of kilobytes; more is an error or an attack."""
    compress: bool | None = None
    """permessage-deflate. Unset: only beyond this computer, as it costs three times the CPU per message."""
    headers: dict[str, str | SecretReference] = {}
    """Headers of the connection, such as ``Authorization: {secret: feed_token}``."""
    login: dict[str, str | SecretReference] = {}
    """The first message, before the subscription, such as ``{action: auth, key: {secret: feed_key}}``."""


class PlaybackFeedConfig(FeedSettings, frozen=True, kw_only=True, tag="playback"):
    """Plays streams of a store as if they were live."""

    store: str
    streams: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    speed: Positive | Literal["max"] = 1.0
    """1 is real time, 10 ten times faster, ``max`` as fast as the engine takes it."""
    times: PlayedTimes = PlayedTimes.SHIFTED
    longest_gap_s: Positive | None = None
    """A longer time without an event (a night, a weekend) is cut to this, in seconds of the data. Unset:
    nights and weekends are waited for."""
    stale_after_s: NotNegative = 0.0
    """As for other feeds, but never: recorded data have nights in them."""
    from_ts: int = 0
    """The first moment to play, in ns since the epoch. 0: from the beginning."""


FeedConfig = WebSocketFeedConfig | PlaybackFeedConfig
"""Any feed: an entry of ``feeds:``."""
