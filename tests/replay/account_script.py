"""Runs of a strategy that follows a script, over daily bars with given closes; no test is in here."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from eventstore import MemoryEventStore
from kernel.configuration import convert_config
from kernel.events import AccountMarked, Bar, Event
from kernel.rules import RULES
from kernel.time_units import DAY_NS
from replay.config import ReplayConfig
from replay.results import RunResult, read_results
from replay.verification import verify_run
from strategies.sdk import (
    Bar as AnyBar,
)
from strategies.sdk import (
    Decision,
    Decisions,
    EquityPercent,
    Metadata,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    sell,
    target_position,
    target_weight,
)
from tests.replay.playing import START, read_events, record_run, store_of

EventT = TypeVar("EventT", bound=Event)


class Act(StrategyParams, frozen=True):
    """One decision. ``bar``: on which bar, counted over all symbols from 1."""

    bar: int
    do: str
    symbol: str
    amount: str = "0"
    price: str = ""


class ScriptParams(StrategyParams, frozen=True):
    """The decisions in order of their bars."""

    acts: tuple[Act, ...] = ()


class ScriptState(StrategyState):
    """Bars seen."""

    bars: int = 0


class Scripted(Strategy[ScriptParams, ScriptState]):
    """Does what it is told on the bars that it is told."""

    metadata = Metadata(name="scripted")

    def on_bar(self, bar: AnyBar) -> Decisions:  # noqa: ARG002  # the script counts bars
        self.state.bars += 1
        return [_decision(act) for act in self.params.acts if act.bar == self.state.bars]


def _decision(act: Act) -> Decision:
    amount = Decimal(act.amount)
    price = Decimal(act.price) if act.price else None
    match act.do:
        case "buy":
            return buy(act.symbol, amount)
        case "sell":
            return sell(act.symbol, amount)
        case "buy_limit":
            return buy(act.symbol, amount, limit=price)
        case "buy_stop":
            return buy(act.symbol, amount, stop=price)
        case "close_long":
            return sell(act.symbol, amount, reduce_only=True)
        case "close_short":
            return buy(act.symbol, amount, reduce_only=True)
        case "buy_percent":
            return buy(act.symbol, EquityPercent(amount))
        case "weight":
            return target_weight(act.symbol, amount)
        case "weight_of_10":
            return target_weight(act.symbol, amount / 10)
        case "position":
            return target_position(act.symbol, amount)
        case _:
            raise ValueError(act.do)


class Played:
    """A run that was recorded, and verified from its record."""

    def __init__(self, result: RunResult, events: Sequence[Event]) -> None:
        self.result = result
        self.events = events

    def of(self, kind: type[EventT]) -> list[EventT]:
        """Its events of one type."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def lowest_cash(self) -> Decimal:
        """The lowest cash at a mark."""
        return min(mark.cash for mark in self.of(AccountMarked))


def days(symbol: str, *prices: str | float) -> list[Event]:
    """Daily bars: ``100`` for a day at one price, ``"100/150"`` for one that opens at 100 and ends at 150."""
    bars: list[Event] = []
    for day, given in enumerate(prices):
        first, _, last = str(given).partition("/")
        opened, close = float(first), float(last or first)
        start = START + day * DAY_NS
        high, low = max(opened, close), min(opened, close)
        bars.append(Bar(start + DAY_NS - 1, symbol, "1d", opened, high, low, close, 1e6, start))
    return bars


async def played(
    config: Mapping[str, object], *acts: Act, rules: int = RULES, **markets: Sequence[Event]
) -> Played:
    """Play a script over markets by symbol, and verify the record of the run."""
    store: MemoryEventStore = await store_of(**{f"{name}_1d": bars for name, bars in markets.items()})
    settings = config_of_keys(config)
    run = await record_run(store, [Scripted(acts=acts)], settings, rules=rules)
    await verify_run(store, run)
    return Played(await read_results(store, run), await read_events(store, run))


def config_of_keys(keys: Mapping[str, object]) -> ReplayConfig:
    """The configuration that these keys of a file make."""
    return convert_config(keys, ReplayConfig)
