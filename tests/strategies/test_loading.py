"""Loading: what a reference finds, that loads do not touch each other, and what every refusal says."""

import gc
import hashlib
import re
import sys
import weakref
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest

import strategies.ma_cross
from kernel.errors import InputError, StrategyRefused
from strategies.ma_cross import MovingAverageCross
from strategies.sdk.loading import describe, load_recorded, load_source, load_strategy
from tests.strategies.sample_context import AnyStrategy

GOOD = dedent("""\
    from __future__ import annotations

    from typing import Annotated, Literal

    from strategies.sdk import Bar, Decisions, Metadata, Range, Strategy, StrategyParams, StrategyState, buy


    class Params(StrategyParams, frozen=True):
        fast: Annotated[int, Range(ge=1, le=500)] = 20
        weight: Annotated[float, Range(gt=0, description="how much")] = 0.5
        symbols: tuple[str, ...] = ("SPY", "AGG")
        mode: Literal["a", "b"] = "a"
        limit: int | None = None
        is_bold: bool = False


    class Window(StrategyState):
        closes: list[float] = []


    class State(StrategyState):
        windows: dict[str, Window] = {}


    class Good(Strategy[Params, State]):
        metadata = Metadata(name="good", version="2.1.0")

        def on_bar(self, bar: Bar) -> Decisions:
            return buy(bar.symbol, self.params.fast)
    """)


