"""Both sides of an order: each planted difference is found, with its sign, and the parts of P&L add up."""

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from kernel.events import BUY, InstrumentDefined, Order, OrderStatus, OrderType, Side
from kernel.events.shadow import ShadowOutcome
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from kernel.time_units import SECOND_NS
from replay.twin.comparison import OrderComparison, OrderSide, TwinFill, compare
from replay.twin.rows import pnl_rows, total_rows
from replay.twin.totals import money_totals, totals_of

SUBMITTED = 1_000 * SECOND_NS
SHARE = InstrumentDefined(0, "A")
INVERSE = InstrumentDefined(0, "A", multiplier=Decimal(100), is_inverse=True, currency="BTC")
Fill = tuple[int, str]
"""Quantity and price."""


def side_of(*fills: Fill, after_s: int = 1, fee: str = "0", mid: str = "") -> OrderSide:
    """A side that has ended, with a fill each second from ``after_s`` on."""
    made = {
        FillId(str(place)): TwinFill(
            SUBMITTED + (after_s + place) * SECOND_NS,
            Decimal(quantity),
            Decimal(price),
            Decimal(fee),
            Decimal(mid) if mid else None,
        )
        for place, (quantity, price) in enumerate(fills)
    }
    return OrderSide(made, OrderStatus.FILLED if fills else OrderStatus.CANCELLED, "", SUBMITTED + 1)


def compared(
    live: OrderSide,
    simulated: OrderSide,
    *,
    side: Side = BUY,
    mark: str | None = "105",
    terms: InstrumentDefined = SHARE,
) -> OrderComparison:
    order = Order(ClientOrderId("a-1"), StrategyId("s"), terms.symbol, side, OrderType.MARKET, Decimal(10))
    return compare(
        order,
        live,
        simulated,
        submitted_ts=SUBMITTED,
        terms=terms,
        mark=None if mark is None else Decimal(mark),
    )


def test_a_worse_price_is_above_0_on_both_sides_of_the_market() -> None:
    bought = compared(side_of((10, "100.5")), side_of((10, "100")))
    sold = compared(side_of((10, "99.5")), side_of((10, "100")), side=Side.SELL)

    for one in (bought, sold):
        assert one.difference_bps == 50.0
        assert one.difference == 5
        assert one.outcome is ShadowOutcome.FILLED
        assert one.parts is not None
        assert one.parts.price == one.parts.total == -5


def test_times_and_fees_are_of_each_side() -> None:
    found = compared(
        side_of((4, "100"), (6, "100"), after_s=2, fee="0.5"), side_of((10, "100"), after_s=1, fee="0.2")
    )

    assert (found.live.first_ns, found.live.last_ns) == (2 * SECOND_NS, 3 * SECOND_NS)
    assert (found.simulated.first_ns, found.simulated.last_ns) == (SECOND_NS, SECOND_NS)
    assert (found.live.fees, found.simulated.fees) == (Decimal(1), Decimal("0.2"))
    assert found.parts is not None
    assert found.parts.total == found.parts.fees == Decimal("-0.8")


def test_a_missed_fill_costs_what_it_would_have_gained() -> None:
    found = compared(side_of(), side_of((10, "100")))

    assert found.outcome is ShadowOutcome.MISSED
    assert found.difference_bps is None
    assert found.difference == 0
    assert found.parts is not None
    assert found.parts.quantity == found.parts.total == -50
    assert found.live.pnl == 0
    assert found.simulated.pnl == 50


def test_a_lucky_fill_is_what_live_has_alone() -> None:
    found = compared(side_of((10, "100")), side_of())

    assert found.outcome is ShadowOutcome.LUCKY
    assert found.parts is not None
    assert found.parts.total == 50


def test_without_a_last_price_only_equal_quantities_have_parts() -> None:
    missed = compared(side_of(), side_of((10, "100")), mark=None)
    worse = compared(side_of((10, "101")), side_of((10, "100")), mark=None)

    assert missed.parts is None
    assert worse.parts is not None
    assert worse.parts.total == -10
    assert worse.live.pnl is None


