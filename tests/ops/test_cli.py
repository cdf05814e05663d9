"""The ``onetape`` command as its user meets it."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from eventstore.witness import Witness
from ops.cli import COMMANDS
from replay.sample import stocks
from tests.eventstore.importing.files import GOOD_BARS, write_bars
from tests.ops.commands import onetape, store_heads

SAMPLE = str(stocks())


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store that holds the bundled bars of GOOG and FB."""
    path = tmp_path / "market.db"
    result = onetape("import", SAMPLE, "--store", path, "--only", "GOOG", "--only", "FB")
    assert result.exit_code == 0, result.output
    return path


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    result = onetape(command, "--help")

    assert result.exit_code == 0
    assert f"onetape {command}" in result.output.partition("Example:")[2]


def test_the_help_lists_each_command_once_under_its_purpose() -> None:
    page = onetape("--help").stdout

    listed = re.findall(r"^  ([a-z-]+)  ", page.partition("To begin:")[2], re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)
    assert "Others:" not in page
    assert "Commands:" not in page
    assert page.index("Stop trading, and go on:") < page.index("\n  kill ") < page.index("Changes while it")


def test_the_help_of_import_states_the_stamp_rule() -> None:
    result = onetape("import", "--help")

    assert "The time of a bar is its END" in result.output


def test_the_version_is_printed() -> None:
    result = onetape("--version")

    assert (result.exit_code, result.output.split(",")[0]) == (0, "onetape")


def test_import_prints_a_line_for_each_stream(tmp_path: Path) -> None:
    result = onetape("import", SAMPLE, "--store", tmp_path / "s.db")

    lines = result.stdout.splitlines()
    assert lines[0] == (
        "stocks.csv.gz: Yahoo, 1d bars; time=Date, symbol=Ticker, open, high, low, close, volume; "
        "left: Adj Close; zone UTC"
    )
    assert lines[1].split() == ["stream", "rows", "new", "events", "first", "last"]
    assert lines[2].split()[:4] == ["aapl.1d", "3,270", "3,270", "3,270"]
    assert "12,154 rows read, 12,154 new" in lines
    assert len([line for line in lines if "looks like a split 2:1" in line]) == 3


def test_import_says_how_files_were_read_and_what_was_left_out(tmp_path: Path) -> None:
    header = "Date,Close/Last,Volume,Open,High,Low"
    rows = ("05/14/2024,$505.03,62550200,$504.15,$505.89,$499.55", "05/13/2024,$5,N/A,$5,$5,$5")
    for name in ("AAPL.csv", "SPY.csv"):
        (tmp_path / name).write_text("\n".join((header, rows[0], rows[0], *rows[1:], "End of data")), "utf-8")
    files = (tmp_path / "AAPL.csv", tmp_path / "SPY.csv")

    result = onetape("import", *files, "--store", tmp_path / "s.db", "--drop-duplicates")

    lines = result.stdout.splitlines()
    assert lines[0].startswith("AAPL.csv: Nasdaq.com, 1d bars; time=Date, open, high, low, close=Close/Last")
    assert "symbol SPY from the file's name; dates month first; newest row first" in lines[1]
    assert "8 rows read, 4 new, 2 remarks left out, 2 duplicates left out" in lines


def test_import_says_why_messages_of_a_feed_were_passed_over(tmp_path: Path) -> None:
    update = '{"e":"depthUpdate","s":"X","U":3,"u":4,"b":[],"a":[]}'
    (tmp_path / "x.txt").write_text(
        '1 {"e":"trade","s":"X","t":1,"p":"5","q":"1","m":true}\n'
        f'2 {update}\n3 {{"lastUpdateId":5,"bids":[["1","1"]],"asks":[["9","1"]]}}\n',
        "utf-8",
    )

    result = onetape("import", tmp_path / "x.txt", "--kind", "depth", "--store", tmp_path / "s.db")

    last = result.stdout.splitlines()[-1]
    assert last == "3 rows read, 2 new, 1 already in the order book skipped"


