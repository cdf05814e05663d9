"""Each finding is told where it was planted, and not told where it was not."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from eventstore import MemoryEventStore
from kernel.events import BUY, SELL, Bar, CashMoved, Event
from replay.performance.cost_sensitivity import costs_of
from replay.performance.diagnosis import Finding, FindingKind, diagnose
from replay.performance.diagnosis_rows import finding_fields, regime_rows, warning_rows
from replay.performance.regimes import DIRECTION, HALVES, VOLATILITY, YEARS, of_kind, regimes
from replay.performance.trade_sample import positions_of, t_quantile, trade_sample
from replay.results import RunResult
from replay.run_reading import read_run
from tests.replay.recorded_run import DATA, RUN, bar, day, fill, mark, record_run

DAYS = 800
WALK = 100 + np.cumsum(np.random.default_rng(7).normal(0, 0.5, DAYS)).round(2)


def trades(pnls: Sequence[float], *, commission: str = "0", quantity: str = "10") -> list[Event]:
    """A long trade for each P&L, one every second day, each flat before the next."""
    fills: list[Event] = []
    for place, pnl in enumerate(pnls):
        price = Decimal(100) + Decimal(str(pnl)) / Decimal(quantity)
        fills += [
            fill(day(2 * place + 1, 1), BUY, quantity, "100", commission=commission, fill_id=f"b{place}"),
            fill(
                day(2 * place + 2, 1), SELL, quantity, f"{price}", commission=commission, fill_id=f"s{place}"
            ),
        ]
    return fills


def marks(gains: Sequence[float]) -> list[Event]:
    """The account after each day's gain, from 10,000."""
    return [
        mark(day(place + 1) - 1, f"{equity:.2f}") for place, equity in enumerate(10_000 + np.cumsum(gains))
    ]


async def result_of(
    derived: Sequence[Event], *, bars: Sequence[Bar] = (), config: str = '{"cash":"10000"}'
) -> RunResult:
    prices: Sequence[Event] = bars or [bar(number, float(WALK[number])) for number in range(DAYS)]
    async with MemoryEventStore() as store:
        await record_run(store, sorted(derived, key=lambda event: event.ts), data={DATA: prices})
        result = (await read_run(store, RUN)).result
    return msgspec.structs.replace(result, config=config)


def found(result: RunResult, kind: FindingKind) -> list[Finding]:
    return [one for one in diagnose(result) if one.kind is kind]


async def one_of(kind: FindingKind, derived: Sequence[Event], *, config: str = '{"cash":"10000"}') -> Finding:
    (one,) = found(await result_of(derived, config=config), kind)
    return one


# --- trades -----------------------------------------------------------------------------------


async def test_few_trades_are_too_few_whatever_they_made() -> None:
    one = await one_of(FindingKind.TRADES, [*trades([10, 12, 9]), *marks([1] * 50)])

    assert one.is_warning
    assert one.words.startswith("3 closed positions, each 10.33 ± ")
    assert one.words.endswith("about 30.")


async def test_a_mean_within_chance_is_told_with_the_number_that_it_needs() -> None:
    pnls = [30.0, -25.0] * 30

    one = await one_of(FindingKind.TRADES, [*trades(pnls), *marks([1] * 150)])

    sample = trade_sample((await result_of([*trades(pnls), *marks([1] * 150)])).trades)
    assert one.is_warning
    assert "may as well be chance" in one.words
    assert (sample.count, sample.mean) == (60, 2.5)
    assert sample.margin == pytest.approx(7.163, abs=0.01)  # scipy.stats.t.interval(0.95, 59)
    assert sample.needed == 473


async def test_many_equal_gains_are_no_chance() -> None:
    one = await one_of(FindingKind.TRADES, [*trades([10, 8, 12, 9] * 10), *marks([1] * 100)])

    assert not one.is_warning


@pytest.mark.parametrize(
    ("degrees", "expected"), [(3, 3.1824), (5, 2.5706), (10, 2.2281), (30, 2.0423), (1000, 1.9623)]
)
def test_the_quantile_of_students_t(degrees: int, expected: float) -> None:
    assert t_quantile(0.975, degrees) == pytest.approx(expected, rel=0.01)


