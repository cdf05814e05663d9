"""``replay --log``: a period of a recorded run or live log, played again."""

from collections.abc import Callable, Sequence
from math import inf

import click
import msgspec

from eventstore.moments import iso_utc
from kernel.clock import HistoricalClock
from ops.commands.compare import show_comparison
from ops.commands.runs import divergence_fields
from ops.event_lines import HEADING, NARROW_HEADING, LoggedEvent, human_line, json_line, line_for
from ops.event_loop import run
from ops.log_options import CURRENT, VERIFY, LogOptions
from ops.periods import Period, period_of
from ops.store_file import existing_store
from ops.tables import TableConsole, print_titled
from replay.divergence import Diverged
from replay.past.comparison_rows import comparison_object
from replay.past.fork import ForkChanges, Forked, fork
from replay.past.period import Heard, PlayedEvent, PlayedPeriod, play_period
from replay.past.period_rows import period_object, period_rows, period_words, state_words, verified_words
from replay.run_snapshots import snapshots_beside

STOPPED = 1


def replay_log(wanted: LogOptions) -> None:
    """Play the period and print what it was. Raises ``UsageError`` for a wrong period."""
    period = period_of(wanted.start, wanted.end)
    if wanted.code == CURRENT:
        _show_fork(wanted, run(_forked(wanted, period)))
        return
    shown = _Shown(wanted)
    try:
        found = run(_played(wanted, period, shown))
    except Diverged as diverged:
        if wanted.as_json:
            click.echo(msgspec.json.encode(divergence_fields(wanted.log, diverged.divergence)))
        raise
    except KeyboardInterrupt:
        click.echo(f"replay: {shown.how_far()}", err=True)
        raise click.exceptions.Exit(STOPPED) from None
    if wanted.as_json:
        click.echo(msgspec.json.encode(period_object(found)).decode())
    elif wanted.mode == VERIFY:
        click.echo(verified_words(found))
    else:
        _show(found)


async def _played(wanted: LogOptions, period: Period, shown: "_Shown") -> PlayedPeriod:
    is_paced = wanted.speed is not None and wanted.speed < inf
    heard: Heard | None = shown.show if wanted.speed is not None else None
    async with existing_store(wanted.path) as store:
        return await play_period(
            store,
            wanted.log,
            from_ts=period[0],
            to_ts=period[1],
            snapshots=snapshots_beside(wanted.path),
            heard=heard,
            clock=HistoricalClock(wanted.speed if is_paced else None),
        )


async def _forked(wanted: LogOptions, period: Period) -> Forked:
    async with existing_store(wanted.path) as store:
        return await fork(
            store,
            wanted.log,
            changes=ForkChanges(current_code=True),
            ts=None if period[0] is None else period[0] - 1,
            to_ts=period[1],
            snapshots=snapshots_beside(wanted.path),
        )


class _Shown:
    """Prints events as they are played, and knows how far they are."""

    def __init__(self, wanted: LogOptions) -> None:
        self._log = wanted.log
        self._as_json = wanted.as_json
        self._line: Callable[[LoggedEvent], str] = json_line if wanted.as_json else line_for(TableConsole())
        self._inputs = self._ts = 0

    def show(self, events: Sequence[PlayedEvent]) -> None:
        """Print the next events."""
        if not self._ts and not self._as_json:
            click.echo(HEADING if self._line is human_line else NARROW_HEADING)
        lines = [self._line(LoggedEvent(one.seq, one.cause, one.event)) for one in events]
        click.echo("\n".join(lines))
        self._inputs += sum(one.cause < 0 for one in events)
        self._ts = events[-1].event.ts

    def how_far(self) -> str:
        """A sentence for Ctrl-C."""
        if not self._ts:
            return f"{self._log}: stopped; nothing was written"
        return (
            f"{self._log}: stopped at {iso_utc(self._ts)} after {self._inputs:,} inputs, equal to the record "
            "so far; nothing was written"
        )


def _show(found: PlayedPeriod) -> None:
    console = TableConsole()
    console.print(period_words(found), soft_wrap=True)
    print_titled(period_rows(found), console)


def _show_fork(wanted: LogOptions, found: Forked) -> None:
    moment = found.moment
    if wanted.as_json:
        told = {
            "log": wanted.log,
            "restored_seq": found.restored_seq,
            "began": msgspec.to_builtins(moment),
            "is_changed": found.is_changed,
            **comparison_object(found.comparison),
        }
        click.echo(msgspec.json.encode(told).decode())
        return
    code = "which is another one" if found.is_changed else "which is the recorded one"
    click.echo(
        f"{wanted.log}: after {iso_utc(moment.ts)}, seq {moment.seq:,}, played by the code on disk, {code}\n"
        f"{state_words(found.restored_seq)}"
    )
    show_comparison(found.comparison, as_json=False)
