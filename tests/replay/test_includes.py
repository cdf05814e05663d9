"""A configuration in several files: the including one has priority, errors name the file of a value."""

from decimal import Decimal
from pathlib import Path

import pytest

from kernel.errors import ConfigError
from replay.config import load_config, store_of
from replay.run_config import load_run_config, load_with_places


def files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    return folder / "main.yaml"


def test_mappings_are_merged_by_key_and_the_including_file_has_priority(tmp_path: Path) -> None:
    path = files(
        tmp_path,
        main="include: limits.yaml\ncash: 7\nrisk: {max_drawdown: 0.1}\n",
        limits="cash: 5\nrisk: {max_drawdown: 0.2, max_order_quantity: 3}\n",
    )

    config = load_config(path)

    assert (str(config.cash), str(config.risk.max_order_quantity)) == ("7", "3")
    assert str(config.risk.max_drawdown) == "0.1"


def test_a_later_file_has_priority_over_an_earlier_one(tmp_path: Path) -> None:
    path = files(tmp_path, main="include: [a.yaml, b.yaml]\n", a="cash: 1\nspeed: 2\n", b="cash: 3\n")

    config = load_config(path)

    assert (config.cash, config.speed) == (Decimal(3), 2.0)


def test_strategies_are_merged_by_id_and_instruments_by_symbol(tmp_path: Path) -> None:
    path = files(
        tmp_path,
        main=(
            "include: base.yaml\nstrategies:\n  - {id: b, enabled: no, params: {fast: 2}}\n"
            "  - {strategy: 'x:New'}\ninstruments:\n  - {symbol: B, lot_size: 10}\n"
        ),
        base=(
            "strategies:\n  - {id: a, strategy: 'x:A'}\n"
            "  - {id: b, strategy: 'x:B', params: {fast: 1, slow: 3}}\n"
            "instruments:\n  - {symbol: A}\n  - {symbol: B, tick_size: 0.05}\n"
        ),
    )

    config = load_config(path)

    assert [(one.id, one.strategy, one.enabled) for one in config.strategies] == [
        ("a", "x:A", True),
        ("b", "x:B", False),
        ("", "x:New", True),
    ]
    assert config.strategies[1].params == {"fast": "2", "slow": "3"}
    second = config.instruments[1]
    assert (second.symbol, str(second.tick_size), str(second.lot_size)) == ("B", "0.05", "10")


def test_a_strategy_without_id_is_merged_by_its_reference(tmp_path: Path) -> None:
    path = files(
        tmp_path,
        main="include: base.yaml\nstrategies: [{strategy: 'x:A', enabled: false}]\n",
        base="strategies: [{strategy: 'x:A', params: {n: 1}}]\n",
    )

    (strategy,) = load_config(path).strategies

    assert (strategy.enabled, strategy.params) == (False, {"n": "1"})


def test_other_lists_and_other_models_are_replaced_as_a_whole(tmp_path: Path) -> None:
    path = files(
        tmp_path,
        main="include: base.yaml\nstreams: [b]\nbroker: {volume: {model: own.py:Mine}}\n",
        base="streams: [a, c]\nbroker: {slippage_bps: 2, volume: {model: share, params: {limit: 0.1}}}\n",
    )

    config = load_config(path)

    assert (config.streams, config.broker.slippage_bps) == (("b",), 2)
    assert "limit" not in str(config.broker.volume)


def test_paths_are_relative_to_the_file_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("book").mkdir()
    Path("book/more").mkdir()
    Path("main.yaml").write_text("include: book/base.yaml\n")
    Path("book/base.yaml").write_text("include: more/strategies.yaml\nstore: a.db\n")
    Path("book/more/strategies.yaml").write_text("strategies: [{strategy: 'mine.py:A'}]\n")

    config = load_config(Path("main.yaml"))

    assert (config.store, config.strategies[0].strategy) == ("book/a.db", "book/more/mine.py:A")
    assert store_of(Path("main.yaml")) == "book/a.db"


