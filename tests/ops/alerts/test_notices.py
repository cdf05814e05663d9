"""Who is told what, and when."""

import pytest

from kernel.events import AlertNotice, Severity
from ops.alerts.notices import LONGEST_BODY, Notices, is_quiet, message_of
from ops.alerts.record import AlertEntry
from replay.alert_settings import (
    AlertsConfig,
    ChannelSettings,
    Escalation,
    QuietHours,
    ThresholdRule,
)
from tests.ops.alerts.worlds import BEGIN, at, entry

DESK = ChannelSettings(name="desk", url="json://localhost/desk")
BOSS = ChannelSettings(name="boss", url="json://localhost/boss", least=Severity.CRITICAL)
RULES = (
    ThresholdRule(name="r", metric="equity", below=0.0),
    ThresholdRule(name="s", metric="equity", below=0.0),
)
EVENING = QuietHours(start="17:30", end="18:30")
"""It is 18:00 at the begin."""


def notices(config: AlertsConfig) -> Notices:
    return Notices(config, RULES, source="paper")


def told(one: Notices, *seconds: float) -> list[tuple[float, str, list[str]]]:
    """What is due at these seconds: the second, the channel and the notices."""
    return [
        (second, channel, [notice.value for _, notice in message.items])
        for second in seconds
        for channel, message in one.due(at(second))
    ]


def test_alert_is_told_at_once_and_once() -> None:
    one = notices(AlertsConfig(channels=(DESK,), repeat_s=0.0))
    one.begin(entry(), BEGIN)

    assert told(one, 0, 1, 100_000) == [(0, "desk", ["raised"])]


def test_end_of_an_alert_is_told() -> None:
    one, alert = notices(AlertsConfig(channels=(DESK,), group_s=0.0)), entry()
    one.begin(alert, BEGIN)
    first = told(one, 0)
    alert.resolved_ts = at(1)

    assert [*first, *told(one, 1, 2)] == [(0, "desk", ["raised"]), (1, "desk", ["resolved"])]


def test_channel_gets_its_least_severity_and_worse() -> None:
    one = notices(AlertsConfig(channels=(DESK, BOSS)))
    one.begin(entry("1-1", "r", Severity.WARNING), BEGIN)
    one.begin(entry("1-2", "s", Severity.CRITICAL), BEGIN)

    assert told(one, 0) == [(0, "desk", ["raised"]), (0, "desk", ["raised"]), (0, "boss", ["raised"])]


def test_rule_may_name_its_channels() -> None:
    rule = ThresholdRule(name="r", metric="equity", below=0.0, channels=("boss",))
    one = Notices(AlertsConfig(channels=(DESK, BOSS)), (rule,), source="paper")
    one.begin(entry(severity=Severity.CRITICAL), BEGIN)

    assert told(one, 0) == [(0, "boss", ["raised"])]


def test_alerts_of_one_rule_within_the_group_time_are_one_message() -> None:
    one = notices(AlertsConfig(channels=(DESK,), group_s=30.0))
    first, second = entry("1-1"), entry("1-2")
    one.begin(first, at(0))
    begin = told(one, 0)
    first.resolved_ts = at(5)
    one.begin(second, at(10))

    assert begin == [(0, "desk", ["raised"])]
    assert told(one, 10, 29, 30, 31) == [(30, "desk", ["resolved", "raised"])]


def test_alert_that_ended_before_it_was_told_is_told_with_its_end() -> None:
    one, alert = notices(AlertsConfig(channels=(DESK,))), entry()
    alert.resolved_ts = at(1)
    one.begin(alert, BEGIN)

    assert told(one, 1, 99) == [(1, "desk", ["raised", "resolved"])]


def test_alert_is_repeated_until_somebody_acknowledges_it() -> None:
    one, alert = notices(AlertsConfig(channels=(DESK,), repeat_s=60.0)), entry()
    one.begin(alert, BEGIN)
    before = told(one, 0, 59, 60, 61, 120)
    alert.acknowledged_ts = at(125)

    assert before == [(0, "desk", ["raised"]), (60, "desk", ["repeated"]), (120, "desk", ["repeated"])]
    assert told(one, 180, 1_000) == []


