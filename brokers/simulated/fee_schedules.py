"""What brokers charge, as data: their rates as defaults of commission models, each with source and date.

Rates change. A schedule is what a broker published on the date that it names, for a small account without
special terms; every rate is a parameter that the configuration can set anew. What is not in it
is said with it.

| name | what | rates as of |
| --- | --- | --- |
| ``alpaca`` | US shares: no commission; regulatory fees | January 2025 |
| ``ibkr_fixed`` | Interactive Brokers, US shares, fixed | January 2025 |
| ``ibkr_tiered`` | Interactive Brokers, US shares, tiered | January 2025 |
| ``binance_spot`` | Binance spot, regular user, fees not paid in BNB | June 2025 |
| ``binance_usdm`` | Binance USD-M futures, regular user, fees not paid in BNB | June 2025 |
| ``oanda`` | OANDA with the spread as its price | January 2025 |

US regulatory fees are charged by everybody, on sales alone: the SEC's Section 31 fee (27.80 USD a million
from 22 May 2024; 0 from 14 May 2025 until further notice: set ``sec_rate: 0`` for that time) and FINRA's
Trading Activity Fee (0.000166 USD a share, at most 8.30 a trade, from 1 January 2024). Earlier Section 31
rates: 8.00 from 27 February 2023, 22.90 from 14 May 2022, 5.10 from 25 February 2021, 22.10 from
18 February 2020, 20.70 from 16 April 2019. The fee for the Consolidated Audit Trail, below
0.0001 USD a share and changed several times a year, is left out unless ``cat_per_share`` is given.
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
from kernel.events import Liquidity, Side

_SELL = Side.SELL
_MAKER = Liquidity.MAKER


class UsShares(PerOrderLimits, frozen=True, kw_only=True):
    """A commission for US shares and the fees of others on top; what the schedules below have in common.

    The broker's commission is a marginal rate per share by the month's volume (``tiers``), within the
    limits per order. On top of it: ``pass_through_rate`` of the commission; ``clearing_per_share`` up to
    ``clearing_maximum_rate`` of the notional; ``cat_per_share``; and the exchange's fee per share by
    liquidity, a negative one being a rebate. On sales also ``sec_rate`` of the notional and
    ``taf_per_share`` up to ``taf_maximum``, each rounded up to the cent. All of it for the order as a whole.
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
        """The broker's rates; the fees of others follow from what was filled."""
        return marginal(self.tiers, fill.month_quantity, fill.quantity)

    def commission(self, fill: FillTerms) -> Decimal:
        """What this fill adds to the order's commission and fees."""
        commission = self.limited(fill, fill.accrued_before + self.accrual(fill))
        quantity = fill.filled_before + fill.quantity
        notional = fill.notional_before + fill.notional
        clearing = min(self.clearing_per_share * quantity, self.clearing_maximum_rate * notional)
        made = fill.made_before + (fill.quantity if fill.liquidity is _MAKER else ZERO)
        cost = commission * (1 + self.pass_through_rate) + clearing + self.cat_per_share * quantity
        cost += made * self.exchange_maker_per_share + (quantity - made) * self.exchange_taker_per_share
        sec = taf = ZERO
        if fill.order.side is _SELL:
            sec = (self.sec_rate * notional).quantize(CENT, ROUND_CEILING)
            taf = min(self.taf_per_share * quantity, self.taf_maximum).quantize(CENT, ROUND_CEILING)
        return self.due(fill, cost) + sec + taf


class Alpaca(UsShares, frozen=True, kw_only=True):
    """No commission, the regulatory fees on sales. https://alpaca.markets/support/regulatory-fees

    Alpaca rounds a day's fees up to the cent together, here it is an order's.
    """


class IbkrFixed(UsShares, frozen=True, kw_only=True):
    """0.005 USD a share, at least 1.00 and at most 1 % of the notional per order; and regulatory fees.

    https://www.interactivebrokers.com/en/pricing/commissions-stocks.php. Orders for fractions of a share have
    a minimum of 0.01 there, which is not known here.
    """

    tiers: tuple[Tier, ...] = (Tier(rate=Decimal("0.005")),)
    minimum: Decimal | None = Decimal("1.00")
    maximum_rate: Decimal | None = Decimal("0.01")


class IbkrTiered(UsShares, frozen=True, kw_only=True):
    """0.0035 USD a share and less with the month's volume, at least 0.35 and at most 1 % of the notional.

    https://www.interactivebrokers.com/en/pricing/commissions-stocks.php. With clearing (0.0002 a share, at
    most 0.5 % of the notional) and pass-through fees (0.000175 and 0.000563 of the commission). Exchange
    fees depend on the venue: the default is the most that Rule 610(c) of Regulation NMS lets an exchange
    charge a taker at prices from 1.00, and no rebate for makers.
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
    """Nothing on top of the spread. https://www.oanda.com/us-en/trading/our-pricing/

    The spread is in the quotes; on bars, whose prices are mostly mid prices or bids, add it with slippage.
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
"""By the name that configuration knows them by."""
