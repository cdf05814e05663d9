"""Histories that a run builds from finer data."""

from decimal import Decimal

import pytest

from components.assembly.settings import StrategyConfig
from eventstore import EventStore, MemoryEventStore
from kernel.errors import ConfigError
from kernel.events import Bar, CorporateAction, CorporateActionKind, Event, StrategyLogged, Trade
from kernel.time_units import DAY_NS, MINUTE_NS
from replay.backtesting import run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.verification import verify_run
from strategies.sdk import Metadata
from tests.replay import resampling_strategies
from tests.replay.playing import read_events, record_run, store_of
from tests.replay.resampling_strategies import Coarse, Months, Ticks

MONDAY = 19_723 * DAY_NS


def minutes(count: int) -> list[Event]:
    """Bars of one minute; each closes at its number."""
    found: list[Event] = []
    for number in range(count):
        begin, close = MONDAY + number * MINUTE_NS, 100.0 + number
        found.append(Bar(begin + MINUTE_NS, "A", "1m", close, close, close, close, 1.0, begin))
    return found


async def seen(store: EventStore, run: str) -> list[tuple[int, int, float, int]]:
    """(now, count, close and ts of the last bar), as logged."""
    found: list[tuple[int, int, float, int]] = []
    for event in await read_events(store, run):
        if isinstance(event, StrategyLogged):
            values = {figure.name: figure.value for figure in event.figures}
            found.append(
                (event.ts, int(str(values["count"])), float(str(values["close"])), int(str(values["ts"])))
            )
    return found


async def test_a_history_of_ten_minutes_is_built_from_minutes_and_shows_only_complete_bars() -> None:
    store = await store_of(a_1m=minutes(45))

    views = await seen(store, await record_run(store, [Coarse()]))

    assert [view[1] for view in views[:21]] == [0] * 9 + [1] * 10 + [2] * 2
    assert views[9][2:] == (109.0, MONDAY + 10 * MINUTE_NS)
    assert views[-1][1:] == (3, 139.0, MONDAY + 40 * MINUTE_NS)
    assert all(ts <= now for now, _, _, ts in views), "no bar before it is known"


async def test_a_period_without_its_last_minutes_is_seen_at_the_next_bar() -> None:
    bars = minutes(30)
    del bars[7:15]
    store = await store_of(a_1m=bars)

    views = await seen(store, await record_run(store, [Coarse()]))

    assert views[6][1] == 0
    assert views[7][1:] == (1, 106.0, MONDAY + 10 * MINUTE_NS)


async def test_bars_of_trades_are_seen_with_their_last_trade() -> None:
    trades: list[Event] = [Trade(MONDAY + n, "A", 10.0 + n, 1.0) for n in range(10)]
    store = await store_of(a_trades=trades)

    views = await seen(store, await record_run(store, [Ticks()]))

    assert [view[1] for view in views] == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]
    assert views[7][2] == 17.0


async def test_a_split_within_a_bar_leaves_all_its_prices_on_one_terms() -> None:
    days: list[Event] = [
        Bar(
            MONDAY + (day + 1) * DAY_NS - 1, "A", "1d", price, price, price, price, 1.0, MONDAY + day * DAY_NS
        )
        for day, price in enumerate([100.0] * 10 + [25.0] * 22)
    ]
    split = CorporateAction(MONDAY + 10 * DAY_NS, "A", CorporateActionKind.SPLIT, Decimal(4))
    store = await store_of(a_1d=days, a_actions=[split])

    views = await seen(store, await record_run(store, [Months()]))

    assert views[-1][1:3] == (1, 25.0)


async def test_a_run_with_a_resampled_history_verifies_also_over_a_restart() -> None:
    store = await store_of(a_1m=minutes(95))
    wanted = StrategyConfig(strategy=f"{resampling_strategies.__file__}:Coarse")
    config = ReplayConfig(streams=("a.1m",), strategies=(wanted,))

    run = await run_and_record(store, await plan_run(store, config))

    assert (await verify_run(store, run, restarts=5)).restarts == 5


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("1m", "but the run plays bars of it"),
        ("30s", "and it cannot be built from them"),
        ("tick:5", "the run has bars of 1m and no trades of A, and it cannot be built from them"),
        ("1M", "a month is written 1mo"),
    ],
)
async def test_a_history_that_the_run_cannot_build_is_refused_before_it_begins(
    wanted: str, says: str
) -> None:
    class Wrong(Coarse):
        metadata = Metadata(name="wrong", resampled=(wanted,))

    store: MemoryEventStore = await store_of(a_1m=minutes(5))

    with pytest.raises(ConfigError, match=says):
        await record_run(store, [Wrong()])
