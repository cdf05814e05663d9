"""Inputs that no producer should give: almost right, wrong, and those that no tape could say."""

from decimal import Decimal
from typing import Any

import numpy as np

from kernel.admission import MAX_INPUT_BYTES
from kernel.events import AssetClass, BookSnapshot, CashMoved, Event, InstrumentDefined, PriceLevel, Quote


def loose(event_type: type[Event]) -> Any:
    """An event type as a producer without a type checker calls it."""
    return event_type


A_QUOTE, CASH = loose(Quote), loose(CashMoved)
INSTRUMENT, BOOK = loose(InstrumentDefined), loose(BookSnapshot)


class Shout(str):
    """Text of a class of its own."""


class Unspeakable:
    """A value whose class raises whatever it is asked."""

    def __repr__(self) -> str:
        raise RuntimeError

    def __index__(self) -> int:
        raise OSError(self)


class WideQuote(Quote, frozen=True):
    """A quote with a field that no tape knows."""

    spread: float = 0.0


ALMOST: dict[str, tuple[Event, Event]] = {
    "int for float": (A_QUOTE(1, "A", 101, 102), Quote(1, "A", 101.0, 102.0)),
    "float64 for float": (A_QUOTE(1, "A", np.float64(1.25), 2.0), Quote(1, "A", 1.25, 2.0)),
    "int64 for ts": (A_QUOTE(np.int64(1), "A", 1.25, 2.0), Quote(1, "A", 1.25, 2.0)),
    "int32 for float": (A_QUOTE(1, "A", np.int32(3), 4.0), Quote(1, "A", 3.0, 4.0)),
    "numpy text for str": (A_QUOTE(1, np.str_("A"), 1.25, 2.0), Quote(1, "A", 1.25, 2.0)),
    "subclass of str": (A_QUOTE(1, Shout("A"), 1.25, 2.0), Quote(1, "A", 1.25, 2.0)),
    "float for Decimal": (CASH(1, 1000.0), CashMoved(1, Decimal("1000.0"))),
    "float64 for Decimal": (CASH(1, np.float64(0.1)), CashMoved(1, Decimal("0.1"))),
    "int for Decimal": (CASH(1, 1000), CashMoved(1, Decimal(1000))),
    "text for Decimal": (CASH(1, "1000.50"), CashMoved(1, Decimal("1000.50"))),
    "text for enum": (
        INSTRUMENT(1, "A", "future", tick_size=0.01),
        InstrumentDefined(1, "A", AssetClass.FUTURE, tick_size=Decimal("0.01")),
    ),
    "lists for tuples": (
        BOOK(1, "A", [PriceLevel(1.0, 2.0)], [(3, 4)]),
        BookSnapshot(1, "A", (PriceLevel(1.0, 2.0),), (PriceLevel(3.0, 4.0),)),
    ),
}

MALFORMED: dict[str, tuple[Any, str]] = {
    "text for float": (A_QUOTE(1, "A", "101.5", 2.0), r"Quote\.bid is '101\.5', a str; expected float"),
    "None for float": (A_QUOTE(1, "A", 1.0, None), r"Quote\.ask is None, a NoneType; expected float"),
    "Decimal for float": (
        A_QUOTE(1, "A", Decimal("1.5"), 2.0),
        r"Quote\.bid is Decimal\('1\.5'\), a Decimal",
    ),
    "float32 for float": (A_QUOTE(1, "A", np.float32(0.1), 2.0), r"Quote\.bid is .*, a float32; expected"),
    "bool for float": (A_QUOTE(1, "A", True, 2.0), r"Quote\.bid is True, a bool; expected float"),
    "bytes for str": (A_QUOTE(1, b"A", 1.0, 2.0), r"Quote\.symbol is b'A', a bytes; expected str"),
    "lone surrogate": (A_QUOTE(1, "\ud800", 1.0, 2.0), r"Quote\.symbol is '\\ud800', a str; expected str"),
    "float for ts": (A_QUOTE(1.5, "A", 1.0, 2.0), r"Quote\.ts is 1\.5, a float; expected int"),
    "ts beyond 64 bits": (A_QUOTE(2**64, "A", 1.0, 2.0), r"Quote\.ts is 18446744073709551616, a int"),
    "an unspeakable value": (A_QUOTE(1, "A", Unspeakable(), 2.0), r"Quote\.bid is <a Unspeakable that"),
    "no number at all": (CASH(1, "much"), r"CashMoved\.amount is 'much', a str; expected Decimal"),
    "no such choice": (INSTRUMENT(1, "A", "cheese"), r"asset_class is 'cheese', a str; expected AssetClass"),
    "deep inside": (BOOK(1, "A", ((1.0, "2"),), ()), r"BookSnapshot\.bids .* `\$\[0\]\[1\]`"),
    "a subclass": (WideQuote(1, "A", 1.0, 2.0), "WideQuote is not a known event type"),
    "no event": ({"symbol": "A"}, "dict is not a known event type"),
    "an event type": (Quote, "StructMeta is not a known event type"),
    "nothing": (None, "NoneType is not a known event type"),
    "far too large": (
        A_QUOTE(1, "A" * MAX_INPUT_BYTES, 1.0, 2.0),
        r"Quote of \d+ bytes; an input has \d+ at most",
    ),
}


def malformed(number: int = 0) -> Quote:
    """A quote with a price that is text; the number tells it from others."""
    quoted: Quote = A_QUOTE(1, f"S{number}", "1", 2.0)
    return quoted
