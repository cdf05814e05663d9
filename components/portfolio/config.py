"""What of the portfolio can be chosen."""

from enum import StrEnum

import msgspec

from components.portfolio.lots import FIRST_IN_FIRST_OUT, LAST_IN_FIRST_OUT
from components.portfolio.position import AverageCost, CostMethod
from kernel.time_units import DAY_S


class LotMethod(StrEnum):
    """Which cost a partial close takes."""

    AVERAGE = "average"
    FIFO = "fifo"
    LIFO = "lifo"


class AccountType(StrEnum):
    """Whether positions are paid in full or held on margin; futures and perpetuals are on margin in both."""

    CASH = "cash"
    MARGIN = "margin"


class PortfolioConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the account is kept.

    ``mark_every_s``: seconds of kernel time between two ``AccountMarked`` events, at multiples of it. One
    a day: enough for daily returns, and nothing for the hot path to carry.
    ``mark_ledgers`` and ``mark_margin`` add ``LedgerMarked`` per strategy and currency, and
    ``MarginMarked``, to every mark; off, because few runs have more than one strategy or any margin.
    ``corrections_kept``: fills of each position that a venue may correct with exact effect (that many to
    twice as many, 0 for none): busts come within the day, and a thousand positions fit in memory.
    """

    mark_every_s: int = DAY_S
    currency: str = "USD"
    lots: LotMethod = LotMethod.AVERAGE
    account_type: AccountType = AccountType.CASH
    mark_ledgers: bool = False
    mark_margin: bool = False
    corrections_kept: int = 100


COST_METHODS: dict[LotMethod, CostMethod] = {
    LotMethod.AVERAGE: AverageCost(),
    LotMethod.FIFO: FIRST_IN_FIRST_OUT,
    LotMethod.LIFO: LAST_IN_FIRST_OUT,
}


def check_portfolio(config: PortfolioConfig) -> None:
    """``ValueError`` with a sentence for settings that make no sense."""
    if config.mark_every_s < 1:
        raise ValueError(f"mark_every_s: {config.mark_every_s} is below 1 second")
    if config.corrections_kept < 0:
        raise ValueError(f"corrections_kept: {config.corrections_kept} is below 0")
