"""Makes the small logs that every later version must still replay: see ``test_golden_log``.

Run as ``python -m tests.replay.golden_log PATH PATH-WIDE``, once for a release that changes what is written;
logs of older versions stay as they are. The wide one has whatever the core has timers and ids for.
"""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from importlib.resources import as_file
from pathlib import Path
from random import Random

import msgspec

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.financing import FinancingConfig, Interest
from components.allocation.config import SignalsConfig
from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from components.portfolio.portfolio import PortfolioConfig
from eventstore import Durability, SqliteEventStore
from eventstore.importing import import_file
from kernel.events import AssetClass, Bar, CorporateAction, CorporateActionKind, Event, FundingRateSet
from kernel.time_units import DAY_NS
from replay.backtest import run_and_record
from replay.commands import Flatten, Halt, Resume
from replay.config import ReplayConfig
from replay.demo import DEMO_IMPORT
from replay.planning import plan_run
from replay.sample import stocks
from strategies.sdk import RiskLimits, Twap
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind, Rearm
from strategies.sdk.sizing import FixedFractional

MINUTE_NS = 60_000_000_000

SYMBOLS = ("FB",)
START = 19_786 * DAY_NS
"""2024-03-04, a Monday."""

_LIMITS = (
    ContinuousLimit(
        kind=LimitKind.STOP_LOSS,
        limit=Decimal("0.01"),
        action=BreachAction.FLATTEN,
        rearm=Rearm.DELAY,
        rearm_after_s=600,
    ),
    ContinuousLimit(kind=LimitKind.TAKE_PROFIT, limit=Decimal("0.02"), action=BreachAction.REDUCE),
    ContinuousLimit(
        kind=LimitKind.STALE_DATA, limit=Decimal(600), action=BreachAction.DENY, rearm=Rearm.RECOVERY
    ),
    ContinuousLimit(kind=LimitKind.DAILY_LOSS, limit=Decimal("0.2"), action=BreachAction.HALT),
)


async def make(path: Path) -> str:
    """One store with the bundled FB bars and a run of two strategies over them; the run's stream."""
    config = ReplayConfig(
        store=path.name,
        streams=("fb.1d",),
        strategies=(
            StrategyConfig(
                strategy="strategies.ma_cross:MovingAverageCross",
                params={"fast": 3, "slow": 8, "quantity": 10, "allow_short": True},
            ),
            StrategyConfig(strategy="strategies.mean_reversion:MeanReversion", params={"quantity": 2_000}),
        ),
        cash=Decimal(20_000),
        risk=RiskLimits(allow_short=True),
        broker=SimulatedBrokerConfig(slippage_bps=2.0, commission_per_share=Decimal("0.01")),
    )
    async with await SqliteEventStore.open(path, durability=Durability.NORMAL) as store:
        with as_file(stocks()) as file:
            await import_file(store, file, msgspec.structs.replace(DEMO_IMPORT, only=SYMBOLS))
        return await run_and_record(store, await plan_run(store, config))


def market() -> Iterator[Event]:
    """Two mornings of minutes in four symbols, with what companies and venues do."""
    dice = Random(7)
    prices = {"A": 100.0, "B": 50.0, "C": 20.0, "F": 10.0}
    for minute in range(180):
        day, place = divmod(minute, 90)
        ts = START + day * DAY_NS + (14 * 60 + 30 + place) * MINUTE_NS
        if minute == 60:
            kind = CorporateActionKind.DIVIDEND
            yield CorporateAction(ts, "A", kind, amount=Decimal("0.5"), pay_ts=ts + 30 * MINUTE_NS)
        if minute % 60 == 0:
            yield FundingRateSet(ts, "F", Decimal("0.0001"), ts + 45 * MINUTE_NS)
        for symbol, price in prices.items():
            if symbol == "F" and 100 < minute < 130:
                continue  # a feed that falls silent
            close = round(price * (1 + dice.gauss(0, 0.003)), 2)
            low, high = round(min(price, close) * 0.999, 2), round(max(price, close) * 1.001, 2)
            prices[symbol] = close
            yield Bar(ts + MINUTE_NS - 1, symbol, "1m", price, high, low, close, 1_000.0, open_ts=ts)


def wide_config(store: str, ids: Sequence[str] = ("orders", "opinions", "failing")) -> ReplayConfig:
    """Strategies under these ids, and all that the core has timers and order ids for."""
    strategies = tuple(
        StrategyConfig(strategy=f"tests.replay.golden_strategies:{name}", id=strategy_id)
        for name, strategy_id in zip(("Orders", "Opinions", "Failing"), ids, strict=True)
    )
    return ReplayConfig(
        store=store,
        streams=("market",),
        strategies=strategies,
        cash=Decimal(50_000),
        risk=RiskLimits(allow_short=True, require_cash=False, continuous=_LIMITS),
        broker=SimulatedBrokerConfig(
            latency=ModelConfig("constant", {"delay_ms": 250.0}),
            financing=FinancingConfig(
                interest={"USD": Interest(debit=Decimal("0.05"), credit=Decimal("0.01"))}
            ),
            lacks=("stop", "gtd", "ioc", "market_on_close", "oco"),
        ),
        portfolio=PortfolioConfig(mark_every_s=3_600),
        instruments=(
            InstrumentConfig(symbol="A", borrow_rate=Decimal("0.02"), calendar="XNYS"),
            InstrumentConfig(symbol="C", expiry="2024-03-05T15:00:00"),
            InstrumentConfig(symbol="F", asset_class=AssetClass.PERPETUAL),
        ),
        signals=SignalsConfig(
            sizing=FixedFractional(fraction=Decimal("0.2")),
            valid_for_s=2_400.0,
            execution=Twap(300.0, 3),
        ),
        commands=(
            Halt(at="2024-03-05T15:20:00"),
            Resume(at="2024-03-05T15:25:00"),
            Flatten(at="2024-03-05T15:50:00"),
        ),
    )


async def make_wide(path: Path) -> str:
    """A run with emulation, worked orders, signals, limits, costs, an expiry and a failing strategy."""
    async with await SqliteEventStore.open(path, durability=Durability.NORMAL) as store:
        await store.append("market", list(market()), expected_seq=0)
        return await run_and_record(store, await plan_run(store, wide_config(path.name)))


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1])))
    asyncio.run(make_wide(Path(sys.argv[2])))
