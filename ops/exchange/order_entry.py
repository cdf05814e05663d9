"""Order entry of the exchange over WebSockets: logins, requests, answers, reports, and the faults of them."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, assert_never

import msgspec

from brokers.feeds.dialect import MarketMessage
from brokers.orders.exchange_protocol import (
    Account,
    Answer,
    AskAccount,
    AskFills,
    AskOpenOrders,
    AskOrder,
    AskPositions,
    Cancel,
    CancelAll,
    Done,
    Fills,
    Login,
    OneOrder,
    Orders,
    Positions,
    Refusal,
    Replace,
    Report,
    Request,
    Submit,
)
from kernel.loggable import message_of
from ops.exchange.accounts import AccountConfig, DeskAccount
from ops.exchange.desk import OrderDesk
from ops.exchange.order_faults import Counter, OrderFaults

if TYPE_CHECKING:  # imported by an exchange that serves: it takes 200 ms, and other commands need it not
    from aiohttp import web

WAITING_FRAMES = 65_536
"""Frames that may wait for a client. One that is slower than that is disconnected, as venues do."""

_encode = msgspec.json.Encoder().encode
_decode: Callable[[str], Request] = msgspec.json.Decoder(Request).decode


class OrderEntry:
    """The accounts of an exchange, and the clients that are logged in to them."""

    def __init__(
        self,
        accounts: Iterable[AccountConfig],
        symbols: frozenset[str],
        *,
        faults: OrderFaults,
        now: Callable[[], int],
    ) -> None:
        self.connections = 0
        """Logins that ever succeeded."""
        self.is_away = False
        """Whether it refuses every login, as a venue does that is being maintained."""
        self._faults = faults
        self._desk = OrderDesk(accounts, symbols, faults=faults, tell=self._tell, now=now)
        self._sessions: dict[int, OrderSession] = {}
        self._requests, self._reports = Counter(), Counter()

    @property
    def accounts(self) -> dict[str, DeskAccount]:
        """The accounts by name."""
        return self._desk.accounts

    def on_market(self, messages: Sequence[MarketMessage]) -> None:
        """The market goes on."""
        self._desk.on_market(messages)

    def drop_connections(self) -> None:
        """Cut all connections."""
        for session in list(self._sessions.values()):
            session.drop()

    async def serve(self, request: "web.Request") -> "web.WebSocketResponse":
        """Serve one client until it leaves."""
        from aiohttp import web

        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        session = OrderSession(request, socket)
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(session.send(), name="exchange: order client")
                async for frame in socket:
                    self._take(session, str(frame.data), group)
                sender.cancel()
        except* ConnectionError:  # the client has left, or was dropped
            pass
        finally:
            self._sessions.pop(id(session), None)
        return socket

    # --- requests -----------------------------------------------------------------------------

    def _take(self, session: "OrderSession", data: str, group: asyncio.TaskGroup) -> None:
        """Carry out one request, and answer it."""
        try:
            asked = _decode(data)
        except msgspec.DecodeError as error:
            session.offer(Refusal(n=0, reason=f"expected a request: {message_of(error)}"))
            return
        if session.is_dropped:
            return
        if isinstance(asked, Login):
            session.offer(self._log_in(session, asked))
        elif session.account is None:
            session.offer(Refusal(n=asked.n, reason="log in first"))
        elif isinstance(asked, Submit | Cancel | Replace):
            self._change(session, session.account, asked, group)
        else:
            session.offer(self._answer(session.account, asked))

    def _log_in(self, session: "OrderSession", asked: Login) -> Answer:
        if self.is_away:
            return Refusal(n=asked.n, reason="order entry is being maintained")
        account = self.accounts.get(asked.account)
        if account is None or not secrets.compare_digest(account.key.encode(), asked.key.encode()):
            return Refusal(n=asked.n, reason="no such account, or another key")
        session.account = account
        self._sessions[id(session)] = session
        self.connections += 1
        return Done(n=asked.n)

    def _change(
        self,
        session: "OrderSession",
        account: DeskAccount,
        asked: Submit | Cancel | Replace,
        group: asyncio.TaskGroup,
    ) -> None:
        """Carry out a request about an order, with the faults that are due."""
        faults, counter = self._faults, self._requests
        counter.next()
        if counter.falls(faults.lose_every):
            session.drop()
            return
        if counter.falls(faults.drop_ack_every):
            session.drop()  # what is reported from here on does not arrive
        is_late = isinstance(asked, Submit) and counter.falls(faults.delay_ack_every)
        if is_late:
            session.hold = asked.client_order_id
        answer = self._changed(account, asked)
        if is_late:
            late = session.offer_later(answer, self._faults.ack_delay_s)
            group.create_task(late, name="exchange: late acknowledgement")
        elif not counter.falls(faults.lose_answer_every):
            session.offer(answer)

    def _changed(self, account: DeskAccount, asked: Submit | Cancel | Replace) -> Answer:
        match asked:
            case Submit():
                reason = self._desk.submit(account, asked)
            case Cancel():
                reason = self._desk.cancel(account, asked.client_order_id)
            case Replace():
                reason = self._desk.replace(
                    account, asked.client_order_id, quantity=asked.quantity, limit_price=asked.limit_price
                )
        return Refusal(n=asked.n, reason=reason) if reason else Done(n=asked.n, count=1)

    def _answer(self, account: DeskAccount, asked: Request) -> Answer:
        """Carry out any other request."""
        match asked:
            case CancelAll():
                return Done(n=asked.n, count=self._desk.cancel_all(account))
            case AskOrder():
                order = account.orders.get(asked.client_order_id)
                return OneOrder(n=asked.n, order=None if order is None else order.shown())
            case AskOpenOrders():
                return Orders(n=asked.n, orders=tuple(order.shown() for order in account.open_orders))
            case AskFills():
                return Fills(n=asked.n, fills=tuple(fill for fill in account.fills if fill.ts >= asked.since))
            case AskPositions():
                return Positions(n=asked.n, positions=account.held())
            case AskAccount():
                return Account(n=asked.n, account=account.shown(self._desk.prices))
            case Login() | Submit() | Cancel() | Replace():
                raise AssertionError(f"{type(asked).__name__} is answered elsewhere")
            case _:
                assert_never(asked)

    def _tell(self, account: DeskAccount, report: Report) -> None:
        """Give a report to every client of the account."""
        self._reports.next()
        times = 2 if self._reports.falls(self._faults.duplicate_report_every) else 1
        for session in list(self._sessions.values()):
            if session.account is account:
                for _ in range(times):
                    session.offer_report(report)


class OrderSession:
    """One client. ``hold``: the order whose acceptance waits for a late acknowledgement."""

    def __init__(self, request: "web.Request", socket: "web.WebSocketResponse") -> None:
        self.account: DeskAccount | None = None
        self.is_dropped = False
        self.hold = ""
        self._held: list[Report] = []
        self._request = request
        self._socket = socket
        self._waiting = asyncio.Queue[bytes](WAITING_FRAMES)

    def offer(self, message: Answer | Report) -> None:
        """Put a message in its queue; disconnect it if that is full."""
        if self.is_dropped:
            return
        try:
            self._waiting.put_nowait(_encode(message))
        except asyncio.QueueFull:
            self.drop()

    def offer_report(self, report: Report) -> None:
        """Put a report in its queue, or hold it until its order is acknowledged."""
        if self.hold and report.client_order_id == self.hold and not report.fill_id:
            self._held.append(report)
        else:
            self.offer(report)

    async def offer_later(self, answer: Answer, delay_s: float) -> None:
        """Acknowledge the order that is held back, after a while."""
        held, self._held, self.hold = self._held, [], ""
        await asyncio.sleep(delay_s)
        for report in held:
            self.offer(report)
        self.offer(answer)

    def drop(self) -> None:
        """Cut the connection without a farewell."""
        self.is_dropped = True
        if self._request.transport is not None:
            self._request.transport.abort()

    async def send(self) -> None:
        """Send what waits, until cancelled or disconnected."""
        with suppress(ConnectionError):
            while True:
                frame = await self._waiting.get()
                await self._socket.send_str(frame.decode())
