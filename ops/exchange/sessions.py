"""One client of the exchange: its subscription, what waits for it, and what is wrong with its connection."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from brokers.feeds.config import Channel, Encoding
from brokers.feeds.dialect import (
    BarMessage,
    BookMessage,
    MarketMessage,
    QuoteMessage,
    Refused,
    Subscribe,
    Subscribed,
    TradeMessage,
)
from kernel.configuration import listed
from kernel.loggable import message_of

if TYPE_CHECKING:
    from aiohttp import web

WAITING_FRAMES = 4_096
"""Frames that may wait for a client. One that is slower than that is disconnected, as venues do."""

Encode = Callable[[object], bytes]


def encoder(encoding: Encoding) -> Encode:
    """Encodes a message, or a list of them."""
    return msgspec.json.Encoder().encode if encoding is Encoding.JSON else msgspec.msgpack.Encoder().encode


class Session:
    """A connection of a client."""

    def __init__(
        self,
        request: "web.Request",
        socket: "web.WebSocketResponse",
        *,
        encoding: Encoding,
        symbols: frozenset[str],
        channels: frozenset[Channel],
    ) -> None:
        self.is_half_open = False
        """Neither data nor answers go out, but the connection stays."""
        self._request = request
        self._socket = socket
        self._is_text = encoding is Encoding.JSON
        self._encode = encoder(encoding)
        # Any: the checkers do not know this choice; `_subscribe` says what comes out
        decoder: Any = msgspec.json.Decoder if self._is_text else msgspec.msgpack.Decoder
        self._decode: Callable[[str | bytes], Any] = decoder(Subscribe).decode
        self._offered, self._channels = symbols, channels
        self._symbols = frozenset[str]()
        self._kinds: tuple[type[MarketMessage], ...] = ()
        self._waiting = asyncio.Queue[bytes](WAITING_FRAMES)

    @property
    def takes_all(self) -> bool:
        """Whether it is subscribed to everything, so that frames need not be made for it alone."""
        return self._symbols == self._offered and len(self._kinds) == len(self._channels)

    def wanted(self, messages: Sequence[MarketMessage]) -> Sequence[MarketMessage]:
        """The messages that it is subscribed to."""
        return [one for one in messages if one.symbol in self._symbols and isinstance(one, self._kinds)]

    def offer(self, frame: bytes) -> None:
        """Put a frame in its queue; disconnect it if that is full."""
        if self.is_half_open:
            return
        try:
            self._waiting.put_nowait(frame)
        except asyncio.QueueFull:
            self.drop()

    def drop(self) -> None:
        """Cut the connection without a farewell."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def send(self) -> None:
        """Send what waits, until cancelled or disconnected."""
        while True:
            frame = await self._waiting.get()
            await self._send(frame)

    async def receive(self) -> None:
        """Answer the client until it leaves."""
        from aiohttp import WSMsgType

        async for message in self._socket:
            if message.type is WSMsgType.PING:
                if not self.is_half_open:
                    await self._socket.pong(message.data)
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY) and not self.is_half_open:
                await self._subscribe(message.data)

    async def _subscribe(self, data: str | bytes) -> None:
        try:
            asked: Subscribe = self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as error:
            await self._send(self._encode(Refused(f"expected a subscription: {message_of(error)}")))
            return
        unknown = sorted(set(asked.symbols) - self._offered)
        lacking = sorted(set(asked.channels) - self._channels)
        if unknown or lacking:
            reasons = [f"there is no {one} here, but {listed(sorted(self._offered))}" for one in unknown[:1]]
            reasons += [
                f"it does not send {one}, but {listed(sorted(self._channels))}" for one in lacking[:1]
            ]
            await self._send(self._encode(Refused("; ".join(reasons))))
            return
        self._symbols = frozenset(asked.symbols) or self._offered
        self._kinds = tuple(kind for channel, kind in _KINDS.items() if channel in asked.channels)
        await self._send(self._encode(Subscribed(tuple(sorted(self._symbols)), asked.channels)))

    async def _send(self, frame: bytes) -> None:
        if self._is_text:
            await self._socket.send_str(frame.decode())
        else:
            await self._socket.send_bytes(frame)


_KINDS: dict[Channel, type[MarketMessage]] = {
    Channel.QUOTES: QuoteMessage,
    Channel.TRADES: TradeMessage,
    Channel.BOOKS: BookMessage,
    Channel.BARS: BarMessage,
}
