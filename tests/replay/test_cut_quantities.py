"""Quantities that are cut to whole lots, or come to nothing, are told once with their count."""

from decimal import Decimal

import pytest

from components.allocation.config import SignalsConfig
from kernel.events import (
    DecisionRefused,
    Event,
    ExecutionRequested,
    OrderIntent,
    ReplaceIntent,
    SignalsAggregated,
)
from kernel.time_units import DAY_NS
from replay.config import ReplayConfig
from replay.results import RunResult, read_results
from replay.verification import verify_run
from strategies.channel_break import ChannelBreak
from strategies.sdk import (
    Bar,
    ClientOrderId,
    Decisions,
    EquityPercent,
    Execute,
    Iceberg,
    Metadata,
    Notional,
    Participation,
    Replace,
    RiskLimits,
    Strategy,
    StrategyParams,
    StrategyState,
    Twap,
    buy,
    target_position,
    target_weight,
)
from strategies.sdk.decisions import Decision
from strategies.sdk.sizing import FixedFractional
from tests.replay.market import walk
from tests.replay.playing import read_events, record_run, store_of

BARS = [
    Bar((n + 1) * DAY_NS - 1, "A", "1d", 100.0, 101.0, 99.0, 100.0, 1_000.0, open_ts=n * DAY_NS)
    for n in range(19_000, 19_010)
]


KEY = ClientOrderId("1-scripted-1")
RESTING = buy("A", 5, limit=50)
PLANS: dict[str, tuple[Decision | None, ...]] = {
    "order": (buy("A", 10.5), None),
    "target": (target_position("A", 10.5), None),
    "replacement": (RESTING, Replace(KEY, quantity=7.5), None),
    "iceberg": (buy("A", 10, limit=50, display_quantity=2.5), None),
    "order and iceberg": (buy("A", 10.5, limit=50, display_quantity=2.5), None),
    "worked order": (Execute(buy("A", 10.5), Twap(86_400.0, 2)), None),
    "worked iceberg": (Execute(buy("A", 10, limit=50), Iceberg(2.5)), None),
    "parts": (Execute(buy("A", 10), Participation(0.1, part_quantity=2.5)), None),
    "weight while held": (buy("A", 5), target_weight("A", 0.0001), None),
    "each bar": (buy("A", 1.5),),
    "weight": (target_weight("A", 0.0001),),
    "short weight": (target_weight("A", -0.0001),),
    "notional": (buy("A", Notional(50)),),
    "percent": (buy("A", EquityPercent(0.01)),),
    "small parts": (Execute(buy("A", 10), Participation(0.1, part_quantity=0.5)),),
    "position reached": (target_position("A", 10), target_position("A", 10)),
    "weight reached": (buy("A", 10), target_weight("A", 0.01)),
    "nothing wanted": (target_weight("A", 0), target_position("A", 0)),
}


class Count(StrategyState):
    bars: int = 0


class Which(StrategyParams, frozen=True):
    plan: str = ""


class Scripted(Strategy[Which, Count]):
    """Returns the next of its decisions at each bar, the last one at every further bar."""

    metadata = Metadata(name="scripted", version="1.0.0")

    def on_bar(self, bar: Bar) -> Decisions:  # noqa: ARG002  # the hook's signature
        place, self.state.bars = self.state.bars, self.state.bars + 1
        plan = PLANS[self.params.plan]
        return plan[min(place, len(plan) - 1)]


async def played(plan: str) -> tuple[RunResult, list[Event]]:
    """The result and the events of a run that verifies."""
    store = await store_of(a_1d=BARS)
    run = await record_run(store, [Scripted(plan=plan)], ReplayConfig(streams=("a.1d",)))
    await verify_run(store, run)
    return await read_results(store, run), await read_events(store, run)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("order", "quantity 10.5, cut to 10"),
        ("target", "target position 10.5, cut to 10"),
        ("replacement", "quantity 7.5, cut to 7"),
        ("iceberg", "display quantity 2.5, cut to 2"),
        ("order and iceberg", "quantity 10.5, cut to 10; display quantity 2.5, cut to 2"),
        ("worked order", "quantity 10.5, cut to 10"),
        ("worked iceberg", "display quantity 2.5, cut to 2"),
        ("parts", "part quantity 2.5, cut to 2"),
    ],
)
async def test_a_quantity_that_is_cut_is_recorded_and_told(plan: str, words: str) -> None:
    result, events = await played(plan)

    asked = [
        event.asked for event in events if isinstance(event, OrderIntent | ReplaceIntent | ExecutionRequested)
    ]
    assert list(filter(None, asked)) == [words]
    assert result.notes == (f"1 orders cut to whole lots, first {KEY} of A: {words} (lot 1)",)


async def test_a_weight_that_comes_to_no_lot_closes_the_position_and_is_told() -> None:
    result, _ = await played("weight while held")

    assert result.orders == 2
    assert result.notes == (
        "1 orders cut to whole lots, first 1-scripted-2 of A: target weight 0.0001, cut to 0 (lot 1)",
    )


async def test_the_same_cut_at_every_bar_is_one_note_with_a_count() -> None:
    result, _ = await played("each bar")

    (note,) = result.notes
    assert note.startswith("10 orders cut to whole lots, first 1-scripted-1 of A: quantity 1.5, cut to 1 ")


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ("weight", "target weight 0.0001 is less than one lot of 1"),
        ("short weight", "target weight -0.0001 is less than one lot of 1"),
        ("notional", "notional 50 is less than one lot of 1"),
        ("percent", "equity percent 0.01 is less than one lot of 1"),
        ("small parts", "part_quantity 0.5 is less than one lot of 1"),
    ],
)
async def test_a_size_that_comes_to_no_lot_is_refused_and_counted(plan: str, sentence: str) -> None:
    result, events = await played(plan)

    refused = [event.reason for event in events if isinstance(event, DecisionRefused)]
    assert refused == [sentence] * 10
    assert (result.refused, result.orders) == (10, 0)
    assert result.first_problem.endswith(sentence)


@pytest.mark.parametrize("plan", ["position reached", "weight reached", "nothing wanted"])
async def test_a_target_that_is_reached_is_told_by_nobody(plan: str) -> None:
    result, _ = await played(plan)

    assert (result.notes, result.first_problem) == ((), "")


async def test_signals_that_come_to_less_than_a_lot_are_told_with_their_count() -> None:
    store = await store_of(a_1d=walk("A", 150, seed=3))
    config = ReplayConfig(
        risk=RiskLimits(require_cash=False, allow_short=True),
        signals=SignalsConfig(sizing=FixedFractional(fraction=Decimal("0.00001"))),
        streams=("a.1d",),
    )

    run = await record_run(store, [ChannelBreak(entry=8, exit=4)], config)

    result = await read_results(store, run)
    plans = [event for event in await read_events(store, run) if isinstance(event, SignalsAggregated)]
    (note,) = result.notes
    assert result.orders == 0
    assert note == (
        f"{sum(plan.score != 0 for plan in plans)} plans of signals were for less than one lot and opened "
        "nothing, first A with score 1 (lot 1)"
    )
