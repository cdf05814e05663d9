"""Commands that change numbers of a running daemon: limits, capital, parameters."""

from decimal import Decimal, InvalidOperation

import click
import msgspec

from ops.commands.to_daemon import ToDaemon, reason_option, to_daemon
from ops.control.requests import SetCapital, SetLimits, SetParameters
from ops.control.views import LimitsView
from ops.control_rows import limit_rows

_UNTIL = "until the configuration file is edited; write it there to keep it"


def _settings_of(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, object], ...]:
    """``NAME=VALUE`` each; a value is JSON, or text as it is."""
    del ctx, param
    found: list[tuple[str, object]] = []
    for value in values:
        name, sign, text = value.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{value!r}: expected NAME=VALUE")
        found.append((name, _value_of(text)))
    return tuple(found)


def _value_of(text: str) -> object:
    """A number stays as it is written, so that no digit of a limit is lost."""
    try:
        decoded: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return text if isinstance(decoded, float) else decoded


Settings = tuple[tuple[str, object], ...]
"""Names and values, as they were given."""

settings_option = click.option(
    "--set",
    "settings",
    multiple=True,
    callback=_settings_of,
    metavar="NAME=VALUE",
    help="A value, or null.",
)


@click.command("limits")
@settings_option
@click.option("--strategy", default="", metavar="NAME", help="Of a strategy, not of the account.")
@reason_option()
@to_daemon
def limits_command(daemon: ToDaemon, *, settings: Settings, strategy: str, reason: str) -> None:
    """Show the limits of the daemon of FILE and what restricts trading now; with --set change limits.

    \b
    Example:
      onetape limits paper.yaml
      onetape limits paper.yaml --set max_order_notional=5000 --reason "a thin market"
    """
    if not settings:
        daemon.show("/v1/limits", LimitsView, limit_rows)
        return
    body = SetLimits(limits=dict(settings), strategy=strategy, reason=_needed(reason))
    daemon.do("/v1/limits", body, f"limits changed {_UNTIL}")


@click.command("capital")
@click.option("--strategy", required=True, metavar="NAME", help="The strategy.")
@click.option("--fraction", metavar="NUMBER", help="Of the account's equity, for example 0.2.")
@click.option("--amount", metavar="NUMBER", help="In the account's currency.")
@reason_option(required=True)
@to_daemon
def capital_command(
    daemon: ToDaemon, *, strategy: str, fraction: str | None, amount: str | None, reason: str
) -> None:
    """Change the capital of a strategy; without a number it may use the whole account.

    \b
    Example:
      onetape capital paper.yaml --strategy swing --fraction 0.2 --reason "a smaller part"
    """
    body = SetCapital(
        strategy=strategy,
        fraction=None if fraction is None else decimal_of(fraction, "--fraction"),
        amount=None if amount is None else decimal_of(amount, "--amount"),
        reason=reason,
    )
    daemon.do("/v1/capital", body, f"{strategy}: capital changed {_UNTIL}")


@click.command("params")
@click.option("--strategy", required=True, metavar="NAME", help="The strategy.")
@settings_option
@reason_option(required=True)
@to_daemon
def params_command(daemon: ToDaemon, *, strategy: str, settings: Settings, reason: str) -> None:
    """Change parameters of a strategy. It keeps its state and its positions, and starts again.

    \b
    Example:
      onetape params paper.yaml --strategy swing --set quantity=5 --reason "half the size"
    """
    if not settings:
        raise click.UsageError("expected --set NAME=VALUE")
    plain = msgspec.convert(dict(settings), dict[str, str | int | float | bool | None])
    body = SetParameters(strategy=strategy, params=plain, reason=reason)
    daemon.do("/v1/parameters", body, f"{strategy}: parameters changed {_UNTIL}")


def _needed(reason: str) -> str:
    if not reason:
        raise click.UsageError("--set needs a --reason")
    return reason


def decimal_of(text: str, option: str) -> Decimal:
    """The number that was given for an option."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise click.UsageError(f"{option}: {text!r} is not a number") from None
