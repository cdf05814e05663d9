"""What goes wrong on purpose: faults in the messages of an exchange, at counted places.

Messages are counted from 1 over all symbols, so a run with a seed has its faults in the same places. Faults
of connections (drops, silence, half-open sockets) are the server's.
"""

from collections.abc import Sequence
from math import nan
from typing import Annotated

import msgspec

from brokers.feeds.dialect import BarMessage, BookMessage, MarketMessage, QuoteMessage, TradeMessage
from kernel.time_units import HOUR_NS

Every = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]

JUMP = 10.0
"""A wrong price of the kind that comes with a lost decimal point."""


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """Which faults there are, and how often: in messages, or in seconds (names that end in s). 0: never."""

    gap_every: Every = 0
    duplicate_every: Every = 0
    out_of_order_every: Every = 0
    bad_price_every: Every = 0
    drop_connection_every_s: Seconds = 0.0
    mute_every_s: Seconds = 0.0
    mute_for_s: Seconds = 30.0
    half_open_every_s: Seconds = 0.0
    storm_every_s: Seconds = 0.0
    storm_for_s: Seconds = 1.0
    storm_factor: Annotated[float, msgspec.Meta(ge=1)] = 100.0


class FaultyMessages:
    """Puts the faults of messages into their stream."""

    def __init__(self, faults: Faults, *, has_nan: bool) -> None:
        """``has_nan``: whether the encoding can hold NaN, which JSON cannot."""
        self._faults = faults
        self._count = 0
        self._bad = 0
        self._held: MarketMessage | None = None
        self._is_quiet = not any(
            (faults.gap_every, faults.duplicate_every, faults.out_of_order_every, faults.bad_price_every)
        )
        self._kinds = ("zero", "negative", "jump", "crossed", "future", *(("nan",) if has_nan else ()))

    def of(self, messages: Sequence[MarketMessage]) -> Sequence[MarketMessage]:
        """The messages as clients get them."""
        if self._is_quiet:
            return messages
        faults, sent = self._faults, list[MarketMessage]()
        for message in messages:
            self._count += 1
            if _falls(self._count, faults.gap_every):
                continue
            if _falls(self._count, faults.bad_price_every):
                self._bad += 1
                message = spoilt(message, self._kinds[self._bad % len(self._kinds)])
            if self._held is None and _falls(self._count, faults.out_of_order_every):
                self._held = message
                continue
            sent.append(message)
            if _falls(self._count, faults.duplicate_every):
                sent.append(message)
            if self._held is not None and self._held.symbol == message.symbol:
                sent.append(self._held)
                self._held = None
        return sent


def spoilt(message: MarketMessage, kind: str) -> MarketMessage:
    """A message with a wrong price or time."""
    if kind == "future" and isinstance(message, BarMessage):
        return msgspec.structs.replace(message, open_ts=message.open_ts + HOUR_NS)
    if kind == "future":
        return msgspec.structs.replace(message, exchange_ts=message.exchange_ts + HOUR_NS)
    match message:
        case QuoteMessage():
            if kind == "crossed":
                return msgspec.structs.replace(message, bid=message.ask, ask=message.bid)
            return msgspec.structs.replace(
                message, bid=_wrong(message.bid, kind), ask=_wrong(message.ask, kind)
            )
        case TradeMessage():
            return msgspec.structs.replace(message, price=_wrong(message.price, kind))
        case BarMessage():
            return msgspec.structs.replace(message, close=_wrong(message.close, kind))
        case BookMessage():
            if kind == "crossed":
                return msgspec.structs.replace(message, bids=message.asks, asks=message.bids)
            (price, size), *others = message.bids
            return msgspec.structs.replace(message, bids=((_wrong(price, kind), size), *others))


def _wrong(price: float, kind: str) -> float:
    match kind:
        case "zero":
            return 0.0
        case "negative":
            return -price
        case "nan":
            return nan
        case _:
            return price * JUMP


def _falls(count: int, every: int) -> bool:
    return every > 0 and count % every == 0
