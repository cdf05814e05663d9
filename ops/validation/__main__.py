"""``make validation``: compares the reference strategies with other engines and writes docs/validation.md.

python -m ops.validation --check
"""

import asyncio
import sys
from pathlib import Path

import click

from ops.validation.comparison import Comparison, compare
from ops.validation.page import described, page
from ops.validation.references import REFERENCES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "validation.md"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if the page differs from what is on disk.")
def validation(*, check: bool) -> None:
    """Run every reference in its engine and here, print one line each, and write the page.

    Exit code 0: everything agrees. 1: a strategy differs, or with --check the page does.
    """
    comparisons = asyncio.run(_compared())
    text = page(comparisons)
    if not check:
        DOCUMENT.write_text(text, encoding="utf-8")
        click.echo(f"written: {DOCUMENT.name}")
    elif DOCUMENT.read_text(encoding="utf-8") != text:
        click.echo(f"{DOCUMENT.name} is not what make validation writes", err=True)
        sys.exit(1)
    if not all(one.agrees for one in comparisons):
        sys.exit(1)


async def _compared() -> list[Comparison]:
    comparisons: list[Comparison] = []
    for reference in REFERENCES:
        compared = await compare(reference)
        outcome = "agrees" if compared.agrees else f"DIFFERS in {compared.different} fills"
        engine = reference.engine.title
        click.echo(f"{engine}: {described(compared)} on {reference.symbol}: {outcome}", err=True)
        comparisons.append(compared)
    return comparisons


if __name__ == "__main__":
    validation()
