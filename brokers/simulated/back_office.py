"""The back office of the simulated broker: dividends, cash in lieu, mergers, funding, borrow fees, interest.

Every payment is a ``CashMoved`` of one strategy, or of the account (interest). The portfolio books it, and
changes positions by itself.

- Dividend: a long position at the action's ``ts`` receives ``amount`` a share, a short one pays it. It is
  paid at ``pay_ts``, or at once if that is not later. Until then it is owed (``owed``). It is for the shares
  from before a split of the same moment, whichever of the two comes first in the log.
- Split: a fraction of a lot is paid out at the last price.
- Spin-off: a fraction of a lot of the new share is paid out at its last price, ``amount`` for each old share.
- Merger, symbol change: ``amount`` is paid for each share. A fraction of a lot of the new share is paid out
  at its price or, before it has one, at the price that follows from the old share's.
- Funding of a perpetual, at ``due_ts``: notional at the last price * rate. Longs pay shorts if the
  rate is positive. A rate may be corrected until it is due.
- Borrow fee, daily: net short value at the last price * ``borrow_rate`` / day count. Short positions share it
  by their size. Shares that another strategy is long are not borrowed, so they cost nothing. In hedging mode
  all short legs are borrowed, whatever is held long.
- Interest, daily: balance * rate / day count, by currency.

An amount without a currency is in the instrument's. Without a price nothing is paid. Dividends, cash in lieu
and mergers are rounded to 0.01, the others to 0.00000001. The payments of all strategies add up exactly to
the rounded total. If long and short strategies offset each other, the payments add up to 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import chain
from typing import Protocol

import msgspec

from brokers.simulated.financing import ZERO, FinancingConfig, Interest
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.corporate_actions import (
    fraction_after,
    fraction_given,
    is_void,
    successor,
    successor_price,
)
from kernel.events import (
    CashFlowKind,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    Event,
    FundingRateSet,
    InstrumentDefined,
    SessionChanged,
    SessionStarted,
    TimerFired,
    TimerScheduled,
)
from kernel.events.timer_purposes import DailyAccrual, FundingDue, PaymentDue
from kernel.identifiers import StrategyId, TimerName
from kernel.position_sides import Leg
from kernel.rules import FIRST_RULES, RULES
from kernel.time_units import DAY_NS, SECOND_NS

ACCRUAL = TimerName("accrual")
ACCOUNT = StrategyId("")
PAID_STEP = Decimal("0.01")
ACCRUED_STEP = Decimal("1E-8")


class AccountView(Protocol):
    """The positions and cash that the back office reads."""

    def holders(self, symbol: str) -> Mapping[StrategyId, Decimal]:
        """Open quantities by strategy, signed; in hedging mode the net of both legs."""
        ...

    def legs(self, symbol: str) -> Mapping[Leg, Decimal]:
        """The same, in hedging mode with long and short legs apart."""
        ...

    def borrowed(self, symbol: str) -> Decimal:
        """The units that must be borrowed; 0 or below if none are."""
        ...

    def open_symbols(self) -> Iterable[str]:
        """The symbols with an open position."""
        ...

    def balances(self) -> Mapping[str, Decimal]:
        """Cash by currency."""
        ...


class MarketView(Protocol):
    """Prices and terms of instruments. At a split the last price is already on the new terms."""

    def last_price(self, symbol: str) -> float | None: ...
    def instrument(self, symbol: str) -> InstrumentDefined: ...


class BeforeSplit(msgspec.Struct, frozen=True):
    """The positions in a symbol by strategy, just before the splits of ``ts``."""

    ts: int
    held: dict[StrategyId, Decimal]


class BackOfficeState(msgspec.Struct):
    """Payments that are not due yet, and the times up to which others are paid.

    - ``payable``: payments by the name of their timer. Their ``ts`` is the time at which they were earned.
    - ``funding``: funding rates by the name of their timer.
    - ``funded_ts``: the due time of the last paid funding, by symbol.
    - ``accrued_ts``: the end of the last day charged; 0 while nothing accrues.
    - ``before_splits``: the positions just before the last moment with a split, by symbol.
    """

    payable: dict[TimerName, tuple[CashMoved, ...]] = {}
    payable_count: int = 0
    funding: dict[TimerName, FundingRateSet] = {}
    funded_ts: dict[str, int] = {}
    accrued_ts: int = 0
    before_splits: dict[str, BeforeSplit] = {}


class BackOffice:
    """The component that pays dividends and funding, and charges fees and interest."""

    name = "back_office"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self, config: FinancingConfig, *, account: AccountView, market: MarketView, rules: int = RULES
    ) -> None:
        self.state = BackOfficeState()
        self._rules = rules
        self._config = config
        self._account = account
        self._market = market

    def subscriptions(self) -> Iterable[Subscription]:
        return (
            Subscription(InstrumentDefined, self.on_instrument),
            Subscription(SessionStarted, self.on_session),
            Subscription(SessionChanged, self.on_session),
            Subscription(CorporateAction, self.on_action),
            Subscription(FundingRateSet, self.on_funding_rate),
            Subscription(TimerFired, self.on_timer),
        )

    # --- timers ---------------------------------------------------------------------------------

    def on_instrument(self, event: InstrumentDefined) -> Sequence[Event] | None:
        return self._begin_accrual(event.ts) if event.borrow_rate else None

    def on_session(self, event: SessionStarted | SessionChanged) -> Sequence[Event] | None:
        return self._begin_accrual(event.ts) if self._config.interest else None

    def _begin_accrual(self, ts: int) -> Sequence[Event] | None:
        """Charge days from now on. The first one ends at the first accrual."""
        if self.state.accrued_ts:
            return None
        offset = self._config.accrual_s * SECOND_NS
        due_ts = ((ts - offset) // DAY_NS + 1) * DAY_NS + offset
        self.state.accrued_ts = due_ts - DAY_NS
        return (TimerScheduled(ts, self.name, ACCRUAL, due_ts, DAY_NS, DailyAccrual()),)

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        if timer.owner != self.name:
            return None
        match timer.purpose:
            case DailyAccrual():
                return self._accrue(timer)
            case PaymentDue():
                payable = self.state.payable.pop(timer.name)
                return [msgspec.structs.replace(payment, ts=timer.ts) for payment in payable]
            case FundingDue():
                return self._fund(timer.ts, self.state.funding.pop(timer.name))
            case _:
                return None

    # --- corporate actions ----------------------------------------------------------------------

    def on_action(self, action: CorporateAction) -> Sequence[Event] | None:
        if is_void(action):
            return None
        match action.kind:
            case CorporateActionKind.DIVIDEND:
                return self._dividend(action)
            case CorporateActionKind.SPLIT:
                self._note_before(action)
                return self._fractions(action)
            case CorporateActionKind.SPIN_OFF:
                cash = self._per_share(action, CashFlowKind.DIVIDEND, reason=action.kind.value)
                return [*cash, *self._given_fractions(action)]
            case CorporateActionKind.MERGER | CorporateActionKind.SYMBOL_CHANGE:
                if action.kind is CorporateActionKind.SYMBOL_CHANGE:
                    self._rename(action.symbol, action.new_symbol)
                cash = self._per_share(action, CashFlowKind.CASH_IN_LIEU, reason=action.kind.value)
                return [*cash, *self._fractions(action)]
            case CorporateActionKind.DELISTING:
                return None  # the portfolio books it as a sale at the final price

    def _rename(self, symbol: str, new_symbol: str) -> None:
        """Move the funding of a symbol to its new one."""
        state = self.state
        for name, rate in state.funding.items():
            if rate.symbol == symbol:
                state.funding[name] = msgspec.structs.replace(rate, symbol=new_symbol)
        funded_ts = state.funded_ts.pop(symbol, None)
        if funded_ts is not None:
            state.funded_ts[new_symbol] = max(funded_ts, state.funded_ts.get(new_symbol, funded_ts))

    def owed(self) -> Iterable[CashMoved]:
        """Dividends between their ex-date and their payment."""
        payable = self.state.payable
        return chain.from_iterable(payable.values()) if payable else ()

    def _note_before(self, split: CorporateAction) -> None:
        """Remember the positions before the first split of a moment."""
        known = self.state.before_splits.get(split.symbol)
        if known is None or known.ts != split.ts:
            held = dict(self._account.holders(split.symbol))
            self.state.before_splits[split.symbol] = BeforeSplit(split.ts, held)

    def _entitled(self, action: CorporateAction) -> Mapping[StrategyId, Decimal]:
        """The positions that an amount a share is for: those from before a split of the same moment."""
        before = self.state.before_splits.get(action.symbol)
        if self._rules > FIRST_RULES and before is not None and before.ts == action.ts:
            return before.held
        return self._account.holders(action.symbol)

    def _dividend(self, action: CorporateAction) -> Sequence[Event]:
        payments = self._per_share(action, CashFlowKind.DIVIDEND, reason="dividend")
        if not payments or action.pay_ts <= action.ts:
            return payments
        self.state.payable_count += 1
        name = TimerName(f"pay {self.state.payable_count}")
        self.state.payable[name] = payments
        return (TimerScheduled(action.ts, self.name, name, action.pay_ts, purpose=PaymentDue()),)

    def _per_share(
        self, action: CorporateAction, kind: CashFlowKind, *, reason: str
    ) -> tuple[CashMoved, ...]:
        """``amount`` a share: long positions receive it, short positions pay it."""
        held = self._entitled(action)
        due = {Leg(strategy): quantity * action.amount for strategy, quantity in held.items()}
        currency = action.currency or self._market.instrument(action.symbol).currency
        terms = f"{reason}: {action.amount} a share"
        return _payments(
            action.ts, due, PAID_STEP, kind=kind, currency=currency, symbol=action.symbol, reason=terms
        )

    def _fractions(self, action: CorporateAction) -> tuple[CashMoved, ...]:
        """Cash for the fractions of a lot that ``ratio`` leaves, at the successor's price."""
        symbol = successor(action)
        if not symbol:
            return ()
        terms = self._market.instrument(symbol)
        fractions = {
            leg: fraction_after(quantity, action.ratio, lot_size=terms.lot_size)
            for leg, quantity in self._account.legs(action.symbol).items()
        }
        price = self._price_after(action, symbol)
        if price is None or not any(fractions.values()):
            return ()
        unit_price = price * terms.multiplier
        return _payments(
            action.ts,
            {leg: fraction * unit_price for leg, fraction in fractions.items()},
            PAID_STEP,
            kind=CashFlowKind.CASH_IN_LIEU,
            currency=terms.currency,
            symbol=symbol if self._rules == FIRST_RULES else action.symbol,
            reason=f"{action.kind.value}: cash in lieu of a fraction",
        )

    def _given_fractions(self, action: CorporateAction) -> tuple[CashMoved, ...]:
        """Cash for the fractions of a lot that a spin-off leaves, at the last price of the new share."""
        terms, price = self._market.instrument(action.new_symbol), self._market.last_price(action.new_symbol)
        if price is None:
            return ()
        unit_price = Decimal(repr(price)) * terms.multiplier
        due = {
            leg: fraction_given(quantity, action.ratio, lot_size=terms.lot_size) * unit_price
            for leg, quantity in self._account.legs(action.symbol).items()
        }
        return _payments(
            action.ts,
            due,
            PAID_STEP,
            kind=CashFlowKind.CASH_IN_LIEU,
            currency=terms.currency,
            symbol=action.new_symbol,
            reason="spin-off: cash in lieu of a fraction",
        )

    def _price_after(self, action: CorporateAction, symbol: str) -> Decimal | None:
        """The last price of ``symbol``; before its first price, the one computed from the old share's."""
        price = self._market.last_price(symbol)
        if price is not None:
            return Decimal(repr(price))
        old = self._market.last_price(action.symbol)
        return None if old is None else successor_price(action, Decimal(repr(old)))

    # --- funding ----------------------------------------------------------------------------------

    def on_funding_rate(self, event: FundingRateSet) -> Sequence[Event] | None:
        due_ts = event.due_ts or event.ts
        if due_ts <= self.state.funded_ts.get(event.symbol, -1):
            return None
        if due_ts <= event.ts:
            return self._fund(event.ts, event)
        name = TimerName(f"funding {event.symbol} {due_ts}")
        is_new = name not in self.state.funding
        self.state.funding[name] = event
        timer = TimerScheduled(event.ts, self.name, name, due_ts, purpose=FundingDue(event.symbol))
        return (timer,) if is_new else None

    def _fund(self, ts: int, rate: FundingRateSet) -> Sequence[Event] | None:
        symbol = rate.symbol
        self.state.funded_ts[symbol] = rate.due_ts or rate.ts
        price = self._market.last_price(symbol)
        if price is None:
            return None
        terms = self._market.instrument(symbol)
        per_unit = terms.unit_notional(Decimal(repr(price))) * rate.rate
        held = self._account.holders(symbol)
        return _payments(
            ts,
            {Leg(strategy): -quantity * per_unit for strategy, quantity in held.items()},
            ACCRUED_STEP,
            kind=CashFlowKind.FUNDING,
            currency=terms.currency,
            symbol=symbol,
            reason=f"funding at {rate.rate}",
        )

    # --- daily accruals -----------------------------------------------------------------------------

    def _accrue(self, timer: TimerFired) -> Sequence[Event]:
        """Charge the calendar days since the last accrual, on the present positions."""
        days = (timer.due_ts - self.state.accrued_ts) // DAY_NS
        self.state.accrued_ts = timer.due_ts
        events: list[Event] = []
        lent: dict[str, Decimal] = {}
        """The value of short positions by currency. The same amount of cash secures them without interest."""
        for symbol in self._account.open_symbols():
            terms = self._market.instrument(symbol)
            borrowed, price = self._account.borrowed(symbol), self._market.last_price(symbol)
            if borrowed <= 0 or price is None or terms.is_margined:
                continue
            value = borrowed * Decimal(repr(price)) * terms.multiplier
            lent[terms.currency] = lent.get(terms.currency, ZERO) + value
            if terms.borrow_rate:
                held = self._account.legs(symbol)
                events += self._borrow_fees(timer.ts, terms, held, yearly=value * terms.borrow_rate * days)
        return [*events, *self._interest(timer.ts, lent, days=days)]

    def _borrow_fees(
        self, ts: int, terms: InstrumentDefined, held: Mapping[Leg, Decimal], *, yearly: Decimal
    ) -> tuple[CashMoved, ...]:
        """The fee for the days, shared by short positions in proportion to their size."""
        day_count = self._config.borrow_day_count
        short = {leg: quantity for leg, quantity in held.items() if quantity < 0}
        total = sum(short.values(), ZERO)
        return _payments(
            ts,
            {leg: -yearly * quantity / total / day_count for leg, quantity in short.items()},
            ACCRUED_STEP,
            kind=CashFlowKind.BORROW_FEE,
            currency=terms.currency,
            symbol=terms.symbol,
            reason=f"borrow fee at {terms.borrow_rate} a year",
        )

    def _interest(self, ts: int, lent: Mapping[str, Decimal], *, days: int) -> list[Event]:
        events: list[Event] = []
        if not self._config.interest:
            return events
        for currency, balance in self._account.balances().items():
            terms = self._config.interest.get(currency)
            if terms is None:
                continue
            rate, basis = _basis(terms, balance, lent.get(currency, ZERO))
            events += _payments(
                ts,
                {Leg(ACCOUNT): basis * rate * days / terms.day_count},
                ACCRUED_STEP,
                kind=CashFlowKind.INTEREST,
                currency=currency,
                reason=f"interest at {rate} a year",
            )
        return events


