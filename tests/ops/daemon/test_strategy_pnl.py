"""The P&L of strategies in a status: it adds up to the account's, from a session that traded."""

from decimal import Decimal

from components.assembly.instruments import InstrumentConfig
from eventstore import MemoryEventStore
from ops.daemon.lane_status import lanes_of
from ops.daemon.strategy_pnl import pnl_of
from replay.config import ReplayConfig
from strategies.sdk import RiskLimits
from tests.replay.live_sessions import live_session
from tests.replay.market import walk
from tests.replay.sample_strategies import RandomOrders

CONFIG = ReplayConfig(
    instruments=(InstrumentConfig(symbol="A"),), risk=RiskLimits(allow_short=True, require_cash=False)
)


async def test_pnl_of_the_only_strategy_is_what_the_account_gained() -> None:
    session = await live_session(MemoryEventStore(), walk("A", 120, seed=8), [RandomOrders()], CONFIG)

    (one,) = pnl_of(session)

    gained = session.core.portfolio.equity - CONFIG.cash
    assert gained
    assert one.net is not None
    assert abs(Decimal(one.net) - gained) <= Decimal("0.005")


async def test_pnl_by_symbol_adds_up_to_that_of_the_strategy() -> None:
    session = await live_session(MemoryEventStore(), walk("A", 120, seed=8), [RandomOrders()], CONFIG)

    (one,) = pnl_of(session)

    (symbol,) = one.symbols
    assert (symbol.symbol, symbol.realised, symbol.unrealised) == ("A", one.realised, one.unrealised)


async def test_a_strategy_that_has_not_traded_has_gained_nothing() -> None:
    session = await live_session(MemoryEventStore(), walk("A", 1, seed=8), [RandomOrders()], CONFIG)

    (one,) = pnl_of(session)

    assert (one.net, one.symbols) == ("0.00", ())


async def test_a_core_without_edges_has_no_lanes() -> None:
    session = await live_session(MemoryEventStore(), walk("A", 1, seed=8), [RandomOrders()], CONFIG)

    assert lanes_of(session.engine) == ()
