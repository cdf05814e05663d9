"""When a run marks its account: by the step of its data, and bounded in number."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from components.portfolio.config import PortfolioConfig
from kernel.events import AccountMarked, CorporateAction, CorporateActionKind, Event, TimerFired
from kernel.time_units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from replay.config import ReplayConfig
from replay.mark_times import MOST_MARKS, MOST_TIMERS
from replay.result_json import to_json
from replay.results import RunResult, read_results
from replay.tables import result_lines
from strategies.buy_and_hold import BuyAndHold
from strategies.sdk import (
    Bar,
    Decisions,
    Metadata,
    Quote,
    RiskLimits,
    Strategy,
    StrategyParams,
    StrategyState,
)
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind
from tests.replay.market import walk
from tests.replay.playing import START, derived_of, record_run, store_of


def minutes(count: int, *, start: int = START, step: int = MINUTE_NS, symbol: str = "A") -> list[Event]:
    """Bars of a minute that fall by half in the middle and come back."""
    bars: list[Event] = []
    for place in range(count):
        price = 100.0 - 50.0 * (1.0 - abs(2.0 * place / count - 1.0))
        opened = start + place * step
        bars.append(Bar(opened + step, symbol, "1m", price, price, price, price, 1.0, opened))
    return bars


class Watcher(Strategy[StrategyParams, StrategyState]):
    """Looks at bars and quotes, and does nothing."""

    metadata = Metadata(name="watcher")

    def on_bar(self, bar: Bar) -> Decisions: ...

    def on_quote(self, quote: Quote) -> Decisions: ...


async def marks_of(events: Sequence[Event], config: ReplayConfig | None = None) -> list[AccountMarked]:
    store = await store_of(a_data=events)
    run = await record_run(store, [Watcher()], config)
    return [event for event in await derived_of(store, run) if isinstance(event, AccountMarked)]


async def result_of(events: Sequence[Event]) -> RunResult:
    store = await store_of(a_data=events)
    return await read_results(store, await record_run(store, [BuyAndHold()]))


async def test_minutes_of_one_day_have_an_intraday_curve_and_drawdown() -> None:
    result = await result_of(minutes(390))

    assert len(result.equity) >= 390
    assert result.metrics.max_drawdown == pytest.approx(-0.475, abs=0.01)


async def test_a_curve_of_a_day_is_not_annualised_and_says_so() -> None:
    result = await result_of(minutes(390))

    reason = "needs 30 days, has 0.271"
    m = result.metrics
    assert (m.annual_return, m.volatility, m.sharpe, m.sortino, m.calmar) == (None,) * 5
    assert dict(result_lines(result))["Annual return"] == f"- ({reason})"
    undefined = to_json(result)["undefined"]
    assert isinstance(undefined, dict)
    assert undefined["sharpe"] == undefined["annual_return"] == reason


@pytest.mark.parametrize(
    "events",
    [
        minutes(20_000),
        minutes(3_000, step=HOUR_NS),
        [Quote(START + place * SECOND_NS, "A", 10.0, 10.1) for place in range(20_000)],
        [Quote(START + place * DAY_NS // 2, "A", 10.0, 10.1) for place in range(2_000)],
    ],
    ids=["minutes", "hours", "seconds", "half days"],
)
async def test_the_number_of_marks_is_bounded(events: list[Event]) -> None:
    days = (events[-1].ts - events[0].ts) // DAY_NS

    assert len(await marks_of(events)) <= max(MOST_MARKS, days) + 2


async def test_the_timer_of_marks_is_bounded_by_the_period_of_all_streams() -> None:
    """Two quotes of one second beside two daily bars: marks by the second would be two days of seconds."""
    first = START + DAY_NS
    quotes: list[Event] = [Quote(first, "B", 9.0, 10.0), Quote(first + SECOND_NS, "B", 9.0, 10.0)]
    days: list[Event] = list(walk("A", 3, seed=1))
    store = await store_of(a_1d=days, b_quotes=quotes)

    run = await record_run(store, [Watcher()])

    timers = [event for event in await derived_of(store, run) if isinstance(event, TimerFired)]
    assert len(timers) <= MOST_TIMERS


async def test_a_bar_of_a_day_is_marked_once_when_it_ends() -> None:
    bars = walk("A", 30, seed=1)

    marks = await marks_of(bars)

    assert [mark.ts for mark in marks] == [bar.ts for bar in bars]


async def test_bars_of_several_symbols_that_end_together_are_marked_once() -> None:
    bars = [bar for pair in zip(walk("A", 10, seed=1), walk("B", 10, seed=2), strict=True) for bar in pair]

    assert len(await marks_of(bars)) == 10


async def test_a_time_that_the_configuration_names_is_kept() -> None:
    config = ReplayConfig(portfolio=PortfolioConfig(mark_every_s=3_600))

    marks = await marks_of(minutes(390), config)

    assert [mark.ts % HOUR_NS for mark in marks[:-1]] == [0] * 6


async def test_limits_of_volatility_count_a_mark_a_day() -> None:
    limit = ContinuousLimit(kind=LimitKind.VOLATILITY, limit=Decimal(9), action=BreachAction.DENY)

    marks = await marks_of(minutes(3_000), ReplayConfig(risk=RiskLimits(continuous=(limit,))))

    assert len(marks) == 3


@pytest.mark.parametrize("pays_after", [0, 3])
async def test_a_dividend_makes_no_rise_before_the_day_on_which_the_price_falls(pays_after: int) -> None:
    """The shares fall by the dividend on the third day; the account's value never moves."""
    ex_ts = START + 2 * DAY_NS
    bars: list[Event] = []
    for day in range(8):
        price, opened = 50.0 if day < 2 else 48.0, START + day * DAY_NS
        bars.append(Bar(opened + DAY_NS - 1, "A", "1d", price, price, price, price, 1.0, opened))
    kind = CorporateActionKind.DIVIDEND
    action = CorporateAction(
        ex_ts, "A", kind, amount=Decimal(2), currency="", pay_ts=ex_ts + pays_after * DAY_NS
    )
    store = await store_of(a_1d=bars, a_actions=[action])

    run = await record_run(store, [BuyAndHold()])
    result = await read_results(store, run)

    assert set(result.equity.equity) == {100_000.0}
    assert result.metrics.max_drawdown == 0.0


async def test_a_dividend_at_the_time_of_a_mark_comes_after_it() -> None:
    """Minutes end at midnight, where the ex-date and a mark are too."""
    ex_ts = START + DAY_NS
    bars = minutes(1_440)
    action = CorporateAction(ex_ts, "A", CorporateActionKind.DIVIDEND, amount=Decimal(1), currency="")
    store = await store_of(a_1m=bars, a_actions=[action], b_1m=minutes(3, start=ex_ts, symbol="B"))

    run = await record_run(store, [BuyAndHold()], ReplayConfig(portfolio=PortfolioConfig(mark_every_s=3_600)))
    marks = [event for event in await derived_of(store, run) if isinstance(event, AccountMarked)]

    (at_midnight,) = [mark for mark in marks if mark.ts == ex_ts]
    assert marks[-1].cash > at_midnight.cash
