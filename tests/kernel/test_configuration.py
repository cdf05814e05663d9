"""Values of configuration that do not fit are refused with their path and what would be right."""

from decimal import Decimal
from enum import StrEnum
from typing import Literal

import msgspec
import pytest

from kernel.configuration import convert_config, did_you_mean, listed
from kernel.errors import ConfigError


class Colour(StrEnum):
    """What a line is drawn in."""

    RED = "red"
    GREEN = "green"


class Net(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="mode", tag="net"):
    """One of two modes."""


class Vote(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="mode", tag="vote"):
    """The other mode."""

    quorum: int = 1

    def __post_init__(self) -> None:
        if self.quorum < 1:
            raise ValueError(f"quorum {self.quorum} is below 1")


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the page."""

    name: str
    colour: Colour = Colour.RED
    side: Literal["", "left", "right"] = ""
    width: Decimal = Decimal(1)


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A configuration with something of everything."""

    lines: tuple[Line, ...] = ()
    mode: Net | Vote = Net()
    model: str | Line | None = None
    sizes: dict[str, float] = {}
    first: str = msgspec.field(default="", name="from")


SENTENCES: dict[str, tuple[object, str]] = {
    "an unknown key": ({"lins": []}, "there is no 'lins'; did you mean 'lines'? There are: lines, mode, "),
    "an unknown key far from all": (
        {"zzz": 1},
        "there is no 'zzz'; there are: lines, mode, model, sizes, from",
    ),
    "an unknown key inside": (
        {"lines": [{"name": "a"}, {"name": "b", "color": "red"}]},
        "lines[1]: there is no 'color'; did you mean 'colour'? There are: name, colour, side, width",
    ),
    "an unknown value": (
        {"lines": [{"name": "a", "colour": "gren"}]},
        "lines[0].colour: 'gren' is not one of red, green; did you mean 'green'?",
    ),
    "an unknown literal": (
        {"lines": [{"name": "a", "side": "up"}]},
        "lines[0].side: 'up' is not one of left, right",
    ),
    "an unknown mode": ({"mode": {"mode": "voting"}}, "mode.mode: 'voting' is not one of net, vote"),
    "no mode": ({"mode": {"quorum": 2}}, "mode: 'mode' is missing: one of net, vote"),
    "a key of another mode": (
        {"mode": {"mode": "net", "quorum": 2}},
        "mode: there is no 'quorum'; there are: mode",
    ),
    "a mode by its name alone": (
        {"mode": "vote"},
        "mode: expected a mapping, got text 'vote' (a mapping with mode: net, vote)",
    ),
    "a key of a choice": (
        {"model": {"nam": "a"}},
        "model: there is no 'nam'; did you mean 'name'? There are: name, ",
    ),
    "a missing key": ({"lines": [{}]}, "lines[0]: 'name' is missing"),
    "no number": ({"sizes": {"a": "x"}}, "sizes[...]: expected a number, got text"),
    "no exact number": ({"lines": [{"name": "a", "width": "x"}]}, "lines[0].width: 'x' is not a number"),
    "a list": ([], "expected a mapping, got a list"),
    "what a struct refuses": ({"mode": {"mode": "vote", "quorum": 0}}, "mode: quorum 0 is below 1"),
}


@pytest.mark.parametrize(("content", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_a_value_that_does_not_fit_is_refused_with_what_would_fit(content: object, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        convert_config(content, Page)

    assert str(refused.value).startswith(sentence)


def test_the_place_is_part_of_the_sentence() -> None:
    with pytest.raises(
        ConfigError, match=r"^broker\.bars: own\.py:Mine: colour: 'blue' is not one of red, green"
    ):
        convert_config({"name": "a", "colour": "blue"}, Line, where="broker.bars: own.py:Mine")


def test_text_stands_for_a_number_where_one_belongs() -> None:
    assert convert_config({"name": "a", "width": "0.1"}, Line).width == Decimal("0.1")


def test_a_name_that_is_near_nothing_gets_no_suggestion() -> None:
    assert (did_you_mean("zzz", ["close", "open"]), did_you_mean("clos", ["close"])) == (
        "",
        "; did you mean 'close'?",
    )


def test_a_long_list_of_names_is_cut() -> None:
    names = [f"s{number}" for number in range(12)]

    assert listed(names[:2]) == "s0, s1"
    assert listed(names) == "s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 2 more"


class Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A choice with words that YAML reads as true and false."""

    mode: Literal["off", "on", "auto"] = "auto"
    answer: Literal["yes", "no"] | None = None
    is_open: bool = False
    others: tuple["Switch", ...] = ()


def test_a_word_that_yaml_reads_as_a_bool_is_the_word_where_a_choice_has_it() -> None:
    content = {"mode": False, "answer": True, "is_open": True, "others": [{"mode": True}, {"answer": False}]}

    switch = convert_config(content, Switch)

    assert (switch.mode, switch.answer, switch.is_open) == ("off", "yes", True)
    assert [(one.mode, one.answer) for one in switch.others] == [("on", None), ("auto", "no")]


def test_a_bool_is_refused_where_the_choice_has_no_such_word() -> None:
    with pytest.raises(ConfigError, match="colour: expected text, got true or false False"):
        convert_config({"name": "a", "colour": False}, Line)
