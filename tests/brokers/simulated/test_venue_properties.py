"""Promises that hold for every sequence of orders and market data, whatever the models."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.state import SimulatedBrokerState
from kernel.events import (
    ApprovedOrder,
    Bar,
    CancelSubmitted,
    Event,
    ExecutionKind,
    ExecutionReport,
    OrderSubmitted,
    OrderType,
    Quote,
    ReplaceSubmitted,
    Side,
    TimeInForce,
    Trade,
)
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.time_units import MINUTE_NS as MINUTE
from tests.brokers.simulated.venue import Venue

ENDS = frozenset({ExecutionKind.CANCELLED, ExecutionKind.EXPIRED, ExecutionKind.REJECTED})
SHARE = 0.5
BEGIN = 1_430 * MINUTE
"""Ten minutes before midnight: days end while orders work."""


class Asked(msgspec.Struct):
    """A new order, with the terms that its type has."""

    side: Side
    order_type: OrderType
    quantity: int
    limit: int
    stop: int
    time_in_force: TimeInForce
    minutes: int
    post_only: bool
    reduce_only: bool
    shown: int | None
    group: str
    trail: int


class Market(msgspec.Struct):
    """The next minute's bar, quote or print."""

    kind: str
    prices: list[int]
    volume: int


class Withdrawn(msgspec.Struct):
    """A cancellation of one of the orders so far."""

    place: int


class Changed(msgspec.Struct):
    """A new quantity for one of the orders so far."""

    place: int
    quantity: int


Action = Asked | Market | Withdrawn | Changed

prices = st.integers(90, 110)
orders = st.builds(
    Asked,
    side=st.sampled_from(Side),
    order_type=st.sampled_from(OrderType),
    quantity=st.integers(1, 20),
    limit=prices,
    stop=prices,
    time_in_force=st.sampled_from([TimeInForce.GTC, *TimeInForce]),
    minutes=st.integers(1, 5),
    post_only=st.sampled_from([False, False, False, True]),
    reduce_only=st.sampled_from([False, False, False, True]),
    shown=st.none() | st.integers(1, 5),
    group=st.sampled_from(["", "", "g", "h"]),
    trail=st.integers(1, 5),
)
market = st.builds(
    Market,
    kind=st.sampled_from(["bar", "quote", "trade"]),
    prices=st.lists(prices, min_size=4, max_size=4),
    volume=st.integers(0, 30),
)
actions = st.one_of(
    market,
    market,
    orders,
    orders,
    st.builds(Withdrawn, st.integers(0, 10)),
    st.builds(Changed, st.integers(0, 10), st.integers(1, 30)),
)
configs = st.builds(
    SimulatedBrokerConfig,
    bars=st.sampled_from(["ohlc", "ohlc_return", "open", "close", "path", "path_pessimistic"]),
    quotes=st.sampled_from(["quote", "maker"]),
    trades=st.sampled_from(["print", "touch", "through"]),
    queue=st.sampled_from([None, None, "pessimistic", "probabilistic"]),
    volume=st.sampled_from([None, ModelConfig("share", {"limit": SHARE})]),
    latency=st.sampled_from([None, ModelConfig("constant", {"delay_ms": 90_000})]),
    slippage_bps=st.sampled_from([0.0, 50.0]),
)


@dataclass
class Ledger:
    """The reports on each order, checked against its terms."""

    terms: dict[str, ApprovedOrder] = field(default_factory=dict[str, ApprovedOrder])
    quantity: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    filled: dict[str, Decimal] = field(default_factory=lambda: defaultdict[str, Decimal](Decimal))
    ended: set[str] = field(default_factory=set[str])
    fill_ids: set[str] = field(default_factory=set[str])
    position: Decimal = Decimal(0)

    def take(self, report: ExecutionReport) -> None:
        """Check a report against everything before it."""
        key = str(report.client_order_id)
        if report.kind is ExecutionKind.REPLACED and report.quantity is not None:
            self.quantity[key] = report.quantity
        if report.kind in ENDS:
            assert key not in self.ended
            self.ended.add(key)
        if report.kind is ExecutionKind.FILL:
            self._take_fill(key, report)

    def _take_fill(self, key: str, report: ExecutionReport) -> None:
        order, quantity, price = self.terms[key], report.quantity, report.price
        assert quantity is not None
        assert price is not None
        assert key not in self.ended
        assert report.fill_id not in self.fill_ids
        assert quantity > 0 == quantity % 1
        self.fill_ids.add(report.fill_id)
        self.filled[key] += quantity
        assert self.filled[key] <= self.quantity[key]
        is_buy = order.side is Side.BUY
        if order.limit_price is not None:
            assert price <= order.limit_price if is_buy else price >= order.limit_price
        before, self.position = self.position, self.position + (quantity if is_buy else -quantity)
        if order.reduce_only:
            assert before * self.position >= 0
            assert abs(self.position) < abs(before)


