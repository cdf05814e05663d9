"""A value in a YAML file means what was written, whatever YAML would make of it."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from kernel.errors import ConfigError
from replay.config import load_config
from replay.run_config import load_run_config
from strategies.sdk.limits import MarginCall
from strategies.sdk.loading import load_strategy

SOURCE = """
from decimal import Decimal
from typing import Literal

from strategies.sdk import Decisions, Strategy, StrategyParams, StrategyState


class Params(StrategyParams, frozen=True):
    code: str = ""
    days: int = 1
    ratio: float = 1.0
    amount: Decimal = Decimal(1)
    is_open: bool = False
    side: Literal["on", "off"] = "on"
    limit: Decimal | None = Decimal(1)
    name: str | None = "x"


class Typed(Strategy[Params, StrategyState]):
    def on_stop(self) -> Decisions:
        return None
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "c.yaml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    "symbol",
    ["NO", "ON", "Y", "TRUE", "NULL", "NAN", "INF", "1E5", "010", "1.10", "0x10", "=", "09:30", "12:30:00"],
)
def test_a_symbol_is_the_text_that_was_written(tmp_path: Path, symbol: str) -> None:
    """YAML 1.1 reads them as false, true, a number, an octal number, seconds."""
    text = (
        f"strategies:\n  - {{strategy: 'a:B', symbols: [{symbol}, A]}}\ninstruments:\n  - symbol: {symbol}\n"
    )

    config = load_config(written(tmp_path, text))

    assert config.strategies[0].symbols == (symbol, "A")
    assert config.instruments[0].symbol == symbol


def test_a_key_is_the_text_that_was_written(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "environment: {on: 1.10, no: 010, 12:30:00: 1e5, 7: off}\n"))

    assert config.environment == {"on": "1.10", "no": "010", "12:30:00": "1e5", "7": "off"}


@pytest.mark.parametrize(
    ("amount", "value"),
    [
        ("123456789.123456789010", "123456789.123456789010"),
        ("1.10", "1.10"),
        ("1e5", "1E+5"),
        ("010", "10"),
        ("1_000.50", "1000.50"),
        ("+5", "5"),
        ("'0.1'", "0.1"),
    ],
)
def test_an_amount_has_all_its_digits(tmp_path: Path, amount: str, value: str) -> None:
    config = load_config(written(tmp_path, f"cash: {amount}\n"))

    assert str(config.cash) == value


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("1e-3", 0.001),
        ("1e5", 1e5),
        ("010", 10),
        ("1_000", 1000),
        (".5", 0.5),
        ("+2", 2),
        ("007.50", 7.5),
        ("0.0100", 0.01),
    ],
)
def test_a_number_may_be_written_in_any_usual_form(tmp_path: Path, number: str, value: float) -> None:
    config = load_config(written(tmp_path, f"broker: {{}}\nspeed: {number}\n"))

    assert config.speed == value


@pytest.mark.parametrize(("number", "value"), [("010", 10), ("1_000", 1000), ("1e3", 1000), ("+5", 5)])
def test_a_whole_number_may_be_written_in_any_usual_form(tmp_path: Path, number: str, value: int) -> None:
    path = written(tmp_path, f"engine: {{batch_limit: {number}}}\nwarm_up: {value}\n")

    config = load_run_config(path)

    assert (config.engine.batch_limit, config.warm_up) == (value, value)


@pytest.mark.parametrize("number", ["0x10", "1,000", "ten", "1.5.2", "1:30", "e5", "--1", "1__0", "''"])
def test_other_text_is_not_a_number(tmp_path: Path, number: str) -> None:
    with pytest.raises(ConfigError, match=r"line 1: broker.slippage_bps: expected a number, got "):
        load_config(written(tmp_path, f"broker: {{slippage_bps: '{number.strip(chr(39))}'}}\n"))


@pytest.mark.parametrize("number", [".nan", "nan", ".inf", "-.INF", "inf", "1e999"])
def test_a_number_that_is_not_finite_is_refused(tmp_path: Path, number: str) -> None:
    with pytest.raises(ConfigError, match=r"line 1: stop.close_s: "):
        load_run_config(written(tmp_path, f"stop: {{close_s: {number}}}\n"))


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True),
        ("True", True),
        ("on", True),
        ("Yes", True),
        ("1", True),
        ("off", False),
        ("NO", False),
        ("false", False),
    ],
)
def test_a_switch_takes_the_words_of_a_switch(tmp_path: Path, word: str, value: bool) -> None:
    config = load_config(written(tmp_path, f"strategies: [{{strategy: 'a:B', enabled: {word}}}]\n"))

    assert config.strategies[0].enabled is value


