"""What a reader of a run's figures should know, in sentences.

Terms that nobody declared, quantities cut to whole lots, untraded signals, bars without an open time, history
that was shorter than asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from components.assembly.assumed_terms import is_coin_margined
from components.assembly.instruments import InstrumentConfig
from components.strategy_host.plain_values import CUT
from kernel.configuration import listed
from kernel.events import (
    ExecutionRequested,
    HistoryFellShort,
    InstrumentDefined,
    OrderIntent,
    ReplaceIntent,
    SignalRaised,
    SignalsAggregated,
)
from replay.run_config import config_on_record


def assumed_terms_of(
    config: str, symbols: Iterable[str], instruments: Mapping[str, InstrumentDefined]
) -> tuple[str, ...]:
    """The terms that the configuration left open, one sentence for the symbols that share them.

    ``config`` is the recorded configuration, as JSON.
    """
    if not config:
        return ()
    declared = {one.symbol: one for one in config_on_record(config).instruments}
    by_terms: dict[str, list[str]] = {}
    for symbol in symbols:
        terms = instruments.get(symbol)
        words = "" if terms is None else _open_terms(declared.get(symbol), terms)
        if words:
            by_terms.setdefault(words, []).append(symbol)
    return tuple(f"{listed(alike)}: {words}" for words, alike in by_terms.items())


def _open_terms(declared: InstrumentConfig | None, terms: InstrumentDefined) -> str:
    given = declared or InstrumentConfig(symbol=terms.symbol)
    words: list[str] = []
    if given.tick_size is None:
        words.append(f"tick {terms.tick_size:f}")
    if given.lot_size is None:
        words.append(f"lot {terms.lot_size:f}")
    if declared is None:
        words.append(f"{terms.asset_class.value} in {terms.currency}")
    if given.allow_negative_prices is None and terms.allow_negative_prices:
        words.append("prices below 0")
    if is_coin_margined(terms.symbol) and not terms.is_inverse:
        words.append("linear, though its name is that of a contract settled in its coin (is_inverse: true)")
    return ", ".join(words)


class CutQuantities:
    """Counts the orders, and new terms of orders, with a quantity that was cut to whole lots.

    Also the plans of signals that came out below one lot, so that nothing is held.
    """

    def __init__(self) -> None:
        self._count = self._plan_count = 0
        self._first = self._first_plan = ""

    def take(
        self,
        intent: OrderIntent | ReplaceIntent | ExecutionRequested,
        instruments: Mapping[str, InstrumentDefined],
    ) -> None:
        """Count an order if a quantity of it was cut."""
        if CUT in intent.asked:
            self._count += 1
            if not self._first:
                named = intent if isinstance(intent, ReplaceIntent) else intent.order
                lot = _lot(named.symbol, instruments)
                self._first = f"{named.client_order_id} of {named.symbol}: {intent.asked} (lot {lot})"

    def take_plan(self, plan: SignalsAggregated, instruments: Mapping[str, InstrumentDefined]) -> None:
        """Count a plan if its score asks for a position, and its size for less than one lot."""
        if plan.score and not plan.target_quantity:
            self._plan_count += 1
            lot = _lot(plan.symbol, instruments)
            self._first_plan = self._first_plan or f"{plan.symbol} with score {plan.score:g} (lot {lot})"

    def notes(self) -> Sequence[str]:
        """The counts with the first of each, in sentences; a count of 0 has none."""
        found: list[str] = []
        if self._count:
            found.append(f"{self._count:,} orders cut to whole lots, first {self._first}")
        if self._plan_count:
            found.append(
                f"{self._plan_count:,} plans of signals were for less than one lot and opened nothing, "
                f"first {self._first_plan}"
            )
        return found


class UntradedSignals:
    """Counts the signals of a run whose configuration has no plan for signals: they are only recorded."""

    def __init__(self) -> None:
        self._count = 0
        self._strategies: dict[str, None] = {}

    def take(self, signal: SignalRaised) -> None:
        """Count a signal."""
        self._count += 1
        self._strategies[signal.strategy] = None

    def note(self, config: str) -> str:
        """The sentence about them; empty if there are none, or if they are traded.

        ``config`` is the recorded configuration, as JSON.
        """
        if not self._count or not config:
            return ""
        if config_on_record(config).signals is not None:
            return ""
        return (
            f"{self._count:,} signals of {listed(tuple(self._strategies))} were only recorded, and traded "
            "nothing: a plan for them needs the section `signals` in the configuration"
        )


def _lot(symbol: str, instruments: Mapping[str, InstrumentDefined]) -> str:
    terms = instruments.get(symbol)
    return f"{Decimal(1) if terms is None else terms.lot_size:f}"


class ShortHistories:
    """The history that strategies asked for and never had, up to the end of the last session."""

    def __init__(self) -> None:
        self._by_strategy: dict[str, list[HistoryFellShort]] = {}

    def begin(self) -> None:
        """Forget the session before: its strategies go on to ask."""
        self._by_strategy.clear()

    def take(self, event: HistoryFellShort) -> None:
        self._by_strategy.setdefault(event.strategy, []).append(event)

    def notes(self) -> Sequence[str]:
        """One sentence for each strategy: its first short history, and how many others there are."""
        return [_short_note(short[0], others=len(short) - 1) for short in self._by_strategy.values()]


def _short_note(first: HistoryFellShort, *, others: int) -> str:
    of = f"{first.symbol} ({first.timeframe})" if first.timeframe else first.symbol
    return (
        f"strategy {first.strategy} asked for {first.asked:,} bars of {of}, and there were never more than "
        f"{first.most:,}" + (f"; {others:,} other histories were too short as well" if others else "")
    )


def without_open_note(streams: Sequence[str]) -> str:
    """The sentence about streams of bars without an open time; empty if there is none."""
    if not streams:
        return ""
    return (
        f"bars of {listed(streams)} have no open time: an order that was not there at the end of the bar "
        "before it, or a timeframe before its end, waits for the next bar"
    )
