"""Worked orders from a strategy's decision to its fills: the whole core, the simulated venue, real bars."""

import csv
import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from brokers.simulated.config import SimulatedBrokerConfig
from components.execution.config import ExecutionConfig
from kernel.events import (
    DecisionRefused,
    Event,
    ExecutionFinished,
    ExecutionRequested,
    OrderFilled,
    OrderIntent,
    TimeInForce,
    VenueDeclared,
)
from kernel.time_units import SECOND_NS as SECOND
from strategies.sdk import (
    Bar,
    CancelExecution,
    ClientOrderId,
    Decision,
    Decisions,
    Execute,
    Iceberg,
    Leftover,
    OrderUpdate,
    Participation,
    PlaceOrder,
    Quote,
    Strategy,
    StrategyParams,
    StrategyState,
    Twap,
    Vwap,
    buy,
    sell,
    target_position,
)
from tests.components.sample_core import begin, core_with, hear, of_type
from tests.replay.playing import SHARED_DATA

SPY = SHARED_DATA / "minute" / "equity_nt" / "nt-spy-minute-2011-01.csv.gz"
MINUTE_S = 60
MINUTE = MINUTE_S * SECOND


class Heard(StrategyState):
    """What the strategy was told, and the id of what it has worked."""

    calls: int = 0
    updates: list[str] = msgspec.field(default_factory=list[str])
    worked: str = ""


class Trading(Strategy[StrategyParams, Heard]):
    """Makes one decision at its first event, cancels what it worked after ``cancels_after`` events."""

    decision: Decision | None = None
    cancels_after = 0

    def on_bar(self, bar: Bar) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self._next()

    def on_quote(self, quote: Quote) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self._next()

    def on_order_update(self, update: OrderUpdate) -> Decisions:
        self.state.updates.append(type(update).__name__)
        if isinstance(update, ExecutionRequested):
            self.state.worked = update.order.client_order_id
        return None

    def _next(self) -> Decisions:
        self.state.calls += 1
        if self.state.calls == 1:
            return self.decision
        if self.state.calls == self.cancels_after:
            return CancelExecution(ClientOrderId(self.state.worked))
        return None


def trading(decision: Decision, *, cancels_after: int = 0) -> Trading:
    """A strategy that makes this decision."""
    strategy = Trading()
    strategy.decision, strategy.cancels_after = decision, cancels_after
    return strategy


def play(
    strategy: Trading,
    events: Sequence[Event],
    *,
    broker: SimulatedBrokerConfig | None = None,
    execution: ExecutionConfig | None = None,
) -> Sequence[Event]:
    """What follows from these events; a venue that lacks something says so first."""
    core = core_with({"s": strategy}, symbols=("A",), broker=broker, execution=execution)
    begin(core)
    if broker is not None and broker.lacks:
        able = broker.capabilities()
        hear(core, VenueDeclared(0, "simulated", able.order_types, able.times_in_force, able.features))
    return hear(core, *events)


def quotes(count: int, mid: float = 100.0) -> list[Event]:
    """A quote a second."""
    return [Quote(second * SECOND, "A", mid, mid, 1e6, 1e6) for second in range(1, count + 1)]


def spy_bars(count: int) -> list[Event]:
    """The minutes of SPY's first regular session in the file, as bars of A."""
    if not SPY.exists():
        pytest.skip(f"needs {SPY.name}")
    with gzip.open(SPY, "rt") as file:
        rows = [row for row in csv.reader(file, delimiter=";") if row[0] >= "20110103 143100"][:count]
    bars: list[Event] = []
    for stamp, opened, high, low, close, volume in rows:
        moment = datetime.strptime(stamp, "%Y%m%d %H%M%S").replace(tzinfo=UTC)
        ts = int(moment.timestamp()) * SECOND
        prices = (float(opened), float(high), float(low), float(close))
        bars.append(Bar(ts, "A", "1m", *prices, float(volume), ts - MINUTE))
    return bars


