"""How ``onetape panic`` cancels orders at a venue without the daemon, by kind of broker.

To add a broker: a function that connects by itself, cancels all orders of the account and says what it did;
and its line in ``OUTSIDE``.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from brokers.orders.making import make_venue
from brokers.orders.port import LiveVenue, VenueConnection
from kernel.error_groups import errors_in
from ops.event_loop import run
from ops.secret_sources import SecretPlaces
from replay.run_config import RunConfig, live_venue

SIMULATED = "simulated"


class CancelsOutside(Protocol):
    """Cancels every order at a venue, by a connection of its own."""

    def __call__(self, config: RunConfig, reason: str) -> str:
        """Cancel all; returns a sentence about what was done.

        Blocks. Raises ``VenueUnavailable`` and ``ConfigError``.
        """
        ...


def _nothing_outside(config: RunConfig, reason: str) -> str:
    """The simulated venue is a part of the daemon: its orders end with it."""
    del reason
    return f"the orders of {config.log} are at the simulated venue, inside of the daemon: nothing is outside"


def _at_live_venue(config: RunConfig, reason: str) -> str:
    """Cancel all orders of the account, by a connection of this process."""
    del reason
    live = live_venue(config)
    assert live is not None
    venue = make_venue(live.config, secrets=SecretPlaces(config.secrets.folder))
    count = run(_cancel_all(venue, settle_s=live.config.settle_s))
    orders = "1 order" if count == 1 else f"{count} orders"
    return f"{orders} cancelled at {venue.name}, account {venue.account}"


async def _cancel_all(venue: LiveVenue, *, settle_s: float) -> int:
    """Cancel all, and once more after a while: an order of the daemon may have been on its way.

    Answers come while somebody reads reports.
    """
    try:
        async with venue.connect() as connection, asyncio.TaskGroup() as group:
            reading = group.create_task(_read(connection), name="panic: answers")
            try:
                count = await connection.cancel_all()
                await asyncio.sleep(settle_s)
                return count + await connection.cancel_all()
            finally:
                reading.cancel()
    except ExceptionGroup as failures:  # of the group of tasks; the caller knows the error in it
        error = errors_in(failures)[0]
        raise error from error.__cause__


async def _read(connection: VenueConnection) -> None:
    async for _ in connection.reports():
        pass


OUTSIDE: Mapping[str, CancelsOutside] = MappingProxyType(
    {SIMULATED: _nothing_outside, "exchange": _at_live_venue}
)
"""By kind of broker."""


def cancel_outside(config: RunConfig, reason: str) -> str:
    """Cancel all orders of a daemon at its venue, as ``CancelsOutside`` does."""
    live = live_venue(config)
    return OUTSIDE[SIMULATED if live is None else live.kind](config, reason)
