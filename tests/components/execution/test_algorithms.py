"""Orders worked in parts: what goes out when, and what happens when the venue does not play along."""

from decimal import Decimal

import pytest

from kernel.events import (
    PARTICIPATION,
    AlgorithmKind,
    CancelAllOrders,
    CancelExecutionIntent,
    CancelOrder,
    CorporateAction,
    CorporateActionKind,
    DecisionRefused,
    Event,
    FlattenPositions,
    OrderIntent,
    OrderType,
    TradingState,
    TradingStateChanged,
)
from kernel.identifiers import ClientOrderId, StrategyId
from tests.components.execution.worked import PARENT, STRATEGY, Desk, called_back, finished, sent

TWAP, VWAP = AlgorithmKind.TWAP, AlgorithmKind.VWAP
ICEBERG = AlgorithmKind.ICEBERG


# --- in steps of time -------------------------------------------------------------------------


def test_a_twap_sends_equal_parts_in_lots_and_the_last_takes_the_remainder() -> None:
    desk = Desk()
    parts = [*sent(desk.work(TWAP, 10, end_ts=40, weights=(1, 1, 1, 1)))]

    for number, ts in enumerate((10, 20, 30), start=1):
        desk.fill(number, parts[-1])
        parts += sent(desk.advance(ts + 1))
    end = desk.fill(4, parts[-1])

    assert parts == [2, 3, 2, 3]
    assert finished(end) == (10, 0, "")


def test_a_part_carries_its_order_on_and_names_it() -> None:
    desk = Desk()

    intents = [
        e for e in desk.work(TWAP, 10, end_ts=40, weights=(1, 1), limit=9) if isinstance(e, OrderIntent)
    ]

    (part,) = (intent.order for intent in intents)
    assert (part.client_order_id, part.strategy, part.tag) == (f"{PARENT}-1", STRATEGY, PARENT)
    assert (part.order_type, part.limit_price) == (OrderType.LIMIT, Decimal(9))
    assert part.quantity == 5


def test_parts_follow_the_weights() -> None:
    desk = Desk()
    parts = [*sent(desk.work(VWAP, 100, end_ts=30, weights=(5, 2, 3)))]

    for number, ts in enumerate((10, 20), start=1):
        desk.fill(number, parts[-1])
        parts += sent(desk.advance(ts + 1))

    assert parts == [50, 20, 30]


def test_what_a_part_did_not_fill_goes_with_the_next_once_it_is_called_back() -> None:
    desk = Desk()
    desk.work(TWAP, 10, end_ts=20, weights=(1, 1), limit=9)
    desk.fill(1, 2)

    at_step = desk.advance(11)
    confirmed = desk.cancelled(1)

    assert (called_back(at_step), sent(at_step)) == ([f"{PARENT}-1"], [])
    assert sent(confirmed) == [8]


def test_a_fill_that_overtakes_the_cancel_is_not_sent_again() -> None:
    desk = Desk()
    desk.work(TWAP, 10, end_ts=20, weights=(1, 1), limit=9)
    desk.advance(11)

    late = desk.fill(1, 3)
    confirmed = desk.cancelled(1)

    assert sent(late) == []
    assert sent(confirmed) == [7]


def test_a_cancel_that_the_venue_refuses_is_asked_for_again_at_the_next_step() -> None:
    desk = Desk()
    desk.work(TWAP, 9, end_ts=30, weights=(1, 1, 1), limit=9)
    desk.advance(11)
    desk.cancel_rejected(1)

    again = desk.advance(21)

    assert called_back(again) == [f"{PARENT}-1"]


def test_an_order_good_till_its_end_leaves_the_rest_undone() -> None:
    desk = Desk()
    desk.work(TWAP, 10, end_ts=20, weights=(1, 1), limit=9)
    desk.fill(1, 5)
    desk.advance(11)
    at_end = desk.advance(21)

    confirmed = desk.cancelled(2)

    assert called_back(at_end) == [f"{PARENT}-2"]
    assert finished(confirmed) == (5, 5, "its time is over")


def test_an_order_good_till_cancelled_is_completed_with_a_market_order_at_its_end() -> None:
    desk = Desk()
    desk.work(TWAP, 10, end_ts=20, weights=(1, 1), limit=9, until_end=False)
    desk.fill(1, 5)
    desk.advance(11)
    desk.advance(21)

    closing = desk.cancelled(2)
    end = desk.fill(3, 5)

    assert sent(closing) == [5]
    assert desk.log[-1] == end[-1]
    assert [e.order.order_type for e in closing if isinstance(e, OrderIntent)] == [OrderType.MARKET]
    assert finished(end) == (10, 0, "")