def test_import_shows_no_progress_bar_where_output_is_piped(tmp_path: Path) -> None:
    result = onetape("import", SAMPLE, "--store", tmp_path / "s.db")

    assert result.stderr == ""


def test_import_as_json_counts_everything(tmp_path: Path) -> None:
    path = write_bars(tmp_path, *GOOD_BARS, "2012-03-06,x,1,1,1,1")
    arguments = ("import", path, "--store", tmp_path / "s.db", "--symbol", "X", "--bad-rows", "quarantine")

    result = onetape(*arguments, "--json")

    answer = json.loads(result.stdout)
    counts = [answer[name] for name in ("row_count", "new_count", "bad_count", "quarantined_count")]
    assert counts == [4, 3, 1, 1]
    assert answer["bad_rows"][0]["line"] == 5


def test_import_puts_bad_rows_aside_and_says_so(tmp_path: Path) -> None:
    path = write_bars(tmp_path, *GOOD_BARS, "2012-03-06,x,1,1,1,1")
    arguments = ("import", path, "--store", tmp_path / "s.db", "--symbol", "X", "--bad-rows", "quarantine")

    result = onetape(*arguments)

    assert result.exit_code == 0
    assert "1 bad row quarantined (1 new)" in result.stdout
    assert "bars.csv, line 5: open is 'x'" in result.stdout
    assert "onetape log x.1d.quarantine" in result.stdout


def test_a_second_import_of_the_same_file_appends_nothing(store: Path) -> None:
    before = store_heads(store)

    result = onetape("import", SAMPLE, "--store", store, "--only", "GOOG", "--only", "FB")

    assert "0 new" in result.stdout
    assert store_heads(store) == before


def test_a_bad_row_is_refused_by_file_line_and_field_and_the_store_stays(store: Path, tmp_path: Path) -> None:
    before = store_heads(store)
    path = write_bars(tmp_path, *GOOD_BARS, "2012-03-06,10,12,9,13,100")

    result = onetape("import", path, "--store", store, "--symbol", "X")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("onetape: 1 bad row, so nothing was imported:")
    assert "bars.csv, line 5: close is '13', expected a price from low 9.0 to high 12.0" in result.stderr
    assert "add --bad-rows quarantine" in result.stderr
    assert store_heads(store) == before


def test_a_contradiction_is_refused_and_the_store_stays(store: Path, tmp_path: Path) -> None:
    before = store_heads(store)
    path = write_bars(tmp_path, "2004-08-19,10,12,9,11,100")

    result = onetape("import", path, "--store", store, "--symbol", "GOOG")

    assert result.exit_code == 1
    assert "bars.csv, line 2: open at 2004-08-19T23:59:59.999999999Z is 10.0 in the file" in result.stderr
    assert store_heads(store) == before


