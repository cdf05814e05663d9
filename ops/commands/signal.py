"""``onetape signal``: gives the strategies of a running daemon a signal of an outside model."""

import click

from kernel.clock import RealTimeClock
from kernel.events import SignalDirection
from kernel.time_units import SECOND_NS
from ops.commands.to_daemon import ToDaemon, reason_option, to_daemon
from ops.control.requests import OutsideSignal, PostSignals


@click.command("signal")
@click.option("--source", required=True, metavar="NAME", help="The model, by its own name.")
@click.option("--symbol", default="", metavar="SYMBOL", help="What it is about; left out: all.")
@click.option("--strategy", default="", metavar="NAME", help="Only for this strategy.")
@click.option("--value", type=float, help="A forecast or score, in the model's own unit.")
@click.option("--direction", type=click.Choice([one.value for one in SignalDirection]), help="The direction.")
@click.option(
    "--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="Of the signal."
)
@click.option(
    "--valid",
    "valid_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="How long it may be used from now on; left out: for ever.",
)
@click.option(
    "--field", "fields", multiple=True, metavar="NAME=VALUE", help="A further field; may be repeated."
)
@click.option("--id", "key", default="", metavar="KEY", help="Names it: repeated, it is not posted again.")
@reason_option()
@to_daemon
def signal_command(
    daemon: ToDaemon,
    *,
    source: str,
    symbol: str,
    strategy: str,
    value: float | None,
    direction: str | None,
    strength: float,
    valid_s: float | None,
    fields: tuple[str, ...],
    key: str,
    reason: str,
) -> None:
    """Give the strategies of the daemon of FILE a signal, as a model in another program does.

    It is an input of the log, and strategies with `on_signal` get it in its order.

    \b
    Example:
      onetape signal paper.yaml --source forest --symbol SPY --direction long --strength 0.7 --valid 300
    """
    if value is None and direction is None and not fields:
        raise click.UsageError("expected --value, --direction or --field")
    signal = OutsideSignal(
        symbol=symbol,
        strategy=strategy,
        value=value,
        direction=None if direction is None else SignalDirection(direction),
        strength=strength,
        expire_s=0.0 if valid_s is None else RealTimeClock().now() / SECOND_NS + valid_s,
        fields=dict(map(_field, fields)),
    )
    body = PostSignals(source=source, signals=(signal,), reason=reason, id=key)
    daemon.do("/v1/signals", body, "the signal is posted")


def _field(given: str) -> tuple[str, float | str]:
    """The name and the value of an option: a number if it reads as one, else text."""
    name, is_given, value = given.partition("=")
    if not (name and is_given):
        raise click.UsageError(f"--field {given}: expected NAME=VALUE")
    try:
        return name, float(value)
    except ValueError:
        return name, value
