"""The account adds up exactly after every event, whatever is traded, corrected, paid in or adjusted."""

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.portfolio.portfolio import PortfolioConfig
from kernel.events import (
    AccountMarked,
    AdjustPosition,
    CashMoved,
    Event,
    FillCorrected,
    InstrumentDefined,
    PositionChanged,
    Quote,
    SessionStarted,
    Side,
    Trade,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from kernel.time_units import DAY_NS as DAY
from tests.components.account import ONE, TWO, ZERO, Account, bar, fill


def test_a_bought_share_moves_cash_into_a_position() -> None:
    account = Account()

    (changed,) = account.hear(CashMoved(0, Decimal(1000)), fill(Side.BUY, "10", "20", commission="1.5"))

    assert changed == PositionChanged(0, ONE, "A", Decimal(10), Decimal(200), ZERO, FillId("f"))
    assert account.portfolio.cash == Decimal("798.5")
    assert account.portfolio.strategy_position(ONE, "A") == 10


def test_the_mark_values_positions_at_last_prices() -> None:
    account = Account()
    account.hear(CashMoved(0, Decimal(1000)), fill(Side.BUY, "10", "20", commission="1"), bar("A", 25.0))

    marked = account.mark()

    assert marked == AccountMarked(
        0, Decimal(799), Decimal(1049), ZERO, Decimal(50), Decimal(1), Decimal(250), "USD", 19_700_101
    )


def test_the_multiplier_is_part_of_every_amount() -> None:
    account = Account()
    account.hear(InstrumentDefined(0, "A", multiplier=Decimal(50)), fill(Side.SELL, "2", "10"), bar("A", 9.0))

    marked = account.mark()

    assert (marked.cash, marked.equity) == (Decimal(1000), Decimal(100))
    assert (marked.unrealised_pnl, marked.exposure) == (Decimal(100), Decimal(900))


def test_strategies_on_opposite_sides_keep_their_own_positions_and_share_the_net() -> None:
    account = Account()

    account.hear(fill(Side.BUY, "10", "20"), fill(Side.SELL, "4", "21", strategy=TWO), bar("A", 22.0))

    assert account.portfolio.strategy_positions(ONE) == {"A": Decimal(10)}
    assert account.portfolio.strategy_positions(TWO) == {"A": Decimal(-4)}
    assert account.portfolio.net_position("A") == 6
    assert account.mark().exposure == 132


def test_a_bust_undoes_the_fill() -> None:
    account = Account()
    account.hear(CashMoved(0, Decimal(1000)), fill(Side.BUY, "10", "20"))
    bust = FillCorrected(
        0, ClientOrderId("o"), ONE, "A", Side.BUY, FillId("f"), Decimal(10), Decimal(20), ZERO, Decimal(20)
    )

    (changed,) = account.hear(bust)

    assert isinstance(changed, PositionChanged)
    assert (changed.quantity, changed.cost, changed.realised_pnl) == (ZERO, ZERO, ZERO)
    assert account.portfolio.cash == 1000


def test_a_position_without_any_price_is_worth_what_it_cost() -> None:
    account = Account()
    account.hear(
        CashMoved(0, Decimal(1000)), fill(Side.BUY, "10", "20"), fill(Side.SELL, "4", "30", strategy=TWO)
    )

    marked = account.mark()

    assert (marked.equity, marked.unrealised_pnl) == (Decimal(1000), ZERO)
    assert account.portfolio.equity == 1000


@pytest.mark.parametrize(
    "nonsense",
    [
        Trade(1, "A", float("nan"), 1.0),
        Quote(1, "A", float("nan"), 30.0),
        Quote(1, "A", 0.0, 30.0),
        Quote(1, "A", 30.0, 0.0),
    ],
)
def test_a_price_that_is_none_moves_no_mark(nonsense: Event) -> None:
    account = Account()
    account.hear(fill(Side.BUY, "10", "20"), bar("A", 25.0))

    account.hear(nonsense)

    assert account.mark().equity == 50


def test_an_adjusted_position_is_taken_at_its_cost_as_a_deposit_in_kind() -> None:
    account = Account()
    account.hear(fill(Side.BUY, "10", "20"), bar("A", 30.0))

    account.hear(AdjustPosition(0, "op", ONE, "A", Decimal(4), Decimal(100), "found out"))

    marked = account.mark()
    assert account.portfolio.net_position("A") == 4
    assert (marked.equity, marked.unrealised_pnl) == (Decimal(-80), Decimal(20))


def test_a_position_adjusted_to_nothing_needs_no_price() -> None:
    account = Account()
    account.hear(AdjustPosition(0, "op", ONE, "A", Decimal(4), Decimal(100), "transferred in"))

    account.hear(AdjustPosition(0, "op", ONE, "A", ZERO, ZERO, "transferred out"))

    assert account.mark().equity == 0
    assert account.portfolio.state.net == {}


def test_the_account_is_marked_at_multiples_of_the_interval_while_the_market_is_heard() -> None:
    account = Account(PortfolioConfig(mark_every_s=86_400))
    account.hear(SessionStarted(DAY // 2, 1, "backtest", "", ""), CashMoved(DAY // 2, Decimal(10)))

    made = account.hear(*(bar("A", 10.0, ts) for ts in (DAY - 1, 2 * DAY, 2 * DAY + 1, 6 * DAY)))

    assert [event.ts // DAY for event in made if isinstance(event, AccountMarked)] == [1, 2, 3]


amounts = st.decimals(Decimal("0.00000001"), Decimal(1_000_000), places=8)
prices = st.decimals(Decimal("0.0001"), Decimal(100_000), places=4)
sides = st.sampled_from(Side)
symbols = st.sampled_from("AB")
strategies = st.sampled_from([ONE, TWO])
fees = st.decimals(Decimal(-1), Decimal(50), places=2)
market_prices = st.floats(0.0001, 1_000_000, allow_nan=False)


def some_fill(
    side: Side, quantity: Decimal, price: Decimal, symbol: str, *, fee: Decimal, strategy: StrategyId
) -> Event:
    return fill(side, str(quantity), str(price), symbol=symbol, commission=str(fee), strategy=strategy)


def some_correction(
    side: Side,
    symbol: str,
    *,
    strategy: StrategyId,
    old: tuple[Decimal, Decimal],
    new: tuple[Decimal, Decimal],
) -> Event:
    return FillCorrected(0, ClientOrderId("o"), strategy, symbol, side, FillId("f"), *old, *new)


def some_adjustment(strategy: StrategyId, symbol: str, *, quantity: Decimal, cost: Decimal) -> Event:
    return AdjustPosition(0, "op", strategy, symbol, quantity, cost if quantity else ZERO, "so")


def some_cash(amount: Decimal) -> Event:
    return CashMoved(0, amount)


def some_quote(symbol: str, bid: float, ask: float) -> Event:
    return Quote(0, symbol, bid, ask)


happenings: st.SearchStrategy[list[Event]] = st.lists(
    st.one_of(
        st.builds(some_fill, sides, amounts, prices, symbols, fee=fees, strategy=strategies),
        st.builds(
            some_correction,
            sides,
            symbols,
            strategy=strategies,
            old=st.tuples(amounts, prices),
            new=st.tuples(amounts | st.just(ZERO), prices),
        ),
        st.builds(
            some_adjustment,
            strategies,
            symbols,
            quantity=amounts | amounts.map(Decimal.copy_negate) | st.just(ZERO),
            cost=prices,
        ),
        st.builds(some_cash, st.decimals(-1_000_000, 1_000_000, places=2)),
        st.builds(bar, symbols, market_prices),
        st.builds(some_quote, symbols, market_prices, market_prices),
    ),
    max_size=30,
)


@given(happenings, st.sampled_from(["1", "50", "0.001"]), st.integers(6, 40))
def test_the_account_adds_up_exactly_after_every_event(
    happenings: list[Event], multiplier: str, callers_precision: int
) -> None:
    """Exactly, whatever the precision of the caller's own decimal context."""
    account = Account()
    portfolio = account.portfolio
    with decimal.localcontext() as context:
        context.prec = callers_precision
        account.hear(InstrumentDefined(0, "A", multiplier=Decimal(multiplier)))
        for event in happenings:
            account.hear(event)
            marked = account.mark()

            cash, equity = Fraction(marked.cash), Fraction(marked.equity)
            deposits = account.sum_of("deposits", "USD")
            gains = Fraction(marked.realised_pnl) + Fraction(marked.unrealised_pnl)
            value = sum((_value(account, symbol) for symbol in "AB"), Fraction(0))
            assert cash + value == equity
            assert equity == deposits + gains - Fraction(marked.commissions)
            for symbol in "AB":
                held = [Fraction(portfolio.strategy_position(who, symbol)) for who in (ONE, TWO)]
                assert Fraction(portfolio.net_position(symbol)) == sum(held)


def _value(account: Account, symbol: str) -> Fraction:
    """What is held of a symbol, in fractions, at the last price or else at cost."""
    market, quantity = account.market, Fraction(account.portfolio.net_position(symbol))
    price = market.last_price(symbol)
    if price is None:
        held = [positions.get(symbol) for positions in account.portfolio.state.positions.values()]
        return sum(
            (Fraction(position.cost) for position in held if position is not None and position.quantity),
            Fraction(0),
        )
    return quantity * Fraction(Decimal(repr(price))) * Fraction(market.instrument(symbol).multiplier)
