"""What ``backtest`` returns, as notebooks show it: frames, a figure, a table and one line."""

import msgspec
import numpy as np
import pandas as pd
import pytest

from kernel.errors import InputError
from replay import Backtest, backtest
from strategies.buy_and_hold import BuyAndHold
from strategies.ma_cross import MovingAverageCross
from strategies.sdk import Bar, Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy
from tests.replay.frames import days_frame, untyped

CROSS = MovingAverageCross(fast=3, slow=8, quantity=10)


class Dreamer(Strategy[StrategyParams, StrategyState]):
    """Wants more than it can pay for, then sets a limit that is never reached."""

    metadata = Metadata(name="dreamer")

    def on_bar(self, bar: Bar) -> Decisions:
        return buy(bar.symbol, 10_000_000 if bar.close > 100 else 1, limit=0.01, tag="dream")


class Talker(Strategy[StrategyParams, StrategyState]):
    """Logs a figure of the size of the price, and one of another size."""

    metadata = Metadata(name="talker")

    def on_bar(self, bar: Bar) -> Decisions:
        self.ctx.log("seen", average=(bar.high + bar.low) / 2, score=0.001)
        return None


class Failing(Strategy[StrategyParams, StrategyState]):
    """Fails on every bar."""

    metadata = Metadata(name="failing")

    def on_bar(self, bar: Bar) -> Decisions:
        raise ValueError(f"<b>{bar.symbol}</b>")


@pytest.fixture(scope="module")
def done() -> Backtest:
    return backtest(CROSS, {"A": days_frame()}, cash=50_000, broker={"commission_per_share": "0.01"})


def test_trades_are_rows_with_aware_times(done: Backtest) -> None:
    frame = untyped(done.trades_frame())

    first = done.trades[0]
    assert len(frame) == len(done.trades) + len(done.result.open_lots)
    assert str(frame["entry_time"].dtype) == str(frame["exit_time"].dtype) == "datetime64[ns, UTC]"
    assert frame["exit_time"].iloc[0].value == first.exit_ts
    assert frame["net_pnl"].iloc[0] == float(first.net_pnl)
    assert frame["duration"].iloc[0].value == first.duration_ns


def test_open_lots_are_the_last_rows_and_have_no_exit(done: Backtest) -> None:
    frame = untyped(done.trades_frame())

    still_open = frame[frame["exit_time"].isna()]
    assert list(still_open["quantity"]) == [float(lot.quantity) for lot in done.result.open_lots]
    assert still_open["pnl"].isna().all()
    assert set(still_open["currency"]) == {"USD"}
    orders = untyped(done.orders_frame()).set_index("order")
    assert list(orders.loc[still_open["entry_order"], "symbol"]) == list(still_open["symbol"])


def test_equity_is_a_series_by_aware_times(done: Backtest) -> None:
    equity = untyped(done.equity)

    assert str(equity.index.dtype) == "datetime64[ns, UTC]"
    assert list(equity) == list(done.result.equity.equity)
    assert (done.start, done.end) == (equity.index[0], equity.index[-1])


def test_the_drawdown_beside_the_equity_is_that_of_the_figures(done: Backtest) -> None:
    frame = untyped(done.equity_frame())

    assert frame["drawdown"].min() == done.metrics.max_drawdown
    assert np.allclose(frame["equity"], frame["cash"] + frame["exposure"])


def test_fills_and_orders_agree(done: Backtest) -> None:
    fills, orders = untyped(done.fills_frame()), untyped(done.orders_frame()).set_index("order")

    assert len(fills) == done.result.fills
    assert len(orders) == done.result.orders
    by_order = fills.groupby("order")
    assert dict(by_order["quantity"].sum()) == dict(orders["filled_quantity"])
    assert dict(by_order["price"].mean()) == dict(orders["average_price"])
    assert set(orders["status"]) == {"filled"}
    assert fills["commission"].sum() == pytest.approx(float(done.metrics.fees))


def test_orders_that_came_to_nothing_are_listed_with_their_reason() -> None:
    done = backtest(Dreamer, {"A": days_frame(40)})

    orders = untyped(done.orders_frame())
    assert {"accepted", "denied"} <= set(orders["status"])
    assert orders[orders["status"] == "denied"]["reason"].str.len().gt(0).all()
    assert set(orders["tag"]) == {"dream"}
    assert orders["average_price"].isna().all()


