"""Dates as people and terminals write them: ``05/02/2024 3:30 PM``, ``Apr 09, 2020``, ``02.01.2024``.

``iso_text`` turns such a stamp into the ISO form that ``timestamps`` parses; it decides nothing else. The
order of day and month is an argument: one stamp cannot tell it. ``order_evidence`` says what one stamp shows.
"""

import re

from eventstore.importing.options import DateOrder

_MONTH_TEXTS = (
    "jan",
    "feb fev fév",
    "mar mär mrz",
    "apr avr abr",
    "may mai mag mei",
    "jun",
    "jul",
    "aug ago aoû",
    "sep set",
    "oct okt ott out",
    "nov",
    "dec dez dic déc",
)
_MONTHS = {text: number for number, texts in enumerate(_MONTH_TEXTS, start=1) for text in texts.split()}
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +", re.IGNORECASE)
_NUMBERS = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d\d)(?!\d)", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?!\d)", re.ASCII)
_MONTH_DAY = re.compile(r"([^\W\d_]{3,9})\.? (\d{1,2}),? (\d{4})(?!\d)")
_DAY_MONTH = re.compile(r"(\d{1,2})\.?[- ]([^\W\d_]{3,9})\.?,?[- ](\d{4}|\d\d)(?!\d)")
_CLOCK = re.compile(
    r"(?:T|,? +)(\d{1,2}):?(\d\d)(?::?(\d\d)(?:[.,:](\d{1,9}))?)? ?([AP]\.?M\.?)?"
    r" ?(?:GMT|UTC)?(Z|[+-]\d\d:?(?:\d\d)?)?(?: (?:GMT|UTC))?",
    re.ASCII | re.IGNORECASE,
)
_COMPACT_FRACTION = re.compile(r"([T ]\d{6}) ?(\d{3}|\d{7})", re.ASCII)
_LAST_TWO_DIGIT_YEAR = 68  # as strptime's %y: 69 to 99 are of the last century


def order_evidence(text: str) -> DateOrder | None:
    """What a stamp shows: day first, month first, ``AUTO`` if both fit, ``None`` if it has no such date."""
    match = _NUMBERS.match(text.strip())
    if match is None:
        return None
    if int(match[1]) > 12:
        return DateOrder.DAY_FIRST
    if int(match[3]) > 12:
        return DateOrder.MONTH_FIRST
    # A date with dots has the day first wherever it is written.
    return DateOrder.DAY_FIRST if match[2] == "." else DateOrder.AUTO


def iso_text(text: str, order: DateOrder) -> str | None:
    """The stamp in ISO form; ``None`` if the text is not such a stamp or the order of its date is unknown."""
    text = text.strip()
    weekday = _WEEKDAY.match(text)
    if weekday is not None:
        text = text[weekday.end() :]
    found = _date(text, order)
    if found is None:
        return None
    day, end = found
    rest = text[end:]
    if not rest:
        return day
    clock = _clock(rest)
    return None if clock is None else f"{day} {clock}"


def _date(text: str, order: DateOrder) -> tuple[str, int] | None:
    """The date in ISO form, and its length in the text."""
    match = _NUMBERS.match(text)
    if match is not None:
        if order is DateOrder.AUTO:
            order = order_evidence(text) or order
        if order is DateOrder.AUTO:
            return None
        day, month = (match[1], match[3]) if order is DateOrder.DAY_FIRST else (match[3], match[1])
        return _iso_day(match[4], month=month, day=day), match.end()
    match = _YEAR_FIRST.match(text)
    if match is not None:
        return _iso_day(match[1], month=match[3], day=match[4]), match.end()
    match = _COMPACT.match(text)
    if match is not None:
        return _iso_day(match[1], month=match[2], day=match[3]), match.end()
    match = _MONTH_DAY.match(text)
    if match is not None:
        return _named_month(match[3], name=match[1], day=match[2], end=match.end())
    match = _DAY_MONTH.match(text)
    return None if match is None else _named_month(match[3], name=match[2], day=match[1], end=match.end())


def _named_month(year: str, *, name: str, day: str, end: int) -> tuple[str, int] | None:
    month = _MONTHS.get(name[:3].lower())
    return None if month is None else (_iso_day(year, month=str(month), day=day), end)


def _iso_day(year: str, *, month: str, day: str) -> str:
    if len(year) == 2:
        year = ("20" if int(year) <= _LAST_TWO_DIGIT_YEAR else "19") + year
    return f"{year}-{int(month):02d}-{int(day):02d}"


def _clock(text: str) -> str | None:
    compact = _COMPACT_FRACTION.fullmatch(text)
    match = _CLOCK.fullmatch(text if compact is None else f"{compact[1]}.{compact[2]}")
    if match is None:
        return None
    hour = int(match[1])
    if match[5]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[5][0] in "Pp" else 0)
    fraction = f".{match[4]}" if match[4] else ""
    zone = match[6] or ("Z" if re.search("GMT|UTC", text) else "")
    return f"{hour:02d}:{match[2]}:{match[3] or '00'}{fraction}{zone}"
