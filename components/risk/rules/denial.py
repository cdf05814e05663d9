"""What a rule is: one limit that looks at one order and says nothing, or why not."""

from decimal import Decimal
from typing import Protocol, runtime_checkable

import msgspec

from components.risk.look import Look


class Denial(msgspec.Struct, frozen=True, gc=False):
    """Why an order was refused: the rule, a sentence, the limit, and the value that was seen."""

    rule: str
    reason: str
    limit: Decimal | int | str
    value: Decimal | int | str


class Rule(Protocol):
    """One limit. Rules keep no state of their own: what they know is in the look."""

    def check(self, look: Look) -> Denial | None:
        """``None`` if the order may go."""
        ...


@runtime_checkable
class FlowRule(Rule, Protocol):
    """A limit on the flow of orders, which has to remember those that went."""

    def note(self, look: Look) -> None:
        """The order was approved."""
        ...
