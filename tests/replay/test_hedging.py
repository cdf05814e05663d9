"""Hedging mode: a strategy that is long and short of a symbol at once, with right values made by hand."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import ComponentError, ConfigError
from kernel.events import (
    AccountMarked,
    AdjustPosition,
    CashFlowKind,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    ExecutionKind,
    ExecutionReport,
    FlattenPositions,
    OrderApproved,
    OrderCancelled,
    OrderDenied,
    OrderOrigin,
    PauseStrategy,
    PositionChanged,
    PositionSide,
    RiskLimitBreached,
)
from kernel.identifiers import StrategyId
from replay.config import check_config
from replay.testing import Rehearsal
from strategies.sdk import (
    Bar,
    Decision,
    Decisions,
    Metadata,
    OrderFilled,
    OrderUpdate,
    PositionLeg,
    Side,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    one_cancels_other,
    sell,
    target_position,
)
from tests.components.account import money
from tests.replay.account_script import Act, Played, config_of_keys, days, played

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
MARGIN = {"require_cash": False, "allow_short": True}
HEDGE = {"position_mode": "hedging"}
HEDGING: Mapping[str, object] = {"cash": 10_000, "risk": MARGIN, "portfolio": HEDGE}
NETTING: Mapping[str, object] = {"cash": 10_000, "risk": MARGIN}


class Doing(Strategy[StrategyParams, StrategyState]):
    """Does at each close what the close stands for."""

    metadata = Metadata(name="doing")

    def on_bar(self, bar: Bar) -> Decisions:
        return _at(round(bar.close), bar.symbol)


def _at(close: int, symbol: str) -> Decision | None:
    match close:
        case 100:
            return buy(symbol, 10)
        case 110:
            return sell(symbol, 5)
        case 121:
            return sell(symbol, 10, reduce_only=True)
        case 131:
            return buy(symbol, 5, reduce_only=True)
        case 141:
            return buy(symbol, 10, stop_loss=90, take_profit=200)
        case 142:
            return sell(symbol, 10, stop_loss=200, take_profit=90)
        case 151:
            return target_position(symbol, 3)
        case 152:
            return target_position(symbol, -4)
        case 161:
            return sell(symbol, 99, reduce_only=True)
        case 171:
            return buy(symbol, 1, reduce_only=True, stop_loss=90)
        case 172:
            return one_cancels_other(sell(symbol, 1, stop=90), sell(symbol, 1, limit=300, reduce_only=True))
        case _:
            return None


def stage(**more: object) -> Rehearsal:
    return Rehearsal(Doing(), settings={**HEDGING, **more})


def test_a_strategy_holds_a_symbol_long_and_short_at_once() -> None:
    desk = stage()
    desk.bars([100, 110, 120])

    held = desk.strategy.ctx.portfolio
    assert held.long("ABC") == PositionLeg(LONG, *money(10, 100, 1200, 200, 0))
    assert held.short("ABC") == PositionLeg(SHORT, *money(-5, 110, -600, -50, 0))
    assert held.position("ABC") == 5
    assert held.positions() == {"ABC": Decimal(5)}
    assert held.average_price("ABC") is None
    assert [held.unrealised_pnl("ABC"), held.market_value("ABC"), desk.equity] == [*money(150, 600, 10_150)]
    # 10,000 - 1,000 + 550, and margin of 1 for both legs: 10,150 - 1,200 - 600
    assert [held.cash, held.buying_power] == [*money(9_550, 8_350)]


def test_a_reduce_only_order_closes_its_own_leg_alone() -> None:
    desk = stage()
    desk.bars([100, 110, 120, 121, 130, 131, 140])

    held = desk.strategy.ctx.portfolio
    assert held_of(desk) == [(0, 210, 0), (0, -105, 0)]  # sold at 121, bought back at 131
    assert (held.long("ABC").average_price, held.positions()) == (None, {})
    assert [held.realised_pnl("ABC"), desk.equity] == [*money(105, 10_105)]
    assert [(one.side.value, int(one.quantity), one.position_side) for one in desk.fills] == [
        ("buy", 10, LONG),
        ("sell", 5, SHORT),
        ("sell", 10, LONG),
        ("buy", 5, SHORT),
    ]


def test_each_leg_has_its_own_events() -> None:
    desk = stage()
    desk.bars([100, 110, 120, 121, 130])

    changes = [
        (one.position_side, *map(int, (one.quantity, one.cost, one.realised_pnl)))
        for one in desk.all_of(PositionChanged)
    ]
    assert changes == [(LONG, 10, 1000, 0), (SHORT, -5, -550, 0), (LONG, 0, 0, 210)]


def test_a_reduce_only_order_never_exceeds_its_leg() -> None:
    desk = stage()
    desk.bars([100, 110, 161, 170, 170])

    assert quantities(desk) == [0, -5]
    assert [one.quantity for one in desk.fills] == [10, 5, 10]
    assert [one.leaves_quantity for one in desk.all_of(OrderCancelled)] == [89]


def test_an_order_that_closes_a_leg_needs_that_leg() -> None:
    desk = stage()
    desk.bars([100, 131, 140])

    assert [one.rule for one in desk.all_of(OrderDenied)] == ["reduce_only"]


@pytest.mark.parametrize(("price", "long", "short"), [(89.0, 0, 0), (201.0, 0, 0), (150.0, 10, -10)])
def test_the_exits_attached_to_an_order_close_the_leg_that_it_opened(
    price: float, long: int, short: int
) -> None:
    """A long leg with a stop at 90 and a profit at 200, and a short leg with the opposite exits."""
    desk = stage()
    desk.bars([141, 142, 145, price])

    assert quantities(desk) == [long, short]
    assert all(order.reduce_only for order in desk.orders if order.parent_id)


def test_a_target_is_one_of_the_net_position() -> None:
    """Net 5 of 10 long and 5 short: 3 sells 2 of the long leg; -4 then sells its rest and no more."""
    desk = stage()
    desk.bars([100, 110, 151, 152, 155, 151, 155])

    orders = [(one.side.value, int(one.quantity), one.reduce_only) for one in desk.orders]
    assert orders == [
        ("buy", 10, False),
        ("sell", 5, False),
        ("sell", 2, True),
        ("sell", 7, True),
        ("buy", 5, True),
        ("buy", 2, False),
    ]
    assert desk.position() == 3


def test_orders_that_make_no_sense_with_legs_are_refused_with_a_sentence() -> None:
    desk = stage()
    desk.bars([171, 172])

    assert desk.refused == [
        "in hedging mode a reduce_only order opens nothing that exits could close",
        "one cancels other: in hedging mode the orders of one side are all reduce_only, or none of them; "
        "got both",
    ]


def test_netting_mode_has_no_legs() -> None:
    desk = Rehearsal(Doing(), settings=NETTING)
    desk.bars([100, 110])

    with pytest.raises(ComponentError, match="position_mode: hedging"):
        desk.strategy.ctx.portfolio.long("ABC")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"risk": {}}, "hedging needs a margin account that may sell short"),
        ({"risk": {"allow_short": True}}, "risk.require_cash: false and risk.allow_short: true"),
        (
            {"portfolio": {"position_mode": "hedging", "account_type": "cash"}},
            "a short leg is never paid in full",
        ),
        ({"broker": {"lacks": ["reduce_only"]}}, "they say which leg they close"),
        ({"signals": {}}, "a plan of signals has one net position"),
        (
            {"risk": {**MARGIN, "continuous": [{"kind": "stop_loss", "limit": "0.1", "action": "flatten"}]}},
            "attach stop_loss or take_profit to orders",
        ),
    ],
)
def test_settings_that_count_one_net_position_are_refused(keys: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        check_config(config_of_keys({**HEDGING, **keys}))


# --- the account ------------------------------------------------------------------------------------

MARGINABLE = {"symbol": "A", "margin_rate": "0.5", "maintenance_margin_rate": "0.25"}


async def test_both_legs_need_margin_and_a_call_closes_both() -> None:
    """Long 100 and short 80, bought and sold at 100 from 10,000: at 330 the equity is 14,600.

    The legs are worth 33,000 and 26,400, so they need 14,850. The net of 20 would need 1,650.
    """
    acts = (Act(1, "buy", "A", "100"), Act(1, "sell", "A", "80"))
    market = days("A", 100, 100, 330, "330/331", 331)

    run = await played({**HEDGING, "instruments": [MARGINABLE]}, *acts, a=market)
    netted = await played({**NETTING, "instruments": [MARGINABLE]}, *acts, a=market)

    breached = [one for one in run.of(RiskLimitBreached) if not one.is_rearmed]
    assert [(one.rule, one.limit, one.value) for one in breached] == [
        ("maintenance_margin", "14850", "14600")
    ]
    closing = [(one.order.side.value, str(one.order.quantity), one.order.reduce_only) for one in exits(run)]
    assert closing == [("sell", "100", True), ("buy", "80", True)]
    assert run.of(AccountMarked)[-1].equity == run.of(AccountMarked)[-1].cash == 14_600
    assert netted.of(RiskLimitBreached) == []


async def test_exposure_is_that_of_both_legs() -> None:
    acts = (Act(1, "buy", "A", "10"), Act(1, "sell", "A", "4"))

    run = await played(HEDGING, *acts, a=days("A", 100, 100, 120))

    assert [(int(one.exposure), int(one.equity)) for one in run.of(AccountMarked)] == [
        (0, 10_000),
        (1_400, 10_000),
        (1_680, 10_120),
    ]


async def test_a_run_lists_the_trades_and_the_open_lots_of_each_leg() -> None:
    acts = (
        *(Act(1, "buy", "A", "10"), Act(1, "sell", "A", "5"), Act(2, "close_long", "A", "4")),
        Act(3, "close_short", "A", "5"),
    )

    run = await played(HEDGING, *acts, a=days("A", 100, 110, 120, 130, 140))

    trades = [(one.side.value, str(one.quantity), str(one.pnl)) for one in run.result.trades]
    assert trades == [("buy", "4", "40.00"), ("sell", "5", "-100.00")]
    open_lots = [(one.side.value, str(one.quantity)) for one in run.result.open_lots]
    assert open_lots == [("buy", "6")]


async def test_limits_on_a_position_hold_for_each_leg() -> None:
    risk = {**MARGIN, "max_position_quantity": 10, "locate_quantity": {"A": 8}}
    acts = (
        *(Act(1, "buy", "A", "10"), Act(1, "sell", "A", "8"), Act(2, "buy", "A", "1")),
        *(Act(2, "sell", "A", "1"), Act(2, "close_long", "A", "3"), Act(3, "buy", "A", "3")),
    )

    run = await played({**HEDGING, "risk": risk}, *acts, a=days("A", 100, 100, 100, 100, 100))

    denied = [(one.rule, one.order.side.value, one.value) for one in run.of(OrderDenied)]
    assert denied == [("max_position_quantity", "buy", "11"), ("locate_quantity", "sell", "9")]
    assert len(run.of(OrderFilled)) == 4


async def test_orders_of_the_same_terms_for_two_legs_are_no_duplicates() -> None:
    risk = {**MARGIN, "duplicate_window_s": 60}
    acts = (
        Act(1, "sell", "A", "5"),
        Act(2, "position", "A", "5"),
        Act(3, "buy", "A", "5"),
        Act(3, "buy", "A", "5"),
    )

    run = await played({**HEDGING, "risk": risk}, *acts, a=days("A", 100, 100, 100, 100, 100))

    assert [one.rule for one in run.of(OrderDenied)] == ["duplicate_window_s"]
    sides = [(one.position_side, str(one.quantity)) for one in run.of(OrderFilled)]
    assert sides == [(SHORT, "5"), (SHORT, "5"), (LONG, "5"), (LONG, "5")]


async def test_a_leg_that_hedges_another_needs_its_own_initial_margin() -> None:
    """10,000 pay for a long leg of 60 at 100 and a short one of 40, and for no unit more."""
    acts = (Act(1, "buy", "A", "60"), Act(1, "sell", "A", "40"), Act(2, "sell", "A", "1"))

    run = await played(HEDGING, *acts, a=days("A", 100, 100, 100, 100))

    assert [(one.rule, one.limit, one.value) for one in run.of(OrderDenied)] == [
        ("require_margin", "0.00", "100.0")
    ]


def exits(run: Played) -> list[OrderApproved]:
    return [one for one in run.of(OrderApproved) if one.order.origin is OrderOrigin.RISK]


async def test_legs_of_an_inverse_contract_are_booked_and_margined_in_the_coin() -> None:
    """10 long and 4 short contracts of 100 at 100: at 125 the long leg has gained 1000/100 - 1000/125 = 2."""
    perpetual = {
        "symbol": "A",
        "asset_class": "perpetual",
        "currency": "BTC",
        "multiplier": 100,
        "is_inverse": True,
        "margin_rate": "0.5",
    }
    config = {**HEDGING, "instruments": [perpetual], "portfolio": {**HEDGE, "currency": "BTC"}}
    acts = (Act(1, "buy", "A", "10"), Act(1, "sell", "A", "4"))

    run = await played(config, *acts, a=days("A", 100, 100, 125))

    last = run.of(AccountMarked)[-1]
    assert [float(last.equity), float(last.exposure)] == [10_000 + 2 - 0.8, 8 + 3.2]


# --- what happens to both legs ----------------------------------------------------------------------


def quantities(desk: Rehearsal) -> list[float]:
    """Of the long and of the short leg."""
    return [quantity for quantity, _, _ in held_of(desk)]


def now_of(desk: Rehearsal) -> int:
    return desk.strategy.ctx.now


def held_of(desk: Rehearsal) -> list[tuple[float, float, float]]:
    """Quantity, realised and unrealised P&L of the long and of the short leg."""
    view = desk.strategy.ctx.portfolio
    return [
        (float(leg.quantity), float(leg.realised_pnl or 0), float(leg.unrealised_pnl or 0))
        for leg in (view.long("ABC"), view.short("ABC"))
    ]


def test_a_split_restates_each_leg_and_pays_its_own_fraction() -> None:
    """1 for 4: 10 become 2 and a half, sold for 240 at a cost of 200; 5 short become 1 and a quarter."""
    desk = stage()
    desk.bars([100, 110, 120])
    paid = desk.feed(
        CorporateAction(now_of(desk) + 1, "ABC", CorporateActionKind.SPLIT, ratio=Decimal("0.25"))
    )

    cash = [(one.position_side, float(one.amount)) for one in paid if isinstance(one, CashMoved)]
    assert cash == [(LONG, 240), (SHORT, -120)]
    # of the long leg's cost of 1,000 are left 800 for 2 at 480; of the short one's 550, 440 for 1
    assert held_of(desk) == [(2, 40, 160), (-1, -10, -40)]
    assert desk.equity == 10_150


def test_the_pnl_of_a_day_is_that_of_both_legs() -> None:
    """From a close of 120 to one of 125, with 10 long and 5 short."""
    desk = Rehearsal(Counting(), settings=HEDGING)
    desk.bars([100, 110, 120, 125])

    assert [one.figures[0].exact for one in desk.logged][-1] == 25


class Counting(Doing):
    """Logs the P&L of each day."""

    metadata = Metadata(name="counting", features=("day_pnl",))

    def on_bar(self, bar: Bar) -> Decisions:
        self.ctx.log("day", pnl=self.ctx.portfolio.day_pnl(bar.symbol))
        return super().on_bar(bar)


def test_a_dividend_is_paid_on_the_net_of_both_legs() -> None:
    desk = stage()
    desk.bars([100, 110, 120])
    desk.feed(CorporateAction(now_of(desk) + 1, "ABC", CorporateActionKind.DIVIDEND, amount=Decimal(2)))

    assert [float(one.amount) for one in desk.all_of(CashMoved)] == [10]  # 10 * 2 - 5 * 2


def test_a_delisting_closes_both_legs_at_its_price() -> None:
    desk = stage()
    desk.bars([100, 110, 120])
    desk.feed(CorporateAction(now_of(desk) + 1, "ABC", CorporateActionKind.DELISTING, amount=Decimal(50)))

    assert held_of(desk) == [(0, -500, 0), (0, 300, 0)]
    assert desk.equity == 9_800


def test_the_fee_for_borrowing_is_for_the_whole_short_leg() -> None:
    """5 short at 110 and then 120, at 36 % a year of 360 days, whatever is held long."""
    desk = stage(
        instruments=[{"symbol": "ABC", "borrow_rate": "0.36"}],
        broker={"financing": {"borrow_day_count": 360}},
    )
    desk.bars([100, 110, 120, 125])

    fees = [one for one in desk.all_of(CashMoved) if one.kind is CashFlowKind.BORROW_FEE]
    assert [(one.position_side, float(one.amount)) for one in fees] == [(SHORT, -0.6)]


def test_a_busted_fill_changes_the_leg_of_its_order() -> None:
    desk = stage()
    desk.bars([100, 110, 120])
    fill = desk.fills[0]
    desk.feed(
        ExecutionReport(
            now_of(desk), ExecutionKind.FILL_BUSTED, fill.client_order_id, "ABC", fill_id=fill.fill_id
        )
    )

    assert held_of(desk) == [(0, 0, 0), (-5, 0, -50)]
    assert desk.equity == 9_950


def test_an_operator_flattens_both_legs() -> None:
    desk = stage()
    desk.bars([100, 110, 120])
    desk.feed(FlattenPositions(now_of(desk), "anna"))
    desk.bar(130, opened=130)

    assert held_of(desk) == [(0, 300, 0), (0, -100, 0)]


def test_an_operator_sets_one_leg() -> None:
    desk = stage()
    desk.bars([100, 110, 120])
    name = StrategyId("doing")
    desk.feed(AdjustPosition(now_of(desk), "anna", name, "ABC", Decimal(-7), Decimal(-770), "transfer"))
    desk.feed(
        AdjustPosition(now_of(desk), "anna", name, "ABC", Decimal(0), Decimal(0), "sold elsewhere", LONG)
    )

    assert held_of(desk) == [(0, 0, 0), (-7, 0, -70)]


def test_a_paused_strategy_may_close_its_legs_and_open_none() -> None:
    """A pause lets decisions of updates through: here two of a fill, one of each kind."""
    desk = Rehearsal(Answering(), settings=HEDGING)
    desk.bars([100])
    desk.feed(PauseStrategy(now_of(desk), "anna", StrategyId("answering")))
    desk.bars([110, 120])

    assert desk.refused == ["the strategy is paused: only orders that close its position go out"]
    assert quantities(desk) == [6, 0]


class Answering(Strategy[StrategyParams, StrategyState]):
    """Buys 10, and answers the fill with a hedge and with a partial exit."""

    metadata = Metadata(name="answering")

    def on_bar(self, bar: Bar) -> Decisions:
        return buy(bar.symbol, 10) if self.ctx.portfolio.position(bar.symbol) == 0 else None

    def on_order_update(self, update: OrderUpdate) -> Decisions:
        if isinstance(update, OrderFilled) and update.side is Side.BUY:
            return [sell(update.symbol, 5), sell(update.symbol, 4, reduce_only=True)]
        return None


# --- the same fills in both modes -------------------------------------------------------------------


@given(
    prices=st.lists(st.integers(50, 200), min_size=6, max_size=6),
    sizes=st.lists(st.integers(-40, 40), min_size=5, max_size=5),
)
def test_the_same_fills_give_the_same_equity_in_both_modes(prices: list[int], sizes: list[int]) -> None:
    """Without margin and fees only the split into legs differs. Their P&L adds up to the change of equity."""
    acts = [
        Act(bar, "buy" if size > 0 else "sell", "A", str(abs(size)))
        for bar, size in enumerate(sizes, start=1)
        if size
    ]
    free = {"risk": {**MARGIN, "require_margin": False}}

    hedged = asyncio.run(played({**HEDGING, **free}, *acts, a=days("A", *prices)))
    netted = asyncio.run(played({**NETTING, **free}, *acts, a=days("A", *prices)))

    equity = [one.equity for one in hedged.of(AccountMarked)]
    assert equity == [one.equity for one in netted.of(AccountMarked)]
    legs = {one.position_side: one for one in hedged.of(PositionChanged)}
    last = Decimal(prices[-1])
    gained = sum((one.realised_pnl + one.quantity * last - one.cost for one in legs.values()), Decimal(0))
    assert equity[-1] == 10_000 + gained
    assert all(one.realised_pnl == 0 for one in legs.values())
