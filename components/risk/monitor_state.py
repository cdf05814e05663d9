"""All that the risk monitor remembers."""

import msgspec

from components.risk.volatility import Sample
from kernel.identifiers import StrategyId


class Mark(msgspec.Struct, gc=False):
    """A held symbol: the price and value it counts at, and what equity gains when the price rises by 1."""

    price: float
    weight: float
    value: float
    margin_rate: float
    sector: str


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One strategy's position: units times multiplier, and what it cost, both signed."""

    units: float
    cost: float


class Breach(msgspec.Struct, frozen=True, gc=False):
    """A limit that has acted and is not re-armed yet."""

    ts: int
    rule: str
    symbol: str
    strategy: StrategyId


class MonitorState(msgspec.Struct):
    """What the account comes to at the marks; what losses are measured from, by rule; breaches by key.

    ``marks`` are of held symbols, ``entries`` by symbol and strategy, ``heard`` when the market of a
    symbol was heard of last, ``samples`` what volatility is computed of, by symbol (empty: the account).
    ``unrated`` are currencies that were paid in before there was any rate for them, ``unjudged`` what equity
    changed by positions that moved without a fill, until it is known why.
    """

    equity: float = 0.0
    gross_exposure: float = 0.0
    initial_margin: float = 0.0
    sectors: dict[str, float] = {}
    is_started: bool = False
    marks: dict[str, Mark] = {}
    entries: dict[str, dict[StrategyId, Entry]] = {}
    origins: dict[str, float] = {}
    breaches: dict[str, Breach] = {}
    heard: dict[str, int] = {}
    samples: dict[str, list[Sample]] = {}
    paid_in: float = 0.0
    day_symbol: str = ""
    unrated: dict[str, bool] = {}
    unjudged: float = 0.0
