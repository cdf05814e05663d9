"""Recorded streams to events: order of receipt, and books that hang together."""

import gzip
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from eventstore.importing import BadRows, BadRowsRefused, DataKind, ImportOptions, parse_files
from kernel.errors import InputError
from kernel.events import BookDelta, BookSnapshot, Event, FeedGapDetected, MessageQuarantined, Trade
from tests.eventstore.importing.files import parsed_events

DEPTH = ImportOptions(kind=DataKind.DEPTH)
Line = tuple[int, object]


def update(first: int, last: int, *, symbol: str = "X") -> object:
    return {"e": "depthUpdate", "s": symbol, "U": first, "u": last, "b": [[str(last), "1"]], "a": []}


def trade(number: int, *, symbol: str = "X") -> object:
    return {"e": "trade", "s": symbol, "t": number, "p": "5", "q": "1", "m": True}


def whole(last: int) -> object:
    return {"lastUpdateId": last, "bids": [["1", "1"]], "asks": [["9", "1"]]}


def write(path: Path, *lines: Line) -> Path:
    path.write_bytes(b"".join(b"%d %s\n" % (ts, msgspec.json.encode(content)) for ts, content in lines))
    return path


def read(path: Path, *lines: Line, options: ImportOptions = DEPTH) -> list[Event]:
    streams = parsed_events(write(path / "feed.txt", *lines), options)
    assert list(streams) == ["x.depth"]
    return streams["x.depth"]


def story(events: Sequence[Event]) -> list[str]:
    """Each event as its time and what it is."""
    told: list[str] = []
    for event in events:
        match event:
            case BookDelta():
                told.append(f"{event.ts} {event.previous_book_seq}-{event.book_seq}")
            case BookSnapshot():
                told.append(f"{event.ts} book {event.book_seq}")
            case FeedGapDetected():
                told.append(f"{event.ts} gap {event.last_feed_seq}-{event.next_feed_seq}")
            case _:
                told.append(f"{event.ts} {type(event).__name__}")
    return told


def test_updates_from_before_the_snapshot_follow_it_or_are_dropped(tmp_path: Path) -> None:
    events = read(
        tmp_path, (1, update(1, 3)), (2, update(4, 6)), (3, trade(1)), (4, whole(5)), (5, update(7, 8))
    )

    assert story(events) == ["3 Trade", "4 book 5", "4 3-6", "5 6-8"]


def test_a_snapshot_is_of_the_symbol_that_the_messages_name(tmp_path: Path) -> None:
    events = read(tmp_path, (1, trade(1)), (2, whole(5)))

    assert [getattr(event, "symbol", "") for event in events] == ["X", "X"]


def test_a_gap_that_a_later_snapshot_mends_is_marked(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        (1, trade(1)),
        (2, whole(5)),
        (3, update(6, 7)),
        (4, update(9, 10)),
        (5, update(11, 12)),
        (6, whole(11)),
        (7, update(13, 13)),
    )

    assert story(events) == ["1 Trade", "2 book 5", "3 5-7", "4 gap 7-10", "6 book 11", "6 10-12", "7 12-13"]


def test_a_gap_without_a_later_snapshot_is_left_as_it_came(tmp_path: Path) -> None:
    events = read(tmp_path, (1, trade(1)), (2, whole(5)), (3, update(9, 10)))

    assert story(events) == ["1 Trade", "2 book 5", "3 8-10"]


def test_a_snapshot_that_an_unbroken_book_is_beyond_is_passed_over(tmp_path: Path) -> None:
    events = read(tmp_path, (1, trade(1)), (2, whole(5)), (3, update(6, 9)), (4, whole(7)))

    assert story(events) == ["1 Trade", "2 book 5", "3 5-9"]


def test_a_file_without_a_snapshot_goes_on_from_the_one_before(tmp_path: Path) -> None:
    first = write(tmp_path / "1.txt", (1, trade(1)), (2, whole(5)), (3, update(6, 7)))
    second = write(tmp_path / "2.txt", (4, update(8, 9)), (5, update(10, 10)))

    with closing(parse_files([first, second], DEPTH)) as parsed:
        together = [e for frame in parsed.spool.frames(parsed.spool.lane("x.depth")) for e in frame.events]
    alone = parsed_events(second, DEPTH)["x.depth"]

    assert story(together) == ["1 Trade", "2 book 5", "3 5-7", "4 7-9", "5 9-10"]
    assert story(alone) == ["4 7-9", "5 9-10"]