def test_a_refused_first_import_makes_no_store(tmp_path: Path) -> None:
    path = write_bars(tmp_path, "2012-03-06,10,12,9,13,100")

    onetape("import", path, "--store", tmp_path / "new.db", "--symbol", "X")

    assert not list(tmp_path.glob("new.db*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import"], "FILE"),
        (["import", "nowhere.csv"], "nowhere.csv"),
        (["import", SAMPLE, "--kind", "candles"], "candles"),
        (["import", SAMPLE, "--timeframe", "1x"], "1x"),
        (["import", SAMPLE, "--tz", "Mars/Olympus"], "Mars/Olympus"),
        (["import", SAMPLE, "--session", "9-5"], "9-5"),
        (["import", SAMPLE, "--column", "close"], "target=name"),
        (["import", SAMPLE, "--symbol", "A", "--only", "A"], "only"),
        (["import", SAMPLE, "--wat"], "--wat"),
        (["wat"], "wat"),
        (["streams", "--store", "nowhere.db"], "nowhere.db"),
        (["verify", "--store", "nowhere.db"], "nowhere.db"),
        (["log", "goog.1d", "--store", "nowhere.db"], "nowhere.db"),
        (["log"], "STREAM"),
        (["log", "goog.1d", "--from", "yesterday"], "yesterday"),
        (["log", "goog.1d", "--limit", "0"], "0"),
        (["log", "goog.1d", "--limit", "1", "--tail", "1"], "--tail"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)

    result = onetape(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("onetape: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["log", "tsla.1d"], ["verify", "tsla.1d"]])
def test_a_stream_that_is_not_there_is_named_with_those_that_are(store: Path, command: list[str]) -> None:
    result = onetape(*command, "--store", store)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "'tsla.1d'" in result.stderr
    assert "fb.1d, goog.1d" in result.stderr


def test_an_unknown_event_type_lists_the_known_ones(store: Path) -> None:
    result = onetape("log", "goog.1d", "--store", store, "--type", "Candle")

    assert result.exit_code == 2
    assert "'Candle' is not an event type; known are: Bar, Quote, Trade" in result.stderr


def test_a_file_that_is_no_store_is_an_error_and_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "prose.db"
    path.write_text("not a store")

    result = onetape("streams", "--store", path)

    assert result.exit_code == 1
    assert "prose.db" in result.stderr
    assert path.read_text() == "not a store"


def test_streams_are_listed_with_what_they_hold(store: Path) -> None:
    result = onetape("streams", "--store", store)

    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[:2] for line in lines[1:]] == [["fb.1d", "196"], ["goog.1d", "2,148"]]
    assert lines[2][4:6] == ["GOOG", "Bar"]


def test_streams_as_json_carry_the_whole_head_hash(store: Path) -> None:
    result = onetape("streams", "--store", store, "--json")

    answer = {info["stream"]: (info["last_seq"], info["head_hash"]) for info in json.loads(result.stdout)}
    assert answer == store_heads(store)


def test_log_prints_a_line_for_each_event(store: Path) -> None:
    result = onetape("log", "goog.1d", "--store", store, "--limit", "2")

    lines = result.stdout.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["1", "2004-08-19T23:59:59.999999999Z", "in", "Bar"],
        ["2", "2004-08-20T23:59:59.999999999Z", "in", "Bar"],
    ]


def test_log_as_json_names_every_field(store: Path) -> None:
    result = onetape("log", "goog.1d", "--store", store, "--limit", "1", "--json")

    assert json.loads(result.stdout) == {
        "seq": 1,
        "cause": 0,
        "type": "Bar",
        "ts": 1_092_959_999_999_999_999,
        "time": "2004-08-19T23:59:59.999999999Z",
        "symbol": "GOOG",
        "timeframe": "1d",
        "open": 100.01,
        "high": 104.06,
        "low": 95.96,
        "close": 100.335,
        "volume": 44_659_000.0,
        "open_ts": 1_092_873_600_000_000_000,
    }


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ([], 2148),
        (["--tail", "3"], 3),
        (["--tail", "5000"], 2148),
        (["--limit", "7"], 7),
        (["--from", "2012-01-01", "--to", "2012-12-31"], 250),
        (["--from", "2012-12-31", "--to", "2012-12-31"], 1),
        (["--to", "2012-12-31T12:00:00Z", "--from", "2012-12-31"], 0),
        (["--from", "2012-01-01", "--tail", "2"], 2),
        (["--symbol", "GOOG", "--type", "bar"], 2148),
        (["--symbol", "AAPL"], 0),
        (["--type", "Quote"], 0),
        (["--type", "Quote", "--tail", "2"], 0),
    ],
)
def test_log_prints_what_was_asked_for(store: Path, arguments: list[str], count: int) -> None:
    result = onetape("log", "goog.1d", "--store", store, "--json", *arguments)

    assert len(result.stdout.splitlines()) == count


