"""The known layouts of files, one entry each.

To add a layout, add its entry: what recognises it, then the conventions that its rows do not show. The first
entry that fits is taken, so a special one stands before a general one. A file that fits none is read by the
names of its columns, see ``columns``; most files are, and need no entry.
"""

from decimal import Decimal

from eventstore.importing.layouts import Layout
from eventstore.importing.options import DataKind, DateOrder, Label

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_PRICES = (_NUMBER,) * 4
_STAMP = r"\d{4}[-/.]?\d\d[-/.]?\d\d(?:[T ]\d\d:?\d\d(?::?\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?"
_EPOCH = r"\d{13}|\d{16}"
_BOOLEAN = r"(?i:true|false)"
_BAR_NAMES = ("time", "open", "high", "low", "close", "volume")
_DATED_NAMES = ("date", "time", "open", "high", "low", "close", "volume")
_NEW_YORK = "America/New_York"
_EST = "Etc/GMT+5"
_FROM_MINUTES = (
    *((str(count), f"{count}m") for count in (1, 2, 3, 5, 10, 15, 30, 45)),
    *(("60", "1h"), ("120", "2h"), ("180", "3h"), ("240", "4h"), ("1440", "1d"), ("10080", "1w")),
)
_LETTERED = (
    *((f"M{count}", f"{count}m") for count in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
    *((f"H{count}", f"{count}h") for count in (1, 2, 3, 4, 6, 8, 12)),
    *(("D1", "1d"), ("Daily", "1d"), ("W1", "1w"), ("Weekly", "1w"), ("MN1", "1mo"), ("Monthly", "1mo")),
)
_BINANCE = tuple(
    (name, name)
    for name in ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")
)
_DATABENTO_SCALE = Decimal("1e-9")
_LEAN_SCALE = Decimal("1e-4")
_LEAN_SIDES = (rf"(?:{_NUMBER})?",) * 10
_LEAN_QUOTE_BAR = (
    *("time", "bid open", "bid high", "bid low", "bid", "bid size"),
    *("ask open", "ask high", "ask low", "ask", "ask size"),
)
_SERVER_TIME = "MetaTrader stamps the broker's own time; name its zone with --tz, such as Europe/Athens"

LAYOUTS: tuple[Layout, ...] = (
    # --- with a header -------------------------------------------------------------------------------
    Layout(
        name="CoinMarketCap",
        header=("timeopen", "timeclose", "timehigh", "timelow", "open", "close", "timestamp"),
        # ``timestamp`` is the close, ``name`` a number
        columns=(("time", "timeopen"), ("symbol", "")),
        file_name=r"(?P<symbol>[A-Za-z0-9]+)_[^/]*$",
    ),
    Layout(
        name="Quandl WIKI",
        header=("date", "open", "exdividend", "splitratio", "adjopen", "adjclose"),
        file_name=r"WIKI[-_/](?P<symbol>[A-Z][A-Z0-9_]*)",
    ),
    Layout(name="Yahoo history", header=("open", "high", "low", "close", "dividends", "stocksplits")),
    Layout(name="Yahoo", header=("date", "open", "high", "low", "close", "adjclose", "volume")),
    Layout(
        name="Nasdaq.com",
        header=("date", "closelast", "volume", "open", "high", "low"),
        date_order=DateOrder.MONTH_FIRST,
    ),
    Layout(
        name="Investing.com",
        header=("date", "price", "open", "high", "low", "vol", "change"),
        file_name=r"(?P<symbol>[^/]+?) (?:Stock Price |ETF Stock Price )?(?:Historical Data|History)[^/]*$",
    ),
    Layout(
        name="Alpha Vantage",
        header=("timestamp", "open", "high", "low", "close", "adjustedclose", "splitcoefficient"),
        file_name=r"(?:daily|weekly|monthly)(?:_adjusted)?_(?P<symbol>[A-Za-z0-9.-]+)\.csv",
    ),
    Layout(
        name="Alpha Vantage intraday",
        header=("timestamp", "open", "high", "low", "close", "volume"),
        file_name=r"intraday_(?P<timeframe>\d+)min_(?P<symbol>[A-Za-z0-9.-]+)\.csv",
        needs_file_name=True,
        timeframes=_FROM_MINUTES,
        tz=_NEW_YORK,
    ),
    Layout(
        name="CryptoDataDownload",
        header=("unix", "date", "symbol", "open", "high", "low", "close"),
        columns=(("time", "unix"),),
    ),
    Layout(
        name="Stooq bulk or Finam",
        header=("ticker", "per", "date", "time", "open", "high", "low", "close"),
        timeframe_column="per",
        timeframes=(*_FROM_MINUTES, ("D", "1d"), ("W", "1w"), ("M", "1mo")),
    ),
    Layout(
        name="MetaTrader 5 ticks",
        kind=DataKind.QUOTES,
        header=("date", "time", "bid", "ask", "last", "volume"),
        header_starts="<",
        # they are of the last trade
        columns=(("bid_size", ""), ("ask_size", "")),
        file_name=r"(?P<symbol>[A-Za-z0-9.#-]+)_\d{12}",
        note=_SERVER_TIME,
    ),
    Layout(
        name="MetaTrader 5",
        header=("date", "open", "high", "low", "close", "tickvol", "vol", "spread"),
        columns=(("volume", "vol"),),
        file_name=r"(?P<symbol>[A-Za-z0-9.#-]+)_(?P<timeframe>M\d+|H\d+|Daily|Weekly|Monthly)",
        timeframes=_LETTERED,
        note=_SERVER_TIME,
    ),
    Layout(
        name="Dukascopy ticks",
        kind=DataKind.QUOTES,
        header=("gmttime", "ask", "bid", "askvolume", "bidvolume"),
        file_name=r"(?P<symbol>[A-Za-z0-9.]+)_Ticks",
        date_order=DateOrder.DAY_FIRST,
    ),
    Layout(
        name="Dukascopy",
        header=("gmttime", "open", "high", "low", "close", "volume"),
        file_name=r"(?P<symbol>[A-Za-z0-9.]+)_Candlestick",
        date_order=DateOrder.DAY_FIRST,
    ),
    Layout(
        name="Binance klines",
        header=("opentime", "open", "high", "low", "close", "volume", "closetime"),
        columns=(("time", "opentime"),),
        file_name=r"(?P<symbol>[A-Z0-9_]+)-(?P<timeframe>\d+[smhdw])-\d{4}",
        timeframes=_BINANCE,
    ),
    Layout(
        name="Binance aggregated trades",
        kind=DataKind.TRADES,
        header=("aggtradeid", "price", "quantity", "transacttime", "isbuyermaker"),
        columns=(("time", "transacttime"),),
        file_name=r"(?P<symbol>[A-Z0-9_]+)-aggTrades",
    ),
    Layout(
        name="Binance trades",
        kind=DataKind.TRADES,
        header=("id", "price", "qty", "quoteqty", "time", "isbuyermaker"),
        file_name=r"(?P<symbol>[A-Z0-9_]+)-trades",
    ),
    Layout(
        name="Polygon or Massive bars",
        header=("ticker", "volume", "open", "close", "high", "low", "windowstart"),
        tz=_NEW_YORK,
    ),
    Layout(
        name="Polygon or Massive quotes",
        kind=DataKind.QUOTES,
        header=("ticker", "askprice", "bidprice", "participanttimestamp", "siptimestamp"),
        columns=(("time", "siptimestamp"), ("exchange_time", "participanttimestamp")),
    ),
    Layout(
        name="Polygon or Massive trades",
        kind=DataKind.TRADES,
        header=("ticker", "price", "size", "participanttimestamp", "siptimestamp"),
        columns=(("time", "siptimestamp"), ("exchange_time", "participanttimestamp")),
    ),
    Layout(
        name="Databento bars",
        header=("tsevent", "rtype", "open", "high", "low", "close", "volume"),
        columns=(("time", "tsevent"),),
        timeframe_column="rtype",
        timeframes=(("32", "1s"), ("33", "1m"), ("34", "1h"), ("35", "1d"), ("36", "1d")),
        whole_number_scale=_DATABENTO_SCALE,
    ),
    Layout(
        name="Databento quotes",
        kind=DataKind.QUOTES,
        header=("tsrecv", "tsevent", "rtype", "bidpx00", "askpx00", "bidsz00", "asksz00"),
        columns=(("time", "tsrecv"), ("exchange_time", "tsevent")),
        whole_number_scale=_DATABENTO_SCALE,
    ),
    Layout(
        name="Databento trades",
        kind=DataKind.TRADES,
        header=("tsrecv", "tsevent", "rtype", "action", "side", "price", "size"),
        columns=(("time", "tsrecv"), ("exchange_time", "tsevent"), ("trade_id", "")),
        whole_number_scale=_DATABENTO_SCALE,
    ),
    Layout(
        name="Interactive Brokers",
        header=("date", "open", "high", "low", "close", "volume", "average", "barcount"),
    ),
    Layout(name="alpaca-py", header=("symbol", "timestamp", "open", "close", "tradecount", "vwap")),
    Layout(
        name="WSJ or MarketWatch",
        header=("date", "open", "high", "low", "close"),
        header_starts="Date, Open",
        date_order=DateOrder.MONTH_FIRST,
    ),
    Layout(
        name="TradingView",
        header=("time", "open", "high", "low", "close"),
        file_name=r"(?:^|/)[A-Z0-9_]+_(?P<symbol>[^,/]+), (?P<timeframe>\d+[SDWM]?)[^/]*\.csv$",
        needs_file_name=True,
        timeframes=(
            *_FROM_MINUTES,
            *((f"{count}S", f"{count}s") for count in (1, 5, 10, 15, 30, 45)),
            *(("1D", "1d"), ("1W", "1w"), ("1M", "1mo")),
        ),
    ),
    # --- without a header ----------------------------------------------------------------------------
    Layout(
        name="Binance klines",
        row=(_EPOCH, *_PRICES, _NUMBER, _EPOCH, _NUMBER, r"\d+", _NUMBER, _NUMBER, _NUMBER),
        names=(
            *("open time", "open", "high", "low", "close", "volume", "close time", "quote volume", "count"),
            *("taker buy volume", "taker buy quote volume", "ignore"),
        ),
        columns=(("time", "opentime"),),
        file_name=r"(?P<symbol>[A-Z0-9_]+)-(?P<timeframe>\d+[smhdw])-\d{4}",
        timeframes=_BINANCE,
    ),
    *(
        Layout(
            name="Binance aggregated trades",
            kind=DataKind.TRADES,
            row=(r"\d+", _NUMBER, _NUMBER, r"\d+", r"\d+", _EPOCH, _BOOLEAN, *more),
            names=(
                *("trade id", "price", "size", "first id", "last id", "time", "is buyer maker"),
                *(("is best match",) if more else ()),
            ),
            file_name=r"(?P<symbol>[A-Z0-9_]+)-aggTrades",
        )
        for more in ((), (_BOOLEAN,))
    ),
    *(
        Layout(
            name="Binance trades",
            kind=DataKind.TRADES,
            row=(r"\d+", _NUMBER, _NUMBER, _NUMBER, _EPOCH, _BOOLEAN, *more),
            names=(
                *("trade id", "price", "size", "quote quantity", "time", "is buyer maker"),
                *(("is best match",) if more else ()),
            ),
            file_name=r"(?P<symbol>[A-Z0-9_]+)-trades",
        )
        for more in ((), (_BOOLEAN,))
    ),
    Layout(
        name="MetaTrader 4",
        row=(r"\d{4}\.\d\d\.\d\d", r"\d\d:\d\d", *_PRICES, r"\d+"),
        names=_DATED_NAMES,
        file_name=r"(?P<symbol>[A-Za-z]+[A-Za-z0-9.#]*?)(?P<timeframe>1|5|15|30|60|240|1440|10080)\.csv$",
        timeframes=_FROM_MINUTES,
        note=_SERVER_TIME,
    ),
    Layout(
        name="HistData",
        row=(r"\d{8} \d{6}", *_PRICES, r"0"),
        names=_BAR_NAMES,
        file_name=r"DAT_[A-Z]+_(?P<symbol>[A-Z]+)_(?P<timeframe>M1)",
        timeframes=(("M1", "1m"),),
        tz=_EST,
    ),
    Layout(
        name="HistData ticks",
        kind=DataKind.QUOTES,
        row=(r"\d{8} \d{9}", _NUMBER, _NUMBER, r"0"),
        names=("time", "bid", "ask", "volume"),
        columns=(("bid_size", ""), ("ask_size", "")),
        file_name=r"DAT_[A-Z]+_(?P<symbol>[A-Z]+)_T",
        tz=_EST,
    ),
    Layout(
        name="NinjaTrader",
        row=(r"\d{8} \d{6}", *_PRICES, r"\d+"),
        names=_BAR_NAMES,
        file_name=r"(?P<symbol>[A-Za-z0-9 #-]+?)\.(?:Last|Bid|Ask)\.txt$",
        label=Label.CLOSE,
    ),
    Layout(
        name="NinjaTrader daily",
        row=(r"\d{8}", *_PRICES, r"\d+"),
        names=_BAR_NAMES,
        file_name=r"(?P<symbol>[A-Za-z0-9 #-]+?)\.(?:Last|Bid|Ask)\.txt$",
        needs_file_name=True,
    ),
    Layout(
        name="NinjaTrader ticks",
        kind=DataKind.TRADES,
        row=(r"\d{8} \d{6}(?: \d{7})?", _NUMBER, _NUMBER, _NUMBER, r"\d+"),
        names=("time", "price", "bid", "ask", "size"),
        file_name=r"(?P<symbol>[A-Za-z0-9 #-]+?)\.(?:Last|Bid|Ask)\.txt$",
    ),
    Layout(
        name="FirstRate",
        row=(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?", *_PRICES, _NUMBER),
        names=_BAR_NAMES,
        file_name=r"(?P<symbol>[A-Z0-9.]+)_(?:[a-z]+_)?(?P<timeframe>1min|5min|30min|1hour|1day)",
        needs_file_name=True,
        timeframes=(("1min", "1m"), ("5min", "5m"), ("30min", "30m"), ("1hour", "1h"), ("1day", "1d")),
        tz=_NEW_YORK,
    ),
    Layout(
        name="Kraken",
        row=(r"\d{10}", *_PRICES, _NUMBER, r"\d+"),
        names=(*_BAR_NAMES, "trades"),
        file_name=r"(?P<symbol>[A-Z0-9]+)_(?P<timeframe>\d+)\.csv$",
        timeframes=(*_FROM_MINUTES, ("720", "12h")),
    ),
    Layout(
        name="Kraken trades",
        kind=DataKind.TRADES,
        row=(r"\d{10}(?:\.\d+)?", _NUMBER, _NUMBER),
        names=("time", "price", "size"),
    ),
    Layout(
        name="TrueFX",
        kind=DataKind.QUOTES,
        row=(r"[A-Z]{3}/[A-Z]{3}", r"\d{8} \d\d:\d\d:\d\d(?:\.\d+)?", _NUMBER, _NUMBER),
        names=("symbol", "time", "bid", "ask"),
    ),
    Layout(
        name="LEAN",
        row=(r"\d{8} \d\d:\d\d", *((r"\d+",) * 4), _NUMBER),
        names=_BAR_NAMES,
        file_name=r"(?P<symbol>[^/_]+)(?:_trade)?\.(?:zip|csv)$",
        whole_number_scale=_LEAN_SCALE,
        whole_number_tz=_NEW_YORK,
    ),
    Layout(
        name="LEAN",
        row=(r"\d{1,8}", *_PRICES, _NUMBER),
        names=_BAR_NAMES,
        file_name=r"(?P<day>\d{8})_(?P<symbol>[^/]+?)_(?P<timeframe>minute|second)_trade\.csv$",
        needs_file_name=True,
        timeframes=(("minute", "1m"), ("second", "1s")),
        stamps_are_day_ms=True,
        whole_number_scale=_LEAN_SCALE,
        whole_number_tz=_NEW_YORK,
    ),
    *(
        Layout(
            name="LEAN quote bars",
            kind=DataKind.QUOTES,
            row=(r"\d{1,8}", *_LEAN_SIDES),
            names=_LEAN_QUOTE_BAR,
            file_name=rf"(?P<day>\d{{8}})_(?P<symbol>[^/]+?)_{step}_quote\.csv$",
            needs_file_name=True,
            stamps_are_day_ms=True,
            stamp_shift_ms=shift_ms,
            whole_number_scale=_LEAN_SCALE,
            whole_number_tz=_NEW_YORK,
            note="each bar gives one quote, at its end",
        )
        for step, shift_ms in (("minute", 60_000), ("second", 1_000))
    ),
    *(
        Layout(
            name=f"LEAN quote bars, {step}",
            kind=DataKind.QUOTES,
            row=(rf"\d{{8}} {clock}", *_LEAN_SIDES),
            names=_LEAN_QUOTE_BAR,
            file_name=r"(?P<symbol>[^/_]+)(?:_quote)?\.(?:zip|csv)$",
            stamp_shift_ms=shift_ms,
            whole_number_scale=_LEAN_SCALE,
            whole_number_tz=_NEW_YORK,
            note="each bar gives one quote, at its end",
        )
        # hours follow days, which match both
        for step, clock, shift_ms in (("daily", "00:00", 86_400_000), ("hourly", r"\d\d:00", 3_600_000))
    ),
    Layout(
        name="LEAN ticks",
        kind=DataKind.TRADES,
        row=(r"\d{1,8}", _NUMBER, _NUMBER, r"[A-Za-z]?\w*", r"\w*", r"[01]"),
        names=("time", "price", "size", "exchange", "condition", "suspicious"),
        file_name=r"(?P<day>\d{8})_(?P<symbol>[^/]+?)_(?i:trade_tick|tick_trade)\.csv$",
        needs_file_name=True,
        stamps_are_day_ms=True,
        skip_rows=(("suspicious", "1"),),
        whole_number_scale=_LEAN_SCALE,
        whole_number_tz=_NEW_YORK,
    ),
    Layout(
        name="LEAN ticks",
        kind=DataKind.QUOTES,
        row=(r"\d{1,8}", _NUMBER, _NUMBER),
        names=("time", "bid", "ask"),
        file_name=r"(?P<day>\d{8})_(?P<symbol>[^/]+?)_(?i:quote_tick|tick_quote)\.csv$",
        needs_file_name=True,
        stamps_are_day_ms=True,
        whole_number_scale=_LEAN_SCALE,
        whole_number_tz=_NEW_YORK,
    ),
    Layout(
        name="LEAN quotes of each venue",
        kind=DataKind.QUOTES,
        row=(r"\d{1,8}", *((_NUMBER,) * 4), r"[A-Za-z]\w*", r"\w*", r"[01]"),
        names=("time", "bid", "bid size", "ask", "ask size", "exchange", "condition", "suspicious"),
        refusal=(
            "holds one side of one venue's quote in each row, which is no best quote; "
            "import the quote bars of a second or a minute instead"
        ),
    ),
    Layout(
        name="bars without a header",
        row=(rf"\d{{10}}|{_EPOCH}|\d{{19}}|{_STAMP}", *_PRICES, _NUMBER),
        names=_BAR_NAMES,
        note="the columns are taken to be time, open, high, low, close, volume",
    ),
    Layout(
        name="bars without a header",
        row=(r"\d{4}[-/.]?\d\d[-/.]?\d\d|\d\d?/\d\d?/\d{4}", r"\d\d?:?\d\d(?::?\d\d)?", *_PRICES, _NUMBER),
        names=_DATED_NAMES,
        note="the columns are taken to be date, time, open, high, low, close, volume",
    ),
)
"""In the order in which they are tried."""
