"""The ``replay`` command: run strategies over recorded data. ``runs`` has its subcommands."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from importlib import import_module
from math import inf
from pathlib import Path

import click
import msgspec
from click.core import ParameterSource
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from brokers.simulated.fills import FillTiming
from components.assembly.settings import StrategyConfig
from eventstore import Durability, StoreOnDisk, open_store
from kernel.clock import HistoricalClock
from kernel.configuration import listed
from kernel.errors import ComponentError, ConfigError, InputError, StrategyRefused, StreamMissing
from ops.completion import complete_data, complete_runs
from ops.event_loop import run
from ops.log_options import (
    CURRENT,
    FOR_LOGS,
    PLAY,
    RECORDED,
    VERIFY,
    LogOptions,
    check_log_options,
    check_modes,
    speed_of,
)
from ops.manual_page import ManualGroup, Sections
from ops.run_output import REPORT_HELP, Output, benchmark_option, read_shown, show_run
from ops.store_file import default_store, require_store
from ops.tables import TableConsole
from ops.version import installed_version
from replay.backtesting import record_run
from replay.config import CONFIG_FILE, DAEMON_SECTIONS, ReplayConfig, check_config, load_config
from replay.failures import failure_sentence
from replay.planning import is_data, plan_run, unplayed_actions
from replay.run_reading import check_benchmark
from replay.run_snapshots import snapshots_beside
from replay.yaml_files.file import read_yaml


class ReplayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The command line as given. ``None`` and empty mean: use the configuration."""

    config: str | None = None
    start: str | None = None
    end: str | None = None
    warm_up: str | None = None
    store: str | None = None
    streams: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    cash: str | None = None
    speed: str | None = None
    snapshot_every: int | None = None
    bar_fill: str | None = None
    slippage_bps: float | None = None
    commission_per_share: str | None = None
    commission_per_order: str | None = None
    allow_short: bool = False
    benchmark: str = ""
    report: str | None = None
    no_report: bool = False
    as_json: bool = False


OPTIONS: Sections = {
    "What to play": ("streams", "start", "end", "warm_up", "config", "store"),
    "Strategies": ("strategies", "params"),
    "Account and fills": (
        *("cash", "bar_fill", "slippage_bps", "commission_per_share", "commission_per_order", "allow_short"),
    ),
    "A recorded run or live log": ("log", "code", "mode"),
    "Pace, snapshots, output": ("speed", "snapshot_every", "benchmark", "report", "no_report", "as_json"),
}

COMMANDS: Sections = {
    "Commands that show runs and live logs": ("list", "show", "report", "journal", "compare", "diff"),
    "Commands that go back into one": ("verify", "check", "step", "explain", "fork", "attach", "twin"),
    "Commands that measure one, and hand it on": ("execution", "calibrate", "bundle"),
}

PLACES = {
    "list": "ops.commands.runs:list_command",
    "show": "ops.commands.runs:show_command",
    "report": "ops.commands.runs:report_command",
    "journal": "ops.commands.runs:journal_command",
    "verify": "ops.commands.runs:verify_command",
    "check": "ops.commands.check:check_command",
    "step": "ops.commands.step:step_command",
    "explain": "ops.commands.explain:explain_command",
    "diff": "ops.commands.compare:diff_command",
    "compare": "ops.commands.compare:compare_command",
    "fork": "ops.commands.fork:fork_command",
    "bundle": "ops.commands.bundle:bundle_command",
    "execution": "ops.commands.execution:execution_command",
    "calibrate": "ops.commands.calibrate:calibrate_command",
    "attach": "ops.commands.attach:attach_command",
    "twin": "ops.commands.twin:twin_command",
}
"""Where each command is; see ``ops.cli``."""

LOG_REPLAY = "ops.commands.log_replay"

EXAMPLES = """\b
Examples:
  replay --from 2008-01-01                       # by onetape.yaml of this folder
  replay --from 2008-01-01 --to 2012-12-31 --store market.db --stream goog.1d \\
         --strategy strategies.ma_cross:MovingAverageCross --param fast=20
  replay list
  replay show run.ma_cross.1
  replay --log run.ma_cross.1 --from 2008-09-15 --to 2008-12-31
  replay --log paper --from 2024-05-01 --code current   # today's code instead
  replay --log paper --from 2024-05-01T14:30:00 --speed 10x
  replay --log paper --from 2024-05-01 --mode verify

\b
Exit codes:
  0  done
  1  refused, nothing changed; or a record that differs; or a component or
     strategy failed in the run: run and report are written, and stderr has
     the first failure
  2  wrong usage"""


