"""Messages of market streams to events: the venue's names and numbers, and what is wrong with a bad one."""

import msgspec
import pytest

from eventstore.importing.defects import RowDefect
from eventstore.importing.feed_messages import FeedEvent, FeedMessages
from kernel.events import AggressorSide, BookDelta, BookSnapshot, PriceLevel, Quote, Trade

MS = 1_000_000


def message(content: object, *, stamp: str = "1000") -> bytes:
    return stamp.encode() + b" " + msgspec.json.encode(content)


def parsed(content: object) -> FeedEvent | None:
    return FeedMessages().parse(message(content))


DEPTH = {"e": "depthUpdate", "E": 8, "s": "X", "U": 5, "u": 7, "b": [["9.5", "2"]], "a": [["10", "0.0"]]}
TICKER = {"u": 7, "s": "X", "b": "9.5", "B": "2", "a": "10", "A": "3"}
PRINT = {"e": "trade", "E": 8, "T": 6, "s": "X", "t": 44, "p": "9.5", "q": "0.25", "m": True}


def test_a_spot_update_follows_the_id_before_its_first() -> None:
    assert parsed({"stream": "x@depth", "data": DEPTH}) == BookDelta(
        1000, "X", (PriceLevel(9.5, 2.0),), (PriceLevel(10.0, 0.0),), 7, 4, 8 * MS
    )


def test_a_futures_update_follows_the_update_that_it_names() -> None:
    event = parsed({"stream": "x@depth", "data": {**DEPTH, "pu": 3, "T": 6}})

    assert isinstance(event, BookDelta)
    assert (event.previous_book_seq, event.book_seq, event.exchange_ts) == (3, 7, 6 * MS)


def test_a_message_without_the_envelope_of_a_combined_stream_is_understood() -> None:
    assert parsed(DEPTH) == parsed({"stream": "x@depth", "data": DEPTH})


def test_a_best_quote_needs_no_name_in_an_envelope() -> None:
    assert parsed({"stream": "x@bookTicker", "data": TICKER}) == Quote(1000, "X", 9.5, 10.0, 2.0, 3.0, 0)


def test_a_buyer_who_was_the_maker_was_hit_by_a_seller() -> None:
    assert parsed(PRINT) == Trade(1000, "X", 9.5, 0.25, AggressorSide.SELLER, "44", 6 * MS)
    assert parsed({**PRINT, "m": False}) == Trade(1000, "X", 9.5, 0.25, AggressorSide.BUYER, "44", 6 * MS)


def test_a_snapshot_keeps_its_number_and_has_no_symbol() -> None:
    content = {"lastUpdateId": 12, "bids": [["9", "1"]], "asks": []}

    assert parsed(content) == BookSnapshot(1000, "", (PriceLevel(9.0, 1.0),), (), 12, 0)


@pytest.mark.parametrize("content", [{**PRINT, "X": "INSURANCE_FUND"}, {"e": "kline", "s": "X"}])
def test_what_is_no_book_quote_or_market_trade_is_passed_over(content: object) -> None:
    assert parsed(content) is None


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({**PRINT, "p": "0"}, "p"),
        ({**PRINT, "q": "-1"}, "q"),
        ({**PRINT, "p": "nan"}, "p"),
        ({**PRINT, "p": "ten"}, "message"),
        ({**TICKER, "e": "bookTicker", "b": "11"}, "b"),
        ({**TICKER, "e": "bookTicker", "A": "-1"}, "B"),
        ({**DEPTH, "b": [["-1", "2"]]}, "b"),
        ({**DEPTH, "a": [["1", "inf"]]}, "a"),
        ({**DEPTH, "u": 4}, "u"),
        ({"e": "depthUpdate"}, "message"),
        ({"lastUpdateId": 12, "bids": [["9", "-1"]], "asks": []}, "bids"),
        ({"result": None}, "message"),
        ([1, 2], "message"),
    ],
)
def test_a_bad_message_names_the_field_that_is_wrong(content: object, field: str) -> None:
    with pytest.raises(RowDefect) as raised:
        parsed(content)

    assert raised.value.field == field


@pytest.mark.parametrize("line", [b"{}", b"12x {}", b"-5 {}", b"99999999999999999999 {}", b"1000{}"])
def test_a_line_must_begin_with_its_time_of_receipt(line: bytes) -> None:
    with pytest.raises(RowDefect, match="time"):
        FeedMessages().parse(line)


@pytest.mark.parametrize("line", [b"1000 {", b"1000 \xff", b'1000 {"e": 5}'])
def test_what_is_no_message_is_a_defect(line: bytes) -> None:
    with pytest.raises(RowDefect, match="message"):
        FeedMessages().parse(line)


def test_prices_below_zero_are_taken_where_told_so() -> None:
    event = FeedMessages(floor=-float("inf")).parse(message({**PRINT, "p": "-3"}))

    assert isinstance(event, Trade)
    assert event.price == -3.0
