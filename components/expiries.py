"""Expiry: an instrument with an ``expiry_ts`` trades up to that moment and is settled right after it.

The settlement is a derived ``CorporateAction`` of the kind ``DELISTING`` with the settlement price. As with
any delisting, its orders end and its positions are closed at that price. An option is settled at its
intrinsic value against the last price of the underlying, any other instrument at its own last price.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.corporate_actions import is_void
from kernel.events import (
    AssetClass,
    CorporateAction,
    CorporateActionKind,
    Event,
    InstrumentDefined,
    TimerCancelled,
    TimerFired,
    TimerScheduled,
)
from kernel.events.timer_purposes import InstrumentExpiry
from kernel.expiry import first_ts_after, has_expired
from kernel.identifiers import TimerName

_ZERO = Decimal(0)
_ONE = Decimal(1)


class MarketView(Protocol):
    """The part of market data that is read here."""

    def last_price(self, symbol: str) -> float | None: ...
    def instrument(self, symbol: str) -> InstrumentDefined: ...


class ExpiriesState(msgspec.Struct):
    """``expiries``: the last defined ``expiry_ts`` by symbol, expired instruments included."""

    expiries: dict[str, int] = {}


class Expiries:
    """The component that settles instruments at their expiry. Without expiries it sets no timer."""

    name = "expiries"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self, market: MarketView) -> None:
        self.state = ExpiriesState()
        self._market = market

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(InstrumentDefined, self.on_instrument)
        yield Subscription(CorporateAction, self.on_action)
        yield Subscription(TimerFired, self.on_timer)

    def on_instrument(self, event: InstrumentDefined) -> Sequence[Event] | None:
        """Set a timer for a new expiry. A repeated definition changes nothing, also after the expiry."""
        expiries, symbol = self.state.expiries, event.symbol
        if event.expiry_ts == expiries.get(symbol, 0):
            return None
        if not event.expiry_ts:
            del expiries[symbol]
            return (TimerCancelled(event.ts, self.name, TimerName(symbol)),)
        expiries[symbol] = event.expiry_ts
        return (self._timer(event.ts, symbol, event.expiry_ts),)

    def on_action(self, action: CorporateAction) -> Sequence[Event] | None:
        """Keep the expiry under a new symbol, unless the new symbol has its own."""
        expiries, symbol, new = self.state.expiries, action.symbol, action.new_symbol
        if action.kind is not CorporateActionKind.SYMBOL_CHANGE or is_void(action) or symbol not in expiries:
            return None
        expiry_ts = expiries.pop(symbol)
        if has_expired(expiry_ts, action.ts):
            return None
        cancelled = TimerCancelled(action.ts, self.name, TimerName(symbol))
        if new in expiries:
            return (cancelled,)
        expiries[new] = expiry_ts
        return cancelled, self._timer(action.ts, new, expiry_ts)

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        if timer.owner != self.name or not isinstance(timer.purpose, InstrumentExpiry):
            return None
        symbol = timer.purpose.symbol
        terms = self._market.instrument(symbol)
        price = settlement_price(terms, self._market)
        ratio = _ONE if price is None else _ZERO  # 0: holders get the amount alone, also if it is 0
        kind = CorporateActionKind.DELISTING
        return (CorporateAction(timer.ts, symbol, kind, ratio, price or _ZERO, currency=terms.currency),)

    def _timer(self, ts: int, symbol: str, expiry_ts: int) -> TimerScheduled:
        purpose = InstrumentExpiry(symbol)
        return TimerScheduled(ts, self.name, TimerName(symbol), first_ts_after(expiry_ts), purpose=purpose)


def settlement_price(terms: InstrumentDefined, market: MarketView) -> Decimal | None:
    """The settlement price of a unit; ``None`` if no price is known.

    An option is settled at its own last price if no price of its underlying is known.
    """
    if terms.asset_class is AssetClass.OPTION and terms.option_right:
        spot = market.last_price(terms.underlying)
        if spot is not None:
            return intrinsic_value(terms, Decimal(repr(spot)))
    price = market.last_price(terms.symbol)
    return None if price is None else Decimal(repr(price))


def intrinsic_value(option: InstrumentDefined, spot: Decimal) -> Decimal:
    """The value of exercising one unit with the underlying at ``spot``; 0 out of the money."""
    gain = option.strike - spot if option.option_right == "put" else spot - option.strike
    return max(_ZERO, gain)
