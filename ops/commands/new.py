"""``onetape new``: the first files of something of the user's own."""

import sys
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from itertools import chain
from keyword import iskeyword
from pathlib import Path

import click

from kernel.errors import InputError
from onetape_packages import IMPORTED

_STRATEGY = '''"""{title}: buys a new high of the last days, sells at a new low.

Say here what the strategy does, and where the idea is from.
"""

from decimal import Decimal
from typing import Annotated

from strategies.sdk import (
    Bar,
    Decisions,
    Metadata,
    OrderUpdate,
    Range,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    sell,
)


class Params(StrategyParams, frozen=True):
    """What can be set: `replay --param days=10`."""

    days: Annotated[int, Range(ge=2, le=500, description="bars whose high or low must be broken")] = 20
    quantity: Annotated[Decimal, Range(description="units to hold")] = Decimal(100)


class State(StrategyState):
    """All that the strategy remembers. It survives a restart; nothing else does."""

    entries: int = 0


class {class_name}(Strategy[Params, State]):
    """Long from a new high until a new low."""

    metadata = Metadata(name="{name}", version="0.1.0")

    def on_bar(self, bar: Bar) -> Decisions:
        """Called at the close of every bar. What it returns is traded from the next bar on."""
        days = self.params.days
        *before, _ = self.ctx.history(bar.symbol, days + 1)
        if len(before) < days:
            return None
        held = self.ctx.portfolio.position(bar.symbol)
        if not held and bar.close > max(past.high for past in before):
            self.state.entries += 1
            return buy(bar.symbol, self.params.quantity)
        if held and bar.close < min(past.low for past in before):
            return sell(bar.symbol, held)
        return None

    def on_order_update(self, update: OrderUpdate) -> Decisions:
        """Called when one of its orders is accepted, filled, denied, cancelled ..."""
        self.ctx.log(type(update).__name__)
'''

_TEST = '''"""{title}: what it promises. Run it with `python -m pytest test_{name}.py`."""

from {name} import {class_name}

from replay.testing import Rehearsal


def test_it_buys_a_new_high_and_sells_a_new_low() -> None:
    stage = Rehearsal({class_name}(days=3, quantity=10))

    stage.bars([100, 101, 100, 103, 104])

    assert [fill.side.value for fill in stage.fills] == ["buy"]
    assert stage.position() == 10

    stage.bars([104, 95, 95])

    assert [fill.side.value for fill in stage.fills] == ["buy", "sell"]
    assert stage.position() == 0


def test_it_does_nothing_before_it_has_seen_enough() -> None:
    stage = Rehearsal({class_name}(days=3))

    stage.bars([100, 101, 102])

    assert stage.orders == []


def test_it_knows_the_bars_before_the_start() -> None:
    stage = Rehearsal({class_name}(days=3), before={{"ABC": [100, 101, 100]}})

    stage.bar(103)

    assert len(stage.orders) == 1


def test_it_remembers_over_a_restart() -> None:
    stage = Rehearsal({class_name}(days=3))
    stage.bars([100, 101, 100, 103])

    stage.restart()

    assert stage.strategy.state.entries == 1
'''


@click.group("new")
def new_command() -> None:
    """Write the first files of something of your own.

    \b
    Example:
      onetape new strategy turtle
    """


@new_command.command("strategy")
@click.argument("name")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path(), help="Where to write [default: here]."
)
def strategy_command(name: str, folder: Path) -> None:
    """Write a strategy NAME.py, and test_NAME.py with tests of it that pass.

    \b
    Example:
      onetape new strategy turtle
      python -m pytest test_turtle.py
      replay --from 2004-01-01 --store market.db --stream spy.1d --strategy turtle.py

    Nothing is overwritten.
    """
    _check_name(name)
    files = {folder / f"{name}.py": _STRATEGY, folder / f"test_{name}.py": _TEST}
    for path in files:
        if path.exists():
            raise InputError(f"{path} exists already; choose another name, or delete it first")
    words = name.strip("_").split("_")
    title, class_name = " ".join(words).capitalize(), "".join(word.capitalize() for word in words)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text.format(name=name, title=title, class_name=class_name), "utf-8")
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be written: {error.strerror}") from error
    for path in files:
        click.echo(f"wrote {path}")
    strategy, test = files
    install = "" if find_spec("pytest") else "python -m pip install pytest && "
    click.echo(f"next:  {install}python -m pytest {test}")
    click.echo(f"       replay --strategy {strategy}:{class_name} --store STORE --stream STREAM")


def _check_name(name: str) -> None:
    if not name.isidentifier() or not name.islower() or not name.strip("_0123456789"):
        raise InputError(
            f"name {name!r}: expected lower-case letters, digits and underscores, such as new_high; it "
            "becomes the name of a file and of a class"
        )
    if iskeyword(name):
        raise InputError(
            f"name {name!r}: it is a keyword of Python, so no module can have it; choose another name, such "
            f"as my_{name}"
        )
    taken = _taken_by(name)
    if taken:
        raise InputError(
            f"name {name!r}: it is the name of {taken}, which a file {name}.py would hide; choose another "
            f"name, such as my_{name}"
        )


def _taken_by(name: str) -> str:
    """What has this name already, and could not be imported any more; empty if nothing has."""
    if name in {*IMPORTED, *chain.from_iterable(IMPORTED.values())}:
        return "a package of onetape"
    if name in sys.stdlib_module_names:
        return "a module of Python's library"
    return "an installed package" if name in packages_distributions() else ""
