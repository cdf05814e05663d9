"""The page about commands has an example of each, in a block that is run."""

import pytest

from ops.cli import COMMANDS as ONETAPE
from ops.commands.replay import PLACES
from tests.house.documents import examples
from tests.house.tree import ROOT

COMMANDS = [f"onetape {name}" for name in ONETAPE] + [f"replay {name}" for name in PLACES]


@pytest.mark.parametrize("command", sorted([*COMMANDS, "replay --from"]))
def test_every_command_has_an_example_that_is_run(command: str) -> None:
    page = (ROOT / "docs/commands.md").read_text("utf-8")

    code = "\n".join(example.code for example in examples(page))

    assert command in code