def rounded_parts(parts: Iterable[Decimal], step: Decimal) -> list[Decimal]:
    """Round each part to a step, so that the parts add up to their rounded sum.

    The rounding error of a part is added to the next one.
    """
    rounded: list[Decimal] = []
    exact = paid = ZERO
    for part in parts:
        exact += part
        whole = exact.quantize(step, ROUND_HALF_EVEN)
        rounded.append(whole - paid)
        paid = whole
    return rounded


def _basis(terms: Interest, balance: Decimal, lent: Decimal) -> tuple[Decimal, Decimal]:
    """The rate, and the balance that it applies to."""
    if balance < 0:
        return terms.debit, balance
    return terms.credit, max(ZERO, balance - lent)


def _payments(
    ts: int,
    due: Mapping[Leg, Decimal],
    step: Decimal,
    *,
    kind: CashFlowKind,
    currency: str,
    reason: str,
    symbol: str = "",
) -> tuple[CashMoved, ...]:
    """One payment for each position that receives (above 0) or pays (below 0) an amount."""
    amounts = rounded_parts(due.values(), step)
    return tuple(
        CashMoved(ts, amount, currency, reason, kind, leg.strategy, symbol, leg.side)
        for leg, amount in zip(due, amounts, strict=True)
        if amount
    )
