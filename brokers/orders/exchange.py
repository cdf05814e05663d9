"""Order entry at ``onetape exchange``, over a WebSocket: an implementation of ``port``.

What it remembers: the requests of one connection that wait for their answers. An answer that does not come in
time, or a connection that is lost meanwhile, leaves a request unknown.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from brokers.orders.config import ExchangeVenueConfig
from brokers.orders.exchange_protocol import (
    CURRENCY,
    Account,
    Answer,
    AskAccount,
    Asked,
    AskFills,
    AskOpenOrders,
    AskOrder,
    AskPositions,
    Cancel,
    CancelAll,
    Done,
    Fills,
    Login,
    Message,
    OneOrder,
    Orders,
    Positions,
    Refusal,
    Replace,
    Report,
    Submit,
)
from brokers.orders.port import Outcome, VenueAccount, VenueOrder, VenuePosition
from kernel.errors import ConfigError, VenueUnavailable
from kernel.events import (
    ApprovedOrder,
    ExecutionKind,
    ExecutionReport,
    MessageQuarantined,
    OrderType,
    TimeInForce,
    VenueDeclared,
    VenueFeature,
)
from kernel.identifiers import BrokerOrderId, ClientOrderId
from kernel.loggable import loggable, message_of, words_of
from kernel.secret import SecretSource

if TYPE_CHECKING:  # imported with the first connection: it takes 200 ms, and most commands make none
    import aiohttp

ORDER_TYPES = (OrderType.MARKET, OrderType.LIMIT)
TIMES_IN_FORCE = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)
FEATURES = (VenueFeature.POST_ONLY, VenueFeature.REPLACE)

_CLOSE_TIMEOUT_S = 1.0
"""How long a closing connection waits for the venue's farewell: it may be half-open."""
_LARGEST_MESSAGE = 256 * 1024 * 1024
"""An answer with a million fills: what is larger would end each connection in which it is asked for."""
_SHOWN = 200
"""Characters of a message that cannot be read, in its record."""

AnswerT = TypeVar("AnswerT", bound=Answer)


