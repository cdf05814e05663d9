"""Compares the needs of strategies with a run, before it begins: a strategy that could never act is refused.

- ``markets``: every symbol that the strategy gets must be of one of these asset classes.
- ``timeframes``: the run must have bars of each of these lengths, for at least one of the strategy's symbols.
- ``resampled``: the run must have finer bars or trades to build each of these from, and not its bars.
- ``features``: ``book`` needs order books for at least one of its symbols. ``day_pnl`` needs no data.
- Hooks: a strategy that acts only on market data (neither ``on_start`` nor ``on_timer``) needs data of one of
  the kinds that it has hooks for.
- ``symbols`` of the configuration: the run must have market data of each.

An empty declaration needs nothing. The data of a live log is not known when the log begins, so there only
markets and the names of features are checked.
"""

from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import aclosing

from components.assembly.setup import PlannedStrategy
from eventstore import EventStore, Selection, StreamInfo
from kernel.configuration import did_you_mean, listed, no_such
from kernel.errors import ConfigError, InputError
from kernel.events import (
    MARKET_TYPES,
    AssetClass,
    Bar,
    BookDelta,
    BookSnapshot,
    InstrumentDefined,
    Quote,
    StreamRange,
    Trade,
)
from kernel.resampling import BarBuilder
from replay.config import ReplayConfig
from replay.run_facts import read_inputs
from strategies.sdk.strategy import BOOK_FEATURE, FEATURES, Strategy

_BOOKS = {BookSnapshot.__name__, BookDelta.__name__}
_HOOKS = {
    "on_bar": {Bar.__name__},
    "on_quote": {Quote.__name__},
    "on_trade": {Trade.__name__},
    "on_book": _BOOKS,
}
_OTHER_HOOKS = ("on_start", "on_timer")
_BARS: frozenset[type[Bar]] = frozenset({Bar})

Played = Sequence[tuple[StreamInfo, StreamRange]]
"""The data streams of a run, each with the part of it that is played."""


async def check_declared(
    store: EventStore, strategies: Sequence[PlannedStrategy], played: Played, config: ReplayConfig
) -> None:
    """Raise ``ConfigError`` with the strategy, its declaration, and the data of the run."""
    declared = [_Declared(one, played) for one in strategies]
    has_markets = any(one.markets for one in declared)
    classes = await _asset_classes(store, played, config) if has_markets else {}
    for one in declared:
        one.check_markets(classes)
        one.check_features()
        one.check_books()
        one.check_hooks()
        await one.check_timeframes(store)
        await one.check_resampled(store)
        await one.check_symbols(store)


def check_declared_live(strategies: Sequence[PlannedStrategy], config: ReplayConfig) -> None:
    """The checks that are possible when a live log begins."""
    for one in strategies:
        declared = _Declared(one, ())
        declared.check_markets(_configured_classes(config))
        declared.check_features()


def never_called(strategies: Sequence[PlannedStrategy], given: Collection[str]) -> Iterator[str]:
    """A sentence for each strategy that has hooks for market data, and none for those that the feeds give.

    ``given``: the names of the event types that they give.
    """
    for one in strategies:
        own = [hook for hook in _Declared(one, ()).hooks() if hook in _HOOKS]
        wanted = {kind for hook in own for kind in _HOOKS[hook]}
        if own and wanted.isdisjoint(given):
            yield (
                f"strategy {one.strategy_id}: its {listed(own)} is never called: "
                f"no feed gives {listed(sorted(wanted))}"
            )


