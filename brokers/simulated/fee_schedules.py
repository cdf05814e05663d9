"""Fee schedules of brokers: commission models with a broker's rates as defaults, each with source and date.

Rates change. A schedule has the rates that a broker published on its date, for a small account without
special terms. Each rate is a parameter that the configuration can set. A schedule says which fees it leaves
out.

| name | schedule | rates as of |
| --- | --- | --- |
| ``alpaca`` | US shares: no commission; regulatory fees | January 2025 |
| ``ibkr_fixed`` | Interactive Brokers, US shares, fixed | January 2025 |
| ``ibkr_tiered`` | Interactive Brokers, US shares, tiered | January 2025 |
| ``binance_spot`` | Binance spot, regular user, fees not paid in BNB | June 2025 |
| ``binance_usdm`` | Binance USD-M futures, regular user, fees not paid in BNB | June 2025 |
| ``oanda`` | OANDA with the spread as its price | January 2025 |

US regulatory fees are charged by every broker, on sales only:

- The SEC's Section 31 fee: 27.80 USD a million from 22 May 2024. It is 0 from 14 May 2025 until further
  notice: set ``sec_rate: 0`` for that time. Earlier rates: 8.00 from 27 February 2023, 22.90 from
  14 May 2022, 5.10 from 25 February 2021, 22.10 from 18 February 2020, 20.70 from 16 April 2019.
- FINRA's Trading Activity Fee: 0.000166 USD a share, at most 8.30 a trade, from 1 January 2024.
- The fee for the Consolidated Audit Trail is below 0.0001 USD a share and changes several times a year. It is
  left out unless ``cat_per_share`` is given.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import ClassVar

from brokers.simulated.commission import (
    CENT,
    ZERO,
    CommissionModel,
    FillTerms,
    FlatRates,
    MakerTaker,
    NoCommission,
    PerCent,
    PerOrder,
    PerOrderLimits,
    PerShare,
    Tier,
    Tiered,
    check_tiers,
    marginal,
)
from kernel.events import MAKER, SELL


class UsShares(PerOrderLimits, frozen=True, kw_only=True):
    """The base of schedules for US shares: the broker's commission plus fees of others.

    All are computed for the order as a whole:

    - ``tiers``: the broker's marginal rate per share by the month's volume, within the limits per order.
    - ``pass_through_rate``: a fraction of that commission.
    - ``clearing_per_share``: at most ``clearing_maximum_rate`` of the notional.
    - ``cat_per_share``: the Consolidated Audit Trail.
    - ``exchange_taker_per_share``, ``exchange_maker_per_share``: the exchange's fee; below 0 a rebate.
    - ``sec_rate``: of the notional, on sales, rounded up to the cent.
    - ``taf_per_share``: on sales, at most ``taf_maximum``, rounded up to the cent.
    """

    tiers: tuple[Tier, ...] = (Tier(rate=ZERO),)
    sec_rate: Decimal = Decimal("0.0000278")
    taf_per_share: Decimal = Decimal("0.000166")
    taf_maximum: Decimal = Decimal("8.30")
    cat_per_share: Decimal = ZERO
    clearing_per_share: Decimal = ZERO
    clearing_maximum_rate: Decimal = Decimal("0.005")
    pass_through_rate: Decimal = ZERO
    exchange_taker_per_share: Decimal = ZERO
    exchange_maker_per_share: Decimal = ZERO
    rebates: ClassVar[frozenset[str]] = frozenset({"exchange_maker_per_share", "exchange_taker_per_share"})

    def __post_init__(self) -> None:
        PerOrderLimits.__post_init__(self)
        check_tiers(self.tiers)

    def accrual(self, fill: FillTerms) -> Decimal:
        """The broker's rates alone."""
        return marginal(self.tiers, fill.month_quantity, fill.quantity)

    def commission(self, fill: FillTerms) -> Decimal:
        """The part of the order's commission and fees that this fill adds."""
        commission = self.limited(fill, fill.accrued_before + self.accrual(fill))
        quantity = fill.filled_before + fill.quantity
        notional = fill.notional_before + fill.notional
        clearing = min(self.clearing_per_share * quantity, self.clearing_maximum_rate * notional)
        made = fill.made_before + (fill.quantity if fill.liquidity is MAKER else ZERO)
        cost = commission * (1 + self.pass_through_rate) + clearing + self.cat_per_share * quantity
        cost += made * self.exchange_maker_per_share + (quantity - made) * self.exchange_taker_per_share
        sec = taf = ZERO
        if fill.order.side is SELL:
            sec = (self.sec_rate * notional).quantize(CENT, ROUND_CEILING)
            taf = min(self.taf_per_share * quantity, self.taf_maximum).quantize(CENT, ROUND_CEILING)
        return self.due(fill, cost) + sec + taf