def test_the_tail_of_a_log_is_its_end(store: Path) -> None:
    result = onetape("log", "goog.1d", "--store", store, "--json", "--tail", "2")

    assert [json.loads(line)["seq"] for line in result.stdout.splitlines()] == [2147, 2148]


def test_verify_finds_an_intact_store_intact(store: Path) -> None:
    result = onetape("verify", "--store", store)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "fb.1d: intact, 196 events",
        "fb.1d.facts: intact, 1 events",
        "goog.1d: intact, 2,148 events",
        "goog.1d.facts: intact, 1 events",
    ]


def test_verify_names_the_damaged_stream_and_the_first_bad_seq(store: Path) -> None:
    _flip_a_payload_byte(store, "goog.1d")

    result = onetape("verify", "--store", store)

    assert result.exit_code == 1
    assert "goog.1d: damaged from seq 1: " in result.stdout
    assert result.stderr == "onetape: stream 'goog.1d' is damaged from seq 1\n"


def test_verify_as_json_tells_damaged_from_intact(store: Path) -> None:
    _flip_a_payload_byte(store, "goog.1d")

    result = onetape("verify", "--store", store, "--json")

    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["intact"]) == (1, False)
    assert [(check["stream"], check["intact"]) for check in answer["streams"]] == [
        ("fb.1d", True),
        ("fb.1d.facts", True),
        ("goog.1d", False),
        ("goog.1d.facts", True),
    ]


def test_verify_of_one_stream_does_not_mind_another(store: Path) -> None:
    _flip_a_payload_byte(store, "goog.1d")

    result = onetape("verify", "--store", store, "fb.1d")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "fb.1d: intact, 196 events",
        "only the named streams were checked, not the file as a whole",
    ]


def test_verify_calls_nothing_intact_beside_a_failed_check(store: Path) -> None:
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("DELETE FROM stream WHERE name = 'fb.1d'")

    in_words = onetape("verify", "--store", store)
    in_json = onetape("verify", "--store", store, "--json")

    answer = json.loads(in_json.stdout)
    assert (in_words.exit_code, in_json.exit_code) == (1, 1)
    assert "intact" not in in_words.stdout
    assert "goog.1d: no damage found, 2,148 events" in in_words.stdout
    assert "blocks belong to no stream" in in_words.stdout
    assert answer["intact"] is False
    assert "blocks belong to no stream" in answer["file_damage"]


def test_verify_says_what_a_power_cut_may_have_taken(store: Path) -> None:
    witness = Witness.open_for_writing(store)
    assert witness is not None
    with closing(witness):
        witness.begin_unsynced_session("another boot")

    in_words = onetape("verify", "--store", store)
    in_json = onetape("verify", "--store", store, "--json")

    assert "the last commits may be missing" in in_words.stdout
    assert "event_store_may_lack_commits" in in_words.stderr
    assert "the last commits may be missing" in json.loads(in_json.stdout)["possible_loss"]


def test_log_of_a_damaged_stream_is_an_error(store: Path) -> None:
    _flip_a_payload_byte(store, "goog.1d")

    result = onetape("log", "goog.1d", "--store", store)

    assert result.exit_code == 1
    assert "onetape: stream 'goog.1d' is damaged from seq 1" in result.stderr


def _flip_a_payload_byte(store: Path, stream: str) -> None:
    connection = sqlite3.connect(store)
    try:
        query = (
            "SELECT id, payload FROM block WHERE (id >> 42) = (SELECT id FROM stream WHERE name = ?) LIMIT 1"
        )
        block, payload = connection.execute(query, (stream,)).fetchone()
        changed = bytearray(payload)
        changed[len(changed) // 2] ^= 1
        connection.execute("UPDATE block SET payload = ? WHERE id = ?", (bytes(changed), block))
        connection.commit()
    finally:
        connection.close()
