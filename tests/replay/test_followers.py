"""A strategy runs apart from the core that trades: its decisions come back as inputs of the log."""

from pathlib import Path

import msgspec
import pytest

from components.assembly.isolation import Isolation
from eventstore import EventStore, MemoryEventStore
from kernel.errors import ConfigError
from kernel.events import (
    CancelIntent,
    ComponentFailed,
    ComponentQuarantined,
    DecisionRefused,
    Event,
    OrderFilled,
    OrderIntent,
    PauseStrategy,
    ReleaseComponent,
    ResumeStrategy,
    StrategyDecided,
    StrategyFailedApart,
    StrategyLogged,
)
from replay.live_change import Change
from replay.verification import verify_run
from tests.replay.followed_sessions import BARS, CODE, KEY, config_of, followed
from tests.replay.live_sessions import LOG

NAME = f"strategy:{KEY}"


async def events_of(store: EventStore) -> list[Event]:
    return [event async for batch in store.read(LOG) for event in batch.events]


def decided(events: list[Event]) -> list[Event]:
    """What the strategy wanted, said and got, without the times: those apart are later."""
    kinds = (OrderIntent, CancelIntent, OrderFilled, StrategyLogged, DecisionRefused)
    return [msgspec.structs.replace(event, ts=0) for event in events if isinstance(event, kinds)]


@pytest.fixture
def store() -> MemoryEventStore:
    return MemoryEventStore()


