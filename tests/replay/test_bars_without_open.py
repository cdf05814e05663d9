"""Bars without an open time, and streams that repeat each other: no order fills before it was given."""

from collections.abc import Sequence

import pytest

from eventstore import MemoryEventStore
from kernel.errors import ConfigError
from kernel.events import Bar, Event, OrderFilled, Quote
from kernel.time_units import SECOND_NS
from replay.backtesting import from_instance, run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.results import read_results
from replay.verification import verify_run
from strategies.sdk import Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy

MINUTE = 60 * SECOND_NS
START = 1_700_000_040 * SECOND_NS  # a whole minute


class Times(StrategyState):
    asked: int = 0


class When(StrategyParams, frozen=True):
    at_ts: int = 0


class Once(Strategy[When, Times]):
    """Buys one share at the first event at or after a time."""

    metadata = Metadata(name="once", version="1.0.0")

    def on_bar(self, bar: Bar) -> Decisions:
        return self._buy(bar)

    def on_quote(self, quote: Quote) -> Decisions:
        return self._buy(quote)

    def _buy(self, event: Bar | Quote) -> Decisions:
        if event.ts < self.params.at_ts or self.state.asked:
            return None
        self.state.asked += 1
        return buy(event.symbol, 1)


def bars(*, timeframe: str = "1m", step: int = MINUTE) -> list[Event]:
    return [
        Bar(START + n * step, "A", timeframe, 10.0 + n, 10.5 + n, 9.5 + n, 10.2 + n, 100.0) for n in range(6)
    ]


async def fills(
    streams: dict[str, Sequence[Event]], at_ts: int
) -> tuple[list[tuple[int, str]], tuple[str, ...]]:
    """Bar number and price of each fill, and the notes of the result."""
    store = MemoryEventStore()
    for name, events in streams.items():
        await store.append(name, events, expected_seq=0)
    config = ReplayConfig(streams=tuple(streams))
    plan = await plan_run(store, config, loaded=[from_instance(Once(at_ts=at_ts))])
    run = await run_and_record(store, plan)
    await verify_run(store, run)
    made = [
        ((event.ts - START) // MINUTE, str(event.price))
        async for batch in store.read(run)
        for event in batch.events
        if isinstance(event, OrderFilled)
    ]
    return made, (await read_results(store, run)).notes


async def test_an_order_given_while_a_bar_was_open_does_not_fill_at_its_open() -> None:
    quotes: list[Event] = [Quote(START + MINUTE + 30 * SECOND_NS, "B", 5.0, 5.1)]
    given = START + MINUTE + 30 * SECOND_NS

    class OnB(Once):
        def _buy(self, event: Bar | Quote) -> Decisions:
            return buy("A", 1) if event.symbol == "B" and Once._buy(self, event) else None

    store = MemoryEventStore()
    await store.append("a.1m", bars(), expected_seq=0)
    await store.append("b.quotes", quotes, expected_seq=0)
    plan = await plan_run(
        store, ReplayConfig(streams=("a.1m", "b.quotes")), loaded=[from_instance(OnB(at_ts=given))]
    )
    run = await run_and_record(store, plan)

    filled = [
        (event.ts, str(event.price))
        async for batch in store.read(run)
        for event in batch.events
        if isinstance(event, OrderFilled)
    ]

    assert filled == [(START + 3 * MINUTE, "13.00")]  # the bar that ends at minute 2 was open already
    (note,) = (await read_results(store, run)).notes
    assert note.startswith("bars of a.1m have no open time")


async def test_an_order_given_at_the_end_of_a_bar_fills_at_the_next_open() -> None:
    made, notes = await fills({"a.1m": bars()}, START + MINUTE)

    assert made == [(2, "12.00")]
    assert len(notes) == 1


async def test_the_next_open_is_seen_after_a_short_day_and_in_a_bar_of_no_fixed_length() -> None:
    short = await fills({"a.1d": bars(timeframe="1d")}, START + MINUTE)
    unknown = await fills({"a.1mo": bars(timeframe="1mo")}, START + MINUTE)

    assert short[0] == unknown[0] == [(2, "12.00")]


async def test_a_longer_bar_over_shorter_ones_fills_no_order_given_inside_it() -> None:
    long: list[Event] = [Bar(START + 5 * MINUTE, "A", "5m", 10.0, 16.0, 9.0, 15.0, 100.0)]

    made, _ = await fills({"a.1m": bars(), "a.5m": long}, START + 4 * MINUTE)

    assert made == [(5, "15.00")]


async def test_two_streams_with_the_same_bars_are_refused_with_both_names() -> None:
    store = MemoryEventStore()
    await store.append("a.1m", bars(), expected_seq=0)
    await store.append("copy", bars(), expected_seq=0)

    with pytest.raises(ConfigError, match=r"'a\.1m' and 'copy' both have 1m bars of A"):
        await plan_run(store, ReplayConfig(streams=("a.1m", "copy")), loaded=[from_instance(Once())])


async def test_streams_that_follow_each_other_are_played_together() -> None:
    made, _ = await fills({"a.old": bars()[:3], "a.new": bars()[3:]}, START + 2 * MINUTE)

    assert made == [(3, "13.00")]
