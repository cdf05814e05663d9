"""What continuous limits are called in the log, and what their breaches are known by."""

from collections.abc import Iterable, Mapping

from kernel.events import RiskLimitBreached
from kernel.identifiers import StrategyId
from strategies.sdk.limits import ContinuousLimit

REARMED = "rearmed"
"""The action of a ``RiskLimitBreached`` which says that the limit watches again."""


def named(limits: Iterable[ContinuousLimit]) -> Mapping[str, ContinuousLimit]:
    """Limits by rule: their kind, numbered from the second one of a kind on."""
    rules: dict[str, ContinuousLimit] = {}
    counts: dict[str, int] = {}
    for limit in limits:
        kind = limit.kind.value
        counts[kind] = counts.get(kind, 0) + 1
        rules[kind if counts[kind] == 1 else f"{kind} {counts[kind]}"] = limit
    return rules


def breach_key(rule: str, symbol: str, strategy: StrategyId) -> str:
    """What a breach is known by until it is re-armed."""
    return f"{rule}|{symbol}|{strategy}"


def key_of(event: RiskLimitBreached) -> str:
    """The same, of the event."""
    return breach_key(event.rule, event.symbol, event.strategy)
