"""What orders cost and how long they took: figures computed by hand, and sums that are exact."""

import asyncio
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore import MemoryEventStore
from kernel.events import (
    ApprovedOrder,
    CorporateAction,
    CorporateActionKind,
    Event,
    FillCorrected,
    FxRateSet,
    InstrumentDefined,
    OrderAccepted,
    OrderAdjusted,
    OrderCancelled,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderStatus,
    OrderSubmitted,
    OrderType,
    Quote,
    Side,
    Trade,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from kernel.time_units import SECOND_NS
from replay.execution_analysis.execution_rows import executions_frame
from replay.execution_analysis.reading import read_executions
from replay.execution_analysis.records import ExecutedOrder
from replay.execution_analysis.totals import GROUPS, refusals, totals
from tests.replay.commands import replay
from tests.replay.past_logs import run_of_two_symbols
from tests.replay.test_bundles import on_disk

ME = StrategyId("me")
D = Decimal


def order(number: int, side: Side, quantity: str, *, limit: str = "", symbol: str = "ABC") -> ApprovedOrder:
    return ApprovedOrder(
        ClientOrderId(f"1-me-{number}"),
        ME,
        symbol,
        side,
        OrderType.LIMIT if limit else OrderType.MARKET,
        D(quantity),
        limit_price=D(limit) if limit else None,
    )


def fill(
    ts: int, of: ApprovedOrder, quantity: str, price: str, *, leaves: str = "0", fee: str = "0"
) -> OrderFilled:
    key = FillId(f"{of.client_order_id}/{ts}")
    return OrderFilled(
        ts, of.client_order_id, ME, of.symbol, of.side, D(quantity), D(price), D(fee), D(leaves), key
    )


async def executed(events: Sequence[Event]) -> tuple[ExecutedOrder, ...]:
    store = MemoryEventStore()
    await store.append("paper", list(events), expected_seq=0)
    return await read_executions(store, "paper")


BUY, SELL = order(1, Side.BUY, "100"), order(2, Side.SELL, "50", limit="100.00")
REJECTED, DENIED = order(3, Side.BUY, "7"), order(4, Side.BUY, "9")
S = SECOND_NS
STORY: list[Event] = [
    InstrumentDefined(0, "ABC"),
    Quote(1 * S, "ABC", 99.98, 100.02, 300, 200),
    OrderIntent(1 * S, BUY),
    OrderSubmitted(1 * S, BUY),
    OrderAccepted(2 * S, BUY.client_order_id, ME, "ABC"),
    Trade(2 * S, "ABC", 100.10, 30.0),
    Quote(3 * S, "ABC", 100.00, 100.10),
    fill(3 * S, BUY, "60", "100.10", leaves="40", fee="0.60"),
    Trade(4 * S, "ABC", 100.20, 10.0),
    Quote(5 * S, "ABC", 100.10, 100.20),
    fill(5 * S, BUY, "40", "100.20", fee="0.40"),
    OrderIntent(6 * S, SELL),
    OrderSubmitted(6 * S, SELL),
    fill(7 * S, SELL, "20", "100.15", leaves="30", fee="0.20"),
    Quote(8 * S, "ABC", 99.90, 100.00),
    OrderCancelled(9 * S, SELL.client_order_id, ME, "ABC", D(30), "enough"),
    OrderIntent(9 * S, REJECTED),
    OrderSubmitted(9 * S, REJECTED),
    OrderRejected(9 * S, REJECTED.client_order_id, ME, "ABC", "no such account"),
    OrderIntent(9 * S, DENIED),
    OrderDenied(9 * S, DENIED, "max_order_quantity", "9 is above 5"),
]


async def test_the_costs_of_an_order_are_those_computed_by_hand() -> None:
    buy, sell, rejected, denied = await executed(STORY)

    assert (buy.arrival.price, buy.arrival.spread) == (D("100.00"), D("0.04"))
    assert buy.slippage == 60 * D("0.10") + 40 * D("0.20")  # 14.00
    assert buy.spread_paid == 60 * D("0.05") + 40 * D("0.05")
    assert buy.vwap == (30 * D("100.10") + 10 * D("100.20")) / 40
    assert buy.against_vwap == 60 * D("-0.025") + 40 * D("0.075")
    assert (buy.fees, buy.missed, buy.against_limit) == (D("1.00"), D(0), None)
    assert (buy.first_fill_ns, buy.done_ns) == (2 * S, 4 * S)
    assert (sell.arrival.price, sell.slippage) == (D("100.15"), D(0))
    assert sell.against_limit == 20 * D("-0.15")  # better than the limit
    assert sell.missed == 30 * D("0.20")  # the market fell to 99.95
    assert (sell.status, sell.done_ns) == (OrderStatus.CANCELLED, None)
    assert (rejected.was_sent, denied.was_sent) == (True, False)


async def test_the_sums_of_orders_are_those_computed_by_hand() -> None:
    orders = await executed(STORY)

    (all_of_them,) = totals(orders)

    assert (all_of_them.orders, all_of_them.sent, all_of_them.filled, all_of_them.partly) == (4, 3, 1, 1)
    assert (all_of_them.unfilled, all_of_them.denied, all_of_them.rejected, all_of_them.cancelled) == (
        1,
        1,
        1,
        1,
    )
    assert all_of_them.fill_rate == D(120) / D(157)
    assert all_of_them.shortfall == 14 + D("1.20") + 6
    assert all_of_them.priced == 100 * D(100) + 20 * D("100.15")
    assert all_of_them.slippage_bps == 10_000 * D(14) / D("12003.00")
    assert (all_of_them.first_fill_s, all_of_them.done_s) == (1.5, 4.0)
    assert [(one.what, one.reason) for one in refusals(orders)] == [
        ("cancelled", "enough"),
        ("denied", "max_order_quantity"),
        ("rejected", "no such account"),
    ]


async def test_a_corrected_fill_counts_as_corrected_and_a_busted_one_not_at_all() -> None:
    first, second = (event for event in STORY if isinstance(event, OrderFilled) and event.side is Side.BUY)
    after = [
        FillCorrected(
            20 * S,
            one.client_order_id,
            ME,
            "ABC",
            Side.BUY,
            one.fill_id,
            one.quantity,
            one.price,
            D(quantity),
            D(100),
            commission_returned=D(returned),
        )
        for one, quantity, returned in ((first, "60", "0"), (second, "0", "0.40"))
    ]

    buy, *_ = await executed([*STORY, *after])

    assert (buy.filled, buy.slippage, buy.fees) == (D(60), D(0), D("0.60"))


async def test_an_order_whose_fill_was_busted_is_not_filled() -> None:
    buy = order(1, Side.BUY, "10")
    made = fill(2 * S, buy, "10", "100.00", fee="1")
    bust = FillCorrected(
        3 * S, buy.client_order_id, ME, "ABC", Side.BUY, made.fill_id, D(10), D(100), D(0), D(100),
        commission_returned=D(1),
    )  # fmt: skip

    executions = await executed(
        [InstrumentDefined(0, "ABC"), OrderIntent(1 * S, buy), OrderSubmitted(1 * S, buy), made, bust]
    )
    (found,) = totals(executions)

    assert (found.filled, found.partly, found.unfilled, found.fill_rate) == (0, 0, 1, D(0))
    assert (found.fees, found.done_s) == (D(0), None)


async def test_what_orders_missed_is_their_shortfall_if_none_was_filled() -> None:
    """A limit 1.00 below a market that rises by 0.50: 30 units cost 15.00, which is all of it."""
    buy = order(1, Side.BUY, "30", limit="99.00")

    executions = await executed([
        InstrumentDefined(0, "ABC"), Trade(1 * S, "ABC", 100.00, 5.0), OrderIntent(1 * S, buy),
        OrderSubmitted(1 * S, buy), Trade(2 * S, "ABC", 100.50, 5.0),
        OrderCancelled(3 * S, buy.client_order_id, ME, "ABC", D(30), "late"),
    ])  # fmt: skip
    (found,) = totals(executions)

    assert (found.slippage, found.missed, found.shortfall) == (None, D(15), D(15))


async def test_an_inverse_contract_is_measured_in_its_own_money() -> None:
    terms = InstrumentDefined(0, "ABC", is_inverse=True, multiplier=D(100), currency="BTC")
    buy, *_ = await executed([terms, *STORY[1:]])

    worse = 60 * (100 / D("100.0") - 100 / D("100.1")) + 40 * (100 / D("100.0") - 100 / D("100.2"))
    assert buy.slippage is not None
    assert abs(buy.slippage - worse) < D("1e-16")
    assert buy.currency == "BTC"


AMOUNTS = st.tuples(
    st.integers(1, 9_999), st.integers(1, 99_999), st.integers(0, 999), st.booleans(), st.sampled_from("AB")
)


@given(st.lists(AMOUNTS, min_size=1, max_size=12), st.sampled_from(sorted(GROUPS)))
@settings(max_examples=15, deadline=None)
async def test_groups_add_up_exactly_to_the_whole(
    drawn: list[tuple[int, int, int, bool, str]], by: str
) -> None:
    events: list[Event] = []
    for place, (quantity, cents, fee, is_buy, symbol) in enumerate(drawn):
        ts = (place + 1) * 1_800 * S
        one = order(place, Side.BUY if is_buy else Side.SELL, f"{quantity}E-3", symbol=symbol)
        price = cents / 100
        events += [
            Quote(ts, symbol, price, price + 0.01 * (fee + 1)),
            OrderIntent(ts, one),
            OrderSubmitted(ts, one),
            fill(ts + 1, one, f"{quantity}E-3", f"{cents + fee}E-2", fee=f"{fee}E-3"),
        ]
    orders = await executed(events)

    (whole,), parts = totals(orders), totals(orders, by)

    for name in ("slippage", "fees", "missed", "spread_paid", "shortfall", "notional", "priced", "executed"):
        assert sum(getattr(one, name) for one in parts) == getattr(whole, name), name


async def test_every_fill_of_a_run_is_in_its_orders() -> None:
    store, run = await run_of_two_symbols()

    orders = await read_executions(store, run)

    fills = [
        event async for batch in store.read(run) for event in batch.events if isinstance(event, OrderFilled)
    ]
    assert sum(one.filled for one in orders) == sum(one.quantity for one in fills) > 0
    assert sum(one.fees for one in orders) == sum(one.commission for one in fills)
    assert all(one.arrival.price is not None for one in orders)
    half = orders[len(orders) // 2].decided_ts
    early, late = (
        await read_executions(store, run, to_ts=half - 1),
        await read_executions(store, run, from_ts=half),
    )
    assert (*early, *late) == orders


async def test_a_frame_has_a_row_for_each_order_and_columns_without_any() -> None:
    frame, empty = executions_frame(await executed(STORY)), executions_frame(())

    assert list(frame.columns) == list(empty.columns)
    text = str(frame.to_csv(index=False)).splitlines()  # pyright: ignore[reportUnknownMemberType]  # of pandas
    assert (len(text), len(frame)) == (5, 4)
    assert text[1].startswith(
        "1970-01-01 00:00:01+00:00,1-me-1,me,ABC,buy,market,filled,100.0,100.0,USD,100.0,"
    )


def test_the_command_shows_tables_and_objects(tmp_path: Path) -> None:
    store, run = asyncio.run(on_disk(tmp_path))

    table = replay("execution", run, "--store", store, "--by", "symbol")
    told = json.loads(replay("execution", run, "--store", store, "--by", "hour", "--json").stdout)
    none = replay("execution", run, "--store", store, "--to", "1990-01-01")

    assert (table.exit_code, none.stdout) == (0, f"{run}: no orders in that period\n")
    assert [line for line in table.stdout.splitlines() if line.endswith(":")] == [
        "Orders:",
        "Costs in basis points:",
        "Costs in money, times in seconds:",
    ]
    assert told["groups"][0]["sent"] == len(told["orders"]) > 0
    assert replay("execution", "none", "--store", store).exit_code == 2


async def test_an_order_that_worked_through_a_split_is_measured_in_the_units_after_it() -> None:
    """By hand, in old units: 4 x 0.01 + 6 x (100.05 - 100.01) = 0.28, and 5.00 for what was missed of 5."""
    buy, late = order(1, Side.BUY, "10"), order(2, Side.BUY, "5", limit="90.00")
    split = CorporateAction(4 * S, "ABC", CorporateActionKind.SPLIT, D(3))
    after = msgspec.structs.replace(buy, quantity=D(30)), msgspec.structs.replace(late, quantity=D(15))

    found, missed = await executed([
        InstrumentDefined(0, "ABC"),
        Quote(1 * S, "ABC", 100.00, 100.02),
        OrderIntent(1 * S, buy), OrderSubmitted(1 * S, buy),
        OrderIntent(1 * S, late), OrderSubmitted(1 * S, late),
        Trade(2 * S, "ABC", 99.00, 10.0),
        fill(3 * S, buy, "4", "100.02", leaves="6"),
        split, OrderAdjusted(4 * S, after[0]), OrderAdjusted(4 * S, after[1]),
        fill(5 * S, buy, "18", "33.35"),
        Trade(6 * S, "ABC", 34.00, 30.0),
        Quote(6 * S, "ABC", 33.67, 33.67),
        OrderCancelled(7 * S, late.client_order_id, ME, "ABC", D(15), "day is over"),
    ])  # fmt: skip

    assert float(found.slippage or 0) == pytest.approx(0.28, abs=1e-12)
    assert found.filled == 30
    assert float(found.arrival.price or 0) == pytest.approx(100.01 / 3)
    assert float(found.spread_paid or 0) == pytest.approx(12 * 0.01 / 3 + 18 * (33.35 - 100.01 / 3))
    assert float(missed.missed or 0) == pytest.approx(15 * (33.67 - 100.01 / 3))
    assert float(missed.vwap or 0) == pytest.approx((30 * 33 + 30 * 34) / 60)


async def test_an_order_under_a_new_symbol_has_the_terms_of_the_old_one() -> None:
    buy = order(1, Side.BUY, "10", limit="90.00")
    renamed = CorporateAction(2 * S, "ABC", CorporateActionKind.SYMBOL_CHANGE, D(1), new_symbol="XYZ")
    after = msgspec.structs.replace(buy, symbol="XYZ")

    (found,) = await executed([
        InstrumentDefined(0, "ABC", currency="EUR", multiplier=D(5)),
        Trade(1 * S, "ABC", 100.00, 10.0),
        OrderIntent(1 * S, buy), OrderSubmitted(1 * S, buy),
        renamed, OrderAdjusted(2 * S, after),
        fill(3 * S, after, "10", "90.00"),
    ])  # fmt: skip

    assert (found.order.symbol, found.currency) == ("XYZ", "EUR")
    assert found.slippage == 5 * 10 * (90 - 100)


async def test_a_fee_in_another_currency_is_converted_at_the_last_rate() -> None:
    """A venue takes its fee in a coin of its own: 0.01 of it, worth 300 dollars each."""
    buy = order(1, Side.BUY, "10")
    paid = msgspec.structs.replace(fill(2 * S, buy, "10", "100.00", fee="0.01"), currency="BNB")
    story: list[Event] = [
        InstrumentDefined(0, "ABC"),
        FxRateSet(1 * S, "BNB", "USD", D(300)),
        OrderIntent(1 * S, buy), OrderSubmitted(1 * S, buy),
        paid,
        FxRateSet(3 * S, "BNB", "USD", D(900)),
    ]  # fmt: skip

    (known,) = await executed(story)
    (at_par,) = await executed([one for one in story if not isinstance(one, FxRateSet)])

    assert (known.fees, known.currency) == (D(3), "USD")
    assert at_par.fees == D("0.01")


async def test_a_quote_with_one_side_leaves_the_last_with_both() -> None:
    buy = order(1, Side.BUY, "10")

    (found,) = await executed([
        InstrumentDefined(0, "ABC"),
        Quote(1 * S, "ABC", 99.00, 101.00),
        Quote(2 * S, "ABC", 0.0, 101.00),
        OrderIntent(2 * S, buy), OrderSubmitted(2 * S, buy),
        fill(3 * S, buy, "10", "101.00"),
    ])  # fmt: skip

    assert (found.arrival.price, found.slippage, found.spread_paid) == (D(100), D(10), D(10))
