"""Watches the maintenance margin: calls the account when its equity falls below, and when it is ruined.

What it remembers: for each symbol held, its last known value and the margins that it requires; the sums of
these; and whether the account is under a call, or ruined.

What changes it:

- A fill, a payment, a rate or a mark of the account sets the figures to the account's.
- A market event of a symbol held, if the account is *thin* (its equity is below ``CUSHION`` times its
  maintenance margin) or holds more than ``FEW`` symbols. Any other account is looked at with every fill and
  every mark, and costs no market event anything.

While prices are followed, the free margin is known without summing over the positions: ``free_margin`` and
``free_margin_at`` give it to risk and to the venue. So an order costs the same for few and many positions.

What follows is an event, and the risk component acts on it (``components/risk/margin_calls.py``):

- Below the maintenance margin: ``RiskLimitBreached`` of the rule ``maintenance_margin``. It is repeated, at a
  fill or mark, if the positions that were closed are not enough.
- Below 0 with nothing left to sell: the same of the rule ``ruin``.
- Back above: the same event with ``is_rearmed``.

What never happens: a call without the exact figures of the account. The sums here are floats, and only say
when to ask for them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from math import isfinite, nan
from typing import Protocol

import msgspec

from components.risk_monitor.price_following import PriceFollowing
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import (
    AccountMarked,
    AssetClass,
    CashMoved,
    Event,
    FxRateSet,
    InstrumentDefined,
    PositionChanged,
    RiskLimitBreached,
)
from strategies.sdk.limits import MAINTENANCE_MARGIN, REARMED, RUIN, MarginCall

CUSHION = 4
"""At FINRA's 25 %, the equity over the maintenance margin of an account whose shares are all paid for."""

FEW = 8
"""With so many symbols, summing over all positions for an order costs more than following their prices."""

CERTAIN = 1e-6
"""The part of the sums that their rounding cannot reach. A free margin is lowered by it."""

HALT = "halt"
ZERO = Decimal(0)
UNKNOWN = Decimal("Infinity")
"""Stands for the cash before it is first read: no cash is as much."""


class AccountView(Protocol):
    """The account, in its currency."""

    @property
    def cash(self) -> Decimal: ...
    @property
    def equity(self) -> Decimal: ...
    @property
    def maintenance_margin(self) -> Decimal: ...
    def worth_of(self, symbol: str) -> tuple[Decimal, Decimal]:
        """The part of a symbol's positions in the equity, and their gross exposure."""
        ...

    def net_position(self, symbol: str) -> Decimal: ...
    def margin_rate(self, symbol: str) -> Decimal: ...
    def maintenance_rate(self, symbol: str) -> Decimal: ...
    def open_symbols(self) -> Iterable[str]: ...
    def rate(self, currency: str) -> Decimal | None: ...
    def is_booked_by(self, terms: InstrumentDefined) -> bool: ...


class MarketView(Protocol):
    """Prices and terms."""

    def last_price(self, symbol: str) -> float | None: ...
    def instrument(self, symbol: str) -> InstrumentDefined: ...


class MarginMark(msgspec.Struct, gc=False):
    """A symbol held, at its last known price.

    - ``price``: NaN before the first one, and of an inverse contract: then each price asks the account.
    - ``weight``: the gain of equity when the price rises by 1.
    - ``worth``: its part of the equity.
    - ``size``: its gross exposure.
    - ``initial_rate``, ``rate``: initial and maintenance margin, as fractions of ``size``.
    """

    price: float
    weight: float
    worth: float
    size: float
    initial_rate: float
    rate: float


class HeldSide(msgspec.Struct, gc=False):
    """The last long, or short, position in a symbol.

    - ``quantity``, ``weight``: kept because a decimal takes 0.5 us to become a float, and many strategies
      hold the same quantity again.
    - ``initial_rate``, ``rate``: those of the mark.
    """

    quantity: Decimal
    weight: float
    initial_rate: float
    rate: float


class MarginUnit(msgspec.Struct, gc=False):
    """What one unit of an instrument counts, as long as its terms and the rates of currencies stay.

    - ``value``: of a price of 1, in the account's currency.
    - ``is_plain``: the value of a position is that of its quantity, and its margin a fixed part of it. Not so
      for futures and options, and for a position that is booked by older terms.
    - ``long``, ``short``: the last such positions; ``None`` until there was one.
    """

    terms: InstrumentDefined
    value: float
    is_plain: bool
    long: HeldSide | None = None
    short: HeldSide | None = None


class MarginState(msgspec.Struct):
    """The marks of the symbols held, the cash, and the state of the call.

    - ``least_cash``, ``cash``: the cash, exact and as a float. While no prices are followed they are kept as
      long as the account has at least as much and that is enough.
    - ``worth``: the sum over the marks of the part in the equity.
    - ``initial``, ``required``: the same of the initial and of the maintenance margin.
    - ``watched``: the symbols whose market events are heard.
    """

    marks: dict[str, MarginMark] = {}
    cash: float = 0.0
    worth: float = 0.0
    initial: float = 0.0
    required: float = 0.0
    watched: dict[str, bool] = {}
    is_called: bool = False
    is_ruined: bool = False
    least_cash: Decimal = UNKNOWN


