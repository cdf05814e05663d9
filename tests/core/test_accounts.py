"""Money: what comes in and goes out adds up, in every currency, and nobody's share of it is lost."""

from collections.abc import Iterator
from decimal import Decimal, localcontext

from kernel.decimals import EXACT
from kernel.events import (
    AccountMarked,
    AssetClass,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    FxRateSet,
    InstrumentDefined,
    LedgerMarked,
    OrderFilled,
    PositionChanged,
    PositionSide,
    Side,
)
from tests.core.tape import Moment, Tape

ZERO = Decimal(0)
FUTURES = (AssetClass.FUTURE, AssetClass.PERPETUAL)

Held = tuple[str, str, PositionSide | None]
"""Strategy, symbol, and in hedging mode the leg."""


class CashBook:
    """A second reckoning of cash, from money flows, fills and the positions that were told of.

    A share is paid for when it is traded. A future is not: what its closed part brought is what its open
    part cost, less what all of its fills would have cost.
    """

    def __init__(self) -> None:
        self.terms: dict[str, InstrumentDefined] = {}
        self.flows: dict[str, Decimal] = {}
        self.positions: dict[Held, PositionChanged] = {}
        self.rates: dict[str, Decimal] = {"USD": Decimal(1)}
        self.futures: dict[str, Decimal] = {}
        self.expected: dict[str, Decimal] = {}

    def terms_of(self, symbol: str) -> InstrumentDefined:
        return self.terms.get(symbol) or InstrumentDefined(0, symbol)

    def note(self, moment: Moment, event: object) -> None:
        match event:
            case InstrumentDefined():
                self.terms[event.symbol] = event
            case CashMoved():
                self.receive(event.amount, event.currency)
            case FxRateSet():
                self.rates[event.base] = event.rate
            case PositionChanged():
                if not event.fill_id:
                    self.delist(moment, event)
                self.positions[event.strategy, event.symbol, event.position_side] = event
            case OrderFilled():
                signed = event.quantity if event.side is Side.BUY else -event.quantity
                self.trade(event.symbol, signed, event.price)
                self.receive(-event.commission, event.currency)
            case CorporateAction(kind=CorporateActionKind.MERGER | CorporateActionKind.SYMBOL_CHANGE):
                self.rename(moment, event)
            case _:
                pass

    def receive(self, amount: Decimal, currency: str) -> None:
        self.flows[currency] = self.flows.get(currency, ZERO) + amount

    def trade(self, symbol: str, signed: Decimal, price: Decimal) -> None:
        self.pay(symbol, signed * price * self.terms_of(symbol).multiplier)

    def pay(self, symbol: str, paid: Decimal) -> None:
        terms = self.terms_of(symbol)
        if terms.asset_class in FUTURES:
            self.futures[symbol] = self.futures.get(symbol, ZERO) + paid
        else:
            self.receive(-paid, terms.currency)

    def rename(self, moment: Moment, action: CorporateAction) -> None:
        """A share under a new symbol has the old terms; one that was merged into another has that one's."""
        old, new = action.symbol, action.new_symbol
        if not new or new == old:
            return
        if action.kind is CorporateActionKind.SYMBOL_CHANGE and new not in self.terms:
            self.terms[new] = self.terms_of(old)
        last = self.last_price(moment, old)
        if last is not None:
            self.expected[new] = max(ZERO, (last - action.amount) / action.ratio).quantize(Decimal("1E-10"))

    def last_price(self, moment: Moment, symbol: str) -> Decimal | None:
        """The market's, before this input; of a share that has not traded yet what the old one says."""
        last = moment.prices_before[symbol]
        return self.expected.get(symbol) if last is None else Decimal(repr(last))

    def delist(self, moment: Moment, closed: PositionChanged) -> None:
        """What is held when a share is delisted is sold at what is left of it, or at cost without a price."""
        match moment.event:
            case CorporateAction(kind=CorporateActionKind.DELISTING, amount=amount, currency=currency):
                price = self.own(amount, currency, closed.symbol) or self.last_price(moment, closed.symbol)
            case _:
                return
        held = self.positions.get((closed.strategy, closed.symbol, closed.position_side))
        if held is None:
            return
        if price is None:
            self.pay(closed.symbol, -held.cost)
        else:
            self.trade(closed.symbol, -held.quantity, price)

    def own(self, amount: Decimal, currency: str, symbol: str) -> Decimal:
        """An amount in the currency of an instrument. All rates are against the dollar."""
        own = self.terms_of(symbol).currency
        if currency in ("", own):
            return amount
        rate = self.rates[currency] if own == "USD" else 1 / self.rates[own]
        return (amount * rate).quantize(Decimal("1E-10"))

    def cash(self) -> dict[str, Decimal]:
        """By currency."""
        balances = dict(self.flows)
        for symbol, paid in self.futures.items():
            open_cost = sum(
                (one.cost for (_, held, _), one in self.positions.items() if held == symbol), ZERO
            )
            currency = self.terms_of(symbol).currency
            balances[currency] = balances.get(currency, ZERO) + open_cost - paid
        return balances


