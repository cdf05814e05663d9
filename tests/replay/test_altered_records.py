"""Whatever is changed in the record of a run is found when it is verified, and named."""

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from components.assembly.settings import StrategyConfig
from eventstore import MemoryEventStore
from kernel.configuration import convert_config
from kernel.errors import OnetapeError, ReplayDiverged, StoreError
from kernel.events import InstrumentDefined, SessionStarted, SessionStopped
from replay.backtesting import run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.verification import verify_run
from strategies.buy_and_hold import BuyAndHold
from tests.replay.altered_runs import Alteration, field_alterations, record_alterations, rewritten
from tests.replay.market import walk
from tests.replay.playing import Record, read_records, record_run, store_of

UNCLAIMED = {
    "SessionStarted.version": "which version ran is no fact that another can check",
    "SessionStarted.core_hash": "which version ran is no fact that another can check",
    "SessionStarted.python": "nor which Python",
}
"""What ``verify`` says nothing of."""

MODEL = """
from typing import ClassVar

import msgspec


class Fixed(msgspec.Struct, frozen=True):
    bps: float = 3.0
    needs_volatility: ClassVar[bool] = False

    def price(self, taken):
        return taken.price * (1 + self.bps / 10_000)
"""

CALM = """
from strategies.sdk import Bar, Decisions, Metadata, Strategy, StrategyParams, StrategyState


class Calm(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="calm", version="{version}")

    def on_bar(self, bar: Bar) -> Decisions:
        return None
"""

STRATEGY = "tests.replay.sample_strategies:RandomOrders"


async def rich_run(folder: Path) -> tuple[MemoryEventStore, str]:
    """A run with every kind of own input: code, a model, a calendar, what a venue takes, terms, commands."""
    (folder / "slip.py").write_text(MODEL, "utf-8")
    store = await store_of(a_1d=walk("A", 12, seed=3), b_1d=walk("B", 12, seed=4))
    config = convert_config(
        {
            "streams": ["a.1d", "b.1d"],
            "from": "2004-01-01",
            "to": "2004-12-31",
            "strategies": [
                {"strategy": STRATEGY, "id": "dice", "params": {"activity": 0.9}},
                {"strategy": STRATEGY, "id": "late", "symbols": ["B"]},
            ],
            "broker": {"slippage": f"{folder / 'slip.py'}:Fixed", "lacks": ["stop"]},
            "instruments": [{"symbol": "A", "calendar": "24/7"}],
            "commands": [
                {"at": "2004-01-05T12:00:00", "do": "halt", "reason": "lunch"},
                {"at": "2004-01-06", "do": "resume"},
                {"at": "2004-01-07", "do": "deposit", "amount": 1000},
            ],
        },
        ReplayConfig,
    )
    return store, await run_and_record(store, await plan_run(store, config))


async def survivors(
    store: MemoryEventStore, run: str, alterations: Iterable[Alteration]
) -> dict[str, Alteration]:
    """What was changed and not found by a verification, nor refused by the store itself."""
    passed: dict[str, Alteration] = {}
    for alteration in alterations:
        try:
            altered = await rewritten(store, run, alteration.records)
            await verify_run(altered, run)
        except (OnetapeError, StoreError):
            continue
        passed[alteration.what] = alteration
    return passed


async def test_every_altered_field_of_what_a_run_was_told_is_found(tmp_path: Path) -> None:
    store, run = await rich_run(tmp_path)
    records = await read_records(store, run)
    own = [place for place, record in enumerate(records) if record.cause <= 0]
    assert len({type(records[place].event) for place in own}) == 13

    passed = await survivors(store, run, field_alterations(records, own))

    assert set(passed) == set(UNCLAIMED)


async def test_every_own_input_that_is_missing_or_doubled_is_found(tmp_path: Path) -> None:
    store, run = await rich_run(tmp_path)
    records = await read_records(store, run)
    own = [place for place, record in enumerate(records) if record.cause <= 0]

    assert await survivors(store, run, record_alterations(records, own)) == {}


