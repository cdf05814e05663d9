"""A planted bug of each class is found at its first event, and named with who made it and why."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from components.assembly import opening
from eventstore import MemoryEventStore
from eventstore.catalogue import delete_stream
from eventstore.derivations import read_derivations, record_derivation
from eventstore.resampling import ResampleOptions, resample
from kernel.errors import StreamMissing
from kernel.events import (
    EVENT_TYPES,
    ConfigLoaded,
    Event,
    OrderFilled,
    OrderIntent,
    SessionStarted,
    StrategyLoaded,
    StreamRange,
)
from replay.config import ReplayConfig
from replay.divergence import Cause, Diverged, maker_of
from replay.verification import verify_run
from strategies.sdk import Bar, Decisions, Strategy, StrategyParams, StrategyState, buy
from tests.replay import test_planted_faults
from tests.replay.commands import replay
from tests.replay.live_sessions import LOG, changed, live_session
from tests.replay.market import walk
from tests.replay.past_logs import log_of_three_sessions, run_of_two_symbols
from tests.replay.playing import first_seq_of, read_events, record_run, store_of
from tests.replay.test_changed_sessions import CONFIG, Trader
from tests.replay.test_planted_faults import first_decision, record_planted
from tests.replay.test_verification import CROSS, rewritten, run_of_file

CALLS: list[int] = []

market = test_planted_faults.market
"""The fixture."""


async def diverged(store: MemoryEventStore, run: str, *, current_code: bool = False) -> Diverged:
    with pytest.raises(Diverged) as caught:
        await verify_run(store, run, current_code=current_code)
    return caught.value


# --- code ---------------------------------------------------------------------------------------


async def test_other_code_of_a_strategy_is_code(tmp_path: Path) -> None:
    path = tmp_path / "saw.py"
    path.write_text(CROSS)
    store = await store_of(a_1d=walk("A", 100, seed=4))
    run = await run_of_file(store, path)
    path.write_text(CROSS.replace("buy(bar.symbol, 10)", "buy(bar.symbol, 11)"))

    found = (await diverged(store, run, current_code=True)).divergence

    assert found.cause is Cause.CODE
    assert found.seq == await first_seq_of(store, run, OrderIntent)
    assert found.component == "strategy:saw"
    assert "strategy saw" in found.evidence
    assert isinstance(found.recorded, OrderIntent)
    assert isinstance(found.replayed, OrderIntent)


@pytest.mark.parametrize("field", ["version", "python", "core_hash"])
async def test_a_core_of_other_code_is_code(field: str) -> None:
    """The fill is what another core may have made: the record is whole, and this core makes another one."""
    store, log = await log_of_three_sessions()
    events = await read_events(store, log)
    place = next(at for at, event in enumerate(events) if isinstance(event, OrderFilled))
    first = next(at for at, event in enumerate(events) if isinstance(event, SessionStarted))
    older = msgspec.structs.replace(events[first], **{field: "0.0.9"})

    copy = await changed(await changed(store, place, _dearer(events[place])), first, older)
    found = (await diverged(copy, log)).divergence

    assert (found.cause, found.seq, found.component) == (Cause.CODE, place + 1, "orders")
    assert "0.0.9" in found.evidence


def _dearer(event: Event) -> Event:
    assert isinstance(event, OrderFilled)
    return msgspec.structs.replace(event, price=event.price + 1)


def test_a_session_records_the_hash_of_the_core() -> None:
    session = opening.session_started(1, epoch=1, mode="paper")

    assert len(session.core_hash) == 16


# --- configuration, code of the record, data ----------------------------------------------------------


def _other_cash(event: Event) -> Event:
    if not isinstance(event, ConfigLoaded):
        return event
    return msgspec.structs.replace(event, body=event.body.replace('"cash":"100000"', '"cash":"100001"'))


def _other_source(event: Event) -> Event:
    if not isinstance(event, StrategyLoaded):
        return event
    return msgspec.structs.replace(event, source=event.source + "\n# changed")


@pytest.mark.parametrize(
    ("change", "cause"), [(_other_cash, Cause.CONFIG), (_other_source, Cause.CODE)], ids=["config", "code"]
)
@pytest.mark.parametrize("made", [run_of_two_symbols, log_of_three_sessions], ids=["run", "live log"])
async def test_a_changed_opening_names_what_was_changed(
    made: Callable[[], Awaitable[tuple[MemoryEventStore, str]]],
    change: Callable[[Event], Event],
    cause: Cause,
) -> None:
    store, log = await made()
    copy = await rewritten(store, log, change)

    found = (await diverged(copy, log)).divergence

    assert found.cause is cause
    assert found.evidence


async def test_data_that_were_replaced_are_data() -> None:
    store, other = await store_of(a_1d=walk("A", 60, seed=6)), await store_of(a_1d=walk("A", 60, seed=7))
    run = await record_run(store, [Counting()])
    async for batch in store.read(run):
        await other.append(run, batch.events, expected_seq=batch.seqs[0] - 1, causes=batch.causes)

    found = (await diverged(other, run)).divergence

    assert (found.cause, "'a.1d'" in found.evidence) == (Cause.DATA, True)


async def test_a_record_that_was_changed_after_the_run_is_data() -> None:
    store, run = await run_of_two_symbols()
    seq = await first_seq_of(store, run, OrderFilled)
    copy = await rewritten(store, run, lambda one: _dearer(one) if isinstance(one, OrderFilled) else one)

    found = (await diverged(copy, run)).divergence

    assert (found.cause, found.seq, found.component) == (Cause.DATA, seq, "orders")
    assert "was changed after the run" in found.evidence


# --- features: streams that are built from others ---------------------------------------------------

WEEKS = ResampleOptions(timeframe="1w", to="a.1w")
OTHER_DAYS = ResampleOptions(timeframe="1w", to="a.1w", tz="Pacific/Auckland")


async def run_over_weeks() -> tuple[MemoryEventStore, str]:
    """A run over weeks that were built from days, and are deleted by now."""
    store = await store_of(a_1d=walk("A", 90, seed=6))
    await resample(store, "a.1d", WEEKS)
    run = await record_run(store, [Trader()], ReplayConfig(streams=("a.1w",)))
    assert (await verify_run(store, run)).derived_count
    await delete_stream(store, "a.1w", ts=1, reason="another zone")
    return store, run


async def test_a_stream_that_is_built_in_another_way_is_features() -> None:
    store, run = await run_over_weeks()
    await resample(store, "a.1d", OTHER_DAYS)

    found = (await diverged(store, run)).divergence

    assert found.cause is Cause.FEATURES
    assert "built from 'a.1d' by --to 1w --tz UTC; it is built from 'a.1d' by" in found.evidence
    assert "Pacific/Auckland" in found.evidence


async def test_a_stream_that_is_built_from_other_data_is_data() -> None:
    store, run = await run_over_weeks()
    await delete_stream(store, "a.1d", ts=1, reason="restated")
    await store.append("a.1d", walk("A", 90, seed=7), expected_seq=0)
    await resample(store, "a.1d", WEEKS)

    found = (await diverged(store, run)).divergence

    assert found.cause is Cause.DATA
    assert "'a.1d' has other events than it had then" in found.evidence


async def test_other_bars_of_the_same_data_and_definition_are_features() -> None:
    """As another version of the code that builds them would make."""
    store, run = await run_over_weeks()
    await store.append("a.1w", walk("A", 20, seed=1), expected_seq=0)
    days = await store.head("a.1d")
    source = StreamRange("a.1d", 1, days.seq, days.block_hash.hex())
    await record_derivation(store, "a.1w", source=source, definition=WEEKS.definition, ts=1)

    found = (await diverged(store, run)).divergence

    assert found.cause is Cause.FEATURES
    assert "the code that builds its bars has changed" in found.evidence


async def test_a_stream_that_is_built_as_it_was_is_the_same() -> None:
    store, run = await run_over_weeks()
    with pytest.raises(StreamMissing, match="was deleted"):
        await verify_run(store, run)

    await resample(store, "a.1d", WEEKS)
    await resample(store, "a.1d", WEEKS)

    assert (await verify_run(store, run)).derived_count
    assert len(await read_derivations(store, "a.1w")) == 1


# --- nondeterminism ---------------------------------------------------------------------------------


class Counting(Strategy[StrategyParams, StrategyState]):
    """Counts outside of its state."""

    def on_bar(self, bar: Bar) -> Decisions:
        CALLS.append(0)
        return buy(bar.symbol, 1 + len(CALLS) % 7)


async def test_state_outside_of_the_state_is_nondeterminism() -> None:
    CALLS[:] = [0] * 3
    store = await store_of(a_1d=walk("A", 30, seed=3))
    run = await record_run(store, [Counting()])

    found = await diverged(store, run)

    assert found.divergence.cause is Cause.NONDETERMINISM
    assert found.divergence.component == "strategy:Counting"
    assert found.divergence.seq == await first_seq_of(store, run, OrderIntent)


async def test_state_outside_of_the_state_of_a_live_log_is_nondeterminism() -> None:
    CALLS[:] = [0] * 3
    store = MemoryEventStore()
    await live_session(store, walk("A", 30, seed=3), [Counting()], CONFIG)

    found = await diverged(store, LOG)

    assert found.divergence.cause is Cause.NONDETERMINISM
    assert found.divergence.component == "strategy:Counting"


@pytest.mark.parametrize(
    "quantity", ["time.time_ns() // 1000 % 100_000", "random.randrange(100_000)"], ids=["clock", "chance"]
)
def test_a_clock_and_chance_are_nondeterminism(market: Path, quantity: str) -> None:
    run = record_planted(market, quantity)

    refused = replay("verify", run, "--store", market / "market.db", "--json")

    told = json.loads(refused.stdout)
    assert refused.exit_code == 1
    assert told["cause"] == "nondeterminism"
    assert told["component"] == "strategy:planted"
    assert told["seq"] == first_decision(market, run)
    assert (told["recorded"]["type"], told["replayed"]["type"]) == ("OrderIntent", "OrderIntent")
    assert "two replays" in told["evidence"]
    assert "made by strategy:planted; likely cause: nondeterminism:" in refused.stderr


# --- who makes what -----------------------------------------------------------------------------------


async def test_everything_that_the_core_makes_has_a_maker() -> None:
    for made in (run_of_two_symbols, log_of_three_sessions):
        store, log = await made()
        async for batch in store.read(log):
            for event, cause in zip(batch.events, batch.causes or (), strict=True):
                assert cause <= 0 or maker_of(event), event


def test_an_event_type_is_no_maker() -> None:
    assert SessionStarted in EVENT_TYPES
    assert maker_of(SessionStarted(1, 1, "paper", "", "")) == ""
