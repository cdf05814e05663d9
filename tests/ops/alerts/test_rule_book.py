"""When rules raise alerts, and when these end."""

from kernel.events import AlertRaised, AlertResolved, ComponentFailed, Severity
from ops.alerts.rule_book import RuleBook
from replay.alert_settings import AlertRule, EventRule, ThresholdRule
from tests.ops.alerts.worlds import BEGIN, at, failed

HIGH = ThresholdRule(
    name="high", metric="m", above=5.0, severity=Severity.CRITICAL, text="too high", clear_s=0.0
)


def book(*rules: AlertRule, epoch: int = 3) -> RuleBook:
    return RuleBook(rules, epoch=epoch, begin_ts=BEGIN)


def test_alert_has_a_rule_a_severity_a_sentence_and_a_value() -> None:
    made = book(HIGH).look(at(1), {"m": 6.0})

    assert made == [
        AlertRaised(at(1), "3-1", "high", Severity.CRITICAL, "too high: m is 6, above 5", 6.0),
    ]


def test_alert_stays_open_while_its_rule_finds_something_and_ends_with_it() -> None:
    one = book(HIGH)

    made = [one.look(at(second), {"m": value}) for second, value in enumerate((6.0, 7.0, 1.0, 1.0, 6.0))]

    assert [[type(each) for each in some] for some in made] == [
        [AlertRaised], [], [AlertResolved], [], [AlertRaised],
    ]  # fmt: skip
    assert [each.alert_id for some in made for each in some] == ["3-1", "3-1", "3-2"]


def test_what_must_hold_for_a_while_is_no_alert_before() -> None:
    one = book(ThresholdRule(name="high", metric="m", above=5.0, for_s=3.0))

    values = (6.0, 6.0, 1.0, 6.0, 6.0, 6.0, 6.0)
    made = [one.look(at(second), {"m": value}) for second, value in enumerate(values)]

    assert [second for second, some in enumerate(made) if some] == [6]


def test_value_that_moves_around_its_limit_is_one_alert() -> None:
    one = book(ThresholdRule(name="high", metric="m", above=5.0, clear_s=2.0))

    values = (6.0, 1.0, 6.0, 1.0, 1.0, 1.0, 1.0, 6.0)
    made = [one.look(at(second), {"m": value}) for second, value in enumerate(values)]

    assert [(second, type(each)) for second, some in enumerate(made) for each in some] == [
        (0, AlertRaised),
        (5, AlertResolved),
        (7, AlertRaised),
    ]


def test_rule_of_events_raises_an_alert_and_resolves_it_after_the_window() -> None:
    one = book(EventRule(name="fails", events=("ComponentFailed",), within_s=10.0, clear_s=0.0))

    one.hear(failed(1))
    begin, end = one.look(at(1), {}), one.look(at(12), {})

    assert [type(each) for each in (*begin, *end)] == [AlertRaised, AlertResolved]


def test_book_asks_for_the_events_and_metrics_of_its_rules_alone() -> None:
    one = book(HIGH, EventRule(name="fails", events=("ComponentFailed",)))

    assert one.event_types == {ComponentFailed}
    assert one.metrics == {"m"}


def test_alert_of_a_former_session_is_not_raised_again_but_ends() -> None:
    one = book(HIGH, epoch=4)
    one.restore([("3-7", "high")])

    made = [one.look(at(second), {"m": value}) for second, value in enumerate((6.0, 1.0, 6.0))]

    assert made[0] == []
    assert made[1] == [AlertResolved(at(1), "3-7", "high")]
    assert [each.alert_id for each in made[2]] == ["4-1"]


def test_alert_of_a_rule_that_is_gone_ends() -> None:
    one = book(HIGH)
    one.restore([("3-7", "former")])

    made = one.look(at(0), {"m": 1.0})

    assert made == [AlertResolved(at(0), "3-7", "former", "the rule is no longer used")]
