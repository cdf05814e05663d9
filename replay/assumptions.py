"""What a run took for granted, in sentences: terms that nobody declared, quantities cut to whole lots, bars
without an open time."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from components.assembly.instruments import InstrumentConfig
from components.strategy_host.sizes import CUT
from kernel.configuration import listed
from kernel.events import InstrumentDefined, Order, OrderIntent
from replay.config import ReplayConfig


def assumed_terms_of(
    config: str, symbols: Iterable[str], instruments: Mapping[str, InstrumentDefined]
) -> tuple[str, ...]:
    """The terms that the configuration left open, one sentence for the symbols that share them.

    ``config`` is the recorded configuration, as JSON.
    """
    if not config:
        return ()
    declared = {one.symbol: one for one in msgspec.json.decode(config, type=ReplayConfig).instruments}
    by_terms: dict[str, list[str]] = {}
    for symbol in symbols:
        terms = instruments.get(symbol)
        words = "" if terms is None else _open_terms(declared.get(symbol), terms)
        if words:
            by_terms.setdefault(words, []).append(symbol)
    return tuple(f"{listed(alike)}: {words}" for words, alike in by_terms.items())


def _open_terms(declared: InstrumentConfig | None, terms: InstrumentDefined) -> str:
    given = declared or InstrumentConfig(symbol=terms.symbol)
    words: list[str] = []
    if given.tick_size is None:
        words.append(f"tick {terms.tick_size:f}")
    if given.lot_size is None:
        words.append(f"lot {terms.lot_size:f}")
    if declared is None:
        words.append(f"{terms.asset_class.value} in {terms.currency}")
    if given.allow_negative_prices is None and terms.allow_negative_prices:
        words.append("prices below 0")
    return ", ".join(words)


class CutQuantities:
    """Counts the orders whose quantity was cut to whole lots."""

    def __init__(self) -> None:
        self._count = 0
        self._first: tuple[Order, str] | None = None

    def take(self, intent: OrderIntent) -> None:
        """Count an order if its quantity was cut."""
        if intent.asked.startswith(CUT):
            self._count += 1
            self._first = self._first or (intent.order, intent.asked)

    def note(self, instruments: Mapping[str, InstrumentDefined]) -> str:
        """The count and the first of these orders, in a sentence; empty if there is none."""
        if self._first is None:
            return ""
        order, asked = self._first
        terms = instruments.get(order.symbol)
        lot = Decimal(1) if terms is None else terms.lot_size
        return (
            f"{self._count:,} orders cut to whole lots, first {order.client_order_id}: {asked} of "
            f"{order.symbol} became {order.quantity:f} (lot {lot:f})"
        )


def without_open_note(streams: Sequence[str]) -> str:
    """The sentence about streams of bars without an open time; empty if there is none."""
    if not streams:
        return ""
    return (
        f"bars of {listed(streams)} have no open time: an order that was not there at the end of the bar "
        "before it, or a timeframe before its end, waits for the next bar"
    )
