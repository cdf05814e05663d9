"""What ``replay`` refuses: one sentence that names it, an exit code, and a store as it was."""

from pathlib import Path

import pytest

from tests.ops.commands import onetape, store_heads
from tests.replay.commands import python_process, replay
from tests.replay.market import walk, write_csv

RUN = "run.ma_cross.1"
CROSS = "strategies.ma_cross:MovingAverageCross"
WHAT = ("--stream", "a.1d", "--strategy", CROSS, "--param", "fast=2", "--param", "slow=5")


@pytest.fixture(autouse=True)
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with ``market.db``: a hundred bars and a run over them."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 100, seed=11))
    assert onetape("import", "a.csv", "--symbol", "A", "--store", "market.db").exit_code == 0
    assert replay("--store", "market.db", *WHAT, "--json").exit_code == 0
    return tmp_path


def refused(*arguments: str, naming: tuple[str, ...], code: int = 1) -> None:
    """Run the command; it must refuse with all of these words and change nothing."""
    before, files = store_heads(Path("market.db")), sorted(path.name for path in Path().iterdir())

    result = replay(*arguments)

    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr.startswith("replay: ")
    assert "Traceback" not in result.stderr
    for words in naming:
        assert words in result.stderr
    assert store_heads(Path("market.db")) == before
    assert sorted(path.name for path in Path().iterdir()) == files


# --- the command line ---------------------------------------------------------------------------

REFUSED = {
    "an unknown stream": (
        ("--strategy", CROSS, "--stream", "b.1d"),
        ("'b.1d'", "it holds a.1d"),
        2,
    ),
    "a run as data": ((*WHAT, "--stream", RUN), (f"{RUN!r} is a run", "a.1d"), 1),
    "an unknown module": ((*WHAT[:2], "--strategy", "strategies.nope:Nope"), ("'strategies.nope'",), 1),
    "a missing file": ((*WHAT[:2], "--strategy", "nope.py:Nope"), ("'nope.py'", "does not exist"), 1),
    "an unknown class": (
        (*WHAT[:2], "--strategy", "strategies.ma_cross:Nope"),
        ("'Nope'", "MovingAverageCross"),
        1,
    ),
    "an unknown parameter": ((*WHAT, "--param", "speed=9"), ("'speed'", "fast: int 1 to 1000"), 1),
    "a value out of range": ((*WHAT, "--param", "fast=0"), ("fast=0", "1 to 1000"), 1),
    "a value of another type": ((*WHAT, "--param", "fast=x"), ("fast=x", "int"), 1),
    "parameters that contradict": ((*WHAT, "--param", "fast=9"), ("fast=9", "slow=5"), 1),
    "a parameter without a value": ((*WHAT, "--param", "fast"), ("--param 'fast'", "NAME=VALUE"), 1),
    "a bad date": ((*WHAT, "--from", "01/02/2004"), ("from", "'01/02/2004'", "2008-01-31"), 1),
    "a bad last date": ((*WHAT, "--to", "2004-02-30"), ("to", "'2004-02-30'"), 1),
    "a date beyond all stamps": ((*WHAT, "--to", "9999-12-31"), ("to", "'9999-12-31'", "2262"), 1),
    "a date before all stamps": ((*WHAT, "--from", "1900-01-01"), ("from", "'1900-01-01'", "1970"), 1),
    "a beginning after the end": (
        (*WHAT, "--from", "2004-03-01", "--to", "2004-02-01"),
        ("from: 2004-03-01", "to: 2004-02-01"),
        1,
    ),
    "a period without events": (
        (*WHAT, "--from", "2010-01-01"),
        ("no events between 2010-01-01 and the end in a.1d",),
        1,
    ),
    "negative cash": ((*WHAT, "--cash", "-1"), ("--cash '-1'",), 1),
    "cash that is no number": ((*WHAT, "--cash", "much"), ("--cash 'much'", "a number"), 1),
    "cash without end": ((*WHAT, "--cash", "1e400"), ("cash", "1E+400"), 1),
    "no speed": ((*WHAT, "--speed", "0"), ("--speed '0'", "1x", "max"), 1),
    "a speed that is no number": ((*WHAT, "--speed", "nan"), ("--speed 'nan'", "1x", "max"), 1),
    "negative slippage": ((*WHAT, "--slippage-bps", "-1"), ("slippage_bps: -1",), 1),
    "slippage that is no number": ((*WHAT, "--slippage-bps", "nan"), ("slippage_bps: nan",), 1),
    "a negative commission": ((*WHAT, "--commission-per-share", "-1"), ("--commission-per-share '-1'",), 1),
    "an unknown fill timing": ((*WHAT, "--bar-fill", "never"), ("--bar-fill", "next_open"), 2),
    "an unknown option": ((*WHAT, "--fast", "2"), ("--fast", "replay --help"), 2),
    "an unknown command": (("verfy", RUN), ("'verfy'",), 2),
    "a missing configuration": (("--config", "nope.yaml"), ("nope.yaml", "cannot be read"), 1),
}