@click.group(
    cls=ManualGroup,
    invoke_without_command=True,
    options_in=OPTIONS,
    commands_in=COMMANDS,
    places=PLACES,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config", type=click.Path(), help=f"Configuration file [default: {CONFIG_FILE} if it exists]."
)
@click.option(
    "--from", "start", metavar="TIME", help="First day, or UTC moment: 2008-01-01 or 2008-01-01T14:30:00."
)
@click.option("--to", "end", metavar="TIME", help="Last day, or UTC moment, inclusive.")
@click.option(
    "--warm-up",
    metavar="BARS",
    help="Bars before --from that fill the history: auto, none or a number [default: auto].",
)
@click.option("--store", type=click.Path(), help="Event store to read from and to append the run to.")
@click.option(
    "--stream",
    "streams",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_data,
    help="Data stream to play; may be given several times.",
)
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    metavar="CODE",
    help="module:Class or file.py:Class; may be given several times.",
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Parameter of the strategy.")
@click.option("--cash", metavar="AMOUNT", help="Cash to begin with.")
@click.option(
    "--log",
    metavar="RUN",
    shell_complete=complete_runs,
    help="Play this recorded run or live log again, from --from to --to, instead of data streams. Nothing is "
    "written.",
)
@click.option(
    "--code",
    type=click.Choice([RECORDED, CURRENT]),
    default=RECORDED,
    help="Of --log: the code kept in the store, or that on disk, compared with what happened "
    "[default: recorded].",
)
@click.option(
    "--mode",
    type=click.Choice([PLAY, VERIFY]),
    default=PLAY,
    help="Of --log: show the period, or only verify it as `replay verify` does [default: play].",
)
@click.option(
    "--speed",
    metavar="1x|10x|max",
    help="Times real time [default: max]. With --log it prints the events as they come.",
)
@click.option(
    "--snapshot-every",
    type=click.IntRange(0),
    metavar="INPUTS",
    help="Inputs between two snapshots, for step, fork and verify; 0: none [default: by time].",
)
@click.option(
    "--bar-fill",
    type=click.Choice([timing.value for timing in FillTiming]),
    help="When market orders fill on bars.",
)
@click.option(
    "--slippage-bps", type=float, metavar="BPS", help="Basis points against market and stop orders."
)
@click.option("--commission-per-share", metavar="AMOUNT", help="In the account's currency.")
@click.option("--commission-per-order", metavar="AMOUNT", help="In the account's currency.")
@click.option("--allow-short", is_flag=True, help="Let sales take positions below zero.")
@benchmark_option
@click.option("--report", type=click.Path(), help=REPORT_HELP)
@click.option("--no-report", is_flag=True, help="Write no report.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the tables.")
@click.version_option(installed_version(), prog_name="replay")
@click.pass_context
def replay(context: click.Context, /, log: str | None, code: str, mode: str, **options: object) -> None:
    """Run strategies over recorded market data, and go back into what was recorded.

    Without a command, replay runs a backtest: it plays data streams through strategies and appends all that
    they cause to the store as a run. Options that are not given come from onetape.yaml in the current
    folder. Without that file the store is onetape.db, and --stream and --strategy are needed. For a run
    without any set-up: onetape demo.

    With --log it plays a part of a recorded run or of a daemon's log again, with the state restored from
    the nearest snapshot.
    """
    given = {
        name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    if context.invoked_subcommand is not None:
        for name in FOR_LOGS:
            if name in given:
                raise click.UsageError(f"--{name} is not for {context.invoked_subcommand}: leave it out")
        return
    check_log_options(given, has_log=log is not None)
    wanted = msgspec.convert(options, ReplayOptions)
    if log is None:
        run(_configured_run(wanted))
        return
    of_log = LogOptions(
        log=log,
        path=default_store() if wanted.store is None else Path(wanted.store),
        start=wanted.start,
        end=wanted.end,
        code=code,
        mode=mode,
        speed=speed_of(wanted.speed),
        as_json=wanted.as_json,
    )
    check_modes(of_log)
    import_module(LOG_REPLAY).replay_log(of_log)  # imported when it is used, as the commands are


def main() -> None:
    """Entry point of the ``replay`` command."""
    replay(prog_name="replay")


async def _configured_run(options: ReplayOptions) -> None:
    """Run the configuration."""
    config, output = configure(options), output_of(options)
    with naming_lines(options.config):
        await replay_and_show(config, output)


@contextmanager
def naming_lines(config: str | None) -> Generator[None]:
    """Have a refusal of one of the values of the configuration name the file and the line."""
    try:
        yield
    except StrategyRefused:
        raise  # it names the file and line of the code
    except (ConfigError, InputError, StreamMissing) as error:
        path = _config_file(config)
        if path is None:
            raise
        raise read_yaml(path, without=DAEMON_SECTIONS).named_in(error) from error


def output_of(options: ReplayOptions) -> Output:
    """What the options say about the output."""
    if options.no_report and options.report is not None:
        raise click.UsageError("--report and --no-report exclude each other")
    return Output(
        report=None if options.report is None else Path(options.report),
        is_reported=not options.no_report,
        as_json=options.as_json,
    )


def configure(options: ReplayOptions) -> ReplayConfig:
    """The configuration file, with the options of the command line in place of its settings."""
    config = _base_config(options.config)
    if options.params and len(options.strategies) > 1:
        raise InputError(
            "--param needs a single --strategy; for several, set their parameters in onetape.yaml"
        )
    strategies = config.strategies
    if options.strategies:
        params = _params(options.params)
        strategies = tuple(
            StrategyConfig(strategy=reference, params=params) for reference in options.strategies
        )
    elif options.params:
        if len(strategies) != 1:
            raise InputError("--param needs one strategy; name it with --strategy")
        params = {**strategies[0].params, **_params(options.params)}
        strategies = (msgspec.structs.replace(strategies[0], params=params),)
    broker = msgspec.structs.replace(
        config.broker,
        bar_fill=config.broker.bar_fill if options.bar_fill is None else FillTiming(options.bar_fill),
        slippage_bps=config.broker.slippage_bps if options.slippage_bps is None else options.slippage_bps,
        commission_per_share=_amount(
            options.commission_per_share, config.broker.commission_per_share, option="--commission-per-share"
        ),
        commission_per_order=_amount(
            options.commission_per_order, config.broker.commission_per_order, option="--commission-per-order"
        ),
    )
    risk = msgspec.structs.replace(config.risk, allow_short=True) if options.allow_short else config.risk
    configured = msgspec.structs.replace(
        config,
        store=options.store or config.store,
        streams=options.streams or config.streams,
        strategies=strategies,
        start=options.start or config.start,
        end=options.end or config.end,
        warm_up=config.warm_up if options.warm_up is None else _warm_up(options.warm_up),
        cash=_amount(options.cash, config.cash, option="--cash"),
        speed=config.speed if options.speed is None else _pace(options.speed),
        snapshot_every=config.snapshot_every if options.snapshot_every is None else options.snapshot_every,
        benchmark=options.benchmark or config.benchmark,
        broker=broker,
        risk=risk,
    )
    check_config(configured)
    return configured


def _base_config(path: str | None) -> ReplayConfig:
    """The configuration without options: a file, else defaults."""
    found = _config_file(path)
    return ReplayConfig() if found is None else load_config(found)


def _config_file(path: str | None) -> Path | None:
    """The named file, else the one in the current folder; ``None`` if there is none."""
    if path is not None:
        return Path(path)
    found = Path(CONFIG_FILE)
    return found if found.exists() else None


def _params(pairs: tuple[str, ...]) -> dict[str, str | int | float | bool | None]:
    params: dict[str, str | int | float | bool | None] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--param {pair!r}: expected NAME=VALUE")
        params[name] = value
    return params


def _pace(text: str) -> float | None:
    """The speed of a backtest; ``None``: as fast as possible."""
    speed = speed_of(text)
    return None if speed == inf else speed


def _warm_up(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _amount(text: str | None, default: Decimal, *, option: str) -> Decimal:
    if text is None:
        return default
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise InputError(f"{option} {text!r}: expected a number") from error
    if not amount.is_finite() or amount < 0:
        raise InputError(f"{option} {text!r}: expected a number of at least 0")
    return amount


async def replay_and_show(config: ReplayConfig, output: Output) -> None:
    """Run a configuration into its store, write the report and print the results.

    Raises ``ComponentError`` after all that if a component or strategy failed in the run.
    """
    path = Path(config.store)
    require_store(path)
    output.check()  # before a long run, not after it
    # No sync after each commit: a run that loses its end can be repeated from its inputs.
    async with await open_store(path, durability=Durability.NORMAL) as store:
        if not config.streams:
            raise click.UsageError(await nothing_to_play(store, path))
        plan = await plan_run(store, config)
        await check_benchmark(store, plan)
        for stream in await unplayed_actions(store, plan):
            click.echo(f"replay: stream {stream!r} is in the store and not played", err=True)
        with _progress_bar(plan.event_count) as progress:
            run_stream, played = await record_run(
                store,
                plan,
                clock=HistoricalClock(config.speed),
                progress=progress,
                snapshots=snapshots_beside(path),
            )
        shown = await read_shown(store, run_stream, output)
    result = show_run(shown, path, output)
    if result.failures:
        raise ComponentError(failure_sentence(result, played.core.bus.first_error))


async def nothing_to_play(store: StoreOnDisk, path: Path) -> str:
    """A sentence that says what to do."""
    data = [info.stream for info in await store.streams() if is_data(info)]
    held = f"it holds {listed(data)}" if data else "it holds no data yet, see onetape import"
    return (
        f"there is nothing to play: name data of {path} with --stream ({held}) and a strategy with "
        f"--strategy, or both in {CONFIG_FILE}; for a run without any set-up: onetape demo"
    )


@contextmanager
def _progress_bar(total: int) -> Generator[Callable[[int], None] | None]:
    """A progress bar on standard error if that is a terminal, else ``None``."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=TableConsole(stderr=True), transient=True) as bar:
        task = bar.add_task("replay", total=total)
        yield lambda played: bar.update(task, completed=played)
