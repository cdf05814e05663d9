"""Each kind of rule: what it finds, and what it does not."""

from collections.abc import Iterable, Sequence

import pytest

from kernel.events import EdgeState, EdgeStateChanged, SessionChanged
from ops.alerts.judges import Judge, judge_of
from replay.alert_settings import (
    AbsenceRule,
    AlertRule,
    AnomalyRule,
    ChangeRule,
    EventRule,
    ThresholdRule,
)
from tests.ops.alerts.worlds import BEGIN, at, failed


def judge(rule: AlertRule) -> Judge:
    return judge_of(rule, begin_ts=BEGIN)


def found(rule: AlertRule, values: Iterable[float | None]) -> list[int]:
    """The seconds at which a rule finds something, with a value in each."""
    one = judge(rule)
    return [second for second, value in enumerate(values) if one.look(at(second), value) is not None]


@pytest.mark.parametrize(
    ("rule", "values", "seconds"),
    [
        (ThresholdRule(name="r", metric="m", above=5.0), (4.0, 5.0, 5.1, None, 4.0, 9.0), [2, 5]),
        (ThresholdRule(name="r", metric="m", below=5.0), (4.0, 5.0, 5.1, None, -1.0), [0, 4]),
        (ChangeRule(name="r", metric="m", over_s=2.0, rise=3.0), (1.0, 2.0, 3.0, 6.0, 6.0, 6.0, 6.0), [3]),
        (ChangeRule(name="r", metric="m", over_s=2.0, fall=3.0), (9.0, 5.0, 5.0, 5.0, None, 1.0), [1, 2, 5]),
        (ChangeRule(name="r", metric="m", over_s=9.0, fall=3.0, rise=3.0), (5.0, 9.0, 1.0), [1, 2]),
        (AbsenceRule(name="r", metric="m", within_s=2.0), (1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0), [4]),
        (AbsenceRule(name="r", metric="m", within_s=1.0), (None, None, None), [2]),
    ],
)
def test_rule_of_a_metric_finds_what_it_is_for(
    rule: AlertRule, values: Sequence[float | None], seconds: list[int]
) -> None:
    assert found(rule, values) == seconds


def test_anomaly_is_a_value_far_from_its_recent_mean_in_deviations() -> None:
    rule = AnomalyRule(name="r", metric="m", over_s=100.0, deviations=4.0, least_values=10)
    quiet = [10.0, 11.0] * 10

    assert found(rule, [*quiet, 12.0, 10.5, 14.0, 7.0]) == [22, 23]


def test_nothing_is_odd_before_enough_values_are_known() -> None:
    rule = AnomalyRule(name="r", metric="m", least_values=10)

    assert found(rule, [1.0] * 9 + [99.0]) == []


def test_metric_that_rested_may_move_by_the_least_change() -> None:
    rule = AnomalyRule(name="r", metric="m", least_values=10, least_change=5.0)

    assert found(rule, [1.0] * 10 + [6.0, 6.1]) == []
    assert found(rule, [1.0] * 10 + [6.1]) == [10]


def test_anomaly_forgets_values_that_are_older_than_its_period() -> None:
    rule = AnomalyRule(name="r", metric="m", over_s=10.0, least_values=5)

    assert found(rule, [1.0, 1.1] * 10 + [50.0, 51.0] * 10)[-1] < 39


def test_finding_says_metric_value_and_limit() -> None:
    finding = judge(ThresholdRule(name="r", metric="memory_mb", above=4096.0)).look(at(0), 5000.0)

    assert finding is not None
    assert (finding.value, finding.sentence) == (5000.0, "memory_mb is 5,000, above 4,096")


# --- events -----------------------------------------------------------------------------------


def test_count_of_events_within_the_window_is_found_and_ends_with_it() -> None:
    one = judge(EventRule(name="r", events=("ComponentFailed",), count=3, within_s=10.0))
    for second in (0, 4, 8):
        one.hear(failed(second))

    findings = [one.look(at(second), None) for second in (8, 10, 11)]

    assert [finding is not None for finding in findings] == [True, True, False]


def test_events_from_before_the_window_are_not_counted() -> None:
    one = judge(EventRule(name="r", events=("ComponentFailed",), within_s=10.0))

    one.hear(failed(-11))

    assert one.look(at(0), None) is None


def test_single_event_is_told_with_its_fields() -> None:
    one = judge(EventRule(name="r", events=("ComponentFailed",)))
    one.hear(failed(0))

    finding = one.look(at(0), None)

    assert finding is not None
    assert finding.sentence.startswith("ComponentFailed component=busy event_type=Quote error='ValueError")


def test_event_is_told_without_whole_hashes_and_without_lists() -> None:
    one = judge(EventRule(name="r", events=("SessionChanged",)))
    one.hear(SessionChanged(at(0), 1, "paper", "ann", "a thin market", opening_hash="0a1b2c3d" * 8))

    finding = one.look(at(0), None)

    assert finding is not None
    assert finding.sentence == (
        "SessionChanged epoch=1 mode=paper operator=ann reason='a thin market' opening_hash=0a1b2c3d"
    )


def test_only_events_with_the_wanted_fields_count() -> None:
    rule = EventRule(name="r", events=("EdgeStateChanged",), where={"state": "failed", "failures": "2"})
    one = judge(rule)

    one.hear(EdgeStateChanged(at(0), "feed ws", EdgeState.WAITING, 2))
    one.hear(EdgeStateChanged(at(0), "feed ws", EdgeState.FAILED, 1))
    before = one.look(at(0), None)
    one.hear(EdgeStateChanged(at(0), "feed ws", EdgeState.FAILED, 2))

    assert before is None
    assert one.look(at(0), None) is not None


def test_storm_of_events_does_not_fill_memory() -> None:
    one = judge(EventRule(name="r", events=("ComponentFailed",), count=2))
    for _ in range(5_000):
        one.hear(failed(0))

    finding = one.look(at(0), None)

    assert finding is not None
    assert finding.value == 1_000.0
    assert finding.sentence.startswith("1,000 or more within 60 s, the last: ComponentFailed")


def test_absence_of_an_event_is_found_until_one_comes() -> None:
    one = judge(AbsenceRule(name="r", events=("ComponentFailed",), within_s=5.0))

    before = [one.look(at(second), None) is not None for second in (0, 5, 6)]
    one.hear(failed(7))

    assert before == [False, False, True]
    assert one.look(at(8), None) is None
    assert one.look(at(13), None) is not None
