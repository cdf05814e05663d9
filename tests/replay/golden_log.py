"""Makes the small logs that every later version must still replay: see ``test_golden_log``.

Run as ``python -m tests.replay.golden_log tests/replay/logs``, once for a release that changes what is
written or derived; logs of older versions stay as they are. It makes two logs, named by the present rules:

- ``wide``: whatever the core has timers and ids for.
- ``accounts``: history before the run, margin calls and ruin, quantities that are cut, orders of a day that
  are emulated, bars without an open time, history that is never long enough, and facts about the data.
"""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.financing import FinancingConfig, Interest
from components.allocation.config import SignalsConfig
from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from components.portfolio.portfolio import PortfolioConfig
from eventstore import Durability, SqliteEventStore
from eventstore.importing import ImportOptions, import_file
from kernel.events import AssetClass, Bar, CorporateAction, CorporateActionKind, Event, FundingRateSet
from kernel.rules import RULES
from kernel.time_units import DAY_NS
from replay.backtesting import run_and_record
from replay.commands import Flatten, Halt, Resume
from replay.config import ReplayConfig
from replay.planning import plan_run
from strategies.sdk import RiskLimits, Twap
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind, Rearm
from strategies.sdk.sizing import FixedFractional

MINUTE_NS = 60_000_000_000

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


def days() -> Iterator[str]:
    """Lines of daily bars: M falls twice and then through everything; N has a spike and a hole."""
    yield "date,symbol,open,high,low,close,volume"
    dice, prices = Random(5), {"M": 100.0, "N": 40.0}
    falls = {28: 0.86, 46: 0.85, 64: 0.55}
    for number in range(80):
        day = date(2024, 1, 1) + timedelta(days=number)
        for symbol, price in prices.items():
            if symbol == "N" and 50 <= number < 66:
                continue
            opened = round(price * (falls.get(number, 1.0) if symbol == "M" else 1.0), 2)
            close = round(opened * (1 + dice.gauss(0.001, 0.006)), 2)
            prices[symbol] = close
            shown = 10 * close if (symbol, number) == ("N", 40) else close
            low, high = round(min(opened, close) * 0.995, 2), round(max(opened, shown) * 1.005, 2)
            yield f"{day},{symbol},{opened},{high},{low},{shown},1000"


def hours() -> Iterator[Event]:
    """Hours that do not say when they opened."""
    dice, price = Random(9), 20.0
    for hour in range(90):
        close = round(price + dice.gauss(0, 0.15), 2)
        low, high = round(min(price, close) - 0.05, 2), round(max(price, close) + 0.05, 2)
        yield Bar(START + (hour + 1) * 60 * MINUTE_NS, "O", "1h", price, high, low, close, 500.0)
        price = close


def accounts_config(store: str) -> ReplayConfig:
    """Three strategies of one account, which owes money in the end."""
    module = "tests.replay.golden_accounts"
    return ReplayConfig(
        store=store,
        streams=("m.1d", "n.1d", "hours"),
        start="2024-01-15",
        strategies=tuple(
            StrategyConfig(strategy=f"{module}:{name}", symbols=(symbol,))
            for name, symbol in (("Levered", "M"), ("Fractions", "N"), ("Hours", "O"))
        ),
        cash=Decimal(10_000),
        risk=RiskLimits(allow_short=True, require_cash=False),
        broker=SimulatedBrokerConfig(
            slippage_bps=1.0,
            commission_per_share=Decimal("0.005"),
            lacks=("day", "gtd", "stop", "trailing_stop", "market_if_touched", "iceberg"),
        ),
        instruments=(
            InstrumentConfig(symbol="M", margin_rate=Decimal("0.2"), maintenance_margin_rate=Decimal("0.15")),
            InstrumentConfig(symbol="O", calendar="24/7"),
        ),
    )


async def make_accounts(path: Path) -> str:
    """A run over imported days, with their facts, and over hours without open times."""
    async with await SqliteEventStore.open(path, durability=Durability.NORMAL) as store:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "days.csv"
            file.write_text("\n".join(days()) + "\n")
            await import_file(store, file, ImportOptions(timeframe="1d"))
        await store.append("hours", list(hours()), expected_seq=0)
        return await run_and_record(store, await plan_run(store, accounts_config(path.name)))


if __name__ == "__main__":
    begin = f"rules-{RULES}"
    asyncio.run(make_wide(Path(sys.argv[1]) / f"{begin}-wide.db"))
    asyncio.run(make_accounts(Path(sys.argv[1]) / f"{begin}-accounts.db"))
