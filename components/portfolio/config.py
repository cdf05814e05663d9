"""The settings of the portfolio."""

from enum import StrEnum

import msgspec

from components.portfolio.lots import FIRST_IN_FIRST_OUT, LAST_IN_FIRST_OUT
from components.portfolio.position import AverageCost, CostMethod
from kernel.time_units import DAY_S


class LotMethod(StrEnum):
    """The lots that a partial close takes its cost from."""

    AVERAGE = "average"
    FIFO = "fifo"
    LIFO = "lifo"


class AccountType(StrEnum):
    """Whether positions are paid in full or held on margin. Futures and perpetuals are always on margin.

    Left out, it is a margin account where shorts or leverage are allowed.
    """

    CASH = "cash"
    MARGIN = "margin"


class PositionMode(StrEnum):
    """Whether a strategy holds one net position in a symbol, or long and short apart."""

    NETTING = "netting"
    HEDGING = "hedging"


class PortfolioConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of the account.

    - ``mark_every_s``: seconds of kernel time between two ``AccountMarked`` events, at multiples of it.
      ``None``: a backtest chooses it by its data (``replay/mark_times.py``); a live log has a mark a day.
    - ``mark_bars``: mark the account at the end of each bar instead. A backtest chooses it for bars of whole
      days, which end at midnight of their own zone.
    - ``mark_ledgers``: each mark also has a ``LedgerMarked`` per strategy and currency. Off by default:
      most runs have one strategy.
    - ``mark_margin``: each mark also has a ``MarginMarked``. Off by default: most runs have no margin.
    - ``corrections_kept``: the number of last fills of each position that a correction can rebook exactly
      (that many to twice as many; 0: no fill). Busts arrive within the day, so 100 is enough, and a
      thousand positions fit in memory.
    """

    mark_every_s: int | None = None
    currency: str = "USD"
    lots: LotMethod = LotMethod.AVERAGE
    account_type: AccountType | None = None
    mark_ledgers: bool = False
    mark_margin: bool = False
    corrections_kept: int = 100
    position_mode: PositionMode = PositionMode.NETTING
    mark_bars: bool = False

    @property
    def every_s(self) -> int:
        """Seconds between two marks."""
        return DAY_S if self.mark_every_s is None else self.mark_every_s


COST_METHODS: dict[LotMethod, CostMethod] = {
    LotMethod.AVERAGE: AverageCost(),
    LotMethod.FIFO: FIRST_IN_FIRST_OUT,
    LotMethod.LIFO: LAST_IN_FIRST_OUT,
}


def check_portfolio(config: PortfolioConfig) -> None:
    """Raise ``ValueError`` with a sentence for settings that make no sense."""
    if config.every_s < 1:
        raise ValueError(f"mark_every_s: {config.every_s} is below 1 second")
    if config.position_mode is PositionMode.HEDGING and config.account_type is AccountType.CASH:
        raise ValueError(
            "position_mode: hedging needs a margin account, because a short leg is never paid in full; "
            "expected account_type: margin"
        )
    if config.corrections_kept < 0:
        raise ValueError(f"corrections_kept: {config.corrections_kept} is below 0")
