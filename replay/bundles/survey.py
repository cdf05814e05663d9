"""Reads a log once, for the names in it: what must have another name, and what may remain nowhere."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from enum import StrEnum
from types import ModuleType
from urllib.parse import urlsplit

import msgspec

from eventstore import EventStore, Selection
from kernel import events
from kernel.errors import InputError
from kernel.events import (
    Bar,
    ConfigLoaded,
    CorporateAction,
    Event,
    InstrumentDefined,
    Quote,
    RunStarted,
    StreamRange,
    Trade,
)
from kernel.records import InputNumbers
from replay.bundles.units import LEFT_OUT, REFUSED
from replay.run_config import Mode, RunConfig, config_on_record

_SYMBOLS = ("symbol", "new_symbol", "underlying")
_OTHERS = ("account", "venue", "broker", "feed", "source", "fee_currency")
OUR_LOG, OUR_RUN = "log", "run.anonymised.1"
"""The names of an anonymised live log and run."""


def _words(module: ModuleType) -> set[str]:
    """The values of all choices in a vocabulary."""
    kinds: list[object] = list(vars(module).values())
    return {
        one.value for kind in kinds if isinstance(kind, type) and issubclass(kind, StrEnum) for one in kind
    }


_OURS = frozenset(
    {
        *(
            "",
            "book",
            "simulated",
            "simulated_broker",
            "engine",
            "feed",
            "venue",
            "onetape run",
            "panic file",
        ),
        *("configuration", "operator", "replay fork", "deployment"),
        *(mode.value for mode in Mode),
        *_words(events),
    }
)
"""Words of ours that stand where a name may stand, and names that are words of ours: ``market``."""


class Names(msgspec.Struct, frozen=True):
    """The names in a log.

    - ``symbols``: in order; ``groups``: the group of each, whose symbols are scaled together.
    - ``others``: of accounts, venues, feeds and coins, in order.
    - ``private``: further words that may remain nowhere: people, hosts, names of secrets.
    - ``streams``: of the log and its data, without plain words such as ``hours``, which are in every text.
    """

    symbols: tuple[str, ...]
    groups: dict[str, str]
    others: tuple[str, ...]
    private: tuple[str, ...]
    streams: tuple[str, ...]

    def renamed(self, taken: Iterable[str]) -> dict[str, str]:
        """A new name for each, which is none of the old ones or of ``taken``.

        New symbols are in the order of the old ones: where the core goes through symbols in order, that
        order stays.
        """
        old = {*self.symbols, *self.others, *self.private, *self.streams, *taken}
        found: dict[str, str] = {}
        for word, names in (("S", self.symbols), ("name", self.others)):
            width, prefix = len(str(len(names))), word
            while any(name.startswith(prefix) and name[len(prefix) :].isdigit() for name in old):
                prefix += word[0]
            found |= {name: f"{prefix}{place:0{width}}" for place, name in enumerate(names, start=1)}
        return found


async def survey(store: EventStore, stream: str, sources: Iterable[StreamRange]) -> Names:
    """The names in a run or live log. Raises ``InputError`` for an input of which no form is known."""
    found = _Found()
    for source in sources:
        found.streams.add(source.stream)
        chosen = Selection(from_seq=source.first_seq, to_seq=source.last_seq)
        async with aclosing(store.read(source.stream, chosen)) as batches:
            async for batch in batches:
                for event in batch.events:
                    found.take(event)
    found.streams.add(stream)
    async with aclosing(inputs_of(store, stream)) as batches:
        async for inputs in batches:
            for event in inputs:
                found.take(event)
    return found.names()


async def inputs_of(store: EventStore, stream: str) -> AsyncGenerator[list[Event]]:
    """The inputs in a stream, in batches, without those that are left out."""
    numbers = InputNumbers()
    async with aclosing(store.read(stream)) as batches:
        async for batch in batches:
            causes = numbers.of(batch.seqs, batch.causes)
            inputs = [
                event
                for event, cause in zip(batch.events, causes, strict=True)
                if cause < 0 and type(event) not in LEFT_OUT
            ]
            if inputs:
                yield inputs


class _Found:
    def __init__(self) -> None:
        self.symbols: set[str] = set()
        self.others: set[str] = set()
        self.private: set[str] = set()
        self.streams: set[str] = set()
        self._parents: dict[str, str] = {}

    def take(self, event: Event) -> None:
        if isinstance(event, Bar | Quote | Trade):  # nearly all of a log
            self.symbols.add(event.symbol)
            return
        if type(event) in REFUSED:
            raise InputError(f"it cannot be anonymised: it has {REFUSED[type(event)]}")
        for name in _SYMBOLS:
            self._add(self.symbols, event, name)
        for name in _OTHERS:
            self._add(self.others, event, name)
        self._add(self.private, event, "operator")
        match event:
            case RunStarted(symbols=symbols):
                self.symbols.update(symbols)
            case ConfigLoaded(body=body):
                self._configured(body)
            case CorporateAction(symbol=symbol, new_symbol=new) if new:
                self._join(symbol, new)
            case InstrumentDefined(symbol=symbol, underlying=underlying) if underlying:
                self._join(symbol, underlying)
            case _:
                pass

    def names(self) -> Names:
        symbols = tuple(sorted(self.symbols - {""}))
        others = self.others - _OURS - self.symbols
        return Names(
            symbols,
            {symbol: self._root(symbol) for symbol in symbols},
            tuple(sorted(others)),
            tuple(sorted(self.private - _OURS - self.symbols - others)),
            tuple(sorted(name for name in self.streams - {OUR_LOG, OUR_RUN} if not name.isalpha())),
        )

    def _add(self, found: set[str], event: Event, field: str) -> None:
        value: object = getattr(event, field, "")
        if isinstance(value, str):
            found.add(value)

    def _configured(self, body: str) -> None:
        config = config_on_record(body)
        for one in config.instruments:
            self.symbols |= {one.symbol, one.underlying}
            self.others |= {one.venue, one.fee_currency}
            if one.underlying:
                self._join(one.symbol, one.underlying)
        for strategy in config.strategies:
            self.symbols.update(strategy.symbols)
        self.symbols |= {*config.risk.restricted, *config.risk.allow_only, *config.risk.locate_quantity}
        if not isinstance(config, RunConfig):
            return
        for feed in config.feeds:
            self.others.add(feed.name)
            self.symbols.update(feed.symbols)
            self._address(getattr(feed, "url", ""))
        if config.venue is not None:
            self.others |= {config.venue.account, config.venue.name}
            self._address(config.venue.url)
            self.private.add(config.venue.key.secret)
        self._address(config.traces.endpoint)

    def _address(self, url: object) -> None:
        if isinstance(url, str) and url and (host := urlsplit(url).hostname):
            self.private.add(host)

    def _root(self, symbol: str) -> str:
        while (parent := self._parents.get(symbol, symbol)) != symbol:
            symbol = parent
        return symbol

    def _join(self, one: str, other: str) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        if first != second:
            self._parents[second] = first