def test_alert_that_nobody_acknowledges_is_escalated_once() -> None:
    config = AlertsConfig(
        channels=(DESK, BOSS), repeat_s=0.0, escalate=Escalation(after_s=60.0, channels=("boss",))
    )
    one = notices(config)
    one.begin(entry(), BEGIN)

    assert told(one, 0, 59, 60, 300) == [(0, "desk", ["raised"]), (60, "boss", ["escalated"])]


def test_alert_that_was_acknowledged_is_not_escalated() -> None:
    config = AlertsConfig(channels=(DESK, BOSS), escalate=Escalation(after_s=60.0, channels=("boss",)))
    one, alert = notices(config), entry()
    one.begin(alert, BEGIN)
    one.due(at(0))
    alert.acknowledged_ts = at(30)

    assert told(one, 60, 300) == []


def test_those_who_were_told_last_hear_of_the_end_too() -> None:
    config = AlertsConfig(
        channels=(DESK, BOSS), group_s=0.0, escalate=Escalation(after_s=60.0, channels=("boss",))
    )
    one, alert = notices(config), entry()
    one.begin(alert, BEGIN)
    told(one, 0, 60)
    alert.resolved_ts = at(70)

    assert told(one, 70) == [(70, "desk", ["resolved"]), (70, "boss", ["resolved"])]


# --- quiet hours ------------------------------------------------------------------------------


def test_quiet_hours_hold_back_what_is_not_critical_until_their_end() -> None:
    one = notices(AlertsConfig(channels=(DESK,), quiet_hours=EVENING))
    one.begin(entry("1-1", "r", Severity.WARNING), BEGIN)
    one.begin(entry("1-2", "s", Severity.CRITICAL), BEGIN)

    assert told(one, 0, 1_799, 1_800) == [(0, "desk", ["raised"]), (1_800, "desk", ["raised"])]


def test_alert_that_begins_and_ends_in_quiet_hours_is_not_told() -> None:
    one, alert = notices(AlertsConfig(channels=(DESK,), quiet_hours=EVENING)), entry()
    one.begin(alert, BEGIN)
    quiet = told(one, 0)
    alert.resolved_ts = at(60)

    assert [*quiet, *told(one, 60, 1_800)] == []


@pytest.mark.parametrize(
    ("start", "end", "timezone", "expected"),
    [
        ("17:00", "19:00", "UTC", True),
        ("18:00", "19:00", "UTC", True),
        ("17:00", "18:00", "UTC", False),
        ("19:00", "07:00", "UTC", False),
        ("17:00", "07:00", "UTC", True),
        ("22:00", "07:00", "Asia/Tokyo", True),
        ("17:00", "18:30", "Europe/Berlin", False),
    ],
)
def test_quiet_hours_may_span_midnight_and_have_a_timezone(
    start: str, end: str, timezone: str, *, expected: bool
) -> None:
    hours = QuietHours(start=start, end=end, timezone=timezone)

    assert is_quiet(hours, Severity.WARNING, BEGIN) is expected


# --- after a start ----------------------------------------------------------------------------


def test_open_alert_that_was_told_before_a_start_is_not_told_again() -> None:
    one, alert = notices(AlertsConfig(channels=(DESK,), repeat_s=0.0)), entry()
    alert.told_ts = at(-100)
    one.begin(alert, BEGIN)

    assert told(one, 0, 100) == []


def test_open_alert_that_no_channel_took_before_a_crash_is_told_after_it() -> None:
    one = notices(AlertsConfig(channels=(DESK,), repeat_s=0.0))

    one.begin(entry(), BEGIN)

    assert told(one, 0) == [(0, "desk", ["raised"])]


# --- texts ------------------------------------------------------------------------------------


def test_message_says_log_severity_rule_time_sentence_and_id() -> None:
    message = message_of([(entry(), AlertNotice.RAISED)], source="paper")

    assert message.title == "onetape paper: warning: r"
    assert message.body == "2026-11-28 18:00:00 UTC r has found something (alert 1-1)"


def test_long_message_is_cut_with_the_number_of_the_rest() -> None:
    many: list[tuple[AlertEntry, AlertNotice]] = [(entry(f"1-{n}"), AlertNotice.RAISED) for n in range(100)]

    message = message_of(many, source="paper")

    assert len(message.body) < LONGEST_BODY + 50
    assert message.body.endswith(" more: onetape alerts list")
    assert len(message.items) == 100
