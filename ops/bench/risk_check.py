"""Times of a risk check with every rule on: microseconds from an intent to the answer.

python -m ops.bench.risk_check --intents 20000 --open-orders 200 --positions 10

Runs the whole core without strategies. First it buys positions and places resting orders. Then it times
intents one by one, in turn for every symbol. Each order is cancelled again, so that the number of working
orders stays the same.
"""

import os
import sys
from collections.abc import Iterator
from decimal import Decimal, localcontext
from itertools import count, islice
from statistics import median, quantiles
from time import perf_counter_ns

import click

from brokers.simulated.config import SimulatedBrokerConfig
from components.assembly.core import Core, assemble
from components.portfolio.portfolio import PortfolioConfig
from kernel.decimals import EXACT
from kernel.events import (
    CashMoved,
    InstrumentDefined,
    Order,
    OrderApproved,
    OrderCancelled,
    OrderIntent,
    OrderType,
    Quote,
    SessionStarted,
    Side,
)
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.time_units import MS_NS
from replay.simulated_venue import SimulatedVenue
from strategies.sdk import RiskLimits

STRATEGY = StrategyId("bench")
GAP_NS = 20 * MS_NS
"""Time between intents: fifty a second, within the allowed rate."""

EVERY_RULE = RiskLimits(
    max_order_quantity=Decimal(1_000),
    max_order_notional=Decimal(1_000_000),
    max_position_quantity=Decimal(1_000_000),
    require_cash=True,
    allow_short=True,
    price_collar_bps=Decimal(500),
    stop_collar_bps=Decimal(1_000),
    max_position_notional=Decimal(1_000_000_000),
    max_gross_exposure=Decimal(1_000_000_000),
    max_leverage=Decimal(10),
    require_margin=True,
    max_symbol_concentration=Decimal(5),
    max_sector_concentration=Decimal(5),
    restricted=("NEVER",),
    require_defined_symbol=True,
    max_orders_per_second=1_000,
    max_orders_per_minute=10_000,
    max_open_orders=1_000_000,
    max_open_orders_per_symbol=1_000_000,
    duplicate_window_s=0.001,
    in_session_only=True,
    max_daily_loss=Decimal(1_000_000),
    max_drawdown=Decimal("0.9"),
)


@click.command()
@click.option("--intents", default=20_000, show_default=True, help="Orders to time.")
@click.option("--open-orders", default=200, show_default=True, help="Orders working at the same time.")
@click.option("--positions", default=10, show_default=True, help="Symbols held at the same time.")
def risk_check(intents: int, open_orders: int, positions: int) -> None:
    """Print the median and the 95th percentile of a check, in microseconds."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    core = _prepared(positions, open_orders=open_orders)
    with localcontext(EXACT):
        taken = list(_timed(core, intents, positions=positions))
    p95 = quantiles(taken, n=20)[-1]
    click.echo(
        f"{intents:,} intents, {open_orders:,} open orders, {positions} positions: "
        f"p50 {median(taken) / 1_000:.1f} us, p95 {p95 / 1_000:.1f} us"
    )


def _prepared(positions: int, *, open_orders: int) -> Core:
    """A core with a position and resting orders in every symbol."""
    core = assemble(
        [],
        venue=SimulatedVenue(SimulatedBrokerConfig()),
        risk_limits=EVERY_RULE,
        portfolio=PortfolioConfig(),
        environment={},
    )
    symbols = _symbols(positions)
    terms = [InstrumentDefined(1, symbol, sector=f"S{symbols.index(symbol) % 5}") for symbol in symbols]
    core.bus.dispatch([*terms, CashMoved(1, Decimal(100_000_000)), SessionStarted(1, 1, "bench", "", "")])
    core.bus.dispatch([Quote(1, symbol, 99.99, 100.01) for symbol in symbols])
    orders = [_order(f"held-{symbol}", symbol, OrderType.MARKET, quantity=100) for symbol in symbols]
    orders += [
        _order(f"open-{number}", symbols[number % positions], OrderType.LIMIT, quantity=1 + number)
        for number in range(open_orders)
    ]
    for number, order in enumerate(orders, start=1):
        core.bus.dispatch([OrderIntent(number * GAP_NS, order)])
    ts = (len(orders) + 1) * GAP_NS
    core.bus.dispatch([Quote(ts, symbol, 99.99, 100.01) for symbol in symbols])
    assert len(core.risk.state.working.orders) == open_orders, "an order was denied while preparing"
    return core


def _timed(core: Core, intents: int, *, positions: int) -> Iterator[int]:
    """Nanoseconds of each check."""
    symbols, risk, ts = _symbols(positions), core.risk, core.bus.now
    for number in islice(count(1), intents):
        ts += GAP_NS
        symbol = symbols[number % positions]
        order = _order(f"timed-{number}", symbol, OrderType.LIMIT, quantity=1 + number % 500)
        intent = OrderIntent(ts, order)
        started = perf_counter_ns()
        (answer,) = risk.on_intent(intent)
        yield perf_counter_ns() - started
        assert isinstance(answer, OrderApproved), answer
        risk.on_finished(OrderCancelled(ts, order.client_order_id, STRATEGY, symbol, order.quantity))


def _order(key: str, symbol: str, order_type: OrderType, *, quantity: int) -> Order:
    limit = Decimal("98.00") if order_type is OrderType.LIMIT else None
    return Order(ClientOrderId(key), STRATEGY, symbol, Side.BUY, order_type, Decimal(quantity), limit)


def _symbols(positions: int) -> list[str]:
    return [f"SYM{number}" for number in range(positions)]


if __name__ == "__main__":
    risk_check()
