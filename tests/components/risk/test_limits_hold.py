"""Whatever strategies ask for and whatever the market does, limits hold at every moment."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.assembly.core import Core
from components.risk.exposure import WorkingExposure
from components.risk.working_orders import NO_SHARE, NOTHING, WorkingOrders, WorkingState
from kernel import snapshot
from kernel.events import (
    Event,
    FlattenPositions,
    HaltTrading,
    InstrumentDefined,
    OrderApproved,
    OrderDenied,
    OrderOrigin,
    OrderSubmitted,
    Quote,
    ReduceOnlyTrading,
    ResumeTrading,
    Side,
    TradingState,
    TradingStateChanged,
)
from strategies.sdk import RiskLimits
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind, Rearm
from tests.components.sample_core import Step, begin, core_with, hear, of_type, scripted

MOST = 50
STRICT = RiskLimits(
    max_order_quantity=Decimal(40),
    max_position_quantity=Decimal(MOST),
    allow_short=True,
    max_leverage=Decimal(1),
    max_open_orders=4,
    max_open_orders_per_symbol=3,
    continuous=(
        ContinuousLimit(
            kind=LimitKind.DAILY_LOSS,
            limit=Decimal("0.03"),
            action=BreachAction.FLATTEN,
            rearm=Rearm.DELAY,
            rearm_after_s=2,
        ),
        ContinuousLimit(kind=LimitKind.STOP_LOSS, limit=Decimal("0.04"), action=BreachAction.FLATTEN),
        ContinuousLimit(kind=LimitKind.TAKE_PROFIT, limit=Decimal("0.04"), action=BreachAction.REDUCE),
        ContinuousLimit(kind=LimitKind.STALE_DATA, limit=Decimal(3), action=BreachAction.HALT),
    ),
)

verbs = st.sampled_from(["market", "limit", "stop", "stop_limit", "reduce", "bracket", "replace", "cancel"])
amounts = st.sampled_from([-60, -40, -25, -7, 7, 25, 40, 60])
steps = st.tuples(verbs, st.sampled_from("AB"), amounts, st.integers(-4, 4))
scripts: st.SearchStrategy[list[list[Step]]] = st.lists(st.lists(steps, max_size=3), min_size=5, max_size=20)
commands = st.sampled_from(["", "", "", "", "", "halt", "reduce", "resume", "resume", "flatten"])
moves = st.lists(
    st.tuples(st.integers(1, 4_000_000_000), st.sampled_from("AB"), st.integers(90, 110), commands),
    min_size=5,
    max_size=25,
)


ONE_SELLS_WHAT_THE_OTHER_HOLDS: list[list[Step]] = [
    [],
    [("market", "A", 60, 0)],
    [("market", "A", 25, 0)],
    [("market", "A", -40, 0)],
    [("market", "A", 60, 0)],
]
"""The second strategy has no cash for its buys: it is short by itself, while the account is long."""


def core_of(lines: Sequence[list[list[Step]]], limits: RiskLimits) -> Core:
    core = core_with({"x": scripted(*lines[0]), "y": scripted(*lines[1])}, limits=limits)
    hear(core, *(InstrumentDefined(0, symbol) for symbol in "AB"))
    begin(core, cash=10_000)
    return core


def inputs_of(happenings: Sequence[tuple[int, str, int, str]]) -> list[Event]:
    ts, events = 1, list[Event]()
    for after, symbol, price, command in happenings:
        ts += after
        match command:
            case "halt":
                events.append(HaltTrading(ts, "ann"))
            case "reduce":
                events.append(ReduceOnlyTrading(ts, "ann"))
            case "resume":
                events.append(ResumeTrading(ts, "ann"))
            case "flatten":
                events.append(FlattenPositions(ts, "ann"))
            case _:
                events.append(Quote(ts, symbol, price - 0.5, price + 0.5))
    return events


@given(st.tuples(scripts, scripts), moves)
def test_positions_and_open_orders_never_exceed_their_limits(
    lines: tuple[list[list[Step]], list[list[Step]]], happenings: list[tuple[int, str, int, str]]
) -> None:
    core = core_of(lines, STRICT)

    for event in inputs_of(happenings):
        hear(core, event)

        open_orders = core.risk.state.working.orders.values()
        asked_for = [one for one in open_orders if one.order.origin is not OrderOrigin.RISK]
        assert all(abs(core.portfolio.net_position(symbol)) <= MOST for symbol in "AB")
        assert len(asked_for) <= 4
        assert core.risk.state.working.orders.keys() == core.orders.state.open.keys()


@given(st.tuples(scripts, scripts), moves)
def test_nothing_leaves_while_halted_and_what_was_denied_never_does(
    lines: tuple[list[list[Step]], list[list[Step]]], happenings: list[tuple[int, str, int, str]]
) -> None:
    core = core_of(lines, STRICT)
    state, submitted, denied = TradingState.ACTIVE, set[str](), set[str]()

    for event in inputs_of(happenings):
        flattens = isinstance(event, FlattenPositions)
        for derived in hear(core, event):
            if isinstance(derived, TradingStateChanged):
                state = derived.state
            elif isinstance(derived, OrderDenied):
                denied.add(derived.order.client_order_id)
            elif isinstance(derived, OrderSubmitted):
                key = derived.order.client_order_id
                submitted.add(key)
                is_operators = flattens or derived.order.tag.startswith("risk: flatten by")
                assert state is not TradingState.HALTED or is_operators

    assert not submitted & denied


@given(scripts, st.lists(st.sampled_from("AB"), min_size=5, max_size=25))
@example(ONE_SELLS_WHAT_THE_OTHER_HOLDS, ["A"] * 5)
def test_at_unchanged_prices_buys_never_take_more_cash_than_there_is(
    lines: list[list[Step]], symbols: list[str]
) -> None:
    core = core_of((lines, lines), RiskLimits())
    hear(core, *(Quote(1, symbol, 100.0, 100.0) for symbol in "AB"))

    for ts, symbol in enumerate(symbols, start=2):
        hear(core, Quote(ts, symbol, 100.0, 100.0))

        assert core.portfolio.cash >= 0
        assert all(core.portfolio.net_position(each) >= 0 for each in "AB")


@given(
    st.tuples(scripts, scripts),
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(95, 105)), min_size=5, max_size=25),
)
def test_gross_exposure_never_grows_beyond_its_limit(
    lines: tuple[list[list[Step]], list[list[Step]]], prices: list[tuple[str, int]]
) -> None:
    """No order is worth less than 91 a unit here, so more than 54 units can never have been let through."""
    core = core_of(lines, RiskLimits(require_cash=False, allow_short=True, max_gross_exposure=Decimal(5_000)))

    for ts, (symbol, price) in enumerate(prices, start=1):
        hear(core, Quote(ts, symbol, price, price))

        assert sum(abs(core.portfolio.net_position(each)) for each in "AB") <= 54


def exposure_of(core: Core, state: WorkingState) -> WorkingExposure:
    """The arithmetic over a state, with the positions of a core."""
    return WorkingExposure(state.exposure, account=core.portfolio, market=core.market)


@pytest.mark.slow
@given(st.tuples(scripts, scripts), moves)
def test_sums_are_those_of_the_orders_that_are_working(
    lines: tuple[list[list[Step]], list[list[Step]]], happenings: list[tuple[int, str, int, str]]
) -> None:
    core = core_of(lines, STRICT)

    for event in inputs_of(happenings):
        hear(core, event)

        state = core.risk.state
        sums = WorkingState()
        anew = WorkingOrders(sums, exposure_of(core, sums))
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(state.working), type=WorkingState)
        found = WorkingOrders(kept, exposure_of(core, kept)).exposure_sums()
        for working in kept.orders.values():
            working.counted = NO_SHARE
            anew.add(working)
        for symbol in "AB":
            assert [anew.quantity(symbol, side) for side in Side] == [
                core.risk.working_quantity(symbol, side) for side in Side
            ]
            assert anew.count(symbol) == state.working.by_symbol.get(symbol, NOTHING).count
        assert sums.reserved == state.working.reserved
        wanted = anew.exposure_sums()
        assert wanted.counted == found.counted
        assert wanted.margin == found.margin
        assert wanted.by_sector.get("", 0) == found.by_sector.get("", 0)


@given(st.tuples(scripts, scripts), moves, st.data())
def test_a_snapshot_anywhere_changes_nothing(
    lines: tuple[list[list[Step]], list[list[Step]]],
    happenings: list[tuple[int, str, int, str]],
    data: st.DataObject,
) -> None:
    inputs = inputs_of(happenings)
    cut = data.draw(st.integers(0, len(inputs)))
    core, copy = core_of(lines, STRICT), core_of(lines, STRICT)
    hear(core, *inputs[:cut])

    snapshot.put_back(copy.bus, snapshot.take(core.bus))

    assert list(hear(core, *inputs[cut:])) == list(hear(copy, *inputs[cut:]))
    assert snapshot.take(core.bus).states == snapshot.take(copy.bus).states


def test_the_random_runs_do_get_orders_through() -> None:
    core = core_of(([[("market", "A", 40, 0)]], [[]]), STRICT)

    events = hear(core, Quote(1, "A", 99.5, 100.5))

    assert len(of_type(events, OrderApproved)) == 1
