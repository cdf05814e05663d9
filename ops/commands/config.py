"""``onetape config``: checks, shows, describes and begins a configuration file."""

from importlib.resources import files
from pathlib import Path

import click
import msgspec

from brokers.feeds.making import kinds_of
from components.assembly.code_on_disk import code_on_disk
from components.assembly.user_models import load_rules
from kernel.errors import ConfigError, InputError, StrategyRefused
from ops.alerts.standard_rules import check_rules
from ops.config_schema import config_schema
from ops.config_view import effective_config, effective_rows, yaml_lines
from ops.secret_sources import SecretPlaces
from replay.config import CONFIG_FILE
from replay.declared_needs import never_called
from replay.planned_strategies import planned_strategies
from replay.record import named_symbols
from replay.run_config import LoadedConfig, Mode, config_hash, load_with_places, secrets_of
from replay.session import live_plan
from replay.simulated_venue import load_models

FILE = click.Path(path_type=Path)

_VENUE, _STRATEGIES, _DAEMON = "venue.yaml", "strategies.yaml", "daemon.yaml"
TEMPLATES = {
    Mode.BACKTEST: ("backtest.yaml", _STRATEGIES, _VENUE),
    Mode.PAPER: ("paper.yaml", _STRATEGIES, _VENUE, _DAEMON),
    Mode.LIVE: ("live.yaml", _STRATEGIES, _DAEMON),
    Mode.SHADOW: ("shadow.yaml", _STRATEGIES, _VENUE, _DAEMON),
    Mode.ADVISORY: ("advisory.yaml", _STRATEGIES, _VENUE, _DAEMON),
}
"""The parts of the template of each mode, in ``ops/templates``."""


@click.group("config")
def config_command() -> None:
    """Check, show, describe or begin a configuration file (docs/configuration.md).

    \b
    Example:
      onetape config init paper paper.yaml
      onetape config check paper.yaml
    """


@config_command.command("check")
@click.argument("file", type=FILE, default=CONFIG_FILE)
@click.option("--without-secrets", is_flag=True, help="Do not look for the secrets that it names.")
def check_command(file: Path, without_secrets: bool) -> None:
    """Check a file as a start does: values, strategies, models and secrets. Nothing is started.

    FILE is onetape.yaml, if it is left out.

    Exit code 1: refused, with the file and the line.
    """
    loaded = load_with_places(file)
    places = [] if without_secrets else _check_secrets(loaded)
    notes = _check_code(loaded)
    config = loaded.config
    count = len(config.enabled_strategies)
    named = f"{count} {'strategy' if count == 1 else 'strategies'}"
    click.echo(f"{file}: no mistake found: mode {config.mode}, {named}, store {config.store}")
    click.echo(f"hash {config_hash(config)}")
    for line in (*places, *notes):
        click.echo(line)


@config_command.command("show")
@click.argument("file", type=FILE, default=CONFIG_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show_command(file: Path, as_json: bool) -> None:
    """Print the effective configuration: every value, and where it is from. Secrets are ***."""
    loaded = load_with_places(file)
    if as_json:
        click.echo(msgspec.json.encode(effective_config(loaded)).decode())
        return
    click.echo(f"# hash {config_hash(loaded.config)}")
    for line in yaml_lines(effective_rows(loaded)):
        click.echo(line)


@config_command.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of a file, for editors."""
    click.echo(msgspec.json.format(msgspec.json.encode(config_schema()), indent=2).decode())


@config_command.command("init")
@click.argument("mode", type=click.Choice([mode.value for mode in Mode]))
@click.argument("file", type=FILE, required=False)
def init_command(mode: str, file: Path | None) -> None:
    """Write a commented file to begin with. FILE is MODE.yaml by default, for a backtest onetape.yaml.

    It never overwrites a file.
    """
    chosen = Mode(mode)
    path = file or Path(CONFIG_FILE if chosen is Mode.BACKTEST else f"{mode}.yaml")
    try:
        with path.open("x", encoding="utf-8") as written:
            written.write(template(chosen))
    except FileExistsError as error:
        raise InputError(f"{path} exists; it was not changed") from error
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {path}; check it: onetape config check {path}")


def template(mode: Mode) -> str:
    """A commented configuration of a mode, which passes ``config check``."""
    folder = files("ops") / "templates"
    return "\n".join((folder / part).read_text("utf-8") for part in TEMPLATES[mode])


def _check_secrets(loaded: LoadedConfig) -> list[str]:
    """The place of each secret. Raises ``ConfigError`` with the line that names one that is missing."""
    places = SecretPlaces(loaded.config.secrets.folder)
    found: list[str] = []
    for place, reference in secrets_of(loaded.config).items():
        try:
            found.append(f"{place}: secret {reference.secret} is in {places.find(reference).place}")
        except ConfigError as error:
            raise loaded.file.located(ConfigError(f"{place}: {error}")) from error
    return found


def _check_code(loaded: LoadedConfig) -> list[str]:
    """Load strategies, models and rules, as a start does, for notes. Raises what refuses them."""
    config = loaded.config
    try:
        check_rules(config.alerts)
    except ConfigError as error:
        raise loaded.file.located(error) from error
    for number, one in enumerate(config.strategies):
        try:
            if one.enabled:
                code_on_disk(one)
        except StrategyRefused:
            raise  # it names the file and line of the code
        except InputError as error:
            raise loaded.file.located(ConfigError(f"strategies[{number}].strategy: {error}")) from error
    try:
        if config.mode is not Mode.BACKTEST:
            plan = live_plan(config, ts=0, mode=config.mode, loaded=None)
            given = kinds_of(config.feeds)
            told = () if given is None else never_called(plan.strategies, given)
            return [f"note: {what}" for what in told]
        load_models(config.broker)
        load_rules(config.risk)
        if config.enabled_strategies:  # else the command line names one
            planned_strategies(config, named_symbols(config), None)
    except ConfigError as error:
        raise loaded.file.located(error) from error
    except InputError as error:
        raise loaded.file.named_in(error) from error
    return []