async def test_parts_of_one_position_are_one_in_the_sample() -> None:
    fills: list[Event] = [
        fill(day(1), BUY, "10", "100", fill_id="a"),
        fill(day(2), BUY, "10", "101", fill_id="b"),
        fill(day(3), SELL, "20", "105", fill_id="c"),
        fill(day(4), BUY, "10", "100", fill_id="d"),
        fill(day(5), SELL, "10", "99", fill_id="e"),
    ]

    result = await result_of([*fills, *marks([1] * 20)])

    assert len(result.trades) == 3
    assert list(positions_of(result.trades)) == [90.0, -10.0]


async def test_one_trade_that_makes_the_profit_is_named() -> None:
    one = await one_of(FindingKind.CONCENTRATION, [*trades([-5] * 20 + [400] + [-5] * 19), *marks([1] * 100)])

    assert one.is_warning
    assert "(ABC, closed 2024-02-12 01:00:00) made 195 %" in one.words
    assert one.words.endswith("without it they lost 195.00 USD.")


async def test_very_many_equal_gains_hang_on_all_of_them() -> None:
    """Of 100,000 gains of 0.3 the floats leave 5e-8 in the end, which is no profit that a trade left."""
    result = await result_of([*trades([1] * 2), *marks([1] * 30)])
    gain = msgspec.structs.replace(result.trades[0], pnl=Decimal("0.3"), commission=Decimal(0))

    (one,) = found(msgspec.structs.replace(result, trades=(gain,) * 100_000), FindingKind.CONCENTRATION)

    assert one.figures["trades_that_make_the_profit"] == 100_000
    assert not one.is_warning


async def test_profit_of_many_trades_hangs_on_none() -> None:
    one = await one_of(FindingKind.CONCENTRATION, [*trades([10, -5] * 20), *marks([1] * 100)])

    assert not one.is_warning
    assert one.figures["trades_that_make_the_profit"] == 10


async def test_a_run_without_profit_has_no_such_finding() -> None:
    assert not found(await result_of([*trades([-10, 5] * 5), *marks([1] * 30)]), FindingKind.CONCENTRATION)


# --- costs ------------------------------------------------------------------------------------


async def test_profit_that_costs_would_eat_is_told_with_its_break_even() -> None:
    fills = trades([10] * 5, commission="3")
    last = mark(day(12), "10020", commissions="30")

    result = await result_of([*fills, last])
    (one,) = found(result, FindingKind.COSTS)

    assert one.is_warning
    assert "0x 50.00, 1x 20.00, 2x -10.00, 3x -40.00 USD" in one.words
    assert one.figures["break_even_multiple"] == pytest.approx(50 / 30)
    assert one.figures["break_even_bps"] == pytest.approx(50 / (5 * (1000 + 1010)) * 1e4)


async def test_profit_without_costs_is_told_with_what_it_bears() -> None:
    one = await one_of(FindingKind.COSTS, [*trades([10] * 5), mark(day(12), "10050")])

    assert one.is_warning
    assert one.words.startswith("No costs were charged: 50.00 USD is before them.")


async def test_costs_that_the_profit_bears_are_no_warning() -> None:
    fills = trades([10] * 5, commission="0.1")

    assert not (await one_of(FindingKind.COSTS, [*fills, mark(day(12), "10049", commissions="1")])).is_warning


async def test_money_that_was_paid_in_is_no_profit() -> None:
    paid = CashMoved(day(3), Decimal(500))
    async with MemoryEventStore() as store:
        await store.append(DATA, [bar(number, 100) for number in range(20)], expected_seq=0)
        derived = [*trades([10, 10]), mark(day(2), "10000"), mark(day(9), "10520")]
        await record_run(
            store, sorted([*derived, paid], key=lambda event: event.ts), data={"x.1d": [bar(0, 1)]}
        )
        result = (await read_run(store, RUN)).result

    assert costs_of(result).gross == 20


# --- fills ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "words", "is_warning"),
    [
        ("50", "No fill is above 10 % of its bar's volume; the largest is 5 %.", False),
        ("300", "10 of 10 fills are above 10 % of their bar's volume, up to 30 %.", True),
        ("1500", "10 of 10 fills are in bars that traded less than that", True),
    ],
)
async def test_fills_are_compared_with_the_volume_of_their_bars(
    quantity: str, words: str, is_warning: bool
) -> None:
    one = await one_of(FindingKind.VOLUME, [*trades([10] * 5, quantity=quantity), *marks([1] * 30)])

    assert words in one.words
    assert one.is_warning is is_warning


