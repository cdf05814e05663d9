"""The benchmark of a run: its value through splits, dividends and rates, and the comparison with it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from eventstore import MemoryEventStore
from eventstore.catalogue import set_aside
from kernel.errors import InputError
from kernel.events import (
    Bar,
    CorporateAction,
    CorporateActionKind,
    Event,
    FxRateSet,
    InstrumentDefined,
    Quote,
)
from replay import backtest
from replay.config import ReplayConfig
from replay.equity import daily_closes
from replay.performance.benchmark import Benchmark, alpha_beta
from replay.report.page import report_page
from replay.result_json import to_json
from replay.run_reading import read_run
from replay.tables import result_lines
from strategies.buy_and_hold import BuyAndHold
from strategies.ma_cross import MovingAverageCross
from tests.replay.frames import days_frame, untyped
from tests.replay.market import walk
from tests.replay.playing import record_run as play_and_record
from tests.replay.playing import store_of
from tests.replay.recorded_run import RUN, bar, day, mark, record_run


@pytest.fixture
async def store() -> AsyncIterator[MemoryEventStore]:
    async with MemoryEventStore() as memory:
        yield memory


def bars(*closes: float, symbol: str = "ABC", first_day: int = 0) -> list[Event]:
    return [bar(first_day + number, close, symbol=symbol) for number, close in enumerate(closes)]


def marks(count: int) -> list[Event]:
    return [mark(day(number + 1) - 1, "10000") for number in range(count)]


async def compared(
    store: MemoryEventStore,
    data: Mapping[str, Sequence[Event]],
    *,
    count: int,
    name: str = "",
    instruments: Sequence[InstrumentDefined] = (),
) -> Benchmark:
    await record_run(store, marks(count), data=data, instruments=instruments)
    found = (await read_run(store, RUN, benchmark=name)).result.benchmark
    assert found is not None
    return found


async def test_without_a_name_the_symbols_of_the_run_are_bought_and_held(store: MemoryEventStore) -> None:
    held = await compared(store, {"abc.1d": bars(100, 90, 120)}, count=3)

    assert (held.name, held.symbols) == ("buy and hold of ABC", ("ABC",))
    assert held.value.tolist() == pytest.approx([10_000, 10_000, 9_000, 12_000])
    assert held.total_return == pytest.approx(0.2)
    assert held.max_drawdown == pytest.approx(-0.1)


async def test_each_symbol_gets_an_equal_part_and_is_cash_until_its_first_price(
    store: MemoryEventStore,
) -> None:
    data = {"abc.1d": bars(100, 110, 120), "xyz.1d": bars(50, 25, symbol="XYZ", first_day=1)}

    held = await compared(store, data, count=3)

    assert held.value.tolist() == pytest.approx([10_000, 10_000, 10_500, 6_000 + 2_500])


async def test_a_split_changes_units_and_no_value(store: MemoryEventStore) -> None:
    split = CorporateAction(day(2), "ABC", CorporateActionKind.SPLIT, Decimal(4))
    data: dict[str, Sequence[Event]] = {"abc.1d": bars(100, 100, 25, 30), "acts": [split]}

    held = await compared(store, data, count=4)

    assert held.value.tolist() == pytest.approx([10_000, 10_000, 10_000, 10_000, 12_000])


@pytest.mark.parametrize("fraction", ["0", "0.2"])
async def test_the_shares_of_a_spin_off_are_sold_for_more_of_the_old_one(
    store: MemoryEventStore, fraction: str
) -> None:
    """Half a share at 40 of each share at 100: the rest trades at 80."""
    action = CorporateAction(
        day(2),
        "ABC",
        CorporateActionKind.SPIN_OFF,
        Decimal("0.5"),
        new_symbol="NEW",
        cost_fraction=Decimal(fraction),
    )
    data: dict[str, Sequence[Event]] = {"abc.1d": bars(100, 100, 80, 88), "abc.actions": [action]}
    if fraction == "0":
        data["new.1d"] = bars(40, 40, symbol="NEW", first_day=2)

    held = await compared(store, data, count=4, name="ABC")

    assert held.value.tolist() == pytest.approx([10_000, 10_000, 10_000, 10_000, 11_000])


async def test_a_dividend_is_reinvested_on_its_ex_date(store: MemoryEventStore) -> None:
    paid = CorporateAction(day(2), "ABC", CorporateActionKind.DIVIDEND, amount=Decimal(10))
    data: dict[str, Sequence[Event]] = {"abc.1d": bars(100, 100, 90, 99), "acts": [paid]}

    held = await compared(store, data, count=4)

    assert held.total_return == pytest.approx(0.1)


async def test_a_new_symbol_goes_on_where_the_old_one_ended(store: MemoryEventStore) -> None:
    renamed = CorporateAction(day(2), "ABC", CorporateActionKind.SYMBOL_CHANGE, new_symbol="NEW")
    data: dict[str, Sequence[Event]] = {
        "abc.1d": bars(100, 110), "new.1d": bars(110, 121, symbol="NEW", first_day=2), "acts": [renamed],
    }  # fmt: skip

    held = await compared(store, data, count=4)

    assert held.symbols == ("ABC",)
    assert held.value.tolist() == pytest.approx([10_000, 10_000, 11_000, 11_000, 12_100])


@pytest.mark.parametrize(("amount", "ratio", "worth"), [("40", "1", 4_000), ("0", "0", 0), ("0", "1", 9_000)])
async def test_a_delisting_ends_in_cash_at_its_price_or_the_last_one(
    store: MemoryEventStore, amount: str, ratio: str, worth: float
) -> None:
    gone = CorporateAction(
        day(2), "ABC", CorporateActionKind.DELISTING, Decimal(ratio), amount=Decimal(amount)
    )
    data: dict[str, Sequence[Event]] = {
        "abc.1d": bars(100, 90), "xyz.1d": bars(1, 1, 1, 1, symbol="XYZ"), "acts": [gone],
    }  # fmt: skip

    held = await compared(store, data, count=4, name="ABC")

    assert held.value[-1] == pytest.approx(worth)


async def test_prices_in_another_currency_are_worth_the_rate_of_the_mark(store: MemoryEventStore) -> None:
    rates: list[Event] = [
        FxRateSet(day(0), "EUR", "USD", Decimal("1.0")), FxRateSet(day(1), "EUR", "USD", Decimal("1.1")),
    ]  # fmt: skip
    data: dict[str, Sequence[Event]] = {"abc.1d": bars(100, 100), "eurusd": rates}

    held = await compared(
        store, data, count=2, instruments=(InstrumentDefined(day(0), "ABC", currency="EUR"),)
    )

    assert held.total_return == pytest.approx(0.1)


async def test_a_run_of_minutes_has_a_benchmark_of_minutes(store: MemoryEventStore) -> None:
    quotes: list[Event] = [Quote(day(0, n), "ABC", 99.0 + n, 101.0 + n) for n in range(5)]
    await record_run(store, [mark(day(0, n), "10000") for n in range(5)], data={"abc.q": quotes})

    held = (await read_run(store, RUN)).result.benchmark

    assert held is not None
    assert held.value.tolist() == pytest.approx([10_000, 10_000, 10_100, 10_200, 10_300, 10_400])


async def test_a_stream_of_the_store_or_a_symbol_in_it_can_be_the_benchmark(store: MemoryEventStore) -> None:
    await store.append("spy.1d", bars(10, 11, 15, symbol="SPY"), expected_seq=0)

    by_stream = await compared(store, {"abc.1d": bars(100, 90, 120)}, count=3, name="spy.1d")
    by_symbol = (await read_run(store, RUN, benchmark="SPY")).result.benchmark

    assert by_symbol is not None
    assert by_stream.symbols == by_symbol.symbols == ("SPY",)
    assert by_stream.total_return == by_symbol.total_return == pytest.approx(0.5)


async def test_a_benchmark_that_is_not_there_is_named_with_those_that_are(store: MemoryEventStore) -> None:
    await record_run(store, marks(2), data={"abc.1d": bars(100, 90)})
    for stream in ("spy.1d", "spy.1h"):
        await store.append(stream, bars(10, symbol="SPY"), expected_seq=0)
    await store.append("old.1d", [Bar(day(-9), "OLD", "1d", 1, 1, 1, 1, 1, day(-10))], expected_seq=0)

    with pytest.raises(InputError, match=r"'QQQ' is neither a symbol nor a data stream .*abc\.1d"):
        await read_run(store, RUN, benchmark="QQQ")
    with pytest.raises(InputError, match=r"'SPY' is in several streams, name one: spy\.1d, spy\.1h"):
        await read_run(store, RUN, benchmark="SPY")
    with pytest.raises(InputError, match=r"'OLD': stream 'old\.1d' has no price in the period"):
        await read_run(store, RUN, benchmark="OLD")


async def test_the_table_has_the_benchmark_beside_the_return(store: MemoryEventStore) -> None:
    await record_run(store, marks(3), data={"abc.1d": bars(100, 90, 120)})

    lines = dict(result_lines((await read_run(store, RUN)).result))

    assert lines["Total return"] == "0.00 % (benchmark 20.00 %)"
    assert lines["Benchmark"] == "buy and hold of ABC"
    assert list(lines)[:6] == ["Strategy", "Parameters", "Data", "Symbols", "Period", "Initial cash"]
    assert (lines["Parameters"], lines["Data"]) == ("fast=2", "abc.1d 1-3")


# --- comparison -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_alpha_and_beta_are_those_of_empyrical(seed: int) -> None:
    judge = pytest.importorskip("empyrical", reason="compares with empyrical-reloaded")
    dice = np.random.default_rng(seed)
    other = dice.normal(0.0004, 0.01, 500)
    own = 0.6 * other + dice.normal(0.0002, 0.005, 500)

    alpha, beta, correlation = alpha_beta(own, other, 252.0)

    assert (alpha, beta) == pytest.approx(judge.alpha_beta(own, other), rel=1e-9)
    assert correlation == pytest.approx(np.corrcoef(own, other)[0, 1])


def test_a_benchmark_that_never_moved_has_no_beta() -> None:
    assert alpha_beta(np.array([0.1, 0.2]), np.array([0.0, 0.0]), 252.0) == (None, None, None)


def test_an_alpha_that_is_no_float_is_undefined() -> None:
    alpha, beta, _ = alpha_beta(np.array([90.0, 80.0, 99.0]), np.array([0.0, 0.1, 0.0]), 365.0)

    assert alpha is None
    assert beta is not None


def test_days_without_a_return_are_left_out_of_the_comparison() -> None:
    own, other = np.array([0.1, np.nan, 0.2, 0.0]), np.array([0.1, 0.3, 0.2, 0.0])

    assert alpha_beta(own, other, 252.0) == pytest.approx((0.0, 1.0, 1.0))


async def test_a_run_that_holds_the_benchmark_has_beta_one_and_alpha_zero(store: MemoryEventStore) -> None:
    closes = [100.0, 104.0, 99.0, 107.0, 103.0] * 8
    held = [mark(day(number + 1) - 1, f"{close * 100}") for number, close in enumerate(closes)]
    await record_run(store, held, data={"abc.1d": bars(*closes)})

    result = (await read_run(store, RUN)).result

    assert result.benchmark is not None
    found = result.benchmark
    assert (found.alpha, found.beta, found.correlation) == pytest.approx((0.0, 1.0, 1.0), abs=1e-12)
    assert len(daily_closes(result.equity).returns) == 40
    assert not found.undefined


async def test_a_year_is_not_made_of_less_than_thirty_days(store: MemoryEventStore) -> None:
    closes = [100.0, 104.0, 99.0, 107.0, 103.0] * 4
    held = [mark(day(number + 1) - 1, f"{close * 100}") for number, close in enumerate(closes)]
    await record_run(store, held, data={"abc.1d": bars(*closes)})

    result = (await read_run(store, RUN)).result

    assert result.benchmark is not None
    found = result.benchmark
    assert found.alpha is None
    assert found.beta == pytest.approx(1.0)
    assert dict(result_lines(result))["Alpha"] == "- (needs 30 days, has 20)"
    assert untyped(to_json(result)["undefined"])["alpha"] == "needs 30 days, has 20"


async def test_nothing_is_estimated_from_less_than_ten_returns(store: MemoryEventStore) -> None:
    closes = [100.0, 104.0, 99.0, 107.0]
    held = [mark(day(number + 1) - 1, f"{close * 100}") for number, close in enumerate(closes)]
    await record_run(store, held, data={"abc.1d": bars(*closes)})

    result = (await read_run(store, RUN)).result

    lines = dict(result_lines(result))
    assert (lines["Beta"], lines["Correlation"]) == ("- (needs 10 returns, has 4)",) * 2
    assert "needs 10 returns, has 4" in report_page(result, {})


async def test_an_account_without_capital_is_not_compared(store: MemoryEventStore) -> None:
    held = [mark(day(number + 1) - 1, "10000" if number < 20 else "-5") for number in range(40)]
    await record_run(store, held, data={"abc.1d": bars(*range(100, 140))})

    lines = dict(result_lines((await read_run(store, RUN)).result))

    assert lines["Alpha"] == lines["Beta"] == "- (a day ended without capital)"


async def test_a_benchmark_that_never_moved_is_said_to_be_so(store: MemoryEventStore) -> None:
    held = [mark(day(number + 1) - 1, f"{10_000 + number}") for number in range(40)]
    await record_run(store, held, data={"abc.1d": bars(*[100.0] * 40)})

    lines = dict(result_lines((await read_run(store, RUN)).result))

    assert lines["Beta"] == "- (the benchmark never moved)"


# --- where it is named --------------------------------------------------------------------------


def cross() -> MovingAverageCross:
    return MovingAverageCross(fast=2, slow=5)


def test_a_file_or_a_frame_can_be_the_benchmark_and_no_strategy_gets_it(tmp_path: Path) -> None:
    own, other = days_frame(seed=7), days_frame(seed=8)
    untyped(other).to_csv(tmp_path / "B.csv")

    results = [
        backtest(cross(), {"A": own}, benchmark=tmp_path / "B.csv").result,
        backtest(cross(), {"A": own}, benchmark=other).result,
        backtest(cross(), {"A": own, "B": other}, benchmark="B").result,
    ]

    assert [result.symbols for result in results] == [("A",), ("A",), ("A", "B")]
    gains = [result.benchmark and result.benchmark.total_return for result in results]
    assert gains == [pytest.approx(gains[0])] * 3
    assert results[0].digest == backtest(cross(), {"A": own}).result.digest


def test_more_rows_of_the_same_symbol_as_benchmark_do_not_lengthen_the_run(tmp_path: Path) -> None:
    whole, part = tmp_path / "A.csv", tmp_path / "part" / "A.csv"
    part.parent.mkdir()
    untyped(days_frame()).to_csv(whole)
    untyped(days_frame())[:100].to_csv(part)

    alone = backtest(cross(), part).result
    for importing in ({}, {"stream": "mine"}):
        beside = backtest(cross(), part, benchmark=whole, importing=importing).result

        assert [source.last_seq for source in beside.sources] == [100]
        assert beside.metrics == alone.metrics
        assert beside.benchmark is not None
        assert beside.benchmark.symbols == ("A",)


def test_bad_rows_that_are_kept_are_neither_data_nor_a_second_benchmark(tmp_path: Path) -> None:
    good, bad = tmp_path / "A.csv", tmp_path / "B.csv"
    untyped(days_frame()).to_csv(good)
    first, *rest = good.read_text().splitlines()
    bad.write_text("\n".join((first, "2003-12-31,x,x,x,x,x", *rest)))

    done = backtest(cross(), bad, benchmark=bad, importing={"bad_rows": "quarantine"}).result

    assert [source.stream for source in done.sources] == ["b.1d"]
    assert done.benchmark is not None
    assert done.benchmark.symbols == ("B",)


def test_a_benchmark_that_is_not_there_is_refused_before_the_run() -> None:
    with pytest.raises(InputError, match=r"benchmark 'B' is neither a symbol nor a data stream"):
        backtest(cross(), {"A": days_frame()}, benchmark="B")
    with pytest.raises(InputError, match="expected a symbol, a stream, a file or a DataFrame; got int"):
        backtest(cross(), {"A": days_frame()}, benchmark=untyped(3))


async def test_a_recorded_benchmark_that_is_gone_leaves_a_note() -> None:
    store = await store_of(a_1d=walk("A", 100, seed=7), b_1d=walk("B", 100, seed=8))
    run = await play_and_record(store, [cross()], ReplayConfig(streams=("a.1d",), benchmark="B"))
    before = (await read_run(store, run)).result

    await set_aside(store, "b.1d", ts=0, reason="restated")
    after = (await read_run(store, run)).result

    assert before.benchmark is not None
    assert before.benchmark.name == "buy and hold of B"
    assert after.benchmark is None
    assert "benchmark 'B' is neither a symbol nor a data stream of the store: a.1d" in after.notes


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "Pacific/Auckland", "UTC"])
def test_symbols_with_days_of_different_zones_are_compared_by_trading_day(zone: str) -> None:
    """Each day has two marks, at the ends of both bars. Money that is all in the benchmark moves with it."""
    frame = days_frame(60)
    data = {"A": frame, "B": frame.tz_localize(zone)}

    done = backtest(BuyAndHold(), data, broker={"bar_fill": "this_close"})

    held, curve = done.result.benchmark, done.result.equity
    assert held is not None
    assert len(daily_closes(curve).days) == 60
    assert held.beta == pytest.approx(0.95, abs=0.05)
    assert held.correlation == pytest.approx(1.0, abs=0.02)
