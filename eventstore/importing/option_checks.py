"""Checks that options make sense together, before any file is opened."""

from eventstore.importing.intervals import intervals_of, session_hours
from eventstore.importing.local_time import LocalTime
from eventstore.importing.options import DataKind, DateOrder, ImportOptions, TimeUnit
from kernel.errors import InputError

_FOR_ROWS = (
    *("columns", "column", "delimiter", "time_format", "newest_first", "skip_lines", "sort"),
    *("drop_duplicates", "decimal", "price_scale", "layout"),
)
"""Options for files of rows; recorded messages do not use them."""

_BY_DAY = (DataKind.AUTO, DataKind.BARS, DataKind.CORPORATE_ACTIONS, DataKind.FX_RATES)
"""Kinds of data that may be stamped by a date alone."""

LONGEST_STREAM = 200
"""Characters. The store allows 255, and ``.quarantine`` must fit too."""


def checked(options: ImportOptions) -> ImportOptions:
    """Return the options. Raises ``InputError`` naming an option that does not fit the others."""
    if options.symbol and options.only:
        raise InputError("option only selects from a symbol column, so it cannot be used with option symbol")
    if options.adjusted and options.kind not in (DataKind.AUTO, DataKind.BARS):
        raise InputError(f"option adjusted is for bars, the kind is {options.kind.value}")
    if options.session and options.kind not in _BY_DAY:
        raise InputError(f"option session is for bars, the kind is {options.kind.value}")
    if options.time_format and options.time_unit is not TimeUnit.AUTO:
        raise InputError("options time_format and time_unit exclude each other")
    if "%Z" in options.time_format:
        raise InputError("option time_format has %Z, which gives no offset; use %z, or option tz instead")
    if len(options.delimiter) > 1 or options.delimiter in ('"', "\n", "\r"):
        raise InputError(f"option delimiter is {options.delimiter!r}, expected one character")
    if not options.stream.isprintable() or len(options.stream) > LONGEST_STREAM:
        raise InputError(f"option stream is {options.stream!r}, expected a printable name")
    if options.kind is DataKind.DEPTH:
        _check_messages(options)
    if options.skip_lines < 0:
        raise InputError(f"option skip_lines is {options.skip_lines}, expected 0 or more")
    if options.decimal not in ("", ".", ","):
        raise InputError(f"option decimal is {options.decimal!r}, expected a dot or a comma")
    if options.price_scale is not None and not (options.price_scale.is_finite() and options.price_scale > 0):
        raise InputError(
            f"option price_scale is {options.price_scale}, expected a factor above 0 such as 1e-9"
        )
    if options.newest_first and options.sort:
        raise InputError("options newest_first and sort exclude each other")
    if options.time_format and options.date_order is not DateOrder.AUTO:
        raise InputError("options time_format and date_order exclude each other")
    LocalTime(options.tz or "UTC")
    if options.session:
        session_hours(options.session)
    intervals_of(options)
    return options


def _check_messages(options: ImportOptions) -> None:
    given = [name for name in _FOR_ROWS if getattr(options, name)]
    if given or options.time_unit is not TimeUnit.AUTO:
        name = given[0] if given else "time_unit"
        raise InputError(f"option {name} is for files of rows, the kind is {options.kind.value}")
