"""A command group whose help is a page of a manual: options and commands by purpose, and examples."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import click

from ops.command_group import CommandGroup

Sections = Mapping[str, Sequence[str]]
"""Names of options or commands by the title of their section, in the order of the page."""

NO_SECTIONS: Sections = MappingProxyType({})
OTHERS = "Others"
SENTENCE = 300
"""Letters of the longest sentence about a command."""


class ManualGroup(CommandGroup):
    """A group with sections.

    - ``options_in``: the names of its parameters by section.
    - ``commands_in``: the names of its commands by section.

    What is in no section comes last, under "Others".
    """

    def __init__(
        self,
        *arguments: Any,  # click's own, passed on
        options_in: Sections = NO_SECTIONS,
        commands_in: Sections = NO_SECTIONS,
        **settings: Any,  # as above
    ) -> None:
        super().__init__(*arguments, **settings)
        self._options_in = options_in
        self._commands_in = commands_in

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options and then the commands, by section."""
        told = {
            _key(parameter): record
            for parameter in self.get_params(ctx)
            if (record := parameter.get_help_record(ctx)) is not None
        }
        for title, records in _by_section(told, self._options_in):
            with formatter.section(title):
                formatter.write_dl(records)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, each with the first sentence of its help."""
        told = {
            name: (name, each.get_short_help_str(SENTENCE))
            for name in self.list_commands(ctx)
            if (each := self.get_command(ctx, name)) is not None and not each.hidden
        }
        for title, records in _by_section(told, self._commands_in):
            with formatter.section(title):
                formatter.write_dl(records)


def _key(parameter: click.Parameter) -> str:
    """The name of a parameter in a section; that of ``--help`` differs between versions of click."""
    return "help" if "--help" in parameter.opts else parameter.name or ""


def _by_section(
    told: Mapping[str, tuple[str, str]], sections: Sections
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    placed = [name for names in sections.values() for name in names]
    others = [name for name in told if name not in placed]
    for title, names in {**sections, OTHERS: others}.items():
        records = [told[name] for name in names if name in told]
        if records:
            yield title, records
