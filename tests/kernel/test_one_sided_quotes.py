"""The last quote with both sides: found in any order of symbols, and however inputs are cut into lists."""

from collections.abc import Sequence
from random import Random

import pytest

from kernel.bus import EventBus, is_two_sided
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import Quote, Trade

NAN = float("nan")


class Reader:
    """Notes the last quote with both sides at each quote."""

    name = "reader"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self, bus: EventBus) -> None:
        self.state = bus.state
        self.read: list[Quote | None] = []
        self._bus = bus

    def subscriptions(self) -> Sequence[Subscription]:
        return (Subscription(Quote, self.on_quote),)

    def on_quote(self, quote: Quote) -> None:
        self.read.append(self._bus.last_two_sided(quote.symbol))


def quotes(dice: Random, count: int) -> list[Quote | Trade]:
    """Quotes of two symbols, half of them with a missing side, and trades between them."""
    events: list[Quote | Trade] = []
    for ts in range(1, count + 1):
        symbol, missing = dice.choice("AB"), dice.choice((0.0, NAN))
        bid, ask = dice.choice(((1.0, 2.0), (1.0, 2.0), (missing, 2.0), (1.0, missing)))
        events.append(Quote(ts, symbol, bid, ask) if dice.random() < 0.9 else Trade(ts, symbol, 1.5, 1.0))
    return events


@pytest.mark.parametrize("seed", range(30))
def test_it_does_not_depend_on_how_inputs_are_cut_into_lists(seed: int) -> None:
    dice = Random(seed)
    inputs = quotes(dice, 60)
    expected: list[Quote | None] = []
    known: dict[str, Quote] = {}
    for event in inputs:
        if isinstance(event, Quote):
            if is_two_sided(event):
                known[event.symbol] = event
            expected.append(known.get(event.symbol))

    whole, parts = EventBus(), EventBus()
    readers = [Reader(bus) for bus in (whole, parts)]
    for bus, reader in zip((whole, parts), readers, strict=True):
        bus.register(reader)
    whole.dispatch(inputs)
    while inputs:
        size = dice.randint(1, 9)
        parts.dispatch(inputs[:size])
        inputs = inputs[size:]

    assert readers[0].read == readers[1].read == expected
    assert list(whole.state.two_sided.items()) == list(parts.state.two_sided.items())


def test_there_is_none_before_the_first() -> None:
    bus = EventBus()
    bus.dispatch([Quote(1, "A", 0.0, 2.0)])

    assert (bus.last_two_sided("A"), bus.last_two_sided("B")) == (None, None)