def order_of(key: str, asked: Asked, *, now: int) -> ApprovedOrder:
    kind = asked.order_type
    is_trailing = kind is OrderType.TRAILING_STOP
    return ApprovedOrder(
        ClientOrderId(key),
        StrategyId("s"),
        "A",
        asked.side,
        kind,
        Decimal(asked.quantity),
        Decimal(asked.limit) if "limit" in kind.value else None,
        Decimal(asked.stop) if kind in (OrderType.STOP, OrderType.STOP_LIMIT) or "touched" in kind else None,
        asked.time_in_force,
        now + asked.minutes * MINUTE if asked.time_in_force is TimeInForce.GTD else 0,
        asked.post_only,
        asked.reduce_only,
        trail_amount=Decimal(asked.trail) if is_trailing else None,
        display_quantity=None if asked.shown is None else Decimal(asked.shown),
        group_id=asked.group,
    )


def market_event(said: Market, *, ts: int) -> Event:
    first, second, *_ = (float(price) for price in said.prices)
    volume = float(said.volume)
    match said.kind:
        case "bar":
            low, high = float(min(said.prices)), float(max(said.prices))
            return Bar(ts, "A", "1m", first, high, low, second, volume, ts - MINUTE)
        case "quote":
            return Quote(ts, "A", min(first, second), max(first, second), volume, volume)
        case _:
            return Trade(ts, "A", first, volume)


def input_of(action: Action, ledger: Ledger, *, now: int) -> Event | None:
    """The input; ``None`` if it is about an order and no order was given yet."""
    if isinstance(action, Market):
        return market_event(action, ts=now + MINUTE)
    if isinstance(action, Asked):
        key = f"o{len(ledger.terms)}"
        order = order_of(key, action, now=now)
        ledger.terms[key], ledger.quantity[key] = order, order.quantity
        return OrderSubmitted(now, order)
    if not ledger.terms:
        return None
    old = ledger.terms[f"o{action.place % len(ledger.terms)}"]
    if isinstance(action, Withdrawn):
        return CancelSubmitted(now, old.client_order_id, StrategyId("s"), "A")
    return ReplaceSubmitted(now, msgspec.structs.replace(old, quantity=Decimal(action.quantity)))


@pytest.mark.slow
@given(configs, st.lists(actions, min_size=15, max_size=50))
def test_no_sequence_overfills_fills_through_a_limit_or_after_the_end(
    config: SimulatedBrokerConfig, sequence: list[Action]
) -> None:
    venue, ledger = Venue(config), Ledger()
    venue.hear(Bar(BEGIN, "A", "1m", 100.0, 100.0, 100.0, 100.0, 10.0, BEGIN - MINUTE))
    for action in sequence:
        event = input_of(action, ledger, now=venue.bus.now)
        if event is None:
            continue
        venue.bus.dispatch((event,))
        replaced = event.order if isinstance(event, ReplaceSubmitted) else None
        reports = [one for one in venue.bus.take_derived().events if isinstance(one, ExecutionReport)]
        filled = Decimal(0)
        for report in reports:
            if report.kind is ExecutionKind.REPLACED and report.quantity is None:
                assert replaced is not None or config.latency is not None
                _accept_any_quantity(ledger, report, replaced)
            ledger.take(report)
            filled += _shared_quantity(report, ledger)
        if config.volume is not None and isinstance(event, Bar | Trade):
            volume = event.volume if isinstance(event, Bar) else event.size
            assert float(filled) <= SHARE * volume

    _check_state(venue, ledger)


def _accept_any_quantity(ledger: Ledger, report: ExecutionReport, replaced: ApprovedOrder | None) -> None:
    """New terms were taken; with latency they are those of a request before."""
    key = str(report.client_order_id)
    ledger.quantity[key] = Decimal(30) if replaced is None else replaced.quantity


def _shared_quantity(report: ExecutionReport, ledger: Ledger) -> Decimal:
    """The volume that a fill took of its event. A fill at the last price before a close takes none."""
    if report.kind is not ExecutionKind.FILL or report.quantity is None:
        return Decimal(0)
    is_on_close = ledger.terms[str(report.client_order_id)].order_type.value.endswith("on_close")
    return Decimal(0) if is_on_close else report.quantity


def _check_state(venue: Venue, ledger: Ledger) -> None:
    state = venue.broker.state
    resting = [one for orders in state.resting.values() for one in orders]
    for one in resting:
        key = str(one.order.client_order_id)
        assert key not in ledger.ended
        assert one.leaves == one.order.quantity - ledger.filled[key] > 0
    assert state.positions.get("A", {}).get("s", 0) == ledger.position
    assert venue.bus.watched("simulated_broker") == ({"A"} if resting else set())
    encoded = msgspec.msgpack.encode(state)
    assert msgspec.msgpack.encode(msgspec.msgpack.decode(encoded, type=SimulatedBrokerState)) == encoded
