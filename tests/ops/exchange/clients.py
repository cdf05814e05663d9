"""A client of the exchange's order entry, for tests."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from brokers.orders.config import ExchangeVenueConfig
from brokers.orders.making import check_venue, make_venue
from brokers.orders.port import VenueConnection
from kernel.events import ExecutionKind, ExecutionReport
from kernel.secret import SecretReference
from ops.secret_sources import SecretPlaces

KEY = SecretReference("venue_key")


class Client:
    """A client of the account, and the reports that it got."""

    def __init__(self, connection: VenueConnection) -> None:
        self.connection = connection
        self.reports: list[ExecutionReport] = []

    async def read(self) -> None:
        async for report in self.connection.reports():
            assert isinstance(report, ExecutionReport)
            self.reports.append(report)

    @property
    def kinds(self) -> list[ExecutionKind]:
        return [one.kind for one in self.reports]


@asynccontextmanager
async def client(url: str, *, account: str = "demo", key: str = "demo-key") -> AsyncGenerator[Client]:
    config = ExchangeVenueConfig(url=url.replace("/market", "/orders"), account=account, key=KEY)
    check_venue(config)
    venue = make_venue(config, secrets=SecretPlaces(environment={"ONETAPE_SECRET_VENUE_KEY": key}))
    async with venue.connect() as connection, asyncio.TaskGroup() as group:
        made = Client(connection)
        reading = group.create_task(made.read(), name="reports")
        yield made
        reading.cancel()
