"""Makes feeds of their settings."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import assert_never
from urllib.parse import urlsplit

import msgspec

from brokers.feeds.bars import BarsConfig, LiveBars
from brokers.feeds.config import (
    Channel,
    FeedConfig,
    Numbering,
    PlaybackFeedConfig,
    WebSocketFeedConfig,
)
from brokers.feeds.dialect import OnetapeDialect
from brokers.feeds.hours import AlwaysOpen, FeedHours
from brokers.feeds.pipeline import FeedPipeline, Post
from brokers.feeds.playback import EventSource, PlaybackFeed
from brokers.feeds.port import Feed
from brokers.feeds.websocket import WebSocketFeed
from kernel.clock import Clock
from kernel.configuration import no_such
from kernel.errors import ConfigError
from kernel.events import Bar, BookDelta, BookSnapshot, Event, Quote, Trade
from kernel.loggable import message_of
from kernel.secret import SecretSource

OpenStreams = Callable[[PlaybackFeedConfig], EventSource]
"""Opens the recorded streams that a playback feed names."""

_KINDS: Mapping[Channel, tuple[str, ...]] = {
    Channel.QUOTES: (Quote.__name__,),
    Channel.TRADES: (Trade.__name__,),
    Channel.BOOKS: (BookSnapshot.__name__, BookDelta.__name__),
    Channel.BARS: (Bar.__name__,),
}


def make_feed(
    config: FeedConfig,
    *,
    clock: Clock,
    open_streams: OpenStreams | None = None,
    secrets: SecretSource | None = None,
    played: int = 0,
) -> Feed:
    """Make the source of a feed, without its pipeline. Connects to nothing.

    Raises ``ConfigError`` for a playback without ``open_streams``, and for kept times with another clock than
    a ``PlaybackClock``.
    """
    match config:
        case WebSocketFeedConfig():
            dialect = OnetapeDialect(
                symbols=config.symbols,
                channels=config.channels,
                encoding=config.encoding,
                is_numbered=config.numbering is not Numbering.NONE,
            )
            return WebSocketFeed(config, dialect, now=clock.now, secrets=secrets)
        case PlaybackFeedConfig():
            if open_streams is None:
                raise ConfigError(f"feed {config.name!r}: recorded streams cannot be played here")
            return PlaybackFeed(config, open_streams(config), clock=clock, played=played)
        case _:
            assert_never(config)


def make_pipelines(
    configs: Sequence[FeedConfig],
    *,
    post: Post,
    report: Callable[[Event], None],
    clock: Clock,
    random: Callable[[], float],
    open_streams: OpenStreams | None = None,
    hours: Mapping[str, FeedHours] | None = None,
    secrets: SecretSource | None = None,
    played: Mapping[str, int] | None = None,
) -> tuple[FeedPipeline, ...]:
    """Make a pipeline for each feed that is no backup, with its backups. Each is an edge to ``run``.

    - ``post`` (``CoreEngine.post_all``), ``report``, ``clock``: of the engine.
    - ``random``: numbers from 0 to 1.
    - ``hours``: by calendar. ``secrets``: where the secrets of logins are.
    - ``played``: by feed, how many recorded events were played before.

    Raises ``ConfigError`` as ``check_feeds`` and ``make_feed`` do.
    """
    check_feeds(configs)
    known = hours or {}
    pipelines: list[FeedPipeline] = []
    for main in configs:
        if main.backup_for:
            continue
        if main.calendar and main.calendar not in known:
            raise ConfigError(f"feed {main.name!r}: calendar: {no_such(main.calendar, sorted(known))}")
        group = [main, *(config for config in configs if config.backup_for == main.name)]
        pipelines.append(
            FeedPipeline(
                [
                    make_feed(
                        config,
                        clock=clock,
                        open_streams=open_streams,
                        secrets=secrets,
                        played=(played or {}).get(config.name, 0),
                    )
                    for config in group
                ],
                group,
                post=post,
                report=report,
                clock=clock,
                random=random,
                hours=known.get(main.calendar, AlwaysOpen()),
            )
        )
    return tuple(pipelines)


def kinds_of(configs: Sequence[FeedConfig]) -> frozenset[str] | None:
    """The names of the event types that feeds give; ``None`` if their settings do not say it."""
    kinds: set[str] = set()
    for config in configs:
        if not isinstance(config, WebSocketFeedConfig):
            return None
        kinds.update(kind for channel in config.channels for kind in _KINDS[channel])
        if config.bars is not None:
            kinds.add(Bar.__name__)
    return frozenset(kinds)


def check_feeds(configs: Sequence[FeedConfig]) -> None:
    """Raise ``ConfigError`` for settings that make no sense, and for feeds that do not fit each other."""
    names = [config.name for config in configs]
    mains = [config.name for config in configs if not config.backup_for]
    for config in configs:
        where = f"feed {config.name!r}"
        if names.count(config.name) > 1:
            raise ConfigError(f"feeds: two feeds have the name {config.name!r}")
        _check_numbers(config, where)
        if isinstance(config, WebSocketFeedConfig):
            _check_url(config.url, f"{where}: url")
        if config.bars is not None:
            _check_bars(config.bars, where)
        if not config.backup_for:
            continue
        if config.backup_for not in mains:
            raise ConfigError(f"{where}: backup_for: {no_such(config.backup_for, mains)}")
        if config.bars is not None:
            raise ConfigError(f"{where}: bars: set them for {config.backup_for!r}, which it backs up")


def _check_numbers(config: msgspec.Struct, where: str) -> None:
    for key in config.__struct_fields__:
        value: object = getattr(config, key)
        if isinstance(value, float) and not isfinite(value):
            raise ConfigError(f"{where}: {key}: {value} is not a number")
        if isinstance(value, msgspec.Struct):
            _check_numbers(value, f"{where}: {key}")


def _check_url(text: str, where: str) -> None:
    try:
        url = urlsplit(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {message_of(error)}") from error
    if url.password is not None:
        raise ConfigError(f"{where}: it has a password in it, and would be in the log")
    if url.scheme not in ("ws", "wss") or not url.hostname:
        raise ConfigError(f"{where}: expected ws://HOST:PORT/... or wss://HOST/..., got {text!r}")


def _check_bars(config: BarsConfig, where: str) -> None:
    try:
        LiveBars(config)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
