"""What is read back from a run's stream, and how the table and the JSON object say it."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from rich.console import Console

from eventstore import MemoryEventStore
from kernel.errors import InputError, StreamMissing
from kernel.events import (
    BUY,
    SELL,
    ApprovedOrder,
    CashFlowKind,
    CashMoved,
    Event,
    FxRateSet,
    InstrumentDefined,
    Order,
    OrderDenied,
    OrderSubmitted,
    OrderType,
)
from kernel.identifiers import ClientOrderId
from replay.result_json import to_json
from replay.results import RunResult, read_results
from replay.tables import result_table
from tests.replay.recorded_run import DATA, RUN, STRATEGY, bar, correction, day, fill, mark, record_run

BARS: list[Event] = [bar(number, close) for number, close in enumerate((100, 110, 90, 95, 100))]

ORDER = Order(ClientOrderId("o-1"), STRATEGY, "ABC", BUY, OrderType.MARKET, Decimal(10))

BOUGHT = fill(day(2) - 1, BUY, "10", "110.00", commission="1.50", executed_ts=day(1))
SOLD = fill(day(4) - 1, SELL, "10", "95.00", commission="1.50", executed_ts=day(3))

LOSING_TRADE: list[Event] = [
    mark(day(1), "10000.00"),
    OrderSubmitted(day(1), ApprovedOrder.of(ORDER)),
    OrderDenied(day(1), ORDER, "max_order_quantity", "too large"),
    BOUGHT,
    mark(day(2), "9998.50", exposure="1100.00", commissions="1.50"),
    mark(day(3), "9798.50", exposure="900.00", commissions="1.50"),
    SOLD,
    mark(day(4), "9847.00", commissions="3.00"),
    mark(day(5) - 1, "9847.00", commissions="3.00"),
]
"""Bought at 110, sold at 95, 3 of commission: 10,000 become 9,847."""


@pytest.fixture
async def store() -> AsyncIterator[MemoryEventStore]:
    async with MemoryEventStore() as memory:
        yield memory


async def result_of(store: MemoryEventStore, derived: list[Event]) -> RunResult:
    return await read_results(store, await record_run(store, derived, data={DATA: BARS}))


async def test_counts_are_those_of_the_stream(store: MemoryEventStore) -> None:
    result = await result_of(store, LOSING_TRADE)

    assert (result.orders, result.denied, result.fills) == (1, 1, 2)
    assert (result.inputs, result.derived, result.events) == (10, 9, 19)
    assert result.digest == "d1935e57"


async def test_strategy_symbols_and_sources_are_named(store: MemoryEventStore) -> None:
    result = await result_of(store, LOSING_TRADE)

    (strategy,) = result.strategies
    assert (strategy.strategy, strategy.reference, strategy.params) == (
        STRATEGY,
        "strategies.by_hand:ByHand",
        '{"fast":2}',
    )
    assert result.symbols == ("ABC",)
    assert [(source.stream, source.last_seq) for source in result.sources] == [(DATA, 5)]


async def test_the_curve_starts_with_the_capital_and_ends_with_the_last_mark(
    store: MemoryEventStore,
) -> None:
    result = await result_of(store, LOSING_TRADE)

    assert list(result.equity.ts) == [day(0), day(1), day(2), day(3), day(4), day(5) - 1]
    assert list(result.equity.equity) == [10_000.0, 10_000.0, 9_998.5, 9_798.5, 9_847.0, 9_847.0]
    assert list(result.equity.exposure) == [0.0, 0.0, 1_100.0, 900.0, 0.0, 0.0]
    assert (result.start_ts, result.end_ts) == (day(0), day(5) - 1)


async def test_final_equity_and_fees_are_exact(store: MemoryEventStore) -> None:
    metrics = (await result_of(store, LOSING_TRADE)).metrics

    assert metrics.final_equity == Decimal("9847.00")
    assert metrics.fees == Decimal("3.00")
    assert metrics.total_return == -0.0153
    assert metrics.exposure == 0.4


async def test_trades_are_matched_from_fills(store: MemoryEventStore) -> None:
    result = await result_of(store, LOSING_TRADE)

    (trade,) = result.trades
    assert (trade.pnl, trade.commission) == (Decimal("-150.00"), Decimal("3.00"))
    assert (trade.entry_ts, trade.exit_ts) == (day(1), day(3))
    assert result.open_lots == ()


async def test_a_corrected_fill_changes_its_trade(store: MemoryEventStore) -> None:
    changed = correction(day(4), SOLD, quantity="10", price="100.00")

    result = await result_of(store, [*LOSING_TRADE[:-1], changed, LOSING_TRADE[-1]])

    assert [trade.pnl for trade in result.trades] == [Decimal("-100.00")]


async def test_marks_from_before_the_market_was_heard_of_are_left_out(store: MemoryEventStore) -> None:
    early = mark(day(-3), "10000.00")
    await record_run(store, [early, *LOSING_TRADE], data={DATA: BARS}, start_ts=day(-4))

    result = await read_results(store, RUN)

    assert list(result.equity.ts)[:2] == [day(0), day(1)]


async def test_of_two_marks_at_one_time_the_last_one_holds(store: MemoryEventStore) -> None:
    again = mark(day(5) - 1, "9850.00", commissions="3.00")

    result = await result_of(store, [*LOSING_TRADE, again])

    assert len(result.equity) == 6
    assert result.equity.equity[-1] == 9_850.0


async def test_a_multiplier_is_taken_from_the_runs_instruments(store: MemoryEventStore) -> None:
    future = InstrumentDefined(day(1) - 1, "ABC", multiplier=Decimal(50))
    await record_run(store, LOSING_TRADE, data={DATA: BARS}, instruments=[future])

    result = await read_results(store, RUN)

    assert [trade.pnl for trade in result.trades] == [Decimal("-7500.00")]


async def test_a_multiplier_is_taken_from_the_data(store: MemoryEventStore) -> None:
    future = InstrumentDefined(day(0), "ABC", multiplier=Decimal(50))
    await record_run(store, LOSING_TRADE, data={DATA: [future, *BARS]})

    result = await read_results(store, RUN)

    assert [trade.pnl for trade in result.trades] == [Decimal("-7500.00")]


async def test_a_run_without_trades_has_a_result(store: MemoryEventStore) -> None:
    result = await result_of(store, [mark(day(5) - 1, "10000")])

    assert (result.trades, result.metrics.trade_count, result.metrics.win_rate) == ((), 0, None)
    assert (result.metrics.total_return, result.metrics.sharpe) == (0.0, None)


async def test_a_run_without_marks_ends_with_its_capital(store: MemoryEventStore) -> None:
    result = await result_of(store, [])

    assert result.metrics.final_equity == Decimal(10000)
    assert len(result.equity) == 1


async def test_a_run_whose_data_are_gone_is_still_read(store: MemoryEventStore) -> None:
    await record_run(store, LOSING_TRADE, data={DATA: BARS})
    async with MemoryEventStore() as other:
        async for batch in store.read(RUN):
            await other.append(RUN, batch.events, expected_seq=batch.seqs[0] - 1, causes=batch.causes)

        result = await read_results(other, RUN)

    assert result.start_ts == day(1) - 1
    assert len(result.trades) == 1


async def test_a_stream_that_is_no_run_is_refused(store: MemoryEventStore) -> None:
    await store.append(DATA, BARS, expected_seq=0)

    with pytest.raises(StreamMissing, match=r"abc\.1d"):
        await read_results(store, DATA)


async def test_an_unfinished_run_is_refused(store: MemoryEventStore) -> None:
    await record_run(store, LOSING_TRADE, data={DATA: BARS}, is_finished=False)

    with pytest.raises(InputError, match="never finished"):
        await read_results(store, RUN)


# --- money paid in on the way -------------------------------------------------------------------


async def test_a_deposit_on_the_way_is_no_return(store: MemoryEventStore) -> None:
    paid_in = CashMoved(day(3) + 1, Decimal(90_000))
    marks: list[Event] = [mark(day(1), "10000"), mark(day(3), "11000"), paid_in, mark(day(4), "101000")]

    metrics = (await result_of(store, marks)).metrics

    assert (metrics.initial_equity, metrics.final_equity) == (Decimal(10_000), Decimal(101_000))
    assert metrics.total_return == pytest.approx(0.1)
    assert metrics.max_drawdown == 0


async def test_money_taken_out_is_no_drawdown(store: MemoryEventStore) -> None:
    taken = CashMoved(day(3) + 1, Decimal(-5_000))

    metrics = (await result_of(store, [mark(day(3), "10000"), taken, mark(day(4), "5000")])).metrics

    assert metrics.total_return == pytest.approx(0.0)
    assert metrics.max_drawdown == pytest.approx(0.0)


async def test_a_deposit_between_two_marks_counts_for_the_time_that_was_left(
    store: MemoryEventStore,
) -> None:
    """Modified Dietz: 900 earned on 10,000 for the whole day and 8,000 for a quarter of it."""
    paid_in = CashMoved(day(3, 18), Decimal(8_000))

    metrics = (await result_of(store, [mark(day(3), "10000"), paid_in, mark(day(4), "18900")])).metrics

    assert metrics.total_return == pytest.approx(900 / 12_000)


async def test_income_is_a_return(store: MemoryEventStore) -> None:
    dividend = CashMoved(day(3), Decimal(500), "USD", "dividend", CashFlowKind.DIVIDEND)

    metrics = (await result_of(store, [mark(day(3), "10000"), dividend, mark(day(4), "10500")])).metrics

    assert metrics.total_return == 0.05


async def test_a_deposit_in_the_data_counts_at_its_rate(store: MemoryEventStore) -> None:
    data = [*BARS, FxRateSet(day(5), "EUR", "USD", Decimal("1.25")), CashMoved(day(5), Decimal(800), "EUR")]
    marks = [mark(day(5), "11000"), mark(day(6), "11000")]
    await record_run(store, marks, data={DATA: data})

    metrics = (await read_results(store, RUN)).metrics

    assert metrics.total_return == pytest.approx(0.0)


async def test_a_deposit_from_before_the_first_rate_counts_at_that_rate(store: MemoryEventStore) -> None:
    paid_in = CashMoved(day(5), Decimal(1_000_000), "JPY")
    data = [*BARS, paid_in, FxRateSet(day(5) + 1, "USD", "JPY", Decimal(100))]
    await record_run(store, [mark(day(5) - 1, "10000"), mark(day(6), "20000")], data={DATA: data})

    metrics = (await read_results(store, RUN)).metrics

    assert metrics.total_return == pytest.approx(0.0)


async def test_trades_in_several_currencies_are_compared_in_the_accounts(store: MemoryEventStore) -> None:
    """A gain of 10 USD, and a loss of 500 JPY, which are 5 USD."""
    terms = [InstrumentDefined(day(0), "ABC"), InstrumentDefined(day(0), "XYZ", currency="JPY")]
    fills = [
        fill(day(1), BUY, "1", "100"),
        fill(day(1), BUY, "1", "5000", symbol="XYZ", fill_id="x1"),
        fill(day(3), SELL, "1", "110"),
        fill(day(3), SELL, "1", "4500", symbol="XYZ", fill_id="x2"),
        mark(day(5), "10005"),
    ]
    rates = [FxRateSet(day(at), "USD", "JPY", Decimal(size)) for at, size in ((0, 50), (2, 100), (4, 10))]
    data = sorted([*BARS, *rates], key=lambda event: event.ts)
    await record_run(store, fills, data={DATA: data}, instruments=terms)

    result = await read_results(store, RUN)

    assert [trade.pnl for trade in result.trades] == [Decimal(10), Decimal(-500)]
    assert [trade.rate for trade in result.trades] == [Decimal(1), Decimal("0.01")]
    assert result.metrics.profit_factor == pytest.approx(2.0)


# --- table and JSON ---------------------------------------------------------------------------


async def test_json_keeps_money_exact_and_times_in_utc(store: MemoryEventStore) -> None:
    fields = to_json(await result_of(store, LOSING_TRADE))

    assert (fields["final_equity"], fields["fees"]) == ("9847.00", "3.00")
    assert (fields["start"], fields["end"]) == ("2024-01-01T00:00:00Z", "2024-01-05T23:59:59.999999999Z")
    assert (fields["orders"], fields["total_return"]) == (1, -0.0153)
    assert fields["average_trade_duration_s"] == 2 * 86_400.0


async def test_json_says_null_for_what_is_undefined(store: MemoryEventStore) -> None:
    fields = to_json(await result_of(store, []))

    text = json.dumps(fields, allow_nan=False)
    assert fields["sharpe"] is None
    assert '"win_rate": null' in text


async def test_json_names_are_stable(store: MemoryEventStore) -> None:
    fields = to_json(await result_of(store, LOSING_TRADE))

    assert " ".join(fields) == (
        "run_stream strategies symbols start end events inputs derived orders denied rejected "
        "refused failures first_problem margin_calls ruined fills trades open_lots currency "
        "initial_equity final_equity "
        "total_return annual_return volatility sharpe sortino calmar max_drawdown max_drawdown_duration_s "
        "win_rate profit_factor exposure average_trade_duration_s best_trade worst_trade fees income "
        "undefined digest assumed notes data_issues by_strategy references parameters data "
        "initial_cash equity_peak "
        "benchmark benchmark_return benchmark_max_drawdown alpha beta correlation "
        "average_drawdown average_drawdown_duration_s expectancy sqn average_trade average_trade_pnl "
        "average_win average_loss exposure_time by_symbol exits drawdowns open_positions "
        "annual_turnover diagnosis by_part_of_time"
    )


async def test_the_table_names_every_figure(store: MemoryEventStore) -> None:
    text = printed(await result_of(store, LOSING_TRADE))

    for expected in (
        "Period 2024-01-01 to 2024-01-05",
        "Events 19 (10 inputs, 9 derived)",
        "Orders 1 submitted, 1 denied, 0 rejected",
        "Problems orders denied: 1; first:",
        "Final equity 9,847.00 USD",
        "Total return -1.53 %",
        "Max drawdown -2.02 %, longest 4 d",
        "Win rate 0.00 %",
        "Profit factor 0.00",
        "Exposure 40.00 %",
        "Average trade duration 2 d",
        "Fees 3.00 USD",
        "Digest d1935e57",
    ):
        assert expected in text


async def test_the_table_shows_a_dash_for_what_is_undefined(store: MemoryEventStore) -> None:
    text = printed(await result_of(store, []))

    assert "Sharpe -" in text
    assert "Average trade duration -" in text


def printed(result: RunResult) -> str:
    """The table as text, one space between words."""
    console = Console(width=200, record=True, quiet=False, file=None, no_color=True)
    with console.capture() as capture:
        console.print(result_table(result))
    return "\n".join(" ".join(line.split()) for line in capture.get().splitlines())
