"""Models fitted to the fills of a run give back the parameters that the run was made with."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import pytest

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from components.assembly.instruments import InstrumentConfig
from eventstore import EventStore
from kernel.errors import InputError
from kernel.events import (
    Bar,
    Event,
    InstrumentDefined,
    Liquidity,
    Order,
    OrderStatus,
    OrderType,
    Quote,
    Side,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from kernel.time_units import DAY_NS, SECOND_NS
from replay.backtesting import from_instance, run_and_record
from replay.config import ReplayConfig, load_config
from replay.execution_analysis.calibration import Calibration, calibrated
from replay.execution_analysis.fee_fit import charged_of, fit_fees, fitted_rates
from replay.execution_analysis.fits import Estimate
from replay.execution_analysis.reading import read_executions
from replay.execution_analysis.records import ExecutedOrder, Execution
from replay.execution_analysis.sightings import Sighting
from replay.planning import plan_run
from strategies.sdk import Decisions, RiskLimits, Strategy, StrategyParams, StrategyState, buy, sell
from tests.replay.commands import replay
from tests.replay.market import walk
from tests.replay.playing import START, record_run, store_of
from tests.replay.test_bundles import on_disk

ORDERS = 150


class NoParams(StrategyParams, frozen=True):
    pass


class Seen(StrategyState):
    quotes: int = 0


class Often(Strategy[NoParams, Seen]):
    """A market order at every other quote, of different sizes."""

    def on_quote(self, quote: Quote) -> Decisions:
        self.state.quotes += 1
        number = self.state.quotes
        if number % 2 or number > 2 * ORDERS:
            return None
        quantity = 10 + number * 37 % 190
        return buy(quote.symbol, quantity) if number % 4 else sell(quote.symbol, quantity)


def quotes() -> list[Event]:
    """Quotes of one day with spreads and sizes that differ."""
    dice, price, made = Random(4), 100.0, list[Event]()
    for place in range(2 * ORDERS + 20):
        price += dice.gauss(0, 0.02)
        half = dice.uniform(0.01, 0.08)
        sizes = (dice.uniform(300, 4_000), dice.uniform(300, 4_000))
        made.append(Quote(START + DAY_NS + place * SECOND_NS, "A", price - half, price + half, *sizes))
    return made


async def run_with(broker: SimulatedBrokerConfig) -> tuple[EventStore, str]:
    store = await store_of(quotes=quotes())
    config = ReplayConfig(
        streams=("quotes",),
        broker=broker,
        risk=RiskLimits(allow_short=True, require_cash=False),
        instruments=(InstrumentConfig(symbol="A", tick_size=Decimal("0.000001")),),
    )
    plan = await plan_run(store, config, loaded=[from_instance(Often())])
    return store, await run_and_record(store, plan)


async def calibrated_with(**models: ModelConfig) -> Calibration:
    store, run = await run_with(SimulatedBrokerConfig(**models))  # type: ignore[arg-type]  # models by role
    return calibrated(await read_executions(store, run))


@pytest.mark.parametrize(
    ("kind", "role", "model", "params"),
    [
        ("slippage", "slippage", "fixed_bps", {"bps": 3.5}),
        ("slippage", "slippage", "spread", {"fraction": 0.37}),
        ("slippage", "slippage", "volume_share", {"price_impact": 0.9, "volume_limit": 0.025}),
        ("slippage", "slippage", "price_improvement", {"fraction": 0.25}),
        ("latency", "latency", "constant", {"delay_ms": 125.0}),
        ("latency", "latency", "normal", {"mean_ms": 240.0, "sd_ms": 35.0, "seed": 5}),
        ("latency", "latency", "jitter", {"low_ms": 30.0, "high_ms": 90.0, "seed": 6}),
        ("fees", "commission", "per_share", {"per_share": "0.0035"}),
        ("fees", "commission", "percent", {"percent": "0.08"}),
        ("fees", "commission", "flat", {"per_share": "0.02", "per_order": "0.75", "rate": "0.0004"}),
        ("fees", "commission", "ibkr_tiered", {}),
    ],
)
async def test_a_model_comes_back_with_its_parameters_inside_the_intervals(
    kind: str, role: str, model: str, params: dict[str, object]
) -> None:
    found = await calibrated_with(**{role: ModelConfig(model, params)})

    best = found.fits[kind][0]
    assert best.model == model
    assert {one.name: one.low <= float(str(params[one.name])) <= one.high for one in best.estimates} == {
        one.name: True for one in best.estimates
    }
    assert best.samples == ORDERS


class Daily(Strategy[NoParams, Seen]):
    """A market order at every bar, of different sizes, from the first one on."""

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.quotes += 1
        quantity = 10 + self.state.quotes * 37 % 190
        return buy(bar.symbol, quantity) if self.state.quotes % 2 else sell(bar.symbol, quantity)


async def test_a_model_of_volatility_comes_back_although_the_first_fills_have_none() -> None:
    model = ModelConfig("square_root", {"coefficient": 0.8})
    config = ReplayConfig(
        broker=SimulatedBrokerConfig(slippage=model),
        risk=RiskLimits(allow_short=True, require_cash=False),
        instruments=(InstrumentConfig(symbol="A", tick_size=Decimal("0.000001")),),
    )
    store = await store_of(a_1d=walk("A", 120, seed=8))
    run = await record_run(store, [Daily()], config)

    (best, *_) = calibrated(await read_executions(store, run), ["slippage"]).fits["slippage"]

    assert best.model == "square_root"
    assert best.estimates[0].value == pytest.approx(0.8, rel=1e-4)


def paid(number: int, units: int, fee: str, *, currency: str = "USD") -> ExecutedOrder:
    """An order that was filled at 50 and charged a fee."""
    key = ClientOrderId(f"1-me-{number}")
    order = Order(key, StrategyId("me"), "A", Side.BUY, OrderType.MARKET, Decimal(units))
    fill = Execution(
        FillId(key), number, number, Decimal(units), Decimal(50), Decimal(fee), Liquidity.TAKER, Sighting()
    )
    return ExecutedOrder(
        order=order, status=OrderStatus.FILLED, decided_ts=number, sent_ts=number, accepted_ts=number,
        done_ts=number, arrival=Sighting(), fills=(fill,), last_price=None, vwap=None, currency=currency,
        terms=InstrumentDefined(0, "A", currency=currency),
    )  # fmt: skip


def test_a_fee_per_order_is_that_of_one_currency() -> None:
    """160 yen is not 160 dollars: orders in the rarer currency are left out, and the note says so."""
    orders = [paid(number, 10 + number * 37 % 190, "1.25") for number in range(30)]
    orders += [paid(number, 10 + number * 37 % 190, "160", currency="JPY") for number in range(30, 55)]

    (best, *_) = fit_fees(charged_of(orders))

    assert (best.model, best.unit, best.samples) == ("per_order", "USD", 30)
    assert best.estimates[0].value == pytest.approx(1.25)
    assert best.note == "25 orders in other currencies than USD are left out"


def test_rates_that_may_as_well_be_0_are_0_and_the_others_are_fitted_without_them() -> None:
    """Against an independent least squares of numpy."""
    dice = Random(5)
    sizes = [10 + number * 37 % 190 for number in range(40)]
    fees = [f"{0.02 * size - 0.02 + dice.gauss(0, 0.05):.2f}" for size in sizes]
    orders = [paid(number, size, fee) for number, (size, fee) in enumerate(zip(sizes, fees, strict=True))]
    x, y = np.array(sizes, float), np.array(fees, float)
    both = np.linalg.lstsq(np.column_stack((x, np.ones_like(x))), y, rcond=None)[0]
    (alone,), (left,) = np.linalg.lstsq(x[:, None], y, rcond=None)[:2]

    found = fitted_rates({"per_share": lambda one: one.units, "per_order": lambda _: 1.0}, charged_of(orders))

    assert both[1] < 0
    assert found is not None
    estimates, squares = found
    assert [one.value for one in estimates] == [pytest.approx(alone), 0.0]
    assert estimates[1].low < 0 < estimates[1].high
    assert squares == pytest.approx(left)


async def test_the_configuration_makes_a_run_that_calibrates_to_itself(tmp_path: Path) -> None:
    """It is a file that a replay takes as it stands."""
    found = await calibrated_with(
        slippage=ModelConfig("spread", {"fraction": 0.4}),
        latency=ModelConfig("normal", {"mean_ms": 80.0, "sd_ms": 9.0}),
        commission=ModelConfig("per_share", {"per_share": "0.005"}),
    )
    file = tmp_path / "fitted.yaml"
    file.write_text(found.text())

    config = load_config(file).broker
    store, run = await run_with(config)
    again = calibrated(await read_executions(store, run))

    assert config.commission == ModelConfig("per_share", {"per_share": "0.005"})
    for name, fits in again.fits.items():
        assert fits[0].model == found.fits[name][0].model
        for one, before in zip(fits[0].estimates, found.fits[name][0].estimates, strict=True):
            assert one.low <= before.high
            assert before.low <= one.high


async def test_too_few_samples_are_refused_with_their_number() -> None:
    store, run = await run_with(SimulatedBrokerConfig())
    executed = await read_executions(store, run)

    with pytest.raises(InputError, match="fees: there are 19 orders with fills; expected at least 20"):
        calibrated(executed[:19], ["fees"])
    some = calibrated([one for one in executed if one.order.side.value == "buy"][:30])

    assert some.refused == ()


async def test_without_costs_the_models_say_so() -> None:
    found = await calibrated_with()

    assert found.broker["latency"] == found.broker["commission"] == "none"
    assert "slippage" in found.fits


def test_a_parameter_has_the_digits_that_its_interval_allows() -> None:
    wide, narrow = Estimate("x", 0.0349871, 0.03, 0.04), Estimate("x", 0.0034999, 0.003499, 0.003501)

    assert (wide.rounded, narrow.rounded) == (Decimal("0.035"), Decimal("0.0035"))
    assert Estimate("x", 0.0, 0.0, 0.0).rounded == 0


def test_the_command_writes_a_configuration_or_refuses(tmp_path: Path) -> None:
    store, run = asyncio.run(on_disk(tmp_path))  # with few orders

    few = replay("calibrate", run, "--store", store, "--out", tmp_path / "x.yaml")
    wrong = replay("calibrate", run, "--store", store, "--model", "weather")

    assert few.exit_code == 1
    assert few.stderr.startswith("replay: nothing can be calibrated: slippage: there are ")
    assert not (tmp_path / "x.yaml").exists()
    assert wrong.exit_code == 2
    assert json.dumps(few.stdout) == '""'