def marks(tape: Tape) -> Iterator[tuple[CashBook, Moment, AccountMarked, list[LedgerMarked]]]:
    """Each mark of the account, with the ledgers beside it and a second reckoning up to there."""
    book = CashBook()
    for moment in tape.moments:
        events = list(moment.everything())
        for place, event in enumerate(events):
            with localcontext(EXACT):
                book.note(moment, event)
            if isinstance(event, AccountMarked):
                ledgers: list[LedgerMarked] = []
                for follower in events[place + 1 :]:
                    if not isinstance(follower, LedgerMarked):
                        break
                    ledgers.append(follower)
                yield book, moment, event, ledgers


def test_cash_is_what_came_in_less_what_was_paid_in_every_currency(tape: Tape) -> None:
    for book, _, _, ledgers in marks(tape):
        with localcontext(EXACT):
            kept: dict[str, Decimal] = {}
            for ledger in ledgers:
                kept[ledger.currency] = kept.get(ledger.currency, ZERO) + ledger.cash
            expected = book.cash()
            for currency in {*kept, *expected}:
                assert kept.get(currency, ZERO) == expected.get(currency, ZERO), currency


def test_equity_is_cash_dividends_and_positions_at_last_prices(tape: Tape) -> None:
    for book, moment, marked, _ in marks(tape):
        with localcontext(EXACT):
            cash = sum((amount * book.rates.get(name, 1) for name, amount in book.cash().items()), ZERO)
            value = ZERO
            if any(
                one.quantity and moment.prices[symbol] is None
                for (_, symbol, _), one in book.positions.items()
            ):
                continue  # worth what its predecessor says, until it trades
            for (_, symbol, _), position in book.positions.items():
                terms, last = book.terms_of(symbol), moment.prices[symbol]
                if not position.quantity:
                    continue
                worth = position.quantity * Decimal(repr(last)) * terms.multiplier
                if terms.asset_class in FUTURES:
                    worth -= position.cost
                value += worth * book.rates.get(terms.currency, 1)
            assert marked.cash == cash
            assert marked.equity == cash + marked.owed + value


def test_the_ledgers_of_strategies_and_the_accounts_own_add_up_to_the_account(tape: Tape) -> None:
    for book, _, marked, ledgers in marks(tape):
        with localcontext(EXACT):
            for column in ("cash", "realised_pnl", "unrealised_pnl", "commissions", "owed"):
                total = sum((getattr(one, column) * book.rates.get(one.currency, 1) for one in ledgers), ZERO)
                assert total == getattr(marked, column), column


def test_positions_are_what_was_filled_and_what_companies_made_of_it(tape: Tape) -> None:
    """Between corporate actions a position changes by fills, and by nothing else."""
    held: dict[Held, Decimal] = {}
    expected: dict[str, Decimal] = {}
    for moment in tape.moments:
        for event in moment.everything():
            if isinstance(event, OrderFilled):
                key = (event.strategy, event.symbol, event.position_side)
                signed = event.quantity if event.side is Side.BUY else -event.quantity
                held[key] = expected[event.fill_id] = held.get(key, ZERO) + signed
            elif isinstance(event, PositionChanged) and event.fill_id:
                assert event.quantity == expected[event.fill_id], event
            elif isinstance(event, PositionChanged):
                assert isinstance(moment.event, CorporateAction), event
                held[event.strategy, event.symbol, event.position_side] = event.quantity
