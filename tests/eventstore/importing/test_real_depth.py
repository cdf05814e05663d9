"""Recorded streams of a real venue: nothing is missing, and the books agree with the venue's own quotes."""

import gzip
from contextlib import closing
from functools import cache
from pathlib import Path

import msgspec
import pytest

from components.order_books.book import Book
from components.order_books.order_books import OrderBooks
from eventstore.importing import DataKind, ImportOptions, parse_files
from kernel.events import BookDelta, BookSnapshot, Event

FUTURES = ("binance_usdm/btcusdt_20240808.gz",)
SPOT = ("binance_spot/btcusdt_20240808.gz", "binance_spot/btcusdt_20240809.gz")


@cache
def events_of(folder: Path, names: tuple[str, ...]) -> list[Event]:
    """What the files hold; parsed once for all tests."""
    paths = [folder / name for name in names]
    with closing(parse_files(paths, ImportOptions(kind=DataKind.DEPTH))) as parsed:
        assert parsed.bad_count == 0
        (lane,) = parsed.spool.lanes.values()
        return [event for frame in parsed.spool.frames(lane) for event in frame.events]


@cache
def messages_of(folder: Path, names: tuple[str, ...]) -> list[dict[str, object]]:
    """The messages as they were recorded, in order of receipt."""
    return [
        msgspec.json.decode(line.partition(b" ")[2])
        for name in names
        for line in gzip.decompress((folder / name).read_bytes()).splitlines()
    ]


def built(events: list[Event]) -> tuple[Book, dict[int, tuple[float | None, ...]]]:
    """The final book; and by update id the best prices and sizes then."""
    books = OrderBooks()
    best: dict[int, tuple[float | None, ...]] = {}
    for event in events:
        if isinstance(event, BookSnapshot):
            books.on_snapshot(event)
        elif isinstance(event, BookDelta):
            assert books.on_delta(event) is None, f"a gap at {event.book_seq}"
        else:
            continue
        book = books.book("BTCUSDT")
        assert book is not None, f"crossed at {event.book_seq}"
        best[book.book_seq] = (book.best_bid, book.bid_size, book.best_ask, book.ask_size)
    final = books.book("BTCUSDT")
    assert final is not None
    return final, best


@pytest.mark.slow
@pytest.mark.parametrize("names", [FUTURES, SPOT])
def test_the_final_book_is_the_naive_fold_of_the_recorded_messages(
    shared_data: Path, names: tuple[str, ...]
) -> None:
    sides: dict[str, dict[float, float]] = {"b": {}, "a": {}}
    messages = messages_of(shared_data / "book", names)
    whole = next(message for message in messages if "lastUpdateId" in message)
    snapshot = msgspec.convert(whole, dict[str, object])
    for key, name in (("b", "bids"), ("a", "asks")):
        for price, size in msgspec.convert(snapshot[name], list[tuple[float, float]], strict=False):
            sides[key][price] = size
    for message in messages:
        data = msgspec.convert(message.get("data", {}), dict[str, object])
        if data.get("e") == "depthUpdate" and data["u"] > whole["lastUpdateId"]:  # type: ignore[operator]  # both are numbers
            for key in ("b", "a"):
                for price, size in msgspec.convert(data[key], list[tuple[float, float]], strict=False):
                    if size:
                        sides[key][price] = size
                    else:
                        sides[key].pop(price, None)

    book, _ = built(events_of(shared_data / "book", names))

    assert list(book.bids()) == sorted(sides["b"].items(), reverse=True)
    assert list(book.asks()) == sorted(sides["a"].items())


@pytest.mark.slow
@pytest.mark.parametrize(("names", "least"), [(FUTURES, 100), (SPOT, 10)])
def test_best_prices_agree_with_the_venues_own_quotes_where_their_ids_coincide(
    shared_data: Path, names: tuple[str, ...], least: int
) -> None:
    """The quotes are another stream of the venue's: nobody here had a hand in them."""
    quoted: dict[int, tuple[float, ...]] = {}
    for message in messages_of(shared_data / "book", names):
        if str(message.get("stream", "")).endswith("bookTicker"):
            data = msgspec.convert(message["data"], dict[str, object])
            seen = [float(str(data[key])) for key in ("b", "B", "a", "A")]
            quoted[int(str(data["u"]))] = tuple(seen)

    _, best = built(events_of(shared_data / "book", names))

    common = [seq for seq in best if seq in quoted]
    assert len(common) >= least
    assert [best[seq] for seq in common] == [quoted[seq] for seq in common]
