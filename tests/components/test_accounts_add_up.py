"""Whatever happens, nothing creates or destroys cash: every ledger, the account and its marks add up."""

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from components.portfolio.portfolio import AccountType, LotMethod, PortfolioConfig, PortfolioState
from kernel.decimals import EXACT
from kernel.events import (
    AccountMarked,
    AdjustPosition,
    AssetClass,
    CashFlowKind,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    Event,
    FxRateSet,
    InstrumentDefined,
    LedgerMarked,
    OrderFilled,
    Side,
)
from kernel.identifiers import StrategyId
from kernel.state import put_fields
from tests.components.account import ONE, TWO, Account, bar, corrected, fill

CURRENCIES = ("USD", "EUR", "JPY", "BTC")
INSTRUMENTS: tuple[Event, ...] = (
    InstrumentDefined(0, "A"),
    InstrumentDefined(0, "E", currency="EUR", multiplier=Decimal(10)),
    InstrumentDefined(0, "F", AssetClass.FUTURE, multiplier=Decimal(50)),
    InstrumentDefined(0, "P", AssetClass.PERPETUAL, "JPY", lot_size=Decimal("0.001")),
    InstrumentDefined(0, "I", AssetClass.PERPETUAL, "BTC", multiplier=Decimal(100), is_inverse=True),
    InstrumentDefined(0, "C", AssetClass.CRYPTO_SPOT, lot_size=Decimal("0.001"), fee_currency="BTC"),
)


class Correction(NamedTuple):
    """What becomes of the fill made ``back`` fills ago; earlier ones are forgotten."""

    back: int
    quantity: str
    price: str


symbols = st.sampled_from("AEFPIC")
strategies = st.sampled_from([ONE, TWO])
quantities = st.integers(1, 60).map(str)
prices = st.decimals(Decimal("0.01"), Decimal(500), places=2).map(str)
ratios = st.sampled_from(["2", "0.5", "0.3333333333", "1.5", "0"]).map(Decimal)
amounts = st.decimals(-1_000, 1_000, places=2)


def some_fill(side: Side, quantity: str, price: str, symbol: str, *, fee: str, who: StrategyId) -> Event:
    if symbol == "C" and side is Side.BUY:
        taken = str(Decimal(quantity) / 1000)
        return fill(side, quantity, price, symbol=symbol, commission=taken, strategy=who, currency="BTC")
    return fill(side, quantity, price, symbol=symbol, commission=fee, strategy=who)


def some_cash(amount: Decimal, currency: str, kind: CashFlowKind, who: StrategyId) -> Event:
    return CashMoved(0, amount, currency, "so", kind, who)


def some_rate(base: str, quote: str, rate: str) -> Event:
    return FxRateSet(0, base, quote, Decimal(rate))


def some_action(kind: CorporateActionKind, symbol: str, new: str, ratio: Decimal, *, amount: str) -> Event:
    new = new if new != symbol else "N"
    ratio = ratio if kind is CorporateActionKind.MERGER else ratio or Decimal(3)
    return CorporateAction(0, symbol, kind, ratio, Decimal(amount), new_symbol=new)


def some_adjustment(who: StrategyId, symbol: str, quantity: str, cost: str) -> Event:
    return AdjustPosition(0, "op", who, symbol, Decimal(quantity), Decimal(cost), "so")


def new_terms(symbol: str, currency: str, kind: AssetClass, multiplier: int) -> Event:
    return InstrumentDefined(0, symbol, kind, currency, multiplier=Decimal(multiplier))


fills = st.builds(some_fill, st.sampled_from(Side), quantities, prices, symbols, fee=prices, who=strategies)
others = st.one_of(
    st.builds(Correction, st.integers(0, 6), quantities | st.just("0"), prices),
    st.builds(some_cash, amounts, st.sampled_from(CURRENCIES), st.sampled_from(CashFlowKind), strategies),
    st.builds(some_rate, st.sampled_from(CURRENCIES), st.sampled_from(CURRENCIES), prices),
    st.builds(some_action, st.sampled_from(CorporateActionKind), symbols, symbols, ratios, amount=prices),
    st.builds(some_adjustment, strategies, symbols, quantities, prices),
    st.builds(
        new_terms,
        symbols,
        st.sampled_from(CURRENCIES),
        st.sampled_from([AssetClass.EQUITY, AssetClass.FUTURE]),
        st.integers(1, 5),
    ),
    st.builds(bar, symbols, st.floats(0.01, 1_000.0, allow_nan=False)),
)
happenings = st.lists(fills | others, max_size=25)
configs = st.builds(
    PortfolioConfig,
    lots=st.sampled_from(LotMethod),
    account_type=st.sampled_from(AccountType),
    corrections_kept=st.sampled_from([0, 2, 100]),
    mark_ledgers=st.just(True),
    mark_margin=st.just(True),
)


