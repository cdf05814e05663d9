"""The HTML report of a run: one file that needs no network.

- ``prices`` reads the prices of the traded symbols.
- ``charts`` prepares the data of the charts.
- ``page`` writes the document from ``page.html``, ``report.css`` and ``report.js``.
- ``files`` says where it goes.

``report.js`` draws the charts, so that they follow the reader's light or dark theme.

To add a chart: put its data into ``charts.ChartData``, draw it in ``report.js``, give it a place in
``page.html``.
"""

from replay.report.files import default_path
from replay.report.page import report_page, write_report
from replay.report.prices import PriceHistory, PriceSeries, read_prices

__all__ = [
    "PriceHistory",
    "PriceSeries",
    "default_path",
    "read_prices",
    "report_page",
    "write_report",
]
