"""Which source of a feed is in use, and what those who use the feed are told."""

from collections.abc import Callable

from brokers.feeds.sources import SourceChoice
from kernel.events import FeedStatusChanged
from kernel.time_units import SECOND_NS
from kernel.timers import NEVER

S = SECOND_NS


def choice(
    *names: str, stale_after_s: float = 15.0, expects: Callable[[int], bool] | None = None
) -> SourceChoice:
    return SourceChoice(
        names,
        symbols=("A",),
        stale_after_s=stale_after_s,
        expects_data=expects or (lambda _ts: True),
        now=0,
    )


def told(
    ts: int, *, connected: bool, stale: bool, source: str = "main", reason: str = ""
) -> FeedStatusChanged:
    return FeedStatusChanged(ts, "main", connected, stale, reason, source, ("A",))


def delivering(*names: str) -> SourceChoice:
    """Sources that have all opened and delivered at 0."""
    sources = choice(*names)
    for name in names:
        sources.opened(name, 0)
        sources.heard(name, 0)
    return sources


def test_feed_that_opens_is_told_once() -> None:
    sources = choice("main")

    assert list(sources.opened("main", 1)) == [told(1, connected=True, stale=False)]
    assert list(sources.heard("main", 2)) == []


def test_feed_that_cannot_connect_is_told() -> None:
    assert list(choice("main").closed("main", "refused", 1)) == [
        told(1, connected=False, stale=True, reason="refused")
    ]


def test_lost_feed_is_stale_until_it_has_delivered_again() -> None:
    sources = delivering("main")

    assert list(sources.closed("main", "lost", 5)) == [told(5, connected=False, stale=True, reason="lost")]
    assert list(sources.opened("main", 6)) == [told(6, connected=True, stale=True, reason="lost")]
    assert list(sources.heard("main", 7)) == [told(7, connected=True, stale=False)]


def test_mute_feed_is_stale_and_connected_anew() -> None:
    sources = delivering("main")

    assert sources.silent(15 * S) == ((), [])
    changes, again = sources.silent(sources.due_ts)

    assert list(changes) == [
        told(15 * S + 1, connected=True, stale=True, reason="no data for 15 s"),
    ]
    assert again == ["main"]
    assert sources.silent(sources.due_ts - 1) == ((), [])


def test_feed_that_opens_again_and_again_without_data_stays_stale() -> None:
    sources = delivering("main")
    now = sources.due_ts
    sources.silent(now)

    for _ in range(3):
        now += S
        changes = [*sources.closed("main", "no data for 15 s", now), *sources.opened("main", now)]
        now = sources.due_ts
        silence, again = sources.silent(now)
        assert all(change.is_stale for change in (*changes, *silence))
        assert again == ["main"]


def test_backup_takes_over_at_once_and_gives_back_when_the_feed_delivers() -> None:
    sources = delivering("main", "backup")

    assert list(sources.closed("main", "lost", 5)) == [
        told(5, connected=True, stale=False, source="backup", reason="lost")
    ]
    assert list(sources.opened("main", 6)) == []
    assert list(sources.heard("main", 7)) == [told(7, connected=True, stale=False)]


def test_backups_take_over_in_their_order() -> None:
    sources = delivering("main", "first", "second")

    sources.closed("main", "lost", 1)
    sources.closed("first", "lost", 2)
    assert sources.active.name == "second"
    sources.heard("first", 3)
    assert sources.active.name == "first"


def test_backup_that_has_not_delivered_is_not_used() -> None:
    sources = choice("main", "backup")
    sources.opened("main", 0)
    sources.opened("backup", 0)

    changes = sources.closed("main", "lost", 1)

    assert list(changes) == [told(1, connected=False, stale=True, reason="lost")]
    assert sources.heard("backup", 2)[0].source == "backup"


def test_without_any_source_the_last_one_stays_in_use() -> None:
    sources = delivering("main", "backup")
    sources.closed("main", "lost", 1)

    assert list(sources.closed("backup", "lost too", 2)) == [
        told(2, connected=False, stale=True, source="backup", reason="lost too")
    ]


def test_silence_outside_of_trading_hours_is_no_fault() -> None:
    sources = choice("main", expects=lambda ts: ts >= 100 * S)
    sources.opened("main", 0)
    sources.heard("main", 0)

    while sources.due_ts < 100 * S:
        assert sources.silent(sources.due_ts) == ((), [])

    assert sources.silent(sources.due_ts)[1] == ["main"]


def test_time_in_which_nobody_listened_is_no_silence() -> None:
    sources = delivering("main")

    sources.listen_anew(20 * S)

    assert sources.silent(30 * S) == ((), [])


def test_feed_that_may_be_silent_is_never_stale() -> None:
    sources = choice("main", stale_after_s=0.0)
    sources.opened("main", 0)

    assert sources.due_ts == NEVER


def test_source_that_connects_while_its_market_rests_is_not_stale() -> None:
    sources = choice("main", expects=lambda _ts: False)
    sources.closed("main", "lost", 1)

    assert list(sources.opened("main", 2)) == [told(2, connected=True, stale=False)]
