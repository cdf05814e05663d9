"""The ``replay`` command and its Python twin: backtest, verify, metrics, report; and the settings of both.

It composes the other packages and is imported by ``ops`` alone. To add something to a run's table,
see ``metrics`` and ``tables``; to change what a run is made of, ``assembly`` and ``config``.
"""

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from brokers.simulated.financing import FinancingConfig, Interest
from components.allocation.config import SignalsConfig
from components.execution.config import ExecutionConfig
from components.portfolio.portfolio import PortfolioConfig
from eventstore.importing import DataKind, ImportOptions
from replay.adjusted import adjusted_bars
from replay.backtest import Backtest, backtest
from replay.config import ReplayConfig, StrategyConfig
from replay.instruments import InstrumentConfig
from replay.strategy_check import check_strategy
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
    "ModelConfig",
    "PortfolioConfig",
    "ReplayConfig",
    "RiskLimits",
    "RuleConfig",
    "SignalsConfig",
    "SimulatedBrokerConfig",
    "StrategyConfig",
    "Verified",
    "adjusted_bars",
    "backtest",
    "check_strategy",
]
