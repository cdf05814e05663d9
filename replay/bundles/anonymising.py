"""Makes an anonymised copy of a run or live log: a new run, over scaled data, with code that names nobody.

The inputs get other names and scales, and are played. So all that is derived of them is derived anew, and the
copy reproduces itself. Two ways are tried until one decides as the original did, and the better one is kept:

1. Each symbol has factors of its own. This fits strategies that decide by returns and by money.
2. All symbols have the same factors, and parameters with names such as ``quantity`` or ``stop_price`` are
   scaled as well. This fits strategies that order numbers of units, or compare prices of symbols.
"""

import builtins
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import cast

import msgspec

from eventstore import Durability, EventStore, Selection, open_store
from eventstore.block_copies import records_in
from kernel.errors import ConfigError, InputError
from kernel.events import EVENT_TYPES, Event, Order, SessionStarted, StrategyLoaded, StreamRange
from replay.bundles.anonymous_inputs import AnonymousInputs
from replay.bundles.manifest import Scaled
from replay.bundles.packing import BundleReader
from replay.bundles.rewriting import Rewriter
from replay.bundles.scales import Factors, Scales, likenesses_of, words_in
from replay.bundles.survey import OUR_LOG, OUR_RUN, Names, inputs_of, survey
from replay.bundles.units import LEFT_OUT
from replay.order_records import OrderRecord, read_orders
from replay.record import Record, plan_after, plan_of, read_record
from replay.recording import RunRecorder
from replay.run import play
from strategies.sdk import Strategy

_INPUTS = "inputs"
_PLAIN_WORDS = frozenset({
    *map(str.lower, (*keyword.kwlist, *dir(builtins), *dir(Strategy))),
    *(field.name for kind in EVENT_TYPES for field in msgspec.structs.fields(kind)),
    *(field.name for field in msgspec.structs.fields(Order)),
})  # fmt: skip
"""Words of the language and of the events, which every strategy has."""
_encode = msgspec.msgpack.Encoder().encode


class Anonymised(msgspec.Struct, frozen=True):
    """An anonymised copy. ``path``: of its store; ``stream``: its run or log there."""

    path: Path
    stream: str
    scaled: Scaled
    names: Names

    def refuse_remains(self, reader: BundleReader) -> None:
        """Raise ``InputError`` for a name of the original anywhere in the bundle."""
        names = (*self.names.symbols, *self.names.others, *self.names.private)
        words, whole = words_in(names), frozenset((*names, *self.names.streams))
        for file in reader.manifest.files:
            for text in _texts_in(reader, file.name):
                found = words.search(text) if words is not None else None
                if found is not None or text in whole:
                    name = found.group() if found is not None else text
                    raise InputError(
                        f"{file.name} would still hold {name!r}, in {text[:60]!r}; nothing was written. "
                        "In code, names are renamed in texts and not in identifiers: rename it there"
                    )

    def likenesses(self, reader: BundleReader) -> tuple[str, ...]:
        """Words in the bundle that are like a name of the original, each once, in order of the alphabet."""
        pattern = likenesses_of((*self.names.symbols, *self.names.others, *self.names.private))
        if pattern is None:
            return ()
        found = {
            _word_around(text, match)
            for file in reader.manifest.files
            for text in _texts_in(reader, file.name)
            for match in pattern.finditer(text)
        }
        return tuple(sorted(word for word in found if word.lower() not in _PLAIN_WORDS))


class _Way(msgspec.Struct, frozen=True):
    """Factors by symbol, those of all else, and whether parameters are scaled."""

    factors: Mapping[str, Factors]
    common: Factors
    scales_params: bool


async def anonymised(store: EventStore, stream: str, folder: Path, *, scales: Scales) -> Anonymised:
    """Play a log with other names and scales into a store of its own in ``folder``.

    Raises ``InputError`` for a log with inputs of which no anonymous form is known, or with code that refuses
    its parameters.
    """
    record = await read_record(store, stream)
    names = await survey(store, stream, record.started.sources)
    renamed = names.renamed(one.strategy for one in record.opening if isinstance(one, StrategyLoaded))
    one = scales.one()
    ways = [_Way(dict.fromkeys(names.symbols, one), one, scales_params=True)]
    if not scales.keeps_sizes:
        ways.insert(0, _Way(scales.each(names.groups), one, scales_params=False))
    old = (await read_orders(store, stream)).orders
    made: list[Anonymised] = []
    problem: Exception | None = None
    for number, way in enumerate(ways):
        path = folder / f"anonymised-{number}.db"
        rewriter = Rewriter(
            renamed, way.factors, way.common, shift_ns=scales.shift_ns, scales_params=way.scales_params
        )
        try:
            new_stream = await _Copy(store, record, rewriter, path).make()
        except (ConfigError, InputError) as refused:
            problem = refused
            continue
        async with await open_store(path, read_only=True) as copied:
            new = (await read_orders(copied, new_stream)).orders
        equal = _equal_count(old, new, renamed, way)
        made.append(Anonymised(path, new_stream, Scaled(len(old), equal, bool(scales.shift_ns)), names))
        if equal == len(old) == len(new):
            break
    if not made:
        raise InputError(f"{stream} cannot be anonymised: {problem}") from problem
    return max(made, key=lambda each: each.scaled.equal_count)


