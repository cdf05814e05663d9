"""A live log is a run: it begins as one does, and everything that takes a run takes it."""

import asyncio
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import with_account_values
from eventstore import EventStore, MemoryEventStore, SqliteEventStore, StreamTape, read_story
from kernel.clock import VirtualClock
from kernel.engine import CoreEngine
from kernel.errors import ConfigError, ReplayDiverged
from kernel.events import (
    CashMoved,
    ConfigLoaded,
    Event,
    InstrumentDefined,
    OrderFilled,
    OrderIntent,
    RunStarted,
    SessionStarted,
    SessionStopped,
    StrategyLoaded,
)
from replay.backtesting import from_instance, run_and_record
from replay.config import ReplayConfig
from replay.past.comparison_rows import figure_rows
from replay.past.fork import ForkChanges, fork
from replay.performance.journal import as_row, read_journal
from replay.planning import plan_run
from replay.report import read_prices, write_report
from replay.results import read_results
from replay.run_list import list_runs
from replay.session import begin_session
from replay.verification import verify_run
from strategies.ma_cross import MovingAverageCross
from strategies.sdk import RiskLimits
from tests.replay.commands import replay
from tests.replay.live_sessions import LOG, changed, live_session
from tests.replay.market import quote_series, quotes_of, walk
from tests.replay.playing import causes_of, store_of
from tests.replay.sample_strategies import RandomOrders

TERMS = InstrumentConfig(symbol="A", calendar="XNYS")
CONFIG = ReplayConfig(instruments=(TERMS,), risk=RiskLimits(allow_short=True, require_cash=False))
BARS = walk("A", 120, seed=8)


def cross() -> MovingAverageCross:
    return MovingAverageCross(fast=2, slow=4, allow_short=True)


async def records_of(store: EventStore) -> list[tuple[int, Event]]:
    """Every record of the log with its cause."""
    found: list[tuple[int, Event]] = []
    async for batch in store.read(LOG):
        found += zip(causes_of(batch), batch.events, strict=True)
    return found


async def log_of(bars: Sequence[Event] = BARS) -> MemoryEventStore:
    store = MemoryEventStore()
    await live_session(store, bars, [cross()], CONFIG)
    return store


# --- how it begins ------------------------------------------------------------------------------


async def test_a_live_log_begins_with_all_that_a_core_is_made_of() -> None:
    store = await log_of()

    opening = [event for cause, event in await records_of(store) if cause < 0][:7]

    assert [type(event).__name__ for event in opening] == [
        "RunStarted",
        "ConfigLoaded",
        "StrategyLoaded",
        "CalendarDefined",
        "InstrumentDefined",
        "CashMoved",
        "SessionStarted",
    ]
    started, config, strategy, _, terms, cash, session = opening
    assert isinstance(started, RunStarted)
    assert (started.sources, started.symbols) == ((), ("A",))
    assert isinstance(config, ConfigLoaded)
    assert msgspec.json.decode(config.body, type=ReplayConfig) == with_account_values(CONFIG)
    assert isinstance(strategy, StrategyLoaded)
    assert "class MovingAverageCross" in strategy.source
    assert isinstance(terms, InstrumentDefined)
    assert isinstance(cash, CashMoved)
    assert (terms.calendar, cash.amount) == ("XNYS", Decimal(100_000))
    assert isinstance(session, SessionStarted)
    assert (session.epoch, session.mode) == (1, "paper")


async def test_inputs_are_numbered_in_order_and_derived_events_name_the_last_one() -> None:
    causes = [cause for cause, _ in await records_of(await log_of())]

    numbers = [-cause for cause in causes if cause < 0]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(cause == last or cause < 0 for cause, last in zip(causes, _last_inputs(causes), strict=True))
    assert any(cause > 0 for cause in causes)


