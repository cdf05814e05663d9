"""A command ends with 0 only when its work is done."""

import click
from click.testing import CliRunner

from ops.command_group import CommandGroup


@click.group(cls=CommandGroup)
def group() -> None:
    """Commands for the test."""


@group.command()
def leave() -> None:
    """Ends as code of a user's may."""
    raise SystemExit(0)


def test_code_that_exits_in_a_command_does_not_make_it_done() -> None:
    done = CliRunner().invoke(group, ["leave"], prog_name="onetape")

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "onetape: the code that it ran ended it before it was done: SystemExit: 0\n"