def test_an_order_that_starts_later_waits_for_its_start() -> None:
    desk = Desk()

    before = desk.work(TWAP, 10, start_ts=100, end_ts=200, weights=(1, 1))
    then = desk.advance(101)

    assert (sent(before), sent(then)) == ([], [5])


def test_steps_that_nobody_heard_of_are_caught_up_with_in_one_part() -> None:
    desk = Desk()
    desk.work(TWAP, 100, end_ts=100, weights=(1,) * 10)
    desk.fill(1, 10)

    parts = sent(desk.advance(15)) + sent(desk.fill(2, 10)) + sent(desk.advance(95))

    assert parts == [10, 10]
    assert desk.working == 10


def test_a_part_below_the_minimum_quantity_waits_for_the_next() -> None:
    desk = Desk(minimum=5)
    parts = [*sent(desk.work(TWAP, 12, end_ts=40, weights=(1, 1, 1, 1)))]

    parts += sent(desk.advance(11))
    desk.fill(1, 6)
    parts += sent(desk.advance(21)) + sent(desk.advance(31))

    assert parts == [6, 6]


# --- by volume --------------------------------------------------------------------------------


def test_participation_sends_its_share_of_what_traded_since_the_last_part() -> None:
    desk = Desk()
    desk.work(PARTICIPATION, 100, rate="0.1")

    small = desk.trade(1, 9.0)
    first = desk.trade(2, 25.0)
    desk.fill(1, 3)
    second = desk.trade(3, 57.0)

    assert (sent(small), sent(first), sent(second)) == ([], [3], [5])


def test_participation_counts_bars_until_it_hears_trades_and_one_timeframe_of_them() -> None:
    desk = Desk()
    desk.work(PARTICIPATION, 100, ts=5, rate="0.1")

    begun_before = desk.bar(6, 1_000.0, open_ts=1)
    minute = desk.bar(7, 20.0, open_ts=6)
    desk.fill(1, 2)
    hour = desk.bar(8, 1_000.0, open_ts=6, timeframe="1h")
    trade = desk.trade(9, 30.0)
    desk.fill(2, 3)
    bar_again = desk.bar(10, 1_000.0, open_ts=9)

    counted = [sent(one) for one in (begun_before, minute, hour, trade, bar_again)]
    assert counted == [[], [2], [], [3], []]


def test_participation_gathers_parts_of_the_size_wanted() -> None:
    desk = Desk()
    desk.work(PARTICIPATION, 12, rate="0.5", shown=10)

    first = desk.trade(1, 19.0)
    second = desk.trade(2, 1.0)
    desk.fill(1, 10)
    rest = desk.trade(3, 4.0)

    assert (sent(first), sent(second), sent(rest)) == ([], [10], [2])


def test_the_market_is_watched_only_while_volume_is_followed() -> None:
    desk = Desk()
    before = desk.bus.watched("execution")
    desk.work(PARTICIPATION, 2, rate="1")
    during = desk.bus.watched("execution")
    desk.trade(1, 2.0)

    end = desk.fill(1, 2)

    assert (before, during, desk.bus.watched("execution")) == (frozenset(), frozenset({"A"}), frozenset())
    assert finished(end) == (2, 0, "")


# --- shown in parts ---------------------------------------------------------------------------


def test_an_iceberg_shows_the_next_part_when_one_is_filled() -> None:
    desk = Desk()
    parts = [*sent(desk.work(ICEBERG, 25, shown=10, limit=9))]

    parts += sent(desk.fill(1, 4))
    parts += sent(desk.fill(1, 6)) + sent(desk.fill(2, 10))
    end = desk.fill(3, 5)

    assert parts == [10, 10, 5]
    assert finished(end) == (25, 0, "")


# --- how it ends ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        ("denied", f"{PARENT}-1 was denied: too much"),
        ("rejected", f"{PARENT}-1 was rejected: no"),
        ("cancelled", f"{PARENT}-1 was cancelled"),
    ],
)
def test_a_part_that_somebody_else_ends_ends_the_whole(ended: str, reason: str) -> None:
    desk = Desk()
    desk.work(TWAP, 10, end_ts=20, weights=(1, 1))

    end = {"denied": desk.denied, "rejected": desk.rejected, "cancelled": desk.cancelled}[ended](1)

    assert finished(end) == (0, 10, reason)
    assert desk.advance(100) == []


