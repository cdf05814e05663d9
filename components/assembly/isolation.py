"""The settings of a strategy that runs in a process of its own."""

from enum import StrEnum
from typing import Annotated

import msgspec

from components.assembly.hosts import Place
from kernel.supervision import RestartPolicy


class Isolation(StrEnum):
    """Where a live run calls the hooks of a strategy. A replay calls all of them in one process."""

    NONE = "none"
    PROCESS = "process"

    @property
    def place(self) -> Place:
        """The place of the hooks, as the core of a live log sees it."""
        return Place.APART if self is Isolation.PROCESS else Place.IN_CORE


class WorkerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The limits of a strategy's process."""

    deadline_ms: Annotated[float, msgspec.Meta(ge=10)] = 2_000.0
    """The longest time without a sign of life while it has work; then it is ended. A busy machine stalls a
    process for half a second."""
    start_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """Until it has loaded its last snapshot: a slow disk takes some seconds to import all."""
    memory_mb: Annotated[int, msgspec.Meta(ge=256)] = 2_048
    """Its address space. An allocation beyond it raises ``MemoryError`` in the hook."""
    requires: tuple[str, ...] = ()
    """Packages that its code may import beside those of every strategy, by their names in ``import``."""
    restart: RestartPolicy = RestartPolicy(most_restarts=20)
    """When it is started again; beyond ``most_restarts`` it stays down until the daemon starts again."""
