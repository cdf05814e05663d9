"""The account's events up to the end of a trading day: positions, money, rates."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from components.portfolio.rates import rate_between, set_rate
from kernel.corporate_actions import is_void, terms_under_new_symbol
from kernel.events import (
    CashFlowKind,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    Event,
    FxRateSet,
    InstrumentDefined,
    OrderFilled,
    PositionChanged,
    PositionSide,
)
from kernel.identifiers import StrategyId

ZERO = Decimal(0)

BOOKED_TYPES: frozenset[type[Event]] = frozenset(
    {PositionChanged, CashMoved, FxRateSet, InstrumentDefined, CorporateAction}
)
PositionKey = tuple[StrategyId, str, PositionSide | None]

_OTHERWISE_COUNTED = frozenset({CashFlowKind.CONVERSION, CashFlowKind.CASH_IN_LIEU})
"""The first changes money for other money, the second is in the P&L of its position."""


class DayBooks:
    """The account's events up to the end of the day."""

    def __init__(self, start_ts: int) -> None:
        self.before: dict[PositionKey, PositionChanged] = {}
        self.after: dict[PositionKey, PositionChanged] = {}
        self.touched: dict[PositionKey, bool] = {}
        self.instruments: dict[str, InstrumentDefined] = {}
        self.currency = "USD"
        """The account's: that of the first deposit."""
        self._has_currency = False
        self._start_ts = start_ts
        self._rates: dict[str, dict[str, Decimal]] = {}
        self._moved: list[CashMoved] = []

    def take(self, event: Event) -> None:
        """Take the next event."""
        is_today = event.ts > self._start_ts
        match event:
            case PositionChanged(strategy=strategy, symbol=symbol, position_side=side):
                self.after[strategy, symbol, side] = event
                if is_today:
                    self.touched[strategy, symbol, side] = True
                else:
                    self.before[strategy, symbol, side] = event
            case CashMoved():
                self._take_cash(event, is_today=is_today)
            case FxRateSet():
                set_rate(self._rates, event)
            case InstrumentDefined(symbol=symbol):
                self.instruments[symbol] = event
            case CorporateAction(kind=CorporateActionKind.SYMBOL_CHANGE) if not is_void(event):
                self._rename(event)
            case _:
                pass

    def paid_in(self) -> Decimal:
        """Deposits less withdrawals of the day; at par without a rate."""
        return self._sum(each for each in self._moved if each.kind is CashFlowKind.DEPOSIT)

    def income(self) -> Decimal:
        """Interest, dividends and the like less fees of the day, apart from fills; at par without a rate."""
        return self._sum(each for each in self._moved if each.kind is not CashFlowKind.DEPOSIT)

    def _sum(self, moved: Iterable[CashMoved]) -> Decimal:
        return sum((each.amount * (self.rate(each.currency) or 1) for each in moved), ZERO)

    def commissions(self, fills: Sequence[OrderFilled]) -> Decimal | None:
        """The commissions of fills."""
        total = ZERO
        for fill in fills:
            rate = self.rate(fill.currency) if fill.commission else 1
            if rate is None:
                return None
            total += fill.commission * rate
        return total

    def rate(self, currency: str) -> Decimal | None:
        """The value of a unit of a currency in that of the account, by the last rates of the day."""
        return rate_between(self._rates, currency, self.currency)

    def terms(self, symbol: str) -> InstrumentDefined:
        """The terms of an instrument as last defined."""
        return self.instruments.get(symbol) or InstrumentDefined(0, symbol)

    def _rename(self, action: CorporateAction) -> None:
        """Go on with the terms of an instrument under its new symbol."""
        old, new = self.instruments.get(action.symbol), self.instruments.get(action.new_symbol)
        terms = terms_under_new_symbol(action, old=old, new=new)
        if terms is not None:
            self.instruments[action.new_symbol] = terms

    def _take_cash(self, event: CashMoved, *, is_today: bool) -> None:
        if not self._has_currency:
            self.currency, self._has_currency = event.currency, True
        if is_today and event.kind not in _OTHERWISE_COUNTED:
            self._moved.append(event)


def gained_with(
    event: PositionChanged | None, terms: InstrumentDefined, price: Decimal | None
) -> Decimal | None:
    """Realised and unrealised P&L in the instrument's currency; ``None`` if a price is needed and missing."""
    if event is None:
        return ZERO
    if not event.quantity:
        return event.realised_pnl
    if price is None:
        return None
    value = event.quantity * terms.unit_value(price)
    return event.realised_pnl + (-(value + event.cost) if terms.is_inverse else value - event.cost)
