"""Compares two runs or live logs: their first difference, then orders, fills and figures.

Records are compared from the start of the session on: before that is what was run, and it may differ.
Orders and fills are matched by what they are (time, strategy, symbol, side, quantity, price), not by their
ids, which depend on how many came before.
"""

from collections import Counter, deque
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from eventstore import EventStore, Selection
from eventstore.moments import iso_utc
from kernel.configuration import is_mapping
from kernel.decimals import exact
from kernel.events import Event, RunFinished, SessionStarted
from replay.order_records import RunOrders, read_orders
from replay.past.explanation_rows import order_text
from replay.results import RunResult, read_results

Key = tuple[int, str]
"""What an order or a fill is matched by: its time, and its terms in words."""

_encode = msgspec.msgpack.Encoder().encode


class FirstDifference(msgspec.Struct, frozen=True):
    """The first records that differ; ``None`` and seq 0 where a run has ended."""

    seq_a: int
    seq_b: int
    number: int
    a: Event | None
    b: Event | None


class ComparedRun(msgspec.Struct, frozen=True):
    """A run or live log, and the store that has it."""

    store: EventStore
    run: str


class Matched(msgspec.Struct, frozen=True):
    """How many are in both, and those that are in one alone, in order of time."""

    both: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


class RunComparison(msgspec.Struct, frozen=True, eq=False):
    """Two runs beside each other; ``first`` is ``None`` if all of their records are equal."""

    a: RunResult
    b: RunResult
    first: FirstDifference | None
    settings: tuple[tuple[str, str, str], ...]
    orders: Matched
    fills: Matched

    @property
    def is_equal(self) -> bool:
        """Whether both did the same."""
        return self.first is None


@exact
async def compare_runs(a: ComparedRun, b: ComparedRun, *, shared_seq: int = 0) -> RunComparison:
    """Compare two runs, which may be in two stores. Raises as ``read_results`` does.

    ``shared_seq``: the last of the records that both are known to begin with, as a fork and its log do.
    """
    first = await first_difference(a, b, shared_seq=shared_seq)
    orders_a, orders_b = await read_orders(a.store, a.run), await read_orders(b.store, b.run)
    result_a, result_b = await read_results(a.store, a.run), await read_results(b.store, b.run)
    return RunComparison(
        result_a,
        result_b,
        first,
        tuple(_settings(result_a, result_b)),
        _matched(_orders(orders_a), _orders(orders_b)),
        _matched(_fills(orders_a), _fills(orders_b)),
    )


async def first_difference(a: ComparedRun, b: ComparedRun, *, shared_seq: int = 0) -> FirstDifference | None:
    """The first record after the openings that is not in both, with its cause."""
    async with aclosing(_records(a, shared_seq)) as ours, aclosing(_records(b, shared_seq)) as theirs:
        while True:
            one, other = await anext(ours, None), await anext(theirs, None)
            if one is None and other is None:
                return None
            if one is None or other is None or one[1:] != other[1:]:
                seq_a, cause_a, event_a, _ = one or (0, 0, None, b"")
                seq_b, cause_b, event_b, _ = other or (0, 0, None, b"")
                return FirstDifference(seq_a, seq_b, abs(cause_a or cause_b), event_a, event_b)


_Found = tuple[int, int, Event, bytes]


async def _records(side: ComparedRun, after_seq: int) -> AsyncGenerator[_Found]:
    """Records after the opening and a seq: seq, cause (from the opening on), event, and its bytes."""
    opened_by = await _opened_by(side, after_seq) if after_seq else 0
    async with aclosing(side.store.read(side.run, Selection(from_seq=after_seq + 1))) as batches:
        async for batch in batches:
            causes = batch.causes or (0,) * len(batch.events)
            for seq, event, cause in zip(batch.seqs, batch.events, causes, strict=True):
                if isinstance(event, RunFinished):
                    continue
                if opened_by:
                    number = cause - opened_by if cause > 0 else cause + opened_by
                    yield seq, number, event, _encode(event)
                elif isinstance(event, SessionStarted):
                    opened_by = abs(cause)


async def _opened_by(side: ComparedRun, to_seq: int) -> int:
    """The number of the first session that began by a seq; 0 if none did."""
    chosen = Selection(to_seq=to_seq, types=frozenset({SessionStarted}))
    async with aclosing(side.store.read(side.run, chosen)) as batches:
        async for batch in batches:
            return abs(batch.causes[0]) if batch.causes else 0
    return 0


def _settings(a: RunResult, b: RunResult) -> list[tuple[str, str, str]]:
    """The settings, parameters and sources that differ."""
    found: list[tuple[str, str, str]] = []
    plain_a, plain_b = _flat(a.config), _flat(b.config)
    for key in (*plain_a, *(key for key in plain_b if key not in plain_a)):
        if plain_a.get(key) != plain_b.get(key):
            found.append((key, plain_a.get(key, ""), plain_b.get(key, "")))
    known = {one.strategy: one for one in b.strategies}
    for one in a.strategies:
        other = known.get(one.strategy)
        if other is None:
            found.append((f"strategy {one.strategy}", one.reference, ""))
            continue
        for name in ("version", "params", "source_hash"):
            if getattr(one, name) != getattr(other, name):
                found.append((f"{one.strategy}: {name}", getattr(one, name), getattr(other, name)))
    ours = {one.strategy for one in a.strategies}
    found += [(f"strategy {name}", "", one.reference) for name, one in known.items() if name not in ours]
    return found


def _flat(config: str) -> dict[str, str]:
    """A configuration as one text for each value, by its path."""
    found: dict[str, str] = {}
    waiting = deque[tuple[str, object]]([("", msgspec.json.decode(config) if config else None)])
    while waiting:
        path, value = waiting.popleft()
        if is_mapping(value):
            waiting += [(f"{path}.{key}" if path else key, each) for key, each in value.items()]
        else:
            found[path] = msgspec.json.encode(value).decode()
    return found


def _orders(found: RunOrders) -> Counter[Key]:
    return Counter(
        (one.created_ts, f"{one.order.strategy}: {order_text(one.order)}, {one.status.value}")
        for one in found.orders
    )


def _fills(found: RunOrders) -> Counter[Key]:
    return Counter(
        (
            fill.ts,
            f"{fill.strategy}: {fill.side.value} {fill.quantity.normalize():f} {fill.symbol} "
            f"at {fill.price.normalize():f}",
        )
        for fill in found.fills
    )


def _matched(a: Counter[Key], b: Counter[Key]) -> Matched:
    return Matched((a & b).total(), _in_words(a - b), _in_words(b - a))


def _in_words(keys: Counter[Key]) -> tuple[str, ...]:
    return tuple(f"{iso_utc(ts)} {words}" for ts, words in sorted(keys.elements()))
