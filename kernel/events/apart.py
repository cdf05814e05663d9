"""Strategies that run in a process of their own: what they decide, and how they fail."""

from kernel.events.header import Event
from kernel.identifiers import StrategyId


class StrategyDecided(Event, frozen=True, tag=135):
    """Input: the decisions of a strategy that runs in a process of its own.

    - ``after``: the number of the input after which it decided.
    - ``decisions``: a msgpack list of the events of its host, as the log holds events.
    - ``epoch``, ``ids_before``, ``ids_after``: its counters of order ids, before and after these decisions.
    - ``answers``: how many of its decisions in a row each answered the one before.
    """

    strategy: StrategyId
    after: int
    decisions: bytes
    epoch: int
    ids_before: int
    ids_after: int
    answers: int = 0


class StrategyFailedApart(Event, frozen=True, tag=136):
    """Input: a strategy that runs in a process of its own failed at the input with the number ``after``.

    - ``event_type``, ``error``, ``where``: as in ``ComponentFailed``.
    - ``has_ended``: its process ended there, or was ended. The strategy does not get that input again.
    """

    strategy: StrategyId
    after: int
    event_type: str
    error: str
    where: str = ""
    has_ended: bool = False
