"""Files to import and what comes of them."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from eventstore.importing import ImportOptions, ParsedFiles, Recognised, parse_files
from kernel.events import Event

BARS_HEADER = "date,open,high,low,close,volume"
GOOD_BARS = ("2012-03-01,10,12,9,11,100", "2012-03-02,11,13,10,12,200", "2012-03-05,12,14,11,13,300")


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """A text file of these lines."""
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def write_bars(folder: Path, *rows: str, name: str = "bars.csv") -> Path:
    """A CSV file of daily bars."""
    return write_lines(folder / name, (BARS_HEADER, *rows))


def parsed_events(path: Path, options: ImportOptions) -> dict[str, list[Event]]:
    """The events of a file by stream."""
    with closing(parse_files([path], options)) as parsed:
        return spooled(parsed)


def recognised_events(path: Path, options: ImportOptions) -> tuple[dict[str, list[Event]], Recognised]:
    """The events of a file by stream, and how the file was read."""
    with closing(parse_files([path], options)) as parsed:
        (recognised,) = parsed.recognised
        return spooled(parsed), recognised


def spooled(parsed: ParsedFiles) -> dict[str, list[Event]]:
    """All spooled events by stream."""
    return {
        name: [event for frame in parsed.spool.frames(lane) for event in frame.events]
        for name, lane in parsed.spool.lanes.items()
    }
