"""Restarts within a replay, which find state that a restart would lose.

Between two inputs a snapshot of the core is put back into a new core, made from newly loaded sources. If the
run goes on as if nothing had happened, all of its state is in snapshots.
"""

from collections.abc import Callable, Sequence

import msgspec

from components.assembly.core import Core
from components.assembly.setup import core_of
from kernel import snapshot
from kernel.errors import ComponentError, ReplayDiverged
from kernel.identifiers import StrategyId
from replay.record import plan_after
from replay.run import CoreReplacement, Opening, Plan


def replacement(
    *, places: tuple[int, ...], reload: Callable[[], Plan], only: StrategyId | None = None
) -> CoreReplacement:
    """Replace the core after each number of inputs in ``places`` (see ``CoreReplacement``).

    ``reload`` makes the plan again, with newly loaded code. With ``only``, one strategy is rebuilt; the
    others and the venue's models go on as they are.
    """

    def next_core(core: Core, plan: Plan, openings: Sequence[Opening]) -> Core:
        anew = reload()
        for opening in openings:
            anew = plan_after(anew, opening)
        if only is None:
            return _moved(core, core_of(anew, anew.venue))
        ids = (planned.strategy_id for planned in plan.strategies)
        running = {key: host.strategy for key, host in zip(ids, core.hosts, strict=True)}
        del running[only]
        anew = msgspec.structs.replace(anew, models=plan.models)
        return _moved(core, core_of(anew, anew.venue, kept=running))

    return CoreReplacement(places, next_core)


def places_of(event_count: int, *, restarts: int) -> tuple[int, ...]:
    """The numbers of inputs after which to replace the core, evenly spaced and without repetition."""
    parts = restarts + 1
    return tuple(sorted({event_count * part // parts for part in range(1, parts)}))


def _moved(core: Core, anew: Core) -> Core:
    try:
        snapshot.put_back(anew.bus, snapshot.take(core.bus))
    except ComponentError as error:
        raise ReplayDiverged(
            f"after input {core.bus.state.input_count} a restart is not possible: {error}"
        ) from error
    return anew