class Alpaca(UsShares, frozen=True, kw_only=True):
    """No commission; regulatory fees on sales. https://alpaca.markets/support/regulatory-fees

    Alpaca rounds the fees of a day up to the cent. Here the fees of each order are rounded.
    """


class IbkrFixed(UsShares, frozen=True, kw_only=True):
    """0.005 USD a share, at least 1.00 and at most 1 % of the notional per order; regulatory fees.

    https://www.interactivebrokers.com/en/pricing/commissions-stocks.php. Orders for fractions of a share have
    a minimum of 0.01 there. Here all orders have the same minimum.
    """

    tiers: tuple[Tier, ...] = (Tier(rate=Decimal("0.005")),)
    minimum: Decimal | None = Decimal("1.00")
    maximum_rate: Decimal | None = Decimal("0.01")


class IbkrTiered(UsShares, frozen=True, kw_only=True):
    """0.0035 USD a share, less as the month's volume grows; at least 0.35, at most 1 % of the notional.

    https://www.interactivebrokers.com/en/pricing/commissions-stocks.php. Fees of others on top:

    - Clearing: 0.0002 a share, at most 0.5 % of the notional.
    - Pass-through: 0.000175 and 0.000563 of the commission.
    - Exchange: depends on the venue. The default is the highest fee that Rule 610(c) of Regulation NMS lets
      an exchange charge a taker at prices from 1.00. Makers get no rebate.
    """

    tiers: tuple[Tier, ...] = (
        Tier(up_to=Decimal(300_000), rate=Decimal("0.0035")),
        Tier(up_to=Decimal(3_000_000), rate=Decimal("0.0020")),
        Tier(up_to=Decimal(20_000_000), rate=Decimal("0.0015")),
        Tier(up_to=Decimal(100_000_000), rate=Decimal("0.0010")),
        Tier(rate=Decimal("0.0005")),
    )
    minimum: Decimal | None = Decimal("0.35")
    maximum_rate: Decimal | None = Decimal("0.01")
    clearing_per_share: Decimal = Decimal("0.0002")
    pass_through_rate: Decimal = Decimal("0.000738")
    exchange_taker_per_share: Decimal = Decimal("0.0030")


class BinanceSpot(MakerTaker, frozen=True, kw_only=True):
    """0.1 % for makers and takers (regular user). https://www.binance.com/en/fee/trading

    Charged in the quote currency; Binance takes the fee of a buy in the asset that was bought.
    """

    maker_rate: Decimal = Decimal("0.001")
    taker_rate: Decimal = Decimal("0.001")
    decimals: int = 8


class BinanceUsdm(MakerTaker, frozen=True, kw_only=True):
    """0.02 % for makers, 0.05 % for takers (regular user). https://www.binance.com/en/fee/futureFee"""

    maker_rate: Decimal = Decimal("0.0002")
    taker_rate: Decimal = Decimal("0.0005")
    decimals: int = 8


class Oanda(NoCommission, frozen=True):
    """No commission, only the spread. https://www.oanda.com/us-en/trading/our-pricing/

    Quotes include the spread. Prices of bars are mostly mid prices or bids, so add the spread as slippage.
    """


COMMISSION_MODELS: Mapping[str, type[CommissionModel]] = {
    "none": NoCommission,
    "flat": FlatRates,
    "per_share": PerShare,
    "per_order": PerOrder,
    "percent": PerCent,
    "tiered": Tiered,
    "maker_taker": MakerTaker,
    "alpaca": Alpaca,
    "ibkr_fixed": IbkrFixed,
    "ibkr_tiered": IbkrTiered,
    "binance_spot": BinanceSpot,
    "binance_usdm": BinanceUsdm,
    "oanda": Oanda,
}
"""By name in the configuration."""