def test_an_error_names_the_file_and_line_of_the_value(tmp_path: Path) -> None:
    path = files(
        tmp_path,
        main="include: base.yaml\n\nstrategies:\n  - id: a\n    paramz: {}\n",
        base="cash: 5\nstrategies:\n  - id: a\n    strategy: x:A\nrisk:\n  max_drawdown: much\n",
    )

    with pytest.raises(ConfigError) as wrong_key:
        load_config(path)
    path.write_text(path.read_text().replace("paramz", "params"))
    with pytest.raises(ConfigError) as wrong_value:
        load_config(path)

    assert str(wrong_key.value).startswith(
        f"{path}, line 5: strategies[0]: there is no 'paramz'; did you mean 'params'?"
    )
    assert str(wrong_value.value).startswith(f"{tmp_path / 'base.yaml'}, line 6: risk.max_drawdown: ")


WRONG = {
    "itself": (
        {"main": "cash: 1\ninclude: main.yaml\n"},
        "main.yaml, line 2: include: {}/main.yaml includes itself",
    ),
    "a circle": (
        {"main": "include: a.yaml\n", "a": "include: b.yaml\n", "b": "cash: 1\n\ninclude: [main.yaml]\n"},
        "b.yaml, line 3: include: {}/main.yaml includes itself",
    ),
    "no file": (
        {"main": "cash: 1\ninclude: [gone.yaml]\n"},
        "main.yaml, line 2: include: there is no file {}/gone",
    ),
    "a list": ({"main": "include: a.yaml\n", "a": "\n- 1\n"}, "a.yaml, line 2: expected a mapping, because "),
    "a mapping": (
        {"main": "include: {a: b}\n"},
        "main.yaml, line 1: include: expected a file or a list of files",
    ),
    "nothing": ({"main": "include: [a.yaml, '']\n", "a": ""}, "main.yaml, line 1: include: expected a file"),
    "broken YAML": ({"main": "include: a.yaml\n", "a": "cash: [\n"}, "a.yaml, line 2: not valid YAML"),
    "a key twice": (
        {"main": "include: a.yaml\n", "a": "cash: 1\ncash: 2\n"},
        "a.yaml, line 2: cash is given twice",
    ),
    "a variable": (
        {"main": "include: ${OT_GONE}.yaml\n"},
        "main.yaml, line 1: include: the environment variable",
    ),
    "inside": ({"main": "risk: {include: a.yaml}\n"}, "main.yaml, line 1: risk: there is no 'include'"),
}


@pytest.mark.parametrize(("texts", "words"), WRONG.values(), ids=WRONG)
def test_an_include_that_cannot_be_followed_is_refused(
    tmp_path: Path, texts: dict[str, str], words: str
) -> None:
    path = files(tmp_path, **texts)

    with pytest.raises(ConfigError) as refused:
        load_config(path)

    assert str(refused.value).startswith(f"{tmp_path}/{words.format(tmp_path)}")


def test_a_file_may_be_included_twice_and_be_empty(tmp_path: Path) -> None:
    path = files(
        tmp_path,
        main="include: [a.yaml, b.yaml]\n",
        a="include: c.yaml\n",
        b="include: [c.yaml]\n",
        c="# none\n",
    )

    assert load_config(path).streams == ()


def test_an_included_file_may_be_named_by_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OT_SITE", "tokyo")
    path = files(tmp_path, main="include: ${OT_SITE}.yaml\n", tokyo="cash: 8\n")

    assert load_run_config(path).cash == 8


def test_every_value_knows_where_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OT_CASH", "5")
    path = files(tmp_path, main="include: a.yaml\n\ncash: ${OT_CASH}\n", a="risk:\n  max_drawdown: 0.1\n")

    places = load_with_places(path).file.places

    assert str(places["risk.max_drawdown"]) == f"{tmp_path / 'a.yaml'}, line 2"
    assert (places["cash"].line, places["cash"].variables) == (3, ("OT_CASH",))
