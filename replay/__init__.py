"""Runs as a library: settings, planning, playing, recording, verification, results.

The ``replay`` command, like all others, is in ``ops``, the only package that imports this one. To add a
figure to the table of a run, see ``metrics`` and ``tables``. To add a setting, see ``config`` and
``components.assembly``.
"""

from onetape_packages import require_ours

require_ours("replay")

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.financing import FinancingConfig, Interest
from components.allocation.config import SignalsConfig
from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from components.execution.config import ExecutionConfig
from components.portfolio.portfolio import PortfolioConfig
from eventstore.importing import DataKind, ImportOptions
from replay.adjusted import adjusted_bars
from replay.backtest import backtest
from replay.backtest_result import Backtest
from replay.config import ReplayConfig
from replay.failures import RunFailed, RunFailedWarning
from replay.past import PastCore, at
from replay.session import LiveSession, begin_session
from replay.store_frames import read_bars, read_quotes, read_trades
from replay.strategy_check import check_strategy
from replay.timeline import Timeline
from replay.verification import Verified
from strategies.sdk.limits import ContinuousLimit, RiskLimits, RuleConfig

__all__ = [
    "Backtest",
    "ContinuousLimit",
    "DataKind",
    "ExecutionConfig",
    "FinancingConfig",
    "ImportOptions",
    "InstrumentConfig",
    "Interest",
    "LiveSession",
    "ModelConfig",
    "PastCore",
    "PortfolioConfig",
    "ReplayConfig",
    "RiskLimits",
    "RuleConfig",
    "RunFailed",
    "RunFailedWarning",
    "SignalsConfig",
    "SimulatedBrokerConfig",
    "StrategyConfig",
    "Timeline",
    "Verified",
    "adjusted_bars",
    "at",
    "backtest",
    "begin_session",
    "check_strategy",
    "read_bars",
    "read_quotes",
    "read_trades",
]
