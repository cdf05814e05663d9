"""Each line of an explained order is in the log, and what its strategy saw is what the core had."""

import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from eventstore import EventStore, MemoryEventStore, SnapshotFiles, read_story
from kernel.errors import InputError
from kernel.events import (
    Bar,
    Event,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    PositionChanged,
    TimerFired,
)
from kernel.identifiers import ClientOrderId, FillId
from replay.past.explanation import OF_ORDERS, explain_order, logs_with_order
from replay.past.timeline import Timeline
from strategies.sdk import (
    Cancel,
    Decisions,
    SetTimer,
    Strategy,
    StrategyParams,
    StrategyState,
    TimerName,
    buy,
)
from strategies.sdk import TimerFired as SdkTimer
from tests.ops.test_step import RUN
from tests.replay.commands import replay
from tests.replay.market import walk
from tests.replay.past_logs import files_in, log_of_three_sessions, run_of_two_symbols
from tests.replay.playing import read_events, record_run, store_of
from tests.replay.test_past import store_with_logs

Made = Callable[[SnapshotFiles | None], Awaitable[tuple[MemoryEventStore, str]]]
BOTH = pytest.mark.parametrize("made", [run_of_two_symbols, log_of_three_sessions], ids=["run", "live log"])


def ids_of(events: list[Event]) -> list[str]:
    return [event.order.client_order_id for event in events if isinstance(event, OrderIntent)]


async def story_of(store: EventStore, log: str) -> list[tuple[int, Event]]:
    """Each event of the whole story with the number of its input."""
    found: list[tuple[int, Event]] = []
    async for batch in read_story(store, log):
        found += zip(batch.seqs, batch.events, strict=True)
    return found


