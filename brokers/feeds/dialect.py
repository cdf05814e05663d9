"""The protocol of ``onetape exchange``: what a client sends, what it receives, as JSON or msgpack.

A frame holds one message or a list of them. Each message is a mapping; ``T`` is its kind, ``S`` the symbol,
``t`` the venue's time in ns, ``q`` its number. ``docs/feeds.md`` shows them all.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from brokers.feeds.config import Channel, Encoding
from kernel.errors import VenueUnavailable
from kernel.events import AggressorSide, Bar, BookSnapshot, Event, PriceLevel, Quote, Trade
from kernel.loggable import message_of

Level = tuple[float, float]
"""Price and size."""


class Subscribe(msgspec.Struct, frozen=True, tag_field="op", tag="subscribe"):
    """What a client asks for. No symbols: all of them."""

    symbols: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = (Channel.QUOTES,)


class QuoteMessage(msgspec.Struct, frozen=True, gc=False, tag_field="T", tag="q"):
    """Best bid and ask."""

    symbol: str = msgspec.field(name="S")
    bid: float = msgspec.field(name="bp")
    bid_size: float = msgspec.field(name="bs")
    ask: float = msgspec.field(name="ap")
    ask_size: float = msgspec.field(name="as")
    exchange_ts: int = msgspec.field(name="t")
    seq: int = msgspec.field(name="q", default=0)

    def event(self, ts: int) -> Event:
        """The event, known at ``ts``."""
        return Quote(ts, self.symbol, self.bid, self.ask, self.bid_size, self.ask_size, self.exchange_ts)


class TradeMessage(msgspec.Struct, frozen=True, gc=False, tag_field="T", tag="t"):
    """A trade."""

    symbol: str = msgspec.field(name="S")
    price: float = msgspec.field(name="p")
    size: float = msgspec.field(name="s")
    exchange_ts: int = msgspec.field(name="t")
    seq: int = msgspec.field(name="q", default=0)
    aggressor: AggressorSide = msgspec.field(name="a", default=AggressorSide.UNKNOWN)
    trade_id: str = msgspec.field(name="i", default="")

    def event(self, ts: int) -> Event:
        """The event, known at ``ts``."""
        return Trade(ts, self.symbol, self.price, self.size, self.aggressor, self.trade_id, self.exchange_ts)


class BookMessage(msgspec.Struct, frozen=True, tag_field="T", tag="b"):
    """A whole order book, best levels first."""

    symbol: str = msgspec.field(name="S")
    bids: tuple[Level, ...] = msgspec.field(name="b")
    asks: tuple[Level, ...] = msgspec.field(name="a")
    exchange_ts: int = msgspec.field(name="t")
    seq: int = msgspec.field(name="q", default=0)

    def event(self, ts: int) -> Event:
        """The event, known at ``ts``."""
        bids = tuple(PriceLevel(*level) for level in self.bids)
        asks = tuple(PriceLevel(*level) for level in self.asks)
        return BookSnapshot(ts, self.symbol, bids, asks, self.seq, self.exchange_ts)


class BarMessage(msgspec.Struct, frozen=True, gc=False, tag_field="T", tag="B"):
    """A bar that has ended. ``open_ts``: its beginning."""

    symbol: str = msgspec.field(name="S")
    timeframe: str = msgspec.field(name="f")
    open: float = msgspec.field(name="o")
    high: float = msgspec.field(name="h")
    low: float = msgspec.field(name="l")
    close: float = msgspec.field(name="c")
    volume: float = msgspec.field(name="v")
    open_ts: int = msgspec.field(name="o_t")
    exchange_ts: int = msgspec.field(name="t")
    seq: int = msgspec.field(name="q", default=0)

    def event(self, ts: int) -> Event:
        """The event, known at ``ts``."""
        return Bar(
            ts,
            self.symbol,
            self.timeframe,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.open_ts,
        )


class Subscribed(msgspec.Struct, frozen=True, tag_field="T", tag="subscribed"):
    """The venue's answer to a subscription: the symbols that will come."""

    symbols: tuple[str, ...]
    channels: tuple[Channel, ...]


