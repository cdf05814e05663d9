"""What the commands to a running daemon share: the way to it, and how its answers are printed."""

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, TypeVar

import click
import msgspec

from ops.control.client import address_of, get, post
from ops.control.receipts import Receipt
from ops.control.requests import Command
from ops.event_loop import run
from ops.tables import TableConsole, print_rows
from replay.config import CONFIG_FILE
from replay.rows import Rows

T = TypeVar("T")

ENVIRONMENTS = ("paper.yaml", "live.yaml")
"""The files of environments that need no name if there is one of them alone."""


class ToDaemon(msgspec.Struct, frozen=True):
    """A daemon, and the form of the output."""

    file: Path
    url: str
    token_file: Path | None
    as_json: bool

    def show(self, path: str, kind: type[T], rows_of: Callable[[T], Iterable[Rows]]) -> None:
        """Print the answer to a question: its tables, or JSON."""
        body = run(get(address_of(self.file, url=self.url, token_file=self.token_file), path))
        if self.as_json:
            click.echo(body)
            return
        console = TableConsole()
        for rows in rows_of(msgspec.json.decode(body, type=kind)):
            if rows:
                print_rows(rows, console)
            else:
                console.print(f"No {rows.title.lower()}.")

    def print_text(self, path: str, kind: type[T], text_of: Callable[[T], str]) -> None:
        """Print the answer to a question: its text, or JSON."""
        body = run(get(address_of(self.file, url=self.url, token_file=self.token_file), path))
        click.echo(body if self.as_json else text_of(msgspec.json.decode(body, type=kind)))

    def do(self, path: str, body: Command, done: str | Callable[[Receipt], str]) -> None:
        """Have a command carried out, and print its receipt.

        ``done`` says what is done now, or makes these words of the receipt.
        """
        answer = run(post(address_of(self.file, url=self.url, token_file=self.token_file), path, body))
        if self.as_json:
            click.echo(answer)
            return
        receipt = msgspec.json.decode(answer, type=Receipt)
        words = done if isinstance(done, str) else done(receipt)
        click.echo(f"{words}; recorded at seq {receipt.seq} as {receipt.operator}")


# The arguments of a command, after the daemon: click passes them by name.
Act = Callable[Concatenate[ToDaemon, ...], None]


def file_of(file: Path | None, environment: str) -> Path:
    """The configuration of a daemon: a file, or that of an environment.

    Without both it is ``onetape.yaml``, and where there is none, the only environment of this folder. Raises
    ``click.UsageError`` if there are two.
    """
    if file is not None and environment:
        raise click.UsageError("expected either FILE or --env")
    if file is not None:
        return file
    if environment:
        return Path(f"{environment}.yaml")
    there = [path for path in map(Path, ENVIRONMENTS) if path.exists()]
    if Path(CONFIG_FILE).exists() or not there:
        return Path(CONFIG_FILE)
    if len(there) > 1:
        named = " or ".join(f"--env {path.stem}" for path in there)
        raise click.UsageError(f"which environment? Expected {named}")
    return there[0]


def to_daemon(act: Act) -> Callable[..., None]:
    """Give a command the argument FILE, and the options that name another way to the daemon."""

    @click.argument("file", type=click.Path(path_type=Path), required=False)
    @click.option(
        "--env", "environment", default="", metavar="NAME", help="The daemon of NAME.yaml, in place of FILE."
    )
    @click.option(
        "--url", default="", metavar="URL", help="A daemon by its TCP address, http://127.0.0.1:PORT."
    )
    @click.option(
        "--token-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="PATH",
        help="The file with the token for --url; mode 0600.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @wraps(act)
    def command(
        file: Path | None,
        environment: str,
        url: str,
        token_file: Path | None,
        *,
        as_json: bool,
        **settings: Any,
    ) -> None:
        daemon = ToDaemon(file_of(file, environment), url, token_file, as_json)
        act(daemon, **settings)  # the settings of the command

    return command


def reason_option(*, required: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option ``--reason``."""
    if required:
        return click.option("--reason", required=True, metavar="TEXT", help="Why; it is recorded (needed).")
    return click.option("--reason", default="", metavar="TEXT", help="Why; it is recorded.")


def one_of(**given: object) -> None:
    """Raise ``click.UsageError`` unless exactly one of the options is given."""
    if sum(map(bool, given.values())) != 1:
        names = " or ".join(f"--{name.replace('_', '-')}" for name in given)
        raise click.UsageError(f"expected one of {names}")
