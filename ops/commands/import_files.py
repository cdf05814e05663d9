"""``onetape import``: imports market data files into the store."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

import click
import msgspec
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from eventstore.importing import (
    BadRows,
    BadRowsRefused,
    DataKind,
    DateOrder,
    ImportOptions,
    ImportResult,
    Label,
    ParsedFiles,
    TimeUnit,
    append_parsed,
    parse_files,
)
from eventstore.importing import Progress as ImportProgress
from eventstore.importing.defects import listing
from eventstore.importing.importer import Stored
from eventstore.importing.option_checks import checked
from eventstore.importing.replacing import Replacement
from eventstore.moments import iso_utc
from eventstore.stream_keys import QUARANTINE_SUFFIX
from kernel.errors import InputError, OnetapeError, StoreError
from ops.event_loop import run
from ops.store_file import existing_store, new_or_existing_store, store_option, with_store
from ops.tables import TableConsole, print_rows
from replay.rows import Rows, number, text

_KEEP_THE_OTHERS = (
    "\nTo import the other rows, add --bad-rows quarantine: each bad row is then kept in NAME.quarantine"
)


class ImportStopped(OnetapeError):
    """An import ended before all rows were in. It can be continued."""


class ColumnName(click.ParamType[tuple[str, str]]):
    """``target=name``: the name of the column for a target."""

    name = "target=name"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """(target, name); an empty name means that the file has no such column."""
        target, equals, name = str(value).partition("=")
        if not equals:
            self.fail(f"{value!r} is not target=name, such as close='Adj Close'", param, ctx)
        return target.strip().lower(), name


class NameList(click.ParamType[tuple[str, ...]]):
    """Names separated by commas."""

    name = "names"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names, stripped."""
        del param, ctx
        return tuple(name.strip() for name in str(value).split(",")) if value else ()


