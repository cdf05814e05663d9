"""Reduce-only orders of one side fill at most the position of their strategy, so they count up to it."""

from decimal import Decimal

import pytest

from kernel.events import BUY, SELL, OrderCancelled, ReduceOnlyTrading, VenueFeature
from strategies.sdk import RiskLimits
from tests.components.risk.desk import ME, OTHER, Desk, allowed, limits, rule_of

NO_SHORTS = RiskLimits(require_cash=False)


def desk_holding(quantity: int, which: RiskLimits = NO_SHORTS) -> Desk:
    """A desk with a position whose stop works."""
    desk = Desk(which)
    desk.held = {ME: Decimal(quantity)}
    side = SELL if quantity > 0 else BUY
    allowed(desk.ask(side, abs(quantity), stop="9" if side is SELL else "11", reduce_only=True))
    return desk


def test_a_position_can_be_offered_twice_by_reduce_only_orders() -> None:
    desk = desk_holding(100)

    assert rule_of(desk.ask(SELL, 100, reduce_only=True)) == ""
    assert rule_of(desk.ask(SELL, 100, limit="12", reduce_only=True)) == ""


def test_a_plain_sale_counts_whole_beside_them() -> None:
    """The stop can fill first; then the sale would open a short position."""
    desk = desk_holding(100)

    assert rule_of(desk.ask(SELL, 1)) == "allow_short"


def test_a_plain_sale_and_reduce_only_orders_count_up_to_the_position_in_either_order() -> None:
    desk = Desk(NO_SHORTS)
    desk.held = {ME: Decimal(100)}
    sale = allowed(desk.ask(SELL, 60))

    assert rule_of(desk.ask(SELL, 40, stop="9", reduce_only=True)) == ""
    assert rule_of(desk.ask(SELL, 1, stop="9", reduce_only=True)) == "allow_short"

    desk.hear(OrderCancelled(0, sale.client_order_id, ME, "A", Decimal(60)))

    assert rule_of(desk.ask(SELL, 100, stop="9", reduce_only=True)) == ""
    assert desk.risk.working_quantity("A", SELL) == 140


def test_where_the_venue_has_no_reduce_only_orders_they_count_whole() -> None:
    desk = Desk(NO_SHORTS)
    desk.features -= {VenueFeature.REDUCE_ONLY}
    desk.held = {ME: Decimal(100)}

    assert rule_of(desk.ask(SELL, 100, stop="9", reduce_only=True)) == ""
    assert rule_of(desk.ask(SELL, 100, reduce_only=True)) == "allow_short"


def test_the_reduce_only_orders_of_another_strategy_count_whole() -> None:
    desk = desk_holding(100)
    allowed(desk.ask(SELL, 100, reduce_only=True))
    desk.held[OTHER] = Decimal(100)

    assert rule_of(desk.ask(SELL, 100, strategy=OTHER)) == "allow_short"
    assert rule_of(desk.ask(BUY, 100, strategy=OTHER)) == ""


def test_a_short_position_is_covered_beside_its_stop() -> None:
    desk = desk_holding(-100, limits(max_position_quantity=Decimal(100)))

    assert rule_of(desk.ask(BUY, 100, reduce_only=True)) == ""
    assert rule_of(desk.ask(BUY, 101)) == "max_position_quantity"


def test_while_trading_is_reduce_only_a_position_is_left_beside_its_stop() -> None:
    desk = desk_holding(100, limits())
    desk.hear_all(ReduceOnlyTrading(0, "me"))

    sale = allowed(desk.ask(SELL, 100, reduce_only=True))

    assert desk.risk.refusal(sale) == ""
    assert rule_of(desk.ask(SELL, 1)) == "trading_state"


@pytest.mark.parametrize("is_closer", [True, False])
def test_orders_of_a_group_count_as_the_largest_of_their_kind(is_closer: bool) -> None:
    desk = Desk(NO_SHORTS)
    desk.held = {ME: Decimal(100)}
    allowed(desk.ask(SELL, 100, limit="12", group="g", reduce_only=is_closer))

    same = desk.ask(SELL, 100, stop="9", group="g", reduce_only=is_closer)
    other = desk.ask(SELL, 100, stop="9", group="g", reduce_only=not is_closer)

    assert rule_of(same) == ""
    assert rule_of(other) == "allow_short"
