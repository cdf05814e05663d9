"""Environment variables in a configuration: ``${NAME}`` and ``${NAME:-default}``."""

from pathlib import Path

import pytest

from kernel.errors import ConfigError
from replay.config import load_config, store_of
from replay.run_config import load_run_config

CANARY = "canary-7c1f"


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OT_CASH", "5_000.10")
    monkeypatch.setenv("OT_SYMBOL", "NO")
    monkeypatch.setenv("OT_EMPTY", "")
    monkeypatch.setenv("OT_FEED_TOKEN", CANARY)
    monkeypatch.setenv("OT_URL", f"wss://joe:{CANARY}@feed.example")


def written(folder: Path, text: str) -> Path:
    path = folder / "c.yaml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("${OT_SYMBOL}", "NO"),
        ("'${OT_SYMBOL}'", "NO"),
        ('"a-${OT_SYMBOL}-${OT_CASH}"', "a-NO-5_000.10"),
        ("${OT_GONE:-there}", "there"),
        ("${OT_EMPTY:-there}", "there"),
        ("'${OT_GONE:-}'", ""),
        ("${OT_GONE:-a b:-c}", "a b:-c"),
        ("$${OT_SYMBOL}", "${OT_SYMBOL}"),
        ("$OT_SYMBOL", "$OT_SYMBOL"),
        ("costs 5$", "costs 5$"),
    ],
)
def test_a_variable_stands_for_its_value(tmp_path: Path, value: str, meant: str) -> None:
    config = load_config(written(tmp_path, f"environment:\n  a: {value}\n"))

    assert config.environment == {"a": meant}


def test_a_value_that_was_put_in_is_read_as_if_it_were_written(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "cash: ${OT_CASH}\nspeed: ${OT_GONE:-}\n"))

    assert (str(config.cash), config.speed) == ("5000.10", None)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("${OT_GONE}", "line 2: environment.a: the environment variable OT_GONE is not set, or empty"),
        ("${OT_EMPTY}", "line 2: environment.a: the environment variable OT_EMPTY is not set, or empty"),
        ("${OT_SYMBL}", "; did you mean 'OT_SYMBOL'?"),
        ("${}", "line 2: environment.a: ${ begins the name of an environment variable: expected ${NAME}"),
        ("${9}", "line 2: environment.a: ${ begins"),
        ("${OT_SYMBOL", "line 2: environment.a: ${ begins"),
        ("[${OT_SYMBOL}]", "in quotes"),
    ],
)
def test_a_variable_that_has_no_value_is_refused(tmp_path: Path, value: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(written(tmp_path, f"environment:\n  a: {value}\n"))

    assert str(refused.value).startswith(f"{tmp_path / 'c.yaml'}, line 2: ")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "environment:\n  a: ${OT_FEED_TOKEN}\n",
        "environment:\n  url: ${OT_URL}\n",
        f"environment:\n  api_key: {CANARY}\n",
        f"environment:\n  apiToken: '{CANARY}'\n",
        f"environment:\n  a: postgres://joe:{CANARY}@db\n",
        f"environment:\n  secret: {CANARY}-X\n",
        f"environment: {{plain: x,\n  password: {CANARY}}}\n",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(written(tmp_path, text))

    assert ", line 2: environment." in str(refused.value)
    assert "secret" in str(refused.value)
    assert CANARY not in str(refused.value)


def test_a_replay_needs_no_variable_of_the_sections_of_a_daemon(tmp_path: Path) -> None:
    path = written(tmp_path, "cash: 5\nlog: ${OT_GONE}\nengine: {batch_limit: none}\n")

    assert load_config(path).cash == 5
    with pytest.raises(ConfigError, match="line 2: log: the environment variable OT_GONE is not set"):
        load_run_config(path)


def test_the_store_is_known_though_another_variable_is_not_set(tmp_path: Path) -> None:
    path = written(tmp_path, "store: ${OT_SYMBOL}.db\nlog: ${OT_GONE}\n")

    assert store_of(path) == str(tmp_path / "NO.db")