async def test_decisions_apart_equal_those_in_process_when_inputs_are_paced(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    in_process = MemoryEventStore()
    async with followed(in_process, config_of(tmp_path, isolation=Isolation.NONE), tmp_path) as one:
        await one.take(BARS)
    async with followed(store, config_of(tmp_path), tmp_path) as one:
        await one.start()
        await one.take(BARS)

    apart, inside = await events_of(store), await events_of(in_process)
    assert sum(isinstance(event, OrderFilled) for event in inside) > 20
    assert decided(apart) == decided(inside)
    assert sum(isinstance(event, StrategyDecided) for event in apart) > 20
    await verify_run(store, LOG)


async def test_killed_follower_neither_loses_decisions_nor_sends_them_twice(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    async with followed(store, config_of(tmp_path), tmp_path) as one:
        await one.start()
        await one.take(BARS[:33])
        one.is_cut = True  # it dies with its decisions in the pipe
        await one.take(BARS[33:35])
        lost = one.sent[-1]
        one.kill()
        await one.take(BARS[35:38])
        one.is_cut = False
        await one.start()
        await one.take(BARS[38:60])

    events = await events_of(store)
    numbers = [event.after for event in events if isinstance(event, StrategyDecided)]
    assert lost.after in numbers
    assert len(set(numbers)) == len(numbers)
    assert sum(isinstance(event, StrategyLogged) and "start" in event.words for event in events) == 1
    await verify_run(store, LOG)


async def test_decisions_that_come_twice_count_once(store: MemoryEventStore, tmp_path: Path) -> None:
    async with followed(store, config_of(tmp_path), tmp_path) as one:
        await one.start()
        await one.take(BARS[:20])
        intents = sum(isinstance(event, OrderIntent) for event in await events_of(store))
        for sent in list(one.sent):
            one.command(sent)
        await one.settle()

    events = await events_of(store)
    assert sum(isinstance(event, OrderIntent) for event in events) == intents
    assert not any(isinstance(event, ComponentFailed) for event in events)


async def test_follower_goes_on_from_its_snapshot_as_if_it_had_never_ended(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    straight = MemoryEventStore()
    async with followed(straight, config_of(tmp_path), tmp_path / "straight") as one:
        await one.start()
        await one.take(BARS)
    async with followed(store, config_of(tmp_path), tmp_path) as one:
        await one.start()
        await one.take(BARS[:50])
        assert await one.follower.save(one.snapshots())
        taken = len(one.inputs)
        await one.take(BARS[50:60])
        one.kill()
        await one.start()
        replayed = len(one.inputs) - taken
        await one.take(BARS[60:])

    assert replayed < taken / 2
    assert decided(await events_of(store)) == decided(await events_of(straight))


async def test_next_session_goes_on_with_the_state_of_the_strategy(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    config = config_of(tmp_path)
    async with followed(store, config, tmp_path) as one:
        await one.start()
        await one.take(BARS[:40])
    async with followed(store, config, tmp_path) as one:
        await one.start()
        await one.take(BARS[40:60])

    said = [event.words for event in await events_of(store) if isinstance(event, StrategyLogged)]
    assert [words for words in said if "start" in words] == ["start at bar 0", "start at bar 40"]
    ids = [event.order.client_order_id for event in await events_of(store) if isinstance(event, OrderIntent)]
    assert len(set(ids)) == len(ids)
    await verify_run(store, LOG)


async def test_hook_that_raises_apart_is_isolated_by_the_policy_and_released(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    code = CODE.replace("== self.params.raises_at", ">= self.params.raises_at > 0")
    async with followed(store, config_of(tmp_path, code=code, raises_at=3), tmp_path) as one:
        await one.start()
        await one.take(BARS[:20])
        sent = len(one.sent)
        await one.take(BARS[20:30])
        assert len(one.sent) == sent
        one.command(ReleaseComponent(BARS[30].ts, "me", NAME))
        await one.take(BARS[30:31])

    events = await events_of(store)
    failed = [event for event in events if isinstance(event, ComponentFailed)]
    assert [event.component for event in failed] == [NAME] * 4
    assert failed[0].error == "FailedApart: ValueError: no idea at bar 3 (at Bar)"
    assert failed[0].where.startswith("on_bar:")
    assert sum(isinstance(event, ComponentQuarantined) for event in events) == 1
    await verify_run(store, LOG)


async def test_process_that_ended_at_an_input_does_not_get_it_again(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    async with followed(store, config_of(tmp_path), tmp_path) as one:
        await one.start()
        await one.take(BARS[:9])
        one.kill()
        await one.take(BARS[9:10])  # at the tenth bar it ends, so it decides nothing there
        number = one.session.engine.bus.state.input_count
        await one.start(broken_at=number)
        one.command(StrategyFailedApart(BARS[9].ts, KEY, number, "", "it ended", has_ended=True))
        await one.take(BARS[10:16])
        one.kill()
        await one.start()
        await one.take(BARS[16:30])

    events = await events_of(store)
    assert number not in [event.after for event in events if isinstance(event, StrategyDecided)]
    assert [event.error for event in events if isinstance(event, ComponentFailed)] == [
        "FailedApart: it ended"
    ]
    await verify_run(store, LOG)


async def test_pause_holds_for_a_strategy_apart(store: MemoryEventStore, tmp_path: Path) -> None:
    async with followed(store, config_of(tmp_path), tmp_path) as one:
        await one.start()
        await one.take(BARS[:12])
        one.command(PauseStrategy(BARS[11].ts, "me", KEY))
        await one.take(BARS[12:22])
        paused = sum(isinstance(event, OrderIntent) for event in await events_of(store))
        one.command(ResumeStrategy(BARS[21].ts, "me", KEY))
        await one.take(BARS[22:40])

    before = [event for event in one.sent if event.ts <= BARS[11].ts]
    assert paused <= 3 * len(before)
    assert sum(isinstance(event, OrderIntent) for event in await events_of(store)) > paused
    await verify_run(store, LOG)


async def test_decisions_made_before_a_pause_that_came_first_are_narrowed(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    async with followed(store, config_of(tmp_path), tmp_path) as one:
        await one.start()
        await one.take(BARS[:4])
        one.kill()
        await one.take(BARS[4:5])
        one.command(PauseStrategy(BARS[4].ts, "me", KEY))
        await one.start()

    events = await events_of(store)
    assert not any(isinstance(event, OrderIntent) for event in events)
    assert any("paused" in event.reason for event in events if isinstance(event, DecisionRefused))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"ids_after": 99_999}, "out of turn"),
        ({"epoch": 7}, "out of turn"),
        ({"decisions": b"\x91\x01"}, "cannot be read"),
        ({"answers": 2_000}, "in a row"),
    ],
)
async def test_decisions_that_make_no_sense_are_a_failure_of_the_strategy(
    store: MemoryEventStore, tmp_path: Path, change: dict[str, object], what: str
) -> None:
    async with followed(store, config_of(tmp_path), tmp_path) as one:
        await one.start()
        await one.take(BARS[:5])
        sent = next(each for each in reversed(one.sent) if isinstance(each, StrategyDecided))
        anew = {"after": sent.after + 100, "ids_before": sent.ids_after, **change}
        one.command(msgspec.structs.replace(sent, **anew))
        await one.settle()

    (failed,) = [event for event in await events_of(store) if isinstance(event, ComponentFailed)]
    assert what in failed.error


async def test_orders_of_another_strategy_or_with_a_used_id_are_refused(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    async with followed(store, config_of(tmp_path), tmp_path) as one:
        await one.start()
        await one.take(BARS[:5])
        intents = sum(isinstance(event, OrderIntent) for event in await events_of(store))
        sent = next(each for each in reversed(one.sent) if isinstance(each, StrategyDecided))
        again = {"after": sent.after + 100, "ids_before": sent.ids_after}
        one.command(msgspec.structs.replace(sent, **again))
        await one.settle()

    events = await events_of(store)
    assert sum(isinstance(event, OrderIntent) for event in events) == intents
    assert any("not its own" in event.reason for event in events if isinstance(event, DecisionRefused))


async def test_strategy_goes_apart_with_its_state_and_cannot_be_taken_back(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    inside, apart = config_of(tmp_path, isolation=Isolation.NONE), config_of(tmp_path)
    async with followed(store, inside, tmp_path) as one:
        await one.take(BARS[:23])
        await one.session.change(Change(operator="me", config=apart))
        await one.start()
        await one.take(BARS[23:60])
        with pytest.raises(ConfigError, match="isolation cannot change"):
            await one.session.change(Change(operator="me", config=inside))

    other = MemoryEventStore()
    async with followed(other, inside, tmp_path) as one:
        await one.take(BARS[:60])

    assert decided(await events_of(store)) == decided(await events_of(other))
    await verify_run(store, LOG)


async def test_new_code_of_a_strategy_apart_takes_over_its_state(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    async with followed(store, config_of(tmp_path), tmp_path) as one:
        await one.start()
        await one.take(BARS[:23])
        config_of(tmp_path, code=CODE.replace("% 5 == 0", "% 4 == 0"))
        await one.session.change(Change(operator="me", reload=(KEY,)))
        await one.take(BARS[23:40])

    said = [event.words for event in await events_of(store) if isinstance(event, StrategyLogged)]
    assert [words for words in said if "start" in words] == ["start at bar 0", "start at bar 23"]
    await verify_run(store, LOG)


async def test_strategy_that_answers_itself_without_end_is_stopped(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    code = CODE.replace("        self.state.updates += 1\n", '        return buy("A", 1, limit=0.01)\n')
    async with followed(store, config_of(tmp_path, code=code), tmp_path) as one:
        await one.start()
        await one.take(BARS[:5])

    events = await events_of(store)
    failed = [event.error for event in events if isinstance(event, ComponentFailed)]
    assert failed
    assert "in a row" in failed[0]
