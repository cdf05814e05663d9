"""The ``replay`` command: run strategies over recorded data, and verify that a run repeats."""

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from brokers.simulated.fills import FillTiming
from components.assembly.settings import StrategyConfig
from eventstore import Durability, SqliteEventStore
from eventstore.data_issues import notes_on_data
from kernel.clock import HistoricalClock
from kernel.errors import ComponentError, InputError
from ops.command_group import CommandGroup
from ops.commands.journal import show_journal
from ops.event_loop import run
from ops.store_file import existing_store, require_store
from ops.tables import print_table
from replay.backtest import run_and_record
from replay.config import CONFIG_FILE, ReplayConfig, check_config, load_config
from replay.demo import DEMO_STORE, demo_config, import_demo_data
from replay.failures import failure_sentence
from replay.planning import plan_run, unplayed_actions
from replay.report import read_prices, write_report
from replay.results import RunResult, read_results
from replay.tables import result_table, strategies_note, strategies_table, to_json
from replay.verification import RESTARTS, verify_run


class ReplayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The command line as given. ``None`` and empty mean: use the configuration."""

    config: str | None
    start: str | None
    end: str | None
    warm_up: str | None
    store: str | None
    streams: tuple[str, ...]
    strategies: tuple[str, ...]
    params: tuple[str, ...]
    cash: str | None
    speed: float | None
    bar_fill: str | None
    slippage_bps: float | None
    commission_per_share: str | None
    commission_per_order: str | None
    allow_short: bool
    report: str | None
    as_json: bool


@click.group(
    cls=CommandGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--config", type=click.Path(), help=f"Configuration file [default: {CONFIG_FILE} if it exists]."
)
@click.option("--from", "start", help="First day or moment, UTC: 2008-01-01 or 2008-01-01T14:30:00.")
@click.option("--to", "end", help="Last day or moment, inclusive.")
@click.option(
    "--warm-up",
    metavar="BARS",
    help="Bars before --from that fill the history: auto, none or a number [default: auto].",
)
@click.option("--store", type=click.Path(), help="Event store to read from and to append the run to.")
@click.option("--stream", "streams", multiple=True, help="Data stream to play; may be given several times.")
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    help="module:Class or file.py:Class; may be given several times.",
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Parameter of the strategy.")
@click.option("--cash", help="Cash to begin with.")
@click.option(
    "--speed", type=float, help="1 is real time, 10 is ten times faster [default: as fast as possible]."
)
@click.option(
    "--bar-fill",
    type=click.Choice([timing.value for timing in FillTiming]),
    help="When market orders fill on bars.",
)
@click.option("--slippage-bps", type=float, help="Basis points against market and stop orders.")
@click.option("--commission-per-share", help="In the account's currency.")
@click.option("--commission-per-order", help="In the account's currency.")
@click.option("--allow-short", is_flag=True, help="Let sales take positions below zero.")
@click.option("--report", type=click.Path(), help="Where to write the HTML report [default: RUN.html].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
@click.pass_context
def replay(context: click.Context, /, **options: object) -> None:
    """Run strategies over recorded market data and append their events to the store.

    \b
    Examples:
      replay --from 2008-01-01
      replay --from 2008-01-01 --to 2012-12-31 --store market.db --stream goog.1d \\
             --strategy strategies.ma_cross:MovingAverageCross --param fast=20 --param slow=50
      replay verify run.ma_cross.1 --store market.db

    Options that are not given come from onetape.yaml in the current folder. Without that file and without
    --store the demo runs: a moving-average cross over the bundled daily bars of five US shares.

    Exit code 0: done. 1: refused, nothing changed; or a component or strategy failed in the run: the run and
    its report are written, and stderr has the first failure. 2: wrong usage.
    """
    if context.invoked_subcommand is None:
        wanted = msgspec.convert(options, ReplayOptions)
        report = None if wanted.report is None else Path(wanted.report)
        run(replay_and_show(configure(wanted), report=report, as_json=wanted.as_json))


@replay.command()
@click.argument("run_stream")
@click.option("--store", type=click.Path(), help="The store that holds the run.")
@click.option(
    "--current-code", is_flag=True, help="Run the strategy code on disk instead of the recorded code."
)
@click.option(
    "--restarts",
    type=click.IntRange(0),
    default=RESTARTS,
    show_default=True,
    help="How often to restart the core from a snapshot during the run.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(run_stream: str, store: str | None, *, current_code: bool, restarts: int, as_json: bool) -> None:
    """Play a recorded run or a live log again and compare every derived event, byte for byte.

    The record itself is checked too: hashes of configuration, sources and data, and counts, time and digest
    at its end. In the middle the core is restarted from a snapshot: a strategy that keeps state outside
    `self.state` is named.

    \b
    Example:
      replay verify run.ma_cross.1 --store market.db

    Exit code 0: equal. 1: different; stderr has the first record that differs.
    """
    path = Path(store or _base_config(None, names_store=False).store)
    run(_verify(run_stream, path, current_code=current_code, restarts=restarts, as_json=as_json))


@replay.command()
@click.argument("run_stream")
@click.option("--store", type=click.Path(), help="The store that holds the run.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write a CSV file instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def journal(run_stream: str, store: str | None, csv_path: Path | None, *, as_json: bool) -> None:
    """List every trade of a run or live log: entry, exit, P&L, and the largest moves for and against it.

    \b
    Example:
      replay journal run.ma_cross.1 --store market.db --csv trades.csv

    MAE and MFE are the maximum adverse and favourable excursion, in money before commission.
    """
    path = Path(store or _base_config(None, names_store=False).store)
    run(show_journal(run_stream, path, csv_path=csv_path, as_json=as_json))


@replay.command()
@click.argument("run_stream")
@click.option("--store", type=click.Path(), help="The store that holds the run.")
@click.option("--report", type=click.Path(path_type=Path), help="Where to write it [default: RUN.html].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def report(run_stream: str, store: str | None, report: Path | None, *, as_json: bool) -> None:
    """Print the results of a recorded run, or of a live log so far, and write the HTML report.

    \b
    Example:
      replay report run.ma_cross.1 --store market.db
    """
    path = Path(store or _base_config(None, names_store=False).store)
    run(_report(run_stream, path, report or Path(f"{run_stream}.html"), as_json=as_json))


def main() -> None:
    """Entry point of the ``replay`` command."""
    replay(prog_name="replay")


def configure(options: ReplayOptions) -> ReplayConfig:
    """The configuration file or the demo, with the options of the command line in place of theirs."""
    config = _base_config(options.config, names_store=options.store is not None)
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
        speed=config.speed if options.speed is None else options.speed,
        broker=broker,
        risk=risk,
    )
    check_config(configured)
    return configured


def _base_config(path: str | None, *, names_store: bool) -> ReplayConfig:
    """The configuration without options: a file, else defaults if a store is named, else the demo."""
    if path is not None:
        return load_config(Path(path))
    found = Path(CONFIG_FILE)
    if found.exists():
        return load_config(found)
    return ReplayConfig() if names_store else demo_config()


def _params(pairs: tuple[str, ...]) -> dict[str, str | int | float | bool | None]:
    params: dict[str, str | int | float | bool | None] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--param {pair!r}: expected NAME=VALUE")
        params[name] = value
    return params


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


async def replay_and_show(config: ReplayConfig, *, report: Path | None, as_json: bool) -> None:
    """Run a configuration into its store, write the report and print the results.

    Raises ``ComponentError`` after all that if a component or strategy failed in the run.
    """
    is_demo = config.store == DEMO_STORE
    path = Path(config.store)
    if not is_demo:
        require_store(path)
    # No sync after each commit: a run that loses its end can be repeated from its inputs.
    async with await SqliteEventStore.open(path, durability=Durability.NORMAL) as store:
        if is_demo:
            await import_demo_data(store)
        plan = await plan_run(store, config)
        for stream in await unplayed_actions(store, plan):
            click.echo(f"replay: stream {stream!r} is in the store and not played", err=True)
        for note in await notes_on_data(store, plan.sources):
            click.echo(f"replay: {note}", err=True)
        with _progress_bar(plan.event_count) as progress:
            run_stream = await run_and_record(
                store, plan, clock=HistoricalClock(config.speed), progress=progress
            )
        result = await read_results(store, run_stream)
        prices = await read_prices(store, result)
    written = write_report(result, report or Path(f"{run_stream}.html"), prices)
    _show(result, written, as_json=as_json)
    if result.failures:
        raise ComponentError(failure_sentence(result))


async def _verify(run_stream: str, path: Path, *, current_code: bool, restarts: int, as_json: bool) -> None:
    async with existing_store(path) as store:
        verified = await verify_run(store, run_stream, current_code=current_code, restarts=restarts)
    if as_json:
        click.echo(msgspec.json.encode(verified))
        return
    opening = "the whole opening" if verified.opening_hash else "configuration, sources, data and period"
    end = "counts, time and digest of its end; " if verified.is_ended else ""
    click.echo(
        f"{run_stream}: reproduced {verified.derived_count} derived events "
        f"from {verified.input_count} inputs; digest {verified.digest}\n"
        f"checked: {opening}; every derived event; {end}"
        f"state put back from a snapshot: {verified.restarts}"
    )


async def _report(run_stream: str, path: Path, report: Path, *, as_json: bool) -> None:
    async with existing_store(path) as store:
        result = await read_results(store, run_stream)
        prices = await read_prices(store, result)
    _show(result, write_report(result, report, prices), as_json=as_json)


def _show(result: RunResult, report: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**to_json(result), "report": str(report)}, allow_nan=False))
        return
    console = Console()
    print_table(result_table(result), console)
    by_strategy = strategies_table(result)
    if by_strategy is not None:
        console.print()
        print_table(by_strategy, console)
        console.print(strategies_note(result), style="dim", soft_wrap=True)
        console.print()
    console.print(f"Run stream: {result.run_stream}")
    console.print(f"Report: {report.resolve()}", soft_wrap=True)


@contextmanager
def _progress_bar(total: int) -> Generator[Callable[[int], None] | None]:
    """A progress bar on standard error if that is a terminal, else ``None``."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replay", total=total)
        yield lambda played: bar.update(task, completed=played)
