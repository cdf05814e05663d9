"""The terms of instruments in a configuration: fields, checks and presets."""

from decimal import Decimal
from typing import Literal

import msgspec

from components.assembly.assumed_terms import (
    COIN_LOT,
    CURRENCIES,
    DOLLAR_COINS,
    USUAL_TICK,
    WHOLE_LOT,
    AssumedTerms,
    assumed_terms,
    pair_of,
)
from components.assembly.moments import is_day, moment_ns
from kernel.errors import ConfigError
from kernel.events import MARGINED, AssetClass, InstrumentDefined
from kernel.fraction_checks import above
from kernel.time_units import DAY_NS

LARGEST_BORROW_RATE = 10
"""1,000 % a year, the cost of the rarest shares. A larger rate was probably meant as a percentage."""

BASE = "base"
"""As ``fee_currency``: the first coin of the pair."""


class InstrumentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The terms of one instrument. The defaults are those of a US share in a cash account.

    Terms with ``None`` are open: the data show them (``components.assembly.assumed_terms``).

    - ``tick_size`` and ``lot_size``: the steps of price and quantity.
    - ``usual_tick_size``: the tick if the data's prices are all on it, and if there are no data.
    - ``allow_negative_prices``: orders may have prices of 0 and below.
    - ``minimum_notional``: in ``currency``.
    - ``calendar``: the trading hours (``components.assembly.calendars``); empty: always open.
    - ``margin_rate``: the initial margin, a fraction of the notional.
    - ``maintenance_margin_rate``: the maintenance margin; 0: the same as ``margin_rate``.
    - ``borrow_rate``: the yearly cost of a short position, a fraction of its value.
    - ``expiry``: the last UTC day of trading, or the exact time of the end.
    - ``option_right``, ``strike``, ``underlying``: for options.
    - ``fee_currency``: the coin that a buy pays its commission in, out of what it buys; ``base``: the first
      coin of the pair. Empty: in money.
    - ``is_inverse``: of futures and perpetuals: a unit is worth ``multiplier`` / price, in ``currency``.
    """

    symbol: str
    asset_class: AssetClass | None = None
    currency: str = "USD"
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    minimum_quantity: Decimal = Decimal(0)
    minimum_notional: Decimal = Decimal(0)
    margin_rate: Decimal = Decimal(1)
    maintenance_margin_rate: Decimal = Decimal(0)
    borrow_rate: Decimal = Decimal(0)
    is_shortable: bool = True
    calendar: str = ""
    venue: str = ""
    sector: str = ""
    underlying: str = ""
    expiry: str = ""
    strike: Decimal = Decimal(0)
    option_right: Literal["", "call", "put"] = ""
    usual_tick_size: Decimal | None = None
    allow_negative_prices: bool | None = None
    fee_currency: str = ""
    is_inverse: bool = False

    @property
    def expiry_ts(self) -> int:
        """The last moment of trading, ns UTC; 0 without an expiry."""
        if not self.expiry:
            return 0
        ts = moment_ns(self.expiry, key=f"instruments: {self.symbol}: expiry")
        return ts + DAY_NS - 1 if is_day(self.expiry) else ts

    def completed(self, assumed: AssumedTerms) -> "InstrumentConfig":
        """These terms with assumed ones in place of the open ones."""
        negative = self.allow_negative_prices
        return msgspec.structs.replace(
            self,
            asset_class=self.asset_class or assumed.asset_class,
            tick_size=self.tick_size or min(self.usual_tick_size or USUAL_TICK, assumed.tick_size),
            lot_size=self.lot_size or self._usual_lot(assumed),
            allow_negative_prices=assumed.allow_negative_prices if negative is None else negative,
        )

    def _usual_lot(self, assumed: AssumedTerms) -> Decimal:
        """The lot of the declared asset class; that of the data without one."""
        if self.asset_class is None:
            return assumed.lot_size
        return COIN_LOT if self.asset_class is AssetClass.CRYPTO_SPOT else WHOLE_LOT

    def defined(self, ts: int) -> InstrumentDefined:
        """The event that puts these terms on record at ``ts``; open ones are those of a US share."""
        return InstrumentDefined(
            ts,
            self.symbol,
            self.asset_class or AssetClass.EQUITY,
            self.currency,
            self.tick_size or self.usual_tick_size or USUAL_TICK,
            self.lot_size or WHOLE_LOT,
            self.multiplier,
            self.minimum_quantity,
            self.minimum_notional,
            self.margin_rate,
            self.calendar,
            self.venue,
            self.underlying,
            self.expiry_ts,
            self.strike,
            self.option_right,
            self.sector,
            self.maintenance_margin_rate,
            self.borrow_rate,
            self.is_shortable,
            bool(self.allow_negative_prices),
            self.fee_coin,
            self.is_inverse,
        )

    @property
    def fee_coin(self) -> str:
        """The name of the coin that buys pay their commission in; empty without one."""
        if self.fee_currency != BASE:
            return self.fee_currency
        base, quote = pair_of(self.symbol.upper())
        return base if quote else ""


_US_SHARE = InstrumentConfig(
    symbol="",
    asset_class=AssetClass.EQUITY,
    usual_tick_size=Decimal("0.01"),
    lot_size=WHOLE_LOT,
    calendar="XNYS",
)
_FX = InstrumentConfig(
    symbol="",
    asset_class=AssetClass.FX,
    usual_tick_size=Decimal("0.00001"),
    lot_size=WHOLE_LOT,
    calendar="FX",
)

PRESETS: dict[str, InstrumentConfig] = {
    "us_share": _US_SHARE,
    "us_option": msgspec.structs.replace(
        _US_SHARE, asset_class=AssetClass.OPTION, multiplier=Decimal(100), is_shortable=True
    ),
    "fx": _FX,
    "fx_yen": msgspec.structs.replace(_FX, currency="JPY", usual_tick_size=Decimal("0.001")),
    "crypto_spot": InstrumentConfig(
        symbol="",
        asset_class=AssetClass.CRYPTO_SPOT,
        lot_size=COIN_LOT,
        is_shortable=False,
        calendar="24/7",
    ),
}
"""Usual terms that a configuration can start from: ``like: fx`` in ``onetape.yaml``.

