"""The problems of a run in sentences for its result."""

from decimal import Decimal, InvalidOperation

from kernel.events import OrderDenied


def denial_text(denied: OrderDenied) -> str:
    """The reason of a denial, with the limit and the value that was seen, unless it names both itself."""
    named = sum(_is_number(word.strip("(),.:;")) for word in denied.reason.split())
    if named > 1 or not (_is_number(denied.limit) and _is_number(denied.value)):
        return denied.reason
    return f"{denied.reason} (limit {denied.limit}, value {denied.value})"


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
