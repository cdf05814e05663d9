"""Deployments: which version of a strategy is in force, with which settings, and how far its canary has come.

All are inputs. The configuration and the code of a deployment are in the same opening as its event.
"""

from decimal import Decimal

from kernel.events.header import Event, Record
from kernel.identifiers import StrategyId


class DeploymentStep(Record, frozen=True):
    """A step of a schedule: the ``share`` of its capital that a strategy gets.

    ``lasts_s``: seconds until the next step; 0: until somebody promotes it. The last step stays.
    """

    share: Decimal
    lasts_s: int = 0


class GateRow(Record, frozen=True):
    """A condition for leaving an environment: what was measured, the limit, and the place in the log."""

    check: str
    measured: str
    limit: str
    is_passed: bool
    place: str = ""


class StrategyDeployed(Event, frozen=True, tag=51):
    """Operator: a version of a strategy, its code and its settings, is in force from here on.

    - ``code_hash``: of its file and the modules that it imports.
    - ``config_hash``: of the whole configuration that is loaded with it.
    - ``settings``: its entry in the configuration, as JSON, with its whole capital.
    - ``steps``: its schedule; the first step begins now.
    - ``max_drawdown``: the fraction of the capital of a step that it may lose from its best before it is
      stopped. It is watched until the last step.
    - ``flattens``: if it is stopped, its positions are closed too.
    - ``pnl``: its net P&L in this log so far.
    - ``settings_before``, ``code_before``: what was in force until now; empty if it did not run.
    - ``origin``: the log in which this version was tried.
    """

    operator: str
    strategy: StrategyId
    code_hash: str
    config_hash: str
    settings: str
    steps: tuple[DeploymentStep, ...]
    max_drawdown: Decimal
    flattens: bool = False
    pnl: Decimal = Decimal(0)
    settings_before: str = ""
    code_before: str = ""
    origin: str = ""
    reason: str = ""


class DeploymentStepped(Event, frozen=True, tag=52):
    """Operator: a deployment goes on to a step of its schedule, counted from 0, with its ``share``."""

    operator: str
    strategy: StrategyId
    step: int
    share: Decimal
    reason: str = ""


class DeploymentStopped(Event, frozen=True, tag=53):
    """Input: a deployment was stopped before the last step of its schedule, for the reason given.

    The commands that stop the strategy come right before it. The schedule goes on when somebody promotes it.
    """

    strategy: StrategyId
    reason: str


class DeploymentRolledBack(Event, frozen=True, tag=54):
    """Operator: the version of a strategy from before its last deployment is in force again.

    ``code_hash``, ``settings``: of that version; empty if the strategy does not run any more.
    """

    operator: str
    strategy: StrategyId
    code_hash: str
    settings: str
    reason: str = ""


class GateJudged(Event, frozen=True, tag=55):
    """Operator: a strategy was promoted from one environment to another, with the conditions for that.

    - ``origin``: the log from which they were computed.
    - ``is_passed``: all conditions are met.
    - ``reviewed_by``, ``alerts_confirmed_by``: names of people.
    - ``reason``: why it was forced, if a condition is not met.
    """

    operator: str
    strategy: StrategyId
    origin: str
    is_passed: bool
    rows: tuple[GateRow, ...]
    reviewed_by: str = ""
    alerts_confirmed_by: str = ""
    reason: str = ""


class DeploymentMarked(Event, frozen=True, tag=56):
    """Input: the net P&L from which the loss of a deployment is counted, while its schedule goes on.

    ``best``: its best so far, noted each time it has risen by a tenth of what the deployment may lose; after
    a stop, the P&L at the stop.
    """

    strategy: StrategyId
    best: Decimal


DeploymentEvent = (
    StrategyDeployed
    | DeploymentStepped
    | DeploymentStopped
    | DeploymentRolledBack
    | GateJudged
    | DeploymentMarked
)
"""The events of this module, in order of tag."""
