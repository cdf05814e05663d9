"""Bars built from what arrives; a bar ends by the time, without another message."""

import pytest

from brokers.feeds.bars import BarPrices, BarsConfig, LiveBars
from kernel.errors import ConfigError
from kernel.events import Bar, Quote, Trade
from kernel.time_units import MINUTE_NS, SECOND_NS
from kernel.timers import NEVER


def trade(second: int, price: float, symbol: str = "A") -> Trade:
    return Trade(second * SECOND_NS, symbol, price, 2.0)


def bar(
    close_minute: int, prices: tuple[float, float, float, float], volume: float, symbol: str = "A"
) -> Bar:
    end = close_minute * MINUTE_NS
    return Bar(end, symbol, "1m", *prices, volume, end - MINUTE_NS)


def minutes(prices: BarPrices = BarPrices.TRADES) -> LiveBars:
    return LiveBars(BarsConfig(timeframes=("1m",), prices=prices))


def test_bar_ends_by_the_clock_without_another_trade() -> None:
    bars = minutes()
    for event in (trade(10, 5.0), trade(20, 7.0), trade(30, 6.0)):
        assert list(bars.around(event)) == [event]

    assert bars.due_ts == MINUTE_NS
    assert bars.due(MINUTE_NS - 1) == []
    assert bars.due(MINUTE_NS) == [bar(1, (5.0, 7.0, 5.0, 6.0), 6.0)]
    assert bars.due_ts == NEVER


def test_trade_of_the_next_period_comes_after_the_bar_that_it_completes() -> None:
    bars = minutes()
    bars.around(trade(10, 5.0))

    assert list(bars.around(trade(61, 6.0))) == [bar(1, (5.0, 5.0, 5.0, 5.0), 2.0), trade(61, 6.0)]


def test_bar_of_a_number_of_trades_comes_after_its_last_trade() -> None:
    bars = LiveBars(BarsConfig(timeframes=("tick:2",)))
    bars.around(trade(1, 5.0))

    last, done = bars.around(trade(2, 6.0))

    assert last == trade(2, 6.0)
    assert isinstance(done, Bar)
    assert (done.timeframe, done.open, done.close, done.volume) == ("tick:2", 5.0, 6.0, 4.0)


def test_period_without_a_price_has_no_bar() -> None:
    bars = minutes()
    bars.around(trade(10, 5.0))
    bars.due(MINUTE_NS)

    assert bars.due(10 * MINUTE_NS) == []


def test_bars_of_several_symbols_end_together() -> None:
    bars = minutes()
    bars.around(trade(10, 5.0, "A"))
    bars.around(trade(10, 6.0, "B"))

    assert bars.due(MINUTE_NS) == [
        bar(1, (5.0, 5.0, 5.0, 5.0), 2.0, "A"),
        bar(1, (6.0, 6.0, 6.0, 6.0), 2.0, "B"),
    ]


def test_bars_of_quotes_are_of_their_middles_and_have_no_volume() -> None:
    bars = minutes(BarPrices.QUOTES)
    bars.around(Quote(SECOND_NS, "A", 4.0, 6.0))
    bars.around(Quote(2 * SECOND_NS, "A", 0.0, 6.0))
    bars.around(trade(3, 100.0))

    assert bars.due(MINUTE_NS) == [bar(1, (5.0, 5.0, 5.0, 5.0), 0.0)]


def test_unknown_timeframe_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"bars\.timeframes: .*'1x'"):
        LiveBars(BarsConfig(timeframes=("1x",)))
