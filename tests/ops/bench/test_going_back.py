"""The measurement of going back runs end to end; what it measures is not looked at here."""

import pytest

from tests.ops.bench.test_live_benches import printed

pytestmark = pytest.mark.slow


def test_each_way_back_is_measured() -> None:
    lines = printed("going_back", "--count", "20000", "--fast", "10", "--slow", "20").splitlines()

    starts = (
        "20,000 quotes: plain replay",
        "verify ",
        "step to a moment: ",
        "explain an order: ",
        "fork at 99 %: ",
    )
    assert [line.startswith(start) for line, start in zip(lines, starts, strict=True)] == [True] * 5