class _Declared:
    """The declarations of one strategy, and the streams that have its symbols."""

    def __init__(self, planned: PlannedStrategy, played: Played) -> None:
        metadata = planned.loaded.strategy.metadata
        self.markets = metadata.markets
        self._timeframes = dict.fromkeys(metadata.timeframes)
        self._features = metadata.features
        self._resampled = metadata.resampled
        self._strategy = planned.loaded.strategy
        self._named = planned.symbols if planned.was_told else ()
        self._symbols = frozenset(planned.symbols)
        self._name = f"strategy {planned.strategy_id}"
        self._who = f"{self._name}: it declares"
        self._played = [
            pair for pair in played if not pair[0].symbols or self._symbols.intersection(pair[0].symbols)
        ]

    def check_markets(self, classes: dict[str, set[str]]) -> None:
        known = [each.value for each in AssetClass]
        for market in self.markets:
            if market not in known:
                raise ConfigError(
                    f"{self._who} a market that is not an asset class: {no_such(market, known)}"
                )
        for symbol in sorted(self._symbols if self.markets else ()):
            kinds = classes.get(symbol, {AssetClass.EQUITY.value})
            if kinds.isdisjoint(self.markets):
                raise ConfigError(
                    f"{self._who} markets {', '.join(self.markets)}, but gets {symbol}, which is "
                    f"{' or '.join(sorted(kinds))}; give the strategy `symbols` of its own, or {symbol} its "
                    "asset_class under `instruments`"
                )

    def check_features(self) -> None:
        """Check that each feature exists."""
        for feature in self._features:
            if feature not in FEATURES:
                raise ConfigError(
                    f"{self._who} feature {feature!r}, which does not exist; there are: {', '.join(FEATURES)}"
                    f"{did_you_mean(feature, FEATURES)}"
                )

    def check_books(self) -> None:
        has_books = any(_BOOKS.intersection(info.event_types) for info, _ in self._played)
        if BOOK_FEATURE in self._features and not has_books:
            raise ConfigError(
                f"{self._who} feature {BOOK_FEATURE!r}, but the run has no order books of {self._names()}"
            )

    def check_hooks(self) -> None:
        """Check that market data will call one of its hooks, unless it can act without any."""
        own = self.hooks()
        played = {kind for info, _ in self._played for kind in info.event_types}
        if not own or any(hook in _OTHER_HOOKS or played & _HOOKS[hook] for hook in own):
            return
        has = sorted({kind for kinds in _HOOKS.values() for kind in kinds & played})
        raise ConfigError(
            f"{self._name}: it acts only in {listed(own)}, which would never be called: of {self._names()} "
            f"the run has {f'only events of {listed(has)}' if has else 'no market data'}"
        )

    async def check_symbols(self, store: EventStore) -> None:
        """Check that each symbol that the configuration names has market data in the period."""
        missing = set(self._named)
        for _, source in self._played:
            while missing:
                selection = Selection(
                    from_seq=source.first_seq,
                    to_seq=source.last_seq,
                    types=MARKET_TYPES,
                    symbols=frozenset(missing),
                )
                async with aclosing(store.read(source.stream, selection)) as batches:
                    batch = await anext(batches, None)
                if batch is None:
                    break
                missing -= {getattr(event, "symbol", "") for event in batch.events}
        if missing:
            raise ConfigError(
                f"{self._name}: it is given symbols {', '.join(self._named)}, but the run has no market data "
                f"of {', '.join(sorted(missing))} in its period"
            )

    def hooks(self) -> list[str]:
        """Its hooks in which it can act, in the order of the documentation."""
        return [hook for hook in (*_HOOKS, *_OTHER_HOOKS) if self._has_hook(hook)]

    def _has_hook(self, hook: str) -> bool:
        return getattr(type(self._strategy), hook) is not getattr(Strategy, hook)

    async def check_timeframes(self, store: EventStore) -> None:
        missing, found = dict(self._timeframes), dict[str, None]()
        async with aclosing(self._bars(store)) as bars:
            while missing and (bar := await anext(bars, None)) is not None:
                found[bar.timeframe] = None
                missing.pop(bar.timeframe, None)
        for timeframe in missing:
            has = f"only bars of {listed(sorted(found))}" if found else "no bars"
            raise ConfigError(
                f"{self._who} timeframe {timeframe!r}, but the run has {has} for {self._names()}"
                f"{did_you_mean(timeframe, found)}"
            )

    async def check_resampled(self, store: EventStore) -> None:
        """Check that the run has finer data to build each resampled timeframe from, and not its bars."""
        if not self._resampled:
            return
        has_trades = any(Trade.__name__ in info.event_types for info, _ in self._played)
        found = await self._first_timeframes(store)
        has = f"bars of {listed(sorted(found))}" if found else "no bars"
        has += " and trades" if has_trades else " and no trades"
        for timeframe in self._resampled:
            try:
                builder = BarBuilder(timeframe)
            except InputError as error:
                raise ConfigError(f"{self._who} resampled: {error}") from error
            if timeframe in found:
                raise ConfigError(
                    f"{self._who} {timeframe!r} as resampled, but the run plays bars of it: declare it as "
                    "one of its timeframes, or do not play them"
                )
            if not has_trades and not any(builder.is_finer(each) for each in found):
                raise ConfigError(
                    f"{self._who} {timeframe!r} as resampled, but the run has {has} of {self._names()}, "
                    "and it cannot be built from them"
                )

    async def _first_timeframes(self, store: EventStore) -> set[str]:
        """The timeframes in the first bars of each stream."""
        found: set[str] = set()
        for _, source in self._played:
            selection = Selection(
                from_seq=source.first_seq, to_seq=source.last_seq, symbols=self._symbols, types=_BARS
            )
            async with aclosing(store.read(source.stream, selection)) as batches:
                async for batch in batches:
                    found |= {event.timeframe for event in batch.events if isinstance(event, Bar)}
                    break
        return found

    async def _bars(self, store: EventStore) -> AsyncGenerator[Bar, None]:
        """The bars of its symbols: first some of each stream, which are usually enough, then all."""
        for is_first_read in (True, False):
            for _, source in self._played:
                selection = Selection(
                    from_seq=source.first_seq, to_seq=source.last_seq, types=_BARS, symbols=self._symbols
                )
                async with aclosing(store.read(source.stream, selection)) as batches:
                    async for batch in batches:
                        for event in batch.events:
                            assert isinstance(event, Bar)
                            yield event
                        if is_first_read:
                            break

    def _names(self) -> str:
        return listed(sorted(self._symbols))


def _configured_classes(config: ReplayConfig) -> dict[str, set[str]]:
    return {one.symbol: {(one.asset_class or AssetClass.EQUITY).value} for one in config.instruments}


async def _asset_classes(store: EventStore, played: Played, config: ReplayConfig) -> dict[str, set[str]]:
    """The asset classes of each symbol, in the configuration and in the data."""
    classes = _configured_classes(config)
    defining = [source for info, source in played if InstrumentDefined.__name__ in info.event_types]
    async for event in read_inputs(store, "", defining, types=frozenset({InstrumentDefined})):
        if isinstance(event, InstrumentDefined):
            classes.setdefault(event.symbol, set()).add(event.asset_class.value)
    return classes
