"""The options of ``replay --log``, and which of them go together; see ``ops.commands.log_replay``."""

from collections.abc import Collection
from math import inf
from pathlib import Path

import click
import msgspec

from kernel.errors import InputError

RECORDED, CURRENT = "recorded", "current"
PLAY, VERIFY = "play", "verify"

FOR_LOGS = ("log", "code", "mode")
"""Options that need ``--log``."""

WITH_LOGS = ("log", "code", "mode", "start", "end", "speed", "store", "as_json")
"""Options that may be given beside ``--log``."""


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. ``speed``: ``None`` prints no events, ``inf`` does not wait."""

    log: str
    path: Path
    start: str | None
    end: str | None
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


def check_modes(wanted: LogOptions) -> None:
    """Raise ``UsageError`` for values that do not go together."""
    if wanted.code == CURRENT and wanted.mode == VERIFY:
        raise click.UsageError(
            "--mode verify from a time on is of the recorded code; for today's code: "
            f"replay verify {wanted.log} --current-code, or --code current without --mode"
        )
    if wanted.speed is not None and (wanted.code == CURRENT or wanted.mode == VERIFY):
        other = "--code current" if wanted.code == CURRENT else "--mode verify"
        raise click.UsageError(f"--speed shows recorded events as they come: leave out --speed or {other}")


def _option(name: str) -> str:
    spelled = {"streams": "stream", "strategies": "strategy", "params": "param"}
    return "--" + spelled.get(name, name).replace("_", "-")


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
