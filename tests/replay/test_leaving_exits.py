"""A position can be left while its exits work, wherever the venue has reduce-only orders.

Elsewhere the sale is denied, with the exit's id and the way out; after its cancel it is not.
"""

import pytest

from kernel.events import OrderDenied
from replay.testing import Rehearsal
from strategies.sdk import (
    Bar,
    Cancel,
    Decisions,
    OrderCancelled,
    OrderUpdate,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    sell,
    target_position,
)

PLAIN = "the sale would leave a short position"


class Params(StrategyParams, frozen=True):
    way: str = "sell"
    stop_loss: float | None = 50
    take_profit: float | None = None
    quantity: int = 100


class State(StrategyState):
    bars: int = 0
    is_leaving: bool = False


class Leaves(Strategy[Params, State]):
    """Buys 100 with exits at the first bar, and leaves at the third one in different ways."""

    def on_bar(self, bar: Bar) -> Decisions:
        """Buy first, leave from the third bar on."""
        self.state.bars += 1
        params, portfolio = self.params, self.ctx.portfolio
        if self.state.bars == 1:
            return buy(bar.symbol, 100, stop_loss=params.stop_loss, take_profit=params.take_profit)
        if self.state.bars < 3 or not portfolio.position(bar.symbol):
            return None
        if params.way == "cancel":
            self.state.is_leaving = True
            return [Cancel(order.client_order_id) for order in portfolio.open_orders(bar.symbol)]
        if params.way == "target":
            return target_position(bar.symbol, 0)
        return sell(bar.symbol, params.quantity)

    def on_order_update(self, update: OrderUpdate) -> Decisions:
        """Sell once when the last exit is cancelled: two exits tell of it twice."""
        if not isinstance(update, OrderCancelled) or not self.state.is_leaving:
            return None
        if self.ctx.portfolio.open_orders(update.symbol):
            return None
        self.state.is_leaving = False
        return sell(update.symbol, self.ctx.portfolio.position(update.symbol))


def played(strategy: Leaves, **settings: object) -> Rehearsal:
    stage = Rehearsal(strategy, symbols=["ABC"], settings={"cash": 100_000, **settings})
    stage.bars([100, 100, 100, 100])
    return stage


def denials(stage: Rehearsal) -> list[str]:
    return [event.reason for event in stage.all_of(OrderDenied)]


LACKING = {"broker": {"lacks": ["reduce_only"]}}


@pytest.mark.parametrize("take_profit", [None, 200])
@pytest.mark.parametrize("way", ["sell", "target"])
def test_a_position_is_left_beside_its_exits_with_a_reduce_only_order(
    way: str, take_profit: float | None
) -> None:
    stage = played(Leaves(way=way, take_profit=take_profit))

    assert denials(stage) == []
    assert [fill.side.value for fill in stage.fills] == ["buy", "sell"]
    assert [order.reduce_only for order in stage.orders] == [False, *[True] * (len(stage.orders) - 1)]
    assert len(stage.all_of(OrderCancelled)) == (1 if take_profit is None else 2)
    assert stage.position() == 0


def test_a_sale_without_exits_is_no_reduce_only_order() -> None:
    stage = played(Leaves(stop_loss=None))

    assert [order.reduce_only for order in stage.orders] == [False, False]


def test_a_stop_that_fills_on_the_bar_of_the_sale_leaves_nothing_to_sell() -> None:
    stage = Rehearsal(Leaves(), symbols=["ABC"], settings={"cash": 100_000})
    stage.bars([100, 100, 100])

    stage.bars([40])

    assert stage.position() == 0
    assert sum(fill.quantity for fill in stage.fills if fill.side.value == "sell") == 100


def test_a_sale_of_more_than_is_held_is_denied_beside_exits_as_well() -> None:
    assert len(denials(played(Leaves(quantity=101)))) == 2


@pytest.mark.parametrize("way", ["sell", "target"])
def test_the_denial_of_a_sale_names_the_working_stop_and_the_way_out(way: str) -> None:
    stage = played(Leaves(way=way), **LACKING)

    stop = stage.orders[1].client_order_id
    assert set(denials(stage)) == {
        f"{PLAIN}: order {stop} (stop) already offers 100; cancel it first, and sell when it is cancelled"
    }


def test_the_denial_names_both_exits_that_cancel_each_other_and_counts_them_once() -> None:
    stage = played(Leaves(take_profit=200), **LACKING)

    first, second = (order.client_order_id for order in stage.orders[1:3])
    assert f"{PLAIN}: orders {first} (" in denials(stage)[0]
    assert f", {second} (" in denials(stage)[0]
    assert "already offer 100; cancel them first, and sell when they are cancelled" in denials(stage)[0]


def test_a_sale_of_more_than_is_held_is_not_blamed_on_the_exit() -> None:
    stage = played(Leaves(quantity=101), **LACKING)

    assert set(denials(stage)) == {PLAIN}


@pytest.mark.parametrize("take_profit", [None, 200])
def test_a_position_is_left_by_cancelling_its_exits_and_selling_when_they_are_cancelled(
    take_profit: float | None,
) -> None:
    stage = played(Leaves(way="cancel", take_profit=take_profit))

    assert denials(stage) == []
    assert [fill.side.value for fill in stage.fills] == ["buy", "sell"]
    assert stage.position() == 0
