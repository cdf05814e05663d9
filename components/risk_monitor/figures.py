"""The account at the last prices: equity, exposure, margin and losses.

The figures are floats, because they are observations that are compared with limits. ``match_account`` sets
them to the exact values of the portfolio at every fill, payment and rate. In between, ``move`` updates them
by one price at a time, so reading them costs the same for one position and for a hundred.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite, nan

from components.risk_monitor.losses import LossMeasure
from components.risk_monitor.state import Mark, MonitorState
from components.risk_monitor.views import AccountView, MarketView


class Figures:
    """The figures that rules and limits ask for, kept in the monitor's state."""

    def __init__(
        self,
        state: MonitorState,
        measures: Sequence[LossMeasure],
        *,
        account: AccountView,
        market: MarketView,
    ) -> None:
        self._state = state
        self._measures = {measure.rule: measure for measure in measures}
        self._account = account
        self._market = market

    # --- reading ------------------------------------------------------------------------------

    @property
    def equity(self) -> Decimal:
        """Cash and positions."""
        return Decimal(repr(self._state.equity))

    @property
    def gross_exposure(self) -> Decimal:
        """Sum of the absolute values of net positions."""
        return Decimal(repr(self._state.gross_exposure))

    @property
    def initial_margin(self) -> Decimal:
        """The initial margin of all positions."""
        return Decimal(repr(self._state.initial_margin))

    def sector_exposure(self, sector: str) -> Decimal:
        """The part of gross exposure that is in one sector."""
        return Decimal(repr(self._state.sectors.get(sector, 0.0)))

    def loss(self, rule: str) -> float:
        """The present loss under a rule, in its unit; below 0 for a gain, 0 before the session."""
        origin = self._state.origins.get(rule)
        return 0.0 if origin is None else self._measures[rule].loss(origin, self._state.equity)

    # --- changing -----------------------------------------------------------------------------

    def move(self, symbol: str, price: float) -> bool:
        """Update the figures by a new price of a held symbol.

        Returns ``False`` for its first price and for an inverse contract: then ``match_account`` is needed.
        """
        state = self._state
        mark = state.marks[symbol]
        if not isfinite(mark.price):
            return False
        change = mark.weight * (price - mark.price)
        if not change:
            return True
        value = mark.value + change
        increase = abs(value) - abs(mark.value)
        mark.price, mark.value = price, value
        state.equity += change
        state.gross_exposure += increase
        state.initial_margin += increase * mark.margin_rate
        state.sectors[mark.sector] += increase
        return True

    def match_account(self) -> tuple[list[str], list[str]]:
        """Set the figures to the account's exact ones.

        Returns the symbols in which a position was opened since the last time, and those in which it ended.
        """
        state, account = self._state, self._account
        before, state.marks, state.sectors = state.marks, {}, {}
        state.gross_exposure = state.initial_margin = 0.0
        for symbol in account.open_symbols():
            mark = state.marks[symbol] = self._mark_of(symbol)
            size = abs(mark.value)
            state.gross_exposure += size
            state.initial_margin += size * mark.margin_rate
            state.sectors[mark.sector] = state.sectors.get(mark.sector, 0.0) + size
        state.equity = float(account.equity)
        opened = [symbol for symbol in state.marks if symbol not in before]
        return opened, [symbol for symbol in before if symbol not in state.marks]

    def note_paid_in(self, amount: float) -> None:
        """Record a payment in (or out, below 0) that equity includes already. Losses stay the same."""
        state = self._state
        state.paid_in += amount
        for rule, origin in state.origins.items():
            state.origins[rule] = self._measures[rule].moved_origin(origin, amount, state.equity)

    def _mark_of(self, symbol: str) -> Mark:
        account, terms = self._account, self._market.instrument(symbol)
        price, rate = self._market.last_price(symbol), account.rate(terms.currency)
        units = account.net_position(symbol) * terms.multiplier
        return Mark(
            nan if price is None or terms.is_inverse else price,
            0.0 if rate is None else float(units * rate),
            float(account.value_of(symbol)),
            float(account.margin_rate(symbol)),
            terms.sector,
        )
