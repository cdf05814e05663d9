"""What venues are: when they trade, which orders they take."""

from enum import StrEnum

from kernel.events.header import Event, Record
from kernel.events.order_terms import OrderType, TimeInForce


class VenueFeature(StrEnum):
    """What a venue does beyond order types and times in force."""

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
    """Input: which orders a broker takes by itself. What it lacks is emulated here, or denied."""

    broker: str
    order_types: tuple[OrderType, ...]
    times_in_force: tuple[TimeInForce, ...]
    features: tuple[VenueFeature, ...] = ()


class ModelLoaded(Event, frozen=True, tag=15):
    """Input: a model of the simulated venue, or a risk rule, from a module of the user's.

    ``role`` is its key in the configuration (``"slippage"``, ``"risk.rules"``), ``source`` the module's text,
    ``params`` are JSON.
    """

    role: str
    reference: str
    source_hash: str
    source: str
    params: str
