"""``onetape exchange``: a synthetic market over a WebSocket on this computer."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar

import click

from brokers.feeds.config import Channel, Encoding
from kernel.errors import ConfigError
from ops.daemon.signals import stop_by_signal
from ops.event_loop import run
from ops.exchange.accounts import AccountConfig
from ops.exchange.faults import Faults
from ops.exchange.order_faults import OrderFaults
from ops.exchange.server import Exchange, ExchangeConfig

CommandT = TypeVar("CommandT", bound=Callable[..., Any])  # Any: a command has any options

_COUNT = click.IntRange(min=0)
_SECONDS = click.FloatRange(min=0)


def _fault(name: str, kind: click.IntRange | click.FloatRange, text: str) -> Callable[[CommandT], CommandT]:
    return click.option(f"--{name}", type=kind, default=0, metavar="N", help=text)


_ORDER_FAULTS = (
    ("reject-every", "Reject every N-th order."),
    ("lose-request-every", "Cut the connection instead of taking every N-th order, cancel or replacement."),
    ("drop-ack-every", "Take every N-th of them, and cut the connection before it is acknowledged."),
    ("lose-answer-every", "Take and report every N-th of them, but never answer it."),
    ("delay-ack-every", "Acknowledge every N-th of them after --ack-delay, if it is an order."),
    ("duplicate-report-every", "Send every N-th report about orders twice."),
    ("late-fill-every", "Fill a part of every N-th cancelled order, after the cancel."),
)


def _order_entry(act: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of order entry; it gets ``accounts`` and ``order_faults``."""

    @wraps(act)
    def command(
        *,
        accounts: tuple[str, ...],
        reject_every: int,
        lose_request_every: int,
        drop_ack_every: int,
        lose_answer_every: int,
        delay_ack_every: int,
        duplicate_report_every: int,
        late_fill_every: int,
        ack_delay: float,
        **settings: Any,  # those of the command
    ) -> None:
        faults = OrderFaults(
            reject_every=reject_every,
            lose_every=lose_request_every,
            drop_ack_every=drop_ack_every,
            lose_answer_every=lose_answer_every,
            delay_ack_every=delay_ack_every,
            ack_delay_s=ack_delay,
            duplicate_report_every=duplicate_report_every,
            late_fill_every=late_fill_every,
        )
        act(accounts=tuple(map(_account, accounts)), order_faults=faults, **settings)

    for name, text in reversed(_ORDER_FAULTS):
        command = _fault(name, _COUNT, text)(command)
    command = click.option(
        "--ack-delay", type=_SECONDS, default=1.0, show_default=True, help="Seconds of --delay-ack-every."
    )(command)
    return click.option(
        "--account",
        "accounts",
        multiple=True,
        default=("demo:demo-key",),
        show_default=True,
        metavar="NAME:KEY",
        help="An account that can trade, with a made-up key; several times for several.",
    )(command)


def _account(text: str) -> AccountConfig:
    name, sign, key = text.partition(":")
    if not (name and sign and key):
        raise click.BadParameter(f"--account: {text!r}: expected NAME:KEY")
    return AccountConfig(name=name, key=key)


def _symbols(context: click.Context, parameter: click.Parameter, text: str) -> int | tuple[str, ...]:
    """The names of the option, or how many there are."""
    del context, parameter
    if text.isdecimal() and int(text):
        return int(text)
    names = tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
    if not names or text.lstrip("-").isdecimal():
        raise click.BadParameter(f"{text!r}: expected names, as SPY,QQQ, or a number above 0")
    return names


@click.command("exchange")
@click.option(
    "--symbols",
    default="10",
    show_default=True,
    metavar="NAMES|N",
    callback=_symbols,
    help="Their names, as SPY,QQQ; or how many: AAA, AAB and so on.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=100.0,
    show_default=True,
    help="Messages a second, over all symbols.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same prices.")
