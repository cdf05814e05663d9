"""The P&L of a run at other costs than those that were charged."""

from decimal import Decimal

import msgspec

from kernel.decimals import exact
from replay.results import RunResult

ZERO = Decimal(0)


class Costs(msgspec.Struct, frozen=True):
    """The P&L of the account at other costs, if the same fills had been made.

    - ``gross``: P&L before commissions, and ``fees`` the commissions, in the account's currency.
    - ``break_even_multiple``: the multiple of the commissions that makes the P&L 0; ``None`` without
      commissions or profit.
    - ``break_even_bps``: of each fill's value, in basis points, all costs together; ``None`` without fills or
      profit.
    """

    gross: Decimal
    fees: Decimal
    break_even_multiple: float | None
    break_even_bps: float | None

    @exact
    def pnl_at(self, multiple: int) -> Decimal:
        """The P&L at a multiple of the commissions."""
        return self.gross - multiple * self.fees


@exact
def costs_of(result: RunResult) -> Costs:
    """The costs of a run; slippage is in the prices of its fills, and so in ``gross``."""
    m = result.metrics
    paid_in = sum((one.amount for one in result.later_deposits), ZERO)
    gross = m.final_equity - m.initial_equity - paid_in + m.fees
    traded = Decimal(float(result.flow.notional.sum()))
    has_profit = gross > 0
    return Costs(
        gross,
        m.fees,
        float(gross / m.fees) if has_profit and m.fees > 0 else None,
        float(gross / traded * 10_000) if has_profit and traded > 0 else None,
    )
