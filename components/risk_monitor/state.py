"""All that the risk monitor remembers."""

import msgspec

from components.risk_monitor.volatility import Sample
from kernel.identifiers import StrategyId, TimerName
from strategies.sdk.limits import BreachKey


class Mark(msgspec.Struct, gc=False):
    """A held symbol at the last price heard.

    ``weight``: the gain of equity when the price rises by 1.
    """

    price: float
    weight: float
    value: float
    margin_rate: float
    sector: str


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One strategy's position: units times multiplier, and its cost, both signed."""

    units: float
    cost: float


class Breach(msgspec.Struct, frozen=True, gc=False):
    """A limit that has acted and does not watch again yet."""

    ts: int


class MonitorState(msgspec.Struct):
    """The account at the last prices, the breaches, and the figures that limits are compared with."""

    equity: float = 0.0
    gross_exposure: float = 0.0
    initial_margin: float = 0.0
    sectors: dict[str, float] = {}
    """Gross exposure by sector."""
    is_started: bool = False
    """Whether the first session has begun: losses count from there on."""
    marks: dict[str, Mark] = {}
    """Of held symbols."""
    entries: dict[str, dict[StrategyId, Entry]] = {}
    """By symbol and strategy."""
    origins: dict[str, float] = {}
    """The equity that a loss is measured from, by rule."""
    breaches: dict[BreachKey, Breach] = {}
    rearms: dict[TimerName, BreachKey] = {}
    """The breaches that end after a delay, by the timers that wait for it."""
    heard: dict[str, int] = {}
    """The time of the last market event, by symbol; kept where a limit on stale data asks for it."""
    samples: dict[str, list[Sample]] = {}
    """The values that volatility is computed from, by symbol; of the account under the empty symbol."""
    paid_in: float = 0.0
    """Money that came in since the last sample, less what went out."""
    day_symbol: str = ""
    """The symbol whose trading day is the account's."""
    unrated: dict[str, bool] = {}
    """Currencies that were paid in while no rate for them was known."""
    unjudged: float = 0.0
    """The change of equity by positions that moved without a fill, until its reason is known."""