def written(folder: Path, source: str, name: str = "good.py") -> str:
    """Write a strategy file; its path as a reference."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return str(path)


def value_of(strategy: AnyStrategy, parameter: str) -> object:
    return getattr(strategy.params, parameter)


def refusal(source: str, params: Mapping[str, object] | None = None, *, cls: str = "") -> str:
    """The sentence with which text is refused."""
    with pytest.raises(InputError) as caught:
        load_source(dedent(source), f"my/file.py{cls}", params or {})
    return str(caught.value)


# What a reference finds


def test_module_and_class_are_found() -> None:
    loaded = load_strategy("strategies.ma_cross:MovingAverageCross", {"fast": 5})

    assert (loaded.reference, value_of(loaded.strategy, "fast")) == (
        "strategies.ma_cross:MovingAverageCross",
        5,
    )


def test_file_and_class_are_found(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)

    loaded = load_strategy(f"{path}:Good")

    assert (loaded.reference, loaded.version, loaded.source) == (f"{path}:Good", "2.1.0", GOOD)


def test_only_strategy_of_a_file_needs_no_name(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)

    assert load_strategy(path).reference == f"{path}:Good"


def test_source_hash_is_the_sha256_of_the_source() -> None:
    loaded = load_source(GOOD, "good.py")

    assert loaded.source_hash == hashlib.sha256(GOOD.encode()).hexdigest()


def test_module_in_the_current_folder_goes_before_an_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, GOOD, "strategies/ma_cross.py")
    monkeypatch.chdir(tmp_path)

    assert load_strategy("strategies.ma_cross").reference == "strategies.ma_cross:Good"


def test_installed_module_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert load_strategy("strategies.ma_cross").reference == "strategies.ma_cross:MovingAverageCross"


def test_package_that_holds_a_module_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "raise RuntimeError('the package ran')", "bundle/__init__.py")
    written(tmp_path, GOOD, "bundle/good.py")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    assert load_strategy("bundle.good").reference == "bundle.good:Good"


def test_recorded_text_is_run_rather_than_what_is_on_disk(tmp_path: Path) -> None:
    path = written(tmp_path, "raise RuntimeError('today it is broken')")

    loaded = load_source(GOOD, f"{path}:Good", {"fast": 7})

    assert (loaded.source, value_of(loaded.strategy, "fast")) == (GOOD, 7)


def test_file_and_its_recorded_text_load_as_the_same() -> None:
    fresh = load_strategy("strategies.ma_cross", {"fast": 5})

    again = load_source(fresh.source, fresh.reference, {"fast": 5})

    assert (again.reference, again.source_hash, again.version, again.strategy.params.__class__.__name__) == (
        fresh.reference,
        fresh.source_hash,
        fresh.version,
        "Params",
    )


def test_recorded_text_is_not_held_to_a_stricter_linter() -> None:
    source = GOOD + "\n\nSEEN = []\n"

    assert load_recorded(source, "good.py:Good").source == source


def test_windows_line_ends_are_read_as_plain_ones(tmp_path: Path) -> None:
    path = tmp_path / "good.py"
    path.write_bytes(GOOD.replace("\n", "\r\n").encode())

    assert load_strategy(str(path)).source == GOOD


# Independence


def test_loaded_class_is_not_the_imported_one() -> None:
    loaded = load_strategy("strategies.ma_cross")

    assert not isinstance(loaded.strategy, MovingAverageCross)
    assert sys.modules["strategies.ma_cross"] is strategies.ma_cross


def test_two_loads_of_one_file_share_nothing() -> None:
    first, second = (type(load_source(GOOD, "good.py").strategy) for _ in range(2))

    assert first is not second
    assert first.params_type is not second.params_type
    assert first.state_type is not second.state_type


def test_changed_file_loads_beside_the_old_one(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    old = load_strategy(path)
    written(tmp_path, GOOD.replace("2.1.0", "2.2.0"))

    new = load_strategy(path)

    assert (old.strategy.metadata.version, new.strategy.metadata.version) == ("2.1.0", "2.2.0")


def test_nothing_stays_in_sys_modules() -> None:
    before = set(sys.modules)

    load_source(GOOD, "good.py")
    refusal(GOOD + "\n\nraise ValueError\n")

    assert set(sys.modules) == before


def test_strategy_that_is_let_go_is_freed() -> None:
    loaded = load_source(GOOD, "good.py")
    strategy_type = weakref.ref(type(loaded.strategy))

    del loaded
    gc.collect()

    assert strategy_type() is None


def test_hints_written_as_text_are_resolved_for_good() -> None:
    strategy_type = type(load_source(GOOD, "good.py").strategy)

    assert [row.name for row in describe(strategy_type)] == [
        "fast",
        "weight",
        "symbols",
        "mode",
        "limit",
        "is_bold",
    ]
    assert strategy_type(fast=3).params != strategy_type(fast=4).params


def test_dataclass_with_hints_as_text_is_understood() -> None:
    source = GOOD.replace("from typing", "from dataclasses import dataclass\nfrom typing", 1)
    source += "\n\n@dataclass(frozen=True)\nclass Pair:\n    left: int\n    right: ClassVar[int] = 0\n"

    load_source(source.replace("Annotated, Literal", "Annotated, ClassVar, Literal"), "good.py")


# Parameters


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        ("fast", "30", 30),
        ("weight", "0.25", 0.25),
        ("symbols", "SPY, AGG,GLD", ("SPY", "AGG", "GLD")),
        ("mode", "b", "b"),
        ("limit", "5", 5),
        ("limit", "null", None),
        ("is_bold", "true", True),
        ("is_bold", "0", False),
    ],
)
def test_text_becomes_the_declared_type(parameter: str, text: str, value: object) -> None:
    loaded = load_source(GOOD, "good.py", {parameter: text})

    assert value_of(loaded.strategy, parameter) == value


def test_text_becomes_an_exact_decimal() -> None:
    loaded = load_strategy("strategies.ma_cross", {"quantity": "0.1"})

    assert value_of(loaded.strategy, "quantity") == Decimal("0.1")


def test_a_parameter_that_is_a_choice_with_off_takes_what_yaml_makes_of_it() -> None:
    source = GOOD.replace('Literal["a", "b"] = "a"', 'Literal["on", "off"] = "on"')

    loaded = load_source(source, "good.py", {"mode": False})

    assert getattr(loaded.strategy.params, "mode") == "off"  # noqa: B009  # its class is known only here


def test_unknown_parameter_lists_the_known_ones() -> None:
    assert refusal(GOOD, {"fats": 5}) == (
        "strategy 'good' has no parameter 'fats'; it has: fast: int 1 to 500 (default 20); "
        "weight: float above 0 (default 0.5); symbols: tuple[str, ...] (default SPY,AGG); "
        "mode: 'a' or 'b' (default a); limit: int | None (default None); is_bold: bool (default False); "
        "did you mean 'fast'?"
    )


def test_parameter_out_of_range_names_the_value_and_the_range() -> None:
    assert refusal(GOOD, {"fast": "501"}) == (
        "strategy 'good': parameter fast=501 is wrong: Expected `int` <= 500; "
        "expected fast: int 1 to 500 (default 20)"
    )


def test_parameter_of_the_wrong_type_names_the_value_and_the_type() -> None:
    assert refusal(GOOD, {"fast": "many"}) == (
        "strategy 'good': parameter fast=many is wrong: Expected `int`, got `str`; "
        "expected fast: int 1 to 500 (default 20)"
    )


def test_parameter_that_is_not_finite_is_refused() -> None:
    assert "weight=inf is wrong: Expected a finite number" in refusal(GOOD, {"weight": "inf"})


def test_parameter_without_default_must_be_given() -> None:
    source = GOOD.replace(" = 20", "")

    assert refusal(source).startswith(
        "strategy 'good' needs a value for fast; it has: fast: int 1 to 500 (required)"
    )


def test_parameters_that_do_not_fit_together_are_refused_with_the_strategys_own_sentence() -> None:
    with pytest.raises(InputError, match=r"^strategy 'ma_cross': fast=60 must be below slow=50$"):
        load_strategy("strategies.ma_cross", {"fast": 60})


def test_described_parameter_has_type_default_range_and_description() -> None:
    rows = {row.name: row for row in describe(type(load_source(GOOD, "good.py").strategy))}

    weight = rows["weight"]
    assert (weight.type, weight.default, weight.range, weight.description) == (
        "float",
        "0.5",
        "above 0",
        "how much",
    )


# What every refusal says


@pytest.mark.parametrize("reference", ["", ":", "a-b:C", "a..b:C", "module:not a name", "module:"])
def test_reference_that_cannot_be_one_is_refused(reference: str) -> None:
    with pytest.raises(InputError, match=r"expected package\.module:Class or path/to/file\.py:Class"):
        load_strategy(reference)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"strategy file '.*gone\.py' does not exist"):
        load_strategy(f"{tmp_path}/gone.py:X")


def test_missing_module_is_refused() -> None:
    with pytest.raises(InputError, match=r"strategy module 'strategies\.gone' does not exist in "):
        load_strategy("strategies.gone:X")


def test_module_below_something_that_is_no_package_is_refused() -> None:
    with pytest.raises(InputError, match=r"strategy module 'math\.gone' does not exist in "):
        load_strategy("math.gone:X")


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_bytes(b"x = '\xff\xfe'\n")

    with pytest.raises(InputError, match=r"bad\.py cannot be read"):
        load_strategy(f"{tmp_path}/bad.py")


def test_missing_class_lists_those_that_are_there() -> None:
    assert refusal(GOOD, cls=":Gone") == ("my/file.py: no class 'Gone'; Strategy classes defined there: Good")


def test_class_that_is_no_strategy_is_refused() -> None:
    assert refusal(GOOD, cls=":Params") == (
        "my/file.py: 'Params' is not a subclass of Strategy defined there; those defined: Good"
    )


def test_file_without_a_strategy_is_refused() -> None:
    assert refusal("X = 1\n") == (
        "my/file.py: expected one Strategy class, found none; name it: my/file.py:Class"
    )


def test_file_with_two_strategies_asks_for_a_name() -> None:
    source = GOOD + "\n\nclass Better(Good):\n    pass\n"

    assert refusal(source).startswith("my/file.py: expected one Strategy class, found Good, Better; name it")


def test_every_finding_of_the_linter_is_named_with_file_and_line(tmp_path: Path) -> None:
    path = written(tmp_path, "import time\n\nSEEN = []\n")

    with pytest.raises(StrategyRefused) as caught:
        load_strategy(path)

    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{path}:1:1: `time` reads the wall clock")
    assert second.startswith(f"{path}:3:8: a module-level value")


def test_source_that_is_not_python_is_refused() -> None:
    assert refusal("class Broken(:\n").startswith("my/file.py:1:14: this is not Python: ")


def test_recorded_text_that_is_not_python_is_refused() -> None:
    with pytest.raises(StrategyRefused, match=r"^my/file\.py:1: loading the module fails: SyntaxError"):
        load_recorded("class Broken(:\n", "my/file.py")


def test_module_that_fails_while_loading_is_refused_with_its_line() -> None:
    assert refusal("X = 1\nY = X / 0\n") == (
        "my/file.py:2: loading the module fails: ZeroDivisionError: division by zero"
    )


def test_constructor_that_fails_is_refused_with_its_line() -> None:
    source = GOOD + "\n    def validate(self) -> None:\n        self.params.fast / 0\n"

    line = len(source.splitlines())
    assert refusal(source) == f"my/file.py:{line}: building Good fails: ZeroDivisionError: division by zero"


def test_type_that_cannot_be_resolved_is_refused() -> None:
    source = GOOD.replace("fast: Annotated[int, Range(ge=1, le=500)]", "fast: Missing")

    assert "resolving the types of its structs fails: NameError: name 'Missing'" in refusal(source)


def test_state_without_defaults_is_refused() -> None:
    source = GOOD.replace("dict[str, Window] = {}", "int")

    assert "building Good fails: TypeError: Missing required argument 'windows'" in refusal(source)


def test_state_that_cannot_be_written_is_refused() -> None:
    source = GOOD.replace("windows: dict[str, Window] = {}", "windows: object = Good_marker")
    source = source.replace(
        "class State", "class Marker:\n    pass\n\n\nGood_marker = Marker\n\n\nclass State"
    )

    assert "my/file.py: State cannot be written and read back: " in refusal(source)


# Code that ends the process, or raises what is no ordinary error


@pytest.mark.parametrize(
    ("place", "doing"),
    [
        ("\n\n{}\n", "loading the module"),
        ("\n    def validate(self) -> None:\n        {}\n", "building Good"),
        ("\n    def bars_needed(self) -> int:\n        {}\n", "building Good"),
        ("\n    def needs_book(self) -> bool:\n        {}\n", "building Good"),
    ],
)
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("raise GeneratorExit", "GeneratorExit: "),
        ("raise BaseException(chr(0xD800))", "BaseException: \\ud800"),
        (
            "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})",
            "Odd: (its text cannot be had: ",
        ),
    ],
)
def test_whatever_a_strategy_raises_while_it_is_loaded_is_its_refusal(
    place: str, doing: str, statement: str, words: str
) -> None:
    with pytest.raises(StrategyRefused, match=re.escape(f"{doing} fails: {words}")):
        load_recorded(GOOD + place.format(statement), "my/file.py:Good")


def test_ctrl_c_while_a_strategy_is_loaded_is_no_refusal() -> None:
    with pytest.raises(KeyboardInterrupt):
        load_recorded(GOOD + "\n\nraise KeyboardInterrupt\n", "my/file.py:Good")


def test_state_that_exits_when_it_is_read_back_is_refused() -> None:
    leaving = "    def __post_init__(self) -> None:\n        raise SystemExit\n\n"
    source = GOOD.replace("    windows: dict", f"{leaving}    windows: dict")

    with pytest.raises(StrategyRefused, match="building Good fails: SystemExit: "):
        load_recorded(source, "my/file.py:Good")


def test_bars_needed_that_are_no_number_are_refused() -> None:
    source = GOOD + "\n    def bars_needed(self) -> int:\n        return 2.5\n"

    assert refusal(source) == "my/file.py: bars_needed(): expected a whole number; got float"


@pytest.mark.parametrize("metadata", ["None", "Metadata(name=5)", "Metadata(name=chr(0xD800))"])
def test_metadata_that_cannot_be_recorded_is_refused(metadata: str) -> None:
    source = GOOD.replace('Metadata(name="good", version="2.1.0")', metadata)

    with pytest.raises(StrategyRefused, match=r"^my/file\.py"):
        load_recorded(source, "my/file.py:Good")
