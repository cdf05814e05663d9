"""Round trips: matched first in, first out, exact to the last digit."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from components.portfolio.position import Holding, apply_fill
from kernel.events import (
    BUY,
    SELL,
    CorporateAction,
    CorporateActionKind,
    FxRateSet,
    InstrumentDefined,
    OrderFilled,
    Side,
)
from kernel.identifiers import StrategyId
from replay.performance.trades import FifoMatcher, match_fills
from tests.replay.recorded_run import correction, day, fill

OTHER = StrategyId("other")


def test_a_buy_and_a_sale_make_one_long_trade() -> None:
    fills = [fill(day(0), BUY, "100", "10.00"), fill(day(2), SELL, "100", "11.50")]

    (trade,) = match_fills(fills).trades

    assert (trade.side, trade.quantity, trade.pnl) == (BUY, Decimal(100), Decimal("150.00"))
    assert (trade.entry_ts, trade.exit_ts) == (day(0), day(2))
    assert trade.net_return == 0.15


def test_a_short_sale_gains_when_the_price_falls() -> None:
    fills = [fill(day(0), SELL, "10", "50"), fill(day(1), BUY, "10", "40")]

    (trade,) = match_fills(fills).trades

    assert (trade.side, trade.pnl) == (SELL, Decimal(100))


def test_times_are_those_of_the_executions() -> None:
    fills = [
        fill(day(1), BUY, "1", "10", executed_ts=day(0, 14.5)),
        fill(day(2), SELL, "1", "10", executed_ts=day(1, 14.5)),
    ]

    (trade,) = match_fills(fills).trades

    assert (trade.entry_ts, trade.exit_ts, trade.duration_ns) == (day(0, 14.5), day(1, 14.5), day(1) - day(0))


def test_a_commission_in_another_currency_is_converted_at_the_rate_of_its_fill() -> None:
    rates = [FxRateSet(day(0), "EUR", "USD", Decimal("1.25")), FxRateSet(day(1), "EUR", "USD", Decimal(2))]
    matcher = FifoMatcher(
        {}, {"ABC": InstrumentDefined(0, "ABC", currency="EUR")}, rates=rates, currency="USD"
    )
    matcher.take(fill(day(0), BUY, "10", "10", commission="5"))
    matcher.take(fill(day(1), SELL, "10", "12", commission="5"))

    (trade,) = matcher.matched().trades

    assert (trade.pnl, trade.commission) == (Decimal(20), Decimal("6.5"))
    assert trade.net_pnl * trade.rate == Decimal(27)
    assert trade.currency == "EUR"


def test_the_oldest_lot_is_closed_first() -> None:
    fills = [
        fill(day(0), BUY, "10", "1"),
        fill(day(1), BUY, "10", "2"),
        fill(day(2), SELL, "15", "3"),
    ]

    matched = match_fills(fills)

    assert [(trade.entry_price, trade.quantity) for trade in matched.trades] == [
        (Decimal(1), Decimal(10)),
        (Decimal(2), Decimal(5)),
    ]
    assert [(lot.entry_price, lot.quantity) for lot in matched.open_lots] == [(Decimal(2), Decimal(5))]


def test_a_partial_close_splits_the_entry() -> None:
    fills = [
        fill(day(0), BUY, "10", "1"),
        fill(day(1), SELL, "4", "2"),
        fill(day(2), SELL, "6", "3"),
    ]

    trades = match_fills(fills).trades

    assert [(trade.quantity, trade.pnl) for trade in trades] == [
        (Decimal(4), Decimal(4)),
        (Decimal(6), Decimal(12)),
    ]


def test_a_fill_through_zero_closes_and_opens_the_other_way() -> None:
    fills = [fill(day(0), BUY, "10", "5"), fill(day(1), SELL, "25", "6", commission="2.5")]

    matched = match_fills(fills)

    assert [(trade.quantity, trade.commission) for trade in matched.trades] == [(Decimal(10), Decimal(1))]
    (lot,) = matched.open_lots
    assert (lot.side, lot.quantity, lot.entry_price, lot.commission) == (
        SELL,
        Decimal(15),
        Decimal(6),
        Decimal("1.5"),
    )


def test_strategies_and_symbols_are_matched_apart() -> None:
    fills = [
        fill(day(0), BUY, "1", "5"),
        fill(day(1), SELL, "1", "6", strategy=OTHER),
        fill(day(2), SELL, "1", "7", symbol="XYZ"),
    ]

    matched = match_fills(fills)

    assert matched.trades == ()
    assert len(matched.open_lots) == 3


def test_the_multiplier_scales_profit_but_not_return() -> None:
    fills = [fill(day(0), BUY, "2", "4000"), fill(day(1), SELL, "2", "4010")]

    (trade,) = match_fills(fills, multipliers={"ABC": Decimal(50)}).trades

    assert (trade.pnl, trade.net_return) == (Decimal(1000), 0.0025)


def test_return_is_after_commission() -> None:
    fills = [
        fill(day(0), BUY, "10", "10", commission="1"),
        fill(day(1), SELL, "10", "11", commission="1"),
    ]

    (trade,) = match_fills(fills).trades

    assert (trade.pnl, trade.commission, trade.net_pnl) == (Decimal(10), Decimal(2), Decimal(8))
    assert trade.net_return == 0.08


def test_a_commission_that_does_not_divide_is_shared_out_exactly() -> None:
    fills = [
        fill(day(0), BUY, "3", "10", commission="1"),
        *(fill(day(n), SELL, "1", "10") for n in (1, 2, 3)),
    ]

    shares = [trade.commission for trade in match_fills(fills).trades]

    assert sum(shares) == 1
    assert max(shares) - min(shares) <= Decimal("1E-10")


def test_a_corrected_fill_counts_as_corrected_from_the_beginning() -> None:
    bought = fill(day(0), BUY, "10", "10")
    fills = [bought, fill(day(1), SELL, "8", "12")]
    changed = correction(day(2), bought, quantity="8", price="11")

    matched = match_fills(fills, {(bought.client_order_id, bought.fill_id): changed})

    assert [(trade.entry_price, trade.pnl) for trade in matched.trades] == [(Decimal(11), Decimal(8))]
    assert matched.open_lots == ()


def test_a_busted_fill_makes_no_trade() -> None:
    bought = fill(day(0), BUY, "10", "10", commission="1")
    undone = correction(day(1), bought, quantity="0", price="0")

    matched = match_fills([bought], {(bought.client_order_id, bought.fill_id): undone})

    assert (matched.trades, matched.open_lots) == ((), ())


def action(number: int, kind: CorporateActionKind, ratio: str = "1", *, new: str = "") -> CorporateAction:
    return CorporateAction(day(number), "ABC", kind, Decimal(ratio), new_symbol=new)


def test_a_lot_follows_a_split_at_its_cost() -> None:
    fills = [fill(day(0), BUY, "3", "100", commission="1"), fill(day(2), SELL, "4", "60")]

    matched = match_fills(fills, actions=[action(1, CorporateActionKind.SPLIT, "2")])

    (trade,), (lot,) = matched.trades, matched.open_lots
    assert (trade.quantity, trade.entry_price, trade.pnl) == (Decimal(4), Decimal(50), Decimal(40))
    assert (lot.quantity, lot.entry_price) == (Decimal(2), Decimal(50))
    assert trade.commission + lot.commission == 1


def test_a_fraction_of_a_share_leaves_with_its_cost_and_is_no_trade() -> None:
    fills = [fill(day(0), BUY, "7", "10"), fill(day(2), SELL, "3", "30")]

    matched = match_fills(fills, actions=[action(1, CorporateActionKind.SPLIT, "0.5")])

    assert [trade.pnl for trade in matched.trades] == [Decimal(30)]
    assert matched.open_lots == ()


def test_a_lot_is_sold_under_its_new_symbol() -> None:
    fills = [fill(day(0), BUY, "10", "5"), fill(day(2), SELL, "10", "6", symbol="XYZ")]

    matched = match_fills(fills, actions=[action(1, CorporateActionKind.SYMBOL_CHANGE, new="XYZ")])

    (trade,) = matched.trades
    assert (trade.symbol, trade.pnl, trade.restated[0].old_symbol) == ("XYZ", Decimal(10), "ABC")
    assert matched.open_lots == ()


def test_a_merger_closes_lots_against_those_on_the_other_side() -> None:
    fills = [fill(day(0), BUY, "10", "5"), fill(day(0), SELL, "4", "12", symbol="XYZ")]

    matched = match_fills(fills, actions=[action(1, CorporateActionKind.MERGER, "0.5", new="XYZ")])

    (trade,), (lot,) = matched.trades, matched.open_lots
    assert (trade.side, trade.quantity, trade.pnl) == (SELL, Decimal(4), Decimal(8))
    assert (lot.symbol, lot.quantity, lot.entry_price) == ("XYZ", Decimal(1), Decimal(10))


def test_shares_of_a_spin_off_are_bought_at_their_part_of_the_cost() -> None:
    """100 at 10; one new share for two, with a fifth of the cost: 50 at 4. They are sold at 5."""
    kind, fifth = CorporateActionKind.SPIN_OFF, Decimal("0.2")
    given = CorporateAction(day(1), "ABC", kind, Decimal("0.5"), new_symbol="B", cost_fraction=fifth)
    sold = [fill(day(2), SELL, "50", "5", symbol="B"), fill(day(2), SELL, "100", "9")]

    matched = match_fills([fill(day(0), BUY, "100", "10"), *sold], actions=[given])

    assert [(one.symbol, one.entry_price, one.pnl) for one in matched.trades] == [
        ("B", Decimal(4), Decimal(50)),
        ("ABC", Decimal(8), Decimal(100)),
    ]
    assert matched.open_lots == ()


def test_a_delisting_closes_what_is_open() -> None:
    delisted = CorporateAction(day(1), "ABC", CorporateActionKind.DELISTING, amount=Decimal(2))

    matched = match_fills([fill(day(0), BUY, "10", "5")], actions=[delisted])

    (trade,) = matched.trades
    assert (trade.exit_ts, trade.exit_price, trade.pnl) == (day(1), Decimal(2), Decimal(-30))
    assert (trade.exit_order, matched.open_lots) == ("", ())


def test_a_merger_for_cash_closes_what_is_open_at_what_is_paid() -> None:
    bought_out = CorporateAction(day(1), "ABC", CorporateActionKind.MERGER, Decimal(0), amount=Decimal(8))

    matched = match_fills([fill(day(0), BUY, "10", "5")], actions=[bought_out])

    (trade,) = matched.trades
    assert (trade.exit_ts, trade.exit_price, trade.pnl) == (day(1), Decimal(8), Decimal(30))
    assert matched.open_lots == ()


def test_a_delisted_share_that_never_had_a_price_is_closed_at_cost() -> None:
    fills = [fill(day(0), BUY, "3", "10")]
    actions = [
        action(1, CorporateActionKind.SPLIT, "7"),
        action(2, CorporateActionKind.DELISTING),
    ]

    (trade,) = match_fills(fills, actions=actions).trades

    assert (trade.quantity, trade.pnl) == (Decimal(21), Decimal(0))


def test_a_share_keeps_its_terms_under_its_new_symbol() -> None:
    fills = [fill(day(0), BUY, "2", "100"), fill(day(2), SELL, "2", "101", symbol="XYZ")]
    change = action(1, CorporateActionKind.SYMBOL_CHANGE, new="XYZ")

    (trade,) = match_fills(fills, multipliers={"ABC": Decimal(50)}, actions=[change]).trades

    assert (trade.multiplier, trade.pnl) == (Decimal(50), Decimal(100))


def test_a_ratio_that_was_rounded_up_takes_no_cost_from_a_lot() -> None:
    fills = [fill(day(0), BUY, "300", "2"), fill(day(2), SELL, "200", "3")]

    (trade,) = match_fills(fills, actions=[action(1, CorporateActionKind.SPLIT, "0.66666667")]).trades

    assert (trade.quantity, trade.pnl) == (Decimal(200), Decimal(0))


@st.composite
def fill_sequences(draw: st.DrawFn) -> list[OrderFilled]:
    """Fills of one position on random sides, quantities, prices and commissions."""
    count = draw(st.integers(1, 25))
    sides = st.sampled_from(Side)
    quantities = st.decimals("0.001", "500", places=3)
    prices = st.decimals("0.01", "5000", places=2)
    commissions = st.decimals("0", "20", places=4)
    return [
        fill(
            day(number),
            draw(sides),
            str(draw(quantities)),
            str(draw(prices)),
            commission=str(draw(commissions)),
        )
        for number in range(count)
    ]


def _signed(one: OrderFilled) -> Decimal:
    return one.quantity if one.side is BUY else -one.quantity


@given(fill_sequences())
def test_pnl_and_cost_of_open_lots_add_up_to_the_cash_paid(fills: list[OrderFilled]) -> None:
    matched = match_fills(fills)

    paid = sum(_signed(one) * one.price for one in fills)
    cost = sum(lot.quantity * lot.entry_price * (1 if lot.side is BUY else -1) for lot in matched.open_lots)
    assert sum(trade.pnl for trade in matched.trades) == cost - paid


@given(fill_sequences())
def test_a_flat_position_has_realised_what_its_trades_add_up_to(fills: list[OrderFilled]) -> None:
    """The portfolio averages costs, trades match first in first out: flat, they agree to the digit."""
    held = sum(_signed(one) for one in fills)
    side = SELL if held > 0 else BUY
    closing = [fill(day(100), side, str(abs(held)), "123.45")] if held else []
    position = Holding()

    for one in [*fills, *closing]:
        apply_fill(position, _signed(one), unit_price=one.price)
    matched = match_fills([*fills, *closing])

    assert position.quantity == 0
    assert sum(trade.pnl for trade in matched.trades) == position.realised_pnl


@given(fill_sequences())
def test_every_unit_and_every_commission_ends_up_in_one_place(fills: list[OrderFilled]) -> None:
    matched = match_fills(fills)

    units = 2 * sum(trade.quantity for trade in matched.trades) + sum(
        lot.quantity for lot in matched.open_lots
    )
    paid = sum(trade.commission for trade in matched.trades) + sum(
        lot.commission for lot in matched.open_lots
    )
    assert units == sum(one.quantity for one in fills)
    assert paid == sum(one.commission for one in fills)


@given(fill_sequences())
def test_open_lots_are_all_on_one_side(fills: list[OrderFilled]) -> None:
    sides = {lot.side for lot in match_fills(fills).open_lots}

    assert len(sides) <= 1