@click.option(
    "--channel",
    "channels",
    type=click.Choice([each.value for each in Channel]),
    multiple=True,
    default=(Channel.QUOTES.value,),
    show_default=True,
    help="What it sends; several times for several.",
)
@click.option(
    "--format",
    "encoding",
    type=click.Choice([each.value for each in Encoding]),
    default=Encoding.JSON.value,
    show_default=True,
    help="How messages are written.",
)
@click.option(
    "--batch", type=click.IntRange(min=1), default=1, show_default=True, help="The most messages in a frame."
)
@click.option(
    "--port",
    type=click.IntRange(min=0, max=65_535),
    default=8765,
    show_default=True,
    help="On 127.0.0.1; 0 for any free port.",
)
@_fault("gap-every", _COUNT, "Leave out every N-th message.")
@_fault("duplicate-every", _COUNT, "Send every N-th message twice.")
@_fault("out-of-order-every", _COUNT, "Send every N-th message after the next one of its symbol.")
@_fault(
    "bad-price-every", _COUNT, "Spoil every N-th message: zero, negative, ten times, crossed, future, NaN."
)
@_fault("drop-connection-every", _SECONDS, "Cut all connections every N seconds.")
@_fault("mute-every", _SECONDS, "Send no data for --mute-for seconds, every N seconds.")
@click.option("--mute-for", type=_SECONDS, default=30.0, show_default=True, help="Seconds without data.")
@_fault("half-open-every", _SECONDS, "Answer nothing more on the open connections, every N seconds.")
@_fault("storm-every", _SECONDS, "Send a hundred times as much for a second, every N seconds.")
@click.option(
    "--for",
    "for_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop by itself after so long.",
)
@_order_entry
def exchange_command(
    *,
    accounts: tuple[AccountConfig, ...],
    order_faults: OrderFaults,
    symbols: int | tuple[str, ...],
    rate: float,
    seed: int,
    channels: tuple[str, ...],
    encoding: str,
    batch: int,
    port: int,
    mute_for: float,
    gap_every: int,
    duplicate_every: int,
    out_of_order_every: int,
    bad_price_every: int,
    drop_connection_every: float,
    mute_every: float,
    half_open_every: float,
    storm_every: float,
    for_s: float | None,
) -> None:
    """Serve a synthetic market that also takes orders, to try feeds and the daemon without an account.

    It listens on this computer alone, and stops on Ctrl-C or SIGTERM.

    \b
    Example:
      onetape exchange --symbols 3 --rate 50
      onetape exchange --symbols SPY,QQQ --channel quotes --channel trades
      onetape exchange --symbols 500 --rate 50000 --batch 50 --format msgpack
      onetape exchange --gap-every 500 --bad-price-every 300 --drop-connection-every 20
    """
    faults = Faults(
        gap_every=gap_every,
        duplicate_every=duplicate_every,
        out_of_order_every=out_of_order_every,
        bad_price_every=bad_price_every,
        drop_connection_every_s=drop_connection_every,
        mute_every_s=mute_every,
        mute_for_s=mute_for,
        half_open_every_s=half_open_every,
        storm_every_s=storm_every,
    )
    config = ExchangeConfig(
        symbols=symbols,
        rate=rate,
        seed=seed,
        encoding=Encoding(encoding),
        batch=batch,
        channels=tuple(Channel(each) for each in dict.fromkeys(channels)),
        port=port,
        faults=faults,
        accounts=accounts,
        order_faults=order_faults,
    )
    run(_serve(Exchange(config), for_s=for_s))


async def _serve(exchange: Exchange, *, for_s: float | None) -> None:
    """Serve until a signal comes, or the time is over."""
    try:
        async with stop_by_signal() as stop, exchange.serving() as url:
            click.echo(url)
            click.echo(f"{exchange.config.rate:g} messages a second; stop with Ctrl-C", err=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(for_s):
                    await stop.asked.wait()
    except OSError as error:
        raise ConfigError(f"port {exchange.config.port}: {error.strerror or error}") from error
    click.echo(f"sent {exchange.sent:,} messages; {exchange.connections} connections", err=True)