def test_the_market_that_moved_between_the_fills_is_timing() -> None:
    """Both pay the mid price and 0.1 more; live is later by a rise of 2."""
    found = compared(
        side_of((10, "102.1"), after_s=5, mid="102"), side_of((10, "100.1"), after_s=1, mid="100")
    )

    assert found.parts is not None
    assert found.parts.timing == found.parts.total == -20


def test_without_quotes_all_of_the_price_is_execution() -> None:
    found = compared(side_of((10, "102")), side_of((10, "100"), mid="100"))

    assert found.parts is not None
    assert found.parts.timing is None
    assert found.parts.execution == -20


def test_an_inverse_contract_is_compared_in_its_coin() -> None:
    found = compared(side_of((10, "125")), side_of((10, "100")), mark="200", terms=INVERSE)

    assert found.currency == "BTC"
    assert found.difference == Decimal(2)  # 1,000 / 100 - 1,000 / 125 coins
    assert found.live.price == 125


fills = st.lists(
    st.tuples(st.integers(1, 9), st.integers(9_000, 11_000).map(lambda cents: f"{cents / 100:.2f}")),
    max_size=4,
)


@given(
    live=fills,
    simulated=fills,
    fees=st.tuples(st.integers(0, 99), st.integers(0, 99)),
    side=st.sampled_from(list(Side)),
    terms=st.sampled_from([SHARE, INVERSE]),
)
def test_the_parts_add_up_to_the_difference_of_pnl(
    live: Sequence[Fill],
    simulated: Sequence[Fill],
    fees: tuple[int, int],
    side: Side,
    terms: InstrumentDefined,
) -> None:
    found = compared(
        side_of(*live, fee=str(fees[0]), mid="100"),
        side_of(*simulated, fee=str(fees[1]), mid="101"),
        side=side,
        terms=terms,
    )

    assert found.parts is not None
    assert found.live.pnl is not None
    assert found.simulated.pnl is not None
    assert found.parts.total == found.live.pnl - found.simulated.pnl
    assert found.parts.price == found.parts.execution + (found.parts.timing or 0) == -found.difference


def test_an_average_difference_is_weighted_by_values_and_of_one_currency() -> None:
    """By hand: 50 bps on 1,000 USD and none on 10 futures of 50 x 1,000 USD; 100 bps on 30,000 JPY."""
    future = InstrumentDefined(0, "ES", multiplier=Decimal(50))
    yen = InstrumentDefined(0, "7203", currency="JPY")
    share = compared(side_of((10, "100.5")), side_of((10, "100")))
    equal = compared(side_of((10, "1000")), side_of((10, "1000")), terms=future)
    other = compared(side_of((10, "3030")), side_of((10, "3000")), terms=yen)
    terms = {"A": SHARE, "ES": future, "7203": yen}

    dollars = totals_of([share.event(0), equal.event(0)], terms)
    both = totals_of([one.event(0) for one in (share, equal, other)], terms)

    assert dollars.difference_bps == round(50 * 1_000 / 501_000, 6)
    assert both.difference_bps is None
    assert both.costs["USD"].difference_bps == dollars.difference_bps
    assert both.costs["JPY"].difference_bps == 100.0
    assert "0.10 bps worse live, on average (USD)" in total_rows(both).note
    assert "100.00 bps worse live, on average (JPY)" in total_rows(both).note


def test_orders_without_a_last_price_are_left_out_of_the_parts_and_counted() -> None:
    known = compared(side_of((10, "101"), fee="1"), side_of((10, "100")))
    unknown = compared(side_of((10, "101"), fee="3"), side_of((4, "100")), mark=None)

    (money,) = money_totals([known, unknown])

    assert [money.price, money.fees, money.total] == [-10, -1, -11]
    assert money.unknown == 1
    assert "1 order is left out of the parts" in pnl_rows(money).note
