"""Times of order book updates on recorded deltas: percentiles, in us.

python -m ops.bench.books ../shared/data/book/binance_usdm/btcusdt_20240808.gz

The component that builds order books gets every event. An update is one delta, with all levels that the venue
put into it. For each update the best of ``--rounds`` counts, which removes delays by other processes.
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter_ns

import click

from components.order_books.order_books import OrderBooks
from eventstore.importing import DataKind, ImportOptions, parse_files
from kernel.events import BookDelta, BookSnapshot
from ops.tables import TableConsole, plain_table, print_table

SIZES = ((1, 2), (3, 20), (21, 100), (101, 10_000))
"""Rows of the table: the least and most levels of an update."""


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rounds", default=5, show_default=True, help="Runs; the best time of each update counts.")
def books(file: Path, *, rounds: int) -> None:
    """Measure order book updates on a recorded stream (``onetape import --kind depth``)."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    events = _book_events(file)
    best = [min(times) for times in zip(*(_times(events) for _ in range(rounds)), strict=True)]
    measured = [
        (len(event.bids) + len(event.asks), ns / 1_000)
        for event, ns in zip(events, best, strict=True)
        if isinstance(event, BookDelta)
    ]
    table = plain_table("levels", "updates>", "p50 us>", "p95 us>", "p99 us>", "us a level>")
    for least, most in (*SIZES, (0, sys.maxsize)):
        part = [(levels, us) for levels, us in measured if least <= levels <= most]
        if part:
            name = "all" if most == sys.maxsize else f"{least} - {most}"
            table.add_row(name, f"{len(part):,}", *_figures(part))
    print_table(table, TableConsole())


def _book_events(file: Path) -> list[BookSnapshot | BookDelta]:
    with closing(parse_files([file], ImportOptions(kind=DataKind.DEPTH))) as parsed:
        return [
            event
            for lane in parsed.spool.lanes.values()
            for frame in parsed.spool.frames(lane)
            for event in frame.events
            if isinstance(event, BookSnapshot | BookDelta)
        ]


def _times(events: Sequence[BookSnapshot | BookDelta]) -> list[int]:
    """ns for each event."""
    component = OrderBooks()
    handlers = {each.event_type: each.handler for each in component.subscriptions()}
    times: list[int] = []
    gc.disable()
    for event in events:
        handle = handlers[type(event)]
        began = perf_counter_ns()
        handle(event)
        times.append(perf_counter_ns() - began)
    gc.enable()
    return times


def _figures(part: Sequence[tuple[int, float]]) -> tuple[str, ...]:
    times = sorted(us for _, us in part)
    levels = max(sum(count for count, _ in part), 1)
    quantiles = (times[min(int(len(times) * share), len(times) - 1)] for share in (0.5, 0.95, 0.99))
    return (*(f"{us:.1f}" for us in quantiles), f"{sum(times) / levels:.2f}")


if __name__ == "__main__":
    books()
