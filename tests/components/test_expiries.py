"""What expires: nothing trades past its last moment, and what is held of it then is settled."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from components.assembly.core import Core
from kernel import snapshot
from kernel.events import (
    AssetClass,
    CorporateAction,
    CorporateActionKind,
    Event,
    ExecutionKind,
    ExecutionReport,
    InstrumentDefined,
    Order,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderType,
    PositionChanged,
    Quote,
    Side,
    TimerScheduled,
)
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.time_units import SECOND_NS as SECOND
from tests.components.sample_core import begin, core_with, hear, of_type, scripted

LAST = 10 * SECOND
"""The last moment at which X trades."""
ONE = StrategyId("one")

FUTURE = InstrumentDefined(
    0, "X", AssetClass.FUTURE, multiplier=Decimal(50), margin_rate=Decimal("0.1"), expiry_ts=LAST
)
CALL = InstrumentDefined(
    0,
    "X",
    AssetClass.OPTION,
    multiplier=Decimal(100),
    underlying="U",
    expiry_ts=LAST,
    strike=Decimal(95),
    option_right="call",
)
PUT = msgspec.structs.replace(CALL, option_right="put")
BOND = InstrumentDefined(0, "X", AssetClass.BOND, expiry_ts=LAST)


def quote(second: float, price: float, symbol: str = "X") -> Quote:
    return Quote(int(second * SECOND), symbol, price, price, 1e6, 1e6)


def trading(
    terms: InstrumentDefined, broker: SimulatedBrokerConfig | None = None, *, script: Sequence[Event] = ()
) -> Core:
    """A core in session that knows these terms and was told the rest."""
    core = core_with({"one": scripted()}, symbols=("X", "U"), broker=broker)
    begin(core)
    hear(core, terms, *script)
    return core


def intent(
    ts: float, side: Side, quantity: int, *, key: str = "o", limit: str = "", parent: str = ""
) -> Event:
    order = Order(
        ClientOrderId(key),
        ONE,
        "X",
        side,
        OrderType.LIMIT if limit else OrderType.MARKET,
        Decimal(quantity),
        Decimal(limit) if limit else None,
        parent_id=ClientOrderId(parent),
    )
    return OrderIntent(int(ts * SECOND), order)


def held(core: Core) -> Decimal:
    return core.portfolio.strategy_position(ONE, "X")


# --- positions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", [2, -3])
def test_a_future_is_settled_at_its_last_price(quantity: int) -> None:
    side = Side.BUY if quantity > 0 else Side.SELL
    core = trading(
        FUTURE, script=[quote(1, 100), intent(1, side, abs(quantity)), quote(2, 100), quote(9, 104)]
    )

    derived = hear(core, quote(11, 110, "U"))

    changed = of_type(derived, PositionChanged)
    assert [one.quantity for one in changed] == [0]
    assert changed[0].realised_pnl == quantity * 4 * 50
    assert core.portfolio.realised_pnl(ONE) == quantity * 4 * 50
    assert core.portfolio.cash == core.portfolio.equity == 1_000_000 + quantity * 4 * 50
    assert list(core.portfolio.open_symbols()) == []


@pytest.mark.parametrize(
    ("terms", "spot", "worth"), [(CALL, 103, 8), (CALL, 90, 0), (PUT, 90, 5), (PUT, 95, 0), (PUT, 103, 0)]
)
@pytest.mark.parametrize("quantity", [1, -2])
def test_an_option_is_settled_at_what_it_is_worth(
    terms: InstrumentDefined, spot: int, worth: int, quantity: int
) -> None:
    side = Side.BUY if quantity > 0 else Side.SELL
    bought = [quote(1, 6), intent(1, side, abs(quantity)), quote(2, 6), quote(9, 7), quote(9, spot, "U")]
    core = trading(terms, script=bought)

    hear(core, quote(11, 999, "U"))

    assert held(core) == 0
    assert core.portfolio.realised_pnl(ONE) == quantity * (worth - 6) * 100
    assert core.portfolio.cash == 1_000_000 + quantity * (worth - 6) * 100


def test_an_option_without_a_priced_underlying_is_settled_at_its_own_last_price() -> None:
    core = trading(CALL, script=[quote(1, 6), intent(1, Side.BUY, 1), quote(2, 6), quote(9, 7)])

    hear(core, quote(11, 100, "U"))

    assert core.portfolio.realised_pnl(ONE) == 100


def test_anything_else_that_expires_is_closed_at_its_last_price() -> None:
    core = trading(BOND, script=[quote(1, 90), intent(1, Side.BUY, 10), quote(2, 90), quote(9, 99)])

    hear(core, quote(11, 1, "U"))

    assert held(core) == 0
    assert core.portfolio.cash == 1_000_090


def test_the_last_moment_is_still_traded() -> None:
    core = trading(FUTURE, script=[quote(1, 100), quote(9, 100), intent(9, Side.BUY, 1)])

    filled = of_type(hear(core, quote(10, 101)), OrderFilled)
    settled = of_type(hear(core, quote(10.5, 200, "U")), PositionChanged)

    assert [fill.price for fill in filled] == [Decimal(101)]
    assert [one.quantity for one in settled] == [0]


def test_a_price_of_after_the_expiry_settles_nothing() -> None:
    core = trading(FUTURE, script=[quote(1, 100), intent(1, Side.BUY, 1), quote(2, 100)])

    hear(core, quote(11, 500))

    assert core.portfolio.realised_pnl(ONE) == 0


# --- orders -----------------------------------------------------------------------------------------


def test_orders_in_an_expired_instrument_are_denied() -> None:
    core = trading(FUTURE, script=[quote(1, 100), quote(11, 100)])

    denied = of_type(hear(core, intent(11, Side.BUY, 1)), OrderDenied)

    assert [(one.rule, one.limit) for one in denied] == [("expired", str(LAST))]
    assert denied[0].reason.startswith("X has expired")


def test_working_orders_end_with_the_instrument() -> None:
    core = trading(FUTURE, script=[quote(1, 100), intent(1, Side.BUY, 1, limit="50")])

    derived = hear(core, quote(11, 40))

    assert [one.reason for one in of_type(derived, OrderExpired)] == ["the instrument expired"]
    assert of_type(derived, OrderFilled) == []
    assert core.orders.open_orders(ONE, None) == ()
    assert not [one for one in of_type(derived, ExecutionReport) if one.kind is ExecutionKind.CANCEL_REJECTED]


def test_orders_that_wait_for_another_end_with_the_instrument() -> None:
    entry = intent(1, Side.BUY, 1, limit="50")
    core = trading(FUTURE, script=[quote(1, 100), entry, intent(1, Side.SELL, 1, key="exit", parent="o")])

    derived = hear(core, quote(11, 40))

    assert [one.client_order_id for one in of_type(derived, OrderCancelled)] == ["exit"]
    assert [one.client_order_id for one in of_type(derived, OrderExpired)] == ["o"]
    assert core.orders.open_orders(ONE, None) == ()


def test_an_order_that_arrives_after_the_expiry_is_rejected() -> None:
    slow = SimulatedBrokerConfig(latency=ModelConfig("constant", {"delay_ms": 2000}))
    core = trading(FUTURE, slow, script=[quote(1, 100), quote(9, 100), intent(9, Side.BUY, 1)])

    derived = hear(core, quote(12, 100))

    assert [one.reason for one in of_type(derived, OrderRejected)] == ["the instrument expired"]
    assert held(core) == 0


# --- timers -----------------------------------------------------------------------------------------


def test_an_instrument_that_does_not_expire_has_no_timer() -> None:
    core = core_with({})
    begin(core)

    derived = hear(core, InstrumentDefined(0, "X"), quote(1, 100))

    assert of_type(derived, TimerScheduled) == []


def test_terms_said_again_do_not_settle_again() -> None:
    core = trading(FUTURE, script=[quote(1, 100), quote(11, 100)])

    derived = hear(core, msgspec.structs.replace(FUTURE, ts=12 * SECOND), quote(13, 100))

    assert of_type(derived, CorporateAction) == []


def test_a_later_expiry_takes_the_place_of_the_first() -> None:
    core = trading(FUTURE, script=[quote(1, 100), intent(1, Side.BUY, 1), quote(2, 100)])
    hear(core, msgspec.structs.replace(FUTURE, ts=3 * SECOND, expiry_ts=20 * SECOND))

    first, second = hear(core, quote(11, 101)), hear(core, quote(21, 102))

    assert of_type(first, CorporateAction) == []
    assert len(of_type(second, CorporateAction)) == 1


def test_an_expiry_that_is_taken_back_never_comes() -> None:
    core = trading(FUTURE, script=[quote(1, 100), intent(1, Side.BUY, 1), quote(2, 100)])
    hear(core, msgspec.structs.replace(FUTURE, ts=3 * SECOND, expiry_ts=0))

    hear(core, quote(11, 101), quote(21, 102))

    assert held(core) == 1


def test_a_snapshot_before_the_expiry_changes_nothing() -> None:
    bought = [quote(1, 6), intent(1, Side.BUY, 1), quote(2, 6), intent(2, Side.BUY, 1, key="p", limit="1")]
    whole = trading(CALL, script=[*bought, quote(9, 103, "U")])
    taken = snapshot.take(whole.bus)
    other = core_with({"one": scripted()}, symbols=("X", "U"))
    snapshot.put_back(other.bus, taken)

    expected, found = hear(whole, quote(11, 1, "U")), hear(other, quote(11, 1, "U"))

    assert found == expected
    assert of_type(found, PositionChanged)


def test_an_instrument_expires_under_its_new_symbol() -> None:
    core = trading(FUTURE, script=[quote(1, 100), intent(1, Side.BUY, 2), quote(2, 100)])
    hear(core, renamed(3, "X", "Y"))

    settled = hear(core, quote(11, 100, "U"))

    assert [(one.symbol, one.amount) for one in of_type(settled, CorporateAction)] == [("Y", Decimal(100))]
    assert list(core.portfolio.open_symbols()) == []


def test_an_option_follows_its_underlying_to_a_new_symbol() -> None:
    core = trading(CALL, script=[quote(1, 5), quote(1, 100, "U"), intent(1, Side.BUY, 2), quote(2, 5)])
    hear(core, renamed(3, "U", "V"), quote(4, 130, "V"))

    settled = hear(core, quote(11, 131, "V"))

    assert [one.amount for one in of_type(settled, CorporateAction)] == [Decimal(35)]


def renamed(second: float, symbol: str, new_symbol: str) -> CorporateAction:
    kind = CorporateActionKind.SYMBOL_CHANGE
    return CorporateAction(int(second * SECOND), symbol, kind, new_symbol=new_symbol)
