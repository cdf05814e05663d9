"""A hook that holds up the core is named, while it does."""

from pathlib import Path

from components.assembly.isolation import Isolation
from kernel.events import Event, Quote
from ops.daemon.slow_hooks import SlowHook, SlowHooks
from tests.ops.daemon.working import config_of, entry, loaded, working

CODE = """
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState


class Seen(StrategyState):
    quotes: int = 0


class NAME(Strategy[StrategyParams, Seen]):
    metadata = Metadata(name="LOWER", version="1")

    def on_quote(self, quote):
        self.count(ROUNDS)

    def count(self, rounds):
        for _ in range(rounds):
            self.state.quotes += 1
"""
QUOTES: list[Event] = [Quote(0, "A", 100.0, 100.1, 50, 50)] * 3


def code(name: str, rounds: int) -> str:
    """A strategy that counts at each quote."""
    return CODE.replace("NAME", name.title()).replace("LOWER", name).replace("ROUNDS", str(rounds))


async def found(folder: Path, *, slow_rounds: int, limit_ms: float) -> tuple[SlowHook, ...]:
    names = ("quick", "slow")
    config = config_of(folder, [entry(name, isolation=Isolation.NONE) for name in names])
    codes = [loaded(code(name, slow_rounds if name == "slow" else 1), name) for name in names]
    async with working(config, codes) as one:
        await one.take(QUOTES[:1])
        with SlowHooks(one.session.engine, limit_ms=limit_ms) as watched:
            await one.take(QUOTES[1:])
        return watched.found


async def test_slow_hook_is_named_with_its_strategy_and_its_line(tmp_path: Path) -> None:
    all_slow = await found(tmp_path, slow_rounds=5_000_000, limit_ms=40)

    (slow,) = (one for one in all_slow if one.strategy == "slow")  # the machine may hold up other steps
    assert (slow.strategy, slow.hook, slow.count) == ("slow", "on_quote:13", 2)
    assert slow.worst_ms >= 40


async def test_steps_within_the_limit_are_not_told(tmp_path: Path) -> None:
    assert not await found(tmp_path, slow_rounds=1, limit_ms=10_000)


async def test_limit_of_0_watches_nothing(tmp_path: Path) -> None:
    assert not await found(tmp_path, slow_rounds=1_000_000, limit_ms=0)
