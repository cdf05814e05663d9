"""``replay --log``: a period of a recorded run or live log, played again."""

from collections.abc import Callable, Collection, Sequence
from math import inf
from pathlib import Path

import click
import msgspec

from eventstore.moments import iso_utc
from kernel.clock import HistoricalClock
from kernel.errors import InputError
from ops.commands.compare import show_comparison
from ops.commands.runs import divergence_fields
from ops.event_lines import HEADING, NARROW_HEADING, LoggedEvent, human_line, json_line, line_for
from ops.event_loop import run
from ops.periods import period_of
from ops.store_file import existing_store
from ops.tables import TableConsole, print_titled
from replay.comparison_rows import comparison_object
from replay.divergence import Diverged
from replay.fork import ForkChanges, Forked, fork
from replay.period import Heard, PlayedEvent, PlayedPeriod, play_period
from replay.period_rows import period_object, period_rows, period_words, state_words, verified_words
from replay.run_snapshots import snapshots_beside

RECORDED, CURRENT = "recorded", "current"
PLAY, VERIFY = "play", "verify"
STOPPED = 1

FOR_LOGS = ("log", "code", "mode")
"""Options that need ``--log``."""

WITH_LOGS = ("log", "code", "mode", "start", "end", "speed", "store", "as_json")
"""Options that may be given beside ``--log``."""


class LogReplay(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. Times in ns UTC; ``speed``: ``None`` prints no events, ``inf`` does not wait."""

    log: str
    path: Path
    from_ts: int | None
    to_ts: int | None
    code: str
    mode: str
    speed: float | None
    as_json: bool


def check_log_options(given: Collection[str], *, has_log: bool) -> None:
    """Raise ``UsageError`` for options that do not go together; ``given``: names of parameters."""
    if not has_log:
        for name in FOR_LOGS:
            if name in given:
                raise click.UsageError(
                    f"--{name} is about a recorded run or live log: name it with --log; a backtest over data "
                    "streams has neither --code nor --mode"
                )
        return
    others = [_option(name) for name in sorted(given) if name not in WITH_LOGS]
    if others:
        raise click.UsageError(
            f"--log plays a recorded run or live log with its own data, strategies and settings: leave out "
            f"{', '.join(others)}; to change something from a moment on: replay fork"
        )


def _option(name: str) -> str:
    spelled = {"streams": "stream", "strategies": "strategy", "params": "param"}
    return "--" + spelled.get(name, name).replace("_", "-")


def log_replay(
    *,
    log: str,
    path: Path,
    start: str | None,
    end: str | None,
    code: str,
    mode: str,
    speed: float | None,
    as_json: bool,
) -> LogReplay:
    """The request, checked. Raises ``UsageError``."""
    if code == CURRENT and mode == VERIFY:
        raise click.UsageError(
            "--mode verify from a time on is of the recorded code; for today's code: "
            f"replay verify {log} --current-code, or --code current without --mode"
        )
    if speed is not None and (code == CURRENT or mode == VERIFY):
        other = "--code current" if code == CURRENT else "--mode verify"
        raise click.UsageError(f"--speed shows recorded events as they come: leave out --speed or {other}")
    from_ts, to_ts = period_of(start, end)
    return LogReplay(
        log=log,
        path=path,
        from_ts=from_ts,
        to_ts=to_ts,
        code=code,
        mode=mode,
        speed=speed,
        as_json=as_json,
    )


def replay_log(wanted: LogReplay) -> None:
    """Play the period and print what it was."""
    if wanted.code == CURRENT:
        _show_fork(wanted, run(_forked(wanted)))
        return
    shown = _Shown(wanted)
    try:
        found = run(_played(wanted, shown))
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


async def _played(wanted: LogReplay, shown: "_Shown") -> PlayedPeriod:
    is_paced = wanted.speed is not None and wanted.speed < inf
    heard: Heard | None = shown.show if wanted.speed is not None else None
    async with existing_store(wanted.path) as store:
        return await play_period(
            store,
            wanted.log,
            from_ts=wanted.from_ts,
            to_ts=wanted.to_ts,
            snapshots=snapshots_beside(wanted.path),
            heard=heard,
            clock=HistoricalClock(wanted.speed if is_paced else None),
        )


async def _forked(wanted: LogReplay) -> Forked:
    async with existing_store(wanted.path) as store:
        return await fork(
            store,
            wanted.log,
            changes=ForkChanges(current_code=True),
            ts=None if wanted.from_ts is None else wanted.from_ts - 1,
            to_ts=wanted.to_ts,
            snapshots=snapshots_beside(wanted.path),
        )


class _Shown:
    """Prints events as they are played, and knows how far they are."""

    def __init__(self, wanted: LogReplay) -> None:
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


def _show_fork(wanted: LogReplay, found: Forked) -> None:
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


def speed_of(text: str | None) -> float | None:
    """A speed as a multiple of real time: ``1x``, ``10``; ``max`` is infinite. Raises ``InputError``."""
    if text is None:
        return None
    if text == "max":
        return inf
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0
    if not 0 < speed < inf:
        raise InputError(f"--speed {text!r}: expected 1x for real time, 10x, 0.5x ..., or max")
    return speed
