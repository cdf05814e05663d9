"""The results of each strategy of a run: exact, and adding up to the account's."""

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from components.portfolio.portfolio import PortfolioConfig
from kernel.events import Event, FxRateSet
from replay.backtesting import run_and_record
from replay.config import ReplayConfig
from replay.performance.strategy_results import StrategyResult
from replay.planning import plan_run
from replay.report import read_prices, write_report
from replay.result_json import to_json
from replay.results import RunResult, read_results
from replay.tables import strategies_note, strategy_rows
from strategies.sdk import Capital
from tests.replay.market import walk
from tests.replay.playing import START, store_of

CROSS = StrategyConfig(
    strategy="strategies.ma_cross:MovingAverageCross", params={"fast": 2, "slow": 5, "quantity": 20}
)
HOLD = StrategyConfig(strategy="strategies.buy_and_hold:BuyAndHold", params={"fraction": 0.5})


async def ran(
    *strategies: StrategyConfig,
    mark_ledgers: bool = True,
    instruments: tuple[InstrumentConfig, ...] = (),
    facts: tuple[Event, ...] = (),
) -> RunResult:
    """The results of strategies over two walks, with a commission of a cent a share."""
    store = await store_of(
        a=walk("A", 400, seed=5), b=walk("B", 400, seed=6), facts=facts or walk("C", 2, seed=1)
    )
    config = ReplayConfig(
        streams=("a", "b", *(("facts",) if facts else ())),
        strategies=strategies,
        portfolio=PortfolioConfig(mark_ledgers=mark_ledgers),
        instruments=instruments,
    )
    broker = msgspec.structs.replace(config.broker, commission_per_share=Decimal("0.01"))
    plan = await plan_run(store, msgspec.structs.replace(config, broker=broker))
    result = await read_results(store, await run_and_record(store, plan))
    assert not result.failures, result.first_failure
    return result


def given(base: StrategyConfig, **changes: object) -> StrategyConfig:
    return msgspec.structs.replace(base, **changes)


def net(one: StrategyResult) -> Decimal:
    assert one.pnl is not None
    return one.pnl.net


# --- what adds up -----------------------------------------------------------------------------


async def test_counts_fees_and_pnl_of_strategies_add_up_to_the_runs() -> None:
    result = await ran(CROSS, HOLD)
    cross, hold = result.by_strategy

    assert (cross.strategy, hold.strategy) == ("ma_cross", "buy_and_hold")
    for name in ("orders", "fills", "denied", "rejected", "refused"):
        assert getattr(cross, name) + getattr(hold, name) == getattr(result, name)
    assert cross.trades.trade_count + hold.trades.trade_count == len(result.trades)
    assert cross.open_lots + hold.open_lots == len(result.open_lots)
    assert cross.fees + hold.fees == result.metrics.fees > 0
    assert net(cross) + net(hold) == result.metrics.final_equity - result.metrics.initial_equity


async def test_pnl_is_that_of_the_strategys_trades_and_open_positions() -> None:
    (cross,) = (await ran(CROSS)).by_strategy

    assert cross.pnl is not None
    assert cross.pnl.commissions == cross.fees
    assert cross.metrics is not None
    assert cross.metrics.final_equity == cross.initial_equity + cross.pnl.net
    assert cross.trade_pnl <= cross.pnl.realised  # it is after commission


async def test_a_strategy_alone_has_the_runs_own_figures() -> None:
    result = await ran(CROSS)
    (cross,) = result.by_strategy

    assert cross.metrics == result.metrics


# --- what returns are measured on -------------------------------------------------------------


@pytest.mark.parametrize(
    ("capital", "base"),
    [
        (Capital(fraction=Decimal("0.25")), Decimal(25_000)),
        (Capital(amount=Decimal(20_000)), Decimal(20_000)),
        (None, Decimal(100_000)),
    ],
)
async def test_returns_are_on_the_capital_at_the_start(capital: Capital | None, base: Decimal) -> None:
    result = await ran(given(CROSS, capital=capital, enabled=True), given(HOLD, id="x"))
    cross = result.by_strategy[0]

    assert cross.capital == capital
    assert cross.initial_equity == base
    assert cross.metrics is not None
    assert cross.metrics.total_return == pytest.approx(float(net(cross) / base))
    assert cross.equity is not None
    assert cross.equity.equity[0] == float(base)
    assert cross.equity.equity[-1] == float(base + net(cross))


async def test_a_disabled_strategy_before_others_does_not_shift_their_capital() -> None:
    capital = Capital(amount=Decimal(20_000))
    result = await ran(given(HOLD, enabled=False), given(CROSS, capital=capital))

    (cross,) = result.by_strategy
    assert (cross.strategy, cross.capital) == ("ma_cross", capital)


async def test_exposure_is_the_share_of_marks_with_a_position_of_its_own() -> None:
    result = await ran(CROSS, HOLD)
    cross, hold = (one.metrics for one in result.by_strategy)

    assert cross is not None
    assert hold is not None
    assert hold.exposure == result.metrics.exposure
    assert 0.1 < (cross.exposure or 0.0) < 0.9


async def test_a_foreign_strategys_pnl_is_converted_at_the_rate_of_each_mark() -> None:
    rates = tuple(
        FxRateSet(START + day * 86_400_000_000_000, "EUR", "USD", Decimal(rate))
        for day, rate in ((0, "1.1"), (200, "1.5"))
    )
    abroad = tuple(InstrumentConfig(symbol=symbol, currency="EUR") for symbol in ("A", "B"))
    own = await ran(CROSS, HOLD, instruments=abroad, facts=rates)

    cross, hold = own.by_strategy
    total = own.metrics.final_equity - own.metrics.initial_equity
    assert abs(net(cross) + net(hold) - total) < Decimal("1E-6")


# --- without marks of ledgers -----------------------------------------------------------------


async def test_without_marks_of_ledgers_trades_and_fees_are_known_and_the_rest_is_not() -> None:
    marked, plain = await ran(CROSS, HOLD), await ran(CROSS, HOLD, mark_ledgers=False)

    for with_marks, without in zip(marked.by_strategy, plain.by_strategy, strict=True):
        assert (without.pnl, without.metrics, without.equity) == (None, None, None)
        assert without.trades == with_marks.trades
        assert (without.fees, without.trade_pnl) == (with_marks.fees, with_marks.trade_pnl)
    assert "mark_ledgers: true" in strategies_note(plain)
    assert "mark_ledgers" not in strategies_note(marked)


# --- how they are shown -----------------------------------------------------------------------


async def test_one_strategy_has_no_table_of_its_own() -> None:
    assert not strategy_rows(await ran(CROSS))


async def test_several_have_a_line_each_in_table_json_and_report(tmp_path: Path) -> None:
    result = await ran(CROSS, HOLD)
    table = strategy_rows(result)
    fields = json.loads(json.dumps(to_json(result)["by_strategy"], allow_nan=False))
    store = await store_of(a=walk("A", 400, seed=5))
    page = write_report(
        result, tmp_path / "r.html", await read_prices(store, msgspec.structs.replace(result, sources=()))
    ).read_text()

    assert len(table.rows) == 2
    assert [one["strategy"] for one in fields] == ["ma_cross", "buy_and_hold"]
    assert Decimal(fields[0]["net_pnl"]) == net(result.by_strategy[0])
    assert "By strategy" in page
    assert page.count("<td class='word'>buy_and_hold</td>") == 2  # with the hash of its code
    assert '"strategies":[{"name":"ma_cross"' in page