def _last_inputs(causes: Sequence[int]) -> list[int]:
    """The number of the last input at or before each record."""
    last, found = 0, list[int]()
    for cause in causes:
        last = max(last, -cause)
        found.append(last)
    return found


@pytest.mark.parametrize(
    ("config", "naming"),
    [
        (ReplayConfig(instruments=(TERMS,), streams=("a.1d",)), "streams: is only for a replay"),
        (ReplayConfig(instruments=(TERMS,), start="2024-01-01"), "from: is only for a replay"),
        (ReplayConfig(), "instruments: expected at least one"),
    ],
)
async def test_a_configuration_that_is_not_for_a_live_log_is_refused(
    config: ReplayConfig, naming: str
) -> None:
    store = MemoryEventStore()

    with pytest.raises(ConfigError, match=naming):
        await live_session(store, BARS, [cross()], config)

    assert await store.streams() == ()


async def test_a_live_log_cannot_call_itself_a_backtest() -> None:
    loaded = [from_instance(cross())]

    with pytest.raises(ConfigError, match="mode: 'backtest' is only for a replay"):
        await begin_session(
            MemoryEventStore(), LOG, CONFIG, clock=VirtualClock(), mode="backtest", loaded=loaded
        )


# --- it is verified as a run is -----------------------------------------------------------------


@settings(max_examples=12)
@given(
    quotes=quote_series("A", most=40).filter(bool),
    pauses=st.frozensets(st.integers(0, 40), max_size=8),
    restarts=st.integers(0, 3),
)
async def test_any_live_log_comes_out_again(
    quotes: list[Event], pauses: frozenset[int], restarts: int
) -> None:
    store = MemoryEventStore()
    await live_session(store, quotes, [cross(), RandomOrders(activity=0.7)], CONFIG, pauses=pauses)

    verified = await verify_run(store, LOG, restarts=restarts)

    causes = [cause for cause, _ in await records_of(store)]
    assert verified.input_count == sum(cause < 0 for cause in causes)
    assert verified.derived_count == sum(cause > 0 for cause in causes)


async def test_a_log_of_several_sessions_comes_out_again_whole() -> None:
    store = MemoryEventStore()
    await live_session(store, BARS[:40], [cross()], CONFIG)
    await live_session(store, BARS[40:80], [cross()], CONFIG, is_killed=True)
    last = await live_session(store, BARS[80:], [cross()], CONFIG)

    verified = await verify_run(store, LOG)

    assert last.epoch == 3
    epochs = [event.epoch for _, event in await records_of(store) if isinstance(event, SessionStarted)]
    assert epochs == [1, 2, 3]
    assert sum(isinstance(event, SessionStopped) for _, event in await records_of(store)) == 2
    assert verified.input_count == await _inputs(store)


async def _inputs(store: EventStore) -> int:
    return sum(cause < 0 for cause, _ in await records_of(store))


async def fills_of(store: EventStore) -> list[tuple[int, Decimal, Decimal]]:
    """When, how much and at what price, of every fill."""
    return [
        (event.ts, event.quantity, event.price)
        for _, event in await records_of(store)
        if isinstance(event, OrderFilled)
    ]


async def test_a_changed_decision_is_named() -> None:
    store = await log_of()
    records = await records_of(store)
    place = next(at for at, (_, event) in enumerate(records) if isinstance(event, OrderFilled))
    fill = records[place][1]
    copy = await changed(store, place, msgspec.structs.replace(fill, price=Decimal(77)))

    with pytest.raises(ReplayDiverged, match=f"^paper: seq {place + 1}: recorded .*77.*replayed"):
        await verify_run(copy, LOG)


async def test_a_changed_input_is_noticed_by_what_it_caused() -> None:
    store = await log_of()
    records = await records_of(store)
    place = next(at for at, (_, event) in enumerate(records) if isinstance(event, OrderIntent)) - 1
    copy = await changed(store, place, msgspec.structs.replace(records[place][1], close=1.0))

    with pytest.raises(ReplayDiverged, match=r"^paper: seq"):
        await verify_run(copy, LOG)


