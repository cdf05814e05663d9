"""The ``onetape`` command. Exit codes: 0 done, 1 refused or damaged, 2 wrong usage."""

import click

from ops.manual_page import ManualGroup, Sections
from ops.version import installed_version

COMMANDS = {
    "config": "ops.commands.config:config_command",
    "demo": "ops.commands.demo:demo_command",
    "import": "ops.commands.import_files:import_command",
    "resample": "ops.commands.resample:resample_command",
    "streams": "ops.commands.streams:streams_command",
    "log": "ops.commands.log:log_command",
    "new": "ops.commands.new:new_command",
    "exchange": "ops.commands.exchange:exchange_command",
    "verify": "ops.commands.verify:verify_command",
    "segments": "ops.commands.segments:segments_command",
    "backup": "ops.commands.backup:backup_command",
    "restore": "ops.commands.backup:restore_command",
    "run": "ops.commands.run:run_command",
    "recover": "ops.commands.recover:recover_command",
    "status": "ops.commands.status:status_command",
    "health": "ops.commands.status:health_command",
    "top": "ops.commands.top:top_command",
    "report": "ops.commands.report:report_command",
    "alerts": "ops.commands.alerts:alerts_command",
    "advice": "ops.commands.advice:advice_command",
    "audit": "ops.commands.audit:audit_command",
    "positions": "ops.commands.control:positions_command",
    "orders": "ops.commands.control:orders_command",
    "fills": "ops.commands.control:fills_command",
    "strategies": "ops.commands.strategies:strategies_command",
    "signal": "ops.commands.signal:signal_command",
    "deploy": "ops.commands.deploy:deploy_command",
    "promote": "ops.commands.deploy:promote_command",
    "gate": "ops.commands.gate:gate_command",
    "rollback": "ops.commands.deploy:rollback_command",
    "limits": "ops.commands.changes:limits_command",
    "capital": "ops.commands.changes:capital_command",
    "params": "ops.commands.changes:params_command",
    "pause": "ops.commands.trading:pause_command",
    "resume": "ops.commands.trading:resume_command",
    "stop": "ops.commands.trading:stop_command",
    "release": "ops.commands.trading:release_command",
    "halt": "ops.commands.trading:halt_command",
    "reduce-only": "ops.commands.trading:reduce_only_command",
    "flatten": "ops.commands.trading:flatten_command",
    "cancel": "ops.commands.trading:cancel_command",
    "kill": "ops.commands.trading:kill_command",
    "panic": "ops.commands.panic:panic_command",
    "go-live": "ops.commands.live:go_live_command",
    "adjust": "ops.commands.live:adjust_command",
    "cash": "ops.commands.live:cash_command",
    "snapshot": "ops.commands.control:snapshot_command",
    "roll": "ops.commands.control:roll_command",
    "shutdown": "ops.commands.control:shutdown_command",
}
"""Where each command is. Only the one that is used is imported: all of them would take half a second, and an
operator who stops trading has no time for that."""

OPTIONS: Sections = {"Options": ("version", "help")}

SECTIONS: Sections = {
    "To begin": ("demo", "new", "config", "exchange"),
    "Market data and the event store": (
        *("import", "resample", "streams", "log", "verify", "segments", "backup", "restore"),
    ),
    "The daemon": ("run", "recover", "snapshot", "roll", "shutdown"),
    "What it does, and what it did": (
        *("status", "health", "top", "strategies", "positions", "orders", "fills"),
        *("alerts", "advice", "report", "audit"),
    ),
    "Stop trading, and go on": (
        *("pause", "stop", "resume", "reduce-only", "halt", "cancel", "flatten", "kill", "panic", "release"),
    ),
    "Changes while it trades": ("limits", "capital", "params", "signal"),
    "Versions of strategies": ("deploy", "promote", "gate", "rollback"),
    "Real orders": ("go-live", "adjust", "cash"),
}


@click.group(
    "onetape",
    cls=ManualGroup,
    options_in=OPTIONS,
    commands_in=SECTIONS,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(installed_version(), prog_name="onetape")
def cli() -> None:
    """Import market data, keep the event store, and trade on live data.

    Strategies run over recorded data with the command `replay`: see replay --help.

    \b
    Example:
      onetape demo
      onetape import prices.csv --symbol GOOG --timeframe 1d
      onetape log goog.1d --from 2012-01-01 --limit 5
      onetape run paper.yaml
      onetape status paper.yaml
    """


def main() -> None:
    """Entry point of ``onetape``."""
    cli(prog_name="onetape")
