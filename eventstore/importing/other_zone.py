"""Tells a file whose rows a stream has at other times: it was imported with another time zone or label.

Such rows contradict the stream, or are appended to it a second time. Replacing them would leave the wrong
ones that lie outside of the file's own period.
"""

from contextlib import aclosing
from shlex import quote

from eventstore.importing.spool import Lane, Spool
from eventstore.importing.stamp_spacing import in_words
from eventstore.port import EventStore, Selection
from kernel.errors import InputError
from kernel.events import Bar
from kernel.time_units import HOUR_NS, MINUTE_NS

_WIDEST_NS = 26 * HOUR_NS
"""Zones lie up to 26 hours apart."""

_ZONE_STEP_NS = 15 * MINUTE_NS
_CLOCK_CHANGE_NS = HOUR_NS
_ROWS = 64
_FEWEST_ROWS = 10  # of a longer file
_FEWEST_PRICES = 3  # different rows: prices that stand still match anywhere


class OtherZone(InputError):
    """A stream has the rows of a file at other times; nothing was changed."""


async def check_zone(store: EventStore, spool: Spool, lane: Lane) -> None:
    """Raise ``OtherZone`` if the stream has the first bars of the lane, with all values, at other times."""
    ours = _first_bars(spool, lane)
    values = [_values(bar) for bar in ours]
    if len(set(values)) < _FEWEST_PRICES:
        return
    near = Selection(from_ts=ours[0].ts - _WIDEST_NS, to_ts=ours[-1].ts + _WIDEST_NS)
    stored: list[Bar] = []
    async with aclosing(store.read(lane.stream, near)) as batches:
        async for batch in batches:
            stored += [event for event in batch.events if isinstance(event, Bar)]
    theirs = [_values(bar) for bar in stored]
    if any(bar.ts == ours[0].ts and each == values[0] for bar, each in zip(stored, theirs, strict=True)):
        return
    for at, each in enumerate(theirs):
        shift = stored[at].ts - ours[0].ts
        if each == values[0] and not shift % _ZONE_STEP_NS and abs(shift) <= _WIDEST_NS:
            count = min(len(values), len(theirs) - at)
            is_same = theirs[at : at + count] == values[:count] and all(
                abs(stored[at + n].ts - ours[n].ts - shift) <= _CLOCK_CHANGE_NS for n in range(count)
            )
            if is_same and count >= min(len(values), _FEWEST_ROWS):
                raise OtherZone(_sentence(lane, shift))


def _first_bars(spool: Spool, lane: Lane) -> list[Bar]:
    for frame in spool.frames(lane):
        return [event for event in frame.events[:_ROWS] if isinstance(event, Bar)]
    return []


def _values(bar: Bar) -> tuple[object, ...]:
    return bar.symbol, bar.timeframe, bar.open, bar.high, bar.low, bar.close, bar.volume


def _sentence(lane: Lane, shift: int) -> str:
    where = f"{in_words(abs(shift))} {'later' if shift > 0 else 'earlier'}"
    return (
        f"stream {lane.stream!r} has the same rows {where}: it was imported with another time zone, or "
        "another --label; nothing was imported. If this import is right, delete the stream, and give the "
        "command again: "
        f"onetape streams delete {quote(lane.stream)}"
    )
