"""Commands for single strategies in a configuration: pause, resume, release; and that such runs repeat."""

from decimal import Decimal

import pytest

from components.assembly.instruments import InstrumentConfig
from eventstore import MemoryEventStore
from kernel.errors import ConfigError
from kernel.events import (
    ComponentQuarantined,
    ComponentRestarted,
    Event,
    OrderSubmitted,
    PauseStrategy,
    ReleaseComponent,
    ResumeStrategy,
    StrategyPaused,
    StrategyResumed,
)
from kernel.identifiers import StrategyId
from kernel.time_units import DAY_NS
from replay.commands import Command, Pause, Release, ResumePaused
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.verification import verify_run
from strategies.ma_cross import MovingAverageCross
from strategies.sdk.loading import LoadedStrategy, load_source
from tests.replay.live_sessions import LOG, live_session
from tests.replay.market import walk
from tests.replay.playing import START, read_events, record_run, store_of

FAILING = '''
from strategies.sdk import Bar, Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy


class State(StrategyState):
    bars: int = 0


class Failing(Strategy[StrategyParams, State]):
    """Fails at its first three bars, and buys one unit at each of the others."""

    metadata = Metadata(name="failing")

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        return buy(bar.symbol, 1 // max(0, self.state.bars - 3))
'''
CROSS = StrategyId("ma_cross")


def cross() -> MovingAverageCross:
    return MovingAverageCross(fast=2, slow=3, quantity=10)


async def recorded(strategy: MovingAverageCross | LoadedStrategy, *commands: Command) -> list[Event]:
    """The events of a run over sixty days with these commands, which must repeat byte for byte."""
    store = await store_of(a_1d=walk("A", 60, seed=5))
    run = await record_run(store, [strategy], ReplayConfig(commands=commands))
    assert (await verify_run(store, run, restarts=16)).run_stream == run
    return await read_events(store, run)


def day(number: int) -> int:
    return START + number * DAY_NS


def submitted(events: list[Event]) -> list[int]:
    return [event.ts for event in events if isinstance(event, OrderSubmitted)]


async def test_a_paused_strategy_sends_no_order_until_it_is_resumed() -> None:
    free = submitted(await recorded(cross()))

    events = await recorded(
        cross(),
        Pause(at="2004-01-10", strategy="ma_cross", reason="a try"),
        ResumePaused(at="2004-02-10", strategy="ma_cross"),
    )

    assert [ts for ts in free if day(9) <= ts < day(40)]
    assert [ts for ts in submitted(events) if ts < day(9)] == [ts for ts in free if ts < day(9)]
    assert not [ts for ts in submitted(events) if day(9) <= ts < day(40)]
    assert [ts for ts in submitted(events) if ts >= day(40)]
    for expected in (
        PauseStrategy(day(9), "configuration", CROSS, "a try"),
        StrategyPaused(day(9), CROSS, "a try"),
        ResumeStrategy(day(40), "configuration", CROSS),
        StrategyResumed(day(40), CROSS),
    ):
        assert events.count(expected) == 1


async def test_one_strategy_pauses_and_another_goes_on_as_before() -> None:
    store = await store_of(a_1d=walk("A", 60, seed=5))
    free = await read_events(store, await record_run(store, [cross(), cross()]))
    config = ReplayConfig(commands=(Pause(at="2004-01-10", strategy="ma_cross"),))

    paused = await read_events(store, await record_run(store, [cross(), cross()], config))

    def of_second(events: list[Event]) -> list[tuple[int, Decimal]]:
        orders = [event for event in events if isinstance(event, OrderSubmitted)]
        return [(one.ts, one.order.quantity) for one in orders if one.order.strategy == "ma_cross.2"]

    assert of_second(paused) == of_second(free) != []
    assert len(submitted(paused)) < len(submitted(free))


async def test_a_strategy_that_was_quarantined_goes_on_after_its_release() -> None:
    failing = load_source(FAILING, "failing.py")

    held = await recorded(failing)
    events = await recorded(failing, Release(at="2004-01-10", strategy="failing"))

    assert submitted(held) == []
    assert [event.ts for event in held if isinstance(event, ComponentQuarantined)] == [day(3) - 1]
    assert ReleaseComponent(day(9), "configuration", "strategy:failing") in events
    assert ComponentRestarted(day(9), "strategy:failing", 0) in events
    assert submitted(events)[0] == day(10) - 1


@pytest.mark.parametrize("command", [Pause, ResumePaused, Release])
async def test_a_strategy_that_the_run_does_not_have_is_refused(
    command: type[Pause | ResumePaused | Release],
) -> None:
    store = await store_of(a_1d=walk("A", 60, seed=5))
    config = ReplayConfig(streams=("a.1d",), commands=(command(at="2004-01-10", strategy="ma_crss"),))
    loaded = [load_source(FAILING, "failing.py")]

    with pytest.raises(
        ConfigError, match=r"number 1 .*_strategy.: there is no strategy 'ma_crss'; there are: fail"
    ):
        await plan_run(store, config, loaded=loaded)


async def test_a_pause_of_a_live_log_outlives_a_kill_and_the_log_verifies() -> None:
    store, bars = MemoryEventStore(), walk("A", 60, seed=5)
    config = ReplayConfig(instruments=(InstrumentConfig(symbol="A"),))
    pause = PauseStrategy(bars[19].ts, "ann", CROSS)
    resume = ResumeStrategy(bars[49].ts, "ann", CROSS)

    await live_session(store, [*bars[:20], pause, *bars[20:30]], [cross()], config, is_killed=True)
    await live_session(store, [*bars[30:50], resume, *bars[50:]], [cross()], config)

    sent = submitted(await read_events(store, LOG))
    assert [ts for ts in sent if ts <= bars[19].ts]
    assert not [ts for ts in sent if bars[19].ts < ts <= bars[49].ts]
    assert [ts for ts in sent if ts > bars[49].ts]
    assert (await verify_run(store, LOG)).run_stream == LOG
