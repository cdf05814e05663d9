"""History from before a run: the bars before ``from`` that the strategies of a run need.

    warm_up: auto     # as many bars as the strategies ask for (the default)
    warm_up: 200      # so many bars of each symbol and timeframe
    warm_up: none     # the run begins without history

The bars trade nothing: they only fill the history (``HistoryLoaded``), so orders, figures and equity begin at
``from``. They are inputs of the run and recorded in it. So a replay of the run has the same bars, and a run
that is older than this setting has none.

The number of bars is not declared twice. The strategies are tried on the last inputs before ``from``, in a
core whose results are thrown away, and the largest number that each one asks of ``ctx.history`` counts. So
the number depends on nothing after ``from``.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal

import msgspec

from components.assembly.core import Core
from components.assembly.setup import core_of
from components.strategy_host.history_view import bars_kept_for
from eventstore import EventStore, Selection, StreamInfo, StreamSlice, merge
from kernel.corporate_actions import as_dividend, is_void
from kernel.events import (
    Bar,
    CorporateAction,
    CorporateActionKind,
    HistoryLoaded,
    PastAction,
    PastBar,
    StreamRange,
)
from replay.config import NONE
from replay.run import Plan, opening_of
from strategies.sdk.sizing import bars_needed

TRIED = 4_000
"""Inputs before ``from`` on which the strategies are tried, of all streams together."""

_FEWEST_TRIED = 20
_FIRST_READ = 2_000
_ADJUSTING = (CorporateActionKind.SPLIT, CorporateActionKind.DIVIDEND, CorporateActionKind.SPIN_OFF)

Key = tuple[str, str]
"""A symbol and a timeframe."""


async def history_before(
    store: EventStore, plan: Plan, streams: Sequence[StreamInfo]
) -> tuple[HistoryLoaded, ...]:
    """The history for a plan from the bars of its streams before ``from``; empty if there are none."""
    from_ts, warm_up = plan.config.from_ts, plan.config.warm_up
    if from_ts is None or warm_up in (NONE, 0):
        return ()
    first_seqs = {source.stream: source.first_seq for source in plan.sources}
    found = [await _before(store, info, from_ts, first_seqs.get(info.stream, 0)) for info in streams]
    earlier = [(info, part) for info, part in found if part.last_seq > 0]
    with_bars = [part for info, part in earlier if Bar.__name__ in info.event_types]
    if not with_bars:
        return ()
    if isinstance(warm_up, int):
        counts = {symbol: warm_up for one in plan.strategies for symbol in one.symbols}
    else:
        counts = await _counts(store, plan, earlier)
    counts = {symbol: count for symbol, count in counts.items() if count > 0}
    bars: dict[Key, deque[Bar]] = {}
    for part in with_bars:
        bars.update(await _last_bars(store, part, counts))
    acting = [part for info, part in earlier if CorporateAction.__name__ in info.event_types]
    actions = await _actions(store, acting, counts) if acting and bars else {}
    return tuple(
        _loaded(plan.start_ts, key, bars[key], _since(bars, key[0], actions.get(key[0], ())))
        for key in sorted(bars)
    )


def _since(
    bars: Mapping[Key, Sequence[Bar]], symbol: str, actions: Sequence[CorporateAction]
) -> list[CorporateAction]:
    """The actions of a symbol since its first bar, of any timeframe."""
    first_ts = min(found[0].ts for (other, _), found in bars.items() if other == symbol)
    return [_for_prices(action, bars) for action in actions if action.ts >= first_ts]


def _for_prices(action: CorporateAction, bars: Mapping[Key, Sequence[Bar]]) -> CorporateAction:
    """A spin-off as the dividend of the same value, by the prices before it; any other action as it is."""
    if action.kind is not CorporateActionKind.SPIN_OFF or is_void(action):
        return action
    price, new_price = (_last_close(bars, name, action.ts) for name in (action.symbol, action.new_symbol))
    return as_dividend(action, price=price, new_price=new_price)


def _last_close(bars: Mapping[Key, Sequence[Bar]], symbol: str, ts: int) -> Decimal | None:
    """The close of the last bar of a symbol up to a time, of any timeframe."""
    known = [bar for (name, _), own in bars.items() if name == symbol for bar in own if bar.ts <= ts]
    return Decimal(repr(max(known, key=lambda bar: bar.ts).close)) if known else None


def _loaded(ts: int, key: Key, bars: Sequence[Bar], actions: Sequence[CorporateAction]) -> HistoryLoaded:
    return HistoryLoaded(
        ts,
        *key,
        tuple(
            PastBar(bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.open_ts) for bar in bars
        ),
        tuple(PastAction(one.ts, one.kind, one.ratio, one.amount, one.currency) for one in actions),
    )


async def _before(
    store: EventStore, info: StreamInfo, from_ts: int, first_seq: int
) -> tuple[StreamInfo, StreamRange]:
    """The part of a stream before the run. ``first_seq``: its first event that is played, if any is."""
    last_seq = info.last_seq
    if first_seq and Bar.__name__ in info.event_types:
        last_seq = first_seq - 1
    elif info.last_ts >= from_ts:
        async with aclosing(store.read(info.stream, Selection(from_ts=from_ts))) as batches:
            async for batch in batches:
                last_seq = batch.seqs[0] - 1
                break
    return info, StreamRange(info.stream, 1, last_seq, "")


async def _counts(
    store: EventStore, plan: Plan, earlier: Sequence[tuple[StreamInfo, StreamRange]]
) -> dict[str, int]:
    """By symbol, how many bars the strategies of a plan need."""
    signals = plan.config.signals
    for_sizing = 0 if signals is None else bars_needed(signals.sizing)
    counts = {symbol: for_sizing for one in plan.strategies for symbol in one.symbols}
    for one in plan.strategies:
        declared = one.loaded.strategy.bars_needed()
        for symbol in one.symbols:
            counts[symbol] = max(counts[symbol], declared)
    if any(bars_kept_for(one.loaded.strategy, as_declared=False) for one in plan.strategies):
        for symbol, count in (await _asked(store, plan, earlier)).items():
            counts[symbol] = max(counts.get(symbol, 0), count)
    return counts


async def _asked(
    store: EventStore, plan: Plan, earlier: Sequence[tuple[StreamInfo, StreamRange]]
) -> dict[str, int]:
    """By symbol, the most bars that a strategy asks for on the last inputs before ``from``.

    A strategy that asks for fewer bars of some symbols, because they came later or not at all in these
    inputs, is given the most that it asked for any symbol.
    """
    each = max(_FEWEST_TRIED, TRIED // len(earlier))
    slices = [
        StreamSlice(part.stream, Selection(from_seq=max(1, part.last_seq - each + 1), to_seq=part.last_seq))
        for _, part in earlier
    ]
    core: Core | None = None
    async with aclosing(merge(store, slices)) as batches:
        async for batch in batches:
            if core is None:
                core = _begun(plan, batch[0].ts)
            core.bus.dispatch(batch)
            core.bus.take_derived()
    asked: dict[str, int] = {}
    for one, host in zip(plan.strategies, () if core is None else core.hosts, strict=False):
        most = max(host.state.asked.values(), default=0)
        for symbol in one.symbols:
            asked[symbol] = max(asked.get(symbol, 0), most)
    return asked


def _begun(plan: Plan, ts: int) -> Core:
    """A core of the plan that has begun at another time."""
    trial = msgspec.structs.replace(plan, start_ts=ts)
    core = core_of(trial, trial.venue)
    core.bus.dispatch(opening_of(trial))
    return core


async def _last_bars(
    store: EventStore, part: StreamRange, counts: Mapping[str, int]
) -> dict[Key, deque[Bar]]:
    """The last bars of a part of a stream, as many as needed. It is read from its end, in growing pieces."""
    piece = _FIRST_READ
    while True:
        first_seq = max(1, part.last_seq - piece + 1)
        bars = await _bars_from(store, part, first_seq, counts)
        is_complete = {symbol for symbol, _ in bars} >= counts.keys() and all(
            len(found) >= counts[symbol] for (symbol, _), found in bars.items()
        )
        if is_complete or first_seq == 1:
            return bars
        piece *= 8


async def _bars_from(
    store: EventStore, part: StreamRange, first_seq: int, counts: Mapping[str, int]
) -> dict[Key, deque[Bar]]:
    wanted = Selection(
        from_seq=first_seq, to_seq=part.last_seq, types=frozenset({Bar}), symbols=frozenset(counts)
    )
    bars: dict[Key, deque[Bar]] = {}
    async with aclosing(store.read(part.stream, wanted)) as batches:
        async for batch in batches:
            for event in batch.events:
                assert isinstance(event, Bar)
                key = event.symbol, event.timeframe
                if key not in bars:
                    bars[key] = deque(maxlen=counts[event.symbol])
                bars[key].append(event)
    return bars


async def _actions(
    store: EventStore, parts: Sequence[StreamRange], counts: Mapping[str, int]
) -> dict[str, list[CorporateAction]]:
    """Splits and dividends before ``from`` by symbol, oldest first."""
    found: dict[str, list[CorporateAction]] = {}
    for part in parts:
        wanted = Selection(
            to_seq=part.last_seq, types=frozenset({CorporateAction}), symbols=frozenset(counts)
        )
        async with aclosing(store.read(part.stream, wanted)) as batches:
            async for batch in batches:
                for event in batch.events:
                    if isinstance(event, CorporateAction) and event.kind in _ADJUSTING:
                        found.setdefault(event.symbol, []).append(event)
    for actions in found.values():
        actions.sort(key=lambda action: action.ts)
    return found
