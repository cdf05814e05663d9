"""The last bookings of a position, kept so that a corrected fill can be rebooked exactly.

It keeps two generations of at most ``kept`` bookings each, and the holding before each generation. So the
last ``kept`` to twice ``kept`` fills of a position can be rebooked, after any close, flip, split, rename or
settlement since. For an older fill the caller books the difference on the present position.

Most bookings are kept *packed*, as msgpack, and unpacked for a correction only: a fill takes 130 bytes so,
and 560 as an object. Otherwise the histories of 500 positions would be a third of a daemon's memory.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol, assert_never

import msgspec

from components.portfolio.position import ZERO, CostMethod, Holding, Lot
from kernel.contracts import inverse
from kernel.events import FillCorrected, OrderFilled, Side
from kernel.state import PlainState

ONE = Decimal(1)

PART = 16
"""Bookings that are packed together. One call for each fill would take three times as long."""


class BookedRatio(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A split, or an exchange for a new symbol at a ratio."""

    ratio: Decimal
    lot_size: Decimal


class BookedEnd(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """A delisting or an expiry: the settlement of a position at ``unit_price``; ``None``: at cost."""

    unit_price: Decimal | None


class BookedProceeds(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """Cash for a fraction of a lot, or for shares that a merger took: realised P&L."""

    amount: Decimal


Booked = OrderFilled | BookedRatio | BookedEnd | BookedProceeds


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Booked]).decode


class History(msgspec.Struct, gc=False):
    """Two generations of bookings.

    - ``multiplier``, ``is_inverse``: the terms at which all of them were booked.
    - ``before_older``, ``before_newer``: the holding before each generation.
    - ``older``: the older generation, packed in parts. A corrected fill is in its corrected form. A fill
      whose fee was taken in units is kept with the units that were delivered and its fee in money.
    - ``packed``, ``packed_count``: the beginning of the newer generation in the same form, and its length.
    - ``newer``: the rest of the newer generation.
    """

    multiplier: Decimal
    before_older: Holding
    before_newer: Holding
    older: list[bytes] = []
    newer: list[Booked] = []
    is_inverse: bool = False
    packed: list[bytes] = []
    packed_count: int = 0

    def unit_price(self, price: Decimal) -> Decimal:
        """The cost of one unit at a price."""
        return (-inverse(price) if self.is_inverse else price) * self.multiplier


class TermsView(Protocol):
    """The terms under which a position is booked."""

    @property
    def multiplier(self) -> Decimal | None: ...
    @property
    def is_inverse(self) -> bool: ...


class Corrected(msgspec.Struct, frozen=True):
    """The rebooked holding, and the fill before and after its correction."""

    holding: Holding
    old: OrderFilled
    new: OrderFilled


def copy_of(holding: Holding) -> Holding:
    """A copy with a list of lots of its own."""
    return Holding(holding.quantity, holding.cost, holding.realised_pnl, list(holding.lots))


def begin(holding: Holding, terms: TermsView) -> History:
    """An empty history that starts at ``holding``."""
    multiplier = terms.multiplier or ONE
    return History(multiplier, copy_of(holding), copy_of(holding), is_inverse=terms.is_inverse)


def settle_at(holding: Holding, unit_price: Decimal | None, *, method: CostMethod) -> None:
    """Close a holding at a price; ``None``: at cost."""
    if not holding.quantity:
        return
    if unit_price is None:
        method.add(holding, Lot(-holding.quantity, -holding.cost))
    else:
        method.fill(holding, -holding.quantity, unit_price=unit_price)


def pack(history: History, holding: Holding, *, kept: int) -> None:
    """Pack the newer bookings. If there are ``kept``, begin a new generation at the present ``holding``."""
    history.packed.append(_pack(history.newer))
    history.packed_count += len(history.newer)
    history.newer = []
    if history.packed_count >= kept:
        history.before_older, history.older = history.before_newer, history.packed
        history.before_newer, history.packed, history.packed_count = copy_of(holding), [], 0


def unpacked(parts: Sequence[bytes]) -> list[Booked]:
    """The bookings of a packed generation."""
    return [booked for part in parts for booked in _unpack(part)]


def with_packed_histories(state: PlainState) -> PlainState:
    """Migrate the plain data of a state whose older generations were not packed."""
    for by_strategy in (state["positions"], state.get("shorts", {}).get("positions", {})):
        for by_symbol in by_strategy.values():
            for position in by_symbol.values():
                history = position.get("history")
                if history:
                    history["older"] = [_pack(history["older"])]
    return state


def correct(history: History, event: FillCorrected, method: CostMethod) -> Corrected | None:
    """Change one fill in the history and rebook everything after it; ``None`` if it is not there.

    A quantity of 0 removes the fill and its commission. Otherwise the commission stays as charged. A fee in
    units is worth what they cost at the corrected price.
    """
    older = unpacked(history.older)
    bookings = [*older, *unpacked(history.packed), *history.newer]
    place, old = _find(bookings, event)
    if old is None:
        return None
    commission, quantity = old.commission if event.quantity else ZERO, event.quantity
    taken = event.old_quantity - old.quantity
    if taken and quantity:
        quantity, commission = quantity - taken, taken * event.price
    new = msgspec.structs.replace(old, quantity=quantity, price=event.price, commission=commission)
    bookings[place] = new
    holding, cut = copy_of(history.before_older), len(older)
    _book(holding, bookings[:cut], method=method, history=history)
    history.older, history.before_newer = [_pack(bookings[:cut])], copy_of(holding)
    history.packed, history.packed_count, history.newer = [], 0, bookings[cut:]
    _book(holding, history.newer, method=method, history=history)
    return Corrected(holding, old, new)


def _find(bookings: Sequence[Booked], event: FillCorrected) -> tuple[int, OrderFilled | None]:
    for place in range(len(bookings) - 1, -1, -1):
        match bookings[place]:
            case OrderFilled(fill_id=event.fill_id, client_order_id=event.client_order_id) as found:
                return place, found
            case _:
                continue
    return -1, None


def _book(holding: Holding, bookings: Sequence[Booked], *, method: CostMethod, history: History) -> None:
    for booked in bookings:
        match booked:
            case BookedRatio():
                if holding.quantity:
                    method.scale(holding, booked.ratio, lot_size=booked.lot_size)
            case BookedEnd():
                settle_at(holding, booked.unit_price, method=method)
            case BookedProceeds():
                holding.realised_pnl += booked.amount
            case OrderFilled():
                if booked.quantity:
                    method.fill(holding, _signed(booked), unit_price=history.unit_price(booked.price))
            case _:
                assert_never(booked)


def _signed(fill: OrderFilled) -> Decimal:
    return fill.quantity if fill.side is Side.BUY else -fill.quantity
