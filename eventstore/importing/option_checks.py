"""Which options make sense together, told before any file is opened."""

from eventstore.importing.intervals import interval_rule, session_hours
from eventstore.importing.local_time import LocalTime
from eventstore.importing.options import DataKind, ImportOptions, TimeUnit
from kernel.errors import InputError

LONGEST_STREAM = 200
"""Characters; the store allows 255, and ``.quarantine`` must fit."""


def checked(options: ImportOptions) -> ImportOptions:
    """The options, if they make sense together; raises ``InputError`` naming the one that does not."""
    if options.symbol and options.only:
        raise InputError("option only picks from a symbol column, so it cannot go with a fixed symbol")
    if options.kind is not DataKind.BARS and (options.session or options.adjusted):
        name = "session" if options.session else "adjusted"
        raise InputError(f"option {name} is for bars, the kind is {options.kind.value}")
    if options.time_format and options.time_unit is not TimeUnit.AUTO:
        raise InputError("options time_format and time_unit exclude each other")
    if "%Z" in options.time_format:
        raise InputError("option time_format has %Z, which tells no offset; use %z, or leave it to option tz")
    if len(options.delimiter) > 1 or options.delimiter in ('"', "\n", "\r"):
        raise InputError(f"option delimiter is {options.delimiter!r}, expected one character")
    if not options.stream.isprintable() or len(options.stream) > LONGEST_STREAM:
        raise InputError(f"option stream is {options.stream!r}, expected a printable name")
    LocalTime(options.tz)
    if options.session:
        session_hours(options.session)
    interval_rule(options)
    return options
