"""The exchange's server: it paces the market, spoils what it is told to, and sends it to its clients."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Annotated

import msgspec

from brokers.feeds.config import Channel, Encoding
from brokers.feeds.dialect import MarketMessage
from brokers.orders.exchange_protocol import PATH as ORDERS_PATH
from ops.exchange.accounts import AccountConfig
from ops.exchange.faults import Faults, FaultyMessages
from ops.exchange.market import SyntheticMarket, symbol_names
from ops.exchange.order_entry import OrderEntry
from ops.exchange.order_faults import OrderFaults
from ops.exchange.sessions import Session, encoder

if TYPE_CHECKING:  # imported by an exchange that serves: it takes 200 ms, and other commands need it not
    from aiohttp import web

SLOT_S = 0.002
"""How often the market goes on: a hundred messages at a time at 50,000 a second."""
PATH = "/market"
MOST_BEHIND_S = 0.1
"""An exchange that could not keep its rate makes up for this much at most, or for one message."""
MOST_AT_ONCE = 500
"""Messages that are made at once: on a busy computer, clients must be answered all the same."""
_SHUTDOWN_S = 1.0


class ExchangeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange. ``port`` 0: any free one. ``rate``: messages a second over all symbols.

    ``symbols``: their names, or how many there are.
    """

    symbols: Annotated[int, msgspec.Meta(ge=1)] | tuple[str, ...] = 10
    rate: Annotated[float, msgspec.Meta(gt=0)] = 100.0
    seed: int = 1
    encoding: Encoding = Encoding.JSON
    batch: Annotated[int, msgspec.Meta(ge=1)] = 1
    channels: tuple[Channel, ...] = (Channel.QUOTES,)
    host: str = "127.0.0.1"
    port: int = 0
    faults: Faults = Faults()
    accounts: tuple[AccountConfig, ...] = (AccountConfig(),)
    order_faults: OrderFaults = OrderFaults()


class Exchange:
    """The synthetic exchange. Runs once."""

    def __init__(self, config: ExchangeConfig, *, now: Callable[[], int] = time.time_ns) -> None:
        self.config = config
        self.sent = 0
        """Messages that went to the market, before its faults."""
        self.connections = 0
        """Connections that were ever made."""
        self._now = now
        names = symbol_names(config.symbols) if isinstance(config.symbols, int) else config.symbols
        self._symbols = frozenset(names)
        self.orders = OrderEntry(config.accounts, self._symbols, faults=config.order_faults, now=now)
        """Its order entry."""
        self._market = SyntheticMarket(names, config.channels, seed=config.seed)
        self._faulty = FaultyMessages(config.faults, has_nan=config.encoding is Encoding.MSGPACK)
        self._encode = encoder(config.encoding)
        self._sessions: dict[int, Session] = {}
        self._numbers = count(1)
        self._mute_until = self._storm_until = 0.0

    @property
    def client_count(self) -> int:
        """Open connections."""
        return len(self._sessions)

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[str]:
        """Serve until the end of the block; gives the address for clients."""
        from aiohttp import web

        app = web.Application()
        app.router.add_get(PATH, self._serve)
        app.router.add_get(ORDERS_PATH, self.orders.serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.config.host, self.config.port)
            await site.start()
            host, port = runner.addresses[0][:2]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._trade(), name="exchange: market")]
                for name, every_s, act in self._connection_faults():
                    if every_s:
                        tasks.append(group.create_task(_repeat(every_s, act), name=f"exchange: {name}"))
                yield f"ws://{host}:{port}{PATH}"
                for task in tasks:
                    task.cancel()
        finally:
            self.drop_connections()
            await runner.cleanup()

    def send_now(self, messages: int) -> None:
        """Let the market go on by so many messages."""
        made = self._market.next(messages, ts=self._now())
        self.sent += messages
        self.orders.on_market(made)
        if asyncio.get_running_loop().time() < self._mute_until:
            return
        spoilt = self._faulty.of(made)
        size = self.config.batch
        for start in range(0, len(spoilt), size):
            self._send(spoilt[start : start + size])

    def drop_connections(self) -> None:
        """Cut all connections."""
        self.orders.drop_connections()
        for session in list(self._sessions.values()):
            session.drop()

    def leave_half_open(self) -> None:
        """Answer nothing more on the connections that there are."""
        for session in self._sessions.values():
            session.is_half_open = True

    def mute(self) -> None:
        """Send no data for a while, but answer."""
        self._mute_until = asyncio.get_running_loop().time() + self.config.faults.mute_for_s

    def storm(self) -> None:
        """Multiply the rate for a while."""
        self._storm_until = asyncio.get_running_loop().time() + self.config.faults.storm_for_s

    def _connection_faults(self) -> tuple[tuple[str, float, Callable[[], None]], ...]:
        faults = self.config.faults
        return (
            ("drops", faults.drop_connection_every_s, self.drop_connections),
            ("half-open", faults.half_open_every_s, self.leave_half_open),
            ("mute", faults.mute_every_s, self.mute),
            ("storms", faults.storm_every_s, self.storm),
        )

    async def _trade(self) -> None:
        """Let the market go on at its rate."""
        loop = asyncio.get_running_loop()
        owed, last = 0.0, loop.time()
        while True:
            await asyncio.sleep(SLOT_S)
            now = loop.time()
            rate = self.config.rate * (self.config.faults.storm_factor if now < self._storm_until else 1.0)
            owed = min(owed + (now - last) * rate, max(1.0, rate * MOST_BEHIND_S))
            last = now
            if owed >= 1.0:
                due = min(int(owed), MOST_AT_ONCE)
                self.send_now(due)
                owed -= due

    def _send(self, messages: Sequence[MarketMessage]) -> None:
        """Send a frame to everybody who wants a part of it."""
        frame: bytes | None = None
        for session in list(self._sessions.values()):
            if session.takes_all:
                frame = frame or self._frame(messages)
                session.offer(frame)
            elif wanted := session.wanted(messages):
                session.offer(self._frame(wanted))

    def _frame(self, messages: Sequence[MarketMessage]) -> bytes:
        return self._encode(messages if self.config.batch > 1 else messages[0])

    async def _serve(self, request: "web.Request") -> "web.WebSocketResponse":
        from aiohttp import web

        socket = web.WebSocketResponse(autoping=False, compress=False)
        await socket.prepare(request)
        session = Session(
            request,
            socket,
            encoding=self.config.encoding,
            symbols=self._symbols,
            channels=frozenset(self.config.channels),
        )
        number = next(self._numbers)
        self.connections += 1
        self._sessions[number] = session
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(session.send(), name=f"exchange: client {number}")
                await session.receive()
                sender.cancel()
        except* ConnectionError:  # the client has left, or was dropped
            pass
        finally:
            del self._sessions[number]
        return socket


async def _repeat(every_s: float, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(every_s)
        act()
