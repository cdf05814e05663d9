"""Corporate actions that cannot be meant stay on record and change nothing, in no component."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from brokers.simulated.config import SimulatedBrokerConfig
from components.allocation.config import SignalsConfig
from components.assembly.core import Core
from kernel import snapshot
from kernel.events import (
    Bar,
    CorporateAction,
    CorporateActionKind,
    Event,
    InstrumentDefined,
    OrderType,
    Quote,
    TimeInForce,
    VenueDeclared,
)
from kernel.state import WrittenState
from kernel.time_units import SECOND_NS as SECOND
from strategies.sdk import (
    Decisions,
    Execute,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
    Twap,
    buy,
    sell,
)
from strategies.sdk.adjustment import adjusted, split_ratio
from strategies.sdk.sizing import FixedQuantity
from tests.components.sample_core import begin, core_with, hear

SPLIT, MERGER = CorporateActionKind.SPLIT, CorporateActionKind.MERGER
CHANGE, DIVIDEND = CorporateActionKind.SYMBOL_CHANGE, CorporateActionKind.DIVIDEND


class Calls(StrategyState):
    """How often it was asked."""

    count: int = 0


class Busy(Strategy[StrategyParams, Calls]):
    """Holds, rests, works and signals at once."""

    def bars_needed(self) -> int:
        return 3

    def on_quote(self, quote: Quote) -> Decisions:  # noqa: ARG002  # the hook's signature
        self.state.count += 1
        match self.state.count:
            case 1:
                return buy("A", 10)
            case 2:
                return [
                    sell("A", 5, stop=90.0),
                    sell("A", 5, trail_amount=3.0),
                    Execute(buy("A", 100), Twap(1000.0, 10)),
                    Signal("A", SignalDirection.LONG, 1.0, "", 80.0, 120.0),
                ]
            case _:
                return None


def busy() -> Core:
    """A core in which every component has something to do with A."""
    core = core_with(
        {"x": Busy()},
        broker=SimulatedBrokerConfig(lacks=("trailing_stop",)),
        signals=SignalsConfig(sizing=FixedQuantity(quantity=Decimal(7))),
    )
    begin(core)
    taken = tuple(kind for kind in OrderType if kind is not OrderType.TRAILING_STOP)
    hear(
        core,
        VenueDeclared(0, "sim", taken, tuple(TimeInForce)),
        InstrumentDefined(0, "A"),
        Bar(SECOND, "A", "1s", 100, 101, 99, 100, 1.0, 0),
        *(Quote(second * SECOND, "A", 100.0, 100.0, 1e6, 1e6) for second in range(2, 7)),
    )
    return core


def action(
    kind: CorporateActionKind, ratio: str = "1", *, amount: str = "0", new: str = ""
) -> CorporateAction:
    return CorporateAction(6 * SECOND, "A", kind, Decimal(ratio), Decimal(amount), new_symbol=new)


VOID = [
    action(SPLIT, "0"),
    action(SPLIT, "-2"),
    action(SPLIT, "NaN"),
    action(SPLIT, "Infinity"),
    action(CHANGE, new="A"),
    action(CHANGE, new=""),
    action(CHANGE, "0", new="B"),
    action(MERGER, new="A"),
    action(MERGER, "-1", new="B"),
    action(DIVIDEND, amount="NaN"),
]


def _states(core: Core) -> dict[str, WrittenState]:
    return {name: state for name, state in snapshot.take(core.bus).states.items() if name != "bus"}


@pytest.mark.parametrize("void", VOID, ids=lambda one: f"{one.kind.value} {one.ratio} {one.new_symbol}")
def test_an_action_that_cannot_be_meant_changes_nothing(void: CorporateAction) -> None:
    core = busy()
    before = _states(core)

    derived: Sequence[Event] = hear(core, void)

    assert derived == []
    assert _states(core) == before
    assert core.market.last_price("A") == 100.0
    assert len(core.market.history("A", 3)) == 1


def test_a_real_split_changes_what_the_void_ones_leave() -> None:
    core = busy()
    before = _states(core)

    hear(core, action(SPLIT, "2"))

    changed = {name for name, state in _states(core).items() if state != before[name]}
    expected = {"market_data", "simulated_broker", "orders", "emulation", "portfolio", "execution"}
    assert changed >= expected | {"allocation"}


def test_such_a_split_adjusts_no_prices() -> None:
    bar = Bar(SECOND, "A", "1s", 100, 101, 99, 100, 1.0, 0)

    assert split_ratio([action(SPLIT, "0")], 0) == 1.0
    assert adjusted([bar], [action(SPLIT, "0")]) == [bar]
