"""How our commands end: 0 done, 1 refused, damaged or different, 2 wrong usage."""

import click

from kernel.errors import OnetapeError, StreamMissing

REFUSED = 1
WRONG_USAGE = 2


class CommandGroup(click.Group):
    """Says what went wrong in one sentence on stderr, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was named; errors of ours become exit codes."""
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
        except OnetapeError as error:
            click.echo(f"{ctx.info_name}: {error}", err=True)
            ctx.exit(REFUSED)
