"""``onetape.yaml``: errors name file and line, a key is given once, paths are relative to the file."""

from pathlib import Path

import pytest

from kernel.errors import ConfigError
from replay.config import ReplayConfig, load_config, store_of
from strategies.sdk.limits import MarginCall
from tests.replay.market import walk, write_csv

BAD = {
    "a key given twice": (
        "cash: 5\nstreams: [a]\ncash: 6\n",
        "line 3: cash is given twice; the first is in line 1",
    ),
    "a key given twice inside": (
        "risk:\n  max_drawdown: 0.1\n  max_drawdown: 0.2\n",
        "line 3: risk.max_drawdown is given twice; the first is in line 2",
    ),
    "a key given twice in a list": (
        "streams: [a]\nstrategies:\n  - strategy: x:Y\n    id: a\n    id: b\n",
        "line 5: strategies[0].id is given twice; the first is in line 4",
    ),
    "a day that does not exist": (
        "streams: [a]\nfrom: 2004-02-30\n",
        "line 2: from: '2004-02-30' is not a date",
    ),
    "a hand-made date": ("to: 31.12.2004\n", "line 1: to: '31.12.2004' is not a date"),
    "a list that does not end": ("cash: 5\nstreams: [a\nto: 2004-01-01\n", "line 3: not valid YAML: "),
    "a tab": ("risk:\n\tmax_drawdown: 0.1\n", "line 2: not valid YAML: "),
    "a tag": (
        "cash: !!python/name:os.system ''\n",
        "line 1: not valid YAML: could not determine a constructor",
    ),
    "an unknown key": ("cash: 5\nstroe: a.db\n", "line 2: there is no 'stroe'; did you mean 'store'?"),
    "an unknown key inside": (
        "broker:\n  slippage_bps: 1\n  comission: ibkr\n",
        "line 3: broker: there is no 'comission'; did you mean",
    ),
    "a value of another type": (
        "cash: 5\nbroker: {slippage_bps: much}\n",
        "line 2: broker.slippage_bps: expected",
    ),
    "a value that makes no sense": (
        "risk:\n  max_order_quantity: -1\n",
        "line 2: risk.max_order_quantity: -1",
    ),
    "an entry of a list": (
        "instruments:\n  - symbol: A\n  - symbol: B\n    asset_class: stock\n",
        "line 4: instruments[1].asset_class: 'stock' is not one of",
    ),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_an_error_names_file_and_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "onetape.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_config(path)

    assert str(caught.value).startswith(f"{path}, {words}")
    assert "\n" not in str(caught.value)


def test_keys_that_are_merged_in_may_be_given_again(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "instruments:\n  - &us {symbol: A, tick_size: '0.01'}\n  - {<<: *us, symbol: B}\nstreams: [a]\n"
    )

    second = load_config(path).instruments[1]

    assert (second.symbol, str(second.tick_size)) == ("B", "0.01")


@pytest.mark.parametrize(
    "written", ["2008-01-31", "'2008-01-31'", "2008-01-31T14:30:00", "2008-01-31 14:30:00"]
)
def test_a_date_is_the_text_that_was_written(tmp_path: Path, written: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"from: {written}\n")

    config = load_config(path)

    assert config.start == written.strip("'")
    assert config.from_ts is not None


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder is another one, and holds a decoy."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "mine.py").write_text("raise RuntimeError\n")
    monkeypatch.chdir(tmp_path)
    (work / "conf.yaml").write_text(
        "store: data/market.db\nstrategies:\n  - strategy: mine.py:Cross\n  - strategy: strategies.rsi:Rsi\n"
        "broker: {commission: {model: fees.py:Flat}}\nstreams: [a.1d]\n"
    )

    config = load_config(Path("work/conf.yaml"))

    assert config.store == "work/data/market.db"
    assert [one.strategy for one in config.strategies] == ["work/mine.py:Cross", "strategies.rsi:Rsi"]
    assert "work/fees.py:Flat" in str(config.broker)


def test_a_configuration_in_the_current_folder_is_read_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a recorded run holds no path of a machine."""
    monkeypatch.chdir(tmp_path)
    Path("onetape.yaml").write_text("strategies: [{strategy: 'mine.py:Cross'}]\n")

    config = load_config(Path("onetape.yaml"))

    assert (config.store, config.strategies[0].strategy) == ("onetape.db", "mine.py:Cross")


@pytest.mark.parametrize(
    ("text", "store"),
    [("cash: nonsense\n", "work/onetape.db"), ("store: m.db\n", "work/m.db"), ("", "work/onetape.db")],
)
def test_the_store_is_known_though_other_settings_are_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, store: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("work").mkdir()
    Path("work/onetape.yaml").write_text(text)

    assert store_of(Path("work/onetape.yaml")) == store


def test_the_default_store_of_a_configuration_is_beside_it(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("streams: [a.1d]\n")
    write_csv(tmp_path / "a.csv", walk("A", 3, seed=1))

    assert load_config(tmp_path / "c.yaml").store == str(tmp_path / ReplayConfig().store)


@pytest.mark.parametrize("word", ["off", "Off", "false", '"off"'])
def test_margin_call_off_is_read_as_it_is_written(word: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(f"streams: [a]\nrisk: {{margin_call: {word}}}\n")

    config = load_config(tmp_path / "run.yaml")

    assert config.risk.margin_call is MarginCall.OFF
