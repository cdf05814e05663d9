"""Venues and user models: trading hours, supported orders, loaded code."""

from enum import StrEnum

from kernel.events.header import Event, Record
from kernel.events.order_terms import OrderType, TimeInForce


class VenueFeature(StrEnum):
    """An ability of a venue beyond order types and times in force."""

    POST_ONLY = "post_only"
    REDUCE_ONLY = "reduce_only"
    ICEBERG = "iceberg"
    OCO = "oco"
    REPLACE = "replace"


class TradingSession(Record, frozen=True):
    """One trading day of a calendar: ``day`` as YYYYMMDD, from ``open_ts`` up to ``close_ts`` (ns UTC)."""

    day: int
    open_ts: int
    close_ts: int


class CalendarDefined(Event, frozen=True, tag=13):
    """Input: the sessions of a trading calendar, oldest first, over the period that is traded.

    Kept in the log because calendars change: a replay must see the holidays that the run saw.
    """

    calendar: str
    sessions: tuple[TradingSession, ...]


class VenueDeclared(Event, frozen=True, tag=14):
    """Input: the orders that a broker supports. Others are emulated here, or denied."""

    broker: str
    order_types: tuple[OrderType, ...]
    times_in_force: tuple[TimeInForce, ...]
    features: tuple[VenueFeature, ...] = ()


class ModelLoaded(Event, frozen=True, tag=15):
    """Input: a model of the simulated venue, or a risk rule, from the user's own module.

    - ``role``: its key in the configuration (``"slippage"``, ``"risk.rules"``).
    - ``source``: the module's text.
    - ``params``: its parameters, as JSON.
    """

    role: str
    reference: str
    source_hash: str
    source: str
    params: str
