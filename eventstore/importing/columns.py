"""Finds the columns of a file, by their usual names or as the options say."""

import re
from collections.abc import Sequence

import msgspec

from eventstore.importing.options import DataKind, ImportOptions
from kernel.errors import InputError

_TIME = ("timestamp", "datetime", "time", "date", "ts", "dtyyyymmdd", "indexlevel0")
_COMMON = {
    "time": (*_TIME, "gmttime", "utctime", "localtime", "opentime", "starttime", "begintime"),
    "symbol": ("symbol", "ticker", "instrument", "sym"),
    "exchange_time": ("exchangetime", "exchangets", "exchangetimestamp", "eventtime"),
}
_NAMES: dict[DataKind, dict[str, tuple[str, ...]]] = {
    DataKind.BARS: {
        **{target: _COMMON[target] for target in ("time", "symbol")},
        "open": ("open", "o"),
        "high": ("high", "h"),
        "low": ("low", "l"),
        "close": ("close", "c"),
        "volume": ("volume", "vol", "v"),
        "adj_close": ("adjclose", "adjustedclose", "closeadj", "closeadjusted"),
    },
    DataKind.QUOTES: {
        **_COMMON,
        "bid": ("bid", "bidprice", "bidpx", "bestbid", "bestbidprice"),
        "ask": ("ask", "askprice", "askpx", "offer", "bestask", "bestaskprice"),
        "bid_size": ("bidsize", "bidqty", "bidquantity", "bidvolume", "bestbidsize", "bestbidqty"),
        "ask_size": (
            "asksize",
            "askqty",
            "askquantity",
            "askvolume",
            "offersize",
            "bestasksize",
            "bestaskqty",
        ),
    },
    DataKind.TRADES: {
        **_COMMON,
        "price": ("price", "px", "tradeprice", "last"),
        "size": ("size", "qty", "quantity", "amount", "volume", "vol"),
        "aggressor": ("aggressor", "aggressorside", "side", "takerside"),
        "trade_id": ("tradeid", "id"),
    },
    DataKind.CORPORATE_ACTIONS: {
        "time": ("exdate", "exdividenddate", "effectivedate", *_TIME),
        "symbol": _COMMON["symbol"],
        "type": ("type", "kind", "action"),
        "ratio": ("ratio", "splitratio"),
        "amount": ("amount", "dividend", "cash"),
        "value": ("value",),
        "currency": ("currency",),
        "new_symbol": ("newsymbol", "newticker"),
        "pay_date": ("paydate", "paymentdate"),
        "cost_fraction": ("costfraction", "costshare"),
    },
    DataKind.FX_RATES: {
        "time": _COMMON["time"],
        "symbol": (*_COMMON["symbol"], "pair", "currencypair"),
        "base": ("base", "basecurrency", "from", "fromcurrency"),
        "quote": ("quote", "quotecurrency", "to", "tocurrency"),
        "rate": ("rate", "fxrate", "exchangerate", "close", "price"),
    },
    DataKind.FUNDING_RATES: {
        "time": (*_COMMON["time"], "fundingtime"),
        "symbol": _COMMON["symbol"],
        "rate": ("rate", "fundingrate"),
        "due": ("due", "duetime", "nextfundingtime"),
    },
}
_REQUIRED = {
    DataKind.BARS: ("time", "open", "high", "low", "close"),
    DataKind.QUOTES: ("time", "bid", "ask"),
    DataKind.TRADES: ("time", "price", "size"),
    DataKind.CORPORATE_ACTIONS: ("time", "type"),
    DataKind.FX_RATES: ("time", "rate"),
    DataKind.FUNDING_RATES: ("time", "rate"),
}
_DAY_NAMES = ("date", "day", "dtyyyymmdd")
_CLOCK_NAMES = ("time", "timeofday")


