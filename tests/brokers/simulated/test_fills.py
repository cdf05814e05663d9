"""The OHLC rule, case by case: an order placed at a close of 100, and the bars that follow."""

from decimal import Decimal

import pytest

from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.fills import FillTiming
from kernel.events import BUY, SELL, ApprovedOrder, Bar, ExecutionKind, Quote, Trade
from kernel.time_units import MINUTE_NS as MINUTE
from tests.brokers.simulated.venue import Venue, bar, kinds, order

FIRST = bar(1, "100/100/100/100")
WIDE = "100/105/95/102"
QUIET = "100/101/99/100"
UP, DOWN = "104/106/103/105", "96/97/94/95"

CASES = [
    # limit: the limit or the open, whichever is better
    pytest.param(order(BUY, limit=97), [WIDE], [(0, 97)], id="limit buy, in range"),
    pytest.param(order(SELL, limit=103), [WIDE], [(0, 103)], id="limit sell, in range"),
    pytest.param(order(BUY, limit=95), [WIDE], [(0, 95)], id="limit buy, touch"),
    pytest.param(order(SELL, limit=105), [WIDE], [(0, 105)], id="limit sell, touch"),
    pytest.param(order(BUY, limit=103), [WIDE], [(0, 100)], id="limit buy, marketable"),
    pytest.param(order(SELL, limit=97), [WIDE], [(0, 100)], id="limit sell, marketable"),
    pytest.param(order(BUY, limit=97), [DOWN], [(0, 96)], id="limit buy, gap"),
    pytest.param(order(SELL, limit=103), [UP], [(0, 104)], id="limit sell, gap"),
    pytest.param(order(BUY, limit=97), [QUIET, DOWN], [(1, 96)], id="limit buy, gap after resting"),
    pytest.param(order(SELL, limit=103), [QUIET, UP], [(1, 104)], id="limit sell, gap after resting"),
    pytest.param(order(BUY, limit="94.99"), [WIDE, WIDE], [], id="limit buy, not reached"),
    pytest.param(order(SELL, limit="105.01"), [WIDE, WIDE], [], id="limit sell, not reached"),
    # stop: the stop or the open, whichever is worse
    pytest.param(order(BUY, stop=103), [WIDE], [(0, 103)], id="stop buy, in range"),
    pytest.param(order(SELL, stop=97), [WIDE], [(0, 97)], id="stop sell, in range"),
    pytest.param(order(BUY, stop=105), [WIDE], [(0, 105)], id="stop buy, touch"),
    pytest.param(order(SELL, stop=95), [WIDE], [(0, 95)], id="stop sell, touch"),
    pytest.param(order(BUY, stop=98), [WIDE], [(0, 100)], id="stop buy, already through"),
    pytest.param(order(SELL, stop=102), [WIDE], [(0, 100)], id="stop sell, already through"),
    pytest.param(order(BUY, stop=103), [UP], [(0, 104)], id="stop buy, gap"),
    pytest.param(order(SELL, stop=97), [DOWN], [(0, 96)], id="stop sell, gap"),
    pytest.param(order(BUY, stop=103), [QUIET, UP], [(1, 104)], id="stop buy, gap after resting"),
    pytest.param(order(SELL, stop=97), [QUIET, DOWN], [(1, 96)], id="stop sell, gap after resting"),
    pytest.param(order(BUY, stop="105.01"), [WIDE, WIDE], [], id="stop buy, not reached"),
    pytest.param(order(SELL, stop="94.99"), [WIDE, WIDE], [], id="stop sell, not reached"),
    # stop-limit: as a stop if that is within the limit, else as a limit from the next bar on
    pytest.param(order(BUY, stop=103, limit=104), [WIDE], [(0, 103)], id="stop-limit buy, in range"),
    pytest.param(order(SELL, stop=97, limit=96), [WIDE], [(0, 97)], id="stop-limit sell, in range"),
    pytest.param(order(BUY, stop=105, limit=105), [WIDE], [(0, 105)], id="stop-limit buy, touch"),
    pytest.param(order(SELL, stop=95, limit=95), [WIDE], [(0, 95)], id="stop-limit sell, touch"),
    pytest.param(order(BUY, stop=98, limit=101), [WIDE], [(0, 100)], id="stop-limit buy, already through"),
    pytest.param(order(SELL, stop=102, limit=99), [WIDE], [(0, 100)], id="stop-limit sell, already through"),
    pytest.param(order(BUY, stop=103, limit=105), [UP], [(0, 104)], id="stop-limit buy, gap within limit"),
    pytest.param(order(SELL, stop=97, limit=95), [DOWN], [(0, 96)], id="stop-limit sell, gap within limit"),
    pytest.param(
        order(BUY, stop=102, limit=103), [UP, UP], [(1, 103)], id="stop-limit buy, gap beyond limit"
    ),
    pytest.param(
        order(SELL, stop=98, limit=97), [DOWN, DOWN], [(1, 97)], id="stop-limit sell, gap beyond limit"
    ),
    pytest.param(
        order(BUY, stop=103, limit=105), [QUIET, UP], [(1, 104)], id="stop-limit buy, gap after resting"
    ),
    pytest.param(
        order(SELL, stop=97, limit=95), [QUIET, DOWN], [(1, 96)], id="stop-limit sell, gap after resting"
    ),
    pytest.param(
        order(BUY, stop=103, limit=101), [WIDE, QUIET], [(1, 100)], id="stop-limit buy, limit below the stop"
    ),
    pytest.param(
        order(SELL, stop=97, limit=99), [WIDE, QUIET], [(1, 100)], id="stop-limit sell, limit above the stop"
    ),
    # market: the open
    pytest.param(order(BUY), [UP], [(0, 104)], id="market buy"),
    pytest.param(order(SELL), [DOWN], [(0, 96)], id="market sell"),
]