@pytest.mark.slow
async def test_altered_fields_of_derived_events_are_found(tmp_path: Path) -> None:
    """Every third field of one event of every type that the run derived."""
    store, run = await rich_run(tmp_path)
    records = await read_records(store, run)
    firsts = {
        type(record.event): place for place, record in reversed([*enumerate(records)]) if record.cause > 0
    }
    places = sorted(firsts.values())

    altered = [*field_alterations(records, places)][::3]
    assert len(altered) > 50
    assert await survivors(store, run, altered) == {}
    assert await survivors(store, run, record_alterations(records, places)) == {}


# --- and named ------------------------------------------------------------------------------------


async def refusal(store: MemoryEventStore, run: str, records: Iterable[Record]) -> str:
    with pytest.raises(ReplayDiverged) as caught:
        await verify_run(await rewritten(store, run, list(records)), run)
    return str(caught.value)


async def simple_run() -> tuple[MemoryEventStore, str, list[Record]]:
    store = await store_of(a_1d=walk("A", 20, seed=6))
    run = await record_run(store, [BuyAndHold()])
    return store, run, await read_records(store, run)


@pytest.mark.parametrize(
    ("field", "value"), [("ts", 0), ("input_count", 7), ("derived_count", 3), ("digest", "00")]
)
async def test_a_wrong_end_is_named_with_seq_field_and_both_values(field: str, value: object) -> None:
    store, run, records = await simple_run()
    end = records[-1]
    right = getattr(end.event, field)
    wrong = msgspec.structs.replace(end.event, **{field: right + 1 if field == "ts" else value})

    sentence = await refusal(store, run, [*records[:-1], Record(wrong, end.cause)])

    recorded = getattr(wrong, field)
    assert f"seq {len(records)}: RunFinished.{field}: recorded {recorded!r}, found {right!r}" in sentence


@pytest.mark.parametrize("field", ["config_hash", "body"])
async def test_a_configuration_that_is_not_the_hashed_one_is_named(field: str) -> None:
    store, run, records = await simple_run()
    wrong = msgspec.structs.replace(
        records[1].event, **{field: getattr(records[1].event, field).replace("0", "1")}
    )

    sentence = await refusal(store, run, [records[0], Record(wrong, -2), *records[2:]])

    assert "seq 2: ConfigLoaded.config_hash: recorded" in sentence


async def test_terms_that_the_configuration_does_not_make_are_named() -> None:
    store, run, records = await simple_run()
    place = next(place for place, one in enumerate(records) if type(one.event) is InstrumentDefined)
    wrong = msgspec.structs.replace(records[place].event, margin_rate=Decimal("0.9"))

    sentence = await refusal(
        store, run, [*records[:place], Record(wrong, records[place].cause), *records[place + 1 :]]
    )

    assert f"seq {place + 1}: InstrumentDefined.margin_rate: recorded Decimal('0.9')" in sentence


async def test_records_after_the_end_are_named() -> None:
    store, run, records = await simple_run()
    more = Record(SessionStopped(records[-1].event.ts, 1, "again"), records[-1].cause - 1)

    sentence = await refusal(store, run, [*records, more])

    assert re.search(
        rf"seq {len(records) + 1}: recorded .*\(SessionStopped\), but the replay has ended", sentence
    )


# --- runs from before the opening had a hash ------------------------------------------------------


async def test_an_older_run_is_verified_without_the_claim_that_it_does_not_make() -> None:
    store, run, records = await simple_run()
    older = [
        Record(msgspec.structs.replace(one.event, opening_hash=None), one.cause)
        if isinstance(one.event, SessionStarted)
        else one
        for one in records
    ]

    verified = await verify_run(await rewritten(store, run, older), run)

    assert verified.opening_hash is None
    assert (await verify_run(store, run)).opening_hash is not None


# --- with the code of today -----------------------------------------------------------------------


async def test_current_code_may_have_another_version_and_text(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(CALM.format(version="1.0"), "utf-8")
    store = await store_of(a_1d=walk("A", 10, seed=6))
    config = ReplayConfig(streams=("a.1d",), strategies=(StrategyConfig(strategy=f"{path}:Calm"),))
    run = await run_and_record(store, await plan_run(store, config))
    path.write_text(CALM.format(version="2.0"), "utf-8")

    verified = await verify_run(store, run, current_code=True)

    assert verified.derived_count == (await verify_run(store, run)).derived_count
