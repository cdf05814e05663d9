"""The state of the risk monitor."""

import msgspec

from components.risk_monitor.volatility import Sample
from kernel.identifiers import StrategyId, TimerName
from strategies.sdk.limits import BreachKey


class Mark(msgspec.Struct, gc=False):
    """A held symbol at its last price.

    ``weight``: the gain of equity when the price rises by 1.
    """

    price: float
    weight: float
    value: float
    margin_rate: float
    sector: str


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One strategy's position: units times multiplier, and its cost as booked, both signed."""

    units: float
    cost: float


class Breach(msgspec.Struct, frozen=True, gc=False):
    """A limit that has acted and is not re-armed."""

    ts: int


class MonitorState(msgspec.Struct):
    """The account at the last prices, the breaches, and the figures that limits are compared with."""

    equity: float = 0.0
    gross_exposure: float = 0.0
    initial_margin: float = 0.0
    sectors: dict[str, float] = {}
    """Gross exposure by sector."""
    is_started: bool = False
    """Whether the first session has begun. Losses are measured from its start."""
    marks: dict[str, Mark] = {}
    """Of held symbols."""
    entries: dict[str, dict[StrategyId, Entry]] = {}
    """Positions by symbol and strategy."""
    origins: dict[str, float] = {}
    """The equity that a loss is measured from, by rule."""
    breaches: dict[BreachKey, Breach] = {}
    rearms: dict[TimerName, BreachKey] = {}
    """The breaches that end after a delay, by the name of their timer."""
    heard: dict[str, int] = {}
    """The time of the last market event by symbol; kept if a limit on stale data needs it."""
    samples: dict[str, list[Sample]] = {}
    """Samples for volatility by symbol; those of the account are under the empty symbol."""
    paid_in: float = 0.0
    """Payments in minus payments out since the last sample."""
    day_symbol: str = ""
    """The symbol whose trading day is the account's."""
    unrated: dict[str, bool] = {}
    """Currencies that were paid in before a rate for them was known."""
    unjudged: float = 0.0
    """The change of equity by positions that changed without a fill, until the event of the cause arrives."""