class Refused(msgspec.Struct, frozen=True, tag_field="T", tag="error"):
    """The venue refuses something."""

    reason: str


class StatusMessage(msgspec.Struct, frozen=True, tag_field="T", tag="status"):
    """News of the venue, for people."""

    text: str


MarketMessage = QuoteMessage | TradeMessage | BookMessage | BarMessage
Message = MarketMessage | Subscribed | Refused | StatusMessage


class Content(msgspec.Struct):
    """The content of some frames: events with their numbers, and messages that nobody can read, with reasons.

    ``subscribed``: how many subscriptions they confirm.
    """

    events: list[Event] = []
    seqs: list[int] = []
    refused: list[tuple[str, str]] = []
    subscribed: int = 0


class Dialect(Protocol):
    """How a venue's WebSocket speaks. Pure: it knows no socket."""

    def requests(self) -> Sequence[str | bytes]:
        """The frames that subscribe, to be sent after each connection."""
        ...

    def encoded(self, message: Mapping[str, str]) -> str | bytes:
        """A message of the configuration, such as a login, as a frame."""
        ...

    def read(self, frames: Sequence[str | bytes], *, now: int) -> Content:
        """Understand frames. Raises ``VenueUnavailable`` if the venue refuses to go on."""
        ...


class OnetapeDialect:
    """The protocol of ``onetape exchange``."""

    def __init__(
        self, *, symbols: Sequence[str], channels: Sequence[Channel], encoding: Encoding, is_numbered: bool
    ) -> None:
        self._request = Subscribe(tuple(symbols), tuple(channels))
        self._is_numbered = is_numbered
        self._is_text = encoding is Encoding.JSON
        whole, one, parts = list[MarketMessage] | Message, Message, list[msgspec.Raw]
        # Any: the checkers know neither this choice nor a decoder of a union; `read` says what comes out
        decoder: Any = msgspec.json.Decoder if self._is_text else msgspec.msgpack.Decoder
        self._decode: Callable[[str | bytes], Any] = decoder(whole).decode
        self._decode_one: Callable[[msgspec.Raw], Any] = decoder(one).decode
        self._split: Callable[[str | bytes], Any] = decoder(parts).decode

    def requests(self) -> Sequence[str | bytes]:
        """One subscription."""
        return (self.encoded(self._request),)

    def encoded(self, message: object) -> str | bytes:
        """In the encoding of the feed."""
        return msgspec.json.encode(message).decode() if self._is_text else msgspec.msgpack.encode(message)

    def read(self, frames: Sequence[str | bytes], *, now: int) -> Content:
        """Decode each frame at once; only if that fails, message by message."""
        messages, content = list[MarketMessage](), Content()
        for data in frames:
            try:
                decoded: list[MarketMessage] | Message = self._decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._read_apart(data, messages, content, problem=message_of(error))
                continue
            if isinstance(decoded, list):
                messages += decoded
            else:
                _add(decoded, messages, content)
        content.events = [message.event(now) for message in messages]
        if self._is_numbered:
            content.seqs = [message.seq for message in messages]
        return content

    def _read_apart(
        self, data: str | bytes, messages: list[MarketMessage], content: Content, *, problem: str
    ) -> None:
        """Read the messages of a list one by one; ``problem`` is what is wrong with the whole."""
        try:
            parts: list[msgspec.Raw] = self._split(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            content.refused.append((_shown(data), problem))
            return
        for raw in parts:
            try:
                message: Message = self._decode_one(raw)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                content.refused.append((_shown(bytes(raw)), message_of(error)))
            else:
                _add(message, messages, content)


def _add(message: Message, messages: list[MarketMessage], content: Content) -> None:
    """Sort a message among the others."""
    match message:
        case Refused(reason=reason):
            raise VenueUnavailable(f"the venue refuses: {reason}")
        case Subscribed():
            content.subscribed += 1
        case StatusMessage():
            pass
        case _:
            messages.append(message)


def _shown(data: str | bytes) -> str:
    """The beginning of a frame as text."""
    part = data[:200]
    return part if isinstance(part, str) else part.decode(errors="backslashreplace")
