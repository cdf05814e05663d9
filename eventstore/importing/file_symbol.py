"""The symbol in the name of a file, for files that hold it nowhere else."""

import re
from pathlib import PurePath

_ENDINGS = re.compile(
    r"(?:\.(?:csv|txt|tsv|dat|prn|zip|gz|bz2|xz|zst|parquet|pq|feather|arrow|xlsx|xls|json|jsonl|ndjson))+$",
    re.IGNORECASE,
)
_DATES = re.compile(r"[-_ .]*(?<!\d)(?:19|20)\d\d(?:[-_.]?\d\d){0,2}(?!\d).*$")
_PERIOD = re.compile(
    r"(?:(?:19|20)\d\d(?:[-_.]?\d\d){0,2}|\d+ ?(?:s|m|min|h|hour|d|day)"
    r"|daily|hourly|minute|weekly|monthly|[-_ .])+",
    re.IGNORECASE,
)
_TICKER = re.compile(r"(?=[\^A-Z0-9.=/-]*[A-Z])\^?[A-Z0-9][A-Z0-9.=/-]{0,14}", re.ASCII)
_FIRST_WORD = re.compile(r"([A-Za-z][A-Za-z0-9]{0,11})(?:[-_ .,].*)?", re.ASCII)
_NO_SYMBOLS = frozenset(
    {
        *("data", "bars", "bar", "quotes", "quote", "trades", "trade", "ticks", "tick", "prices", "price"),
        *("history", "historical", "historicaldata", "export", "table", "sample", "ohlc", "ohlcv", "test"),
        *("file", "download", "downloads", "daily", "hourly", "minute", "weekly", "monthly", "intraday"),
        *("stock", "stocks", "equity", "equities", "crypto", "forex", "fx", "market", "candles", "klines"),
        *("chart", "output", "input", "new", "old", "all", "full", "actions", "dividends", "splits", "rates"),
        *("depth", "book", "result", "results", "series", "dataset", "train", "q", "t", "b", "x", "tmp"),
        *("odd", "import", "my", "the", "csv", "json", "excel", "sheet", "part", "dat", "wiki", "raw"),
    }
)


def symbol_in_name(path: PurePath) -> str:
    """The symbol in a file's name, or an empty text: ``BTC-USD.csv``, ``spy_us_d.csv``, ``nvda-2014.txt``."""
    stem = _ENDINGS.sub("", path.name)
    stem = _DATES.sub("", stem).strip("-_ .")
    if _TICKER.fullmatch(stem):
        return "" if stem.lower() in _NO_SYMBOLS else stem
    match = _FIRST_WORD.fullmatch(stem)
    if match is None or match[1].lower() in _NO_SYMBOLS:
        return ""
    return match[1].upper()


def symbol_in_folder(path: PurePath) -> str:
    """The symbol in the name of a file's folder, or an empty text: ``AAPL/2023.csv``.

    Only a name in capitals is one, above a file that is named by a date or a timeframe.
    """
    stem = _ENDINGS.sub("", path.name)
    folder = path.parent.name
    if not _PERIOD.fullmatch(stem) or not _TICKER.fullmatch(folder) or folder.lower() in _NO_SYMBOLS:
        return ""
    return folder
