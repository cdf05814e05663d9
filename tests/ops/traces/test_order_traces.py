"""The spans of an order, made of events."""

from decimal import Decimal

from kernel.events import (
    ApprovedOrder,
    Event,
    OrderAccepted,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderSubmitted,
    OrderType,
    Quote,
    Side,
    StrategyDecided,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from ops.traces.order_traces import OrderTraces, Span, Tick, tick_of, trace_id_of

CROSS = StrategyId("cross")
TICK = Tick(7, 20, Quote(100, "SPY", 99.0, 101.0, 1.0, 1.0, 95))


def order(key: str = "a") -> ApprovedOrder:
    return ApprovedOrder(ClientOrderId(key), CROSS, "SPY", Side.BUY, OrderType.MARKET, Decimal(10))


def accepted(ts: int, key: str = "a") -> OrderAccepted:
    return OrderAccepted(ts, ClientOrderId(key), CROSS, "SPY")


def spans_of(*further: tuple[Event, int], tick: Tick = TICK, epoch: int = 3) -> list[Span]:
    """Of an order that is decided at 100 and durable at 130, and of what follows at these times."""
    traces = OrderTraces("paper", epoch=epoch, sample=1.0)
    found = list(traces.decided(21, OrderIntent(100, order()), tick, durable_ts=130))
    for seq, (event, durable_ts) in enumerate(further, 22):
        found += traces.hear(seq, event, durable_ts=durable_ts)
    return found


def parts(spans: list[Span]) -> list[tuple[str, int, int]]:
    return [(one.name, one.start_ts, one.end_ts) for one in spans]


def test_order_at_a_real_venue_goes_from_its_tick_to_the_answer() -> None:
    spans = spans_of(
        (OrderApproved(100, order()), 130), (OrderSubmitted(100, order()), 131), (accepted(190), 195)
    )

    assert parts(spans) == [
        ("tick", 100, 130),
        ("decision", 100, 100),
        ("durable", 100, 130),
        ("risk", 100, 100),
        ("sent", 131, 190),
        ("ack", 190, 190),
    ]
    assert {one.trace_id for one in spans} == {trace_id_of("paper", 3, 7)}
    assert [one.parent_id for one in spans] == [0, spans[0].span_id, *[spans[1].span_id] * 4]
    assert len({one.span_id for one in spans}) == len(spans)


def test_spans_have_the_places_of_their_events_in_the_log() -> None:
    tick, decision, *_ = spans_of()

    assert (tick.attributes["onetape.input"], tick.attributes["onetape.seq"]) == (7, 20)
    assert (tick.attributes["onetape.type"], tick.attributes["onetape.exchange_ts"]) == ("Quote", 95)
    assert (decision.attributes["onetape.seq"], decision.attributes["onetape.session"]) == (21, 3)


def test_same_events_give_the_same_ids_and_another_session_gives_others() -> None:
    first, again, other = spans_of(), spans_of(), spans_of(epoch=4)

    assert first == again
    assert {one.trace_id for one in first}.isdisjoint(one.trace_id for one in other)


def test_denied_order_ends_at_risk_with_the_reason() -> None:
    *_, risk = spans_of((OrderDenied(100, order(), "max_order_quantity", "too many"), 130), (accepted(9), 9))

    assert (risk.name, risk.problem) == ("risk", "too many")
    assert risk.attributes["onetape.rule"] == "max_order_quantity"


def test_rejected_order_ends_with_an_answer_that_failed() -> None:
    *_, ack = spans_of(
        (OrderSubmitted(100, order()), 131),
        (OrderRejected(190, ClientOrderId("a"), CROSS, "SPY", "closed"), 191),
    )

    assert (ack.name, ack.problem) == ("ack", "closed")


def test_simulated_venue_answers_in_the_step_of_the_tick() -> None:
    fill = OrderFilled(
        100, ClientOrderId("a"), CROSS, "SPY", Side.BUY, Decimal(10), Decimal(1), Decimal(0), Decimal(0),
        FillId("f"),
    )  # fmt: skip

    *_, sent, ack = spans_of((OrderSubmitted(100, order()), 131), (fill, 132))

    assert parts([sent, ack]) == [("sent", 100, 100), ("ack", 100, 100)]


def test_decision_of_a_process_of_its_own_belongs_to_the_tick_it_decided_on() -> None:
    decided = StrategyDecided(100, CROSS, 5, b"", 3, 0, 1)

    assert tick_of(9, 30, decided).ordinal == 5


def test_input_that_causes_two_orders_is_one_trace_with_one_tick() -> None:
    traces = OrderTraces("paper", epoch=3, sample=1.0)

    spans = [
        span
        for seq, key in ((21, "a"), (22, "b"))
        for span in traces.decided(seq, OrderIntent(100, order(key)), TICK, durable_ts=130)
    ]

    assert [one.name for one in spans] == ["tick", "decision", "durable", "decision", "durable"]
    assert len({one.trace_id for one in spans}) == 1


def test_sample_chooses_that_share_of_orders_and_always_the_same() -> None:
    traces = [OrderTraces("paper", epoch=epoch, sample=0.25) for epoch in (1, 2)]
    intents = [OrderIntent(1, order(f"1-cross-{number}")) for number in range(2_000)]

    chosen = [[one.is_chosen(intent) for intent in intents] for one in traces]

    assert chosen[0] == chosen[1]
    assert 400 < sum(chosen[0]) < 600
