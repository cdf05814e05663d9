"""Running the ``replay`` command, in this process or in one of its own."""

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from ops.commands.replay import replay as command
from tests.ops.commands import ROOT

TIMEOUT_S = 120


def replay(*arguments: str | Path) -> Result:
    """What the command prints and how it exits; its own exceptions are not hidden."""
    result = CliRunner(env={"COLUMNS": None}).invoke(
        command, [str(argument) for argument in arguments], prog_name="replay"
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def python(
    *arguments: str | Path, folder: Path, interpreter: str | Path = sys.executable, **environment: str
) -> str:
    """What another interpreter prints when it runs these arguments in a folder, with our packages."""
    done = python_process(*arguments, folder=folder, interpreter=interpreter, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def python_process(
    *arguments: str | Path, folder: Path, interpreter: str | Path = sys.executable, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The same, however it ends."""
    return subprocess.run(
        [str(interpreter), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