@pytest.mark.parametrize(("placed", "bars", "expected"), CASES)
def test_an_order_fills_on_bars_by_the_ohlc_rule(
    placed: ApprovedOrder, bars: list[str], expected: list[tuple[int, float]]
) -> None:
    venue = Venue()
    venue.hear(FIRST)
    venue.submit(placed)

    filled = venue.fills(*(bar(2 + number, prices) for number, prices in enumerate(bars)))

    assert filled == expected


@pytest.mark.parametrize(
    ("placed", "prices", "at"),
    [
        (order(BUY), WIDE, 1),
        (order(BUY, limit=103), WIDE, 1),
        (order(BUY, limit=97), WIDE, 2),
        (order(SELL, stop=97), WIDE, 2),
        (order(SELL, stop=97), DOWN, 1),
        (order(BUY, stop=103, limit=104), WIDE, 2),
    ],
)
def test_a_fill_says_whether_it_happened_at_the_open_or_inside_the_bar(
    placed: ApprovedOrder, prices: str, at: int
) -> None:
    venue = Venue()
    venue.hear(FIRST)
    venue.submit(placed)

    filled = venue.hear(bar(2, prices))[-1]

    assert (filled.ts, filled.executed_ts) == (2 * MINUTE, at * MINUTE)


def test_a_bar_that_was_open_before_the_order_came_cannot_fill_it() -> None:
    """Symbols share closes: an order decided at one's bar must not fill at the open of another's."""
    venue = Venue()
    venue.hear(bar(5, WIDE, symbol="B"))
    venue.submit(order(BUY), order(BUY, limit=97, key="limit"), order(SELL, stop=97, key="stop"))

    same_close = venue.fills(bar(5, WIDE), bar(6, "100/101/98/100", length=2))
    next_bar = venue.fills(bar(6, QUIET))

    assert same_close == []
    assert next_bar == [(0, 100)]


def test_a_bar_without_its_opening_time_fills_an_order_that_was_there_when_it_can_have_opened() -> None:
    venue = Venue()
    venue.hear(FIRST)
    venue.submit(order(BUY))

    filled = venue.fills(
        Bar(MINUTE, "A", "1m", 90.0, 90.0, 90.0, 90.0, 1.0),
        Bar(2 * MINUTE, "A", "1m", 91.0, 91.0, 91.0, 91.0, 1.0),
    )

    assert filled == [(1, 91)]


def test_new_terms_cannot_fill_on_a_bar_that_was_already_open() -> None:
    venue = Venue()
    venue.hear(FIRST)
    venue.submit(order(BUY, limit=90))
    venue.hear(bar(2, QUIET, symbol="B"))
    venue.replace(order(BUY, limit=97))

    filled = venue.fills(bar(2, WIDE), bar(3, WIDE))

    assert filled == [(1, 97)]


def test_a_bar_that_is_not_all_numbers_fills_nothing() -> None:
    venue = Venue()
    venue.hear(FIRST)
    venue.submit(order(BUY), order(SELL, stop=97, key="stop"))

    filled = venue.fills(bar(2, "nan/105/95/102"), bar(3, "100/105/nan/102"), bar(4, "100/inf/95/102"))

    assert filled == []


# --- this close -------------------------------------------------------------------------------


def at_close() -> Venue:
    return Venue(SimulatedBrokerConfig(bar_fill=FillTiming.THIS_CLOSE))


