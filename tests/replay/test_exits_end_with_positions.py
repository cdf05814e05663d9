"""Attached exits end with their position: they open none, and do not act on the next one."""

from collections.abc import Iterator, Mapping

import pytest

from kernel.events import OrderCancelled, OrderDenied, OrderFilled
from replay.testing import Rehearsal
from strategies.sdk import (
    Bar,
    Decision,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    sell,
    target_position,
    target_weight,
)


class Plan(StrategyParams, frozen=True):
    """What to do at the close of each bar: ``in``, ``again`` (with a lower stop), or a way out."""

    steps: tuple[str, ...] = ()


class Seen(StrategyState):
    """Bars so far."""

    count: int = 0


class EntersAndLeaves(Strategy[Plan, Seen]):
    """Buys ten with exits, and leaves as it is told."""

    def on_bar(self, bar: Bar) -> Iterator[Decision]:
        self.state.count += 1
        steps = self.params.steps
        step = steps[self.state.count - 1] if self.state.count <= len(steps) else ""
        held = self.ctx.portfolio.position(bar.symbol)
        match step:
            case "in":
                yield buy(bar.symbol, 10, stop_loss=90, take_profit=150)
            case "again":
                yield buy(bar.symbol, 10, stop_loss=50)
            case "sell":
                yield sell(bar.symbol, held)
            case "reduce":
                yield sell(bar.symbol, held, reduce_only=True)
            case "half":
                yield sell(bar.symbol, held / 2)
            case "target":
                yield target_position(bar.symbol, 0)
            case "weight":
                yield target_weight(bar.symbol, 0)
            case "turn":
                yield target_position(bar.symbol, -10)
            case _:
                return


WAYS_OUT = ("sell", "reduce", "target", "weight")
Settings = Mapping[str, object]
SHORTS: Settings = {"risk": {"allow_short": True}}
NO_SHORTS: Settings = {}
MARGIN: Settings = {"risk": {"allow_short": True, "max_leverage": 1}, "cash": 1_100}


def staged(*steps: str, settings: Settings | None = None) -> Rehearsal:
    return Rehearsal(EntersAndLeaves(steps=steps), symbols=["A"], settings=settings or {})


@pytest.mark.parametrize("settings", [SHORTS, NO_SHORTS, MARGIN], ids=["shorts", "no shorts", "margin"])
@pytest.mark.parametrize("way", WAYS_OUT)
def test_the_exits_of_a_position_end_when_it_is_left(way: str, settings: Settings) -> None:
    stage = staged("in", way, settings=settings)

    stage.bars([100, 100, 100])

    assert stage.position() == 0
    assert stage.all_of(OrderDenied) == []
    assert len(stage.all_of(OrderCancelled)) == 2

    stage.bars([80, 160])  # beyond both exits

    assert stage.position() == 0
    assert len(stage.all_of(OrderFilled)) == 2


def test_the_exits_of_an_earlier_position_do_not_act_on_the_next_one() -> None:
    stage = staged("in", "target", "again", settings=SHORTS)
    stage.bars([100, 100, 100, 100])

    stage.bars([80, 160])

    assert stage.position() == 10


def test_after_half_was_sold_the_stop_sells_the_other_half() -> None:
    stage = staged("in", "half", settings=SHORTS)
    stage.bars([100, 100, 100])
    assert stage.position() == 5

    stage.bars([80, 80])

    assert stage.position() == 0
    assert [fill.quantity for fill in stage.fills] == [10, 5, 5]


def test_a_position_that_is_turned_leaves_no_exits_behind() -> None:
    stage = staged("in", "turn", settings=SHORTS)
    stage.bars([100, 100, 100])
    assert stage.position() == -10

    stage.bars([80, 160])

    assert stage.position() == -10
