"""The interfaces of risk rules."""

from typing import Protocol, runtime_checkable

from components.risk.order_check import OrderCheck
from kernel.events import InstrumentDefined
from strategies.sdk.risk_rules import Denial


class Rule(Protocol):
    """One limit. It has no state: all its information is in the order check."""

    def check(self, order_check: OrderCheck) -> Denial | None:
        """The denial of the order; ``None`` if the rule allows it."""
        ...


@runtime_checkable
class InstrumentRule(Rule, Protocol):
    """A limit on some instruments only. It does not check orders in others."""

    def concerns(self, instrument: InstrumentDefined) -> bool:
        """Whether it limits orders in an instrument with these terms."""
        ...


@runtime_checkable
class FlowRule(Rule, Protocol):
    """A limit on the flow of orders. It must remember approved orders."""

    def note(self, order_check: OrderCheck) -> None:
        """Remember an order that was approved."""
        ...
