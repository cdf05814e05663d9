"""Costs from the configuration to the result: what `docs/costs.md` shows is what a run is charged."""

import asyncio
import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.fee_schedules import COMMISSION_MODELS, IbkrTiered
from brokers.simulated.financing import FinancingConfig, Interest
from brokers.simulated.latency import LATENCY_MODELS, NormalLatency
from brokers.simulated.models import build_models
from brokers.simulated.slippage import SLIPPAGE_MODELS, VolumeShare
from eventstore import SqliteEventStore
from eventstore.importing import ImportOptions
from kernel.events import CashFlowKind
from replay import backtest
from replay.config import ReplayConfig, load_config
from replay.result_json import to_json
from replay.tables import result_lines
from replay.verification import verify_run
from strategies.buy_and_hold import BuyAndHold
from tests.house.tree import ROOT
from tests.ops.commands import onetape
from tests.replay.market import walk, write_csv

A = ImportOptions(symbol="A")
PAGE = (ROOT / "docs" / "costs.md").read_text("utf-8")


@pytest.fixture
def example(tmp_path: Path) -> ReplayConfig:
    """The configuration in the page."""
    block = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    (tmp_path / "onetape.yaml").write_text(block[1])
    return load_config(tmp_path / "onetape.yaml")


def broker(**choices: object) -> SimulatedBrokerConfig:
    """A broker with models chosen by name, or by name and parameters."""
    return msgspec.convert(choices, SimulatedBrokerConfig, strict=False)


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Thirty daily bars as a file."""
    path = tmp_path / "bars.csv"
    write_csv(path, walk("A", 30, seed=13))
    return path


# --- the page -----------------------------------------------------------------------------------


def test_the_configuration_of_the_page_chooses_what_it_says(example: ReplayConfig) -> None:
    models = build_models(example.broker, {})

    assert models.slippage == VolumeShare(price_impact=0.1, fallback_bps=2.0)
    assert models.commission == IbkrTiered(exchange_taker_per_share=Decimal("0.0028"))
    assert models.latency == NormalLatency(mean_ms=40.0, sd_ms=10.0, seed=7)
    assert example.broker.financing.interest["GBP"].day_count == 365
    assert example.instruments[0].borrow_rate == Decimal("0.0025")


@pytest.mark.parametrize("name", [*SLIPPAGE_MODELS, *COMMISSION_MODELS, *LATENCY_MODELS])
def test_every_model_is_in_the_page(name: str) -> None:
    assert f"| `{name}` |" in PAGE


# --- runs ---------------------------------------------------------------------------------------


def test_a_run_is_charged_by_the_schedule_that_it_names(bars: Path) -> None:
    done = backtest(BuyAndHold(fraction=0.5), data=bars, importing=A, broker=broker(commission="ibkr_fixed"))

    (bought,) = done.result.open_lots
    assert done.result.metrics.fees == max(Decimal(1), bought.quantity * Decimal("0.005"))


def test_cash_that_lies_idle_earns_interest(bars: Path) -> None:
    financing = FinancingConfig(interest={"USD": Interest(credit=Decimal("0.036"))})

    done = backtest(
        BuyAndHold(fraction=1e-9), data=bars, importing=A, broker=SimulatedBrokerConfig(financing=financing)
    )

    # 0.01 % a day, at the 29 midnights between the first bar's end and the last one's
    expected = Decimal(100_000) * Decimal("1.0001") ** 29
    assert abs(done.result.metrics.final_equity - expected) < Decimal("0.0001")
    (income,) = done.result.income
    assert (income.kind, income.currency) == (CashFlowKind.INTEREST, "USD")
    assert income.amount == done.result.metrics.final_equity - Decimal(100_000)
    assert dict(result_lines(done.result))["Income"] == f"interest {income.amount:,.2f} USD"
    assert to_json(done.result)["income"] == [
        {"kind": "interest", "currency": "USD", "amount": f"{income.amount:f}"}
    ]


def test_a_run_with_every_cost_can_be_verified(tmp_path: Path, bars: Path, example: ReplayConfig) -> None:
    store = tmp_path / "market.db"
    assert onetape("import", bars, "--symbol", "A", "--store", store).exit_code == 0
    done = backtest(
        BuyAndHold(), data=store, streams=["a.1d"], broker=example.broker, instruments=example.instruments
    )

    async def verified_digest() -> str:
        async with await SqliteEventStore.open(store, read_only=True) as opened:
            return (await verify_run(opened, done.result.run_stream)).digest

    assert done.result.metrics.fees > 0
    assert asyncio.run(verified_digest()) == done.result.digest
