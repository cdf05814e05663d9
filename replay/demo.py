"""The demo: real daily bars that come with the project, and a run over them.

Only ``onetape demo`` uses it, in a store of its own, so that its data never mix with a user's.
"""

from decimal import Decimal
from importlib.resources import as_file

from brokers.simulated.config import SimulatedBrokerConfig
from components.assembly.settings import StrategyConfig
from eventstore import EventStore
from eventstore.importing import ImportOptions, OnProgress, import_file
from replay.config import ReplayConfig
from replay.sample import stocks

DEMO_STORE = "onetape-demo.db"
SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")

DEMO_IMPORT = ImportOptions(
    timeframe="1d",
    tz="America/New_York",
    session="09:30-16:00",
    adjusted=True,
)
"""Split- and dividend-adjusted prices: the raw ones halve at every split."""


def demo_config() -> ReplayConfig:
    """A 20/50 day moving-average cross over five US shares, 2000 to 2013.

    Fills cost 1 bp of slippage and half a cent a share.
    """
    return ReplayConfig(
        store=DEMO_STORE,
        streams=tuple(f"{symbol.lower()}.1d" for symbol in SYMBOLS),
        strategies=(
            StrategyConfig(
                strategy="strategies.ma_cross:MovingAverageCross",
                params={"fast": 20, "slow": 50, "quantity": 100},
            ),
        ),
        broker=SimulatedBrokerConfig(slippage_bps=1.0, commission_per_share=Decimal("0.005")),
    )


async def import_demo_data(store: EventStore, *, on_progress: OnProgress | None = None) -> None:
    """Import the bundled bars; those that are there already are left alone."""
    with as_file(stocks()) as path:
        await import_file(store, path, DEMO_IMPORT, on_progress=on_progress)
