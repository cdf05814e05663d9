"""Models of the user's own: refused when they are loaded, or a failure that books nothing."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.fills import Price
from brokers.simulated.resting import rest
from components.assembly.settings import StrategyConfig
from eventstore import MemoryEventStore
from eventstore.importing import ImportOptions, import_files
from kernel.errors import ComponentError, ConfigError
from kernel.events import Bar, Order, OrderType, Side
from kernel.identifiers import ClientOrderId, StrategyId
from replay.backtesting import run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.results import RunResult, read_results
from replay.simulated_venue import SimulatedVenue, load_models
from replay.verification import verify_run

BARS = "Date,Open,High,Low,Close,Volume\n" + "".join(
    f"2024-01-{day:02},100,110,90,{100 + day},1000\n" for day in range(2, 10)
)
HEADER = """
from decimal import Decimal
from typing import ClassVar

import msgspec

from brokers.simulated.fills import Price


class Own(msgspec.Struct, frozen=True):
    share: float = 0.5
"""
FILL = "    def fill(self, resting, bar):\n        return "
COMMISSION = """    needs_history: ClassVar[bool] = {needs_history}
    def accrual(self, fill):
        return {accrual}
    def commission(self, fill):
        return {commission}
"""
SLIPPAGE = """    needs_volatility: ClassVar[bool] = False
    def price(self, taken):
        return """


def commission(answer: str, *, accrual: str = "Decimal(0)", needs_history: str = "False") -> str:
    return COMMISSION.format(commission=answer, accrual=accrual, needs_history=needs_history)


def own(folder: Path, body: str) -> str:
    """A module of the user's with one model."""
    path = folder / "own.py"
    path.write_text(HEADER + body + "\n", "utf-8")
    return f"{path}:Own"


async def result_of(store: MemoryEventStore, folder: Path, broker: SimulatedBrokerConfig) -> RunResult:
    """A run of buy and hold on eight bars."""
    data = folder / "abc.csv"
    data.write_text(BARS, "utf-8")
    imported = await import_files(store, [data], ImportOptions(fallback_symbol="ABC"))
    config = ReplayConfig(
        streams=tuple(stream.stream for stream in imported.streams),
        strategies=(StrategyConfig(strategy="strategies.buy_and_hold:BuyAndHold"),),
        broker=broker,
    )
    return await read_results(store, await run_and_record(store, await plan_run(store, config)))


# --- what they answer ---------------------------------------------------------------------------

WRONG_ANSWERS = {
    "no price": (
        "bars",
        FILL + 'Price(float("nan"), True, bar.ts)',
        "price is nan, expected a finite number",
    ),
    "an endless price": ("bars", FILL + 'Price(float("inf"), True, bar.ts)', "price is inf"),
    "a price of 0": ("bars", FILL + "Price(0.0, True, bar.ts)", "price 0.0 is not above 0"),
    "a price below 0": ("bars", FILL + "Price(-1.0, True, bar.ts)", "price -1.0 is not above 0"),
    "a price as text": ("bars", FILL + 'Price("100", True, bar.ts)', "price is '100'"),
    "a number for a fill": ("bars", FILL + "100.0", "is 100.0, expected a Price or None"),
    "a quantity below 0": (
        "bars",
        FILL + "Price(100.0, True, bar.ts, 0.0, Decimal(-1))",
        "quantity -1 is below 0",
    ),
    "no time": ("bars", FILL + "Price(100.0, True, 1.5)", "executed_ts is 1.5"),
    "no slipped price": ("slippage", SLIPPAGE + 'float("nan")', "price for 100.0 is nan"),
    "a slipped price of 0": ("slippage", SLIPPAGE + "0.0", "price 0.0 for 100.0 is not above 0"),
    "no commission": (
        "commission",
        commission("float('nan')"),
        "is Decimal('NaN'), expected a finite number",
    ),
    "a commission as text": ("commission", commission("'1'"), "is '1', expected a finite number"),
    "an endless commission": ("commission", commission("Decimal('inf')"), "is Decimal('Infinity')"),
    "endless volume": (
        "volume",
        "    def available(self, event, side):\n        return float('inf')",
        "available of ABC is inf",
    ),
    "a delay below 0": (
        "latency",
        "    def delay_ns(self, count):\n        return -5",
        "delay_ns(1) is -5, expected a whole number of ns from 0 to",
    ),
    "a broken delay": ("latency", "    def delay_ns(self, count):\n        return 0.5", "delay_ns(1) is 0.5"),
}


