"""The vocabulary holds no event that the code knows nothing of."""

import pytest

from kernel.events import EVENT_TYPES, RETIRED_TAGS
from tests.house.event_use import EVENT_USE, unused_events
from tests.house.rules import assert_kept
from tests.house.tree import PRODUCT, parse, sources


def test_each_event_has_a_maker_and_a_reader() -> None:
    assert_kept(EVENT_USE, unused_events(sources(*PRODUCT)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from kernel.events import Bar", "Bar is made and read nowhere"),
        ("def f(bar: Bar) -> None: ...", "Bar is made nowhere"),
        ("bar = Bar(1)", "Bar is read nowhere"),
        ("bar = events.Bar(1)", "Bar is read nowhere"),
    ],
)
def test_an_event_that_is_not_made_or_not_read_is_found(text: str, found: str) -> None:
    violations = {each.scope: each for each in unused_events([parse("components/x.py", text)])}

    assert violations["Bar"].found == found
    assert violations["Bar"].place == "kernel/events/market.py::Bar"


def test_an_event_that_is_made_and_read_is_let_through() -> None:
    source = parse("components/x.py", "match event:\n    case Bar():\n        Bar(1)\n")

    assert "Bar" not in {each.scope for each in unused_events([source])}


def test_what_the_vocabulary_itself_says_is_no_use() -> None:
    source = parse("kernel/events/x.py", "match event:\n    case Bar():\n        Bar(1)\n")

    assert "Bar" in {each.scope for each in unused_events([source])}


def test_no_event_takes_a_retired_tag_or_name() -> None:
    tags = {each.__struct_config__.tag: each.__name__ for each in EVENT_TYPES}

    assert tags.keys().isdisjoint(RETIRED_TAGS)
    assert set(tags.values()).isdisjoint(RETIRED_TAGS.values())