@pytest.mark.parametrize("word", ["maybe", "2", "y"])
def test_a_switch_takes_no_other_word(tmp_path: Path, word: str) -> None:
    with pytest.raises(ConfigError, match=r"strategies\[0\].enabled: expected true or false, got "):
        load_config(written(tmp_path, f"strategies: [{{strategy: 'a:B', enabled: {word}}}]\n"))


@pytest.mark.parametrize("word", ["off", "OFF", "no", "false"])
def test_a_choice_takes_its_own_words(tmp_path: Path, word: str) -> None:
    if word == "no":
        with pytest.raises(ConfigError, match=r"risk.margin_call: 'no' is not one of "):
            load_config(written(tmp_path, f"risk: {{margin_call: {word}}}\n"))
    else:
        assert (
            load_config(written(tmp_path, f"risk: {{margin_call: {word}}}\n")).risk.margin_call
            is MarginCall.OFF
        )


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_nothing_is_nothing(tmp_path: Path, nothing: str) -> None:
    config = load_config(written(tmp_path, f"speed: {nothing}\nto:\n"))

    assert (config.speed, config.end) == (None, None)


@pytest.mark.parametrize("text", ["''", '"null"', "'~'"])
def test_quotes_make_text_of_nothing(tmp_path: Path, text: str) -> None:
    config = load_config(written(tmp_path, f"environment: {{a: {text}}}\n"))

    assert config.environment == {"a": text.strip("'\"")}


def test_parameters_of_a_strategy_mean_what_their_types_say(tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(SOURCE, "utf-8")
    text = (
        "strategies:\n  - strategy: typed.py:Typed\n    params: {code: 010, days: 010, ratio: 1e-3, "
        "amount: 123456789.123456789010, is_open: yes, side: off, limit: null, name: ~}\n"
    )

    (config,) = load_config(written(tmp_path, text)).strategies
    params = load_strategy(config.strategy, config.params).strategy.params

    assert msgspec.to_builtins(params, builtin_types=(Decimal,)) == {
        "code": "010",
        "days": 10,
        "ratio": 0.001,
        "amount": Decimal("123456789.123456789010"),
        "is_open": True,
        "side": "off",
        "limit": None,
        "name": None,
    }


def test_the_same_times_and_dates_in_quotes_or_not(tmp_path: Path) -> None:
    plain = load_config(written(tmp_path, "from: 2024-05-01\nto: 2024-05-01 09:30:00\n"))
    quoted = load_config(written(tmp_path, "from: '2024-05-01'\nto: '2024-05-01 09:30:00'\n"))

    assert (plain.start, plain.end) == (quoted.start, quoted.end) == ("2024-05-01", "2024-05-01 09:30:00")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x [*x]\n", "line 1: not valid YAML: "),
        ("broker: {commission: &x {model: *x}}\n", "line 1: not valid YAML: "),
        ("? [a, b]\n: 1\n", "line 1: not valid YAML: a key is not text"),
        ("cash: !!set {5}\n", "line 1: not valid YAML: could not determine a constructor"),
        ("risk: {<<: 5}\n", "line 1: not valid YAML: << expects a mapping"),
        ("cash: 5\n---\ncash: 6\n", "line 2: not valid YAML: expected a single document"),
    ],
)
def test_yaml_that_is_no_configuration_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(written(tmp_path, text))

    assert words in str(refused.value)


def test_a_value_that_is_merged_in_is_named_by_its_own_line(tmp_path: Path) -> None:
    text = (
        "instruments:\n  - &us\n    symbol: A\n    tick_size: 0.01\n    lot_size: much\n"
        "  - {<<: *us, symbol: B, lot_size: 1}\n"
    )

    with pytest.raises(
        ConfigError, match=r"c.yaml, line 5: instruments\[0\].lot_size: 'much' is not a number"
    ):
        load_config(written(tmp_path, text))