class MarginWatch(PriceFollowing):
    """The component that calls for margin."""

    name = "margin_watch"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self,
        call: MarginCall | None,
        *,
        account: AccountView,
        market: MarketView,
    ) -> None:
        super().__init__()
        self._units: dict[str, MarginUnit] = {}
        """Derived from the terms and rates, so not in the state."""
        self.closing: Callable[[], bool] = _nothing
        """Whether risk is closing positions now. Set when risk is made, which reads the free margin here."""
        self.state = MarginState()
        self._call = call
        self._account = account
        self._market = market

    @property
    def is_needed(self) -> bool:
        """Whether margin calls are made."""
        return self._call is not None and self._call is not MarginCall.OFF

    def subscriptions(self) -> Iterable[Subscription]:
        return (
            Subscription(PositionChanged, self.on_position),
            Subscription(AccountMarked, self.on_marked),
            Subscription(CashMoved, self.on_payment),
            Subscription(FxRateSet, self.on_payment),
        )

    def watches(self) -> tuple[Iterable[Subscription], Iterable[str]]:
        return self.price_handlers(), tuple(self.state.watched)

    # --- the market ---------------------------------------------------------------------------

    def _on_price(self, symbol: str, price: float, ts: int) -> Sequence[Event] | None:
        """Follow the price of one symbol. Called only while prices are followed."""
        state = self.state
        mark = state.marks.get(symbol)
        if mark is None:
            return None
        change = mark.weight * (price - mark.price)
        if isfinite(change):
            if change:  # ``_growth`` without its call: this is done for each quote of many symbols
                size = mark.size
                increase = abs((size if mark.weight > 0 else -size) + change) - size
                mark.price = price
                mark.worth += change
                mark.size += increase
                state.worth += change
                state.initial += increase * mark.initial_rate
                state.required += increase * mark.rate
        elif isfinite(price):  # its first price, or an inverse contract
            self._mark(symbol)
        else:
            return None
        if state.is_called or state.cash + state.worth > state.required:
            return None
        return list(self._judge(ts)) or None

    # --- the account --------------------------------------------------------------------------

    def on_position(self, event: PositionChanged) -> Sequence[Event] | None:
        state, cash = self.state, self._account.cash
        self._mark(event.symbol)
        is_calm = not (state.watched or state.is_called or state.is_ruined) and len(state.marks) <= FEW
        if is_calm and cash >= state.least_cash and state.cash + state.worth > CUSHION * state.required:
            return None  # as nearly always
        state.least_cash, state.cash = cash, float(cash)
        if is_calm and state.cash + state.worth > CUSHION * state.required:
            return None
        found = self._judge_if_due(event.ts)
        self._follow()
        return found or None

    def on_marked(self, event: AccountMarked) -> Sequence[Event] | None:
        self._mark_all()
        found = self._judge_if_due(event.ts)
        self._follow()
        return found or None

    def on_payment(self, event: CashMoved | FxRateSet) -> Sequence[Event] | None:
        """A payment or a new rate. It changes no watch: it may be an input for which nothing is emitted."""
        if isinstance(event, FxRateSet):
            self._units.clear()
            self._mark_all()
        self._note_cash()
        return self._judge_if_due(event.ts) or None

    def _note_cash(self) -> None:
        cash = self._account.cash
        self.state.least_cash, self.state.cash = cash, float(cash)

    def _mark_all(self) -> None:
        state = self.state
        self._note_cash()
        symbols = tuple(dict.fromkeys((*state.marks, *self._account.open_symbols())))
        state.marks = {}
        state.worth = state.initial = state.required = 0.0
        for symbol in symbols:
            self._mark(symbol)

    def _mark(self, symbol: str) -> None:
        """Set the figures of one symbol to the account's."""
        state = self.state
        before = state.marks.pop(symbol, None)
        if before is not None:
            state.worth -= before.worth
            state.initial -= before.size * before.initial_rate
            state.required -= before.size * before.rate
        mark = self._marked(symbol)
        if mark is not None:
            state.marks[symbol] = mark
            state.worth += mark.worth
            state.initial += mark.size * mark.initial_rate
            state.required += mark.size * mark.rate
        elif not state.marks:
            state.worth = state.initial = state.required = 0.0

    def _marked(self, symbol: str) -> MarginMark | None:
        """The figures of one symbol as the account has them; ``None`` if nothing is held."""
        account, terms = self._account, self._market.instrument(symbol)
        price, quantity = self._market.last_price(symbol), account.net_position(symbol)
        unit = self._units.get(symbol)
        if unit is None or unit.terms is not terms:
            unit = self._units[symbol] = _unit_of(terms, account)
        if unit.is_plain and price is not None:
            if not quantity:
                return None
            side = unit.long if quantity > ZERO else unit.short
            if side is None:
                side = self._first_held(symbol, quantity, unit)
            elif quantity != side.quantity:
                side.quantity, side.weight = quantity, float(quantity) * unit.value
            value = side.weight * price
            return MarginMark(price, side.weight, value, abs(value), side.initial_rate, side.rate)
        weight = float(quantity) * unit.value
        rates = (float(account.margin_rate(symbol)), float(account.maintenance_rate(symbol)))
        worth, size = account.worth_of(symbol)
        if not worth and not size and not quantity:  # with a quantity, it has no price yet
            return None
        known = nan if price is None or terms.is_inverse else price
        return MarginMark(known, weight, float(worth), float(size), *rates)

    def _first_held(self, symbol: str, quantity: Decimal, unit: MarginUnit) -> HeldSide:
        """The side of a plain position that was not held before; its rates stay."""
        account = self._account
        initial_rate, rate = float(account.margin_rate(symbol)), float(account.maintenance_rate(symbol))
        side = HeldSide(quantity, float(quantity) * unit.value, initial_rate, rate)
        if quantity > ZERO:
            unit.long = side
        else:
            unit.short = side
        return side

    # --- the view -----------------------------------------------------------------------------

    def free_margin(self) -> float | None:
        """Equity less initial margin, not a cent too high; ``None`` if prices are not followed."""
        state = self.state
        if not state.watched:
            return None
        equity = state.cash + state.worth
        return equity - state.initial - CERTAIN * (abs(state.cash) + abs(state.worth) + state.initial)

    def free_margin_at(self, symbol: str, price: float) -> float | None:
        """``free_margin`` with the position in one symbol valued at ``price``."""
        free, mark = self.free_margin(), self.state.marks.get(symbol)
        if free is None or mark is None:
            return free
        change = mark.weight * (price - mark.price)
        if not isfinite(change):
            return None
        return free + change - _growth(mark, change) * mark.initial_rate

    # --- judging ------------------------------------------------------------------------------

    def _judge_if_due(self, ts: int) -> list[Event]:
        """Judge the account if it is, or was, short of margin, and no position is being closed."""
        state = self.state
        is_short = state.cash + state.worth <= state.required
        if not (state.is_called or state.is_ruined or is_short):
            return []
        return list(self._judge(ts))

    def _judge(self, ts: int) -> Iterator[Event]:
        """Compare the exact figures of the account."""
        state, account = self.state, self._account
        equity, required = account.equity, account.maintenance_margin
        if equity >= required:
            if state.is_called:
                state.is_called = False
                yield _recovered(ts, MAINTENANCE_MARGIN, limit=required, value=equity)
            if state.is_ruined and equity >= 0:
                state.is_ruined = False
                yield _recovered(ts, RUIN, limit=Decimal(0), value=equity)
            return
        if any(True for _ in account.open_symbols()):
            repeats = self._call is MarginCall.LIQUIDATE and not self.closing()
            if not state.is_called or repeats:
                state.is_called = True
                assert self._call is not None, "margin is watched without a margin call"
                yield _breached(ts, MAINTENANCE_MARGIN, limit=required, value=equity, action=self._call.value)
        elif not state.is_ruined:
            state.is_ruined = True
            yield _breached(ts, RUIN, limit=Decimal(0), value=equity, action=HALT)

    def _follow(self) -> None:
        """Hear the market of the symbols held if their prices are to be followed, else of no symbol."""
        state = self.state
        marks, watched = state.marks, state.watched
        is_thin = state.cash + state.worth < CUSHION * state.required
        wanted = marks if is_thin or len(marks) > FEW else {}
        if not wanted and not watched:
            return
        if wanted and not watched:
            self._mark_all()  # the prices of the others were not followed so far
            wanted = state.marks
        if wanted.keys() == watched.keys():  # as after most orders; a loop over 500 symbols takes 30 us
            return
        for symbol in [one for one in wanted if one not in watched]:
            watched[symbol] = True
            self._watching.add(symbol)
        for symbol in [one for one in watched if one not in wanted]:
            del watched[symbol]
            self._watching.discard(symbol)


def _nothing() -> bool:
    return False


def _unit_of(terms: InstrumentDefined, account: AccountView) -> MarginUnit:
    is_plain = terms.asset_class is not AssetClass.OPTION and not terms.is_margined
    return MarginUnit(
        terms,
        float(terms.multiplier * (account.rate(terms.currency) or 1)),
        is_plain and account.is_booked_by(terms),
    )


def _growth(mark: MarginMark, change: float) -> float:
    """The growth of a mark's size when its value changes."""
    value = mark.size if mark.weight > 0 else -mark.size
    return abs(value + change) - mark.size


def _breached(ts: int, rule: str, *, limit: Decimal, value: Decimal, action: str) -> RiskLimitBreached:
    return RiskLimitBreached(ts, rule, _plain(limit), _plain(value), action)


def _recovered(ts: int, rule: str, *, limit: Decimal, value: Decimal) -> RiskLimitBreached:
    return RiskLimitBreached(ts, rule, _plain(limit), _plain(value), REARMED, is_rearmed=True)


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}" if amount else "0"
