"""The page about one order: one HTML file without a script."""

from pathlib import Path
from string import Template

from eventstore.moments import iso_utc
from kernel.decimals import exact
from kernel.errors import InputError
from replay.past.explanation import Explanation
from replay.past.explanation_rows import duration, explanation_rows, headline, outcome
from replay.report.files import check_replaceable
from replay.report.parts import asset, card, escaped, tile


@exact
def write_order_page(found: Explanation, path: Path) -> Path:
    """Write the page; an older report there is replaced. Raises ``InputError`` as ``write_report`` does."""
    check_replaceable(path)
    try:
        path.write_text(order_page(found), encoding="utf-8")
    except OSError as error:
        raise InputError(f"report {path}: cannot be written: {error.strerror}") from error
    return path


@exact
def order_page(found: Explanation) -> str:
    """The whole page."""
    first, last = found.steps[0].event.ts, found.steps[-1].event.ts
    tiles = (
        tile("Strategy", found.strategy or "none", found.log),
        tile("Decided", iso_utc(found.sight.trigger.ts), type(found.sight.trigger).__name__),
        tile("From decision to end", duration(last - first), iso_utc(last)),
        tile("Outcome", outcome(found)),
    )
    return Template(asset("order.html")).substitute(
        order=escaped(found.order_id),
        log=escaped(found.log),
        style=asset("report.css"),
        about=escaped(headline(found)),
        tiles="\n".join(tiles),
        tables="\n".join(card(rows) for rows in explanation_rows(found)),
    )
