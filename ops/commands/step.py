"""``replay step``: time travel in the terminal."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import click

from ops.completion import complete_runs
from ops.event_loop import run
from ops.step_prompt import StepPrompt
from ops.store_file import existing_store, store_option
from replay.past.timeline import Timeline
from replay.run_snapshots import snapshots_beside

REFUSED = 1


@click.command("step")
@click.argument("run_stream", shell_complete=complete_runs)
@store_option
@click.option(
    "-c",
    "--command",
    "commands",
    multiple=True,
    help="A command of the prompt; several by ; or again. Without it they are read from standard input.",
)
@click.option("--current-code", is_flag=True, help="Play the code on disk instead of the recorded code.")
@click.pass_context
def step_command(
    ctx: click.Context, run_stream: str, *, store_path: Path, commands: tuple[str, ...], current_code: bool
) -> None:
    """Walk through a run or live log, and look at the state of every component.

    The core is as it was: restored from the nearest snapshot, then played by the recorded code. What it
    derives is compared with the record.

    \b
    Examples:
      replay step run.ma_cross.1
      replay step run.ma_cross.1 -c "go 2008-10-10; step 3; diff portfolio"
      replay step run.ma_cross.1 -c "next OrderFilled GOOG; show strategy:ma_cross"
      replay step paper --store live.tape -c 'break equity < 99000; run; where'

    The prompt's help lists its commands: replay step RUN -c help

    Exit code 1: a command given by -c could not be done.
    """
    given = [each for line in commands for each in _split(line)]
    is_done = run(_step(run_stream, store_path, given, current_code=current_code))
    if not is_done:
        ctx.exit(REFUSED)


async def _step(run_stream: str, path: Path, given: list[str], *, current_code: bool) -> bool:
    async with existing_store(path) as store:
        snapshots = snapshots_beside(path)
        opened = Timeline.open(store, run_stream, snapshots=snapshots, current_code=current_code)
        async with opened as timeline:
            prompt = StepPrompt(timeline)
            async for line in _lines(given):
                if line in ("quit", "exit"):
                    return True
                if not await prompt.do(line) and not sys.stdin.isatty():
                    return False
    return True


async def _lines(given: list[str]) -> AsyncIterator[str]:
    """The commands given, else the lines of standard input, with a prompt if that is a terminal.

    Reading a line blocks: nothing else goes on in this process.
    """
    if given:
        for line in given:
            yield line
        return
    is_terminal = sys.stdin.isatty()
    while True:
        if is_terminal:
            click.echo("> ", nl=False)
        line = sys.stdin.readline()
        if not line:
            return
        yield line.strip()


def _split(line: str) -> list[str]:
    """The commands of a line; a semicolon in quotes belongs to a condition."""
    parts, quote = [""], ""
    for letter in line:
        if letter in "\"'":
            quote = "" if quote == letter else quote or letter
        if letter == ";" and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
