"""The HTML report of a run: one file that needs no network.

``prices`` reads the prices of the traded symbols, ``charts`` prepares the data of the charts, and ``page``
writes the document from ``page.html``, ``report.css`` and ``report.js``. ``report.js`` draws the charts, so
that they follow the reader's light or dark theme.

To add a chart: put its data into ``charts.ChartData``, draw it in ``report.js``, give it a place in
``page.html``.
"""

from replay.report.page import write_report
from replay.report.prices import PriceHistory, PriceSeries, read_prices

__all__ = ["PriceHistory", "PriceSeries", "read_prices", "write_report"]