class Columns(msgspec.Struct, frozen=True):
    """Places of the columns in a row; -1 if the file does not have the column.

    ``clock`` is the column with the time of day, if date and time of day have separate columns.
    """

    names: tuple[str, ...]
    places: dict[str, int]
    clock: int = -1

    def place(self, target: str) -> int:
        """Index of the column for a target, or -1."""
        return self.places.get(target, -1)

    def symbol(self, fields: Sequence[str], *, fallback: str) -> str:
        """The symbol in a row, or its two currencies joined; ``fallback`` if there are no such columns."""
        place = self.place("symbol")
        if place >= 0:
            return fields[place].strip()
        base, quote = self.place("base"), self.place("quote")
        return fields[base].strip() + fields[quote].strip() if base >= 0 and quote >= 0 else fallback

    def name(self, target: str) -> str:
        """The file's own name of the column for a target, for messages."""
        place = self.place(target)
        return (self.names[place] or target) if place >= 0 else target


def resolve_columns(names: Sequence[str], options: ImportOptions) -> Columns:
    """Find every column that the options' kind of data needs.

    Raises ``InputError`` naming columns that are missing, ambiguous or contradict the options.
    """
    known = _NAMES[options.kind]
    places = _told_places(names, options, known=tuple(known))
    taken = {target for target, _ in options.column}
    clock = -1
    if "time" not in taken:
        places["time"], clock = _time_places(names, known["time"])
    for target, aliases in known.items():
        if target not in taken and target != "time":
            places[target] = _detected_place(names, target, aliases=aliases)
    columns = Columns(tuple(names), places, clock)
    _check_complete(columns, options)
    _check_symbol(columns, options)
    return columns


def _told_places(names: Sequence[str], options: ImportOptions, *, known: tuple[str, ...]) -> dict[str, int]:
    places: dict[str, int] = {}
    for target, name in options.column:
        if target not in known:
            raise InputError(f"column target is {target!r}, expected one of {', '.join(known)}")
        if name and name not in names:
            raise InputError(f"column {name!r} (for {target}) is not in the file, which has {_listed(names)}")
        places[target] = names.index(name) if name else -1
    return places


def _detected_place(names: Sequence[str], target: str, *, aliases: tuple[str, ...]) -> int:
    plain = [_plain(name) for name in names]
    for alias in aliases:
        found = [place for place, name in enumerate(plain) if name == alias]
        if len(found) > 1:
            both = " and ".join(repr(names[place]) for place in found)
            raise InputError(f"columns {both} both look like {target}; say which: {target}=NAME")
        if found:
            return found[0]
    return -1


def _time_places(names: Sequence[str], aliases: tuple[str, ...]) -> tuple[int, int]:
    """Places of the date (or whole stamp) and of a separate time of day; -1 if there is none."""
    whole = _detected_place(names, "time", aliases=("timestamp", "datetime"))
    day = _detected_place(names, "time", aliases=_DAY_NAMES)
    clock = _detected_place(names, "time", aliases=_CLOCK_NAMES)
    if whole < 0 and day >= 0 and clock >= 0:
        return day, clock
    found = _detected_place(names, "time", aliases=aliases)
    if found < 0 and names and not names[0].strip():
        return 0, -1  # an index without a name, as data frames write it
    return found, -1


def _check_complete(columns: Columns, options: ImportOptions) -> None:
    required = list(_REQUIRED[options.kind])
    if options.adjusted:
        required.append("adj_close")
    missing = [target for target in required if columns.place(target) < 0]
    if not missing:
        return
    hint = "name its column: " + ", ".join(f"{target}=NAME" for target in missing)
    if any(re.fullmatch(r"[-+.\d][-+.\d:/ eE]*", name.strip()) for name in columns.names):
        hint = "a file without a header line needs the names of its columns"
    raise InputError(f"no column for {', '.join(missing)} among {_listed(columns.names)}; {hint}")


def _check_symbol(columns: Columns, options: ImportOptions) -> None:
    has_column = columns.place("symbol") >= 0
    if options.symbol and has_column:
        raise InputError(
            f"symbol {options.symbol!r} was given but the file has a symbol column, "
            f"{columns.name('symbol')!r}; pick from it with only={options.symbol}, "
            f"or ignore it with column symbol="
        )
    has_pair = columns.place("base") >= 0 and columns.place("quote") >= 0
    if not (options.symbol or options.fallback_symbol or has_column or has_pair):
        raise InputError(f"no symbol was given and none of the columns {_listed(columns.names)} holds one")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
