"""The allow-list is itself in order."""

import pytest

from tests.house import constants, dead_names, determinism, documents, event_use, ownership, shape, texts
from tests.house.allowed import ALLOWED
from tests.house.rules import Rule, Violation, assert_kept

KEYS = {
    value.key
    for module in (constants, dead_names, determinism, documents, event_use, ownership, shape, texts)
    for value in vars(module).values()
    if isinstance(value, Rule)
}


def test_every_rule_has_its_allow_list() -> None:
    assert ALLOWED.keys() == KEYS


def test_every_allowance_has_a_reason() -> None:
    unreasoned = [
        place for places in ALLOWED.values() for place, reason in places.items() if " " not in reason
    ]

    assert unreasoned == []


def test_a_violation_is_shown_with_its_place_and_the_rule() -> None:
    rule = Rule("no such list", "Do not do that.")

    with pytest.raises(AssertionError, match=r"Do not do that\.\nkernel/x\.py:7: that"):
        assert_kept(rule, [Violation("kernel/x.py", 7, "that")])
