"""Advice, folded from the events of a log."""

from decimal import Decimal

from kernel.events import (
    AlertDelivered,
    AlertNotice,
    ApprovedOrder,
    CancelRejected,
    CancelSubmitted,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderSubmitted,
    OrderType,
    ReplaceSubmitted,
    Side,
    SignalDirection,
    SignalRaised,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from replay.advice import Advice, AdviceBook, AdviceKind, Outcome, words_of_advice

CROSS = StrategyId("cross")


def order(key: str = "a", quantity: int = 10, limit: str | None = None) -> ApprovedOrder:
    return ApprovedOrder(
        ClientOrderId(key),
        CROSS,
        "SPY",
        Side.BUY,
        OrderType.MARKET if limit is None else OrderType.LIMIT,
        Decimal(quantity),
        limit_price=None if limit is None else Decimal(limit),
        tag="entry",
    )


def filled(key: str, quantity: int, price: str, *, leaves: int = 0) -> OrderFilled:
    return OrderFilled(
        3, ClientOrderId(key), CROSS, "SPY", Side.BUY, Decimal(quantity), Decimal(price), Decimal(0),
        Decimal(leaves), FillId(f"{key}-{leaves}"),
    )  # fmt: skip


def folded(*events: Event) -> list[Advice]:
    book = AdviceBook()
    for seq, event in enumerate(events, 1):
        book.fold(seq, event)
    return book.entries


def test_order_that_fills_in_two_parts_has_the_average_price() -> None:
    (one,) = folded(
        OrderSubmitted(1, order()),
        OrderAccepted(2, ClientOrderId("a"), CROSS, "SPY"),
        filled("a", 4, "100", leaves=6),
        filled("a", 6, "105"),
    )

    assert (one.outcome, one.filled, one.price) == (Outcome.FILLED, Decimal(10), Decimal(103))


def test_words_name_side_quantity_symbol_price_and_the_reason_of_the_strategy() -> None:
    (one,) = folded(OrderSubmitted(1, order(limit="99.5")))

    assert words_of_advice(one) == "buy 10 SPY limit at 99.5, gtc (entry)"


def test_rejected_order_says_why() -> None:
    (one,) = folded(OrderSubmitted(1, order()), OrderRejected(2, ClientOrderId("a"), CROSS, "SPY", "closed"))

    assert (one.outcome, one.why) == (Outcome.REFUSED, "closed")


def test_cancellation_is_an_advice_of_its_own_and_ends_the_order() -> None:
    first, second = folded(
        OrderSubmitted(1, order(limit="99")),
        CancelSubmitted(2, ClientOrderId("a"), CROSS, "SPY"),
        OrderCancelled(3, ClientOrderId("a"), CROSS, "SPY", Decimal(10)),
    )

    assert (first.outcome, second.kind, second.outcome) == (
        Outcome.CANCELLED,
        AdviceKind.CANCEL,
        Outcome.DONE,
    )
    assert words_of_advice(second) == "cancel SPY a"


def test_cancellation_that_comes_too_late_is_refused_and_the_order_stays_filled() -> None:
    first, second = folded(
        OrderSubmitted(1, order()),
        CancelSubmitted(2, ClientOrderId("a"), CROSS, "SPY"),
        filled("a", 10, "100"),
        CancelRejected(3, ClientOrderId("a"), CROSS, "SPY", "it is filled"),
    )

    assert (first.outcome, second.outcome, second.why) == (Outcome.FILLED, Outcome.REFUSED, "it is filled")


def test_other_terms_are_an_advice_with_these_terms() -> None:
    _, second = folded(
        OrderSubmitted(1, order(limit="99")),
        ReplaceSubmitted(2, order(limit="98")),
        OrderReplaced(3, order(limit="98")),
    )

    assert (second.kind, second.outcome) == (AdviceKind.REPLACE, Outcome.DONE)
    assert words_of_advice(second) == "replace buy 10 SPY limit at 98, gtc (entry)"


def test_signal_is_an_advice_without_an_outcome() -> None:
    (one,) = folded(SignalRaised(1, CROSS, "SPY", SignalDirection.LONG, 0.25, "breakout"))

    assert (one.kind, one.outcome) == (AdviceKind.SIGNAL, Outcome.NONE)
    assert words_of_advice(one) == "signal long SPY strength 0.25 (breakout)"


def test_channels_that_took_the_message_are_noted_once() -> None:
    book = AdviceBook()
    book.fold(7, OrderSubmitted(1, order()))
    key = book.entries[0].key
    for channel, is_delivered in (("desk", True), ("mail", False), ("desk", True)):
        book.fold(8, AlertDelivered(2, key, channel, AlertNotice.RAISED, is_delivered))

    assert book.entries[0].told == ["desk"]
