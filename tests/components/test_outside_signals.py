"""Signals of outside models, as a strategy gets them by ``on_signal``."""

from decimal import Decimal

from kernel.events import PauseStrategy, ResumeStrategy
from kernel.identifiers import StrategyId
from kernel.time_units import SECOND_NS
from replay.testing import Rehearsal
from strategies.sdk import (
    FLAT,
    LONG,
    Decisions,
    Metadata,
    SignalDirection,
    SignalField,
    SignalPosted,
    Strategy,
    StrategyParams,
    StrategyState,
    target_position,
)


class Heard(StrategyState):
    sources: tuple[str, ...] = ()


class Follower(Strategy[StrategyParams, Heard]):
    """Holds as many as a model says."""

    metadata = Metadata(name="follower")

    def on_signal(self, signal: SignalPosted) -> Decisions:
        self.state.sources += (signal.source,)
        size = signal.get("size", 10.0)
        assert isinstance(size, float)
        wanted = int(size * signal.strength) if signal.direction is SignalDirection.LONG else 0
        return target_position(signal.symbol or "ABC", wanted)


def stage() -> Rehearsal:
    made = Rehearsal(Follower(), symbols=("ABC", "XYZ"))
    made.bar(100.0)
    return made


def post(
    on: Rehearsal,
    symbol: str = "ABC",
    direction: SignalDirection = LONG,
    *,
    strategy: str = "",
    strength: float = 1.0,
    expire_ts: int = 0,
    size: float = 10.0,
) -> None:
    posted = SignalPosted(
        on.strategy.ctx.now + SECOND_NS, "ann", "forest", symbol, strategy, None, direction, strength,
        expire_ts, (SignalField("size", size),),
    )  # fmt: skip
    on.feed(posted)


def heard(on: Rehearsal) -> list[str]:
    return list(on.strategy.state.sources)


def test_signal_becomes_the_orders_that_the_strategy_makes_of_it() -> None:
    on = stage()

    post(on, strength=0.5, size=30.0)
    on.bars([101.0, 101.0])
    post(on, direction=FLAT)
    on.bars([102.0, 102.0])

    assert [(order.side.value, order.quantity) for order in on.orders] == [
        ("buy", Decimal(15)),
        ("sell", Decimal(15)),
    ]
    assert on.position() == 0


def test_signal_about_no_symbol_is_for_all_strategies() -> None:
    on = stage()

    post(on, symbol="")

    assert heard(on) == ["forest"]


def test_signal_for_another_strategy_or_symbol_is_not_delivered() -> None:
    on = stage()

    post(on, strategy="other")
    post(on, symbol="QQQ")

    assert heard(on) == []


def test_signal_that_has_expired_when_it_is_taken_is_not_delivered() -> None:
    on = stage()

    post(on, expire_ts=on.strategy.ctx.now + SECOND_NS)
    post(on, expire_ts=on.strategy.ctx.now + 10 * SECOND_NS)

    assert heard(on) == ["forest"]


def test_paused_strategy_gets_no_signals() -> None:
    on = stage()
    follower = StrategyId("follower")

    on.feed(PauseStrategy(on.strategy.ctx.now + 1, "ann", follower))
    post(on)
    on.feed(ResumeStrategy(on.strategy.ctx.now + 1, "ann", follower))
    before = heard(on)
    post(on)

    assert (before, heard(on)) == ([], ["forest"])


def test_last_field_of_a_name_counts() -> None:
    posted = SignalPosted(1, "ann", "m", fields=(SignalField("a", 1.0), SignalField("a", "two")))

    assert (posted.get("a"), posted.get("b"), posted.get("b", True)) == ("two", None, True)