@pytest.mark.parametrize(("role", "body", "sentence"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
async def test_an_answer_that_cannot_be_booked_is_a_failure_that_names_the_model(
    tmp_path: Path, role: str, body: str, sentence: str
) -> None:
    store, reference = MemoryEventStore(), own(tmp_path, body)

    result = await result_of(store, tmp_path, msgspec.convert({role: reference}, SimulatedBrokerConfig))

    assert (result.fills, result.trades) == (0, ())
    assert set(result.equity.equity.tolist()) == {100_000.0}
    assert result.failures > 0
    assert result.first_problem.startswith("simulated_broker failed on ")
    assert f"broker.{role}: {reference}: " in result.first_problem
    assert sentence in result.first_problem
    assert (await verify_run(store, result.run_stream)).run_stream == result.run_stream


@pytest.mark.parametrize("needs_history", ["False", "True"])
async def test_a_commission_in_floats_is_charged_as_it_is_written(tmp_path: Path, needs_history: str) -> None:
    body = commission("0.1", accrual="0.1", needs_history=needs_history)
    store, reference = MemoryEventStore(), own(tmp_path, body)

    result = await result_of(store, tmp_path, SimulatedBrokerConfig(commission=reference))

    assert (result.failures, str(result.metrics.fees)) == (0, "0.1")
    assert (await verify_run(store, result.run_stream)).run_stream == result.run_stream


# --- what they are ------------------------------------------------------------------------------

WRONG_FORMS = {
    "no fill": ("bars", "    pass", r"has no method fill\(self, resting, bar\)"),
    "a fill of less": (
        "bars",
        "    def fill(self, bar):\n        return None",
        r"fill cannot be called as fill",
    ),
    "no accrual": (
        "commission",
        "    needs_history = False\n    def commission(self, fill):\n        return 0",
        r"has no method accrual\(self, fill\)",
    ),
    "no word on history": (
        "commission",
        "    def accrual(self, fill):\n        return 0\n    def commission(self, fill):\n        return 0",
        "has no needs_history",
    ),
    "no word on volatility": (
        "slippage",
        "    def price(self, taken):\n        return 1.0",
        "has no needs_volatility",
    ),
    "no delay": ("latency", "    pass", r"has no method delay_ns\(self, count\)"),
    "a queue of less": (
        "queue",
        "    def ahead_after(self, cancelled):\n        return 0.0",
        r"cannot be called as ahead_after\(self, cancelled, \*, front, back\)",
    ),
}


@pytest.mark.parametrize(("role", "body", "sentence"), WRONG_FORMS.values(), ids=WRONG_FORMS)
def test_a_model_that_lacks_what_its_role_needs_is_refused_when_it_is_loaded(
    tmp_path: Path, role: str, body: str, sentence: str
) -> None:
    reference = own(tmp_path, body)

    with pytest.raises(ConfigError, match=rf"broker\.{role}: .*own\.py:Own:? .*{sentence}"):
        load_models(msgspec.convert({role: reference}, SimulatedBrokerConfig))


def test_a_parameter_that_a_model_does_not_have_is_refused(tmp_path: Path) -> None:
    reference = own(tmp_path, FILL + "None")

    with pytest.raises(
        ConfigError, match=r"own\.py:Own: there is no 'shar'; did you mean 'share'\? There are: share"
    ):
        load_models(SimulatedBrokerConfig(bars=ModelConfig(reference, {"shar": 1})))


def test_a_parameter_of_another_type_is_refused_by_name(tmp_path: Path) -> None:
    reference = own(tmp_path, FILL + "None")

    with pytest.raises(ConfigError, match=r"own\.py:Own: share: expected a number, got text 'x'"):
        load_models(SimulatedBrokerConfig(bars=ModelConfig(reference, {"share": "x"})))


# --- what stays as it is ------------------------------------------------------------------------

PLAIN_BARS = """
from brokers.simulated.fills.bars import OhlcBars


class Own(OhlcBars, frozen=True):
    pass
"""


def test_a_model_made_from_the_default_one_keeps_its_order_of_arrival(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(PLAIN_BARS, "utf-8")
    config = SimulatedBrokerConfig(bars=f"{tmp_path / 'own.py'}:Own")

    assert SimulatedVenue(config, load_models(config)).models.keeps_arrival


def filled_at_minus_10(folder: Path, low: float) -> Price | None:
    """What a model that says -10 fills an order at, on a bar with this low."""
    config = SimulatedBrokerConfig(bars=own(folder, FILL + "Price(-10.0, False, bar.ts)"))
    order = Order(ClientOrderId("x"), StrategyId("s"), "OIL", Side.BUY, OrderType.MARKET, Decimal(1))
    bar = Bar(10, "OIL", "1d", 5.0, 6.0, low, 2.0, 1.0)
    return SimulatedVenue(config, load_models(config)).models.bars.fill(rest(order, 1), bar)


def test_a_price_below_0_is_taken_where_the_market_goes_there(tmp_path: Path) -> None:
    assert filled_at_minus_10(tmp_path, low=-38.0) == Price(-10.0, slips=False, executed_ts=10)


def test_a_price_below_0_is_no_price_where_the_market_is_above(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match=r"fill of x: price -10\.0 is not above 0"):
        filled_at_minus_10(tmp_path, low=1.0)