def events_of(happenings: Sequence[Event | Correction]) -> list[Event]:
    """Corrections become those of the fills before them; every fill has an id of its own."""
    made: list[OrderFilled] = []
    events: list[Event] = []
    for number, happening in enumerate(happenings):
        if isinstance(happening, Correction):
            if happening.back < len(made):
                old = made.pop(-1 - happening.back)
                events.append(corrected(old, quantity=happening.quantity, price=happening.price))
        elif isinstance(happening, OrderFilled):
            made.append(msgspec.structs.replace(happening, fill_id=f"f{number}"))
            events.append(made[-1])
        else:
            events.append(happening)
    return events


@given(configs, happenings)
def test_every_ledger_and_the_account_add_up_after_every_event(
    config: PortfolioConfig, happenings: list[Event | Correction]
) -> None:
    account = Account(config)
    account.hear(*INSTRUMENTS)

    for event in events_of(happenings):
        account.hear(event)
        marks = account.marks()

        _check_ledgers(account)
        _check_holdings(account)
        _check_marks(account, marks)


@given(configs, happenings, st.data())
def test_a_state_that_was_written_and_read_back_goes_on_the_same(
    config: PortfolioConfig, happenings: list[Event | Correction], data: st.DataObject
) -> None:
    events = events_of(happenings)
    cut = data.draw(st.integers(0, len(events)))
    straight, resumed = Account(config), Account(config)
    straight.hear(*INSTRUMENTS, *events[:cut])
    resumed.hear(*INSTRUMENTS, *(event for event in events[:cut] if not isinstance(event, OrderFilled)))

    written = msgspec.msgpack.encode(straight.portfolio.state)
    put_fields(resumed.portfolio.state, msgspec.msgpack.decode(written, type=PortfolioState))

    assert msgspec.msgpack.encode(resumed.portfolio.state) == written
    assert resumed.hear(*events[cut:]) == straight.hear(*events[cut:])
    assert resumed.marks() == straight.marks()


def _check_ledgers(account: Account) -> None:
    """Of every ledger, and what all of them are to the account."""
    state = account.portfolio.state
    for currency in CURRENCIES:
        assert account.sum_of("cash", currency) == Fraction(account.portfolio.balances().get(currency, 0))
    for strategy, ledgers in state.ledgers.items():
        for currency, ledger in ledgers.items():
            paid = sum(
                (
                    Fraction(position.cost)
                    for symbol, position in state.positions.get(strategy, {}).items()
                    if state.terms[symbol].currency == currency and not state.terms[symbol].is_settled
                ),
                Fraction(0),
            )
            booked = sum(
                map(Fraction, (ledger.deposits, ledger.income, ledger.converted, ledger.realised_pnl))
            )
            assert Fraction(ledger.cash) == booked - Fraction(ledger.commissions) - paid


def _check_holdings(account: Account) -> None:
    state = account.portfolio.state
    for symbol in "AEFPICN":
        held = {
            strategy: positions[symbol].quantity
            for strategy, positions in state.positions.items()
            if symbol in positions and positions[symbol].quantity
        }
        assert account.portfolio.holders(symbol) == held
        assert account.portfolio.net_position(symbol) == sum(held.values())
    for positions in state.positions.values():
        for position in positions.values():
            if position.lots:
                assert sum(lot.quantity for lot in position.lots) == position.quantity
                with localcontext(EXACT):
                    assert sum(lot.cost for lot in position.lots) == position.cost


def _check_marks(account: Account, marks: Sequence[Event]) -> None:
    """Equity is what was put in and what came of it; ledger marks say the same, line by line."""
    view, marked = account.portfolio, marks[0]
    assert isinstance(marked, AccountMarked), marked
    with localcontext(EXACT):
        earned = marked.realised_pnl + marked.unrealised_pnl - marked.commissions
        assert marked.equity == view.deposits + earned + view.income + view.fx_result
        lines = [mark for mark in marks if isinstance(mark, LedgerMarked)]
        rates = {currency: view.rate(currency) or Decimal(1) for currency in CURRENCIES}
        for column in ("cash", "realised_pnl", "unrealised_pnl", "commissions"):
            total = sum((getattr(line, column) * rates[line.currency] for line in lines), Decimal(0))
            assert total == getattr(marked, column), column