- Shares: ticks of one cent (SEC rule 612, above 1 USD).
- Options: on 100 shares (OCC).
- Currency pairs: ticks of a tenth of a pip, lots of one unit, quoted in USD or JPY.
- Coins: lots of eight decimals.

A preset has a usual tick: data with finer prices have a finer one. All other terms differ between venues, so
the configuration must give them.
"""


def instrument_like(preset: str, symbol: str) -> InstrumentConfig:
    """A preset's terms for a symbol; raises ``ConfigError`` for an unknown preset."""
    if preset not in PRESETS:
        raise ConfigError(
            f"instruments: {symbol}: like {preset!r} is not a preset; there are: {', '.join(PRESETS)}"
        )
    return msgspec.structs.replace(PRESETS[preset], symbol=symbol)


def check_instruments(instruments: tuple[InstrumentConfig, ...]) -> None:
    """Check the terms; raises ``ConfigError`` with the symbol, the key and the value."""
    symbols = [instrument.symbol for instrument in instruments]
    for instrument in instruments:
        if symbols.count(instrument.symbol) > 1:
            raise ConfigError(
                f"instruments: {instrument.symbol!r} is given {symbols.count(instrument.symbol)} times"
            )
        _check_amounts(instrument)
        _check_derivative(instrument)
        _check_fee_currency(instrument)
        _check_inverse(instrument)


def _check_amounts(instrument: InstrumentConfig) -> None:
    where = f"instruments: {instrument.symbol}"
    for key in ("tick_size", "lot_size", "multiplier", "usual_tick_size"):
        step: Decimal | None = getattr(instrument, key)
        if step is not None and (not step.is_finite() or step <= 0):
            raise ConfigError(f"{where}: {key} {step} is not above 0")
    for key in ("minimum_quantity", "minimum_notional", "borrow_rate", "strike"):
        amount: Decimal = getattr(instrument, key)
        if not amount.is_finite() or amount < 0:
            raise ConfigError(f"{where}: {key} {amount} is not a number of at least 0")
    problem = above(instrument.borrow_rate, LARGEST_BORROW_RATE)
    if problem:
        raise ConfigError(f"{where}: borrow_rate {problem}")
    initial, maintenance = instrument.margin_rate, instrument.maintenance_margin_rate
    if not initial.is_finite() or not 0 < initial <= 1:
        raise ConfigError(f"{where}: margin_rate {initial} is not above 0 and at most 1 (0.5 is half paid)")
    if not maintenance.is_finite() or not 0 <= maintenance <= initial:
        raise ConfigError(
            f"{where}: maintenance_margin_rate {maintenance} is not between 0 and margin_rate {initial}"
        )


def _check_inverse(instrument: InstrumentConfig) -> None:
    if not instrument.is_inverse:
        return
    where, given = f"instruments: {instrument.symbol}: is_inverse", instrument.asset_class
    if given not in MARGINED:
        raise ConfigError(f"{where} is for a future or perpetual, not {given or 'one without asset_class'}")
    if instrument.currency in CURRENCIES | DOLLAR_COINS:
        raise ConfigError(
            f"{where}: such a contract is settled in its coin; give it as currency, not {instrument.currency}"
        )


def _check_fee_currency(instrument: InstrumentConfig) -> None:
    if not instrument.fee_currency:
        return
    where, coin = f"instruments: {instrument.symbol}: fee_currency", instrument.fee_coin
    if not coin:
        raise ConfigError(f"{where} base: the symbol shows no pair; give the name of the coin bought")
    given = instrument.asset_class or assumed_terms(instrument.symbol, ()).asset_class
    if given is not AssetClass.CRYPTO_SPOT:
        raise ConfigError(f"{where} {instrument.fee_currency} is for crypto_spot, not {given}")
    if coin == instrument.currency:
        raise ConfigError(f"{where} {coin} is the instrument's currency; leave it out for fees in money")
    if instrument.multiplier != 1:
        raise ConfigError(f"{where}: a multiplier of {instrument.multiplier} has no units to take a fee from")


def _check_derivative(instrument: InstrumentConfig) -> None:
    where = f"instruments: {instrument.symbol}"
    expiry_ts = instrument.expiry_ts
    if instrument.asset_class is AssetClass.OPTION:
        missing = [key for key in ("option_right", "strike", "expiry") if not getattr(instrument, key)]
        if missing:
            raise ConfigError(f"{where}: an option needs {', '.join(missing)}")
    elif instrument.option_right or instrument.strike:
        given = instrument.asset_class or AssetClass.EQUITY
        raise ConfigError(f"{where}: option_right and strike are for options, not {given}")
    if expiry_ts and instrument.asset_class in (AssetClass.PERPETUAL, AssetClass.CRYPTO_SPOT, AssetClass.FX):
        raise ConfigError(f"{where}: expiry {instrument.expiry} is not for {instrument.asset_class}")
