"""The results of ``backtest``, for notebooks: figures, data frames, charts and the report."""

import html
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from kernel.decimals import exact
from replay import figures
from replay.failures import failure_sentence
from replay.frames import (
    equity_frame,
    figures_frame,
    fills_frame,
    issues_frame,
    orders_frame,
    time_of,
    trades_frame,
)
from replay.order_records import RunOrders
from replay.performance.diagnosis import Finding, diagnose
from replay.performance.journal import JournalEntry
from replay.performance.metrics import Metrics, drawdowns
from replay.performance.trades import RoundTrip
from replay.plots import run_figure
from replay.report import PriceHistory, write_report
from replay.report.pdf import check_pdf, write_pdf
from replay.result_json import strategy_fields, symbol_fields
from replay.results import RunResult
from replay.tables import problems, result_lines, ruin_ts

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_AMBER = "background: #f5b83d; color: #2e2100; padding: 6px 10px; border-radius: 6px"
_STYLE = "text-align: left; padding: 2px 14px 2px 0; border: none"


class Backtest:
    """The results of a finished run.

    - Structs (``metrics``, ``trades``, ``journal``, ``result``) hold exact amounts and times in ns UTC.
    - Data frames (``equity``, ``..._frame()``) hold ``float64`` amounts and UTC-aware times.
    - Rates and returns are fractions: 0.05 is 5 %.
    """

    def __init__(
        self,
        result: RunResult,
        prices: PriceHistory,
        journal: tuple[JournalEntry, ...] = (),
        orders: RunOrders | None = None,
    ) -> None:
        self.result = result
        """Everything that the run recorded, read back from its stream."""
        self.journal = journal
        """Closed round trips in order of exits, with the largest price moves against and for them."""
        self.orders = RunOrders() if orders is None else orders
        """Orders and fills, exact."""
        self._prices = prices

    @property
    def metrics(self) -> Metrics:
        """Return, risk and trade figures."""
        return self.result.metrics

    @property
    def trades(self) -> tuple[RoundTrip, ...]:
        """Closed round trips, oldest first."""
        return self.result.trades

    @cached_property
    def equity(self) -> "pd.Series":
        """Equity at every mark, in the account's currency, by UTC time. The first point is the capital."""
        frame = cast(Any, self.equity_frame())  # pandas has no types
        return frame["equity"]

    @property
    def start(self) -> "pd.Timestamp":
        """The beginning of the first market data, UTC."""
        return time_of(self.result.start_ts)

    @property
    def end(self) -> "pd.Timestamp":
        """The last mark of the account, UTC."""
        return time_of(self.result.end_ts)

    def equity_frame(self) -> "pd.DataFrame":
        """The account at every mark, by ``time``: ``equity``, ``cash``, ``exposure`` and ``drawdown``.

        ``exposure`` is the sum of absolute position values; ``drawdown`` is a fraction of the peak, 0
        or below.
        """
        curve = self.result.equity
        return equity_frame(curve, drawdowns(curve.performance))

    def trades_frame(self) -> "pd.DataFrame":
        """A row for each closed round trip in order of exits, then one for each open lot, without exit.

        ``pnl``, ``commission`` and ``net_pnl`` are in ``currency``; ``return`` is after commission.
        """
        return trades_frame(self.result.trades, self.result.open_lots)

    def orders_frame(self) -> "pd.DataFrame":
        """A row for each order, in order of creation: its terms, and what became of it. Denied ones too."""
        return orders_frame(self.orders.orders)

    def fills_frame(self) -> "pd.DataFrame":
        """A row for each fill, in order of the log."""
        return fills_frame(self.orders.fills)

    @property
    def figures(self) -> "pd.DataFrame":
        """The figures of each strategy: a row for each, with the fields of ``replay --json``."""
        return figures_frame(strategy_fields(self.result), by="strategy")

    @property
    def symbol_figures(self) -> "pd.DataFrame":
        """The figures of each traded symbol: a row for each, with the fields of ``replay --json``."""
        return figures_frame(symbol_fields(self.result), by="symbol")

    @property
    def data_issues(self) -> "pd.DataFrame":
        """What an import found odd in the data of the period: jumps, splits, gaps, runs without volume."""
        return issues_frame(self.result.data_issues)

    def plot(self, symbol: str = "", *, log_scale: bool = False) -> "go.Figure":
        """Candles with entries and exits, logged figures, equity and benchmark, drawdown: a Plotly figure.

        The price is of ``symbol``; without one, of the most traded. ``log_scale`` is of price and equity.
        Raises ``InputError`` for a symbol without prices in the run.
        """
        return run_figure(self.result, self._prices, symbol=symbol, log_scale=log_scale)

    @exact
    def report(self, path: str | Path) -> Path:
        """Write the HTML report; returns its path. Raises ``InputError`` if it cannot be written."""
        return write_report(self.result, Path(path), self._prices, self.journal)

    @exact
    def pdf(self, path: str | Path) -> Path:
        """Print the report into a PDF, by a browser that is found on PATH; returns its path. Blocks.

        Raises ``InputError`` if there is no browser, it fails, or the file cannot be written.
        """
        target = Path(path)
        check_pdf(target)
        with TemporaryDirectory(prefix="onetape-report-") as folder:
            return write_pdf(self.report(Path(folder) / "report.html"), target)

    @property
    @exact
    def diagnosis(self) -> tuple[Finding, ...]:
        """What a careful reader would say about the result, warnings first."""
        return diagnose(self.result)

    @exact
    def __repr__(self) -> str:
        m, result = self.metrics, self.result
        names = ", ".join(one.strategy for one in result.strategies)
        parts = [
            f"{names} on {', '.join(result.symbols[:3])}{', ...' if len(result.symbols) > 3 else ''}",
            figures.period(result.days),
            f"return {figures.percent(m.total_return)}",
            f"max drawdown {figures.percent(m.max_drawdown)}",
            f"{m.trade_count:,} {'trade' if m.trade_count == 1 else 'trades'}",
        ]
        ruined_ts = ruin_ts(result)
        if ruined_ts is not None:
            parts.append(f"ruined {figures.moment(ruined_ts)}")
        failed = f" FAILED: {failure_sentence(result)}" if result.failures else ""
        return f"<Backtest {'; '.join(parts)}{failed}>"

    @exact
    def _repr_html_(self) -> str:
        """The table of the ``replay`` command, for notebooks. A run that failed or had problems is marked."""
        result = self.result
        failed = ""
        if result.failures:
            failed = f"<p style='color: #c8372d'><b>Failed.</b> {html.escape(failure_sentence(result))}</p>"
        elif found := problems(result):
            failed = f"<p style='{_AMBER}'><b>Problems.</b> {html.escape(found)}</p>"
        rows = "".join(
            f"<tr><th style='{_STYLE}; font-weight: normal; opacity: .7'>{html.escape(name)}</th>"
            f"<td style='{_STYLE}'>{html.escape(figure)}</td></tr>"
            for name, figure in result_lines(result)
        )
        names = html.escape(", ".join(one.strategy for one in result.strategies))
        return f"<div><b>{names}</b>{failed}<table style='margin: 4px 0'>{rows}</table></div>"
