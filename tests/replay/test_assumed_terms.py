"""Instruments that nobody declared: their terms come from their data, and the result says so."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from components.assembly.assumed_terms import assumed_terms
from kernel.errors import ConfigError
from kernel.events import AssetClass
from replay import Backtest, backtest
from replay.arguments import Keys
from strategies.sdk import (
    Bar,
    Decisions,
    Metadata,
    OrderType,
    PlaceOrder,
    Side,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    sell,
    target_position,
)
from tests.eventstore.importing.files import BARS_HEADER, write_lines

COIN = (
    "2024-01-02,0.00000921,0.0000095,0.0000091,0.0000093,1000",
    "2024-01-03,0.0000094,0.0000099,0.0000093,0.0000098,1000",
    "2024-01-04,0.0000098,0.0000100,0.0000097,0.0000099,1000",
)
EURUSD = (
    "2024-01-02,1.09420,1.09460,1.09380,1.09410,0",
    "2024-01-03,1.09451,1.09490,1.09440,1.09470,0",
    "2024-01-04,1.09480,1.09520,1.09460,1.09500,0",
)


class Counted(StrategyState):
    bars: int = 0


class Size(StrategyParams, frozen=True):
    quantity: float = 1.0
    limit: float | None = None
    stop: float | None = None
    trail: float | None = None


class RoundTrip(Strategy[Size, Counted]):
    """Buys after the first bar, sells after the second."""

    metadata = Metadata(name="trip", version="1.0.0")

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        if self.state.bars == 1:
            return buy(bar.symbol, self.params.quantity, limit=self.params.limit)
        if self.state.bars == 2:
            return sell(bar.symbol, self.params.quantity)
        return None


def file_of(folder: Path, symbol: str, rows: Sequence[str]) -> Path:
    return write_lines(folder / f"{symbol.lower()}.csv", [BARS_HEADER, *rows])


def run(
    folder: Path, symbol: str, rows: Sequence[str], quantity: float, instruments: Sequence[Keys] = ()
) -> Backtest:
    return backtest(RoundTrip(quantity=quantity), file_of(folder, symbol, rows), instruments=instruments)


def prices(result: Backtest) -> list[tuple[Decimal, Decimal]]:
    return [(trade.entry_price, trade.exit_price) for trade in result.trades]


@pytest.mark.parametrize(
    ("symbol", "rows", "quantity", "entry", "leave", "profit"),
    [
        ("COIN", COIN, 100_000_000, "0.0000094", "0.0000098", "40.00"),
        ("EURUSD", EURUSD, 50_000, "1.09451", "1.09480", "14.50"),
    ],
)
def test_fills_have_the_prices_of_the_data_and_their_profit_is_exact(
    tmp_path: Path, symbol: str, rows: Sequence[str], quantity: int, entry: str, leave: str, profit: str
) -> None:
    result = run(tmp_path, symbol, rows, quantity)

    assert prices(result) == [(Decimal(entry), Decimal(leave))]
    assert result.metrics.final_equity == 100_000 + Decimal(profit)


@pytest.mark.parametrize(
    ("symbol", "price", "tick"),
    [("SHIB", "0.00003", "0.00001"), ("GBPUSD", "1.55089", "0.00001"), ("AAPL", "0.147321", "0.000001")],
)
def test_a_price_finer_than_a_cent_is_filled_as_it_is(
    tmp_path: Path, symbol: str, price: str, tick: str
) -> None:
    rows = [f"2024-01-0{day},{price},{price},{price},{price},1" for day in (2, 3, 4)]

    result = run(tmp_path, symbol, rows, 1_000)

    assert prices(result) == [(Decimal(price), Decimal(price))]
    assert f"tick {tick}" in result.result.assumed[0]


def test_a_split_adjusted_history_grows_as_its_prices_do(tmp_path: Path) -> None:
    first, last = "0.147321", "2.990616"
    days = ((2, first), (3, first), (4, last))
    rows = [f"2024-01-0{day},{price},{price},{price},{price},1" for day, price in days]

    (trade,) = run(tmp_path, "AAPL", rows, 100_000).trades

    assert trade.exit_price / trade.entry_price == Decimal(last) / Decimal(first)  # 20.3 times


def test_a_limit_between_two_cents_fills_where_it_stands(tmp_path: Path) -> None:
    rows = [EURUSD[0], "2024-01-03,1.09470,1.09490,1.0940,1.09470,0", EURUSD[2]]

    result = backtest(RoundTrip(quantity=1_000.0, limit=1.0943), file_of(tmp_path, "EURUSD", rows))

    assert prices(result) == [(Decimal("1.0943"), Decimal("1.0948"))]


class Stops(Strategy[Size, Counted]):
    """Buys after the first bar with a stop and a trailing stop behind it."""

    metadata = Metadata(name="stops", version="1.0.0")

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        if self.state.bars > 1:
            return None
        exits = PlaceOrder(
            bar.symbol, Side.SELL, 1, order_type=OrderType.TRAILING_STOP, trail_amount=self.params.trail
        )
        if self.params.stop is not None:
            exits = PlaceOrder(
                bar.symbol, Side.SELL, 1, order_type=OrderType.STOP, stop_price=self.params.stop
            )
        return [buy(bar.symbol, 1), exits]


@pytest.mark.parametrize(("params", "price"), [(Size(stop=1.0944), "1.0944"), (Size(trail=0.0003), "1.0946")])
def test_stops_and_trails_are_on_the_tick_of_the_data(tmp_path: Path, params: Size, price: str) -> None:
    rows = [EURUSD[0], EURUSD[1], "2024-01-04,1.09480,1.09480,1.09300,1.09310,0"]
    data = file_of(tmp_path, "EURUSD", rows)

    result = backtest(Stops(stop=params.stop, trail=params.trail), data, risk={"allow_short": True})

    assert [trade.exit_price for trade in result.trades] == [Decimal(price)]


# --- what is declared -----------------------------------------------------------------------


def test_a_declared_tick_that_a_price_contradicts_is_refused_with_both(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run(tmp_path, "EURUSD", EURUSD, 1, instruments=[{"symbol": "EURUSD", "tick_size": "0.01"}])

    words = str(caught.value)
    assert "EURUSD: tick_size 0.01" in words
    assert "price 1.0942 at 2024-01-02" in words
    assert "Leave tick_size out" in words


def test_a_declared_tick_coarser_than_a_decimal_is_compared_with_every_price(tmp_path: Path) -> None:
    rows = ["2024-01-02,100.25,100.5,100,100.25,1", "2024-01-03,100.25,100.5,100,100.30,1"]

    with pytest.raises(ConfigError, match=r"price 100\.3 at 2024-01-03"):
        run(tmp_path, "ES", rows, 1, instruments=[{"symbol": "ES", "tick_size": "0.25"}])


def test_a_price_stored_in_four_bytes_does_not_contradict_a_cent(tmp_path: Path) -> None:
    price = "131.4499969482422"
    rows = [f"2024-01-0{day},{price},{price},{price},{price},1" for day in (2, 3, 4)]

    result = run(tmp_path, "AAPL", rows, 1, instruments=[{"symbol": "AAPL", "tick_size": "0.01"}])

    assert prices(result) == [(Decimal("131.45"), Decimal("131.45"))]


@pytest.mark.parametrize("preset", ["crypto_spot", "us_share"])
def test_the_tick_of_a_preset_yields_to_finer_prices(tmp_path: Path, preset: str) -> None:
    terms = {"symbol": "COIN", "like": preset, "calendar": ""}

    result = run(tmp_path, "COIN", COIN, 100_000_000, instruments=[terms])

    assert result.metrics.final_equity == Decimal("100040.00")
    assert result.result.assumed == ("COIN: tick 0.00000001",)


# --- what a symbol and its volumes show -----------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "asset_class", "currency", "lot"),
    [
        ("AAPL", AssetClass.EQUITY, "", "1"),
        ("BRK-B", AssetClass.EQUITY, "", "1"),
        ("DASH", AssetClass.EQUITY, "", "1"),
        ("EURUSD", AssetClass.FX, "USD", "1"),
        ("USD/JPY", AssetClass.FX, "JPY", "1"),
        ("GBPUSD=X", AssetClass.FX, "USD", "1"),
        ("BTC-USD", AssetClass.CRYPTO_SPOT, "USD", "0.00000001"),
        ("BTCUSDT", AssetClass.CRYPTO_SPOT, "USD", "0.00000001"),
        ("ETHBTC", AssetClass.CRYPTO_SPOT, "BTC", "0.00000001"),
        ("SHIBUSD", AssetClass.CRYPTO_SPOT, "USD", "0.00000001"),
    ],
)
def test_a_symbol_shows_class_currency_and_lot(
    symbol: str, asset_class: AssetClass, currency: str, lot: str
) -> None:
    terms = assumed_terms(symbol, ())

    assert (terms.asset_class, terms.currency, terms.lot_size) == (asset_class, currency, Decimal(lot))


def test_volumes_with_decimals_show_a_fractional_lot(tmp_path: Path) -> None:
    rows = [f"2024-01-0{day},40000,40000,40000,40000,12.345" for day in (2, 3, 4)]

    result = run(tmp_path, "BTC", rows, 0.125)

    assert [trade.quantity for trade in result.trades] == [Decimal("0.125")]
    assert result.result.assumed == ("BTC: tick 0.01, lot 0.001, equity in USD",)


def test_volumes_that_were_adjusted_with_the_prices_show_whole_shares(tmp_path: Path) -> None:
    rows = [
        f"2024-01-0{day},3.80915311196,3.80915311196,3.80915311196,3.80915311196,120.5" for day in (2, 3, 4)
    ]

    result = run(tmp_path, "AAPL", rows, 10)

    assert result.result.assumed == ("AAPL: tick 0.00000000001, lot 1, equity in USD",)


# --- quantities that are not whole lots -----------------------------------------------------


def test_a_quantity_cut_to_whole_lots_is_told_with_both_numbers(tmp_path: Path) -> None:
    result = run(tmp_path, "EURUSD", EURUSD, 10.5)

    assert [trade.quantity for trade in result.trades] == [Decimal(10)]
    assert result.result.notes == (
        "2 orders cut to whole lots, first 1-trip-1 of EURUSD: quantity 10.5, cut to 10 (lot 1)",
    )


def test_a_quantity_below_one_lot_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path, "EURUSD", EURUSD, 0.5)

    assert "quantity 0.5 is less than one lot of 1" in result.result.first_problem


class Held(Strategy[Size, Counted]):
    """Wants half a unit."""

    metadata = Metadata(name="held", version="1.0.0")

    def on_bar(self, bar: Bar) -> Decisions:
        return target_position(bar.symbol, 0.5)


def test_a_target_below_one_lot_is_refused_instead_of_closing_the_position(tmp_path: Path) -> None:
    result = backtest(Held(), file_of(tmp_path, "A", EURUSD))

    assert "target position 0.5 is less than one lot of 1" in result.result.first_problem
