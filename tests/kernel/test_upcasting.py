"""What format 1 said inside texts is read into fields and types, whatever the texts hold besides."""

from decimal import Decimal

import msgspec
import pytest

from kernel.events import (
    ApprovedOrder,
    CancelOrder,
    Event,
    ExecutionFinished,
    ExpireOrderIntent,
    Order,
    OrderApproved,
    OrderIntent,
    OrderOrigin,
    OrderType,
    RiskLimitBreached,
    Side,
    TimerFired,
    TimerPurpose,
    TimerScheduled,
)
from kernel.events import timer_purposes as purpose
from kernel.events.upcasting import CHANGED_SINCE_1, MADE_OF_1, from_format_1
from kernel.identifiers import ClientOrderId, StrategyId, TimerName

KEY = ClientOrderId("1-x-4")


def read(event: Event) -> Event:
    """An event of format 1 as it is said today."""
    (read,) = from_format_1([event])
    return read


def order(client_order_id: str) -> Order:
    """A market order with this id."""
    key = ClientOrderId(client_order_id)
    return Order(key, StrategyId("x"), "A", Side.BUY, OrderType.MARKET, Decimal(1))


@pytest.mark.parametrize(
    ("owner", "name", "expected"),
    [
        ("bus", "restart strategy:restart x", purpose.ComponentRestart("strategy:restart x")),
        ("portfolio", "mark", purpose.AccountMark()),
        ("expiries", "mark", purpose.InstrumentExpiry("mark")),
        ("execution", KEY, purpose.AlgorithmStep(KEY)),
        ("allocation", "settle", purpose.SignalRound()),
        ("allocation", "expiry settle", purpose.SignalExpiry("settle")),
        ("emulation", f"expire {KEY}", purpose.OrderExpiry(KEY)),
        ("emulation", f"send {KEY}", purpose.HeldOrderRelease(KEY)),
        ("risk_monitor", "day", purpose.TradingDayEnd()),
        ("risk_monitor", "silence|stale_data 2|A|B", purpose.DataSilence("stale_data 2", "A|B")),
        ("risk_monitor", "delay|stop_loss|A|x|y", purpose.LimitRearm("stop_loss")),
        ("simulated_broker", "request 3", purpose.RequestArrival()),
        ("simulated_broker", "expiry", purpose.VenueExpiry()),
        ("back_office", "accrual", purpose.DailyAccrual()),
        ("back_office", "pay 1", purpose.PaymentDue()),
        ("back_office", "funding BTC USD 7", purpose.FundingDue("BTC USD")),
        ("strategy:bus", "restart x", None),
    ],
)
def test_the_name_of_a_timer_says_what_it_is_for(
    owner: str, name: str, expected: TimerPurpose | None
) -> None:
    scheduled = read(TimerScheduled(1, owner, TimerName(name), 9))
    fired = read(TimerFired(9, owner, TimerName(name), 9))

    assert scheduled == TimerScheduled(1, owner, TimerName(name), 9, purpose=expected)
    assert fired == TimerFired(9, owner, TimerName(name), 9, expected)


@pytest.mark.parametrize(
    ("key", "origin", "whole"),
    [
        ("1-x-4", OrderOrigin.STRATEGY, ""),
        ("1-x-4-12", OrderOrigin.STRATEGY, "1-x-4"),
        ("1-risk-4", OrderOrigin.RISK, ""),
        ("by hand", OrderOrigin.STRATEGY, ""),
    ],
)
def test_the_id_of_an_order_says_who_made_it_and_what_it_is_a_part_of(
    key: str, origin: OrderOrigin, whole: str
) -> None:
    asked = order(key)
    expected = msgspec.structs.replace(asked, origin=origin, whole_id=ClientOrderId(whole))

    assert read(OrderIntent(1, asked)) == OrderIntent(1, expected)
    assert read(OrderApproved(1, ApprovedOrder.of(asked))) == OrderApproved(1, ApprovedOrder.of(expected))


def test_emulation_was_an_operator() -> None:
    by_hand = CancelOrder(1, "desk", KEY)

    assert read(CancelOrder(1, "emulation", KEY)) == ExpireOrderIntent(1, KEY)
    assert read(by_hand) == by_hand


@pytest.mark.parametrize(
    ("reason", "expected"), [("its time is over", True), ("cancelled", False), ("", False)]
)
def test_the_reason_says_that_a_worked_order_ran_out_of_time(reason: str, expected: bool) -> None:
    finished = ExecutionFinished(1, KEY, StrategyId("x"), "A", Decimal(1), Decimal(2), reason)

    assert read(finished) == msgspec.structs.replace(finished, is_out_of_time=expected)


@pytest.mark.parametrize(("action", "expected"), [("rearmed", True), ("flatten", False)])
def test_the_action_says_that_a_limit_watches_again(action: str, expected: bool) -> None:
    breached = RiskLimitBreached(1, "stop_loss", "1", "2", action)

    assert read(breached) == msgspec.structs.replace(breached, is_rearmed=expected)


def test_types_that_become_others_are_among_those_that_changed() -> None:
    assert MADE_OF_1.keys() <= CHANGED_SINCE_1
