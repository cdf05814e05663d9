"""Turns messages of Binance's raw market streams into events: pure, one at a time, every value checked.

A recorder wrote each line: the time of receipt in ns since the epoch, a space, and the JSON message as
received, with or without the envelope of a combined stream (``{"stream": ..., "data": {...}}``).

- ``depth`` becomes ``BookDelta``. ``u`` is its ``book_seq``. Its ``previous_book_seq`` is ``pu`` on futures
  and ``U - 1`` on spot. A quantity of 0 removes the level.
- ``bookTicker`` becomes ``Quote``.
- ``trade`` becomes ``Trade``. ``m`` says that the buyer was the maker, so the seller was the aggressor. On
  futures, ``X`` other than ``MARKET`` marks a trade outside the book (insurance fund, auto-deleveraging); it
  is ignored.
- A REST snapshot (``lastUpdateId``) becomes ``BookSnapshot``. It does not name its symbol.

``exchange_ts`` is ``T``, the time of the transaction, or else ``E``, the time of the message.

Source: developers.binance.com, "Spot: WebSocket market streams" and "USD-M futures: WebSocket market
streams", as recorded in 2024.
"""

from math import inf
from typing import TypeVar

import msgspec

from eventstore.importing.defects import RowDefect
from kernel.events import BUYER, SELLER, BookDelta, BookSnapshot, PriceLevel, Quote, Trade
from kernel.time_units import MS_NS

FeedEvent = BookDelta | BookSnapshot | Quote | Trade

_LAST_TS = 2**63 - 1
_TIME = "a time of receipt in ns and a message, with a space between"


class _Envelope(msgspec.Struct, gc=False):
    """The fields decoded first, to find the kind of message."""

    e: str = ""
    data: msgspec.Raw = msgspec.Raw()
    snapshot_seq: int = msgspec.field(name="lastUpdateId", default=0)


class _Kind(msgspec.Struct, gc=False):
    e: str = "bookTicker"  # on spot this message has no event name


class _Depth(msgspec.Struct, gc=False):
    s: str
    U: int
    u: int
    b: tuple[PriceLevel, ...]
    a: tuple[PriceLevel, ...]
    pu: int | None = None
    T: int = 0
    E: int = 0


class _Ticker(msgspec.Struct, gc=False):
    s: str
    b: float
    B: float
    a: float
    A: float
    T: int = 0
    E: int = 0


class _Print(msgspec.Struct, gc=False):
    s: str
    t: int
    p: float
    q: float
    m: bool
    X: str = "MARKET"
    T: int = 0
    E: int = 0


class _Snapshot(msgspec.Struct, gc=False):
    book_seq: int = msgspec.field(name="lastUpdateId")
    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
    T: int = 0
    E: int = 0


MessageT = TypeVar("MessageT")


class FeedMessages:
    """Parses lines. Every price must be above ``floor``: 0, or minus infinity if any price is allowed."""

    def __init__(self, *, floor: float = 0.0) -> None:
        self._floor = floor
        self._envelope = msgspec.json.Decoder(_Envelope)
        self._kind = msgspec.json.Decoder(_Kind)
        # prices and sizes are sent as text; only a decoder that is not strict reads text as a number
        self._depth = msgspec.json.Decoder(_Depth, strict=False)
        self._ticker = msgspec.json.Decoder(_Ticker, strict=False)
        self._print = msgspec.json.Decoder(_Print, strict=False)
        self._snapshot = msgspec.json.Decoder(_Snapshot, strict=False)

    def parse(self, line: bytes) -> FeedEvent | None:
        """The event of a line; ``None`` for a message of another stream. Raises ``RowDefect``.

        The symbol of a snapshot is empty.
        """
        stamp, space, message = line.partition(b" ")
        if not space or not stamp.isdigit() or int(stamp) > _LAST_TS:
            raise RowDefect("time", _text(stamp), expected=_TIME)
        ts = int(stamp)
        envelope = _decoded(self._envelope, message)
        if envelope.snapshot_seq:
            return self._book(ts, _decoded(self._snapshot, message))
        body: bytes | msgspec.Raw = message
        kind = envelope.e
        if bytes(envelope.data):
            body = envelope.data
            kind = _decoded(self._kind, body).e
        match kind:
            case "depthUpdate":
                return self._delta(ts, _decoded(self._depth, body))
            case "bookTicker":
                return self._quote(ts, _decoded(self._ticker, body))
            case "trade":
                return self._trade(ts, _decoded(self._print, body))
            case "":
                raise RowDefect("message", _text(message), expected="a market stream's message")
            case _:
                return None

    def _book(self, ts: int, found: _Snapshot) -> BookSnapshot:
        self._check_levels(found.bids, "bids")
        self._check_levels(found.asks, "asks")
        exchange_ts = (found.T or found.E) * MS_NS
        return BookSnapshot(ts, "", found.bids, found.asks, found.book_seq, exchange_ts)

    def _delta(self, ts: int, found: _Depth) -> BookDelta:
        self._check_levels(found.b, "b")
        self._check_levels(found.a, "a")
        previous = found.U - 1 if found.pu is None else found.pu
        if not 0 <= previous < found.u:
            raise RowDefect("u", str(found.u), expected=f"an update id above {previous}")
        exchange_ts = (found.T or found.E) * MS_NS
        return BookDelta(ts, found.s, found.b, found.a, found.u, previous, exchange_ts)

    def _quote(self, ts: int, found: _Ticker) -> Quote:
        # one chained comparison: NaN fails it too
        if not self._floor < found.b <= found.a < inf:
            raise RowDefect("b", repr(found.b), expected=f"a price no more than ask {found.a!r}")
        if not (0.0 <= found.B < inf and 0.0 <= found.A < inf):
            raise RowDefect("B", f"{found.B!r}, {found.A!r}", expected="sizes of 0 or more")
        exchange_ts = (found.T or found.E) * MS_NS
        return Quote(ts, found.s, found.b, found.a, found.B, found.A, exchange_ts)

    def _trade(self, ts: int, found: _Print) -> Trade | None:
        if found.X != "MARKET":
            return None
        if not self._floor < found.p < inf:
            raise RowDefect("p", repr(found.p), expected="a price above 0")
        if not 0.0 <= found.q < inf:
            raise RowDefect("q", repr(found.q), expected="0 or more")
        exchange_ts = (found.T or found.E) * MS_NS
        aggressor = SELLER if found.m else BUYER
        return Trade(ts, found.s, found.p, found.q, aggressor, str(found.t), exchange_ts)

    def _check_levels(self, levels: tuple[PriceLevel, ...], name: str) -> None:
        floor = self._floor
        for level in levels:
            if not (floor < level.price < inf and 0.0 <= level.size < inf):
                seen = f"{level.price!r}, {level.size!r}"
                raise RowDefect(name, seen, expected="a price above 0 and a quantity of 0 or more")


def _decoded(decoder: msgspec.json.Decoder[MessageT], message: bytes | msgspec.Raw) -> MessageT:
    try:
        return decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RowDefect("message", _text(bytes(message)), expected=f"a message ({error})") from None


def _text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")
