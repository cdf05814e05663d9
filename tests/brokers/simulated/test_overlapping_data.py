"""Several kinds of data of one symbol over the same time fill orders once, and never in hindsight."""

from decimal import Decimal

import msgspec
import pytest

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.fills import FillTiming
from kernel.events import (
    BUY,
    SELL,
    ApprovedOrder,
    Bar,
    Event,
    ExecutionKind,
    OrderType,
    Quote,
    TimeInForce,
    Trade,
)
from kernel.time_units import MINUTE_NS as MINUTE
from tests.brokers.simulated.venue import Venue, bar, order

SECOND = MINUTE // 60


def trailing(amount: str) -> ApprovedOrder:
    one = order(SELL, order_type=OrderType.TRAILING_STOP)
    return msgspec.structs.replace(one, trail_amount=Decimal(amount))


def quote(second: int, bid: float, ask: float) -> Quote:
    return Quote(second * SECOND, "A", bid, ask)


def test_a_longer_bar_does_not_turn_a_trailing_stop_with_a_low_from_before_its_level() -> None:
    venue = Venue()
    venue.hear(bar(1, "100/100/100/100"))
    venue.submit(trailing("3"))

    filled = venue.fills(
        bar(2, "100/101/98/101"),
        bar(3, "101/110/101/109"),
        bar(3, "100/110/98/109", length=2),
        bar(4, "109/109/106/106"),
    )

    assert filled == [(3, 107.0)]


def test_a_longer_bar_does_not_fill_a_limit_with_a_price_from_before_its_trigger() -> None:
    venue = Venue()
    venue.hear(bar(1, "100/100/100/100"))
    venue.submit(order(BUY, stop=103, limit=99))

    filled = venue.fills(
        bar(2, "100/101/98/101"), bar(3, "101/110/101/109"), bar(3, "100/110/98/109", length=2)
    )

    assert filled == []


def test_a_longer_bar_has_no_volume_beside_that_of_the_bars_in_it() -> None:
    venue = Venue(SimulatedBrokerConfig(volume=ModelConfig("share", {"limit": 1})))
    venue.hear(bar(1, "100/100/100/100"))
    venue.submit(order(BUY, 10))

    filled = venue.fills(
        bar(2, "100/101/98/101"), bar(3, "101/110/101/109"), bar(3, "100/110/98/109", length=2)
    )

    assert filled == [(0, 100.0), (1, 101.0)]


def test_a_longer_bar_that_comes_before_the_last_one_in_it_fills_nothing_either() -> None:
    venue = Venue()
    venue.hear(bar(1, "100/100/100/100"))
    venue.submit(trailing("3"))

    filled = venue.fills(
        bar(2, "100/110/100/110"), bar(3, "100/110/98/109", length=2), bar(3, "110/110/108/109")
    )

    assert filled == []


@pytest.mark.parametrize("tick", [quote(90, 110, 111), Trade(90 * SECOND, "A", 110.0, 1.0)])
def test_a_bar_does_not_turn_a_trailing_stop_that_ticks_moved_while_it_was_open(tick: Event) -> None:
    venue = Venue()
    venue.hear(bar(1, "100/100/100/100"))
    venue.submit(trailing("3"))

    filled = venue.fills(tick, bar(2, "100/111/99/109"), bar(3, "109/109/106/106"))

    assert filled == [(2, 107.0)]


def test_a_bar_does_not_fill_a_limit_that_a_quote_triggered_while_it_was_open() -> None:
    venue = Venue()
    venue.hear(bar(1, "100/100/100/100"))
    venue.submit(order(BUY, stop=103, limit=99))

    filled = venue.fills(quote(90, 103, 104), bar(2, "100/104/98/104"), bar(3, "104/104/98/99"))

    assert filled == [(2, 99.0)]


def test_a_bar_fills_no_more_of_an_order_that_prints_filled_in_part_while_it_was_open() -> None:
    venue = Venue(SimulatedBrokerConfig(volume=ModelConfig("share", {"limit": 1})))
    venue.hear(bar(1, "100/100/100/100"))
    venue.submit(order(BUY, 3, limit=100))

    filled = venue.fills(
        Trade(90 * SECOND, "A", 100.0, 1.0), bar(2, "100/100/100/100"), bar(3, "100/100/100/100")
    )

    assert filled == [(0, 100.0), (2, 100.0)]


def test_a_bar_fills_a_resting_limit_between_quotes_that_do_not_reach_it() -> None:
    venue = Venue()
    venue.hear(bar(1, "100/100/100/100"))
    venue.submit(order(BUY, limit=99))

    assert venue.fills(quote(90, 100, 101), bar(2, "100/101/98/100")) == [(1, 99.0)]


@pytest.mark.parametrize("time_in_force", [TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC])
def test_a_market_order_fills_at_the_close_that_it_was_decided_on_whatever_its_time_in_force(
    time_in_force: TimeInForce,
) -> None:
    venue = Venue(SimulatedBrokerConfig(bar_fill=FillTiming.THIS_CLOSE))
    venue.hear(bar(1, "100/105/95/102"))
    venue.bus.dispatch(())

    venue.send(order(BUY, time_in_force=time_in_force))

    assert venue.broker.state.resting == {}
    assert venue.broker.state.positions["A"] == {"s": 10}


def test_a_bar_without_a_volume_fills_nothing_of_an_order_that_shares_it() -> None:
    venue = Venue(SimulatedBrokerConfig(volume=ModelConfig("share", {"limit": 1})))
    venue.hear(bar(1, "100/100/100/100"))
    venue.submit(order(BUY, 1))
    missing: Bar = msgspec.structs.replace(bar(2, "100/100/100/100"), volume=float("nan"))

    assert venue.fills(missing, bar(3, "101/101/101/101")) == [(1, 101.0)]


def test_orders_at_one_close_share_the_volume_of_its_bar() -> None:
    share = ModelConfig("share", {"limit": 1})
    venue = Venue(SimulatedBrokerConfig(bar_fill=FillTiming.THIS_CLOSE, volume=share))
    venue.submit(order(BUY, 3, key="early"))
    venue.hear(bar(1, "100/105/95/102"), bar(2, "100/105/95/102"))

    reports = venue.submit(order(BUY, 1, key="one"), order(BUY, 1, key="two"))

    assert [report.quantity for report in reports if report.kind is ExecutionKind.FILL] == []
    assert venue.fills(bar(3, "102/102/102/102")) == [(0, 102.0)]