def parts(events: Sequence[Event]) -> list[tuple[int, Decimal]]:
    """When parts were sent, and how large they were."""
    return [(event.ts, event.order.quantity) for event in of_type(events, OrderIntent)]


def filled(events: Sequence[Event]) -> Decimal:
    """What was traded."""
    return sum((fill.quantity for fill in of_type(events, OrderFilled)), Decimal(0))


# --- over real minutes ------------------------------------------------------------------------


def test_a_twap_over_real_minutes_keeps_to_its_schedule_within_a_lot_and_reaches_its_quantity() -> None:
    bars = spy_bars(70)
    quantity, steps = 10_007, 30

    derived = play(trading(Execute(buy("A", quantity), Twap(60 * MINUTE_S, steps))), bars)

    start, sent = bars[0].ts, Decimal(0)
    for ts, part in parts(derived):
        sent += part
        step = (ts - start) * steps // (60 * MINUTE) + 1
        assert abs(sent - Decimal(quantity * step) / steps) < 1
    (end,) = of_type(derived, ExecutionFinished)
    assert len(parts(derived)) == steps
    assert (int(end.filled_quantity), int(end.leaves_quantity), end.reason) == (quantity, 0, "")
    assert filled(derived) == quantity


def test_a_vwap_over_real_minutes_trades_in_proportion_to_its_weights() -> None:
    weights = (5, 3, 2, 4, 6)

    derived = play(trading(Execute(sell("A", 2_000), Vwap(50 * MINUTE_S, weights))), spy_bars(70))

    assert [int(part) for _, part in parts(derived)] == [weight * 100 for weight in weights]
    assert filled(derived) == 2_000


def test_a_vwap_without_weights_follows_the_profile_of_the_configuration() -> None:
    half_hours = tuple(float(n) for n in range(48))  # at 14:30 it is 29, at 15:00 it is 30
    execution = ExecutionConfig(volume_profiles={"A": half_hours})

    derived = play(trading(Execute(buy("A", 590), Vwap(60 * MINUTE_S))), spy_bars(70), execution=execution)

    first, second = (int(part) for _, part in parts(derived))
    assert first + second == 590
    until_15_01, until_15_31 = 29 * 29 + 1 * 30, 29 * 30 + 1 * 31  # minutes times volume a half hour
    assert first == 590 * until_15_01 // (until_15_01 + until_15_31)


def test_participation_is_never_above_its_rate_between_any_two_parts() -> None:
    bars = spy_bars(300)
    rate = Decimal("0.05")

    derived = play(trading(Execute(buy("A", 2_000_000), Participation(rate, part_quantity=500))), bars)

    sends = parts(derived)
    assert len(sends) > 20
    times = [(bars[0].ts, Decimal(0)), *sends]
    volume = [(bar.ts, Decimal(repr(bar.volume))) for bar in bars if isinstance(bar, Bar)]
    for first in range(len(times)):
        since, sent = times[first][0], Decimal(0)
        traded = [(ts, amount) for ts, amount in volume if ts > since]
        for ts, part in times[first + 1 :]:
            sent += part
            assert sent <= rate * sum((amount for at, amount in traded if at <= ts), Decimal(0))
    assert all(one < two for (one, _), (two, _) in pairwise(sends))


# --- what a strategy sees ---------------------------------------------------------------------


def test_a_strategy_hears_the_id_the_parts_and_the_end() -> None:
    strategy = trading(Execute(buy("A", 4), Twap(10.0, 2)))

    derived = play(strategy, quotes(20))

    (requested,) = of_type(derived, ExecutionRequested)
    assert requested.order.client_order_id == "1-s-1"
    assert [intent.order.client_order_id for intent in of_type(derived, OrderIntent)] == [
        "1-s-1-1",
        "1-s-1-2",
    ]
    assert strategy.state.updates == [
        "ExecutionRequested",
        *("OrderAccepted", "OrderFilled") * 2,
        "ExecutionFinished",
    ]


