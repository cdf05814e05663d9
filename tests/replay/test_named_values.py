"""A value of ``onetape.yaml`` that the data or the store refuse is named with file, line and key."""

from pathlib import Path

import pytest

from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv

HOLD = "strategies.buy_and_hold:BuyAndHold"
BASE = ["store: m.db", "streams: [aapl.1d]"]
STRATEGY = ["strategies:", f"- strategy: {HOLD}"]
REFUSED = {
    "a symbol of a strategy": (
        [*BASE, *STRATEGY, "  symbols: [AAPL, APPL]"],
        "onetape.yaml, line 5: strategies: strategies.buy_and_hold:BuyAndHold: symbols: 'APPL' is not in the "
        "data, which has AAPL; did you mean 'AAPL'?",
    ),
    "a calendar": (
        [*BASE, *STRATEGY, "instruments:", "- symbol: AAPL", "  calendar: XNYX"],
        "onetape.yaml, line 7: instruments: AAPL: calendar 'XNYX' is unknown; did you mean XNYS",
    ),
    "an instrument": (
        [*BASE, *STRATEGY, "instruments:", "- {symbol: AAPL}", "- symbol: APPL"],
        "onetape.yaml, line 7: instruments: 'APPL' is not in the data, which has AAPL; did you mean 'AAPL'?",
    ),
    "a benchmark": (
        [*BASE, "benchmark: APPL", *STRATEGY],
        "onetape.yaml, line 3: benchmark 'APPL' is neither a symbol nor a data stream of the store: aapl.1d; "
        "did you mean 'AAPL'?",
    ),
    "a restricted symbol": (
        [*BASE, *STRATEGY, "risk:", "  restricted:", "  - AAPL", "  - APPL"],
        "onetape.yaml, line 8: risk.restricted: 'APPL' is neither in the data nor under instruments: there "
        "are AAPL; did you mean 'AAPL'?",
    ),
    "a symbol of a limit": (
        [*BASE, *STRATEGY, "risk:", "  continuous: [{kind: drawdown, limit: 1}]", "  day_symbol: APPL"],
        "onetape.yaml, line 7: risk.day_symbol: 'APPL' is not in the run, which has AAPL; did you mean "
        "'AAPL'?",
    ),
    "a stream": (
        ["store: m.db", "streams:", "- aapl.1h", *STRATEGY],
        "onetape.yaml, line 3: no stream 'aapl.1h' in the store; it holds aapl.1d",
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a store of one stream."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("AAPL", 5, seed=1))
    assert onetape("import", "a.csv", "--store", "m.db", "--symbol", "AAPL").exit_code == 0
    return tmp_path


@pytest.mark.parametrize(("lines", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_refused_value_is_named_with_its_line(folder: Path, lines: list[str], sentence: str) -> None:
    (folder / "onetape.yaml").write_text("\n".join(lines) + "\n")

    done = replay("--no-report")

    assert done.exit_code
    assert sentence in " ".join(done.output.split())


def test_a_value_of_an_option_is_not_said_to_stand_in_the_file(folder: Path) -> None:
    (folder / "onetape.yaml").write_text("\n".join([*BASE, "benchmark: AAPL", *STRATEGY]) + "\n")

    done = replay("--no-report", "--benchmark", "APPL")

    assert done.exit_code == 1
    assert "onetape.yaml" not in done.output
    assert "benchmark 'APPL' is neither a symbol nor a data stream of the store" in done.output
