"""The shipped harness: a strategy on the real core, fed by hand."""

from decimal import Decimal

import pytest

from kernel.errors import ComponentError, InputError, StrategyRefused
from replay.testing import Rehearsal
from strategies.ma_cross import MovingAverageCross
from strategies.rsi import RelativeStrengthIndex
from strategies.sdk import (
    Bar,
    Decisions,
    Metadata,
    Quote,
    SetTimer,
    Strategy,
    StrategyParams,
    StrategyState,
    TimerFired,
    TimerName,
    buy,
)


class Timed(Strategy[StrategyParams, StrategyState]):
    """Buys one at each quote, and logs its timer."""

    metadata = Metadata(name="timed")

    def on_start(self) -> Decisions:
        return SetTimer(TimerName("tea"), self.ctx.now + 60 * 10**9)

    def on_quote(self, quote: Quote) -> Decisions:
        return buy(quote.symbol, 1)

    def on_timer(self, timer: TimerFired) -> Decisions:
        self.ctx.log(timer.name, due=timer.due_ts)
        return None


class Failing(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="failing")

    def on_bar(self, bar: Bar) -> Decisions:
        raise ValueError(bar.symbol)


class Printing(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="printing")

    def on_bar(self, bar: Bar) -> Decisions:
        print(bar)  # noqa: T201  # what the linter refuses
        return None


def test_an_order_fills_as_in_a_backtest_at_the_next_open() -> None:
    stage = Rehearsal(MovingAverageCross(fast=1, slow=3, quantity=10), settings={"cash": 1_000})

    stage.bars([10, 9, 8, 12])
    before = stage.position()
    stage.bar(14, opened=13)

    assert [order.side.value for order in stage.orders] == ["buy"]
    assert (int(before), int(stage.position())) == (0, 10)
    assert [fill.price for fill in stage.fills] == [Decimal(13)]
    assert stage.equity == 1_010


def test_bars_before_the_start_are_history() -> None:
    stage = Rehearsal(MovingAverageCross(fast=1, slow=3), before={"ABC": [10, 9]})

    stage.bar(12)

    assert len(stage.orders) == 1


def test_own_indicators_are_warmed_up() -> None:
    closes = [100.0 + (day * 7) % 5 for day in range(40)]
    warm = Rehearsal(RelativeStrengthIndex(period=3), before={"ABC": closes})
    cold = Rehearsal(RelativeStrengthIndex(period=3))

    cold.bars(closes)

    assert warm.orders == []
    assert warm.strategy.state.averages["ABC"].gain == cold.strategy.state.averages["ABC"].gain


def test_a_restart_keeps_the_state_and_the_history() -> None:
    whole, parts = (Rehearsal(MovingAverageCross(fast=1, slow=3)) for _ in range(2))
    closes = [10, 9, 8, 12, 13, 8, 7, 12, 13]

    whole.bars(closes)
    for close, opened in zip(closes, [closes[0], *closes], strict=False):
        parts.bar(close, opened=opened)
        parts.restart()

    assert [fill.price for fill in parts.fills] == [fill.price for fill in whole.fills]
    assert parts.equity == whole.equity


def test_time_passes_between_quotes_and_fires_timers() -> None:
    stage = Rehearsal(Timed())

    stage.quote(99, 101)
    stage.quote(100, 102)
    nothing, tea = stage.wait(30), stage.wait(30)

    assert stage.position() == 1  # an order on a quote fills at the next one
    assert (nothing, [logged.words for logged in stage.logged]) == ((), ["tea"])
    assert tea


def test_a_denied_order_says_why() -> None:
    stage = Rehearsal(MovingAverageCross(fast=1, slow=3), settings={"cash": 1})

    stage.bars([10, 9, 8, 12])

    assert "cash" in stage.refused[0]


def test_a_hook_that_fails_raises_with_its_line() -> None:
    stage = Rehearsal(Failing())

    with pytest.raises(ComponentError, match=r"strategy:failing failed on Bar: ValueError: ABC \(on_bar:\d+"):
        stage.bar(10)


def test_what_the_linter_refuses_is_refused_here() -> None:
    with pytest.raises(StrategyRefused, match=r"`print` writes outside the log; use `self\.ctx\.log"):
        Rehearsal(Printing())


def test_wrong_arguments_are_refused_with_a_sentence() -> None:
    with pytest.raises(InputError, match="timeframe '5 min': expected a count and one of s, m, h, d, w"):
        Rehearsal(Timed(), timeframe="5 min")
    with pytest.raises(InputError, match="symbol 'B': there are A"):
        Rehearsal(Timed(), symbols=["A"]).bar(1.0, "B")