def test_frames_without_rows_have_their_columns() -> None:
    done = backtest(CROSS, {"A": days_frame(5)})

    for frame in (untyped(done.trades_frame()), untyped(done.orders_frame()), untyped(done.fills_frame())):
        assert len(frame) == 0
        assert {"strategy", "symbol", "side", "quantity"} <= set(frame.columns)


def test_figures_are_rows_by_strategy() -> None:
    done = backtest([CROSS, BuyAndHold(fraction=0.3)], {"A": days_frame()})

    figures = untyped(done.figures)
    assert list(figures.index) == ["ma_cross", "buy_and_hold"]
    assert figures.loc["ma_cross", "fees"] == 0.0
    assert figures.loc["ma_cross", "trades"] == done.result.by_strategy[0].trades.trade_count


def test_figures_are_rows_by_symbol_too() -> None:
    done = backtest(CROSS, {"A": days_frame(), "B": days_frame(seed=7)})

    figures = untyped(done.symbol_figures)
    assert sorted(figures.index) == ["A", "B"]
    assert figures["trades"].sum() == len(done.trades)


def test_the_plot_has_price_marks_equity_and_drawdown(done: Backtest) -> None:
    figure = untyped(done.plot())

    names = [trace.name for trace in figure.data]
    assert names[0] == "A"
    assert {"Long entry", "Equity", "Drawdown"} <= set(names)
    entries = next(trace for trace in figure.data if trace.name == "Long entry")
    assert len(entries.x) == len(done.trades) + len(done.result.open_lots)


def test_the_plot_has_candles_the_benchmark_and_logged_figures() -> None:
    done = backtest(Talker, {"A": days_frame()}, benchmark=days_frame(seed=7))

    figure = untyped(done.plot(log_scale=True))

    traces = {trace.name: trace for trace in figure.data}
    assert traces["A"].type == "candlestick"
    assert len(traces["A"].x) == len(days_frame())
    assert traces["Benchmark"].y[-1] == untyped(done.result.benchmark).value[-1]
    assert traces["average"].yaxis == traces["A"].yaxis, "of the size of the price: drawn on it"
    assert traces["score"].yaxis not in (traces["A"].yaxis, traces["Equity"].yaxis)
    assert figure.layout.yaxis.type == "log"


def test_the_plot_is_of_the_symbol_that_is_named() -> None:
    done = backtest(CROSS, {"A": days_frame(), "B": days_frame(seed=7)})

    assert untyped(done.plot("B")).data[0].name == "B"
    with pytest.raises(InputError, match="symbol: there is no 'b'; there are: A, B"):
        done.plot("b")


def test_one_line_says_what_ran_and_what_it_gave(done: Backtest) -> None:
    line = repr(done)

    assert line.startswith("<Backtest ma_cross on A; 2004-01-01 to 2004-07-18; return ")
    assert line.endswith(f"; {len(done.trades)} trades>")


def test_the_table_of_a_notebook_has_every_line_of_the_command(done: Backtest) -> None:
    table = untyped(done)._repr_html_()

    assert all(name in table for name in ("Final equity", "Max drawdown", "Sharpe", "Digest"))
    assert "Failed" not in table


def test_a_failed_run_is_marked_and_its_text_is_escaped() -> None:
    with pytest.warns(UserWarning, match="failing failed on Bar"):
        done = backtest(Failing, {"A": days_frame(20)}, on_failure="warn")

    assert "FAILED: run.failing.1: its figures cannot be relied on" in repr(done)
    assert "<b>Failed.</b>" in untyped(done)._repr_html_()
    assert "&lt;b&gt;A&lt;/b&gt;" in untyped(done)._repr_html_()
    assert "failed: do not rely on it" in untyped(done.plot()).layout.title.text


def test_a_run_without_a_fill_is_marked_with_the_reason() -> None:
    done = backtest(Dreamer(), {"A": days_frame(20)}, risk={"max_order_quantity": 0.5})

    table = untyped(done)._repr_html_()
    assert "<b>Problems.</b> no order was filled: 20 were denied; first: 1-dreamer-1 of A denied: " in table


def test_results_can_be_sent_to_another_process(done: Backtest) -> None:
    """As a pool of processes does that runs one backtest in each."""
    import pickle

    again = pickle.loads(pickle.dumps(done))

    pd.testing.assert_frame_equal(untyped(again.trades_frame()), untyped(done.trades_frame()))
    assert msgspec.json.encode(again.metrics) == msgspec.json.encode(done.metrics)
