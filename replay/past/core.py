"""``replay.at``: the core of a run or live log as it was, for notebooks and scripts.

past = replay.at("run.ma_cross.1", 1_200, store="market.db")
past.core.portfolio.equity, past.state("strategy:ma_cross")
"""

from datetime import date
from pathlib import Path

import msgspec

from components.assembly.core import Core
from components.assembly.moments import is_day, moment_ns
from eventstore import EventStore, SnapshotFiles, open_store
from eventstore.store_opening import is_store_here
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.time_units import DAY_NS
from replay.arguments import moment_of
from replay.blocking import run_blocking
from replay.config import DEFAULT_STORE
from replay.past.states import Plain, states_of, value_at
from replay.past.timeline import Moment, Timeline
from replay.run import Plan
from replay.run_snapshots import snapshots_beside


class PastCore(msgspec.Struct, frozen=True, eq=False):
    """The core of a run or live log at a moment. ``plan``: what it was made of."""

    log: str
    moment: Moment
    core: Core
    plan: Plan

    def states(self) -> dict[str, Plain]:
        """The states of all components as plain values."""
        return states_of(self.core)

    def state(self, path: str) -> Plain:
        """The state of a component, or a value of it: ``portfolio`` or ``portfolio.cash``."""
        return value_at(self.states(), path)


@exact
def at(
    log: str,
    seq: int | None = None,
    *,
    time: str | date | None = None,
    number: int | None = None,
    store: str | Path | EventStore = DEFAULT_STORE,
    current_code: bool = False,
) -> PastCore:
    """The core of a run or live log right after a record, a time or an input; without any, at the end.

    - ``seq``: of a record of the log: the state after the input that made it, and all that this caused.
    - ``time``: a UTC day, which means its end, or a moment.
    - ``number``: of an input.
    - ``store``: its path, or an open store of which snapshots are not used.
    - ``current_code``: play the code on disk; then nothing is compared with the record.

    Blocks. Raises ``InputError`` for a seq that is not there, and ``StreamMissing`` and ``ReplayDiverged``
    as a verification does.
    """
    if isinstance(store, str | Path) and not is_store_here(Path(store)):
        raise InputError(f"there is no store at {store}")
    if sum(each is not None for each in (seq, time, number)) > 1:
        raise InputError("at: give one of seq, time and number")
    wanted = time_ns(moment_of(time, key="time"))
    return run_blocking(_at(log, seq, wanted, number, store, current_code=current_code))


def time_ns(text: str | None, *, key: str = "time") -> int | None:
    """The last nanosecond of a day, or a moment, ns UTC."""
    if text is None:
        return None
    return moment_ns(text, key=key) + (DAY_NS - 1 if is_day(text) else 0)


async def _at(
    log: str,
    seq: int | None,
    ts: int | None,
    number: int | None,
    store: str | Path | EventStore,
    *,
    current_code: bool,
) -> PastCore:
    if not isinstance(store, str | Path):
        return await _found(store, log, seq, ts, number, None, current_code=current_code)
    async with await open_store(store, read_only=True) as opened:
        files = snapshots_beside(Path(store))
        return await _found(opened, log, seq, ts, number, files, current_code=current_code)


async def _found(
    store: EventStore,
    log: str,
    seq: int | None,
    ts: int | None,
    number: int | None,
    snapshots: SnapshotFiles | None,
    *,
    current_code: bool,
) -> PastCore:
    async with Timeline.open(store, log, snapshots=snapshots, current_code=current_code) as timeline:
        if seq is not None:
            moment = await timeline.goto_seq(seq)
        elif ts is not None:
            moment = await timeline.goto_time(ts)
        elif number is not None:
            moment = await timeline.goto_number(number)
        else:
            moment = await timeline.goto_end()
        return PastCore(log, moment, timeline.core, timeline.plan)
