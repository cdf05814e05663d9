"""The vocabulary of events is pinned: what is on the wire today is what old logs were written with."""

import pytest

from kernel.events import EVENT_TYPES
from tests.house.event_docs import PAGE, SCHEMA, page
from tests.house.event_schema import incompatibilities, leaf_types, nested_types, schema

PINNED = "event 1 Bar\n  ts: int\n  close: float\nenum Side\n  buy\n  sell\n"


def test_vocabulary_is_the_pinned_one() -> None:
    pinned = SCHEMA.read_text("utf-8")

    assert incompatibilities(pinned, schema()) == []
    assert pinned == schema(), "the vocabulary grew: run `make events`"


def test_page_about_events_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), f"{PAGE.name} is out of date: run `make events`"


def test_tags_are_unique_numbers_in_order() -> None:
    tags = [each.__struct_config__.tag for each in EVENT_TYPES]

    numbers = [tag for tag in tags if isinstance(tag, int)]

    assert tags == numbers
    assert numbers == sorted(set(numbers))


def test_events_and_records_are_frozen_untracked_arrays() -> None:
    config = {
        each.__name__: (
            each.__struct_config__.frozen,
            each.__struct_config__.array_like,
            each.__struct_config__.gc,
        )
        for each in (*EVENT_TYPES, *nested_types()[0])
    }

    assert {name: flags for name, flags in config.items() if flags != (True, True, False)} == {}


def test_every_event_is_documented() -> None:
    undocumented = [each.__name__ for each in EVENT_TYPES if not each.__doc__]

    assert undocumented == []


def test_events_hold_nothing_that_can_change() -> None:
    for annotation in (list[int], dict[str, int], set[int], object):
        with pytest.raises(TypeError, match="only plain values"):
            list(leaf_types(annotation))


def test_growth_at_the_end_is_compatible() -> None:
    grown = PINNED.replace("close: float\n", "close: float\n  volume: float = 0.0\n") + "  short\n"

    assert incompatibilities(PINNED, grown + "event 2 Quote\n  ts: int\n") == []


def test_an_event_may_be_retired_and_its_tag_stays_so() -> None:
    retired = PINNED.replace("event 1 Bar\n  ts: int\n  close: float", "retired 1 Bar")

    assert incompatibilities(PINNED, retired) == []
    assert incompatibilities(retired, PINNED) != []


@pytest.mark.parametrize(
    ("current", "problem"),
    [
        (PINNED.replace("event 1", "event 3"), "event 1 Bar is gone"),
        (PINNED.replace("close: float", "close: str"), "`close: float` became `close: str`"),
        (PINNED.replace("  ts: int\n  close: float\n", "  close: float\n  ts: int\n"), "`ts: int` became"),
        (PINNED.replace("  close: float\n", ""), "`close: float` became `nothing`"),
        (PINNED.replace("  close: float\n", "  close: float\n  volume: float\n"), "needs a default"),
        (PINNED.replace("  buy\n", ""), "`buy` became `sell`"),
    ],
)
def test_a_change_that_would_misread_old_logs_is_refused(current: str, problem: str) -> None:
    problems = incompatibilities(PINNED, current)

    assert len(problems) == 1
    assert problem in problems[0]
