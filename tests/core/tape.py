"""A world played: each input with what followed from it, and the core at the end."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from components.assembly.core import Core
from kernel.events import Event
from tests.core.happenings import NEW_SYMBOL, SYMBOLS
from tests.core.worlds import World

ALL_SYMBOLS = (*SYMBOLS, NEW_SYMBOL)


class Moment(msgspec.Struct, frozen=True):
    """What came of one input; of timers that were due between two, where there is no event."""

    event: Event | None
    derived: tuple[Event, ...]
    prices_before: dict[str, float | None]
    prices: dict[str, float | None]
    """Last prices by symbol, after it."""

    def everything(self) -> Iterator[Event]:
        """The input, then what was derived, as it happened."""
        if self.event is not None:
            yield self.event
        yield from self.derived


class Tape(msgspec.Struct, frozen=True):
    """A whole run."""

    world: World
    moments: tuple[Moment, ...]
    core: Core

    def everything(self) -> Iterator[Event]:
        """Inputs and derived events as they happened."""
        for moment in self.moments:
            yield from moment.everything()

    def derived(self) -> Iterator[Event]:
        """All that the core made."""
        for moment in self.moments:
            yield from moment.derived


def play(played: World) -> Tape:
    """Run a world from its beginning to its end."""
    core = played.core()
    return Tape(played, tuple(moments_of(core, played.inputs)), core)


def moments_of(core: Core, inputs: Iterable[Event]) -> Iterator[Moment]:
    """What follows from each input, timers apart from it."""
    before = _prices(core)
    for event in inputs:
        core.bus.advance(event.ts - 1)
        fired = core.bus.take_derived().events
        if fired:
            yield Moment(None, tuple(fired), before, before)
        core.bus.dispatch((event,))
        after = _prices(core)
        yield Moment(event, tuple(core.bus.take_derived().events), before, after)
        before = after


def derived_of(core: Core, inputs: Sequence[Event]) -> list[Event]:
    """What follows from inputs that come all together."""
    core.bus.dispatch(inputs)
    return core.bus.take_derived().events


def _prices(core: Core) -> dict[str, float | None]:
    return {symbol: core.market.last_price(symbol) for symbol in ALL_SYMBOLS}