@BOTH
async def test_every_event_of_an_order_is_a_step_in_the_order_of_the_log(made: Made, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    store, log = await made(files)
    events = await read_events(store, log)
    fills = {event.fill_id: event.client_order_id for event in events if isinstance(event, OrderFilled)}

    for order_id in ids_of(events)[::4]:
        found = await explain_order(store, log, order_id, snapshots=files)
        own = [one for one in found.steps if one.seq]
        told = [
            seq
            for seq, event in enumerate(events, 1)
            if type(event) in OF_ORDERS and _order_of(event, fills) == order_id
        ]
        assert [one.seq for one in own] == told
        assert [one.event for one in own] == [events[seq - 1] for seq in told]
        stamps = [one.event.ts for one in found.steps]
        assert stamps == sorted(stamps)
        assert sum(one.after_ns for one in found.steps) == stamps[-1] - stamps[0]


def _order_of(event: Event, fills: Mapping[FillId, ClientOrderId]) -> str:
    if isinstance(event, PositionChanged):
        return fills.get(event.fill_id, ClientOrderId(""))
    order = getattr(event, "order", None)
    return order.client_order_id if order is not None else getattr(event, "client_order_id", "")


@BOTH
async def test_the_inputs_that_are_shown_are_those_of_the_story(made: Made) -> None:
    store, log = await made(None)
    story = await story_of(store, log)

    for order_id in ids_of(await read_events(store, log))[::5]:
        found = await explain_order(store, log, order_id)
        for one in found.steps:
            assert (one.number, one.event) in story


@BOTH
async def test_what_the_strategy_saw_is_what_the_core_had_before(made: Made) -> None:
    store, log = await made(None)
    order_id = ids_of(await read_events(store, log))[3]

    found = await explain_order(store, log, order_id)

    sight = found.sight
    async with Timeline.open(store, log) as timeline:
        await timeline.goto_number(sight.number - 1)
        assert (sight.cash, sight.equity) == (timeline.core.portfolio.cash, timeline.core.portfolio.equity)
        held = timeline.core.portfolio.net_position("A")
        assert sight.positions.get("A", Decimal(0)) == held
    assert isinstance(sight.trigger, Bar)
    assert sight.symbols[0].bars[-1].ts <= sight.trigger.ts
    assert isinstance(sight.state, dict)
    assert {one.path for one in sight.changes} <= {"bars", "asked"}


class AtNoon(Strategy[StrategyParams, StrategyState]):
    """Buys when its timer fires, twelve hours after the start."""

    def on_start(self) -> Decisions:
        return SetTimer(TimerName("noon"), self.ctx.now + 43_200_000_000_000)

    def on_timer(self, timer: SdkTimer) -> Decisions:
        return buy("A", 5) if timer.name else None


async def test_an_order_of_a_timer_names_the_timer() -> None:
    store = await store_of(a_1d=walk("A", 10, seed=3))
    run = await record_run(store, [AtNoon()])

    found = await explain_order(store, run, ids_of(await read_events(store, run))[0])

    assert isinstance(found.sight.trigger, TimerFired)
    assert found.sight.trigger.name == "noon"
    assert isinstance(found.steps[0].event, TimerFired)


async def test_a_denied_order_says_by_which_rule() -> None:
    store, log = await log_of_three_sessions()
    events = await read_events(store, log)
    denied = next(event for event in events if isinstance(event, OrderDenied))

    found = await explain_order(store, log, denied.order.client_order_id)

    assert found.steps[-1].event == denied
    assert denied.rule


class BarsSeen(StrategyState):
    bars: int = 0


class CancelsTooEarly(Strategy[StrategyParams, BarsSeen]):
    """Cancels its first order before there is one."""

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        match self.state.bars:
            case 1:
                return [Cancel(ClientOrderId(each)) for each in ("1-CancelsTooEarly-1", "nobody's")]
            case 3:
                return buy(bar.symbol, 10)
            case _:
                return None


async def test_an_order_begins_with_its_intent_though_its_id_was_named_before() -> None:
    store = await store_of(a_1d=walk("A", 5, seed=3))
    run = await record_run(store, [CancelsTooEarly()])

    found = await explain_order(store, run, "1-CancelsTooEarly-1")

    assert type(next(one.event for one in found.steps if one.seq)) is OrderIntent
    assert [(one.path, one.after) for one in found.sight.changes] == [("bars", 3)]
    assert await logs_with_order(store, "1-CancelsTooEarly-1") == (run,)
    assert await logs_with_order(store, "nobody's") == ()


async def test_an_order_that_is_not_there_is_refused() -> None:
    store, log = await log_of_three_sessions()

    with pytest.raises(InputError, match="order 'x' is not in paper"):
        await explain_order(store, log, "x")


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explain") / "market.db"
    store_with_logs(path)
    return path


@pytest.mark.parametrize("log", [RUN, "paper"])
def test_the_command_prints_tables_a_page_and_json(path: Path, log: str, tmp_path: Path) -> None:
    page = tmp_path / "order.html"

    printed = replay("explain", "1-Trader-1", "--run", log, "--store", path, "--html", page)
    told = replay("explain", "1-Trader-1", "--run", log, "--store", path, "--json")

    assert (printed.exit_code, told.exit_code) == (0, 0)
    assert "1-Trader-1: buy 10 A market: filled 10 of 10" in printed.stdout
    for word in ("The path of the order:", "risk approved", "sent to the venue", "bought 10 at", "parameter"):
        assert word in printed.stdout
    found = json.loads(told.stdout)
    assert found["steps"][-1]["type"] == "PositionChanged"
    assert found["saw"]["params"] == {"quantity": "10", "start": 1}
    document = page.read_text("utf-8")
    assert "bought 10 at" in document
    assert "http" not in document.replace("http-equiv", "")
    assert "<script" not in document


def test_a_run_is_found_by_an_order_that_only_it_has(path: Path) -> None:
    found = replay("explain", "1-randomor-1", "--store", path, "--json")
    several = replay("explain", "1-Trader-1", "--store", path)
    unknown = replay("explain", "1-nobody-1", "--store", path)

    assert several.exit_code == unknown.exit_code == 1
    assert "is in several runs, name one with --run: " in several.stderr
    assert "is in no run or live log" in unknown.stderr
    assert found.exit_code in (0, 1)