async def test_several_fills_share_the_volume_of_a_bar() -> None:
    fills: list[Event] = [fill(day(1, 1), BUY, "40", "100", fill_id=f"{number}") for number in range(3)]

    result = await result_of([*fills, *marks([1] * 30)])

    assert list(result.flow.volume_share) == pytest.approx([0.12] * 3)


async def test_bars_that_never_have_a_volume_tell_nothing() -> None:
    bars = [msgspec.structs.replace(bar(number, 100), volume=0.0) for number in range(40)]

    result = await result_of([*trades([10] * 5), *marks([1] * 30)], bars=bars)

    assert np.isnan(result.flow.volume_share).all()
    assert not found(result, FindingKind.VOLUME)


async def test_fills_at_the_close_that_was_decided_on_are_told() -> None:
    derived = [*trades([10] * 5), *marks([1] * 30)]

    one = await one_of(FindingKind.TIMING, derived, config='{"broker":{"bar_fill":"this_close"}}')

    assert one.is_warning
    assert not found(await result_of(derived), FindingKind.TIMING)


async def test_a_model_of_slippage_is_read_from_the_configuration() -> None:
    config = '{"broker":{"slippage":{"model":"fixed_bps","params":{"bps":1}}}}'

    one = await one_of(FindingKind.COSTS, [*trades([10] * 5), *marks([1] * 30)], config=config)

    assert one.words.startswith("No commission was charged: ")


@pytest.mark.parametrize("slippage", ['"none"', '{"model":"none"}', "null"])
async def test_the_model_none_of_slippage_is_no_cost(slippage: str) -> None:
    config = f'{{"broker":{{"slippage":{slippage}}}}}'

    one = await one_of(FindingKind.COSTS, [*trades([10] * 5), *marks([1] * 30)], config=config)

    assert one.words.startswith("No costs were charged: ")


# --- time -------------------------------------------------------------------------------------


async def test_little_time_in_the_market_is_told() -> None:
    one = await one_of(FindingKind.TIME_IN_MARKET, [*trades([10]), *marks([0.1] * 300)])
    other = await one_of(FindingKind.TIME_IN_MARKET, [*trades([10] * 20), *marks([0.1] * 50)])

    assert one.is_warning
    assert not other.is_warning


async def test_profit_of_one_half_and_one_year_is_told() -> None:
    gains = [-1.0] * 400 + [5.0] * 400

    told = found(await result_of([*trades([10] * 5), *marks(gains)]), FindingKind.REGIMES)

    assert len(told) >= 2
    assert all(one.is_warning for one in told)
    assert "second half, 2025-02-04 to 2026-03-10 made 2,000.00, the rest lost 400.00 USD" in told[0].words


async def test_even_profit_depends_on_no_part_of_the_time() -> None:
    gains = [3.0, -2.0, 1.0] * 266

    (one,) = found(await result_of([*trades([10] * 5), *marks(gains)]), FindingKind.REGIMES)

    assert not one.is_warning


async def test_the_parts_of_each_kind_add_up_to_the_whole() -> None:
    gains = list(np.random.default_rng(3).normal(1, 20, DAYS).round(2))

    result = await result_of([*trades([10] * 5), *marks(gains)])

    parts = regimes(result)
    for kind in (HALVES, YEARS, DIRECTION):
        assert sum(one.pnl for one in of_kind(parts, kind)) == pytest.approx(sum(gains))
        assert sum(one.days for one in of_kind(parts, kind)) == DAYS
    assert sum(one.days for one in of_kind(parts, VOLATILITY)) == pytest.approx(DAYS, abs=25)
    assert len(regime_rows(result).rows) == len(parts)


async def test_a_run_without_a_fill_has_no_diagnosis_and_others_are_told_warnings_first() -> None:
    assert diagnose(await result_of(marks([1] * 50))) == ()

    told = diagnose(await result_of([*trades([10, -9, 8]), *marks([1] * 50)]))

    flags = [one.is_warning for one in told]
    assert flags == sorted(flags, reverse=True)
    assert len(warning_rows(told).rows) == min(4, sum(flags))
    assert [one["words"] for one in finding_fields(told)] == [one.words for one in told]
