"""Tests of a strategy without files: feed it prices, and look at its orders, fills and positions.

    from replay.testing import Rehearsal

    def test_it_buys_a_new_high() -> None:
        stage = Rehearsal(Breakout(days=3))

        stage.bars([10, 11, 10, 12])

        assert [order.side.value for order in stage.orders] == ["buy"]
        assert stage.position() == 100

It is the real core with the simulated venue of a backtest, so an order fills here as it fills there: a
market order at the open of the next bar, unless the settings say otherwise. Time goes on by itself: each bar
of a symbol begins where the last one ended.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from components.assembly.moments import moment_ns
from components.assembly.setup import PlannedStrategy, core_of
from components.assembly.user_models import load_rules
from components.strategy_host.host import AnyStrategy
from kernel.decimals import exact
from kernel.errors import ComponentError, InputError
from kernel.events import (
    Bar,
    ComponentFailed,
    DecisionRefused,
    Event,
    HistoryLoaded,
    Order,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    PastBar,
    Quote,
    SignalRaised,
    StrategyLogged,
    Trade,
)
from kernel.identifiers import StrategyId
from kernel.snapshot import put_back, take
from kernel.time_units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from replay.arguments import Keys, config_of
from replay.backtesting import checked_instance
from replay.checks.restarts import DEFAULTS
from replay.run import Plan, opening_of
from replay.simulated_venue import load_models

EventT = TypeVar("EventT", bound=Event)

LENGTHS = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS, "w": 7 * DAY_NS}
"""The length of each unit of a timeframe."""

YEARS_AHEAD = 10
"""How far ahead trading hours are known, for instruments with a calendar."""


class Rehearsal:
    """One strategy on a core of its own. A hook that fails raises ``ComponentError`` in the call that fed it.

    - ``strategy``: an instance; its class is linted as ``replay`` lints it.
    - ``symbols``: the first one is the default of all methods.
    - ``settings``: settings of a run, as in ``onetape.yaml``: ``{"cash": 10_000, "risk": {...}}``.
    - ``before``: closes of bars before the start, by symbol: the warm-up.
    """

    @exact
    def __init__(
        self,
        strategy: AnyStrategy,
        *,
        symbols: Sequence[str] = ("ABC",),
        start: str = "2024-01-02",
        timeframe: str = "1d",
        settings: Keys = DEFAULTS,
        before: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        if not symbols:
            raise InputError("symbols: expected at least one")
        self.timeframe = timeframe
        self.happened: list[Event] = []
        """All events that the core made of what was fed, in order."""
        self._now = 0
        self._length = _length(timeframe)
        self._symbol = symbols[0]
        self._plan = _plan(
            strategy, symbols=symbols, start_ts=moment_ns(start, key="start"), settings=settings
        )
        self._ends = dict.fromkeys(symbols, self._plan.start_ts)
        self._core = core_of(self._plan, self._plan.venue)
        history = [self._past(symbol, closes) for symbol, closes in (before or {}).items()]
        *opening, session = opening_of(self._plan)
        self._dispatch([*opening, *history, session])

    # --- what happens -------------------------------------------------------------------------

    def bars(self, closes: Sequence[float], symbol: str = "") -> tuple[Event, ...]:
        """Feed bars with these closes, each opening at the last close; returns what the core made of them."""
        made: list[Event] = []
        opened = closes[0]
        for close in closes:
            made += self.bar(close, symbol, opened=opened)
            opened = close
        return tuple(made)

    def bar(
        self,
        close: float,
        symbol: str = "",
        *,
        opened: float | None = None,
        high: float | None = None,
        low: float | None = None,
        volume: float = 1_000_000.0,
    ) -> tuple[Event, ...]:
        """Feed one bar, which begins where the last one of the symbol ended."""
        name = symbol or self._symbol
        first = close if opened is None else opened
        begin = self._end_of(name)
        self._ends[name] = begin + self._length
        return self.feed(
            Bar(
                self._ends[name],
                name,
                self.timeframe,
                float(first),
                float(max(first, close) if high is None else high),
                float(min(first, close) if low is None else low),
                float(close),
                volume,
                begin,
            )
        )

    def quote(self, bid: float, ask: float, symbol: str = "", *, after_s: float = 1.0) -> tuple[Event, ...]:
        """Feed a quote, so many seconds after the last event."""
        return self.feed(
            Quote(self._later(after_s), symbol or self._symbol, float(bid), float(ask), 100.0, 100.0)
        )

    def trade(self, price: float, symbol: str = "", *, after_s: float = 1.0) -> tuple[Event, ...]:
        """Feed a trade of the market, so many seconds after the last event."""
        return self.feed(Trade(self._later(after_s), symbol or self._symbol, float(price), 100.0))

    def feed(self, *events: Event) -> tuple[Event, ...]:
        """Feed events of any kind in order of time; returns what the core made of them."""
        return self._dispatch(events)

    @exact
    def wait(self, seconds: float) -> tuple[Event, ...]:
        """Let time pass without market data: timers that fall due are fired."""
        count = len(self.happened)
        self._core.bus.advance(self._later(seconds))
        self._take()
        return tuple(self.happened[count:])

    @exact
    def restart(self) -> None:
        """Put a snapshot into a new core with a new instance, as a restart does.

        State outside ``self.state`` is lost here as it is there.
        """
        snapshot = take(self._core.bus)
        self._core = core_of(self._plan, self._plan.venue)
        put_back(self._core.bus, snapshot)

    # --- what came of it ----------------------------------------------------------------------

    @property
    def strategy(self) -> AnyStrategy:
        """The instance that runs: made of the given one's class and parameters."""
        return self._core.hosts[0].strategy

    @property
    def orders(self) -> list[Order]:
        """The orders that the strategy asked for, oldest first, denied ones too."""
        return [intent.order for intent in self.all_of(OrderIntent)]

    @property
    def fills(self) -> list[OrderFilled]:
        """Its fills, oldest first."""
        return self.all_of(OrderFilled)

    @property
    def signals(self) -> list[SignalRaised]:
        """Its signals, oldest first."""
        return self.all_of(SignalRaised)

    @property
    def logged(self) -> list[StrategyLogged]:
        """What it logged, oldest first."""
        return self.all_of(StrategyLogged)

    @property
    def refused(self) -> list[str]:
        """The reasons for which decisions were refused or orders denied, oldest first."""
        return [one.reason for one in self.happened if isinstance(one, DecisionRefused | OrderDenied)]

    @property
    def equity(self) -> Decimal:
        """Cash and positions at last prices."""
        return self._core.portfolio.equity

    def position(self, symbol: str = "") -> Decimal:
        """The signed quantity that the strategy holds."""
        return self.strategy.ctx.portfolio.position(symbol or self._symbol)

    def all_of(self, kind: type[EventT]) -> list[EventT]:
        """All events of a type that happened, oldest first."""
        return [event for event in self.happened if isinstance(event, kind)]

    # --- inside -------------------------------------------------------------------------------

    @exact
    def _dispatch(self, events: Sequence[Event]) -> tuple[Event, ...]:
        count = len(self.happened)
        self._core.bus.dispatch(events)
        self._take()
        return tuple(self.happened[count:])

    def _take(self) -> None:
        made = self._core.bus.take_derived().events
        self.happened += made
        for event in made:
            if isinstance(event, ComponentFailed):
                where = f" ({event.where})" if event.where else ""
                raise ComponentError(f"{event.component} failed on {event.event_type}: {event.error}{where}")

    def _later(self, seconds: float) -> int:
        self._now = max(self._now, self._core.bus.now) + round(seconds * SECOND_NS)
        return self._now

    def _end_of(self, symbol: str) -> int:
        if symbol not in self._ends:
            raise InputError(f"symbol {symbol!r}: there are {', '.join(self._ends)}; name it in `symbols`")
        end = self._ends[symbol]
        # after quotes, or bars of other symbols, the next bar is the one that is open now
        while end + self._length < max(self._now, self._core.bus.now):
            end += self._length
        return end

    def _past(self, symbol: str, closes: Sequence[float]) -> HistoryLoaded:
        start, length = self._end_of(symbol), self._length
        opens = range(start - len(closes) * length, start, length)
        bars = tuple(
            PastBar(opened + length, close, close, close, close, 1_000_000.0, opened)
            for opened, close in zip(opens, map(float, closes), strict=True)
        )
        return HistoryLoaded(start, symbol, self.timeframe, bars)


def _length(timeframe: str) -> int:
    count, unit = timeframe[:-1], timeframe[-1:]
    if not count.isdecimal() or unit not in LENGTHS:
        raise InputError(
            f"timeframe {timeframe!r}: expected a count and one of {', '.join(LENGTHS)}, such as 5m"
        )
    return int(count) * LENGTHS[unit]


def _plan(strategy: AnyStrategy, *, symbols: Sequence[str], start_ts: int, settings: Keys) -> Plan:
    loaded, config = checked_instance(strategy), config_of(settings)
    names = tuple(sorted(symbols))
    planned = PlannedStrategy(StrategyId(loaded.strategy.metadata.name), loaded, names, was_told=False)
    return Plan(
        config=config,
        sources=(),
        symbols=names,
        strategies=(planned,),
        models=(*load_models(config.broker), *load_rules(config.risk)),
        start_ts=start_ts,
        event_count=0,
        end_ts=start_ts + YEARS_AHEAD * 365 * DAY_NS,
    )
