"""A state of an older version is taken through its migrations; one that cannot be read is refused."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
import pytest

from kernel import snapshot
from kernel.bus import EventBus
from kernel.component import STEADFAST, Subscription
from kernel.errors import ComponentError
from kernel.snapshot import Snapshot
from kernel.state import Migration, PlainState, WrittenState, put_fields


def with_fees_apart(plain: PlainState) -> PlainState:
    """1 to 2: fees were part of the cash."""
    return {"cash": str(Decimal(plain["cash"]) + Decimal(plain["paid"])), "fees": plain["paid"]}


def by_currency(plain: PlainState) -> PlainState:
    """2 to 3: cash was in dollars alone."""
    return {**plain, "cash": {"USD": plain["cash"]}}


class Sums(msgspec.Struct):
    """Two figures that belong together."""

    fees: Decimal = Decimal(0)


class Purse(msgspec.Struct):
    """Version 3 of a state."""

    migrations: ClassVar[tuple[Migration, ...]] = (with_fees_apart, by_currency)

    cash: dict[str, Decimal] = {}
    fees: Decimal = Decimal(0)
    sums: Sums = msgspec.field(default_factory=Sums)
    last: Sums | None = None


class Cashier:
    """A component whose state has been through two changes."""

    name = "cashier"
    failure_policy = STEADFAST

    def __init__(self) -> None:
        self.state = Purse()

    def subscriptions(self) -> Iterable[Subscription]:
        return ()


def taken_of(version: int, plain: dict[str, Any]) -> tuple[EventBus, Cashier, Snapshot]:
    """A core, and a snapshot of it in which the cashier's state is of another version."""
    bus, cashier = EventBus(), Cashier()
    bus.register(cashier)
    taken = snapshot.take(bus)
    kept = WrittenState(version, msgspec.msgpack.encode(plain))
    return bus, cashier, msgspec.structs.replace(taken, states={**taken.states, "cashier": kept})


def test_a_snapshot_names_the_version_of_every_state() -> None:
    bus = EventBus()
    bus.register(Cashier())

    taken = snapshot.take(bus)

    assert {name: state.version for name, state in taken.states.items()} == {
        "timers": 1,
        "bus": 1,
        "cashier": 3,
    }


@pytest.mark.parametrize(
    ("version", "plain"),
    [
        (1, {"cash": "90", "paid": "10"}),
        (2, {"cash": "100", "fees": "10"}),
        (3, {"cash": {"USD": "100"}, "fees": "10"}),
    ],
)
def test_a_state_of_any_earlier_version_is_read_as_of_today(version: int, plain: dict[str, Any]) -> None:
    bus, cashier, taken = taken_of(version, plain)

    snapshot.put_back(bus, taken)

    assert cashier.state == Purse({"USD": Decimal(100)}, Decimal(10))


@pytest.mark.parametrize("version", [4, 0, -1])
def test_a_newer_or_unknown_version_is_refused_and_changes_nothing(version: int) -> None:
    bus, cashier, taken = taken_of(version, {})
    cashier.state.fees = Decimal(7)
    before = snapshot.take(bus)

    with pytest.raises(
        ComponentError,
        match=f"cashier: the snapshot has version {version} of its state; this code reads versions 1 to 3",
    ):
        snapshot.put_back(bus, taken)

    assert snapshot.take(bus) == before


def test_a_migration_that_meets_other_data_than_it_knows_is_named() -> None:
    bus, _, taken = taken_of(1, {"cash": "90"})

    with pytest.raises(
        ComponentError, match="cashier: its state cannot be taken from version 1 to 2: KeyError"
    ):
        snapshot.put_back(bus, taken)


def test_what_a_migration_makes_must_fit() -> None:
    bus, _, taken = taken_of(2, {"cash": "much", "fees": "10"})

    with pytest.raises(ComponentError, match="does not fit the components: cashier: Invalid decimal"):
        snapshot.put_back(bus, taken)


def test_a_struct_within_a_state_stays_the_same_object() -> None:
    state, sums = Purse(), Sums(Decimal(5))
    held = state.sums

    put_fields(state, Purse({"USD": Decimal(1)}, sums=sums, last=sums))

    assert state.sums is held
    assert state == Purse({"USD": Decimal(1)}, sums=sums, last=sums)
