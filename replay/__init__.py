"""Runs as a library: settings, planning, playing, recording, verification, results.

The ``replay`` command, like all others, is in ``ops``, the only package that imports this one. To add a
figure to the table of a run, see ``performance.metrics`` and ``tables``. To add a setting, see ``config`` and
``components.assembly``.

- Here: a run from its plan to its results (``planning``, ``run``, ``record``, ``results``), verification, and
  the session of a live log.
- ``performance``: trades, equity, figures and a diagnosis. ``report``: the page of a run. ``days``: trading
  days of a live log.
- ``past``: back into a log: step, explain, play a period, attach, fork, compare. ``twin``: live fills beside
  simulated ones. ``execution_analysis``: what orders cost, and models fitted to it. ``bundles``: logs as
  files.
- ``checks``: of strategies. ``deploying``: versions of strategies in a live log. ``yaml_files``: files of
  settings.

The names here are imported when they are used. A daemon needs none of them, and numpy alone takes 16 MB.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from onetape_packages import require_ours

require_ours("replay")

if TYPE_CHECKING:
    from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
    from brokers.simulated.financing import FinancingConfig, Interest
    from components.allocation.config import SignalsConfig
    from components.assembly.instruments import InstrumentConfig
    from components.assembly.settings import StrategyConfig
    from components.execution.config import ExecutionConfig
    from components.portfolio.portfolio import PortfolioConfig
    from eventstore.importing import DataKind, ImportOptions
    from replay.adjusted import adjusted_bars
    from replay.backtest_result import Backtest
    from replay.backtesting import backtest
    from replay.checks.decision_trials import check_decisions
    from replay.checks.restarts import check_strategy
    from replay.config import ReplayConfig
    from replay.execution_analysis.execution_rows import executions_frame
    from replay.execution_analysis.reading import executions
    from replay.failures import RunFailed, RunFailedWarning
    from replay.past.attaching import Attached, attach
    from replay.past.core import PastCore, at
    from replay.past.timeline import Timeline
    from replay.past.view import PastView
    from replay.session import LiveSession, begin_session
    from replay.store_frames import read_bars, read_quotes, read_trades
    from replay.verification import Verified
    from strategies.sdk.limits import ContinuousLimit, RiskLimits, RuleConfig

__all__ = [
    "Attached",
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
    "PastView",
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
    "attach",
    "backtest",
    "begin_session",
    "check_decisions",
    "check_strategy",
    "executions",
    "executions_frame",
    "read_bars",
    "read_quotes",
    "read_trades",
]

_HOMES = {
    "brokers.simulated.config": "ModelConfig SimulatedBrokerConfig",
    "brokers.simulated.financing": "FinancingConfig Interest",
    "components.allocation.config": "SignalsConfig",
    "components.assembly.instruments": "InstrumentConfig",
    "components.assembly.settings": "StrategyConfig",
    "components.execution.config": "ExecutionConfig",
    "components.portfolio.portfolio": "PortfolioConfig",
    "eventstore.importing": "DataKind ImportOptions",
    "replay.adjusted": "adjusted_bars",
    "replay.past.attaching": "Attached attach",
    "replay.backtest_result": "Backtest",
    "replay.backtesting": "backtest",
    "replay.config": "ReplayConfig",
    "replay.checks.decision_trials": "check_decisions",
    "replay.execution_analysis.execution_rows": "executions_frame",
    "replay.execution_analysis.reading": "executions",
    "replay.failures": "RunFailed RunFailedWarning",
    "replay.past.core": "PastCore at",
    "replay.past.view": "PastView",
    "replay.session": "LiveSession begin_session",
    "replay.store_frames": "read_bars read_quotes read_trades",
    "replay.checks.restarts": "check_strategy",
    "replay.past.timeline": "Timeline",
    "replay.verification": "Verified",
    "strategies.sdk.limits": "ContinuousLimit RiskLimits RuleConfig",
}
"""The modules of these names."""

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
