"""Hedging mode: a strategy that is long and short of a symbol at once, with right values made by hand."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from kernel.errors import ComponentError, ConfigError
from kernel.events import (
    OrderCancelled,
    OrderDenied,
    PositionChanged,
    PositionSide,
    Side,
)
from replay.config import check_config
from replay.testing import Rehearsal
from strategies.sdk import (
    Bar,
    Decision,
    Decisions,
    Metadata,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    one_cancels_other,
    sell,
    target_position,
)
from tests.replay.account_script import config_of_keys

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
MARGIN = {"require_cash": False, "allow_short": True}
HEDGING: Mapping[str, object] = {"cash": 10_000, "risk": MARGIN, "portfolio": {"position_mode": "hedging"}}
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
    long, short = held.long("ABC"), held.short("ABC")
    assert (long.quantity, long.average_price, long.unrealised_pnl, long.market_value) == (10, 100, 200, 1200)
    assert (short.quantity, short.average_price, short.unrealised_pnl, short.market_value) == (
        -5,
        110,
        -50,
        -600,
    )
    assert (held.position("ABC"), held.positions(), held.average_price("ABC")) == (5, {"ABC": 5}, None)
    assert (held.unrealised_pnl("ABC"), held.market_value("ABC"), desk.equity) == (150, 600, 10_150)
    # 10,000 - 1,000 + 550, and margin of 1 for both legs: 10,150 - 1,200 - 600
    assert (held.cash, held.buying_power) == (9_550, 8_350)


def test_a_reduce_only_order_closes_its_own_leg_alone() -> None:
    desk = stage()
    desk.bars([100, 110, 120, 121, 130, 131, 140])

    held = desk.strategy.ctx.portfolio
    long, short = held.long("ABC"), held.short("ABC")
    assert (long.quantity, long.realised_pnl, long.average_price) == (0, 210, None)  # sold at 121
    assert (short.quantity, short.realised_pnl) == (0, -105)  # bought back at 131
    assert (held.positions(), held.realised_pnl("ABC"), desk.equity) == ({}, 105, 10_105)
    assert [(one.side, one.quantity, one.position_side) for one in desk.fills] == [
        (Side.BUY, 10, LONG),
        (Side.SELL, 5, SHORT),
        (Side.SELL, 10, LONG),
        (Side.BUY, 5, SHORT),
    ]


def test_each_leg_has_its_own_events() -> None:
    desk = stage()
    desk.bars([100, 110, 120, 121, 130])

    changes = [
        (one.position_side, one.quantity, one.cost, one.realised_pnl) for one in desk.all_of(PositionChanged)
    ]
    assert changes == [(LONG, 10, 1000, 0), (SHORT, -5, -550, 0), (LONG, 0, 0, 210)]


def test_a_reduce_only_order_never_exceeds_its_leg() -> None:
    desk = stage()
    desk.bars([100, 110, 161, 170, 170])

    held = desk.strategy.ctx.portfolio
    assert (held.long("ABC").quantity, held.short("ABC").quantity) == (0, -5)
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

    held = desk.strategy.ctx.portfolio
    assert (held.long("ABC").quantity, held.short("ABC").quantity) == (long, short)
    assert all(order.reduce_only for order in desk.orders if order.parent_id)


def test_a_target_is_one_of_the_net_position() -> None:
    """Net 5 of 10 long and 5 short: 3 sells 2 of the long leg; -4 then sells its rest and no more."""
    desk = stage()
    desk.bars([100, 110, 151, 152, 155, 151, 155])

    orders = [(one.side.value, one.quantity, one.reduce_only) for one in desk.orders]
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
