"""A replay asks about the streams that it is about: its cost does not grow with the store."""

from collections.abc import Collection

from eventstore import MemoryEventStore
from eventstore.port import StreamInfo
from kernel.events import CorporateAction, CorporateActionKind, Event
from replay.backtesting import from_instance, run_and_record
from replay.config import ReplayConfig
from replay.performance.journal import read_journal
from replay.planning import plan_run, unplayed_actions
from replay.report import read_prices
from replay.results import read_results
from strategies.buy_and_hold import BuyAndHold
from tests.replay.market import walk

RUNS = "run.buy_and_hold"


class Unlisted(MemoryEventStore):
    """A store that answers about some streams, and refuses to list them all."""

    def __init__(self) -> None:
        super().__init__()
        self.questions = 0

    async def streams(
        self, names: Collection[str] | None = None, *, holding: type[Event] | None = None
    ) -> tuple[StreamInfo, ...]:
        assert names is not None or holding is not None, "all streams were asked for"
        self.questions += 1
        return await super().streams(names, holding=holding)


async def market() -> Unlisted:
    store = Unlisted()
    for symbol in ("A", "B", "C"):
        await store.append(f"{symbol.lower()}.1d", walk(symbol, 20, seed=1), expected_seq=0)
    split = CorporateAction(walk("A", 20, seed=1)[5].ts, "A", CorporateActionKind.SPLIT)
    await store.append("a.actions", [split], expected_seq=0)
    return store


async def play(store: MemoryEventStore) -> str:
    config = ReplayConfig(streams=("a.1d",))
    return await run_and_record(store, await plan_run(store, config, loaded=[from_instance(BuyAndHold())]))


async def test_a_replay_does_not_list_the_store() -> None:
    store = await market()

    plan = await plan_run(store, ReplayConfig(streams=("a.1d",)), loaded=[from_instance(BuyAndHold())])
    unplayed = await unplayed_actions(store, plan)
    result = await read_results(store, await run_and_record(store, plan))
    await read_prices(store, result)
    await read_journal(store, result)

    assert unplayed == ("a.actions",)
    assert result.inputs > 20


async def test_runs_are_numbered_on_from_the_last_one() -> None:
    store = await market()

    names = [await play(store) for _ in range(5)]

    assert names == [f"{RUNS}.{number}" for number in (1, 2, 3, 4, 5)]


async def test_the_number_of_a_run_is_found_in_few_questions() -> None:
    store = await market()
    for number in range(1, 301):
        await store.append(f"{RUNS}.{number}", walk("A", 1, seed=1), expected_seq=0)
    store.questions = 0

    name = await play(store)

    assert name == f"{RUNS}.301"
    assert store.questions < 25
