"""Adjusted prices for notebooks and scripts: bars of a stream, adjusted by a stream of corporate actions."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal

from eventstore import EventStore, Selection
from kernel.configuration import listed
from kernel.corporate_actions import as_dividend, is_void
from kernel.decimals import exact
from kernel.errors import StreamMissing
from kernel.events import Bar, CorporateAction, CorporateActionKind
from strategies.sdk import Adjustment
from strategies.sdk.adjustment import adjusted


@exact
async def adjusted_bars(
    store: EventStore, stream: str, actions_stream: str, *, adjustment: Adjustment = Adjustment.SPLITS
) -> dict[str, Sequence[Bar]]:
    """The bars of a stream by symbol, on the terms after the last action. Neither stream is changed.

    All bars of a symbol must have one timeframe, as in an imported stream. A share that changed its symbol
    has two entries. Raises ``StreamMissing``.
    """
    bars: dict[str, list[Bar]] = {}
    actions: dict[str, list[CorporateAction]] = {}
    found = {info.stream for info in await store.streams((stream, actions_stream))}
    for name in (stream, actions_stream):
        if name not in found:
            known = listed([info.stream for info in await store.streams()])
            raise StreamMissing(f"no stream {name!r} in the store; it holds {known}")
    async with aclosing(store.read(stream, Selection(types=frozenset({Bar})))) as batches:
        async for batch in batches:
            for event in batch.events:
                if isinstance(event, Bar):
                    bars.setdefault(event.symbol, []).append(event)
    async with aclosing(store.read(actions_stream, Selection(types=frozenset({CorporateAction})))) as batches:
        async for batch in batches:
            for event in batch.events:
                if isinstance(event, CorporateAction):
                    actions.setdefault(event.symbol, []).append(event)
    return {
        symbol: adjusted(own, [_for_prices(one, bars) for one in actions.get(symbol, ())], adjustment)
        for symbol, own in bars.items()
    }


def _for_prices(action: CorporateAction, bars: Mapping[str, Sequence[Bar]]) -> CorporateAction:
    """A spin-off as the dividend of the same value; any other action as it is.

    The new shares count at their first price from then on, if the stream has it.
    """
    if action.kind is not CorporateActionKind.SPIN_OFF or is_void(action):
        return action
    before = [bar.close for bar in bars.get(action.symbol, ()) if bar.ts <= action.ts]
    since = [bar.open for bar in bars.get(action.new_symbol, ()) if bar.ts > action.ts]
    return as_dividend(
        action,
        price=Decimal(repr(before[-1])) if before else None,
        new_price=Decimal(repr(since[0])) if since else None,
    )
