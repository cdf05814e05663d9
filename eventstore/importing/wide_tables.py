"""Tables with a column for each price and symbol, as ``yfinance.download().to_csv()`` writes them.

Three header lines: the names of the prices, the symbols below them, and the name of the index. The table
becomes rows of one symbol each. A symbol without values in a row has no row there.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from eventstore.importing.columns import plain_name
from eventstore.importing.text_rows import Row
from eventstore.importing.written_numbers import is_blank

_PRICE_CORNERS = ("price", "attributes", "")
_SYMBOL_CORNERS = ("ticker", "symbols", "symbol", "")
_INDEX_NAMES = ("date", "datetime", "index", "timestamp")
_PRICE_NAMES = ("open", "high", "low", "close")


class WideTable(msgspec.Struct, frozen=True):
    """``places`` holds, for each symbol, the places of the columns ``names`` in a row; -1 if it has none."""

    names: tuple[str, ...]
    places: tuple[tuple[str, tuple[int, ...]], ...]
    last_header_line: int

    @property
    def row_names(self) -> tuple[str, ...]:
        """The columns of the rows that ``unfolded`` makes."""
        return ("Date", "Symbol", *self.names)

    def unfolded(self, rows: Iterable[Row]) -> Iterator[Row]:
        """A row for each symbol that has values in a row of the table."""
        width = 1 + max(max(places) for _, places in self.places)
        for number, fields, text in rows:
            if not isinstance(fields, list) or len(fields) < width:
                yield number, fields, text
                continue
            for symbol, places in self.places:
                values = [fields[place] if place >= 0 else "" for place in places]
                if not all(map(is_blank, values)):
                    yield number, [fields[0], symbol, *values], text


def wide_table(lines: Sequence[tuple[int, Sequence[str]]]) -> WideTable | None:
    """The table that a file's first lines begin; ``None`` if it is another one."""
    if len(lines) < 3:
        return None
    (_, first), (_, second), (number, third) = lines[:3]
    if plain_name(third[0]) not in _INDEX_NAMES or any(field.strip() for field in third[1:]):
        return None
    if len(first) != len(second) or len(first) < 5:
        return None
    prices, symbols = first, second
    if plain_name(first[0]) in ("ticker", "symbols") or _has_prices(second):
        prices, symbols = second, first
    if plain_name(prices[0]) not in _PRICE_CORNERS or plain_name(symbols[0]) not in _SYMBOL_CORNERS:
        return None
    if not _has_prices(prices):
        return None
    names = tuple(dict.fromkeys(name.strip() for name in prices[1:]))
    by_symbol: dict[str, dict[str, int]] = {}
    for place, (name, symbol) in enumerate(zip(prices, symbols, strict=True)):
        if place:
            by_symbol.setdefault(symbol.strip(), {})[name.strip()] = place
    places = tuple(
        (symbol, tuple(found.get(name, -1) for name in names)) for symbol, found in by_symbol.items()
    )
    return WideTable(names, places, number)


def _has_prices(names: Sequence[str]) -> bool:
    return {*_PRICE_NAMES} <= {plain_name(name) for name in names}
