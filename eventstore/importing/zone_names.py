"""Short names of time zones at the end of a stamp, such as ``2024-05-01 09:30:00 EST``.

Only names with one meaning have an offset here. CST is of Chicago and of Shanghai, IST of three countries,
and BST of two: they are refused.
"""

import re

from eventstore.importing.defects import RowDefect

_NAMED = re.compile(r"(:\d\d(?:\.\d+)?(?: ?[AP]M)?) ?(?!UTC|GMT)([A-Z]{3,5})", re.ASCII)
_HOURS = {
    "-08:00": ("PST",),
    "-07:00": ("PDT", "MST"),
    "-06:00": ("MDT",),
    "-05:00": ("CDT", "EST"),
    "-04:00": ("EDT",),
    "+00:00": ("WET",),
    "+01:00": ("WEST", "CET"),
    "+02:00": ("CEST", "EET"),
    "+03:00": ("EEST", "MSK"),
    "+08:00": ("HKT", "SGT"),
    "+09:00": ("JST", "KST"),
    "+10:00": ("AEST",),
    "+11:00": ("AEDT",),
}
_OFFSETS = {name: offset for offset, names in _HOURS.items() for name in names}


def with_offset(text: str) -> str:
    """The stamp with the offset of the zone that ends it; other stamps as they are.

    Raises ``RowDefect`` for a name that is unknown or has several meanings.
    """
    clock = text.find(":")
    match = None if clock < 0 or not text[-1:].isalpha() else _NAMED.search(text, clock)
    if match is None or match.end() != len(text):
        return text
    offset = _OFFSETS.get(match[2])
    if offset is None:
        expected = (
            f"an offset such as -05:00 in place of {match[2]}, which names no zone or several; or both of "
            f"--time-format '%Y-%m-%d %H:%M:%S {match[2]}' and --tz, such as America/Chicago"
        )
        raise RowDefect("time", text, expected=expected)
    return f"{text[: match.end(1)]}{offset}"
