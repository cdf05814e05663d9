"""The contract of an edge: an asynchronous subscriber that acts on the world, outside the core.

It gets events after they are durable, each at least once, in order within a symbol. To add one: write a
class with these members and give it to ``CoreEngine.subscribe``.
"""

from enum import StrEnum
from typing import Annotated, Protocol

import msgspec

from kernel.events import Event


class Overflow(StrEnum):
    """The behaviour of a full lane."""

    BLOCK = "block"
    """The producer waits."""
    CONFLATE = "conflate"
    """The latest quote or book of a symbol replaces the oldest one that waits; other events block."""
    CATCH_UP = "catch_up"
    """The subscriber reads on from the tape instead of memory, until it has caught up."""


class EdgeSubscriber(Protocol):
    """An asynchronous subscriber. ``handle`` must be idempotent by ``seq``."""

    @property
    def name(self) -> str:
        """Unique within an engine; the checkpoint is kept under it."""
        ...

    @property
    def event_types(self) -> frozenset[type[Event]]: ...
    @property
    def overflow(self) -> Overflow: ...
    @property
    def lane_capacity(self) -> int:
        """Events that may wait in one lane: so far the subscriber may lag without an effect on others."""
        ...

    async def handle(self, seq: int, event: Event) -> None:
        """Act on one durable event. If it raises it is called again, a bounded number of times.

        Give results back through ``CoreEngine.report``, never ``post``: the engine may be waiting for this
        lane.
        """
        ...


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How events are delivered to every subscriber."""

    attempts: Annotated[int, msgspec.Meta(ge=1)] = 3
    """Calls of ``handle`` before an event counts as failed: a short fault passes, a bug does not."""
    back_off_s: Annotated[float, msgspec.Meta(ge=0)] = 0.05
    """Wait before the second call, by the engine's clock; doubled before each later call."""
    checkpoint_every: Annotated[int, msgspec.Meta(ge=1)] = 256
    """Handled events between two saved checkpoints: handling them twice costs less than saving more often."""
