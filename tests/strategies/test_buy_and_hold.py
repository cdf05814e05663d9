"""Buy and hold buys each symbol once, for its share of the equity, in whole lots."""

from decimal import Decimal

from strategies.buy_and_hold import BuyAndHold
from tests.strategies.sample_context import attach, daily_bar, decide


def test_first_bar_buys_whole_lots_for_the_fraction_of_equity() -> None:
    strategy = BuyAndHold(fraction=0.95)
    attach(strategy, "SPY")

    taken = decide(strategy, [daily_bar(0, "SPY", 300.0)])

    assert taken == [[Decimal(316)]]  # 95,000 / 300


def test_later_bars_never_trade() -> None:
    strategy = BuyAndHold()
    attach(strategy, "SPY")

    taken = decide(strategy, [daily_bar(day, "SPY", close) for day, close in enumerate((100.0, 50.0, 200.0))])

    assert taken[1:] == [[], []]


def test_symbols_share_the_fraction_equally() -> None:
    strategy = BuyAndHold(fraction=1.0)
    attach(strategy, "SPY", "AGG")

    taken = decide(strategy, [daily_bar(0, "SPY", 100.0), daily_bar(0, "AGG", 50.0)])

    assert taken == [[Decimal(500)], [Decimal(1000)]]


def test_parts_say_how_many_symbols_there_will_be() -> None:
    strategy = BuyAndHold(fraction=1.0, parts=2)
    attach(strategy, "SPY")

    taken = decide(strategy, [daily_bar(0, "SPY", 100.0)])

    assert taken == [[Decimal(500)]]


def test_quantity_is_whole_lots_of_the_instrument() -> None:
    strategy = BuyAndHold(fraction=1.0)
    attach(strategy, "BTC-USD").lots["BTC-USD"] = Decimal("0.001")

    taken = decide(strategy, [daily_bar(0, "BTC-USD", 30_000.0)])

    assert taken == [[Decimal("3.333")]]


def test_price_of_zero_buys_nothing() -> None:
    strategy = BuyAndHold()
    attach(strategy, "SPY")

    assert decide(strategy, [daily_bar(0, "SPY", 0.0)]) == [[]]


def test_symbol_that_costs_more_than_its_share_is_not_bought() -> None:
    strategy = BuyAndHold()
    attach(strategy, "BRK.A")

    taken = decide(strategy, [daily_bar(0, "BRK.A", 600_000.0), daily_bar(1, "BRK.A", 1.0)])

    assert taken == [[], []]
