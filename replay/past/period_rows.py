"""A period of a log that was played again, as words and rows of text, and as an object for programs."""

from decimal import Decimal

import msgspec

from eventstore.moments import iso_utc
from kernel.decimals import exact
from kernel.events import OrderFilled
from replay import figures
from replay.past.explanation_rows import event_fields
from replay.past.period import PlayedPeriod
from replay.rows import Rows, number, text

ZERO = Decimal(0)
SHOWN = 20
"""Most fills that are shown."""


@exact
def period_words(found: PlayedPeriod) -> str:
    """What was played, from where, and that it is equal to the record."""
    return (
        f"{found.log}: {iso_utc(found.first_ts)} to {iso_utc(found.ended.ts)}, {_inputs(found)}, played by "
        f"the recorded code\n{state_words(found.restored_seq)}\n"
        f"Equal to the record: all of {found.derived:,} derived events."
    )


@exact
def verified_words(found: PlayedPeriod) -> str:
    """The same for a verification."""
    return (
        f"{found.log}: reproduced {found.derived:,} derived events from {found.inputs:,} inputs, "
        f"{iso_utc(found.first_ts)} to {iso_utc(found.ended.ts)}\n{state_words(found.restored_seq)}"
    )


def state_words(restored_seq: int) -> str:
    """Where the state came from."""
    if restored_seq:
        return f"The state before was played from the snapshot at seq {restored_seq:,}."
    return "The state before was played from the beginning of the log."


@exact
def period_rows(found: PlayedPeriod) -> tuple[Rows, ...]:
    """The account before and after, with its positions, and the fills."""
    return _account(found), _fills(found)


@exact
def period_object(found: PlayedPeriod) -> dict[str, object]:
    """A period for programs."""
    plain = msgspec.to_builtins(found)
    return {
        **{name: plain[name] for name in ("log", "restored_seq", "began", "first_ts", "ended")},
        "inputs": found.inputs,
        "derived": found.derived,
        "is_equal": True,
        "currency": found.currency,
        "pnl": str(found.after.pnl - found.before.pnl),
        **{name: plain[name] for name in ("before", "after", "sent", "denied", "rejected")},
        "fills": [event_fields(fill) for fill in found.fills],
    }


def _inputs(found: PlayedPeriod) -> str:
    return f"inputs {found.began.number + 1:,} to {found.ended.number:,}"


def _account(found: PlayedPeriod) -> Rows:
    before, after = found.before, found.after
    rows: list[tuple[str, ...]] = [
        (name, figures.money(old), figures.money(new), figures.money(new - old))
        for name, old, new in (
            ("Equity", before.equity, after.equity),
            ("Cash", before.cash, after.cash),
            ("P&L", before.pnl, after.pnl),
            ("Commissions", before.commissions, after.commissions),
        )
    ]
    for symbol in dict.fromkeys((*before.positions, *after.positions)):
        old, new = before.positions.get(symbol, ZERO), after.positions.get(symbol, ZERO)
        rows.append((f"Position {symbol}", *(_quantity(value) for value in (old, new, new - old))))
    note = (
        f"Orders: {found.sent:,} sent, {found.denied:,} denied, {found.rejected:,} rejected; "
        f"{len(found.fills):,} fills. P&L is equity less what was paid in."
    )
    columns = (text(found.currency), number("Before"), number("After"), number("Change"))
    return Rows("Account", columns, tuple(rows), note=note)


def _fills(found: PlayedPeriod) -> Rows:
    left = len(found.fills) - SHOWN
    return Rows(
        "Fills",
        (
            text("Time"),
            text("Strategy", rank=1),
            text("Side"),
            number("Quantity"),
            text("Symbol"),
            number("Price"),
            number("Commission", rank=2),
            text("Order", rank=3),
        ),
        tuple(map(_fill, found.fills[:SHOWN])),
        note=f"{left:,} more are not shown here: --json" if left > 0 else "",
    )


def _fill(fill: OrderFilled) -> tuple[str, ...]:
    return (
        iso_utc(fill.ts),
        fill.strategy,
        fill.side.value,
        _quantity(fill.quantity),
        fill.symbol,
        _quantity(fill.price),
        f"{fill.commission:f}",
        fill.client_order_id,
    )


def _quantity(value: Decimal) -> str:
    return f"{value.normalize():f}"
