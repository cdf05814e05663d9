"""Makes a venue of its settings."""

from urllib.parse import urlsplit

from brokers.orders.config import VenueConfig
from brokers.orders.exchange import ExchangeVenue
from brokers.orders.port import LiveVenue
from kernel.errors import ConfigError
from kernel.loggable import message_of
from kernel.secret import SecretSource


def make_venue(config: VenueConfig, *, secrets: SecretSource | None = None) -> LiveVenue:
    """The venue; connects to nothing. ``secrets``: needed for a connection."""
    return ExchangeVenue(config, secrets=secrets)


def check_venue(config: VenueConfig) -> None:
    """Raise ``ConfigError`` for settings that make no sense."""
    try:
        url = urlsplit(config.url)
    except ValueError as error:
        raise ConfigError(f"venue.url: {message_of(error)}") from error
    if url.password is not None:
        raise ConfigError("venue.url: it has a password in it, and would be in the log")
    if url.scheme not in ("ws", "wss") or not url.hostname:
        raise ConfigError(f"venue.url: expected ws://HOST:PORT/... or wss://HOST/..., got {config.url!r}")