async def test_a_changed_configuration_is_named() -> None:
    store = await log_of()
    loaded = (await records_of(store))[1][1]
    assert isinstance(loaded, ConfigLoaded)
    body = loaded.body.replace('"cash":"100000"', '"cash":"100001"')
    assert body != loaded.body
    copy = await changed(store, 1, msgspec.structs.replace(loaded, body=body))

    with pytest.raises(ReplayDiverged, match=r"ConfigLoaded\.config_hash"):
        await verify_run(copy, LOG)


async def test_a_wrong_cause_is_named() -> None:
    store = await log_of()
    records = await records_of(store)
    place = next(at for at, (_, event) in enumerate(records) if isinstance(event, OrderIntent))
    copy = await changed(store, place, cause=records[place][0] - 1)

    with pytest.raises(ReplayDiverged, match=f"^paper: seq {place + 1}: .* after input"):
        await verify_run(copy, LOG)


# --- it is judged as a run is -------------------------------------------------------------------


async def test_a_live_log_and_a_backtest_of_the_same_data_come_to_the_same() -> None:
    live, data = await log_of(), await store_of(a_1d=BARS)
    config = msgspec.structs.replace(CONFIG, streams=("a.1d",))
    run = await run_and_record(data, await plan_run(data, config, loaded=[from_instance(cross())]))

    ours, theirs = await read_results(live, LOG), await read_results(data, run)

    assert (ours.fills, ours.trades, ours.metrics) == (theirs.fills, theirs.trades, theirs.metrics)
    assert ours.trades
    assert ours.digest == ""
    journal = await read_journal(live, ours), await read_journal(data, theirs)
    assert list(map(as_row, journal[0])) == list(map(as_row, journal[1]))
    prices = (await read_prices(live, ours))["A"].price, (await read_prices(data, theirs))["A"].price
    assert prices[0].tolist() == prices[1].tolist()


async def test_results_count_every_event_of_the_log() -> None:
    store = await log_of()

    result = await read_results(store, LOG)

    assert result.events == (await store.head(LOG)).seq
    assert result.inputs == await _inputs(store)
    assert [(one.stream, one.first_seq) for one in result.sources] == [(LOG, 1)]


async def test_a_live_log_that_has_heard_of_no_market_has_results(tmp_path: Path) -> None:
    store = MemoryEventStore()
    await live_session(store, [CashMoved(BARS[0].ts, Decimal(5))], [cross()], CONFIG)

    result = await read_results(store, LOG)

    assert (result.orders, result.trades) == (0, ())
    assert write_report(result, tmp_path / "r.html", await read_prices(store, result)).exists()


async def test_its_story_is_the_log_with_the_numbers_of_inputs() -> None:
    store = await log_of()

    story: list[tuple[int, Event]] = []
    async for batch in read_story(store, LOG):
        story += zip(batch.seqs, batch.events, strict=True)

    assert story == [(abs(cause), event) for cause, event in await records_of(store)]


async def _recorded(path: Path) -> int:
    """A live log in a store; how many fills it holds."""
    async with await SqliteEventStore.open(path) as store:
        await live_session(store, BARS, [cross()], CONFIG)
        return sum(isinstance(event, OrderFilled) for _, event in await records_of(store))


def test_the_commands_take_a_live_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fills = asyncio.run(_recorded(tmp_path / "live.db"))

    verified = replay("verify", LOG, "--store", "live.db")
    listed = replay("journal", LOG, "--store", "live.db", "--json")
    reported = replay("report", LOG, "--store", "live.db", "--json")

    assert verified.output.startswith("paper: reproduced ")
    assert "of its end" not in verified.output
    trades = [json.loads(line) for line in listed.output.splitlines()]
    assert trades
    result = json.loads(reported.output)
    assert (result["trades"], result["fills"]) == (len(trades), fills)
    assert (tmp_path / "live.paper.html").read_text("utf-8").count("ma_cross")