def test_with_this_close_a_market_order_fills_at_the_close_that_it_was_decided_on() -> None:
    venue = at_close()
    venue.hear(bar(1, WIDE))

    accepted, filled = venue.submit(order(BUY))

    assert kinds([accepted, filled]) == [ExecutionKind.ACCEPTED, ExecutionKind.FILL]
    assert (filled.price, filled.executed_ts) == (Decimal(102), MINUTE)


def test_with_this_close_an_order_for_another_symbol_fills_at_that_symbols_same_close() -> None:
    venue = at_close()
    venue.hear(bar(1, WIDE, symbol="B"))
    venue.submit(order(BUY))

    assert venue.fills(bar(1, WIDE)) == [(0, 102)]


def test_with_this_close_an_order_between_two_closes_fills_at_the_next_open() -> None:
    venue = at_close()
    venue.hear(bar(1, WIDE), Quote(MINUTE + 1, "B", 1.0, 1.0))
    venue.submit(order(BUY))

    assert venue.fills(bar(2, WIDE), bar(3, UP)) == [(1, 104)]


@pytest.mark.parametrize("placed", [order(BUY, limit=200), order(BUY, stop=1), order(BUY, stop=1, limit=200)])
def test_with_this_close_other_orders_still_wait_for_the_next_bar(placed: ApprovedOrder) -> None:
    venue = at_close()
    venue.hear(bar(1, WIDE))

    accepted = venue.submit(placed)

    assert kinds(accepted) == [ExecutionKind.ACCEPTED]
    assert venue.fills(bar(2, UP)) == [(0, 104)]


# --- quotes and trades ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("placed", "quotes", "expected"),
    [
        (order(BUY), [(99, 101)], [(0, 101)]),
        (order(SELL), [(99, 101)], [(0, 99)]),
        (order(BUY, limit=100), [(99, 101), (98, 100)], [(1, 100)]),
        (order(BUY, limit=100), [(97, 98)], [(0, 98)]),
        (order(SELL, limit=100), [(99, 101), (100, 102)], [(1, 100)]),
        (order(SELL, limit=100), [(103, 104)], [(0, 103)]),
        (order(BUY, stop=102), [(100, 101), (101, 102)], [(1, 102)]),
        (order(BUY, stop=102), [(104, 105)], [(0, 105)]),
        (order(SELL, stop=98), [(99, 100), (97, 98)], [(1, 97)]),
        (order(BUY, stop=102, limit=103), [(101, 102)], [(0, 102)]),
        (order(BUY, stop=102, limit=103), [(104, 105), (100, 101)], [(1, 101)]),
        (order(SELL, stop=98, limit=97), [(95, 96), (99, 100)], [(1, 99)]),
    ],
)
def test_an_order_fills_on_the_next_quote_that_allows_it_at_the_side_it_takes(
    placed: ApprovedOrder, quotes: list[tuple[float, float]], expected: list[tuple[int, float]]
) -> None:
    venue = Venue()
    venue.hear(Quote(1, "A", 100.0, 100.0))
    venue.submit(placed)

    filled = venue.fills(*(Quote(2 + number, "A", bid, ask) for number, (bid, ask) in enumerate(quotes)))

    assert filled == expected


@pytest.mark.parametrize(
    ("placed", "prices", "expected"),
    [
        (order(BUY), [101], [(0, 101)]),
        (order(SELL, limit=100), [99, 102], [(1, 102)]),
        (order(SELL, stop=98), [99, 97], [(1, 97)]),
        (order(BUY, stop=102, limit=103), [104, 103], [(1, 103)]),
    ],
)
def test_an_order_fills_on_the_next_trade_that_allows_it_at_its_price(
    placed: ApprovedOrder, prices: list[float], expected: list[tuple[int, float]]
) -> None:
    venue = Venue()
    venue.hear(Trade(1, "A", 100.0, 1.0))
    venue.submit(placed)

    filled = venue.fills(*(Trade(2 + number, "A", price, 1.0) for number, price in enumerate(prices)))

    assert filled == expected


@pytest.mark.parametrize("missing", [0.0, float("nan")])
def test_a_missing_side_of_a_quote_fills_and_triggers_nothing(missing: float) -> None:
    venue = Venue()
    venue.hear(Quote(1, "A", 100.0, 100.0))
    venue.submit(order(BUY), order(SELL, stop=98, key="stop"))

    first = venue.hear(Quote(2, "A", 100.0, missing))
    second = venue.hear(Quote(3, "A", missing, 101.0))

    assert first == []
    assert [(str(report.client_order_id), report.price) for report in second] == [("o", Decimal(101))]
