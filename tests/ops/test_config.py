"""``onetape config``: a file is begun, checked as a start does, and shown with the origin of each value."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from components.assembly.settings import with_account_values
from kernel.secret import SecretReference
from ops.commands.config import template
from ops.config_view import EffectiveConfig, effective_config, effective_rows, yaml_lines
from replay.config import DAEMON_SECTIONS
from replay.run_config import LoadedConfig, Mode, RunConfig, load_run_config
from replay.yaml_files.file import Place, YamlFile
from tests.ops.commands import onetape
from tests.replay.commands import replay

CANARY = "canary-7c1f"

MODES = [mode.value for mode in Mode]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, "utf-8")
    return path


class Guarded(RunConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A configuration that names a secret."""

    password: SecretReference = SecretReference("feed_password")


# --- init and check --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_template_passes_the_check(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONETAPE_SECRET_VENUE_KEY", "demo-key")
    made = onetape("config", "init", mode, "new.yaml")
    checked = onetape("config", "check", "new.yaml")

    assert made.exit_code == 0, made.output
    assert checked.exit_code == 0, checked.output
    assert f"new.yaml: no mistake found: mode {mode}, 1 strategy, store " in checked.output
    assert load_run_config(Path("new.yaml")).mode == mode


@pytest.mark.parametrize("mode", MODES)
def test_a_template_names_the_sections_of_its_mode(mode: str) -> None:
    text = template(Mode(mode))
    sections = DAEMON_SECTIONS - ({"shadow"} if mode == "live" else set())
    if mode not in ("live", "shadow"):
        sections = DAEMON_SECTIONS - {"venue", "downgrade", "shadow"}

    keys = ["strategies:", "risk:", "instruments:", "portfolio:", "environment:", "store:", "include:"]
    keys += ["streams:"] if mode == "backtest" else [f"{key}:" for key in sorted(sections)]
    assert [key for key in keys if key not in text] == []
    assert ("broker:" in text) is (mode != "live")


def test_a_file_is_never_overwritten() -> None:
    written("paper.yaml", "mine\n")

    result = onetape("config", "init", "paper")

    assert (result.exit_code, Path("paper.yaml").read_text()) == (1, "mine\n")
    assert result.stderr == "onetape: paper.yaml exists; it was not changed\n"


def test_the_template_of_a_backtest_is_what_replay_reads() -> None:
    onetape("config", "init", "backtest")

    assert Path("onetape.yaml").exists()
    assert "there is no store" in replay("--no-report").output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mode: paper\n", "c.yaml: instruments: expected at least one"),
        (
            "mode: paper\ninstruments: [{symbol: A}]\nstrategies:\n  - {strategy: 'gone:X'}\n",
            "c.yaml, line 4: strategies[0].strategy: strategy module 'gone' does not exist",
        ),
        (
            "strategies: [{strategy: 'strategies.ma_cross:MovingAverageCross', params: {fats: 3}}]\n",
            "c.yaml, line 1: strategies[0].strategy: ",
        ),
        ("broker:\n  bars: gone.py:Mine\n", "c.yaml, line 2: broker.bars: "),
        ("risk:\n  rules: [{rule: 'gone.py:Mine'}]\n", "c.yaml, line "),
        ("risk: {max_drawdwn: 0.1}\n", "c.yaml, line 1: risk: there is no 'max_drawdwn'; did you mean"),
    ],
)
def test_the_check_refuses_what_a_start_refuses(text: str, words: str) -> None:
    result = onetape("config", "check", written("c.yaml", text))

    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(("more", "is_called"), [("", False), ("bars: {timeframes: [1m]}, ", True)])
def test_a_strategy_that_no_feed_calls_is_noted(more: str, is_called: bool) -> None:
    text = (
        "mode: paper\ninstruments: [{symbol: A}]\n"
        "strategies: [{strategy: 'strategies.ma_cross:MovingAverageCross', symbols: [A]}]\n"
        f"feeds: [{{{more}kind: websocket, name: m, url: 'ws://h.org/m', channels: [quotes, trades]}}]\n"
    )
    result = onetape("config", "check", written("onetape.yaml", text))

    note = "note: strategy ma_cross: its on_bar is never called: no feed gives Bar\n"
    assert (result.exit_code, note in result.stdout) == (0, not is_called)
    assert onetape("config", "check").stdout == result.stdout  # onetape.yaml is the file that is left out


def test_a_file_that_is_not_there_is_refused() -> None:
    assert onetape("config", "check", "gone.yaml").stderr == (
        "onetape: gone.yaml: cannot be read: No such file or directory\n"
    )


