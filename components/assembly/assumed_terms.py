"""The terms of an instrument that nobody declared, as its symbol and its data show them.

- The tick has the decimals of the prices, and is a cent at most.
- The asset class is FX for a pair of currencies (``EURUSD``, ``EUR/USD``, ``EURUSD=X``), a coin for a pair
  with a coin (``BTC-USD``, ``BTCUSDT``), and a share for everything else.
- The lot is a hundred-millionth of a coin. For everything else it has the decimals of the volumes, eight at
  most: it is one unit if they are whole or unknown. It is also one unit if the prices have more digits than
  any market quotes: then they were adjusted, and the volumes with them.
- A pair is in its second currency, and a dollar coin counts as the dollar. Everything else is in the
  account's currency.
- Prices below zero are possible if the data have them.
"""

import re
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from kernel.events import AssetClass, DataDescribed

USUAL_TICK = Decimal("0.01")
"""The coarsest tick that is assumed: data of whole prices do not show that a price has no cents."""

WHOLE_LOT = Decimal(1)
COIN_LOT = Decimal("0.00000001")
"""The smallest part of a coin that venues trade."""

MOST_LOT_DECIMALS = 8
MOST_MARKET_DIGITS = 11

CURRENCIES = frozenset(
    (
        "AED", "AUD", "BRL", "CAD", "CHF", "CLP", "CNH", "CNY", "COP", "CZK", "DKK", "EUR", "GBP",
        "HKD", "HUF", "IDR", "ILS", "INR", "JPY", "KRW", "MXN", "MYR", "NOK", "NZD", "PEN", "PHP",
        "PLN", "QAR", "RON", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "USD", "ZAR",
    )
)  # fmt: skip
DOLLAR_COINS = frozenset(["USDT", "USDC", "BUSD", "TUSD", "USDP", "FDUSD", "DAI", "UST", "PYUSD"])
QUOTE_COINS = frozenset(["BTC", "XBT", "ETH", "BNB"])
"""Coins that other coins are quoted in."""

COINS = QUOTE_COINS | frozenset(
    (
        "AAVE", "ADA", "ALGO", "APT", "ARB", "ATOM", "AVAX", "AXS", "BCH", "BONK", "CRO", "DASH",
        "DOGE", "DOT", "EOS", "ETC", "FIL", "FLOKI", "FTM", "GRT", "HBAR", "ICP", "INJ", "LDO", "LINK",
        "LTC", "LUNA", "MANA", "MATIC", "MKR", "NEAR", "NEO", "OP", "PEPE", "POL", "RNDR", "RUNE",
        "SAND", "SEI", "SHIB", "SOL", "SUI", "THETA", "TIA", "TON", "TRX", "UNI", "VET", "WIF", "WLD",
        "XLM", "XMR", "XRP", "XTZ", "ZEC",
    )
)  # fmt: skip

_COIN_MARGINED = re.compile(r"[A-Z0-9]{2,12}USD_(PERP|[0-9]{6})")
"""Symbols of contracts that are settled in their coin, as Binance names them.

Names of other venues (``XBTUSD``) are those of spot pairs elsewhere.
"""

_SEPARATED = re.compile(r"([A-Z0-9]{2,12})[-/_:]([A-Z]{3,5})")


class AssumedTerms(msgspec.Struct, frozen=True):
    """Terms for what the configuration leaves open. ``currency``: empty for the account's."""

    symbol: str
    tick_size: Decimal = USUAL_TICK
    lot_size: Decimal = WHOLE_LOT
    asset_class: AssetClass = AssetClass.EQUITY
    currency: str = ""
    allow_negative_prices: bool = False


def assumed_terms(symbol: str, facts: Iterable[DataDescribed]) -> AssumedTerms:
    """The terms that a symbol and the facts about its data show."""
    known = tuple(facts)
    asset_class, currency = _class_of(symbol)
    decimals = max((fact.price_decimals for fact in known), default=0)
    size_decimals = min(MOST_LOT_DECIMALS, max((fact.size_decimals for fact in known), default=0))
    if asset_class is AssetClass.CRYPTO_SPOT:
        lot = COIN_LOT
    else:
        lot = WHOLE_LOT if any(map(_is_adjusted, known)) else unit_of(size_decimals)
    return AssumedTerms(
        symbol,
        min(USUAL_TICK, unit_of(decimals)),
        lot,
        asset_class,
        currency,
        any(fact.lowest_price < 0 for fact in known),
    )


def is_coin_margined(symbol: str) -> bool:
    """Whether a symbol can only be that of a contract that is settled in its coin."""
    return _COIN_MARGINED.fullmatch(symbol.upper()) is not None


def unit_of(decimals: int) -> Decimal:
    """The last decimal of numbers with so many: 0.001 for three, written without an exponent."""
    return Decimal(f"{Decimal(1).scaleb(-decimals):f}")


def _is_adjusted(fact: DataDescribed) -> bool:
    """Whether the prices have more digits than any market quotes."""
    return fact.price_decimals + len(str(int(fact.highest_price))) > MOST_MARKET_DIGITS


def _class_of(symbol: str) -> tuple[AssetClass, str]:
    """The asset class and the quote currency that a symbol shows; an empty currency if it shows none."""
    base, quote = pair_of(symbol.upper())
    if not quote:
        return AssetClass.EQUITY, ""  # also a coin alone: its code is that of a share, as for DASH
    currency = "USD" if quote in DOLLAR_COINS else quote
    is_fx = base in CURRENCIES and quote in CURRENCIES
    return AssetClass.FX if is_fx else AssetClass.CRYPTO_SPOT, currency


def pair_of(symbol: str) -> tuple[str, str]:
    """Base and quote of a pair; the symbol and an empty quote for anything else."""
    symbol = symbol.removesuffix("=X")
    separated = _SEPARATED.fullmatch(symbol)
    if separated is not None and separated[2] in CURRENCIES | DOLLAR_COINS | QUOTE_COINS:
        return separated[1], separated[2]
    for length in (5, 4, 3):
        base, quote = symbol[:-length], symbol[-length:]
        if quote in DOLLAR_COINS and len(base) >= 2:
            return base, quote
        if base in COINS and quote in CURRENCIES | QUOTE_COINS:
            return base, quote
        if base in CURRENCIES and quote in CURRENCIES:
            return base, quote
    return symbol, ""
