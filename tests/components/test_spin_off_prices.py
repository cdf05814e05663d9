"""A spin-off takes value out of the old share: total-adjusted prices show it as they show a dividend."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from components.market_data import MarketData
from eventstore import MemoryEventStore
from kernel.bus import EventBus
from kernel.events import Bar, CorporateAction, CorporateActionKind, Event, FxRateSet, InstrumentDefined
from replay import adjusted_bars
from strategies.sdk import Adjustment
from tests.replay.playing import store_of


def bar(ts: int, close: float, symbol: str = "OLD") -> Bar:
    return Bar(ts, symbol, "1d", close, close, close, close, 1.0)


def spin_off(ratio: str = "0.5", *, fraction: str = "0", cash: str = "0", ts: int = 2) -> CorporateAction:
    return CorporateAction(
        ts,
        "OLD",
        CorporateActionKind.SPIN_OFF,
        Decimal(ratio),
        Decimal(cash),
        new_symbol="NEW",
        cost_fraction=Decimal(fraction),
    )


def closes(*events: Event, adjustment: Adjustment = Adjustment.TOTAL) -> Sequence[float]:
    bus = EventBus()
    market = MarketData(bus, bars_needed={"OLD": 10})
    bus.register(market)
    bus.dispatch(events)
    return [one.close for one in market.history("OLD", 10, timeframe="1d", adjustment=adjustment)]


def test_the_new_shares_count_at_their_price_if_they_have_one() -> None:
    """Half a share at 40 is 20 of each old share at 100."""
    events = (bar(1, 100.0), bar(1, 40.0, "NEW"), spin_off(), bar(3, 80.0))

    assert closes(*events) == [80.0, 80.0]
    assert closes(*events, adjustment=Adjustment.SPLITS) == [100.0, 80.0]


def test_without_a_price_they_count_with_the_fraction_of_the_cost_that_moves() -> None:
    assert closes(bar(1, 100.0), spin_off(fraction="0.2"), bar(3, 80.0)) == [80.0, 80.0]


def test_cash_in_a_spin_off_counts_too() -> None:
    assert closes(bar(1, 100.0), spin_off(fraction="0.2", cash="5"), bar(3, 75.0)) == [75.0, 75.0]


def test_a_spin_off_of_unknown_value_leaves_prices_as_they_are() -> None:
    assert closes(bar(1, 100.0), spin_off(), bar(3, 80.0)) == [100.0, 80.0]


def test_a_new_share_in_another_currency_counts_with_the_fraction() -> None:
    terms, rate = InstrumentDefined(0, "NEW", currency="EUR"), FxRateSet(0, "EUR", "USD", Decimal(1))

    assert closes(
        terms, rate, bar(1, 100.0), bar(1, 99.0, "NEW"), spin_off(fraction="0.2"), bar(3, 80.0)
    ) == [80.0, 80.0]


async def _stored(**streams: Sequence[Event]) -> MemoryEventStore:
    store: MemoryEventStore = await store_of(**streams)
    return store


@pytest.mark.parametrize(
    ("action", "others"),
    [(spin_off(fraction="0.2"), ()), (spin_off(), (bar(3, 40.0, "NEW"),))],
    ids=["fraction", "first price"],
)
async def test_adjusted_bars_of_a_stream_show_it_too(action: CorporateAction, others: Sequence[Bar]) -> None:
    store = await _stored(all=[bar(1, 100.0), bar(3, 80.0), *others], actions=[action])

    seen = await adjusted_bars(store, "all", "actions", adjustment=Adjustment.TOTAL)

    assert [one.close for one in seen["OLD"]] == [80.0, 80.0]
