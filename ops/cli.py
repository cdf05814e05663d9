"""The ``onetape`` command. Exit codes: 0 done, 1 refused or damaged, 2 wrong usage."""

import click

from ops.command_group import CommandGroup
from ops.commands.demo import demo_command
from ops.commands.import_files import import_command
from ops.commands.log import log_command
from ops.commands.new import new_command
from ops.commands.resample import resample_command
from ops.commands.streams import streams_command
from ops.commands.verify import verify_command
from ops.version import installed_version


@click.group("onetape", cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(installed_version(), prog_name="onetape")
def cli() -> None:
    """One tape: import market data and show the contents of the event store.

    \b
    Example:
      onetape demo
      onetape import prices.csv --symbol GOOG --timeframe 1d
      onetape streams
      onetape log goog.1d --from 2012-01-01 --limit 5
    """


cli.add_command(demo_command)
cli.add_command(import_command)
cli.add_command(resample_command)
cli.add_command(streams_command)
cli.add_command(log_command)
cli.add_command(new_command)
cli.add_command(verify_command)


def main() -> None:
    """Entry point of ``onetape``."""
    cli(prog_name="onetape")
