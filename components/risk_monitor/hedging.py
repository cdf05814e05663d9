"""The monitors in hedging mode: figures of symbols with two legs.

Netting mode updates exposure and margin by the change of one value. With two legs exposure is gross, so here
each price of a held symbol sets the figures to the account's.
"""

from collections.abc import Sequence
from math import isfinite, nan

from components.risk_monitor.figures import Figures
from components.risk_monitor.margin_watch import MarginMark, MarginWatch
from kernel.events import Event


class LegFigures(Figures):
    """Equity, exposure, margin and losses, with both legs in exposure and margin."""

    def move(self, symbol: str, price: float) -> bool:  # noqa: ARG002  # the signature of netting mode
        """The figures are never updated by one price: ``match_account`` follows."""
        return False

    def match_account(self) -> tuple[list[str], list[str]]:
        changed, state = super().match_account(), self._state
        state.gross_exposure = state.initial_margin = 0.0
        state.sectors = {}
        for symbol, mark in state.marks.items():
            size = float(self._account.worth_of(symbol)[1])
            state.gross_exposure += size
            state.initial_margin += size * mark.margin_rate
            state.sectors[mark.sector] = state.sectors.get(mark.sector, 0.0) + size
        return changed


class LegMarginWatch(MarginWatch):
    """Calls for margin, with the margins of both legs."""

    def free_margin_at(self, symbol: str, price: float) -> float | None:  # noqa: ARG002  # as above
        return None if symbol in self.state.marks else self.free_margin()

    def _marked(self, symbol: str) -> MarginMark | None:
        account, price = self._account, self._market.last_price(symbol)
        worth, size = account.worth_of(symbol)
        if not worth and not size and symbol not in tuple(account.open_symbols()):
            return None  # a symbol that is held without cost or price is watched for its first price
        weight = nan  # no figure is ever moved by it
        rates = (float(account.margin_rate(symbol)), float(account.maintenance_rate(symbol)))
        return MarginMark(nan if price is None else price, weight, float(worth), float(size), *rates)

    def _on_price(self, symbol: str, price: float, ts: int) -> Sequence[Event] | None:
        state = self.state
        if symbol not in state.marks or not isfinite(price):
            return None
        self._mark(symbol)
        if state.is_called or state.cash + state.worth > state.required:
            return None
        return list(self._judge(ts)) or None
