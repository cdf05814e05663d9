"""The alerts of a log, folded from its events; the rules and metrics that the page lists."""

import pytest

from eventstore import MemoryEventStore
from kernel.errors import ConfigError
from kernel.events import (
    AlertAcknowledged,
    AlertDelivered,
    AlertNotice,
    AlertResolved,
    Event,
)
from kernel.time_units import DAY_NS
from ops.alerts.metrics import METRICS
from ops.alerts.record import AlertRecord, read_alerts
from ops.alerts.standard_rules import STANDARD_RULES, check_rules, rules_of
from replay.alert_settings import AlertsConfig, EventRule, ThresholdRule
from tests.house.tree import ROOT
from tests.ops.alerts.worlds import BEGIN, at, raised

STORY: tuple[Event, ...] = (
    raised("1-1", "r"),
    raised("1-2", "s"),
    AlertDelivered(at(1), "1-1", "desk", AlertNotice.RAISED, True),
    AlertDelivered(at(2), "1-1", "boss", AlertNotice.ESCALATED, False, 3, "away"),
    AlertAcknowledged(at(3), "ann", "1-1", "I look"),
    AlertResolved(at(4), "1-2", "s"),
)


def folded(*events: Event) -> AlertRecord:
    record = AlertRecord()
    for event in events:
        record.fold(event)
    return record


def test_record_knows_what_is_open_who_was_told_and_who_looks_after_it() -> None:
    first, second = folded(*STORY)

    assert (first.alert_id, first.is_open) == ("1-1", True)
    assert (first.told, first.failed) == (["desk"], {"boss": "away"})
    assert (first.acknowledged_by, first.acknowledged_ts, first.reason) == ("ann", at(3), "I look")
    assert (second.alert_id, second.resolved_ts) == ("1-2", at(4))


def test_event_that_is_folded_twice_changes_nothing() -> None:
    once, twice = folded(*STORY), folded(*(event for event in STORY for _ in range(2)), *STORY)

    assert list(once) == list(twice)


def test_acknowledgement_of_an_alert_that_is_over_changes_nothing() -> None:
    (_, over) = folded(*STORY, AlertAcknowledged(at(5), "bob", "1-2"))

    assert over.acknowledged_by == ""


async def test_alerts_of_the_last_days_are_read_from_the_log() -> None:
    async with MemoryEventStore() as store:
        await store.append("paper", STORY, expected_seq=0)

        recent = await read_alerts(store, "paper", now_ts=BEGIN)
        later = await read_alerts(store, "paper", now_ts=BEGIN + 40 * DAY_NS)
        none = await read_alerts(store, "other", now_ts=BEGIN)

    assert [entry.alert_id for entry in recent] == ["1-1", "1-2"]
    assert list(later) == list(none) == []


# --- rules and metrics ------------------------------------------------------------------------


def test_standard_rules_name_metrics_that_exist_and_have_names_of_their_own() -> None:
    check_rules(AlertsConfig(rules=STANDARD_RULES))

    assert len({rule.name for rule in STANDARD_RULES}) == len(STANDARD_RULES)


def test_file_replaces_a_standard_rule_and_leaves_another_one_out() -> None:
    own = ThresholdRule(name="drawdown", metric="drawdown_pct", above=3.0)
    rules = {rule.name: rule for rule in rules_of(AlertsConfig(rules=(own,), off=("crash",)))}

    assert rules["drawdown"] == own
    assert "crash" not in rules
    assert len(rules) == len(STANDARD_RULES) - 1


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (AlertsConfig(off=("crahs",)), "alerts.off: there is no rule 'crahs'; the rules are: drawdown,"),
        (
            AlertsConfig(rules=(ThresholdRule(name="r", metric="mem", above=1.0),)),
            "alerts.rules: r: there is no metric 'mem'; the metrics are: equity,",
        ),
    ],
)
def test_unknown_names_are_refused_with_those_that_exist(config: AlertsConfig, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_rules(config)

    assert str(refused.value).startswith(sentence)


def test_page_lists_every_metric_and_every_standard_rule() -> None:
    page = (ROOT / "docs/alerts.md").read_text("utf-8")

    for name, metric in METRICS.items():
        assert f"| `{name}` | {metric.doc} |" in page
    for rule in STANDARD_RULES:
        assert f"| `{rule.name}` | {rule.severity.value} |" in page
        named = rule.events if isinstance(rule, EventRule) else (rule.metric,)
        assert all(f"`{name}`" in page for name in named)
