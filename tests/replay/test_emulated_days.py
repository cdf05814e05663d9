"""A DAY or GTD order fills the same whether the venue keeps its time or the core emulates that."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from brokers.simulated.config import SimulatedBrokerConfig
from components.assembly.instruments import InstrumentConfig
from eventstore import MemoryEventStore
from kernel.events import Bar, Event, OrderExpired, OrderFilled
from kernel.time_units import DAY_NS, HOUR_NS, SECOND_NS
from replay.backtesting import from_instance, run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.verification import verify_run
from strategies.sdk import (
    Decisions,
    Metadata,
    Strategy,
    StrategyParams,
    StrategyState,
    TimeInForce,
    buy,
    sell,
)

MINUTE_NS = 60 * SECOND_NS
FRIDAY = datetime(2024, 3, 1, tzinfo=UTC)
"""The weeks after it change to summer time in New York."""


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND_NS


class Count(StrategyState):
    bars: int = 0


class Script(StrategyParams, frozen=True):
    until_h: float = 0.0


class EachBar(Strategy[Script, Count]):
    """Bids and offers about the close of every second bar, for the day or for some hours."""

    metadata = Metadata(name="each_bar")

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        if self.state.bars % 2:
            return None
        close, time_in_force, until = bar.close, TimeInForce.DAY, 0
        if self.params.until_h:
            time_in_force, until = TimeInForce.GTD, bar.ts + int(self.params.until_h * HOUR_NS)
        return (
            buy("A", 2, limit=round(close * 0.995, 2), time_in_force=time_in_force, expire_ts=until),
            sell("A", 1, limit=round(close * 1.003, 2), time_in_force=time_in_force, expire_ts=until),
            sell("A", 3, limit=round(close * 1.03, 2), time_in_force=time_in_force, expire_ts=until),
        )


def bars(spans: Sequence[tuple[int, int]], timeframe: str, *, has_opens: bool = True) -> list[Event]:
    """A random walk with a bar in each span of open and end."""
    dice, price, made = Random(11), 100.0, list[Event]()
    for opened, ended in spans:
        close = round(price * (1 + dice.gauss(0, 0.01)), 2)
        low, high = round(min(price, close) * 0.995, 2), round(max(price, close) * 1.005, 2)
        made.append(
            Bar(ended, "A", timeframe, price, high, low, close, 100.0, open_ts=opened if has_opens else 0)
        )
        price = round(close * (1 + dice.gauss(0, 0.004)), 2)
    return made


def workdays(count: int = 20) -> list[int]:
    """The midnights of the working days from a Friday on."""
    days = (FRIDAY + timedelta(days=n) for n in range(2 * count))
    return [ns(day) for day in days if day.weekday() < 5][:count]


def whole_days() -> list[tuple[int, int]]:
    return [(day, day + DAY_NS - 1) for day in workdays()]


def at_the_close() -> list[tuple[int, int]]:
    """Days in the hours of New York without a calendar, ending at 21:00 UTC."""
    return [(day + 14 * HOUR_NS + HOUR_NS // 2, day + 21 * HOUR_NS) for day in workdays()]


def weeks() -> list[tuple[int, int]]:
    monday = ns(FRIDAY) + 3 * DAY_NS
    return [(monday + n * 7 * DAY_NS, monday + (n + 1) * 7 * DAY_NS - 1) for n in range(20)]


def hours(count: int) -> list[tuple[int, int]]:
    """Hours of New York in winter: the last one of a day goes on for half an hour after the close."""
    starts = [day + 14 * HOUR_NS + HOUR_NS // 2 + n * HOUR_NS for day in workdays(5) for n in range(count)]
    return [(start, start + HOUR_NS) for start in starts]


def minutes() -> list[tuple[int, int]]:
    """Every third minute is missing, the last ones of each day too."""
    starts = [day + 20 * HOUR_NS + n * MINUTE_NS for day in workdays(4) for n in range(57) if n % 3]
    return [(start, start + MINUTE_NS - 1) for start in starts]


def round_the_clock() -> list[tuple[int, int]]:
    """Hours from half past to half past: one of them holds midnight."""
    begin = ns(FRIDAY) + HOUR_NS // 2
    return [(begin + n * HOUR_NS, begin + (n + 1) * HOUR_NS) for n in range(100)]


WORLDS = {
    "days over weekends": (bars(whole_days(), "1d"), ""),
    "days without an open time": (bars(whole_days(), "1d", has_opens=False), ""),
    "days that end at the close": (bars(at_the_close(), "1d"), ""),
    "days with a calendar": (bars(whole_days(), "1d"), "XNYS"),
    "a missing day": (bars([*whole_days()[:6], *whole_days()[7:]], "1d"), "XNYS"),
    "weeks": (bars(weeks(), "1w"), ""),
    "hours": (bars(hours(7), "1h"), "XNYS"),
    "hours without the last": (bars(hours(6), "1h"), "XNYS"),
    "hours round the clock": (bars(round_the_clock(), "1h"), ""),
    "minutes": (bars(minutes(), "1m"), "XNYS"),
    "minutes without a calendar": (bars(minutes(), "1m"), ""),
}


async def played(
    events: Sequence[Event], calendar: str, *lacks: str, until_h: float = 0.0
) -> tuple[list[tuple[int, str, str, str]], int]:
    """The fills, and the count of expired orders, of a run that verifies."""
    store = MemoryEventStore()
    await store.append("a", events, expected_seq=0)
    config = ReplayConfig(
        streams=("a",),
        broker=SimulatedBrokerConfig(lacks=lacks),
        instruments=(InstrumentConfig(symbol="A", calendar=calendar),),
    )
    plan = await plan_run(store, config, loaded=[from_instance(EachBar(until_h=until_h))])
    run = await run_and_record(store, plan)
    await verify_run(store, run)
    made = [event async for batch in store.read(run) for event in batch.events]
    fills = [
        (event.ts, str(event.client_order_id), str(event.quantity), str(event.price))
        for event in made
        if isinstance(event, OrderFilled)
    ]
    return fills, sum(isinstance(event, OrderExpired) for event in made)


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("until_h", [0.0, 1.25, 30.0], ids=["day", "gtd 75 min", "gtd 30 h"])
async def test_plain_and_emulated_orders_of_a_time_have_the_same_fills(name: str, until_h: float) -> None:
    events, calendar = WORLDS[name]

    plain, expired = await played(events, calendar, until_h=until_h)
    emulated, expired_here = await played(events, calendar, "day", "gtd", until_h=until_h)

    assert plain == emulated
    assert expired == expired_here > 0


class StopOnFriday(Strategy[Script, Count]):
    """Holds three shares and gives one DAY stop order, at the close of the sixth bar, a Friday."""

    metadata = Metadata(name="stop_on_friday")

    def on_bar(self, bar: Bar) -> Decisions:  # noqa: ARG002  # the hook's signature
        self.state.bars += 1
        if self.state.bars == 1:
            return buy("A", 3)
        if self.state.bars == 6:
            return sell("A", 3, stop=95, time_in_force=TimeInForce.DAY)
        return None


@pytest.mark.parametrize("lacks", [("stop",), ("stop", "day")], ids=["stops", "stops and days"])
async def test_a_day_stop_given_on_friday_is_reached_on_monday_and_trades_on_tuesday(
    lacks: tuple[str, ...],
) -> None:
    made = [
        Bar(ended, "A", "1d", 100.0, 101.0, 94.0 if n == 6 else 99.0, 100.0, 1.0, open_ts=opened)
        for n, (opened, ended) in enumerate(whole_days()[:10])
    ]
    store = MemoryEventStore()
    await store.append("a", made, expected_seq=0)
    config = ReplayConfig(streams=("a",), broker=SimulatedBrokerConfig(lacks=lacks))
    plan = await plan_run(store, config, loaded=[from_instance(StopOnFriday())])

    run = await run_and_record(store, plan)

    await verify_run(store, run)
    fills = [
        event.ts
        async for batch in store.read(run)
        for event in batch.events
        if isinstance(event, OrderFilled)
    ]
    assert fills == [made[1].ts, made[7].ts]
