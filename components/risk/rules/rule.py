"""The form of a risk rule: one limit that checks one order at a time."""

from typing import Protocol, runtime_checkable

from components.risk.order_check import OrderCheck
from kernel.events import InstrumentDefined
from strategies.sdk.risk_rules import Denial


class Rule(Protocol):
    """One limit. It keeps no state of its own: everything it may know is in the order check."""

    def check(self, order_check: OrderCheck) -> Denial | None:
        """The reason to deny the order; ``None`` if the rule has none."""
        ...


@runtime_checkable
class InstrumentRule(Rule, Protocol):
    """A limit on some instruments alone; orders in others are not checked by it."""

    def concerns(self, instrument: InstrumentDefined) -> bool:
        """Whether it limits orders in an instrument with these terms."""
        ...


@runtime_checkable
class FlowRule(Rule, Protocol):
    """A limit on the flow of orders, which has to remember the approved ones."""

    def note(self, order_check: OrderCheck) -> None:
        """Remember an order that was approved."""
        ...
