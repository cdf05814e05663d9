"""Makes the small log that every later version must still replay: see ``test_golden_log``.

Run as ``python -m tests.replay.golden_log PATH``, once for a release that changes what is written; logs
of older versions stay as they are.
"""

import asyncio
import sys
from decimal import Decimal
from importlib.resources import as_file
from pathlib import Path

import msgspec

from brokers.simulated.config import SimulatedBrokerConfig
from components.assembly.settings import StrategyConfig
from eventstore import Durability, SqliteEventStore
from eventstore.importing import import_file
from replay.backtest import run_and_record
from replay.config import ReplayConfig
from replay.demo import DEMO_IMPORT
from replay.planning import plan_run
from replay.sample import stocks
from strategies.sdk import RiskLimits

SYMBOLS = ("FB",)


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


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1])))