# --- show ------------------------------------------------------------------------------------------

SEVERAL = {
    "main.yaml": (
        "include: limits.yaml\n\ncash: ${OT_CASH}\nenvironment: {a.b: 'x: y', on: ''}\n"
        "instruments:\n  - {symbol: BRK.B, like: us_share}\n"
    ),
    "limits.yaml": "risk:\n  max_drawdown: 0.1\n  locate_quantity: {BRK.B: 1_0}\n",
}


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OT_CASH", "7000")
    for name, text in SEVERAL.items():
        written(name, text)
    return Path("main.yaml")


def test_every_value_is_shown_with_its_origin(several: Path) -> None:
    shown = onetape("config", "show", several, "--json")

    values = msgspec.json.decode(shown.stdout, type=EffectiveConfig).values
    origins = {path: values[path].origin for path in values}
    assert origins["cash"] == "main.yaml, line 3, $OT_CASH"
    assert origins["risk.max_drawdown"] == "limits.yaml, line 2"
    assert origins["risk.locate_quantity.BRK.B"] == "limits.yaml, line 3"
    assert origins["risk.require_margin"] == "decided by other settings"
    assert origins["instruments[0].symbol"] == "main.yaml, line 6"
    assert origins["instruments[0].tick_size"] == "preset, main.yaml, line 6"
    assert origins["stop.close_s"] == origins["log"] == origins["durability"] == "default"
    assert (values["cash"].value, values["durability"].value, values["log"].value) == ("7000", "full", "main")


def test_what_is_shown_can_be_used_as_a_configuration(several: Path) -> None:
    written("shown.yaml", onetape("config", "show", several).stdout)

    again = load_run_config(Path("shown.yaml"))

    assert again == with_account_values(load_run_config(several))


def test_the_hash_is_that_of_the_record(several: Path) -> None:
    shown = msgspec.json.decode(onetape("config", "show", several, "--json").stdout, type=EffectiveConfig)

    text = onetape("config", "show", several).stdout
    checked = onetape("config", "check", several).stdout

    assert text.startswith(f"# hash {shown.config_hash}\n")
    assert f"hash {shown.config_hash}\n" in checked


def test_a_secret_is_shown_as_stars() -> None:
    config = Guarded(mode=Mode.PAPER)
    places = {"password": Place("c.yaml", 4), "password.secret": Place("c.yaml", 4)}
    loaded = LoadedConfig(config, YamlFile(Path("c.yaml"), {}, places))

    lines = [line for line in yaml_lines(effective_rows(loaded)) if "password" in line]
    value = effective_config(loaded).values["password"]

    assert [line.split() for line in lines] == [
        ["password:", '"***"', "#", "secret", "feed_password,", "c.yaml,", "line", "4"]
    ]
    assert (value.value, value.origin) == ("***", "secret feed_password, c.yaml, line 4")


# --- schema ----------------------------------------------------------------------------------------


def schema_errors(text: str) -> list[str]:
    """The mistakes that an editor marks in a YAML text, which it reads as usual."""
    schema = msgspec.json.decode(onetape("config", "schema").stdout, type=dict[str, Any])
    Draft202012Validator.check_schema(schema)
    # Any: the content is whatever YAML makes of the text
    content: Any = yaml.safe_load(text)
    errors = cast(Iterator[ValidationError], Draft202012Validator(schema).iter_errors(content))  # pyright: ignore[reportUnknownMemberType]  # its stub has an Unknown
    return [error.message for error in errors]


@pytest.mark.parametrize("mode", MODES)
def test_the_schema_accepts_the_templates(mode: str) -> None:
    assert schema_errors(template(Mode(mode))) == []


@pytest.mark.parametrize(
    "text",
    [
        "cash: 5\ninclude: a.yaml\n",
        "cash: ${CASH}\nmode: ${MODE:-paper}\nengine:\n  batch_limit: ${LIMIT}\n",
        "instruments: [{symbol: A, like: fx, tick_size: 0.01}]\ninclude: [a, b]\n",
        "broker: {volume: {model: share, params: {limit: 0.1}}}\nstrategies: [{strategy: 'a:B'}]\n",
    ],
)
def test_the_schema_accepts_values_as_an_editor_reads_them(text: str) -> None:
    assert schema_errors(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "cahs: 5",
        "mode: papr",
        "strategies: {a: 1}",
        "engine: {batch_limit: 0}",
        "engine: {batch_limit: many}",
        "risk: {max_drawdwn: 0.1}",
        "strategies: [{params: {}}]",
    ],
)
def test_the_schema_refuses_a_mistake(text: str) -> None:
    assert schema_errors(text)
