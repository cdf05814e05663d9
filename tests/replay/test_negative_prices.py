"""Orders at prices of 0 and below, for instruments whose data or terms have them."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from replay import Backtest, backtest
from strategies.sdk import (
    Bar,
    ClientOrderId,
    Decisions,
    EquityPercent,
    Metadata,
    Notional,
    OrderType,
    PlaceOrder,
    Replace,
    Side,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    sell,
    target_weight,
)
from tests.eventstore.importing.files import BARS_HEADER, write_lines

SPREAD = (
    "2024-01-02,-16,-15.5,-16.5,-16,100",
    "2024-01-03,-16.5,-16,-18,-17.5,100",
    "2024-01-04,-16,-14,-16.5,-14.5,100",
)
FUTURE: dict[str, Any] = {  # keys of onetape.yaml
    "importing": {"symbol": "SPREAD", "allow_nonpositive": True},
    "risk": {"require_cash": False, "allow_short": True},
    "instruments": [{"symbol": "SPREAD", "asset_class": "future", "multiplier": 10, "margin_rate": "0.1"}],
}
TYPES = OrderType


class Counted(StrategyState):
    bars: int = 0


class Which(StrategyParams, frozen=True):
    order: str = "limit"


class Below(Strategy[Which, Counted]):
    """Places one order after the first bar; for ``limit``, sells after the second."""

    metadata = Metadata(name="below", version="1.0.0")

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        if self.state.bars == 2 and self.params.order == "limit":
            return sell(bar.symbol, 1, limit=-15)
        if self.state.bars == 2 and self.params.order == "replaced":
            return Replace(ClientOrderId("1-below-1"), limit_price=-16)
        if self.state.bars > 1:
            return None
        return _first(self.params.order, bar.symbol)


def _first(order: str, symbol: str) -> Decisions:
    match order:
        case "limit":
            return buy(symbol, 1, limit=-17)
        case "replaced":
            return buy(symbol, 1, limit=-30)
        case "stop":
            return PlaceOrder(symbol, Side.SELL, 1, order_type=TYPES.STOP, stop_price=-17)
        case "stop_limit":
            return PlaceOrder(
                symbol, Side.SELL, 1, order_type=TYPES.STOP_LIMIT, stop_price=-17, limit_price=-17.5
            )
        case "touched":
            return PlaceOrder(symbol, Side.BUY, 1, order_type=TYPES.MARKET_IF_TOUCHED, stop_price=-17)
        case "trailing":
            return PlaceOrder(symbol, Side.SELL, 1, order_type=TYPES.TRAILING_STOP, trail_amount=1)
        case "notional":
            return buy(symbol, Notional(1_600))
        case "percent":
            return buy(symbol, EquityPercent(1.6))
        case "weight":
            return target_weight(symbol, 0.016)
        case _:
            raise AssertionError(order)


def run(folder: Path, order: str, **settings: Any) -> Backtest:  # Any: arguments of backtest
    data = write_lines(folder / "spread.csv", [BARS_HEADER, *SPREAD])
    return backtest(Below(order=order), data, **{**FUTURE, **settings})


def entries(result: Backtest) -> list[tuple[Decimal, Decimal]]:
    closed = [(trade.quantity, trade.entry_price) for trade in result.trades]
    return closed + [(abs(lot.quantity), lot.entry_price) for lot in result.result.open_lots]


def test_limits_below_zero_buy_and_sell_with_an_exact_profit(tmp_path: Path) -> None:
    result = run(tmp_path, "limit")

    assert result.result.refused == 0
    (trade,) = result.trades
    assert (trade.entry_price, trade.exit_price) == (Decimal(-17), Decimal(-15))
    assert result.metrics.final_equity == 100_020


@pytest.mark.parametrize(
    ("order", "price"),
    [
        ("stop", "-17"),
        ("stop_limit", "-17"),
        ("touched", "-17"),
        ("trailing", "-17"),
        ("replaced", "-16"),
    ],
)
def test_every_type_of_order_works_below_zero(tmp_path: Path, order: str, price: str) -> None:
    assert entries(run(tmp_path, order)) == [(Decimal(1), Decimal(price))]


@pytest.mark.parametrize("order", ["notional", "percent", "weight"])
def test_sizes_by_value_use_the_price_without_its_sign(tmp_path: Path, order: str) -> None:
    assert entries(run(tmp_path, order)) == [(Decimal(10), Decimal("-16.5"))]  # 1,600 at 16 times 10


def test_a_price_collar_is_in_basis_points_of_the_price_without_its_sign(tmp_path: Path) -> None:
    narrow = {"require_cash": False, "allow_short": True, "stop_collar_bps": 500}
    wide = {"require_cash": False, "allow_short": True, "stop_collar_bps": 700}

    assert run(tmp_path, "stop", risk=narrow).result.denied == 1
    assert run(tmp_path, "stop", risk=wide).result.denied == 0


def test_slippage_and_commission_are_costs_below_zero_too(tmp_path: Path) -> None:
    costs = {"slippage_bps": 100, "commission_rate": "0.01"}

    result = run(tmp_path, "notional", broker=costs)

    (lot,) = result.result.open_lots
    assert lot.entry_price == Decimal("-16.34")  # 16.5 less 1 %, on the tick: the buyer is paid less
    assert result.metrics.fees > 0


def test_an_instrument_may_say_so_and_a_share_may_not(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "a.csv", [BARS_HEADER, *[f"2024-01-0{day},1,1,1,1,9" for day in (2, 3, 4)]])
    terms = {"symbol": "A", "allow_negative_prices": True}

    refused = backtest(Below(order="limit"), data, risk={"allow_short": True})
    taken = backtest(Below(order="limit"), data, risk={"allow_short": True}, instruments=[terms])

    assert "price -17 is not positive" in refused.result.first_problem
    assert taken.result.refused == 0
