"""Rules on tradable symbols, trading hours, and the order types that the venue accepts."""

from collections.abc import Iterable

from components.risk.order_check import OrderCheck
from kernel.events import InstrumentDefined, OrderType
from kernel.expiry import has_expired
from strategies.sdk.risk_rules import Denial

AT_OPEN = frozenset({OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN})


class Identity:
    """Denies orders with the id of a working order, because their fills would be confused.

    It also denies orders whose parent is not working: they would wait for ever.
    """

    def check(self, order_check: OrderCheck) -> Denial | None:
        order, orders = order_check.order, order_check.working.state.orders
        if order_check.replaced is not None:
            return None
        key, parent = order.client_order_id, order.parent_id
        if key in orders:
            return Denial("client_order_id", "an order with this id is working already", "", key)
        if parent and parent not in orders:
            return Denial("parent_order", "the order it waits for must be working", parent, "")
        return None


class KnownSymbol:
    """Denies orders in a symbol without terms and price, if other symbols are defined."""

    def check(self, order_check: OrderCheck) -> Denial | None:
        defined = order_check.context.state.defined
        if not defined or order_check.order.symbol in defined or order_check.last_price is not None:
            return None
        sentence = f"{order_check.order.symbol!r} is unknown: it must be defined, or have a price"
        return Denial("known_symbol", sentence, "", order_check.order.symbol)


class DefinedSymbol:
    """Denies orders in a symbol without terms."""

    def check(self, order_check: OrderCheck) -> Denial | None:
        if order_check.order.symbol in order_check.context.state.defined:
            return None
        sentence = f"the terms of {order_check.order.symbol!r} must be defined first"
        return Denial("require_defined_symbol", sentence, "", order_check.order.symbol)


class Expired:
    """Denies orders in an instrument after its expiry."""

    def concerns(self, instrument: InstrumentDefined) -> bool:
        return bool(instrument.expiry_ts)

    def check(self, order_check: OrderCheck) -> Denial | None:
        expiry_ts = order_check.instrument.expiry_ts
        if not has_expired(expiry_ts, order_check.ts):
            return None
        sentence = f"{order_check.order.symbol} has expired and trades no more"
        return Denial("expired", sentence, str(expiry_ts), str(order_check.ts))


class Restricted:
    """Denies orders in the restricted symbols."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = frozenset(symbols)

    def concerns(self, instrument: InstrumentDefined) -> bool:
        return instrument.symbol in self.symbols

    def check(self, order_check: OrderCheck) -> Denial | None:
        symbol = order_check.order.symbol
        return Denial("restricted", f"{symbol} is on the restricted list", "", symbol)


class AllowOnly:
    """Denies orders in all symbols except the allowed ones."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = frozenset(symbols)

    def concerns(self, instrument: InstrumentDefined) -> bool:
        return instrument.symbol not in self.symbols

    def check(self, order_check: OrderCheck) -> Denial | None:
        symbol = order_check.order.symbol
        return Denial("allow_only", f"{symbol} is not among the symbols allowed", "", symbol)


class InSession:
    """Denies orders while the instrument's market is closed or halted.

    Orders for the opening are allowed. So are orders that wait for a parent: they are sent when it fills.
    """

    def check(self, order_check: OrderCheck) -> Denial | None:
        order = order_check.order
        if (
            order.order_type in AT_OPEN
            or order.parent_id
            or order_check.context.venue.is_open(order.symbol, order_check.ts)
        ):
            return None
        sentence = f"the market of {order.symbol} must be open; an on-open order could wait for it"
        return Denial("in_session_only", sentence, "open", "closed")


class Capability:
    """Denies orders that the venue does not accept and that are not emulated."""

    def check(self, order_check: OrderCheck) -> Denial | None:
        lacking = order_check.context.venue.lacks(order_check.order)
        if not lacking or order_check.context.is_emulated(order_check.order, lacking):
            return None
        return Denial("capability", f"the venue must take {lacking}, and does not", "", lacking)
