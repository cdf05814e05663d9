"""Order entry over real sockets: logins, answers, reports to every client, and accounts that stay."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import pytest

from brokers.orders.config import ExchangeVenueConfig
from brokers.orders.making import check_venue
from brokers.orders.port import Outcome, VenueOrderState
from kernel.errors import ConfigError, VenueUnavailable
from kernel.events import ExecutionKind
from kernel.identifiers import BrokerOrderId, ClientOrderId
from ops.exchange.server import Exchange
from tests.ops.control.running import until
from tests.ops.exchange.clients import KEY, client
from tests.ops.live.trading import exchange_of, order_of

NONE = BrokerOrderId("")


@asynccontextmanager
async def serving() -> AsyncGenerator[tuple[Exchange, str]]:
    exchange = exchange_of()
    async with exchange.serving() as url:
        exchange.send_now(10)
        yield exchange, url


async def test_requests_are_answered_and_questions_tell_what_became_of_them() -> None:
    async with serving() as (_, url), client(url) as one:
        connection = one.connection
        bought = await connection.submit(order_of("a", 5))
        rests = await connection.submit(order_of("b", 2, limit=1))
        again = await connection.submit(order_of("a", 5))
        first, other = await connection.order(ClientOrderId("a")), await connection.order(ClientOrderId("z"))
        working = await connection.open_orders()
        fills = await connection.fills_since(0)
        later = await connection.fills_since(2**62)
        positions, account = await connection.positions(), await connection.account()
        replaced = await connection.replace(order_of("b", 3, limit=2), NONE)
        cancelled = await connection.cancel(ClientOrderId("b"), "AAA", NONE)
        repeated = await connection.cancel(ClientOrderId("b"), "AAA", NONE)

    assert (bought, rests, again) == (Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REJECTED)
    assert first is not None
    assert (first.state, first.filled_quantity) == (VenueOrderState.FILLED, Decimal(5))
    assert other is None
    assert [order.client_order_id for order in working] == ["b"]
    assert [(fill.client_order_id, fill.quantity, fill.commission_currency) for fill in fills] == [
        ("a", Decimal(5), "USD")
    ]
    assert later == ()
    assert [(held.symbol, held.quantity) for held in positions] == [("AAA", Decimal(5))]
    assert account.equity > account.cash
    assert (replaced, cancelled, repeated) == (Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REJECTED)
    assert one.kinds == [
        ExecutionKind.ACCEPTED,
        ExecutionKind.FILL,
        ExecutionKind.ACCEPTED,
        ExecutionKind.REPLACED,
        ExecutionKind.CANCELLED,
        ExecutionKind.CANCEL_REJECTED,
    ]


async def test_every_client_of_an_account_hears_reports_and_the_account_stays() -> None:
    async with serving() as (_, url):
        async with client(url) as one, client(url) as other:
            await one.connection.submit(order_of("a", 5))
            await until(lambda: len(other.reports) == 2)
            heard = other.kinds
        async with client(url) as later:
            found = await later.connection.order(ClientOrderId("a"))
            nothing = later.reports

    assert heard == [ExecutionKind.ACCEPTED, ExecutionKind.FILL]
    assert found is not None
    assert nothing == []


async def test_cancel_all_says_how_many() -> None:
    async with serving() as (_, url), client(url) as one:
        for key in ("a", "b", "c"):
            await one.connection.submit(order_of(key, 1, limit=1))

        assert await one.connection.cancel_all() == 3
        assert await one.connection.open_orders() == ()


@pytest.mark.parametrize(("account", "key"), [("demo", "another-key"), ("nobody", "demo-key")])
async def test_login_with_another_key_is_refused_without_a_word_about_the_key(account: str, key: str) -> None:
    async with serving() as (_, url):
        with pytest.raises(VenueUnavailable, match="no such account, or another key") as refused:
            async with client(url, account=account, key=key):
                pass

    assert key not in str(refused.value)


async def test_request_on_a_lost_connection_is_unknown_and_the_next_one_does_not_leave() -> None:
    outcomes: list[Outcome] = []

    async def ask(exchange: Exchange, url: str) -> None:
        async with client(url) as one:
            exchange.orders.drop_connections()
            outcomes.append(await one.connection.submit(order_of("a", 1)))
            outcomes.append(await one.connection.submit(order_of("b", 1)))

    async with serving() as (exchange, url):
        with pytest.raises(ExceptionGroup) as failed:
            await ask(exchange, url)

    assert outcomes == [Outcome.UNKNOWN]
    assert failed.value.subgroup(VenueUnavailable)
    assert exchange.orders.accounts["demo"].orders == {}


async def test_words_that_make_no_sense_are_refused() -> None:
    async with (
        serving() as (_, url),
        aiohttp.ClientSession() as session,
        session.ws_connect(url.replace("/market", "/orders")) as socket,
    ):
        await socket.send_str('{"op": "account", "n": 1}')
        early = await socket.receive_json()
        await socket.send_str("what?")
        garbage = await socket.receive_json()

    assert early == {"T": "refused", "n": 1, "reason": "log in first"}
    assert garbage["reason"].startswith("expected a request")


def test_address_with_a_password_or_of_another_kind_is_refused() -> None:
    for url, problem in (("http://host", "expected ws://"), ("ws://a:b@host", "it has a password")):
        with pytest.raises(ConfigError, match=problem):
            check_venue(ExchangeVenueConfig(url=url, account="demo", key=KEY))
