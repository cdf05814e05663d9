"""Runs a strategy again with something else: an earlier end, a later beginning, more history, other prices.

Nothing is written. What is kept of such a run is what its strategies decided and logged.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing

import msgspec

from components.assembly.moments import LAST_TS, moment_ns
from eventstore import EventStore, MemoryEventStore, Selection
from kernel.errors import ComponentError
from kernel.events import (
    Bar,
    ComponentFailed,
    Event,
    Quote,
    SessionStopped,
    StrategyLogged,
    StreamRange,
    Trade,
)
from replay import figures
from replay.checks.decisions import decisions_of
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.run import Plan, play
from strategies.sdk.loading import LoadedStrategy

SYMBOL = "symbol"
_NUMBER = re.compile(r"\b\d[\d.]*\b")
_US = 1_000
"""The times of a configuration are in microseconds."""

FigureKey = tuple[str, str]
"""A strategy, and the name of a figure that it logged, with the symbol if it named one."""


class Decided(msgspec.Struct, frozen=True, order=True):
    """One decision, in words without ids."""

    ts: int
    strategy: str
    words: str

    @property
    def without_numbers(self) -> "Decided":
        """The decision without quantities and prices."""
        return Decided(self.ts, self.strategy, " ".join(_NUMBER.sub("", self.words).split()))


class Variant(msgspec.Struct, frozen=True, eq=False):
    """What the strategies of a run decided and logged, but for what they did when they were stopped.

    - ``last_ts``: the last event of the data.
    - ``warm_up``: the most bars of history that a symbol had before the beginning.
    - ``figures``: the numbers that they logged, by time.
    """

    start_ts: int
    last_ts: int
    warm_up: int
    decisions: tuple[Decided, ...]
    figures: Mapping[FigureKey, Mapping[int, float]]


class Change(msgspec.Struct, frozen=True):
    """The change of a variant. ``from_ts``, ``to_ts``: inclusive. ``None`` leaves a setting as it is."""

    from_ts: int | None = None
    to_ts: int | None = None
    warm_up: int | None = None


UNCHANGED = Change()


async def run_variant(
    store: EventStore,
    config: ReplayConfig,
    change: Change = UNCHANGED,
    *,
    loaded: Sequence[LoadedStrategy] | None = None,
) -> Variant:
    """Run a configuration with a change. ``loaded`` replaces its strategies.

    Raises as ``plan_run`` does, and ``ComponentError`` if a strategy fails.
    """
    plan = await plan_run(store, _changed(config, change), loaded=loaded)
    notes = _Notes()
    played = await play(store, plan, notes)
    if notes.failure:
        raise ComponentError(notes.failure)
    decisions = [
        Decided(ts, one.strategy_id, words)
        for one in plan.strategies
        for ts, words in decisions_of(notes.derived, one.strategy_id)
    ]
    return Variant(
        plan.start_ts, played.last_ts, _history(plan), tuple(sorted(decisions)), _logged(notes.derived)
    )


async def mirrored(store: EventStore, sources: Sequence[StreamRange], *, after_ts: int) -> MemoryEventStore:
    """A copy of data streams in which prices after a moment are mirrored: a rise of 1 % is a fall of 1 %.

    Bars, quotes and trades are mirrored at their symbol's last price up to then; other events stay.
    """
    copy, last = MemoryEventStore(), dict[str, float]()
    for source in sources:
        selection = Selection(from_seq=1, to_seq=source.last_seq)
        head_seq = 0
        async with aclosing(store.read(source.stream, selection)) as batches:
            async for batch in batches:
                events = [_mirror(event, last, after_ts) for event in batch.events]
                head_seq = (await copy.append(source.stream, events, expected_seq=head_seq)).seq
    return copy


def _changed(config: ReplayConfig, change: Change) -> ReplayConfig:
    """The configuration with a change. Commands outside of the new period are left out."""
    start = config.start if change.from_ts is None else figures.iso(change.from_ts // _US * _US)
    end = config.end if change.to_ts is None else figures.iso(-(-change.to_ts // _US) * _US)
    warm_up = config.warm_up if change.warm_up is None else change.warm_up
    first, last = change.from_ts or 0, LAST_TS if change.to_ts is None else change.to_ts
    commands = tuple(one for one in config.commands if first <= moment_ns(one.at, key="at") <= last)
    return msgspec.structs.replace(
        config, start=start, end=end, warm_up=warm_up, commands=commands, benchmark="", speed=None
    )


def _history(plan: Plan) -> int:
    return max((len(one.bars) for one in plan.history), default=0)


def _logged(events: Sequence[Event]) -> Mapping[FigureKey, Mapping[int, float]]:
    found: dict[FigureKey, dict[int, float]] = {}
    for event in events:
        if not isinstance(event, StrategyLogged):
            continue
        symbol = next((f"{one.value}" for one in event.figures if one.name == SYMBOL), "")
        for one in event.figures:
            value = one.value if one.exact is None else float(one.exact)
            if isinstance(value, int | float) and not isinstance(value, bool):
                name = f"{one.name} of {symbol}" if symbol else one.name
                found.setdefault((event.strategy, name), {})[event.ts] = float(value)
    return found


def _mirror(event: Event, last: dict[str, float], after_ts: int) -> Event:
    """An event of mirrored prices, or as it is; ``last`` learns the last prices before."""
    if not isinstance(event, Bar | Quote | Trade):
        return event
    if event.ts <= after_ts:
        last[event.symbol] = _price(event)
        return event
    pivot = last.get(event.symbol, 0.0) ** 2
    if pivot <= 0:
        return event

    def turned(price: float) -> float:
        return round(pivot / price, 8) if price > 0 else price

    replace = msgspec.structs.replace
    match event:
        case Bar(open=opened, high=high, low=low, close=close):
            return replace(
                event, open=turned(opened), high=turned(low), low=turned(high), close=turned(close)
            )
        case Quote(bid=bid, ask=ask):
            return replace(event, bid=turned(ask), ask=turned(bid))
        case Trade(price=price):
            return replace(event, price=turned(price))


def _price(event: Bar | Quote | Trade) -> float:
    match event:
        case Bar(close=price) | Trade(price=price) | Quote(bid=price):
            return price


class _Notes:
    """Keeps the derived events of a run, without those of its stop."""

    def __init__(self) -> None:
        self.derived: list[Event] = []
        self.failure = ""
        self._stop = 0

    async def record(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Take records in order."""
        for event, cause in zip(events, causes, strict=True):
            if isinstance(event, SessionStopped):
                self._stop = -cause
            elif isinstance(event, ComponentFailed):
                self.failure = (
                    f"{event.component} failed on {event.event_type} at {event.where}: {event.error}"
                )
            elif cause > 0 and cause != self._stop:
                self.derived.append(event)
