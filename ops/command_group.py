"""Exit codes of the commands: 0 done, 1 refused, damaged or different, 2 wrong usage."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from kernel.decimals import exact
from kernel.errors import OnetapeError, StreamMissing
from kernel.loggable import words_of
from ops.text_log import log_to_stderr

REFUSED = 1
WRONG_USAGE = 2


class CommandGroup(click.Group):
    """A group of commands that reports an error in one sentence on stderr, without a traceback."""

    def __init__(
        self,
        *arguments: Any,  # click's own settings, passed on
        places: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        """``places``: where commands are that are imported when they are used, as ``module:name``."""
        super().__init__(*arguments, **settings)
        self._places = dict(places or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in order."""
        return sorted({*super().list_commands(ctx), *self._places})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name, imported if need be; ``None`` if there is none of that name."""
        place = self._places.get(cmd_name)
        if place is not None and cmd_name not in self.commands:
            module, _, name = place.partition(":")
            self.add_command(getattr(import_module(module), name), cmd_name)
        return super().get_command(ctx, cmd_name)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # click's own settings, passed on
    ) -> click.Context:
        """Read the group's own options; a wrong option is reported in the same way."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except NoArgsIsHelpError:
            raise  # not an error: click shows the help
        except click.UsageError as error:
            click.echo(f"{info_name}: {error.format_message()} (see: {info_name} --help)", err=True)
            raise click.exceptions.Exit(WRONG_USAGE) from error

    @exact
    def invoke(self, ctx: click.Context) -> object:
        """Run the named command; our errors become exit codes."""
        log_to_stderr()
        try:
            result: object = super().invoke(ctx)
            return result
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx is not None else ctx.command_path
            click.echo(f"{ctx.info_name}: {error.format_message()} (see: {where} --help)", err=True)
            ctx.exit(WRONG_USAGE)
        except StreamMissing as error:
            click.echo(f"{ctx.info_name}: {error}", err=True)
            ctx.exit(WRONG_USAGE)
        except SystemExit as error:  # raised by a strategy or model; click has exceptions of its own
            click.echo(
                f"{ctx.info_name}: the code that it ran ended it before it was done: {words_of(error)}",
                err=True,
            )
            ctx.exit(REFUSED)
        except OnetapeError as error:
            click.echo(f"{ctx.info_name}: {error}", err=True)
            ctx.exit(REFUSED)