# --- logs from before inputs were numbered ------------------------------------------------------


async def unnumbered(store: EventStore) -> MemoryEventStore:
    """The log as an engine wrote it before: 0 for inputs, else the seq of the input."""
    events: list[Event] = []
    causes: list[int] = []
    last_seq = 0
    for seq, (cause, event) in enumerate(await records_of(store), start=1):
        last_seq = seq if cause < 0 else last_seq
        events.append(event)
        causes.append(0 if cause < 0 else last_seq)
    copy = MemoryEventStore()
    await copy.append(LOG, events, expected_seq=0, causes=causes)
    return copy


async def recovered(store: EventStore, strategy: MovingAverageCross) -> CoreEngine:
    """An engine that recovered from the log."""
    other = MemoryEventStore()
    session = await begin_session(
        other, LOG, CONFIG, clock=VirtualClock(), mode="paper", loaded=[from_instance(strategy)]
    )
    engine = CoreEngine(session.core.bus, tape=StreamTape(store, LOG), clock=VirtualClock())
    await engine.recover()
    return engine


async def test_an_old_log_recovers_and_its_story_has_numbers() -> None:
    store = await log_of()
    old = await unnumbered(store)

    engine = await recovered(old, cross())

    assert engine.bus.state.input_count == await _inputs(store)
    places = [place async for batch in read_story(old, LOG) for place in batch.seqs]
    assert places == [abs(cause) for cause, _ in await records_of(store)]


async def test_a_wrong_cause_in_an_old_log_is_noticed() -> None:
    old = await unnumbered(await log_of())
    records = await records_of(old)
    place = next(at for at, (_, event) in enumerate(records) if isinstance(event, OrderIntent))
    wrong = await changed(old, place, cause=records[place][0] - 1)

    with pytest.raises(ReplayDiverged, match=f"^seq {place + 1}: "):
        await recovered(wrong, cross())


async def test_figures_say_how_many_fills_came_after_the_last_mark() -> None:
    store, orders = MemoryEventStore(), RandomOrders(activity=0.9)
    config = ReplayConfig(instruments=(InstrumentConfig(symbol="A"),), risk=CONFIG.risk)
    minutes = quotes_of("A", [(5 * (-1) ** number, 1) for number in range(60)])
    await live_session(store, minutes[:30], [orders], config, is_killed=True)
    before = await read_results(store, LOG)
    told = await fork(store, LOG, changes=ForkChanges(), seq=20)
    await live_session(store, minutes[30:], [orders], config)
    after = await read_results(store, LOG)

    assert 1 < before.unmarked_fills == before.fills
    note = before.notes[0]
    assert note.startswith(f"{before.fills:,} fills have come since the account was last marked")
    assert "portfolio: {mark_every_s: 60}" in note
    assert figure_rows([told.comparison.a, told.comparison.b]).note.count(note) == 2
    assert after.unmarked_fills == 0
    assert not any("marked" in each for each in after.notes)
    assert after.fills > before.fills


async def test_strategy_of_several_sessions_is_shown_once_as_it_was_loaded_last() -> None:
    store = MemoryEventStore()
    await live_session(store, BARS[:40], [MovingAverageCross(fast=2, slow=4), RandomOrders()], CONFIG)
    await live_session(store, BARS[40:], [MovingAverageCross(fast=3, slow=9), RandomOrders()], CONFIG)

    result = await read_results(store, LOG)
    (listed,) = await list_runs(store)

    assert [one.strategy for one in result.strategies] == ["ma_cross", "random_orders"]
    assert '"fast":3' in result.strategies[0].params
    assert listed.summary is not None
    assert listed.summary.strategies == result.strategies
    assert [one.strategy for one in result.by_strategy] == ["ma_cross", "random_orders"]
