"""The ``onetape`` command. Exit codes: 0 done, 1 refused or damaged, 2 wrong usage."""

import click

from ops.command_group import CommandGroup
from ops.commands.advice import advice_command
from ops.commands.alerts import alerts_command
from ops.commands.audit import audit_command
from ops.commands.backup import backup_command, restore_command
from ops.commands.changes import capital_command, limits_command, params_command
from ops.commands.config import config_command
from ops.commands.control import (
    fills_command,
    orders_command,
    positions_command,
    roll_command,
    shutdown_command,
    snapshot_command,
)
from ops.commands.demo import demo_command
from ops.commands.deploy import deploy_command, promote_command, rollback_command
from ops.commands.exchange import exchange_command
from ops.commands.gate import gate_command
from ops.commands.import_files import import_command
from ops.commands.live import adjust_command, go_live_command
from ops.commands.log import log_command
from ops.commands.new import new_command
from ops.commands.panic import panic_command
from ops.commands.recover import recover_command
from ops.commands.report import report_command
from ops.commands.resample import resample_command
from ops.commands.run import run_command
from ops.commands.segments import segments_command
from ops.commands.signal import signal_command
from ops.commands.status import health_command, status_command
from ops.commands.strategies import strategies_command
from ops.commands.streams import streams_command
from ops.commands.top import top_command
from ops.commands.trading import (
    cancel_command,
    flatten_command,
    halt_command,
    kill_command,
    pause_command,
    reduce_only_command,
    release_command,
    resume_command,
    stop_command,
)
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


cli.add_command(config_command)
cli.add_command(demo_command)
cli.add_command(import_command)
cli.add_command(resample_command)
cli.add_command(streams_command)
cli.add_command(log_command)
cli.add_command(new_command)
cli.add_command(exchange_command)
cli.add_command(verify_command)
cli.add_command(segments_command)
cli.add_command(backup_command)
cli.add_command(restore_command)
cli.add_command(run_command)
cli.add_command(recover_command)
cli.add_command(status_command)
cli.add_command(health_command)
cli.add_command(top_command)
cli.add_command(report_command)
cli.add_command(alerts_command)
cli.add_command(advice_command)
cli.add_command(audit_command)
cli.add_command(positions_command)
cli.add_command(orders_command)
cli.add_command(fills_command)
cli.add_command(strategies_command)
cli.add_command(signal_command)
cli.add_command(deploy_command)
cli.add_command(promote_command)
cli.add_command(gate_command)
cli.add_command(rollback_command)
cli.add_command(limits_command)
cli.add_command(capital_command)
cli.add_command(params_command)
cli.add_command(pause_command)
cli.add_command(resume_command)
cli.add_command(stop_command)
cli.add_command(release_command)
cli.add_command(halt_command)
cli.add_command(reduce_only_command)
cli.add_command(flatten_command)
cli.add_command(cancel_command)
cli.add_command(kill_command)
cli.add_command(panic_command)
cli.add_command(go_live_command)
cli.add_command(adjust_command)
cli.add_command(snapshot_command)
cli.add_command(roll_command)
cli.add_command(shutdown_command)


def main() -> None:
    """Entry point of ``onetape``."""
    cli(prog_name="onetape")
