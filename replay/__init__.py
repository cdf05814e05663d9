"""The ``replay`` command and its Python twin: backtest, verify, metrics, report.

It composes the other packages and is imported by ``ops`` alone. To add something to a run's table,
see ``metrics`` and ``tables``; to change what a run is made of, ``assembly`` and ``config``.
"""

from replay.adjusted import adjusted_bars
from replay.backtest import Backtest, backtest

__all__ = ["Backtest", "adjusted_bars", "backtest"]
