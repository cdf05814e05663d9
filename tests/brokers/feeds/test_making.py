"""Settings of feeds: read from plain values, refused with a sentence if they make no sense or do not fit."""

from collections.abc import Sequence

import pytest

from brokers.feeds.bars import BarsConfig
from brokers.feeds.config import FeedConfig, PlaybackFeedConfig, WebSocketFeedConfig
from brokers.feeds.making import check_feeds, make_feed, make_pipelines
from kernel.clock import VirtualClock
from kernel.configuration import convert_config
from kernel.errors import ConfigError
from kernel.events import Event


def config_of(
    name: str = "main", *, backup_for: str = "", bars: BarsConfig | None = None
) -> WebSocketFeedConfig:
    return WebSocketFeedConfig(name=name, url="ws://localhost/market", backup_for=backup_for, bars=bars)


def test_feeds_are_told_apart_by_their_kind_also_if_all_values_are_text() -> None:
    plain = [
        {"kind": "websocket", "name": "a", "url": "ws://x/", "compress": "false", "stale_after_s": "3"},
        {"kind": "playback", "name": "b", "store": "x.db", "streams": ["s"], "speed": "10"},
        {"kind": "playback", "name": "c", "store": "x.db", "streams": ["s"], "speed": "max"},
    ]

    socket, ten_times, at_once = convert_config(plain, tuple[FeedConfig, ...])

    assert socket == WebSocketFeedConfig(name="a", url="ws://x/", compress=False, stale_after_s=3.0)
    assert ten_times == PlaybackFeedConfig(name="b", store="x.db", streams=("s",), speed=10.0)
    assert isinstance(at_once, PlaybackFeedConfig)
    assert at_once.speed == "max"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://x/", "expected ws://HOST:PORT/... or wss://HOST/..., got 'http://x/'"),
        ("ws:///market", "expected ws://HOST:PORT/... or wss://HOST/..., got 'ws:///market'"),
        ("wss://me:secret@x/", "it has a password in it, and would be in the log"),
    ],
)
def test_wrong_address_is_refused_and_a_password_not_shown(url: str, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check_feeds([WebSocketFeedConfig(name="main", url=url)])

    assert str(raised.value) == f"feed 'main': url: {problem}"


def test_number_that_is_none_is_refused_wherever_it_is() -> None:
    config = convert_config(
        {"kind": "websocket", "name": "main", "url": "ws://x/", "restart": {"period_s": "inf"}},
        WebSocketFeedConfig,
    )

    with pytest.raises(ConfigError, match="feed 'main': restart: period_s: inf is not a number"):
        check_feeds([config])


def test_unknown_timeframe_of_bars_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"feed 'main': bars\.timeframes: .*'1x'"):
        check_feeds([config_of(bars=BarsConfig(timeframes=("1x",)))])


def test_playback_needs_somebody_who_opens_streams() -> None:
    with pytest.raises(ConfigError, match="feed 'past': recorded streams cannot be played here"):
        make_feed(PlaybackFeedConfig(name="past", store="x.db", streams=("s",)), clock=VirtualClock())


def test_feeds_have_different_names() -> None:
    with pytest.raises(ConfigError, match="two feeds have the name 'main'"):
        check_feeds([config_of(), config_of()])


def test_backup_names_the_feed_that_it_is_for() -> None:
    with pytest.raises(ConfigError, match="feed 'b': backup_for: there is no 'mian'; did you mean 'main'"):
        check_feeds([config_of(), config_of("b", backup_for="mian")])


def test_backup_builds_no_bars_of_its_own() -> None:
    with pytest.raises(ConfigError, match="feed 'b': bars: set them for 'main'"):
        check_feeds([config_of(), config_of("b", backup_for="main", bars=BarsConfig(timeframes=("1m",)))])


def test_unknown_calendar_is_refused() -> None:
    async def post(events: Sequence[Event]) -> None:
        raise AssertionError(events)

    with pytest.raises(ConfigError, match="feed 'main': calendar: there is no 'XNYS'"):
        make_pipelines(
            [WebSocketFeedConfig(name="main", url="ws://x", calendar="XNYS")],
            post=post,
            report=lambda _event: None,
            clock=VirtualClock(),
            random=lambda: 0.0,
        )
