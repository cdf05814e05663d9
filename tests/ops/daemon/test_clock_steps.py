"""The wall clock steps while a session runs, and between two sessions: the log goes on, and verifies."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from components.assembly.instruments import InstrumentConfig
from eventstore import open_store
from kernel.events import ClockJumped, Event, OrderFilled
from kernel.time_units import HOUR_NS, SECOND_NS
from replay.backtesting import from_instance
from replay.config import ReplayConfig
from replay.session import begin_session
from replay.verification import verify_run
from strategies.sdk import (
    Decisions,
    Metadata,
    Quote,
    RiskLimits,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
)
from tests.kernel.live import Time, until
from tests.replay.market import quotes_of

CONFIG = ReplayConfig(
    instruments=(InstrumentConfig(symbol="A"),), risk=RiskLimits(allow_short=True, require_cash=False)
)
QUOTES = quotes_of("A", [(1, 0)] * 120)


class Seen(StrategyState):
    quotes: int = 0


class Buyer(Strategy[StrategyParams, Seen]):
    """Buys at each fifth quote."""

    metadata = Metadata(name="buyer")

    def on_quote(self, quote: Quote) -> Decisions:
        self.state.quotes += 1
        return buy(quote.symbol, 1) if self.state.quotes % 5 == 0 else None


async def session(folder: Path, time: Time, quotes: Sequence[Event], *, steps: dict[int, int]) -> None:
    """A session that takes a quote each second, while the wall clock is set before some; then killed."""
    async with await open_store(folder / "paper.tape") as store:
        begun = await begin_session(
            store,
            "paper",
            CONFIG,
            clock=time.clock(),
            mode="paper",
            loaded=[from_instance(Buyer())],
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(begun.engine.run(), name="engine")
            for place, quote in enumerate(quotes):
                time.step(steps.get(place, 0))
                time.go_on(SECOND_NS)
                await begun.engine.post(quote)
                await until(lambda: not begun.engine.inbox_depth)
            begun.engine.stop()
            await running


async def test_steps_forward_and_back_are_on_record_and_time_never_goes_back(tmp_path: Path) -> None:
    time = Time()
    await session(tmp_path, time, QUOTES[:60], steps={10: HOUR_NS, 30: -2 * HOUR_NS, 50: 5 * HOUR_NS})
    time.step(-24 * HOUR_NS)
    await session(tmp_path, time, QUOTES[60:], steps={5: -HOUR_NS, 40: 30 * HOUR_NS})

    async with await open_store(tmp_path / "paper.tape", read_only=True) as store:
        await verify_run(store, "paper")
        events = [event async for batch in store.read("paper") for event in batch.events]
    jumps = [event.step_ns for event in events if isinstance(event, ClockJumped)]
    assert jumps == [HOUR_NS, -2 * HOUR_NS, 5 * HOUR_NS, -HOUR_NS, 30 * HOUR_NS]
    assert all(earlier.ts <= later.ts for earlier, later in pairwise(events))
    assert sum(isinstance(event, OrderFilled) for event in events) > 10