def test_a_strategy_stops_its_order_and_what_fills_meanwhile_counts() -> None:
    desk = Desk()
    desk.work(TWAP, 10, end_ts=20, weights=(1, 1))

    stopping = desk.hear(CancelExecutionIntent(1, PARENT, STRATEGY, "A"))
    desk.fill(1, 2)
    end = desk.cancelled(1)

    assert called_back(stopping) == [f"{PARENT}-1"]
    assert finished(end) == (2, 8, "cancelled")


def test_a_stopped_order_sends_nothing_more_when_its_time_is_over() -> None:
    desk = Desk()
    desk.work(TWAP, 10, end_ts=20, weights=(1, 1), limit=9, until_end=False)
    desk.hear(CancelExecutionIntent(1, PARENT, STRATEGY, "A"))
    desk.cancel_rejected(1)

    at_end = desk.advance(21)
    end = desk.cancelled(1)

    assert sent(at_end) == []
    assert called_back(at_end) == [f"{PARENT}-1"]
    assert finished(end) == (0, 10, "cancelled")


def test_nobody_stops_an_order_that_is_not_theirs() -> None:
    desk = Desk()
    desk.work(TWAP, 10, end_ts=20, weights=(1, 1))

    refused = desk.hear(
        CancelExecutionIntent(1, PARENT, StrategyId("other"), "A"),
        CancelExecutionIntent(1, ClientOrderId("1-s-9"), STRATEGY, "A"),
    )

    assert [type(event) for event in refused] == [DecisionRefused, DecisionRefused]
    assert desk.working == 5


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (CancelAllOrders(1, "anna"), "stopped by anna"),
        (FlattenPositions(1, "anna", "A"), "stopped by anna"),
        (CancelOrder(1, "anna", PARENT), "cancelled by anna"),
        (TradingStateChanged(1, TradingState.HALTED), "trading is halted"),
        (CorporateAction(1, "A", CorporateActionKind.SPLIT, Decimal(2)), "split of A"),
    ],
)
def test_an_operator_a_halt_or_a_corporate_action_stops_it(command: Event, reason: str) -> None:
    desk = Desk()
    desk.work(TWAP, 10, end_ts=20, weights=(1, 1))
    desk.fill(1, 5)

    end = desk.hear(command)

    assert finished(end) == (5, 5, reason)


def test_a_command_for_another_symbol_changes_nothing() -> None:
    desk = Desk()
    desk.work(TWAP, 10, end_ts=20, weights=(1, 1))

    assert desk.hear(CancelAllOrders(1, "anna", "B")) == []


def test_a_rest_too_small_to_trade_ends_it() -> None:
    desk = Desk(lot_size=10)

    desk.work(ICEBERG, 25, shown=10, limit=9)
    desk.fill(1, 10)
    end = desk.fill(2, 10)

    assert finished(end) == (20, 5, "the rest of 5 is less than 10, the least that can be traded")


def test_a_fill_of_a_part_that_had_ended_takes_its_quantity_off_what_is_out() -> None:
    desk = Desk()
    desk.work(TWAP, 10, end_ts=20, weights=(1, 1), limit=9)
    desk.advance(11)
    desk.cancelled(1)

    busted = desk.fill(1, 4)
    then = desk.cancelled(2)

    assert called_back(busted) == [f"{PARENT}-2"]
    assert sent(then) == [6]


@pytest.mark.parametrize(
    ("kind", "terms", "reason"),
    [
        (TWAP, {"end_ts": 0, "weights": (1,)}, "a twap needs an end"),
        (TWAP, {"end_ts": 10}, "0 steps are not between 1 and 1000"),
        (TWAP, {"end_ts": 10, "weights": (1,) * 11}, "11 steps do not fit between its start and its end"),
        (VWAP, {"end_ts": 10, "weights": (0, 0)}, "weights are at least 0, and one of them above it"),
        (TWAP, {"start_ts": 9, "end_ts": 9, "weights": (1,)}, "its end, 9, is not after its start, 9"),
        (PARTICIPATION, {"rate": "1.5"}, "a rate of participation is above 0 and at most 1, not 1.5"),
        (ICEBERG, {"shown": 1}, "an iceberg is a limit order"),
        (ICEBERG, {"shown": 0, "limit": 9}, "an iceberg shows more than 0"),
    ],
)
def test_terms_that_cannot_be_worked_are_refused_with_the_reason(
    kind: AlgorithmKind, terms: dict[str, object], reason: str
) -> None:
    desk = Desk()

    end = desk.work(kind, 10, **terms)  # type: ignore[arg-type]  # a table of keyword arguments

    assert finished(end) == (0, 10, f"refused: {reason}")