class _Copy:
    """Makes one copy of a log."""

    def __init__(self, store: EventStore, record: Record, rewriter: Rewriter, path: Path) -> None:
        self._store = store
        self._record = record
        self._rewriter = rewriter
        self._path = path

    async def make(self) -> str:
        """Write the copy; returns the name of its stream."""
        async with await open_store(self._path, durability=Durability.NORMAL) as target:
            if self._record.log is None:
                return await self._run(target)
            return await self._log(target)

    async def _run(self, target: EventStore) -> str:
        sources: list[StreamRange] = []
        streams: dict[str, str] = {}
        for source in sorted(self._record.started.sources, key=lambda one: one.stream):
            name = f"data.{len(sources) + 1:03}"
            streams[source.stream] = name
            if (copied := await self._data(target, source, name)) is not None:
                sources.append(copied)
        inputs = AnonymousInputs(self._rewriter, sources, streams)
        record = _record_of(OUR_RUN, inputs.of(self._record.opening))
        recorder = RunRecorder(target, OUR_RUN)
        played = await play(target, plan_of(record, current_code=False), recorder)
        await recorder.finish(input_count=played.input_count, ts=played.last_ts)
        return OUR_RUN

    async def _data(self, target: EventStore, source: StreamRange, name: str) -> StreamRange | None:
        """A stream of data under another name; ``None`` if nothing of it remains."""
        seq, chosen = 0, Selection(from_seq=source.first_seq, to_seq=source.last_seq)
        async with aclosing(self._store.read(source.stream, chosen)) as batches:
            async for batch in batches:
                kept = [self._rewriter.struct(one) for one in batch.events if type(one) not in LEFT_OUT]
                if kept:
                    seq = (await target.append(name, kept, expected_seq=seq)).seq
        if not seq:
            return None
        return StreamRange(name, 1, seq, (await target.head(name)).block_hash.hex())

    async def _log(self, target: EventStore) -> str:
        inputs = AnonymousInputs(self._rewriter, (), {})
        opening: list[Event] = []
        path = self._path.with_name(f"{self._path.stem}-inputs.db")
        async with await open_store(path, durability=Durability.NORMAL) as scratch:
            seq = 0
            async with aclosing(inputs_of(self._store, self._record.run_stream)) as batches:
                async for batch in batches:
                    changed = inputs.of(batch)
                    if not any(isinstance(event, SessionStarted) for event in opening):
                        opening += changed
                    numbers = [-(seq + place) for place in range(1, len(changed) + 1)]
                    seq = (await scratch.append(_INPUTS, changed, expected_seq=seq, causes=numbers)).seq
            end = next(n for n, event in enumerate(opening, start=1) if isinstance(event, SessionStarted))
            log = StreamRange(_INPUTS, 1, seq, (await scratch.head(_INPUTS)).block_hash.hex())
            record = _record_of(OUR_LOG, opening[:end], log=log)
            recorder = RunRecorder(target, OUR_LOG)
            await play(scratch, plan_of(record, current_code=False), recorder, next_plan=plan_after)
            await recorder.flush()
        return OUR_LOG


def _record_of(stream: str, opening: Sequence[Event], *, log: StreamRange | None = None) -> Record:
    return Record(
        stream,
        tuple(range(1, len(opening) + 1)),
        tuple(opening),
        tuple(map(_encode, opening)),
        log,
        0 if log is None else log.last_seq,
    )


def _equal_count(
    old: Sequence[OrderRecord], new: Sequence[OrderRecord], names: Mapping[str, str], way: _Way
) -> int:
    """How many of the first orders are the same orders, up to names and scales."""
    count = 0
    for one, other in zip(old, new, strict=False):
        factors = way.factors.get(one.order.symbol, way.common)
        is_equal = one.status is other.status and _scaled(one.order, factors, names) == _form(other.order)
        if not is_equal or one.filled_quantity * Decimal(factors.size) != other.filled_quantity:
            return count
        count += 1
    return count


def _scaled(order: Order, factors: Factors, names: Mapping[str, str]) -> tuple[object, ...]:
    price, size = Decimal(factors.price), Decimal(factors.size)
    return _form(
        msgspec.structs.replace(
            order,
            symbol=names[order.symbol],
            quantity=order.quantity * size,
            limit_price=None if order.limit_price is None else order.limit_price * price,
            stop_price=None if order.stop_price is None else order.stop_price * price,
        )
    )


def _form(order: Order) -> tuple[object, ...]:
    return (
        order.client_order_id,
        order.symbol,
        order.side,
        order.order_type,
        order.time_in_force,
        order.quantity,
        order.limit_price,
        order.stop_price,
    )


def _word_around(text: str, match: re.Match[str]) -> str:
    """The whole word that holds a match."""
    begin, end = match.span()
    while begin and (text[begin - 1].isalnum() or text[begin - 1] == "_"):
        begin -= 1
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return text[begin:end]


def _texts_in(reader: BundleReader, name: str) -> Iterator[str]:
    """All texts in a file of a bundle."""
    data = reader.text(name)
    if not name.startswith("streams/"):
        yield name
        yield data.decode()
        return
    for record in records_in(BytesIO(data), name=name):
        yield from _texts(msgspec.msgpack.decode(record.payload))


def _texts(value: object) -> Iterator[str]:
    """All texts in a value as msgpack has it: nearly all of a log are numbers in lists."""
    if isinstance(value, dict):
        value = list(chain.from_iterable(cast(dict[object, object], value).items()))
    if not isinstance(value, list):
        return
    for one in cast(list[object], value):  # isinstance tells no more
        if isinstance(one, str):
            yield one
        elif isinstance(one, list | dict):
            yield from _texts(cast(object, one))
