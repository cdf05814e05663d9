"""Names for the ids that travel inside events, so that one kind cannot stand in for another."""

from typing import NewType

StrategyId = NewType("StrategyId", str)
"""A loaded strategy, unique within a log: ``"ma_cross"``."""

ClientOrderId = NewType("ClientOrderId", str)
"""Our id of an order, made from the log alone: letters, digits and ``-``, at most 36 characters."""

BrokerOrderId = NewType("BrokerOrderId", str)
"""The venue's id of an order."""

FillId = NewType("FillId", str)
"""The venue's id of one execution. Each fill changes positions only once per id."""

TimerName = NewType("TimerName", str)
"""A timer's name, unique for its owner."""
