"""Channel break: which closes make it speak, and what it says."""

import pytest

from kernel.errors import InputError
from kernel.events import FLAT, LONG, SHORT
from strategies.channel_break import ChannelBreak
from strategies.sdk import Signal, SignalDirection
from tests.strategies.sample_context import as_list, attach, daily_bar


def said(strategy: ChannelBreak, *closes: float) -> list[tuple[int, SignalDirection, float | None]]:
    """Day, direction and stop of every signal."""
    context = attach(strategy, "SPY")
    signals: list[tuple[int, SignalDirection, float | None]] = []
    for day, close in enumerate(closes):
        bar = daily_bar(day, "SPY", close)
        context.see(bar)
        for decision in as_list(strategy.on_bar(bar)):
            assert isinstance(decision, Signal)
            stop = decision.stop_loss
            signals.append((day, decision.direction, None if stop is None else float(stop)))
    return signals


def test_a_close_above_the_channel_is_long_with_the_recent_low_as_its_stop() -> None:
    assert said(ChannelBreak(entry=3, exit=2), 5, 7, 6, 8) == [(3, LONG, 6.0)]


def test_a_close_at_the_edge_of_the_channel_says_nothing() -> None:
    assert said(ChannelBreak(entry=3, exit=2), 5, 7, 6, 7) == []


def test_it_speaks_once_until_the_close_falls_below_the_recent_low() -> None:
    assert said(ChannelBreak(entry=3, exit=2), 5, 7, 6, 8, 9, 10, 8.5) == [(3, LONG, 6.0), (6, FLAT, None)]


def test_it_goes_short_below_the_channel_only_where_allowed() -> None:
    closes = (7.0, 5.0, 6.0, 4.0)

    assert said(ChannelBreak(entry=3, exit=2), *closes) == []
    assert said(ChannelBreak(entry=3, exit=2, allow_short=True), *closes) == [(3, SHORT, 6.0)]


def test_the_exit_looks_back_no_further_than_the_entry() -> None:
    with pytest.raises(InputError, match="exit=5 must be at most entry=4"):
        ChannelBreak(entry=4, exit=5)