@pytest.mark.parametrize(("arguments", "naming", "code"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused(arguments: tuple[str, ...], naming: tuple[str, ...], code: int) -> None:
    refused("--store", "market.db", *arguments, naming=naming, code=code)


def test_a_missing_store_is_refused_and_not_made() -> None:
    refused("--store", "nope.db", *WHAT, naming=("nope.db", "onetape import"), code=2)


def test_a_folder_is_no_store() -> None:
    refused("--store", ".", *WHAT, naming=("folder",), code=2)


def test_a_file_that_is_no_store_is_refused_and_left_alone() -> None:
    before = Path("a.csv").read_bytes()

    refused("--store", "a.csv", *WHAT, naming=("a.csv", "not a SQLite file"))

    assert Path("a.csv").read_bytes() == before


def test_parameters_need_a_strategy_to_belong_to() -> None:
    Path("onetape.yaml").write_text("store: market.db\nstreams: [a.1d]\n")

    refused("--param", "fast=2", naming=("--param", "--strategy"))


def test_parameters_do_not_belong_to_two_strategies() -> None:
    arguments = ("--strategy", CROSS, "--strategy", CROSS, "--param", "fast=2")

    refused("--store", "market.db", "--stream", "a.1d", *arguments, naming=("--param", "--strategy"))


def test_two_strategies_of_one_id_are_refused() -> None:
    arguments = ("--strategy", CROSS, "--strategy", CROSS)

    refused("--store", "market.db", "--stream", "a.1d", *arguments, naming=("'ma_cross'", "another id"))


# --- the configuration file ---------------------------------------------------------------------

BAD_CONFIGS = {
    "an unknown key": (
        "stroe: market.db",
        (": there is no 'stroe'; did you mean 'store'? There are: strategies,",),
    ),
    "an unknown key inside": (
        "broker: {comission: ibkr}",
        (": broker: there is no 'comission'; did you mean",),
    ),
    "a value of another type": (
        "broker: {slippage_bps: much}",
        (": broker.slippage_bps: expected a number, got text 'much'",),
    ),
    "a list that is no list": ("streams: a.1d", (": streams: expected a list, got text 'a.1d'",)),
    "an unknown choice": (
        "broker: {bar_fill: this_clos}",
        (": broker.bar_fill: 'this_clos' is not one of next_open, this_close; did you mean 'this_close'?",),
    ),
    "an unknown kind of instrument": (
        "instruments: [{symbol: A, asset_class: stock}]",
        (": instruments[0].asset_class: 'stock' is not one of equity, etf, ",),
    ),
    "a strategy without a name": ("strategies: [{id: x}]", (": strategies[0]: 'strategy' is missing",)),
    "negative cash": ("cash: -5", ("cash: -5",)),
    "negative slippage": ("broker: {slippage_bps: -1}", ("broker.slippage_bps: -1",)),
    "a negative limit": ("risk: {max_order_quantity: -1}", ("risk.max_order_quantity: -1",)),
    "no marks": ("portfolio: {mark_every_s: 0}", ("portfolio.mark_every_s: 0",)),
    "no tick": ("instruments: [{symbol: A, tick_size: 0}]", ("A: tick_size 0",)),
    "one instrument twice": ("instruments: [{symbol: A}, {symbol: A}]", ("'A' is given 2 times",)),
    "no speed": ("speed: 0", ("speed: 0",)),
    "a bad date": ("from: yesterday", ("from", "'yesterday'")),
    "no YAML": ("store: [", ("not valid YAML",)),
    "nothing": ("", ("null",)),
}


@pytest.mark.parametrize(("text", "naming"), BAD_CONFIGS.values(), ids=BAD_CONFIGS)
def test_a_bad_configuration_is_refused_by_file_and_key(text: str, naming: tuple[str, ...]) -> None:
    Path("onetape.yaml").write_text(text)

    refused("--store", "market.db", *WHAT, naming=("onetape.yaml", *naming))


def test_a_configuration_of_a_missing_symbol_is_refused() -> None:
    Path("onetape.yaml").write_text(
        f"store: market.db\nstreams: [a.1d]\nstrategies: [{{strategy: '{CROSS}', symbols: [A, B]}}]\n"
    )

    refused(naming=("line 3: strategies: ", "symbols: 'B' is not in the data, which has A"))


# --- verify -------------------------------------------------------------------------------------

REFUSED_VERIFICATIONS = {
    "an unknown run": (("run.nope.1", "--store", "market.db"), ("'run.nope.1'",), 2),
    "a data stream": (("a.1d", "--store", "market.db"), ("'a.1d' is not the stream of a run",), 2),
    "a missing store": ((RUN, "--store", "nope.db"), ("nope.db",), 2),
    "a file that is no store": ((RUN, "--store", "a.csv"), ("a.csv", "not a SQLite file"), 1),
    "a folder": ((RUN, "--store", "."), ("folder",), 2),
    "no run": (("--store", "market.db"), ("RUN_STREAM",), 2),
    "an unknown option": ((RUN, "--store", "market.db", "--fast"), ("--fast",), 2),
}


@pytest.mark.parametrize(
    ("arguments", "naming", "code"), REFUSED_VERIFICATIONS.values(), ids=REFUSED_VERIFICATIONS
)
def test_bad_input_to_verify_is_refused(
    arguments: tuple[str, ...], naming: tuple[str, ...], code: int
) -> None:
    refused("verify", *arguments, naming=naming, code=code)


def test_a_strategy_the_linter_refuses_is_named_by_file_and_line() -> None:
    Path("clock.py").write_text("import time\nfrom strategies.sdk import Strategy\n")

    result = replay("--store", "market.db", "--stream", "a.1d", "--strategy", "clock.py:Clock")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "clock.py:1" in result.stderr


def test_the_installed_command_refuses_without_a_traceback(market: Path) -> None:
    """Whatever the process prints, warnings included."""
    command = ("-c", "from ops.commands.replay import main; main()")

    done = python_process(*command, "--store", "nope.db", *WHAT, folder=market)

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