def test_a_strategy_stops_what_it_had_worked() -> None:
    strategy = trading(Execute(buy("A", 10), Twap(100.0, 10)), cancels_after=15)

    derived = play(strategy, quotes(100))

    (end,) = of_type(derived, ExecutionFinished)
    assert (int(end.filled_quantity), int(end.leaves_quantity), end.reason) == (2, 8, "cancelled")


def test_a_target_is_worked_for_the_difference() -> None:
    derived = play(trading(Execute(target_position("A", -6), Twap(10.0, 2))), quotes(20))

    (requested,) = of_type(derived, ExecutionRequested)
    assert (requested.order.side.value, int(requested.order.quantity)) == ("sell", 6)
    assert filled(derived) == 6


def test_a_limit_order_that_is_not_reached_ends_undone_or_at_market() -> None:
    limit = buy("A", 4, limit=99.0)

    undone = play(trading(Execute(limit, Twap(10.0, 2))), quotes(20))
    completed = play(trading(Execute(limit, Twap(10.0, 2, leftover=Leftover.MARKET))), quotes(20))

    assert [event.reason for event in of_type(undone, ExecutionFinished)] == ["its time is over"]
    assert filled(undone) == 0
    assert [event.reason for event in of_type(completed, ExecutionFinished)] == [""]
    assert filled(completed) == 4


@pytest.mark.parametrize("lacks", [(), ("iceberg",)])
def test_an_iceberg_is_shown_in_parts_where_the_venue_has_none(lacks: tuple[str, ...]) -> None:
    order = buy("A", 25, limit=101.0, display_quantity=10)

    derived = play(trading(order), quotes(20), broker=SimulatedBrokerConfig(lacks=lacks))

    shown = [(int(i.order.quantity), i.order.display_quantity) for i in of_type(derived, OrderIntent)]
    assert shown == ([(10, None), (10, None), (5, None)] if lacks else [(25, Decimal(10))])
    assert filled(derived) == 25


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (Execute(buy("A", 5, stop_loss=90.0), Twap(10.0, 2)), "takes no attached exits"),
        (
            Execute(buy("A", 5, time_in_force=TimeInForce.DAY), Twap(10.0, 2)),
            "is gtc and ends with its algorithm",
        ),
        (Execute(buy("A", 5), Twap(10.0, 0)), "steps 0 is not a whole number between 1 and 1000"),
        (Execute(buy("A", 5), Twap(0.0, 2)), "duration_s 0.0 is not above 0"),
        (Execute(buy("A", 5), Twap(-1.0, 2)), "duration_s -1.0 is not above 0"),
        (Execute(buy("A", 5), Vwap(10.0, (float("nan"),))), "weight nan is not finite"),
        (Execute(buy("A", 5), Iceberg(0.5)), "is less than one lot"),
        (Execute(buy("A", float("nan")), Twap(10.0, 2)), "is not finite"),
        (CancelExecution(ClientOrderId("1-s-7")), "no order '1-s-7' is being worked"),
    ],
)
def test_what_cannot_be_worked_is_refused_with_the_reason(decision: Decision, reason: str) -> None:
    derived = play(trading(decision), quotes(3))

    (refused,) = of_type(derived, DecisionRefused)
    assert reason in refused.reason
    assert of_type(derived, OrderIntent) == []


def test_terms_that_do_not_fit_the_order_end_it_at_once() -> None:
    stop = PlaceOrder("A", buy("A", 1).side, 5, buy("A", 1, stop=120.0).order_type, None, 120.0)

    derived = play(trading(Execute(stop, Twap(10.0, 2))), quotes(3))

    (end,) = of_type(derived, ExecutionFinished)
    assert end.reason == "refused: only market and limit orders are worked in parts, not stop"
