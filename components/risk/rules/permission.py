"""Rules on what may be traded at all, and what the venue takes."""

from collections.abc import Iterable

from components.risk.look import Look
from components.risk.rules.denial import Denial


class Identity:
    """No order under the id of one that is working: fills could not be told apart.

    And none that waits for an order which is not working (any more): it would wait for ever.
    """

    def check(self, look: Look) -> Denial | None:
        order, orders = look.order, look.working.orders
        if look.replaced is not None:
            return None
        key, parent = order.client_order_id, order.parent_id
        if key in orders:
            return Denial("client_order_id", "an order with this id is working already", "", key)
        if parent and parent not in orders:
            return Denial("parent_order", "the order it waits for must be working", parent, "")
        return None


class KnownSymbol:
    """No order in a symbol that was neither defined nor ever priced, where others were defined."""

    def check(self, look: Look) -> Denial | None:
        defined = look.around.defined
        if not defined or look.order.symbol in defined or look.last_price is not None:
            return None
        sentence = f"{look.order.symbol!r} is unknown: it must be defined, or have a price"
        return Denial("known_symbol", sentence, "", look.order.symbol)


class DefinedSymbol:
    """No order in a symbol whose terms were never given."""

    def check(self, look: Look) -> Denial | None:
        if look.order.symbol in look.around.defined:
            return None
        sentence = f"the terms of {look.order.symbol!r} must be defined first"
        return Denial("require_defined_symbol", sentence, "", look.order.symbol)


class Expired:
    """No order in an instrument whose last moment is over."""

    def check(self, look: Look) -> Denial | None:
        expiry_ts = look.instrument.expiry_ts
        if not expiry_ts or look.ts <= expiry_ts:
            return None
        sentence = f"{look.order.symbol} has expired and trades no more"
        return Denial("expired", sentence, str(expiry_ts), str(look.ts))


class Restricted:
    """No order in these symbols."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = frozenset(symbols)

    def check(self, look: Look) -> Denial | None:
        symbol = look.order.symbol
        if symbol not in self.symbols:
            return None
        return Denial("restricted", f"{symbol} is on the restricted list", "", symbol)


class AllowOnly:
    """No order in any symbol but these."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = frozenset(symbols)

    def check(self, look: Look) -> Denial | None:
        symbol = look.order.symbol
        if symbol in self.symbols:
            return None
        return Denial("allow_only", f"{symbol} is not among the symbols allowed", "", symbol)


class Capability:
    """No order that its venue does not take and nobody here does for it."""

    def check(self, look: Look) -> Denial | None:
        lacking = look.around.venue.lacks(look.order)
        if not lacking or look.around.is_emulated(look.order, lacking):
            return None
        return Denial("capability", f"the venue must take {lacking}, and does not", "", lacking)
