"""Finds the columns of a file, by their usual names or as the options say."""

import re
import unicodedata
from collections.abc import Sequence

import msgspec

from eventstore.importing.defects import ColumnMissing
from eventstore.importing.options import DataKind, ImportOptions
from kernel.errors import InputError

_SIZE_WORDS = (
    *("size", "qty", "quantity", "volume", "vol", "amount", "sz", "sz00", "size0", "size00", "size1"),
    *("volume0", "volume1", "vol1", "qty0", "qty1", "amount0", "amount1", "lots"),
)
_SIZE_NAMES = {
    side: tuple(f"{best}{side}{word}" for word in _SIZE_WORDS for best in ("", "best"))
    for side in ("bid", "ask", "offer")
}
_TIME = (
    *("timestamp", "datetime", "time", "date", "ts", "dtyyyymmdd", "indexlevel0"),
    *("datum", "fecha", "data", "zeitpunkt"),
)
_WHOLE_STAMPS = ("timestamp", "datetime", "unix", "unixtimestamp", "unixtime", "epoch")
_COMMON = {
    "time": (
        *_TIME,
        *("gmttime", "utctime", "localtime", "opentime", "starttime", "begintime", "windowstart", "tsevent"),
        *("unix", "unixtimestamp", "unixtime", "epoch", "timeopen", "t", "index"),
        *(
            "transacttime",
            "transactiontime",
            "tradetime",
            "siptimestamp",
            "timeutc",
            "dateutc",
            "utc",
            "tradedate",
        ),
    ),
    "symbol": ("symbol", "ticker", "instrument", "sym", "tscode"),
    "exchange_time": ("exchangetime", "exchangets", "exchangetimestamp", "eventtime", "participanttimestamp"),
}
_NAMES: dict[DataKind, dict[str, tuple[str, ...]]] = {
    DataKind.BARS: {
        **{target: _COMMON[target] for target in ("time", "symbol")},
        "open": (
            *("open", "o", "1open", "openprice", "priceopen", "openingprice"),
            *("eroffnung", "eroffnungskurs", "eroffn", "erster", "ouverture", "ouv", "apertura", "abertura"),
            *("opening",),
        ),
        "high": (
            *("high", "h", "2high", "highprice", "pricehigh", "hoch", "hochst", "tageshoch", "plushaut"),
            *("haut", "maximo", "massimo", "maxima", "max", "hoogste"),
        ),
        "low": (
            *("low", "l", "3low", "lowprice", "pricelow", "tief", "tiefst", "tagestief", "plusbas", "bas"),
            *("minimo", "minima", "min", "laagste"),
        ),
        "close": (
            *("close", "c", "4close", "closeprice", "priceclose", "closingprice", "closelast", "last"),
            *("price", "schluss", "schlusskurs", "schlu", "zuletzt", "letzter", "cloture", "dernier"),
            *("cierre", "ultimo", "chiusura", "fechamento", "slot"),
        ),
        "volume": (
            *("volume", "vol", "v", "5volume", "6volume", "volumen", "stuck", "volumes", "umsatz"),
            *("tickvolume", "tickvol", "realvolume", "quantity", "qty"),
        ),
        "adj_close": ("adjclose", "adjustedclose", "closeadj", "closeadjusted", "5adjustedclose"),
    },
    DataKind.QUOTES: {
        **_COMMON,
        "bid": ("bid", "bidprice", "bidpx", "bestbid", "bestbidprice", "bidpx00", "bidprice1", "bidprice0"),
        "ask": (
            *("ask", "askprice", "askpx", "offer", "bestask", "bestaskprice", "askpx00", "askprice1"),
            *("askprice0", "ofrprice", "offerprice"),
        ),
        "bid_size": _SIZE_NAMES["bid"],
        "ask_size": (*_SIZE_NAMES["ask"], *_SIZE_NAMES["offer"]),
    },
    DataKind.TRADES: {
        **_COMMON,
        "price": ("price", "px", "tradeprice", "last", "lastprice"),
        "size": ("size", "qty", "quantity", "amount", "volume", "vol", "tradesize", "lastsize"),
        "aggressor": ("aggressor", "aggressorside", "side", "takerside", "takersidetype"),
        "buyer_maker": ("isbuyermaker", "buyermaker", "buyerismaker"),
        "trade_id": ("tradeid", "id", "aggtradeid", "aggregatetradeid"),
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
REQUIRED: dict[DataKind, tuple[str, ...]] = {
    DataKind.BARS: ("time", "open", "high", "low", "close"),
    DataKind.QUOTES: ("time", "bid", "ask"),
    DataKind.TRADES: ("time", "price", "size"),
    DataKind.CORPORATE_ACTIONS: ("time", "type"),
    DataKind.FX_RATES: ("time", "rate"),
    DataKind.FUNDING_RATES: ("time", "rate"),
}
_DAY_NAMES = ("date", "day", "dtyyyymmdd", "datum", "fecha", "data")
_CLOCK_NAMES = ("time", "timeofday", "zeit", "uhrzeit", "hora", "heure")
_LONG_FORM_NAMES = ("name", "code", "stock", "secid", "contract", "pair", "asset")
"""Columns that hold the symbol if there is no other one and no symbol was given."""
_QUOTE_VOLUMES = (
    "usd",
    "usdt",
    "usdc",
    "busd",
    "eur",
    "to",
    "currency",
    "quote",
    "base",
    "ma",
    "sma",
    "adjusted",
)
"""Ends of names of volume columns that count money, or average, such as ``Volume USD``."""

AUTO_KINDS = (DataKind.BARS, DataKind.QUOTES, DataKind.TRADES)
"""The kinds that columns can show, in the order in which they are tried."""


class Columns(msgspec.Struct, frozen=True):
    """Places of the columns in a row; -1 if the file does not have the column.

    ``clock`` is the column with the time of day, if date and time of day have separate columns.
    """

    names: tuple[str, ...]
    places: dict[str, int]
    clock: int = -1
    kind: DataKind = DataKind.BARS

    def place(self, target: str) -> int:
        """Index of the column for a target, or -1."""
        return self.places.get(target, -1)

    def taken(self) -> tuple[tuple[str, str], ...]:
        """(target, the file's name) of every column that is read."""
        found = [(target, place) for target, place in self.places.items() if place >= 0]
        if self.clock >= 0:
            found.append(("time of day", self.clock))
        return tuple((target, self.names[place].strip() or f"column {place + 1}") for target, place in found)

    def left(self) -> tuple[str, ...]:
        """The file's names of the columns that are not read."""
        used = {*self.places.values(), self.clock}
        return tuple(
            name.strip() for place, name in enumerate(self.names) if place not in used and name.strip()
        )

    def narrowed(self) -> tuple["Columns", tuple[int, ...]]:
        """The same columns without those that are not read, and the places of those that are."""
        kept = tuple(sorted({place for place in (*self.places.values(), self.clock) if place >= 0}))
        new = {old: place for place, old in enumerate(kept)}
        places = {target: new.get(place, -1) for target, place in self.places.items()}
        names = tuple(self.names[place] for place in kept)
        return Columns(names, places, new.get(self.clock, -1), self.kind), kept

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
    """Find every column that the options' kind of data needs; kind ``auto`` stands for bars.

    Raises ``InputError`` naming columns that are missing, ambiguous or contradict the options.
    """
    columns = find_columns(names, options)
    check_symbol(columns, options)
    return columns


def find_columns(
    names: Sequence[str],
    options: ImportOptions,
    *,
    known: Sequence[tuple[str, str]] = (),
    kind: DataKind = DataKind.AUTO,
) -> Columns:
    """Find the columns as ``resolve_columns`` does, whether there is a symbol or not.

    ``known`` are (target, plain name) that a layout tells: they win over names, the options win over them.
    ``kind`` wins over that of the options.
    """
    kind = options.kind if kind is DataKind.AUTO else kind
    kind = DataKind.BARS if kind is DataKind.AUTO else kind
    targets = _NAMES[kind]
    places = _told_places(names, options, known=tuple(targets))
    plain = [plain_name(name) for name in names]
    for target, name in known:
        if target not in places:
            places[target] = plain.index(name) if name in plain else -1
    taken = set(places)
    clock = -1
    if "time" not in taken:
        places["time"], clock = _time_places(names, targets["time"])
    for target, aliases in targets.items():
        if target not in taken and target != "time":
            places[target] = _detected_place(names, target, aliases=aliases)
    if kind is DataKind.BARS:
        _find_more(names, places, taken=taken, options=options)
    columns = Columns(tuple(names), places, clock, kind)
    _check_complete(columns, options, kind=kind)
    return columns


def _find_more(
    names: Sequence[str], places: dict[str, int], *, taken: set[str], options: ImportOptions
) -> None:
    """Columns of bars with names that only resemble those expected: ``Volume BTC``, ``Name``."""
    plain = [plain_name(name) for name in names]
    if places["volume"] < 0 and "volume" not in taken:
        found = [place for place, name in enumerate(plain) if name.startswith("volume")]
        found.sort(key=lambda place: plain[place].removeprefix("volume") in _QUOTE_VOLUMES)
        places["volume"] = found[0] if found else -1
    if places["symbol"] < 0 and "symbol" not in taken and not options.symbol:
        places["symbol"] = _detected_place(names, "symbol", aliases=_LONG_FORM_NAMES)
    if not options.adjusted and "adj_close" not in taken:
        places["adj_close"] = -1


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
    plain = [plain_name(name) for name in names]
    for alias in aliases:
        found = [place for place, name in enumerate(plain) if name == alias]
        if len(found) > 1:
            both = " and ".join(repr(names[place]) for place in found)
            raise InputError(f"columns {both} both look like {target}; say which: --column {target}=NAME")
        if found:
            return found[0]
    return -1


def _time_places(names: Sequence[str], aliases: tuple[str, ...]) -> tuple[int, int]:
    """Places of the date (or whole stamp) and of a separate time of day; -1 if there is none."""
    whole = _detected_place(names, "time", aliases=_WHOLE_STAMPS)
    day = _detected_place(names, "time", aliases=_DAY_NAMES)
    clock = _detected_place(names, "time", aliases=_CLOCK_NAMES)
    if whole < 0 and day >= 0 and clock >= 0:
        return day, clock
    found = _detected_place(names, "time", aliases=aliases)
    if found < 0 and names and not names[0].strip():
        return 0, -1  # an index without a name, as data frames write it
    return found, -1


def _check_complete(columns: Columns, options: ImportOptions, *, kind: DataKind) -> None:
    required = list(REQUIRED[kind])
    if options.adjusted:
        required.append("adj_close")
    missing = [target for target in required if columns.place(target) < 0]
    if not missing:
        return
    hint = "name its column: " + " ".join(f"--column {target}=NAME" for target in missing)
    if any(re.fullmatch(r"[-+.\d][-+.\d:/ eE]*", name.strip()) for name in columns.names):
        hint = "a file without a header line needs the names of its columns: --columns time,..."
    raise ColumnMissing(f"no column for {', '.join(missing)} among {_listed(columns.names)}; {hint}")


def check_symbol(columns: Columns, options: ImportOptions) -> None:
    """Raise ``InputError`` if there is no symbol, or one in the options beside those of a column."""
    has_column = columns.place("symbol") >= 0
    if options.symbol and has_column:
        raise InputError(
            f"symbol {options.symbol!r} was given but the file has a symbol column, "
            f"{columns.name('symbol')!r}; pick from it with --only={options.symbol}, "
            f"or ignore it with --column symbol="
        )
    has_pair = columns.place("base") >= 0 and columns.place("quote") >= 0
    if not (options.symbol or options.fallback_symbol or has_column or has_pair):
        raise InputError(
            f"no symbol was given and none of the columns {_listed(columns.names)} holds one; "
            f"name it with --symbol"
        )


def known_name_count(names: Sequence[str], kind: DataKind) -> int:
    """How many of the names are known for a kind of data; ``auto`` stands for bars."""
    kind = DataKind.BARS if kind is DataKind.AUTO else kind
    known = {alias for aliases in _NAMES[kind].values() for alias in aliases}
    return sum(plain_name(name) in known for name in names)


def plain_name(name: str) -> str:
    """A name in lower case, letters and digits alone, without accents: ``Adj. Close`` is ``adjclose``."""
    text = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss"))
    return re.sub(r"[^a-z0-9]", "", text)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
