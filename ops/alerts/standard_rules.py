"""The rules that are always there. A file replaces one by a rule of the same name, or names it in ``off``."""

from kernel.errors import ConfigError
from kernel.events import Severity
from ops.alerts.metrics import METRICS
from replay.alert_settings import (
    AlertRule,
    AlertsConfig,
    ChangeRule,
    EventRule,
    ThresholdRule,
)

_INFO, _CRITICAL = Severity.INFO, Severity.CRITICAL


def _event(
    name: str,
    text: str,
    *events: str,
    count: int = 1,
    within_s: float = 300.0,
    severity: Severity = Severity.WARNING,
) -> EventRule:
    return EventRule(name=name, severity=severity, text=text, events=events, count=count, within_s=within_s)


STANDARD_RULES: tuple[AlertRule, ...] = (
    # money
    ThresholdRule(
        name="drawdown", severity=_CRITICAL, metric="drawdown_pct", above=10.0, text="the account has lost"
    ),
    ThresholdRule(
        name="day_loss", severity=_CRITICAL, metric="day_loss_pct", above=5.0, text="the day has lost"
    ),
    EventRule(
        name="risk_limit",
        severity=_CRITICAL,
        events=("RiskLimitBreached",),
        where={"is_rearmed": "false"},
        within_s=300.0,
        text="a limit of risk was breached",
    ),
    _event("kill_switch", "somebody has engaged the kill switch", "EngageKillSwitch", severity=_CRITICAL),
    _event("trading_state", "the trading state has changed", "TradingStateChanged"),
    # orders
    _event("rejections", "the venue rejects orders", "OrderRejected", count=5),
    _event("denials", "risk denies orders", "OrderDenied", count=10),
    _event(
        "unknown_orders",
        "the state of an order or a position is not known",
        "OrderStateUnknown",
        "PositionMismatched",
        severity=_CRITICAL,
    ),
    ThresholdRule(name="fill_rate", metric="fill_rate_pct", below=90.0, text="few orders are filled"),
    ThresholdRule(name="slippage", metric="slippage_bps", above=50.0, text="fills are far from the price"),
    # live trading
    ThresholdRule(
        name="shadow", metric="shadow_bps", above=10.0, text="fills are worse than those of the model"
    ),
    EventRule(
        name="shadow_missed",
        events=("ShadowCompared",),
        where={"outcome": "missed"},
        count=5,
        within_s=3_600.0,
        text="orders are not filled that the model fills",
    ),
    _event("downgrade", "live trading has restricted itself", "TradingDowngraded", severity=_CRITICAL),
    _event(
        "foreign_order",
        "the venue works an order that is not in the log",
        "ForeignOrderReported",
        severity=_CRITICAL,
    ),
    _event("cash_differs", "the account's cash at the venue is not ours", "CashMismatched"),
    _event("venue_lost", "the connection to the venue is lost", "BrokerDisconnected"),
    EventRule(
        name="go_live", severity=_INFO, events=("LiveTradingConfirmed",), text="live trading was confirmed"
    ),
    # data
    ThresholdRule(name="stale_feed", metric="stale_feeds", above=0.0, for_s=30.0, text="a feed is silent"),
    _event("feed_gaps", "messages of a feed are missing", "FeedGapDetected", count=5),
    _event("data_quality", "messages were refused", "MessageQuarantined", count=10),
    _event("clock_step", "the clock of this machine was set", "ClockJumped"),
    # code
    _event("failing_component", "a component or strategy raises", "ComponentFailed", count=3),
    _event(
        "quarantine",
        "a component or strategy was taken out of service",
        "ComponentQuarantined",
        severity=_CRITICAL,
    ),
    _event("load_refused", "new code of a strategy was refused", "StrategyLoadRefused"),
    EventRule(
        name="session_changed",
        severity=_INFO,
        events=("SessionChanged",),
        text="code or configuration has changed",
    ),
    _event("rollback", "a strategy was rolled back", "VersionRefused", "DeploymentRolledBack"),
    _event(
        "deployment_stopped", "the canary of a strategy was stopped", "DeploymentStopped", severity=_CRITICAL
    ),
    EventRule(
        name="deployment",
        severity=_INFO,
        events=("StrategyDeployed", "DeploymentStepped"),
        text="a strategy was deployed or scaled",
    ),
    EventRule(
        name="strategy_paused", severity=_INFO, events=("StrategyPaused",), text="a strategy was paused"
    ),
    # the machine
    EventRule(
        name="edge_failed",
        severity=_CRITICAL,
        events=("EdgeStateChanged",),
        where={"state": "failed"},
        within_s=300.0,
        text="a feed or another edge has failed for good",
    ),
    EventRule(
        name="edge_restarts",
        events=("EdgeStateChanged",),
        where={"state": "waiting"},
        count=5,
        within_s=600.0,
        text="a feed or another edge fails again and again",
    ),
    ThresholdRule(name="crash", metric="crashes", above=0.0, text="a session ended without a stop"),
    ThresholdRule(
        name="slow_commits", metric="commit_p99_ms", above=250.0, for_s=30.0, text="the disk is slow"
    ),
    ThresholdRule(
        name="slow_loop", metric="loop_lag_ms", above=1_000.0, text="something held up the whole daemon"
    ),
    ChangeRule(
        name="slow_hooks", metric="slow_hooks", over_s=300.0, rise=2.0, text="a strategy thinks for long"
    ),
    ThresholdRule(
        name="full_inbox", metric="inbox_pct", above=50.0, for_s=10.0, text="inputs wait for the core"
    ),
    _event("overload", "feeds had to wait for the core", "InboxOverloaded"),
    ThresholdRule(
        name="slow_edge", metric="edge_waiting", above=1_000.0, for_s=30.0, text="an edge is far behind"
    ),
    ThresholdRule(name="memory", metric="memory_mb", above=4_096.0, for_s=60.0, text="memory is high"),
    ChangeRule(name="memory_growth", metric="memory_mb", over_s=3_600.0, rise=512.0, text="memory grows"),
    ThresholdRule(name="disk", metric="disk_level", above=0.0, text="the disk fills up"),
    ThresholdRule(
        name="disk_full", severity=_CRITICAL, metric="disk_level", above=1.0, text="the disk is nearly full"
    ),
)


def rules_of(config: AlertsConfig) -> tuple[AlertRule, ...]:
    """The rules in force."""
    rules = {rule.name: rule for rule in (*STANDARD_RULES, *config.rules)}
    return tuple(rule for name, rule in rules.items() if name not in config.off and config.enabled)


def check_rules(config: AlertsConfig) -> None:
    """Raise ``ConfigError`` for an unknown metric, and for an unknown name in ``off``."""
    rules = {rule.name: rule for rule in (*STANDARD_RULES, *config.rules)}
    for name in config.off:
        if name not in rules:
            raise ConfigError(f"alerts.off: there is no rule {name!r}; the rules are: {', '.join(rules)}")
    for rule in config.rules:
        metric = "" if isinstance(rule, EventRule) else rule.metric
        if metric and metric not in METRICS:
            raise ConfigError(
                f"alerts.rules: {rule.name}: there is no metric {metric!r}; the metrics are: "
                f"{', '.join(METRICS)}"
            )
