"""Income of a run besides its trades: dividends, interest, funding, borrow fees and other charges."""

from collections import defaultdict
from decimal import Decimal

import msgspec

from kernel.events import CashFlowKind, CashMoved, Event

ZERO = Decimal(0)
NO_INCOME = frozenset({CashFlowKind.DEPOSIT, CashFlowKind.CONVERSION})


class Income(msgspec.Struct, frozen=True):
    """The sum of one kind of income in one currency; below 0 it is a cost."""

    kind: CashFlowKind
    currency: str
    amount: Decimal

    @property
    def name(self) -> str:
        """The kind in words."""
        return self.kind.value.replace("_", " ")


class IncomeTally:
    """Takes the events of a run in order."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[CashFlowKind, str], Decimal] = defaultdict(lambda: ZERO)

    def take(self, event: Event) -> None:
        """Add what cash came in or went out."""
        if isinstance(event, CashMoved) and event.kind not in NO_INCOME:
            self._sums[event.kind, event.currency] += event.amount

    def income(self) -> tuple[Income, ...]:
        """All of it, by kind and currency."""
        return tuple(Income(*key, amount) for key, amount in sorted(self._sums.items()))
