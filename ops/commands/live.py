"""Commands of live trading: the confirmation of real orders; what the venue has otherwise."""

import click

from kernel.events import CashFlowKind
from ops.commands.changes import decimal_of
from ops.commands.to_daemon import ToDaemon, reason_option, to_daemon
from ops.control.requests import BOOKED, AdjustHeld, BookCash, ConfirmLive


@click.command("go-live")
@click.option("--log", "log", default="", metavar="NAME", help="The name of the log, without asking.")
@click.option("--account", default="", metavar="ID", help="The account at the venue, without asking.")
@reason_option(required=True)
@to_daemon
def go_live_command(daemon: ToDaemon, *, log: str, account: str, reason: str) -> None:
    """Let the daemon of FILE send real orders: type the name of its log, then the account's id.

    A daemon of mode live sends no order before. The confirmation holds over restarts, until the configuration
    names another venue or account.

    \b
    Example:
      onetape go-live live.yaml --reason "two weeks on paper, reviewed by Ann"
    """
    typed_log = log or click.prompt("Type the name of the log", err=True)
    typed_account = account or click.prompt("Type the account's id at the venue", err=True)
    body = ConfirmLive(log=typed_log, account=typed_account, reason=reason)
    daemon.do("/v1/live/confirm", body, f"orders go to account {typed_account} from now on")


@click.command("adjust")
@click.option("--strategy", required=True, metavar="NAME", help="The strategy that holds it from now on.")
@click.option("--symbol", required=True, metavar="SYMBOL", help="The symbol.")
@click.option("--quantity", required=True, metavar="NUMBER", help="The whole position; below 0 short.")
@click.option("--price", required=True, metavar="NUMBER", help="The price at which it was opened.")
@reason_option(required=True)
@to_daemon
def adjust_command(
    daemon: ToDaemon, *, strategy: str, symbol: str, quantity: str, price: str, reason: str
) -> None:
    """Set a position in the daemon of FILE to what it is at the venue, after a difference was told.

    Nothing is sent to the venue, and cash stays as it is.

    \b
    Example:
      onetape adjust live.yaml --strategy swing --symbol AAA --quantity 100 --price 41.5 --reason "a gift"
    """
    body = AdjustHeld(
        strategy=strategy,
        symbol=symbol,
        quantity=decimal_of(quantity, "--quantity"),
        price=decimal_of(price, "--price"),
        reason=reason,
    )
    daemon.do("/v1/positions/adjust", body, f"{strategy} holds {quantity} {symbol} now")


@click.command("cash")
@click.option(
    "--amount", required=True, metavar="NUMBER", help="In the account's currency; below 0 it went out."
)
@click.option(
    "--kind",
    required=True,
    type=click.Choice([kind.value for kind in CashFlowKind if kind in BOOKED]),
    help="A deposit or withdrawal, or which income or cost.",
)
@reason_option(required=True)
@to_daemon
def cash_command(daemon: ToDaemon, *, amount: str, kind: str, reason: str) -> None:
    """Book cash in the daemon of FILE that came in or went out at the venue, after a difference was told.

    Nothing is sent to the venue. A deposit is money paid in, or out below 0, and no gain; all other kinds are
    income, or a cost below 0. On paper this is how money is paid in.

    \b
    Example:
      onetape cash live.yaml --amount -12.50 --kind fee --reason "market data, May"
      onetape cash paper.yaml --amount 50000 --kind deposit --reason "more capital"
    """
    body = BookCash(amount=decimal_of(amount, "--amount"), kind=CashFlowKind(kind), reason=reason)
    daemon.do("/v1/cash", body, f"{kind} of {amount} booked")
