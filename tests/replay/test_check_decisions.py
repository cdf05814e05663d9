"""Look-ahead and dependence on the first bar are found, and named; honest strategies pass."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernel.errors import InputError
from replay import check_decisions
from replay.checks.decision_checks import DecisionChecks
from replay.checks.decision_trials import MakeStrategy
from replay.performance.diagnosis import FindingKind
from strategies.ma_cross import MovingAverageCross
from tests.ops.commands import onetape, store_heads
from tests.replay.commands import replay
from tests.replay.frames import Frame, days_frame
from tests.replay.market import walk, write_csv
from tests.replay.peeking_strategies import AllHistory, FromFirstBar, FromTable

FRAME = days_frame(160, seed=5)


def warned(checks: DecisionChecks) -> set[FindingKind]:
    return {one.kind for one in checks.findings if one.is_warning}


def words(checks: DecisionChecks) -> str:
    return " ".join(one.words for one in checks.findings)


def table_of(compute: Callable[[Frame], Any]) -> MakeStrategy:
    """Makes a strategy from a table that is computed from the data."""
    return lambda frame: FromTable(table=tuple(int(value) for value in compute(frame)))


def test_a_strategy_that_sees_the_past_alone_passes() -> None:
    checks = check_decisions(MovingAverageCross(fast=3, slow=8), {"A": FRAME}, cuts=4)

    assert checks.is_passed
    assert len(checks.cuts) == 4
    assert all(one.compared for one in checks.cuts)
    assert checks.mirror is not None
    assert checks.mirror.equal < checks.mirror.decisions
    assert [one.warm_up for one in checks.warm_ups] == [8, 16, 32, 64]
    assert "No look-ahead: on data that end at 4 earlier moments" in words(checks)


def test_a_table_of_moving_averages_passes() -> None:
    above = table_of(lambda frame: frame["Close"] > frame["Close"].rolling(5).mean())

    assert check_decisions(above, FRAME, cuts=4).is_passed


def next_close(frame: Frame) -> Frame:
    return frame["Close"].shift(-1) > frame["Close"]


def mean_of_all(frame: Frame) -> Frame:
    return frame["Close"] > frame["Close"].mean()


def centred_window(frame: Frame) -> Frame:
    return frame["Close"] > frame["Close"].rolling(9, center=True).mean()


@pytest.mark.parametrize("peek", [next_close, mean_of_all, centred_window])
def test_a_table_that_knows_later_rows_is_found(peek: Callable[[Frame], Any]) -> None:
    checks = check_decisions(table_of(peek), FRAME, cuts=6)

    assert FindingKind.LOOK_AHEAD in warned(checks)
    assert "Look-ahead: on data that end at " in words(checks)
    assert "from_table: " in words(checks)


def test_a_table_that_was_made_beforehand_is_known_by_not_looking_at_prices() -> None:
    future = tuple(int(value) for value in FRAME["Close"].shift(-1) > FRAME["Close"])

    checks = check_decisions(FromTable(table=future), {"A": FRAME}, cuts=2)

    assert not any(one.missing or one.added for one in checks.cuts)
    assert warned(checks) == {FindingKind.LOOK_AHEAD, FindingKind.RECURSIVE}
    assert "it does not look at them" in words(checks)


def test_an_average_that_feeds_on_itself_depends_on_its_first_bar_if_it_is_long() -> None:
    short = check_decisions(FromFirstBar(span=10), {"A": FRAME}, cuts=2)
    long = check_decisions(FromFirstBar(span=400), {"A": FRAME}, cuts=2)

    assert warned(short) == set()
    assert warned(long) == {FindingKind.RECURSIVE}
    assert "ema differs by" in words(long)
    assert long.starts[0].figure_difference > short.starts[0].figure_difference


def test_history_without_an_end_depends_on_how_much_there_is() -> None:
    checks = check_decisions(AllHistory(), {"A": FRAME}, settings={"warm_up": 20}, cuts=2)

    assert FindingKind.RECURSIVE in warned(checks)


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(InputError, match="needs one data frame of pandas"):
        check_decisions(table_of(lambda frame: frame), "nowhere.csv")
    with pytest.raises(KeyError, match="Nothing"):
        check_decisions(table_of(lambda frame: frame["Nothing"]), FRAME)


CROSS = ("--strategy", "strategies.ma_cross:MovingAverageCross", "--param", "fast=2", "--param", "slow=5")


def record_cross(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in the folder, which becomes the current one."""
    monkeypatch.chdir(folder)
    write_csv(folder / "a.csv", walk("A", 120, seed=11))
    assert onetape("import", "a.csv", "--symbol", "A").exit_code == 0
    assert replay("--stream", "a.1d", *CROSS, "--no-report").exit_code == 0


def test_the_command_checks_a_run_with_the_code_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_cross(tmp_path, monkeypatch)

    told = replay("check", "run.ma_cross.1", "--cuts", "2")
    as_json = replay("check", "run.ma_cross.1", "--cuts", "2", "--json")

    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout.startswith("ok: No look-ahead")
    fields = json.loads(as_json.stdout)
    assert fields["is_passed"]
    assert len(fields["checks"]["cuts"]) == 2


def test_the_command_checks_a_strategy_over_data_without_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_cross(tmp_path, monkeypatch)
    before = store_heads(tmp_path / "onetape.db")

    of_run = replay("check", "run.ma_cross.1", "--cuts", "2", "--json")
    given = replay("check", "--stream", "a.1d", *CROSS, "--cuts", "2", "--json")
    both = replay("check", "run.ma_cross.1", "--stream", "a.1d")
    nothing = replay("check", *CROSS)
    (tmp_path / "onetape.yaml").write_text(
        "streams: [a.1d]\n"
        "strategies: [{strategy: 'strategies.ma_cross:MovingAverageCross', params: {fast: 2, slow: 5}}]\n"
    )
    configured = replay("check", "--cuts", "2", "--json")
    unknown = replay("check", "--strategy", "nowhere.py:Cross")

    assert (given.exit_code, given.stdout) == (0, of_run.stdout), given.stderr
    assert configured.stdout == of_run.stdout
    assert store_heads(tmp_path / "onetape.db") == before
    assert (both.exit_code, nothing.exit_code, unknown.exit_code) == (2, 2, 1)
    assert "are for a check without a run" in both.stderr
    assert "there is nothing to play" in nothing.stderr
    assert "nowhere.py" in unknown.stderr
