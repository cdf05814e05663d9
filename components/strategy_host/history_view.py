"""The history that one strategy reads, which is as long as its code asks for.

What it remembers, in the host's state: the largest number of bars asked for, by symbol, the questions that
had no bars as an answer, and those that had fewer bars than they asked for.

What changes it: a question for more bars than before. From then on that many bars are kept. Before the first
question the last ``UNDECLARED_BARS`` are kept, or ``bars_needed()`` if the strategy has that method. So
nothing is lost for a strategy that asks for the same number at each bar, and memory stays bounded.

What never happens: an answer is shorter than the question although there were enough bars. A question that
comes too late for that raises ``ComponentError`` with both numbers. So does a question for a symbol that is
not among the ``symbols`` of the strategy's configuration. A question for a symbol or timeframe that never
came fails at the end of the session, because before that its bars could still come. If bars came, but never
as many as the strategy asked for or declared, the session ends with a ``HistoryFellShort``.

By the first version of the rules (``kernel.rules``), an answer has at most
``bars_needed()`` bars, nothing raises, and nothing is told.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from components.strategy_host.state import HostState, ShortHistory
from kernel.bus import EventBus
from kernel.configuration import did_you_mean, listed
from kernel.errors import ComponentError
from kernel.events import MARKET_TYPES, Bar, HistoryFellShort
from kernel.identifiers import StrategyId
from strategies.sdk import Strategy, StrategyParams, StrategyState
from strategies.sdk.adjustment import Adjustment

UNDECLARED_BARS = 500
"""Bars of each symbol and timeframe that are kept for a strategy without ``bars_needed()``, until it asks for
more: two years of days. Up to twice as many are in memory, about 0.2 kB each."""


class KeptBars(Protocol):
    """The history that market data keeps for all strategies."""

    def history(
        self, symbol: str, count: int, *, timeframe: str = "", adjustment: Adjustment = Adjustment.SPLITS
    ) -> Sequence[Bar]: ...
    def keep(self, symbol: str, count: int) -> None: ...
    def bars_seen(self, symbol: str) -> int: ...


def bars_kept_for(strategy: Strategy[StrategyParams, StrategyState], *, as_declared: bool) -> int:
    """The bars of each symbol that are kept for a strategy before it asks for any."""
    declared = max(0, strategy.bars_needed())
    if as_declared or declared or not strategy.reads_history():
        return declared
    return UNDECLARED_BARS


class HistoryView:
    """One strategy's questions for history, and their answers.

    - ``hears``: the symbols whose bars the strategy gets.
    - ``was_told``: the configuration names them. Otherwise a strategy must not know which will come.
    """

    def __init__(
        self,
        strategy: Strategy[StrategyParams, StrategyState],
        *,
        strategy_id: StrategyId,
        market: KeptBars,
        bus: EventBus,
        hears: frozenset[str],
        was_told: bool,
        state: HostState,
        as_declared: bool,
    ) -> None:
        timeframes = strategy.metadata.timeframes
        self._strategy_id = strategy_id
        self._declared = max(0, strategy.bars_needed())
        self._market = market
        self._bus = bus
        self._hears = hears
        self._was_told = was_told
        self._state = state
        self._kept = bars_kept_for(strategy, as_declared=as_declared)
        self._timeframe = timeframes[0] if len(timeframes) == 1 else ""
        self._resampled = frozenset(strategy.metadata.resampled)
        self._as_declared = as_declared

    def last(self, symbol: str, count: int, *, timeframe: str, adjustment: Adjustment) -> Sequence[Bar]:
        """The last ``count`` bars of a symbol; fewer if there were fewer."""
        timeframe = timeframe or self._timeframe
        if self._as_declared:
            count = min(count, self._kept)
        elif count > self._state.asked.get(symbol, 0):
            self._ask(symbol, count)
        bars = self._market.history(symbol, count, timeframe=timeframe, adjustment=adjustment)
        if len(bars) < count:
            self._note_short(symbol, timeframe, asked=count, got=len(bars))
        elif self._state.short:
            self._note_enough(symbol, timeframe, count)
        return bars

    def check_answered(self) -> None:
        """Raise ``ComponentError`` for history that never came, at the end of a session."""
        if self._as_declared:
            return
        for problem in self._never_answered():
            raise ComponentError(problem)

    def shortfalls(self, ts: int) -> Sequence[HistoryFellShort]:
        """What the strategy asked for or declared, and never had, at the end of a session.

        Symbols without any bar are left out: ``check_answered`` speaks of those that it asked for.
        """
        if self._as_declared:
            return ()
        found: dict[tuple[str, str], ShortHistory] = {}
        for symbol, timeframe, asked, most in (*self._declared_in_vain(), *self._asked_in_vain()):
            known = found.setdefault((symbol, timeframe), ShortHistory())
            known.asked, known.most = max(known.asked, asked), max(known.most, most)
        return [
            HistoryFellShort(ts, self._strategy_id, *key, short.asked, short.most)
            for key, short in sorted(found.items())
        ]

    def _note_short(self, symbol: str, timeframe: str, *, asked: int, got: int) -> None:
        if not got:
            unanswered = self._state.unanswered.setdefault(symbol, {})
            unanswered[timeframe] = unanswered.get(timeframe, 0) + 1
        if self._as_declared:
            return
        short = self._state.short.setdefault(symbol, {}).setdefault(timeframe, ShortHistory())
        short.asked, short.most = max(short.asked, asked), max(short.most, got)

    def _note_enough(self, symbol: str, timeframe: str, count: int) -> None:
        """Forget a short answer when so many bars have come."""
        short = self._state.short.get(symbol, {})
        if timeframe in short and count >= short[timeframe].asked:
            del short[timeframe]
            if not short:
                del self._state.short[symbol]

    def _asked_in_vain(self) -> Iterator[tuple[str, str, int, int]]:
        """Symbol, timeframe, bars asked for and most bars of each question without a full answer."""
        for symbol, timeframes in self._state.short.items():
            for timeframe, short in timeframes.items():
                bars = self._market.history(symbol, short.asked, timeframe=timeframe)
                if len(bars) < short.asked:
                    named = timeframe or (bars[-1].timeframe if bars else self._last_timeframe(symbol))
                    yield symbol, named, short.asked, max(short.most, len(bars))

    def _declared_in_vain(self) -> Iterator[tuple[str, str, int, int]]:
        """The same of each symbol that has fewer bars in every timeframe than ``bars_needed()``."""
        for symbol in sorted(self._hears):
            seen = self._market.bars_seen(symbol)
            if 0 < seen < self._declared:
                yield symbol, self._timeframe or self._last_timeframe(symbol), self._declared, seen

    def _last_timeframe(self, symbol: str) -> str:
        bar = self._bus.last(Bar, symbol)
        return "" if bar is None else bar.timeframe

    def _ask(self, symbol: str, count: int) -> None:
        """Note a question for more bars than before, and see to it that they are kept."""
        call = f"ctx.history({symbol!r}, {count})"
        if self._was_told and symbol not in self._hears and not self._market.bars_seen(symbol):
            gets = sorted(self._hears)
            raise ComponentError(
                f"{call}: the strategy gets no data of {symbol!r}; it gets {listed(gets)}"
                f"{did_you_mean(symbol, gets)}"
            )
        if not self._kept:
            raise ComponentError(
                f"{call}: the strategy's code does not show that it reads history, so none was kept; let its "
                f"bars_needed() return {count}"
            )
        kept, seen = max(self._kept, self._state.asked.get(symbol, 0)), self._market.bars_seen(symbol)
        if count > kept:
            if seen > kept:
                raise ComponentError(
                    f"{call}: {seen} bars came so far, but only the last {kept} were kept, because the "
                    f"strategy had not asked for more; let its bars_needed() return {count}"
                )
            self._market.keep(symbol, count)
        self._state.asked[symbol] = count

    def _never_answered(self) -> Iterator[str]:
        for symbol, timeframes in self._state.unanswered.items():
            for timeframe, calls in timeframes.items():
                last = self._bus.last(Bar, symbol)
                has_come = last is not None and timeframe in ("", last.timeframe)
                if (
                    has_come
                    or timeframe in self._resampled
                    or self._market.history(symbol, 1, timeframe=timeframe)
                ):
                    continue
                named = f", timeframe={timeframe!r}" if timeframe else ""
                yield (
                    f"ctx.history({symbol!r}, {self._state.asked[symbol]}{named}) had no bars in {calls} of "
                    f"{calls} calls: {self._what_came(symbol)}"
                )

    def _what_came(self, symbol: str) -> str:
        bar = self._bus.last(Bar, symbol)
        if bar is not None:
            return f"the bars of {symbol} that came are of {bar.timeframe}"
        others = sorted(kind.__name__ for kind in MARKET_TYPES if symbol in self._bus.retained.get(kind, {}))
        return f"no bar of {symbol} came, only {listed(others)}" if others else f"no data of {symbol} came"
