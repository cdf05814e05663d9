"""A trading day of a live log adds up, and says what a person should look at."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec
import pytest

from components.assembly.instruments import InstrumentConfig
from components.portfolio.config import PortfolioConfig
from eventstore import EventStore, MemoryEventStore
from kernel.errors import InputError, StreamMissing
from kernel.events import (
    CashFlowKind,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    Event,
    FeedGapDetected,
    MessageQuarantined,
    Quote,
)
from kernel.time_units import DAY_NS, HOUR_NS, SECOND_NS
from replay.config import ReplayConfig
from replay.days.record import DayRecord, last_day, read_day
from replay.days.tables import day_tables, problem_rows, refused_rows, unclean_ends
from replay.report.day_chart import BOTTOM, HEIGHT, MOST_POINTS, TOP, day_chart
from replay.report.day_page import day_page
from strategies.sdk import Decisions, RiskLimits, Strategy, StrategyParams, StrategyState, buy
from tests.replay.live_sessions import LOG, live_session
from tests.replay.sample_strategies import RandomOrders

DAY_1, DAY_2 = date(2024, 3, 4), date(2024, 3, 5)
START_TS = 1_709_510_400 * SECOND_NS
AFTER_TS = START_TS + 30 * DAY_NS
MARKED = PortfolioConfig(mark_every_s=3_600)
CONFIG = ReplayConfig(
    instruments=(InstrumentConfig(symbol="A"),),
    risk=RiskLimits(allow_short=True, require_cash=False),
    portfolio=MARKED,
)


class Bought(StrategyState):
    is_done: bool = False


class BuyOnce(Strategy[StrategyParams, Bought]):
    """Buys 2 at the first quote."""

    def on_quote(self, quote: Quote) -> Decisions:
        is_first, self.state.is_done = not self.state.is_done, True
        return buy(quote.symbol, 2) if is_first else None


def quotes(first_day: int, days: int) -> list[Event]:
    """A quote every ten minutes, which rises by 0.10 each time."""
    numbers = range(first_day * 144, (first_day + days) * 144)
    bids = [(number + 1, round(100 + number * 0.1, 2)) for number in numbers]
    return [
        Quote(START_TS + number * 600 * SECOND_NS, "A", bid, round(bid + 0.02, 2), 100.0, 100.0)
        for number, bid in bids
    ]


async def two_days(store: EventStore, *, is_killed: bool = False, extra: Sequence[Event] = ()) -> None:
    """A log of two days and a half, in two sessions."""
    events = sorted([*quotes(0, 1), *extra], key=lambda event: event.ts)
    await live_session(store, events, [RandomOrders()], CONFIG, is_killed=is_killed)
    await live_session(store, quotes(1, 2), [RandomOrders()], CONFIG)


async def day_of_log(day: date, *, is_killed: bool = False) -> DayRecord:
    store = MemoryEventStore()
    await two_days(store, is_killed=is_killed)
    return await read_day(store, LOG, day, now_ts=AFTER_TS)


# --- money ------------------------------------------------------------------------------------


async def test_first_day_begins_with_nothing_and_what_was_paid_in() -> None:
    record = await day_of_log(DAY_1)

    assert (record.opening_equity, record.paid_in) == (Decimal(0), CONFIG.cash)


@pytest.mark.parametrize("day", [DAY_1, DAY_2])
async def test_equity_before_and_pnl_add_up_to_equity_after(day: date) -> None:
    record = await day_of_log(day)

    assert record.pnl
    assert record.opening_equity is not None
    assert record.closing_equity == record.opening_equity + record.paid_in + record.pnl


async def test_fees_and_interest_are_income_and_not_paid_in() -> None:
    store, noon = MemoryEventStore(), START_TS + 12 * HOUR_NS
    moved = [
        CashMoved(noon, Decimal(-30), "USD", "market data", CashFlowKind.FEE),
        CashMoved(noon, Decimal(4), "USD", "of May", CashFlowKind.INTEREST),
        CashMoved(noon, Decimal(50), "USD"),
    ]
    await two_days(store, extra=moved)

    record = await read_day(store, LOG, DAY_1, now_ts=AFTER_TS)

    assert (record.paid_in, record.income) == (CONFIG.cash + 50, Decimal(-26))
    assert record.pnl is not None
    assert record.closing_equity == record.paid_in + record.income + record.pnl
    assert "Income and fees" in day_page(record)
    assert "Income and fees" not in day_page(await day_of_log(DAY_1))


async def test_a_position_under_a_new_symbol_is_worth_as_much_as_under_the_old_one() -> None:
    """By hand: 2 contracts of 10 units each fall from 99 to 96 on the day after the change."""
    store, config = (
        MemoryEventStore(),
        msgspec.structs.replace(
            CONFIG,
            instruments=(InstrumentConfig(symbol="A", currency="EUR", multiplier=Decimal(10)),),
            portfolio=PortfolioConfig(currency="EUR"),
        ),
    )
    prices = [("A", 100.0), ("A", 100.0), ("B", 99.0), ("B", 99.0), ("B", 96.0)]
    events: list[Event] = [
        Quote(START_TS + place * 12 * HOUR_NS, symbol, price, price, 9.0, 9.0)
        for place, (symbol, price) in enumerate(prices)
    ]
    renamed = CorporateAction(
        events[1].ts + 1, "A", CorporateActionKind.SYMBOL_CHANGE, Decimal(1), new_symbol="B"
    )
    await live_session(store, [*events[:2], renamed, *events[2:]], [BuyOnce()], config)

    day = await read_day(store, LOG, DAY_2, now_ts=AFTER_TS)

    assert [(held.symbol, held.quantity, held.pnl) for held in day.positions] == [
        ("B", Decimal(2), Decimal(-60))
    ]


async def test_average_prices_have_the_digits_that_they_need() -> None:
    (orders,) = (rows for rows in day_tables(await day_of_log(DAY_1)) if rows.title == "Orders")
    place = [column.name for column in orders.columns].index("Average price")

    prices = [cells[place] for cells in orders.rows if cells[place] != "-"]

    assert prices
    assert not any("." in price and price.endswith("0") for price in prices)


async def test_a_day_begins_with_the_equity_with_which_the_day_before_ended() -> None:
    store = MemoryEventStore()
    await two_days(store)

    first = await read_day(store, LOG, DAY_1, now_ts=AFTER_TS)
    second = await read_day(store, LOG, DAY_2, now_ts=AFTER_TS)

    assert second.opening_equity == first.closing_equity


async def test_positions_at_the_end_are_those_of_the_core() -> None:
    store = MemoryEventStore()
    session = await live_session(store, quotes(0, 1), [RandomOrders()], CONFIG)

    record = await read_day(store, LOG, DAY_1, now_ts=AFTER_TS)

    held = {one.symbol: one.quantity for one in record.positions if one.quantity}
    assert held == {symbol: session.core.portfolio.net_position(symbol) for symbol in held}
    assert held


async def test_fills_are_those_of_the_day_alone() -> None:
    record = await day_of_log(DAY_2)

    assert record.orders.fills
    assert all(START_TS + DAY_NS < fill.ts <= START_TS + 2 * DAY_NS for fill in record.orders.fills)


# --- sessions and problems --------------------------------------------------------------------


async def test_sessions_of_a_day_have_their_ends() -> None:
    record = await day_of_log(DAY_1)

    assert [(one.epoch, one.reason) for one in record.sessions] == [(1, "end of day")]


async def test_session_that_was_killed_is_told() -> None:
    record = await day_of_log(DAY_1, is_killed=True)

    assert unclean_ends(record) == 1


async def test_problems_of_one_kind_and_place_are_counted_together() -> None:
    gaps: list[Event] = [
        FeedGapDetected(START_TS + hour * HOUR_NS, "A", "main", 10, 13) for hour in (1, 2, 3)
    ]
    refused = MessageQuarantined(START_TS + HOUR_NS, "main", "bid -1 is not above 0")
    store = MemoryEventStore()
    await two_days(store, extra=[*gaps, refused])

    record = await read_day(store, LOG, DAY_1, now_ts=AFTER_TS)

    found = {(one.kind, one.place): one.count for one in record.problems}
    assert found == {("messages are missing", "main A"): 6, ("input refused", "main"): 1}
    assert problem_rows(record).rows[0][2:5] == ("6", "01:00:00.000", "03:00:00.000")


async def test_denials_that_differ_in_numbers_alone_are_one_row() -> None:
    poor = ReplayConfig(instruments=CONFIG.instruments, cash=Decimal(10), portfolio=MARKED)
    store = MemoryEventStore()
    await live_session(store, quotes(0, 1), [RandomOrders()], poor)

    record = await read_day(store, LOG, DAY_1, now_ts=AFTER_TS)

    rows = refused_rows(record).rows
    assert sum(int(row[3]) for row in rows) > len(rows) * 3


# --- the days of a log ------------------------------------------------------------------------


async def test_a_day_outside_of_the_log_is_refused_with_its_period() -> None:
    store = MemoryEventStore()
    await two_days(store)

    with pytest.raises(InputError, match="no events of 2024-04-01; it goes from 2024-03-04 to 2024-03-06"):
        await read_day(store, LOG, date(2024, 4, 1), now_ts=AFTER_TS)


async def test_a_log_that_is_not_there_is_missing() -> None:
    with pytest.raises(StreamMissing, match="there is no log 'paper' in the store yet"):
        await last_day(MemoryEventStore(), LOG)


async def test_a_day_that_goes_on_is_not_over() -> None:
    store = MemoryEventStore()
    await two_days(store)

    record = await read_day(store, LOG, DAY_2, now_ts=START_TS + DAY_NS + HOUR_NS)

    assert not record.is_over
    assert "so far" in day_page(record)


# --- the page ---------------------------------------------------------------------------------


async def test_page_has_all_tables_and_needs_neither_network_nor_script() -> None:
    page = day_page(await day_of_log(DAY_2))

    for wanted in ("P&amp;L and positions", "Fills", "Orders", "Sessions", "<polyline", "2024-03-05"):
        assert wanted in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


async def test_text_from_data_is_escaped() -> None:
    refused = MessageQuarantined(START_TS + HOUR_NS, "main", "<b>no price</b>")
    store = MemoryEventStore()
    await two_days(store, extra=[refused])

    page = day_page(await read_day(store, LOG, DAY_1, now_ts=AFTER_TS))

    assert "&lt;b&gt;no price&lt;/b&gt;" in page
    assert "<b>no price" not in page


async def test_every_row_has_a_cell_for_each_column() -> None:
    for rows in day_tables(await day_of_log(DAY_1, is_killed=True)):
        assert {len(cells) for cells in rows.rows} == {len(rows.columns)}, rows.title


def test_chart_of_equity_that_does_not_move_has_a_line() -> None:
    chart = day_chart([(START_TS, Decimal(5)), (START_TS + HOUR_NS, Decimal(5))])

    assert "<polyline" in chart


def test_a_single_mark_is_no_chart() -> None:
    assert day_chart([(START_TS, Decimal(5))]) == ""


def test_a_chart_of_many_marks_keeps_the_lowest_and_the_highest() -> None:
    marks = [(START_TS + number * HOUR_NS // 1_000, Decimal(100)) for number in range(20_000)]
    low, high = 7_777, 12_345
    marks[low], marks[high] = (marks[low][0], Decimal(20)), (marks[high][0], Decimal(300))

    chart = day_chart(marks)

    line = re.search(r"points='([^']*)'", chart)
    assert line is not None
    heights = [float(point.split(",")[1]) for point in line[1].split()]
    assert len(heights) <= MOST_POINTS + 2
    assert chart.count(">314.00<") == 1  # the top of the grid: 300 and a twentieth of 280
    assert chart.count(">6.00<") == 1
    assert max(heights) - min(heights) > 0.9 * (HEIGHT - TOP - BOTTOM)
