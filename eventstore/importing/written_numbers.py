"""Numbers as people write them: ``$1,234.50``, ``1.234,50``, ``62.55M``, ``N/A``.

``number_text`` turns one into the text that ``float`` and ``Decimal`` accept. A comma alone may be a decimal
separator or separate thousands; ``decimal_separator`` tells that from many numbers, never from one.
"""

import re
from collections.abc import Iterable
from decimal import Decimal

from kernel.errors import InputError

BLANKS = frozenset({"", "-", "--", "—", "n/a", "na", "#n/a", "null", "none", "nan", "nil", "."})
"""Fields that say that there is no value, in lower case."""

NO_PRICE = float(2**63 - 1)
"""The largest 64-bit integer: some vendors write it for a price that does not exist."""

_SUFFIXES = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_CURRENCY = re.compile(r"^([-+]?)\s*[$€£¥₹]\s*|\s*[$€£¥₹]$|^(?:USD|EUR|GBP)\s+|\s+(?:USD|EUR|GBP)$")
_PLAIN = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_GROUPED = {
    ".": re.compile(r"[-+]?\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?", re.ASCII),
    ",": re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+(?:,\d*)?", re.ASCII),
}
_SPACES = re.compile(r"(?<=\d)[\s\u00a0\u202f'\u2019](?=\d{3})")
_COMMA_DECIMALS = re.compile(r"[-+]?\d*,\d*", re.ASCII)


def is_blank(text: str) -> bool:
    """Whether a field says that there is no value."""
    return text.strip().lower() in BLANKS


def number_text(text: str, decimal: str) -> str | None:
    """The number as ``float`` accepts it, exactly; ``None`` if the text is not a number.

    ``decimal`` is the decimal separator. The suffixes K, M, B and T multiply, ``%`` divides by 100.
    """
    text = _SPACES.sub("", _CURRENCY.sub(r"\1", text.strip()))
    factor = Decimal(1)
    if text[-1:] == "%":
        text, factor = text[:-1].rstrip(), Decimal("0.01")
    elif text[-1:].lower() in _SUFFIXES and text[-2:-1].isdigit():
        text, factor = text[:-1], Decimal(_SUFFIXES[text[-1].lower()])
    text = _without_groups(text, decimal)
    if _PLAIN.fullmatch(text) is None:
        return None
    return text if factor == 1 else format(Decimal(text) * factor, "f")


def scaled_text(text: str, scale: Decimal) -> str:
    """A number in plain form, multiplied exactly. ``text`` is as ``number_text`` returns it."""
    return str(Decimal(text) * scale)


def decimal_separator(texts: Iterable[str]) -> str:
    """The decimal separator of a file's numbers, ``.`` if nothing shows it.

    Raises ``InputError`` if every number with a comma can be read both ways.
    """
    unclear = ""
    has_dot = False
    for raw in texts:
        text = _SPACES.sub("", _CURRENCY.sub(r"\1", raw.strip())).rstrip("%KkMmBbTt ")
        comma, dot = text.rfind(","), text.rfind(".")
        if text.count(".") > 1:
            return ","
        if comma < 0:
            has_dot = has_dot or (dot >= 0 and _GROUPED[","].fullmatch(text) is None)
        elif dot >= 0:
            return "," if comma > dot else "."
        elif text.count(",") > 1:
            has_dot = True  # two commas group thousands
        elif _COMMA_DECIMALS.fullmatch(text):
            if len(text) - comma != 4 or comma == 0 or text[:comma].lstrip("+-") in ("", "0"):
                return ","
            unclear = unclear or raw
    if unclear and not has_dot:
        raise InputError(
            f"{unclear!r} has a comma that may be decimal or separate thousands; "
            "say which with --decimal , or --decimal ."
        )
    return "."


def _without_groups(text: str, decimal: str) -> str:
    """The number with ``.`` as decimal separator and no separators of thousands."""
    if _GROUPED[decimal].fullmatch(text):
        text = text.replace("," if decimal == "." else ".", "")
    elif decimal == "," and "." in text:
        return ""  # a dot that separates no thousands
    return text.replace(",", ".") if decimal == "," else text