def test_each_symbol_has_a_stream_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "feed.txt", (1, trade(1)), (2, trade(2, symbol="Y")), (3, update(1, 2)))

    assert list(parsed_events(path, DEPTH)) == ["x.depth", "y.depth"]


def test_other_symbols_than_those_asked_for_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "feed.txt", (1, trade(1)), (2, trade(2, symbol="Y")))

    with closing(parse_files([path], msgspec.structs.replace(DEPTH, only=("Y",)))) as parsed:
        assert (list(parsed.spool.lanes), parsed.row_count, parsed.skipped_count) == (["y.depth"], 2, 1)


def test_what_a_book_holds_already_is_not_counted_as_another_symbol(tmp_path: Path) -> None:
    aggregate: Line = (6, {"e": "aggTrade", "s": "X"})
    lines = [(1, trade(1)), (2, update(3, 4)), (3, update(5, 6)), (4, whole(5)), (5, update(6, 6)), aggregate]

    with closing(parse_files([write(tmp_path / "feed.txt", *lines)], DEPTH)) as parsed:
        counts = (parsed.skipped_count, parsed.superseded_count, parsed.foreign_count)

    assert counts == (0, 2, 1)


def test_a_symbol_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "feed.txt", (1, trade(1)))

    with pytest.raises(InputError, match=r"no messages of Z in feed\.txt, which has X"):
        parse_files([path], msgspec.structs.replace(DEPTH, only=("Z",)))


def test_the_one_symbol_of_a_file_can_be_given_another_name(tmp_path: Path) -> None:
    path = write(tmp_path / "feed.txt", (1, whole(5)), (2, update(6, 7)))

    streams = parsed_events(path, msgspec.structs.replace(DEPTH, symbol="X-PERP"))

    assert list(streams) == ["x-perp.depth"]
    assert {getattr(event, "symbol", "") for event in streams["x-perp.depth"]} == {"X-PERP"}


def test_a_second_symbol_cannot_take_the_name_of_the_first(tmp_path: Path) -> None:
    path = write(tmp_path / "feed.txt", (1, trade(1)), (2, trade(2, symbol="Y")))

    with pytest.raises(BadRowsRefused, match="s is 'Y', expected 'X'"):
        parse_files([path], msgspec.structs.replace(DEPTH, symbol="X-PERP"))


@pytest.mark.parametrize("before", [(), (trade(1), trade(2, symbol="Y"))])
def test_a_snapshot_that_could_be_of_any_symbol_is_refused(tmp_path: Path, before: Sequence[object]) -> None:
    path = write(tmp_path / "feed.txt", *((1, content) for content in before), (2, whole(5)))

    with pytest.raises(BadRowsRefused, match="a snapshot after messages of one symbol"):
        parse_files([path], DEPTH)


def test_updates_whose_snapshot_never_comes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "feed.txt", (1, update(1, 2)), (2, trade(1, symbol="Y")), (3, whole(5)))
    options = msgspec.structs.replace(DEPTH, bad_rows=BadRows.QUARANTINE)

    with pytest.raises(InputError, match=r"1 updates of X in feed\.txt have no snapshot"):
        parse_files([path], options)


def test_a_message_that_went_back_in_time_is_put_aside(tmp_path: Path) -> None:
    path = write(tmp_path / "feed.txt", (5, trade(1)), (4, trade(2)), (6, trade(3)))

    streams = parsed_events(path, msgspec.structs.replace(DEPTH, bad_rows=BadRows.QUARANTINE))

    assert [event.trade_id for event in streams["x.depth"] if isinstance(event, Trade)] == ["1", "3"]
    assert [type(event) for event in streams["x.depth.quarantine"]] == [MessageQuarantined]


def test_a_compressed_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    whole_file = gzip.compress(write(tmp_path / "feed.txt", *((n, trade(n)) for n in range(99))).read_bytes())
    path = tmp_path / "feed.gz"
    path.write_bytes(whole_file[:-20])

    with pytest.raises(InputError, match="damaged or cut short"):
        parse_files([path], DEPTH)


def test_a_file_without_messages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no messages"):
        parse_files([write(tmp_path / "feed.txt")], DEPTH)


@pytest.mark.parametrize("option", [{"delimiter": ";"}, {"newest_first": True}, {"time_format": "%Y"}])
def test_options_about_rows_do_not_go_with_messages(tmp_path: Path, option: dict[str, object]) -> None:
    path = write(tmp_path / "feed.txt", (1, trade(1)))
    options = msgspec.convert({"kind": "depth", **option}, ImportOptions)

    with pytest.raises(InputError, match=f"option {next(iter(option))} is for files of rows"):
        parse_files([path], options)