class Delimiter(click.ParamType[str]):
    """One character, or ``tab``."""

    name = "character"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The character itself."""
        del param, ctx
        return "\t" if value in ("tab", "\\t") else str(value)


def _choice(
    enum: type[DataKind] | type[Label] | type[BadRows] | type[TimeUnit] | type[DateOrder],
) -> click.Choice[str]:
    return click.Choice([member.value for member in enum])


@click.command("import")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE...",
)
@store_option
@click.option(
    "--kind", type=_choice(DataKind), default="auto", help="Kind of data.  [default: from the columns]"
)
@click.option(
    "--symbol",
    default="",
    help="The symbol of every row.  [default: from a column, a header line or the file's name]",
)
@click.option("--only", multiple=True, help="Import only this symbol of the symbol column; may be repeated.")
@click.option(
    "--timeframe",
    default="",
    help="Of bars: a count and s, m, h, d, w, mo or y.  [default: from the layout or the distance of stamps]",
)
@click.option(
    "--tz", default="", help="Time zone of stamps without one.  [default: from the layout, else UTC]"
)
@click.option(
    "--label",
    type=_choice(Label),
    help="The end of a bar that its stamp marks.  [default: from the layout, else open]",
)
@click.option(
    "--layout", default="", help="A known layout, or 'none'.  [default: the first one that fits the file]"
)
@click.option("--skip-lines", type=click.IntRange(min=0), default=0, help="Leave out lines at the beginning.")
@click.option(
    "--session", default="", help="Local trading hours of rows stamped by date, such as 09:30-16:00."
)
@click.option(
    "--adjusted", is_flag=True, help="Scale prices by adjusted close / close, volume by its inverse."
)
@click.option(
    "--column",
    "column",
    multiple=True,
    type=ColumnName(),
    help="Name a column, such as close='Adj Close'; an empty name ignores it.",
)
@click.option(
    "--columns",
    type=NameList(),
    default="",
    help="Column names, comma separated, of a file without a header line.",
)
@click.option(
    "--delimiter",
    type=Delimiter(),
    default="",
    help="One character, or 'tab'; found from the first lines if not given.",
)
@click.option("--time-format", default="", help="A strptime format, such as '%d.%m.%Y %H:%M'.")
@click.option(
    "--time-unit", type=_choice(TimeUnit), default="auto", show_default=True, help="Unit of numeric stamps."
)
@click.option(
    "--date-order",
    type=_choice(DateOrder),
    default="auto",
    help="Of day and month in dates such as 05/02/2024.  [default: from the file]",
)
@click.option("--decimal", default="", help="Decimal separator, '.' or ','.  [default: from the file]")
@click.option(
    "--price-scale",
    help="A factor for prices, such as 1e-9 for whole numbers.  [default: from the layout, else 1]",
)
@click.option(
    "--newest-first", is_flag=True, help="The file begins with its newest row; told from most files."
)
@click.option("--sort", is_flag=True, help="Put the rows of all files in order of time (in memory).")
@click.option("--drop-duplicates", is_flag=True, help="Leave out rows that equal one with the same time.")
@click.option(
    "--stream", default="", help="Append everything to this stream.  [default: one per symbol, goog.1d]"
)
@click.option(
    "--bad-rows",
    type=_choice(BadRows),
    default="refuse",
    show_default=True,
    help="Refuse the files, or quarantine bad rows.",
)
@click.option("--allow-nonpositive", is_flag=True, help="Accept prices of 0 and below.")
@click.option(
    "--replace", is_flag=True, help="Where the files contradict the stream, take their rows instead of its."
)
@click.option("--reason", default="", help="Why rows are replaced; kept with the record of it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def import_command(
    files: tuple[Path, ...],
    *,
    store_path: Path,
    replace: bool,
    reason: str,
    as_json: bool,
    **import_options: object,
) -> None:
    """Import market data: CSV, Parquet, Feather, Excel, JSON; compressed or in a zip file.

    The files of many vendors are recognised; the first line of the result says how each file was read, and
    every guess in it can be overruled by an option. See docs/importing.md.

    Several files are read in the order given, as if they were one. Every row is checked before any is
    appended. With --bad-rows refuse, one bad row means that nothing is imported. With quarantine, bad rows
    are kept in the stream NAME.quarantine and good rows are imported. Importing the same file again appends
    nothing; a longer file appends its new rows; a file that contradicts the stream is refused. With --replace
    its rows replace those of the stream from its first to its last time, in one step; the old events are set
    aside (onetape streams history), so runs that read them still verify.

    The time of a bar is its END, when it is known. --label says which end the file's stamp marks; if it
    is the open, the bar's time is stamp + timeframe. A daily bar stamped by date is known at the end of its
    day in --tz, or at the close of --session.

    A corporate action (columns ex_date, type, and ratio, amount or value; optionally currency, new_symbol,
    pay_date) takes effect at the beginning of its ex-date in --tz, or at the open of --session. Import the
    bars with the same --tz and --session. A replay plays its stream (goog.actions) with the bars.

    With --kind depth the files hold recorded market streams of Binance, one message in each line: the time
    of receipt in ns, a space, the JSON. Order book snapshots and updates, trades and best quotes go into one
    stream per symbol (btcusdt.depth), in order of receipt. --symbol gives the
    file's only symbol another name.

    Exit code 0: done. 1: refused, nothing changed. 2: wrong usage.

    \b
    Example:
      onetape import AAPL.csv
      onetape import stocks.csv.gz --only GOOG --tz America/New_York --session 09:30-16:00
      onetape import spy.csv --symbol SPY --timeframe 1m --label close \\
          --columns time,open,high,low,close,volume
      onetape import ticks.parquet --kind quotes --symbol EURUSD
      onetape import btcusdt.gz --kind depth --symbol BTCUSDT-PERP
      onetape import actions.csv --kind corporate-actions --tz America/New_York --session 09:30-16:00
      onetape import ecb.csv --kind fx-rates --symbol EURUSD
    """
    options = _options(import_options)
    replacement = Replacement(time.time_ns(), reason) if replace else None
    result = _import(files, options, store_path=store_path, replacement=replacement)
    result = msgspec.structs.replace(
        result, notes=tuple(with_store(note, store_path) for note in result.notes)
    )
    if as_json:
        click.echo(msgspec.json.encode(result).decode())
    else:
        _print_result(result, TableConsole(), store_path=store_path)


def _options(values: Mapping[str, object]) -> ImportOptions:
    """The options of the command line. Each has the name of its field in ``ImportOptions``."""
    try:
        return checked(msgspec.convert(values, ImportOptions, strict=False))
    except (InputError, msgspec.ValidationError) as error:
        raise click.UsageError(str(error)) from error


def _import(
    files: tuple[Path, ...], options: ImportOptions, *, store_path: Path, replacement: Replacement | None
) -> ImportResult:
    """Parse, then open the store: a refused file must not leave a new, empty store."""
    with _progress_bar() as report:
        try:
            parsed = parse_files(files, options, on_progress=report)
        except KeyboardInterrupt:
            raise ImportStopped("interrupted while the files were read; nothing was imported") from None
        except BadRowsRefused as error:
            raise error.with_advice(_KEEP_THE_OTHERS) from None
        try:
            return append_to_store(store_path, parsed, report=report, replacement=replacement)
        finally:
            parsed.close()


def append_to_store(
    path: Path,
    parsed: ParsedFiles,
    *,
    report: Callable[[ImportProgress], None],
    replacement: Replacement | None,
) -> ImportResult:
    """Append parsed files. Raises ``ImportStopped`` if it was interrupted or the store failed on the way."""
    stored = Stored()

    async def append() -> ImportResult:
        async with new_or_existing_store(path) as store:
            return await append_parsed(
                store, parsed, on_progress=report, replacement=replacement, stored=stored
            )

    try:
        return run(append())
    except KeyboardInterrupt:
        raise ImportStopped(_how_far(path, stored, "interrupted")) from None
    except InputError as error:
        raise InputError(with_store(str(error), path)) from error
    except StoreError as error:
        if not stored.before:
            raise  # it never began
        raise ImportStopped(_how_far(path, stored, str(error))) from error


def _how_far(path: Path, stored: Stored, why: str) -> str:
    """First the rows that are in the store: ``why`` may say that the last of them were not written."""
    if not stored.before:
        return f"{why}; nothing was imported"
    try:
        count = f"{run(_count_new(path, stored)):,}"
    except StoreError:
        count = "an unknown number"
    return (
        f"{count} of {stored.total:,} new rows are in {path}, then it stopped: {why}. Give the same command "
        "again to import the rest: rows that are in are left out"
    )


async def _count_new(path: Path, stored: Stored) -> int:
    async with existing_store(path) as store:
        return sum([(await store.head(name)).seq - seq for name, seq in stored.before.items()])


@contextmanager
def _progress_bar() -> Generator[Callable[[ImportProgress], None]]:
    """A progress bar on stderr, shown only on a terminal."""
    console = TableConsole(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        tasks = {
            stage: bar.add_task(stage, total=None, visible=stage == "reading")
            for stage in ("reading", "storing")
        }
        yield lambda progress: bar.update(
            tasks[progress.stage], completed=progress.done, total=progress.total, visible=True
        )


def _print_result(result: ImportResult, console: TableConsole, *, store_path: Path) -> None:
    for line, files in _recognised_lines(result):
        more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
        click.echo(f"{files[0]}{more}: {line}")
    print_rows(_stream_rows(result), console, all_with="piped output has all")
    parts = [
        f"{result.row_count:,} {'row' if result.row_count == 1 else 'rows'} read",
        f"{result.new_count:,} new",
    ]
    replaced = sum(stream.replaced_count for stream in result.streams)
    if replaced:
        parts.append(f"in place of {replaced:,}")
    if result.skipped_count:
        parts.append(f"{result.skipped_count:,} of other symbols skipped")
    if result.superseded_count:
        parts.append(f"{result.superseded_count:,} already in the order book skipped")
    if result.foreign_count:
        parts.append(f"{result.foreign_count:,} of other kinds of message skipped")
    parts.extend(f"{count:,} {reason} left out" for reason, count in result.left_out)
    click.echo(", ".join(parts))
    if result.bad_count:
        rows = "row" if result.bad_count == 1 else "rows"
        click.echo(f"{result.bad_count:,} bad {rows} quarantined ({result.quarantined_count:,} new):")
        click.echo(listing(result.bad_causes, count=result.bad_count))
        kept = [stream.stream for stream in result.streams if stream.stream.endswith(QUARANTINE_SUFFIX)]
        command = with_store(f"onetape log {quote(kept[0])}", store_path) if kept else ""
        click.echo(f"each of them, with its text: {command}" if kept else "")
    for note in result.notes:
        click.echo(f"note: {note}")


def _stream_rows(result: ImportResult) -> Rows:
    """A row for each stream."""
    columns = (
        text("stream"), number("rows", rank=4), number("new"), number("events", rank=3),
        text("first", rank=2), text("last", rank=1),
    )  # fmt: skip
    rows = tuple(
        (
            stream.stream,
            f"{stream.row_count:,}",
            f"{stream.new_count:,}",
            f"{stream.last_seq:,}",
            f"{iso_utc(stream.first_ts)[:19]}Z",  # to the second
            f"{iso_utc(stream.last_ts)[:19]}Z",
        )
        for stream in result.streams
    )
    return Rows("Streams", columns, rows)


def _recognised_lines(result: ImportResult) -> list[tuple[str, list[str]]]:
    """(how they were read, files) in order; files that were read alike have one line."""
    found: dict[str, list[str]] = {}
    for each in result.recognised:
        found.setdefault(each.line, []).append(each.file)
    return list(found.items())
