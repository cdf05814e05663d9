"""Messages of the exchange that make no sense are put aside."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from brokers.orders.config import ExchangeVenueConfig
from brokers.orders.exchange import ExchangeVenue
from kernel.errors import VenueUnavailable
from kernel.events import MessageQuarantined
from kernel.secret import SecretReference
from ops.secret_sources import SecretPlaces
from tests.ops.live.trading import ACCOUNT, SECRETS


@asynccontextmanager
async def venue_that_says(
    *messages: str, closes: bool = True, answer_s: float = 5.0
) -> AsyncGenerator[ExchangeVenue]:
    """A venue that answers to a login with these messages, and closes unless it waits for more."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        opened = web.WebSocketResponse()
        await opened.prepare(request)
        await opened.receive()
        for message in messages:
            await opened.send_str(message)
        if not closes:
            await opened.receive()
        await opened.close()
        return opened

    app = web.Application()
    app.router.add_get("/orders", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        config = ExchangeVenueConfig(
            account=ACCOUNT,
            url=f"ws://{host}:{port}/orders",
            key=SecretReference("venue_key"),
            answer_s=answer_s,
        )
        yield ExchangeVenue(config, secrets=SecretPlaces(environment=SECRETS))
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "fields",
    [
        '"fill_id": "F1", "quantity": "NaN", "price": "1"',
        '"fill_id": "F1", "quantity": "1", "price": "Infinity"',
        '"fill_id": "F1", "quantity": "0", "price": "1"',
        '"fill_id": "F1", "price": "1"',
        '"quantity": "1", "price": "1"',
        '"fill_id": "F1", "quantity": "1", "price": "1", "ts": 99999999999999999999',
    ],
)
async def test_fill_that_makes_no_sense_is_put_aside(fields: str) -> None:
    report = f'{{"T": "report", "kind": "fill", "client_order_id": "a", "symbol": "AAA", {fields}}}'
    said: list[object] = []
    async with venue_that_says('{"T": "done", "n": 0}', report) as venue, venue.connect() as connection:
        with suppress(VenueUnavailable):  # it closes
            async for each in connection.reports():
                said.append(each)

    assert [type(each) for each in said] == [MessageQuarantined]


async def test_venue_that_closes_at_the_login_is_unavailable() -> None:
    async with venue_that_says() as venue:
        with pytest.raises(VenueUnavailable, match=r"ws://.*/orders"):
            async with venue.connect():
                pass


async def test_venue_that_does_not_answer_to_the_login_is_told_so() -> None:
    async with venue_that_says(closes=False, answer_s=0.5) as venue:
        with pytest.raises(VenueUnavailable, match=r"/orders: no answer to the login in 0\.5 s"):
            async with venue.connect():
                pass