class ExchangeVenue:
    """The venue: a ``LiveVenue``."""

    ids_are_unique = True

    def __init__(self, config: ExchangeVenueConfig, *, secrets: SecretSource | None = None) -> None:
        self.name = config.name
        self.account = config.account
        self._config = config
        self._secrets = secrets

    def declared(self, ts: int) -> VenueDeclared:
        """Market and limit orders; all others are emulated."""
        return VenueDeclared(ts, self.name, ORDER_TYPES, TIMES_IN_FORCE, FEATURES)

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["ExchangeConnection"]:
        """Connect and log in."""
        import aiohttp

        config = self._config
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=config.answer_s)) as session:
                socket = await session.ws_connect(
                    config.url,
                    # an attrs class, whose arguments pyright does not know
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),  # pyright: ignore[reportCallIssue]
                    heartbeat=config.heartbeat_s or None,
                    max_msg_size=_LARGEST_MESSAGE,
                )
                async with socket:
                    await self._log_in(socket)
                    yield ExchangeConnection(socket, config)
        except TimeoutError as error:
            raise VenueUnavailable(f"{config.url}: no connection in {config.answer_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise VenueUnavailable(f"{config.url}: {words_of(error)}") from error

    async def _log_in(self, socket: "aiohttp.ClientWebSocketResponse") -> None:
        """Send the key, which is looked up anew. Raises ``VenueUnavailable`` if it is refused.

        A key that was replaced at the venue or here is tried again, as a connection is.
        """
        import aiohttp

        config, secrets = self._config, self._secrets
        if secrets is None:
            raise VenueUnavailable(f"secret {config.key.secret!r}: there is no place to look it up")
        try:
            key = await asyncio.to_thread(lambda: secrets.look_up(config.key))
        except ConfigError as error:
            raise VenueUnavailable(f"no login: {error}") from None
        login = Login(n=0, account=config.account, key=key.reveal())
        try:
            async with asyncio.timeout(config.answer_s):
                await socket.send_str(_encode(login))
                frame = await socket.receive()
        except TimeoutError as error:
            raise VenueUnavailable(
                f"{config.url}: no answer to the login in {config.answer_s:g} s"
            ) from error
        if frame.type is not aiohttp.WSMsgType.TEXT:
            raise VenueUnavailable(f"{config.url}: no login: {_ending(frame, socket)}")
        answer = _decoded(frame.data)
        if not isinstance(answer, Done):
            reason = answer.reason if isinstance(answer, Refusal) else "it does not answer to the login"
            raise VenueUnavailable(f"{config.url}: account {config.account!r}: {reason}")


class ExchangeConnection:
    """A connection that is logged in: a ``VenueConnection``."""

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse", config: ExchangeVenueConfig) -> None:
        self._socket = socket
        self._config = config
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._ending = ""

    # --- requests -----------------------------------------------------------------------------

    async def submit(self, order: ApprovedOrder) -> Outcome:
        """Send an order."""
        return await self._request(
            Submit(
                n=next(self._numbers),
                client_order_id=order.client_order_id,
                symbol=order.symbol,
                side=order.side,
                type=order.order_type,
                quantity=order.quantity,
                limit_price=order.limit_price,
                time_in_force=order.time_in_force,
                post_only=order.post_only,
            )
        )

    async def cancel(
        self, client_order_id: ClientOrderId, symbol: str, broker_order_id: BrokerOrderId
    ) -> Outcome:
        """Ask for a cancel; this venue knows orders by our ids."""
        del symbol, broker_order_id
        return await self._request(Cancel(n=next(self._numbers), client_order_id=client_order_id))

    async def replace(self, order: ApprovedOrder, broker_order_id: BrokerOrderId) -> Outcome:
        """Ask for new terms."""
        del broker_order_id
        return await self._request(
            Replace(
                n=next(self._numbers),
                client_order_id=order.client_order_id,
                quantity=order.quantity,
                limit_price=order.limit_price,
            )
        )

    async def cancel_all(self) -> int:
        """Cancel every order of the account."""
        return (await self._asked(CancelAll(n=next(self._numbers)), Done)).count

    # --- questions ----------------------------------------------------------------------------

    async def order(self, client_order_id: ClientOrderId) -> VenueOrder | None:
        """An order by our id."""
        asked = AskOrder(n=next(self._numbers), client_order_id=client_order_id)
        return (await self._asked(asked, OneOrder)).order

    async def open_orders(self) -> Sequence[VenueOrder]:
        """The orders that are not finished."""
        return (await self._asked(AskOpenOrders(n=next(self._numbers)), Orders)).orders

    async def fills_since(self, ts: int) -> Sequence[ExecutionReport]:
        """The fills from a time on."""
        found = await self._asked(AskFills(n=next(self._numbers), since=ts), Fills)
        return tuple(map(_event, found.fills))

    async def positions(self) -> Sequence[VenuePosition]:
        """The positions that are not flat."""
        return (await self._asked(AskPositions(n=next(self._numbers)), Positions)).positions

    async def account(self) -> VenueAccount:
        """Cash and equity."""
        return (await self._asked(AskAccount(n=next(self._numbers)), Account)).account

    # --- what comes ---------------------------------------------------------------------------

    async def reports(self) -> AsyncGenerator[ExecutionReport | MessageQuarantined]:
        """Take messages until the connection is lost: hand out answers, and yield reports."""
        import aiohttp

        try:
            while True:
                frame = await self._socket.receive()
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    self._ending = _ending(frame, self._socket)
                    raise VenueUnavailable(f"{self._config.url}: {self._ending}")
                message = _decoded(frame.data)
                match message:
                    case Report():
                        yield _event(message)
                    case MessageQuarantined():
                        yield msgspec.structs.replace(message, source=self._config.name)
                    case _:
                        waiting = self._waiting.get(message.n)
                        if waiting is not None and not waiting.done():
                            waiting.set_result(message)
        finally:
            self._ending = self._ending or "nobody reads from the connection"
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(VenueUnavailable(f"{self._config.url}: {self._ending}"))

    # --- sending ------------------------------------------------------------------------------

    async def _request(self, message: Submit | Cancel | Replace) -> Outcome:
        """The outcome of a request. Raises ``VenueUnavailable`` if nothing has left."""
        self._check_open()
        try:
            answer = await self._answer_to(message)
        except VenueUnavailable:
            return Outcome.UNKNOWN
        match answer:
            case Done():
                return Outcome.ACCEPTED
            case Refusal():
                return Outcome.REJECTED
            case _:
                return Outcome.UNKNOWN

    async def _asked(self, message: Asked, kind: type[AnswerT]) -> AnswerT:
        """The answer to a question. Raises ``VenueUnavailable`` without one."""
        self._check_open()
        answer = await self._answer_to(message)
        if not isinstance(answer, kind):
            reason = answer.reason if isinstance(answer, Refusal) else f"it answers {type(answer).__name__}"
            raise VenueUnavailable(f"{self._config.url}: {reason}")
        return answer

    async def _answer_to(self, message: Asked) -> Answer:
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[message.n] = waiting
        try:
            async with asyncio.timeout(self._config.answer_s):
                await self._socket.send_str(_encode(message))
                return await waiting
        except (OSError, TimeoutError) as error:
            raise VenueUnavailable(
                f"{self._config.url}: no answer in {self._config.answer_s:g} s: {words_of(error)}"
            ) from error
        finally:
            del self._waiting[message.n]
            if not waiting.cancel() and not waiting.cancelled():
                waiting.exception()  # a loss of the connection beside a timeout was told already

    def _check_open(self) -> None:
        if self._ending or self._socket.closed:
            raise VenueUnavailable(f"{self._config.url}: {self._ending or 'the connection is closed'}")


_decode: Callable[[str], Message] = msgspec.json.Decoder(Message).decode


def _encode(message: Asked) -> str:
    return msgspec.json.encode(message).decode()


def _decoded(data: str) -> Answer | Report | MessageQuarantined:
    """A message; one that cannot be understood, as a record of it."""
    try:
        message = _decode(data)
        problem = _problem(message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problem = message_of(error)
    else:
        if not problem:
            return message
    return MessageQuarantined(0, "venue", loggable(problem), loggable(data[:_SHOWN]))


def _problem(message: Message | Report) -> str:
    """Why a message makes no sense though its form is right; empty if it does."""
    if not all(number.is_finite() for number in _numbers(message)):
        return "a number in it is not finite"
    reports = message.fills if isinstance(message, Fills) else (message,)
    for report in reports:
        if not isinstance(report, Report) or report.kind is not ExecutionKind.FILL:
            continue
        if not report.fill_id or report.price is None or report.quantity is None or report.quantity <= 0:
            return "a fill needs a fill_id, a price, and a quantity above 0"
    return ""


def _numbers(value: object) -> Iterator[Decimal]:
    """The decimals in a message."""
    if isinstance(value, Decimal):
        yield value
    elif isinstance(value, tuple):
        for each in cast("tuple[object, ...]", value):
            yield from _numbers(each)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _numbers(getattr(value, name))


def _event(report: Report) -> ExecutionReport:
    """A report as our event. The engine stamps it with its own time."""
    return ExecutionReport(
        0,
        report.kind,
        report.client_order_id,
        report.symbol,
        report.broker_order_id,
        report.fill_id,
        report.quantity,
        report.price,
        report.commission,
        CURRENCY if report.commission is not None else "",
        liquidity=report.liquidity,
        executed_ts=report.ts,
        limit_price=report.limit_price,
        reason=report.reason,
    )


def _ending(frame: "aiohttp.WSMessage", socket: "aiohttp.ClientWebSocketResponse") -> str:
    """Why a connection has ended."""
    error = frame.data if isinstance(frame.data, Exception) else socket.exception()
    if error is not None:
        return f"the connection is lost: {message_of(error) or type(error).__name__}"
    return f"the venue closed the connection with code {socket.close_code}"
