"""A later session of a live log with another configuration: it goes on, or refuses with a sentence.

Whatever goes on is recovered by the next session and played again by ``verify_run``, over the boundary.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec
import pytest

from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from components.strategy_host.host import AnyStrategy
from eventstore import MemoryEventStore
from kernel.errors import ConfigError
from kernel.events import ConfigLoaded, Event, OrderDenied, OrderFilled, SessionStarted
from kernel.identifiers import StrategyId
from replay.config import ReplayConfig
from replay.reopening import Orphan
from replay.verification import verify_run
from strategies.sdk import Bar, Decisions, RiskLimits, Strategy, StrategyParams, StrategyState, buy, sell
from strategies.sdk.loading import LoadedStrategy, load_strategy
from tests.replay.live_sessions import LOG, live_session
from tests.replay.market import walk
from tests.replay.playing import causes_of

BARS = walk("A", 90, seed=8)
FIRST, SECOND, THIRD = BARS[:30], BARS[30:60], BARS[60:]
TERMS = InstrumentConfig(symbol="A")
CONFIG = ReplayConfig(instruments=(TERMS,), risk=RiskLimits(allow_short=True, require_cash=False))
TRADER, OTHER = StrategyId("Trader"), StrategyId("Other")


class Quantity(StrategyParams, frozen=True):
    quantity: Decimal = Decimal(10)
    start: int = 1


class Seen(StrategyState):
    bars: int = 0


class Trader(Strategy[Quantity, Seen]):
    """Buys at its bar number ``start`` and at every fifth one after it."""

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        if self.state.bars % 5 == self.params.start % 5:
            return buy(bar.symbol, self.params.quantity)
        return None


class Other(Strategy[Quantity, Seen]):
    """Sells short at its third bar and leaves a limit order far away."""

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        if self.state.bars == 3:
            return [sell(bar.symbol, self.params.quantity), sell(bar.symbol, 1, limit=10_000)]
        return None


async def sessions(
    *each: tuple[Sequence[AnyStrategy], ReplayConfig], orphans: dict[StrategyId, Orphan] | None = None
) -> MemoryEventStore:
    """A log of one session after the other over the next bars; the second one is killed. Verified."""
    store = MemoryEventStore()
    for number, (strategies, config) in enumerate(each):
        bars = (FIRST, SECOND, THIRD)[number]
        await live_session(
            store,
            bars,
            strategies,
            config,
            is_killed=number == 1,
            orphans=(orphans or {}) if number == 1 else {},
        )
    await verify_run(store, LOG)
    return store


async def events_of(store: MemoryEventStore) -> list[Event]:
    return [event async for batch in store.read(LOG) for event in batch.events]


def with_risk(**changes: object) -> ReplayConfig:
    return msgspec.structs.replace(CONFIG, risk=msgspec.structs.replace(CONFIG.risk, **changes))


async def openings(store: MemoryEventStore) -> list[int]:
    """The number of configurations that each session began with: 1 in the first one."""
    counts: list[int] = []
    loaded = 0
    for event in await events_of(store):
        loaded += isinstance(event, ConfigLoaded)
        if isinstance(event, SessionStarted):
            counts.append(loaded)
            loaded = 0
    return counts


async def test_a_session_without_changes_has_no_opening() -> None:
    store = await sessions(*[([Trader()], CONFIG)] * 3)

    assert await openings(store) == [1, 0, 0]


async def test_a_changed_limit_holds_from_the_next_session_on() -> None:
    tight = with_risk(max_position_quantity=Decimal(60))

    store = await sessions(([Trader()], CONFIG), ([Trader()], tight), ([Trader()], tight))

    denied = [event for event in await events_of(store) if isinstance(event, OrderDenied)]
    assert await openings(store) == [1, 1, 0]
    assert {event.rule for event in denied} == {"max_position_quantity"}
    assert all(event.ts > FIRST[-1].ts for event in denied)


async def test_a_strategy_with_another_parameter_keeps_its_state() -> None:
    store = await sessions(
        ([Trader()], CONFIG), ([Trader(quantity=Decimal(3))], CONFIG), ([Trader(quantity=Decimal(3))], CONFIG)
    )

    fills = [event for event in await events_of(store) if isinstance(event, OrderFilled)]
    assert [fill.quantity for fill in fills[:6]] == [10] * 6
    assert {fill.quantity for fill in fills[6:]} == {3}
    assert [fill.ts for fill in fills] == [bar.ts for bar in BARS[1::5]]


async def test_a_strategy_that_was_added_begins_with_empty_state() -> None:
    both = [Trader(), Other()]

    store = await sessions(([Trader()], CONFIG), (both, CONFIG), (both, CONFIG))

    (short,) = [
        event
        for event in await events_of(store)
        if isinstance(event, OrderFilled) and event.strategy == OTHER
    ]
    assert short.ts == SECOND[3].ts


async def test_a_strategy_that_is_gone_with_positions_or_orders_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError) as refused:
        await sessions(([Trader(), Other()], CONFIG), ([Trader()], CONFIG))

    assert str(refused.value) == (
        "strategies: Other is not there any more, but it holds -10 A and has 1 open orders. Say what becomes "
        "of them: --orphan Other=flatten or --orphan Other=keep"
    )


@pytest.mark.parametrize(("fate", "left"), [(Orphan.KEEP, -10), (Orphan.FLATTEN, 0)])
async def test_its_orders_are_cancelled_and_its_positions_are_kept_or_closed(fate: Orphan, left: int) -> None:
    store = MemoryEventStore()
    await live_session(store, FIRST, [Trader(), Other()], CONFIG)
    await live_session(store, SECOND, [Trader()], CONFIG, orphans={OTHER: fate})
    last = await live_session(store, THIRD, [Trader()], CONFIG)

    await verify_run(store, LOG)
    assert last.core.portfolio.strategy_position(OTHER, "A") == left
    assert last.core.orders.open_orders(OTHER, None) == ()


async def test_an_orphan_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="--orphan Other: the log has no strategy"):
        await sessions(([Trader()], CONFIG), ([Trader()], CONFIG), orphans={OTHER: Orphan.KEEP})


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            msgspec.structs.replace(CONFIG, cash=Decimal(5)),
            "cash: the log began with 100000, and keeps it; got 5. Set it back, or begin another log",
        ),
        (
            msgspec.structs.replace(CONFIG, instruments=(InstrumentConfig(symbol="B"),)),
            "instruments: A is not there any more, but it is held or has open orders; close them first",
        ),
        (
            msgspec.structs.replace(
                CONFIG, instruments=(InstrumentConfig(symbol="A", multiplier=Decimal(2)),)
            ),
            "instruments: multiplier of A cannot change from 1 to 2 while it is held or has open orders; "
            "close them first",
        ),
    ],
)
async def test_what_cannot_change_is_refused_and_nothing_is_recorded(
    changed: ReplayConfig, sentence: str
) -> None:
    store = MemoryEventStore()
    await live_session(store, FIRST, [Trader()], CONFIG)
    before = await store.head(LOG)

    with pytest.raises(ConfigError) as refused:
        await live_session(store, SECOND, [Trader()], changed)

    assert str(refused.value) == sentence
    assert await store.head(LOG) == before
    await live_session(store, SECOND, [Trader()], CONFIG)


async def test_terms_that_do_not_touch_the_worth_of_a_position_change_while_it_is_held() -> None:
    terms = InstrumentConfig(symbol="A", lot_size=Decimal(4), margin_rate=Decimal("0.5"))
    other = msgspec.structs.replace(CONFIG, instruments=(terms, InstrumentConfig(symbol="B")))

    store = await sessions(([Trader()], CONFIG), ([Trader()], other), ([Trader()], other))

    fills = [event for event in await events_of(store) if isinstance(event, OrderFilled)]
    assert {fill.quantity for fill in fills if fill.ts > FIRST[-1].ts} == {8}


# --- code on disk -----------------------------------------------------------------------------------

CODE = '''
from strategies.sdk import Bar, Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy


class State(StrategyState):
    {field}: {kind} = {start}


class Filed(Strategy[StrategyParams, State]):
    """Buys at every bar."""

    metadata = Metadata(name="filed")

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.{field} = self.state.{field} + {step}
        return buy(bar.symbol, {quantity})
'''


def filed(folder: Path, **parts: object) -> Sequence[LoadedStrategy]:
    words = {"field": "bars", "kind": "int", "start": 0, "step": 1, "quantity": 2, **parts}
    (folder / "filed.py").write_text(CODE.format(**words))
    return [load_strategy(f"{folder}/filed.py:Filed")]


async def test_edited_code_runs_from_the_next_session_on_and_keeps_the_state(tmp_path: Path) -> None:
    store = MemoryEventStore()
    await live_session(store, FIRST, filed(tmp_path), CONFIG)
    await live_session(store, SECOND, filed(tmp_path, quantity=7), CONFIG)
    last = await live_session(store, THIRD, filed(tmp_path, quantity=7), CONFIG)

    await verify_run(store, LOG)
    assert await openings(store) == [1, 1, 0]
    assert last.core.hosts[0].strategy.state.bars == len(BARS)
    fills = [event for event in await events_of(store) if isinstance(event, OrderFilled)]
    assert {fill.quantity for fill in fills} == {2, 7}


async def test_edited_code_with_another_kind_of_state_is_refused(tmp_path: Path) -> None:
    store = MemoryEventStore()
    await live_session(store, FIRST, filed(tmp_path), CONFIG)
    before = await store.head(LOG)

    with pytest.raises(
        ConfigError,
        match=r"cannot go on with .*filed: its state of version .* does not fit",
    ):
        await live_session(store, SECOND, filed(tmp_path, kind="str", start="''", step="'x'"), CONFIG)

    assert await store.head(LOG) == before


# --- whatever changes ---------------------------------------------------------------------------------

CHANGES: tuple[Callable[[Random], tuple[list[AnyStrategy], ReplayConfig]], ...] = (
    lambda dice: ([Trader(quantity=Decimal(dice.randint(1, 9)))], CONFIG),
    lambda dice: ([Trader(), Other(start=dice.randint(0, 4))], CONFIG),
    lambda dice: ([Trader()], with_risk(max_order_quantity=Decimal(dice.randint(1, 20)))),
    lambda dice: ([Trader()], with_risk(max_open_orders=dice.randint(1, 3))),
    lambda dice: (
        [Trader()],
        msgspec.structs.replace(
            CONFIG, instruments=(InstrumentConfig(symbol="A", lot_size=Decimal(dice.choice((1, 2, 5)))),)
        ),
    ),
    lambda _: (
        [Trader()],
        msgspec.structs.replace(
            CONFIG,
            strategies=(
                StrategyConfig(strategy="strategies.ma_cross:MovingAverageCross", id="off", enabled=False),
            ),
        ),
    ),
)


@pytest.mark.parametrize("seed", range(12))
async def test_sessions_with_any_changes_verify_or_are_refused(seed: int) -> None:
    dice, store = Random(seed), MemoryEventStore()
    for place in range(0, 90, 15):
        strategies, config = dice.choice(CHANGES)(dice)
        fates = {OTHER: dice.choice(tuple(Orphan))}
        for orphans in ({}, fates):
            try:
                await live_session(
                    store,
                    BARS[place : place + 15],
                    strategies,
                    config,
                    is_killed=dice.random() < 0.5,
                    orphans=orphans,
                )
            except ConfigError:
                continue
            break

    await verify_run(store, LOG)

    causes = [cause async for batch in store.read(LOG) for cause in causes_of(batch)]
    inputs = [-cause for cause in causes if cause < 0]
    assert inputs == list(range(1, len(inputs) + 1))
