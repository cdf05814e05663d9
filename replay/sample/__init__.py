"""Bundled market data; see ``SOURCE.md`` for its origin and licence."""

from importlib.resources import files
from importlib.resources.abc import Traversable

STOCKS_FILE = "stocks.csv.gz"


def stocks() -> Traversable:
    """Daily bars of AAPL, FB, GOOG, IBM and MSFT, 2000 to 2013, as traded; gzipped CSV.

    Use ``importlib.resources.as_file`` where a real path is needed.
    """
    return files(__name__) / STOCKS_FILE
