"""The account's exact figures, computed when a rule asks.

They are used where no limit needs figures that follow every price: a check then costs as much as the account
has positions, and a market event costs nothing.
"""

from decimal import Decimal
from typing import Protocol

ZERO = Decimal(0)


class ExactView(Protocol):
    """The figures of the account."""

    @property
    def equity(self) -> Decimal: ...
    @property
    def gross_exposure(self) -> Decimal: ...
    @property
    def initial_margin(self) -> Decimal: ...


class AccountFigures:
    """Implements the figures that risk's rules read. Losses and sectors need the risk monitor."""

    def __init__(self, account: ExactView) -> None:
        self._account = account

    @property
    def equity(self) -> Decimal:
        """Cash and positions."""
        return self._account.equity

    @property
    def gross_exposure(self) -> Decimal:
        """Sum of the absolute values of net positions."""
        return self._account.gross_exposure

    @property
    def initial_margin(self) -> Decimal:
        """The initial margin of all positions."""
        return self._account.initial_margin

    def sector_exposure(self, sector: str) -> Decimal:
        """A limit on a sector needs the risk monitor."""
        raise AssertionError(f"the exposure in {sector!r} was asked of an account that nothing monitors")

    def loss(self, rule: str) -> float:
        """A limit on losses needs the risk monitor."""
        raise AssertionError(f"the loss under {rule!r} was asked of an account that nothing monitors")
