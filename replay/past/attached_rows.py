"""What attached code told, as words and rows of text, as objects for programs, and as a file of CSV."""

import csv
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeGuard

import msgspec

from eventstore.moments import iso_utc
from kernel.decimals import exact
from kernel.errors import InputError
from replay.past.attached_code import Value
from replay.past.attaching import Attached, AttachedDenial, AttachedValue
from replay.rows import Rows, number, text

SHOWN = 20
"""Most values or denials that are shown."""


def attached_words(found: Attached) -> str:
    """The period, and how much was heard and told."""
    period = f"{found.log}: {found.name}, inputs {found.began.number + 1:,} to {found.ended.number:,}"
    if found.denials is None:
        return f"{period}: {found.heard:,} events heard, {len(found.values):,} values"
    orders = {one.order_id for one in found.denials}
    return f"{period}: {found.heard:,} orders checked, {len(orders):,} would have been denied"


@exact
def attached_rows(found: Attached) -> tuple[Rows, ...]:
    """The tables: values by name and the first ones, or the first denials."""
    if found.denials is not None:
        return (_denials(found.denials),)
    return (_by_name(found.values), _first(found.values))


@exact
def attached_objects(found: Attached) -> Iterator[dict[str, object]]:
    """Each value or denial for programs, with its time in words."""
    for one in found.values if found.denials is None else found.denials:
        plain: dict[str, object] = msgspec.to_builtins(one)
        yield {"time": iso_utc(one.ts), **plain}


@exact
def write_attached(found: Attached, path: Path) -> None:
    """Write the values or denials to a file of CSV. Raises ``InputError``."""
    kind = AttachedValue if found.denials is None else AttachedDenial
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["time", *kind.__struct_fields__])
            writer.writeheader()
            writer.writerows(attached_objects(found))
    except OSError as error:
        raise InputError(f"--csv {path}: cannot be written: {error.strerror}") from error


def _by_name(values: Sequence[AttachedValue]) -> Rows:
    by_name: dict[str, list[Value]] = {}
    for one in values:
        by_name.setdefault(one.name, []).append(one.value)
    columns = (
        text("Name"),
        number("Count"),
        number("First"),
        number("Last"),
        number("Lowest"),
        number("Mean"),
        number("Highest"),
    )
    return Rows("By name", columns, tuple(_summary(name, found) for name, found in by_name.items()))


def _summary(name: str, values: Sequence[Value]) -> tuple[str, ...]:
    numbers = [float(each) for each in values if _is_number(each)]
    figures = (
        (_shown(min(numbers)), _shown(sum(numbers) / len(numbers)), _shown(max(numbers)))
        if numbers
        else ("", "", "")
    )
    return name, f"{len(values):,}", _shown(values[0]), _shown(values[-1]), *figures


def _first(values: Sequence[AttachedValue]) -> Rows:
    rows = tuple(map(_value, values[:SHOWN]))
    columns = (
        text("Time"),
        number("Seq", rank=1),
        number("Input", rank=2),
        text("Event", rank=3),
        text("Name"),
        number("Value"),
    )
    return Rows("Values", columns, rows, note=_left(len(values)))


def _value(one: AttachedValue) -> tuple[str, ...]:
    seq = f"{one.seq:,}" if one.seq else ""
    return iso_utc(one.ts), seq, f"{one.number:,}", one.event, one.name, _shown(one.value)


def _denials(denials: Sequence[AttachedDenial]) -> Rows:
    rows = tuple(
        (
            iso_utc(one.ts),
            f"{one.seq:,}",
            one.order_id,
            one.strategy,
            f"{one.order}{', new terms' if one.is_replacement else ''}",
            one.rule,
            one.reason,
            one.limit,
            one.value,
            one.recorded,
        )
        for one in denials[:SHOWN]
    )
    columns = (
        text("Time", rank=4),
        number("Seq", rank=5),
        text("Order"),
        text("Strategy", rank=6),
        text("Terms"),
        text("Rule", rank=1),
        text("Reason"),
        number("Limit", rank=2),
        number("Value", rank=2),
        text("Then", rank=3),
    )
    return Rows("Orders that it would have denied", columns, rows, note=_left(len(denials)))


def _left(count: int) -> str:
    return f"{count - SHOWN:,} more are not shown here: --json or --csv" if count > SHOWN else ""


def _is_number(value: Value) -> TypeGuard[int | float | Decimal]:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _shown(value: Value) -> str:
    """A value for people; a number with eight digits."""
    return f"{float(value):,.8g}" if _is_number(value) else str(value)
