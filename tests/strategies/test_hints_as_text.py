"""A type hint given as text is never run: neither by the linter's side nor where no lint comes before."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from textwrap import indent

import pytest

from kernel.errors import InputError, StrategyRefused
from strategies.sdk.loading import load_recorded, load_source

FUTURE = "from __future__ import annotations\n"

SOURCE = """
from dataclasses import dataclass
from typing import Annotated, ClassVar, ForwardRef, Generic, Optional, TypeVar

import msgspec

from strategies.sdk import Range, Strategy, StrategyParams, StrategyState

{top}

class Params(StrategyParams, frozen=True):
    n: int = 1
{params}

class State(StrategyState):
    n: int = 0
{state}

class Hinted(Strategy[Params, State]):
    seen: int = 0
{body}
"""

CALL = "__import__('pathlib').Path({marker!r}).touch()"

PLACES: dict[str, dict[str, str]] = {
    "parameter": {"params": 'x: "{call}" = 1'},
    "state": {"state": 'x: "{call}" = 1'},
    "inside a list": {"state": 'x: list["{call}"] = []'},
    "inside an optional": {"state": 'x: Optional["{call}"] = None'},
    "inside an annotated": {"params": 'x: Annotated["{call}", Range(ge=1)] = 1'},
    "forward reference": {"state": 'x: Optional[ForwardRef("{call}")] = None'},
    "class variable": {"state": 'x: ClassVar["{call}"] = 1'},
    "attribute of the strategy": {"body": 'x: "{call}" = 1'},
    "argument of a hook": {"body": 'def on_bar(self, bar: "{call}"): return None'},
    "result of a hook": {"body": 'def on_bar(self, bar) -> "{call}": return None'},
    "alias": {"top": 'Alias = list["{call}"]', "state": "x: Alias = []"},
    "base of the state": {
        "top": 'class Base(StrategyState):\n    y: "{call}" = 1\n',
        "state": "x: Base = msgspec.field(default_factory=Base)",
    },
    "struct that the state holds": {
        "top": 'class Part(msgspec.Struct):\n    y: "{call}" = 1\n',
        "state": "x: list[Part] = []",
    },
    "data class that the state holds": {
        "top": '@dataclass\nclass Part:\n    y: "{call}" = 1\n',
        "state": "x: list[Part] = []",
    },
    "bound of a type variable": {
        "top": 'T = TypeVar("T", bound="{call}")\nclass Part(msgspec.Struct, Generic[T]):\n    y: T\n',
        "state": "x: list[Part] = []",
    },
}


def sources(marker: Path) -> Iterator[tuple[str, str]]:
    """A name and a source for every place of a hint, with and without postponed hints."""
    call = CALL.format(marker=str(marker)).replace('"', "'")
    for (place, parts), header in product(PLACES.items(), ("", FUTURE)):
        filled = {name: text.format(call=call) for name, text in parts.items()}
        texts = {name: indent(filled.get(name, ""), "    ") for name in ("params", "state", "body")}
        name = f"{place}, postponed" if header else place
        yield name, header + SOURCE.format(top=filled.get("top", ""), **texts)


@pytest.mark.parametrize("place", [name for name, _ in sources(Path("marker"))])
def test_no_hint_in_text_is_run_when_a_recorded_strategy_is_loaded(place: str, tmp_path: Path) -> None:
    """A record is loaded without a lint before it."""
    marker = tmp_path / "marker"
    source = dict(sources(marker))[place]

    with suppress(StrategyRefused):  # where the hint is asked for at all
        load_recorded(source, "hinted.py:Hinted")

    assert not marker.exists()


@pytest.mark.parametrize("place", [name for name, _ in sources(Path("marker"))])
def test_a_call_in_a_hint_in_text_is_refused_before_a_strategy_is_loaded(place: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    source = dict(sources(marker))[place]

    with pytest.raises(InputError, match=r"hinted\.py:\d+"):
        load_source(source, "hinted.py:Hinted")

    assert not marker.exists()


def test_a_call_that_is_no_text_but_postponed_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    call = CALL.format(marker=str(marker))
    source = FUTURE + SOURCE.format(top="", params="", body="", state=f"    x: {call} = 1")

    with pytest.raises(StrategyRefused, match=r"State\.x.*calls"):
        load_recorded(source, "hinted.py:Hinted")

    assert not marker.exists()


@pytest.mark.parametrize(
    ("hint", "named"),
    [
        ("[n for n in 'x']", "a comprehension"),
        ("int if 1 else str", "a condition"),
        ("lambda: int", "a lambda"),
        ("f'{int}'", "an f-string"),
        ("{int}", "`{int}`"),
    ],
)
def test_syntax_that_is_refused_in_a_hint_is_named(hint: str, named: str) -> None:
    source = FUTURE + SOURCE.format(top="", params="", body="", state=f"    x: {hint} = 1")

    with pytest.raises(StrategyRefused, match=rf"State\.x.*contains {named};"):
        load_recorded(source, "hinted.py:Hinted")
