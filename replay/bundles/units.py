"""What each field of an input, and each setting, is: a price, a size, money, a time, a name or a text.

An anonymised bundle changes a value by its unit. Fields are named by type and name where the name alone
does not say it. What is in no table here is neither scaled nor renamed. A house rule compares the tables with
the vocabulary, so that a new field is put into one.
"""

from collections.abc import Mapping
from enum import Enum, auto

from kernel.events import (
    AlertAcknowledged,
    AlertDelivered,
    AlertRaised,
    AlertResolved,
    ControlRequested,
    DataDescribed,
    DataIssueFound,
    Event,
    EventsConflated,
    FeedMessagesIgnored,
    InboxOverloaded,
    MessageQuarantined,
    PlaybackAdvanced,
    SegmentArchived,
    SegmentPruned,
    SegmentSealed,
    StoreRestored,
    StrategyDecided,
    StrategyFailedApart,
    StrategyLoadRefused,
    StrategyStateMigrated,
    StreamDeleted,
    StreamDerived,
    StreamReplaced,
    StreamRestored,
    StreamSetAside,
)
from kernel.events.deployments import (
    DeploymentMarked,
    DeploymentRolledBack,
    DeploymentStepped,
    DeploymentStopped,
    GateJudged,
    StrategyDeployed,
)
from kernel.events.shadow import ShadowCompared


class Unit(Enum):
    """How a value is changed."""

    PRICE = auto()
    SIZE = auto()
    MONEY = auto()
    TIME = auto()
    """ns UTC; 0 stays."""
    DAY = auto()
    """YYYYMMDD, or days since 1970; 0 stays."""
    MOMENT = auto()
    """A day or moment as text."""
    NAME = auto()
    """A symbol, account, feed or venue; another text, with names in it."""
    TOKEN = auto()
    """An id of the venue: a number in order of appearance."""
    PERSON = auto()
    """Who did it: one word for all."""
    REMARK = auto()
    """Removed."""
    REFERENCE = auto()
    """Of code: another file name, unless the code is ours."""


_PRICES = """open high low close bid ask price limit_price stop_price average_price tick_size usual_tick_size
strike stop_loss take_profit trail_amount commission_per_share per_share clearing_per_share cat_per_share
exchange_taker_per_share exchange_maker_per_share taf_per_share"""
_SIZES = """volume bid_size ask_size size quantity lot_size minimum_quantity leaves_quantity display_quantity
max_order_quantity max_position_quantity locate_quantity part_quantity average_volume"""
_MONEY = """commission minimum_notional cash equity buying_power cost amount peak day_equity paid_in
max_order_notional max_position_notional max_gross_exposure max_daily_loss commission_per_order per_order
taf_maximum"""
_TIMES = """ts open_ts close_ts exchange_ts pay_ts expiry_ts due_ts executed_ts expire_ts retry_ts from_ts
to_ts start_ts end_ts first_ts last_ts"""
_NAMES = """symbol symbols new_symbol underlying restricted allow_only day_symbol benchmark venue broker
account feed source edge currency fee_currency commission_currency base quote environment params value name
sector volume_profiles learn_volume backup_for"""

BY_NAME: Mapping[str, Unit] = {
    **dict.fromkeys(_PRICES.split(), Unit.PRICE),
    **dict.fromkeys(_SIZES.split(), Unit.SIZE),
    **dict.fromkeys(_MONEY.split(), Unit.MONEY),
    **dict.fromkeys(_TIMES.split(), Unit.TIME),
    **dict.fromkeys(_NAMES.split(), Unit.NAME),
    **dict.fromkeys(("broker_order_id", "fill_id", "trade_id"), Unit.TOKEN),
    **dict.fromkeys(("reason", "raw", "asked", "request", "body", "error"), Unit.REMARK),
    **dict.fromkeys(("reference", "strategy_file"), Unit.REFERENCE),
    **dict.fromkeys(("from", "to", "start", "end", "at", "expiry"), Unit.MOMENT),
    "operator": Unit.PERSON,
    "day": Unit.DAY,
}
"""The unit of a field by its name."""

BY_TYPE: Mapping[tuple[str, str], Unit | None] = {
    ("CorporateAction", "amount"): Unit.PRICE,
    ("PastAction", "amount"): Unit.PRICE,
    ("StrategyConfig", "strategy"): Unit.REFERENCE,
    ("RuleConfig", "rule"): Unit.REFERENCE,
    ("ModelConfig", "model"): Unit.REFERENCE,
    ("StrategyLoaded", "source"): None,
    ("StrategyLoaded", "params"): None,
    ("ModelLoaded", "source"): None,
    ("ModelLoaded", "params"): None,
    ("ConfigLoaded", "body"): None,
    ("SourceFile", "source"): None,
    ("SourceFile", "name"): None,
    ("StrategyConfig", "params"): None,
    ("ModelConfig", "params"): None,
    ("RuleConfig", "params"): None,
    ("FixedFractional", "fraction"): None,
    ("VolatilityScaled", "target"): None,
    ("SignalPosted", "value"): None,
    ("SignalField", "name"): None,
}
"""The unit of a field where its name alone does not say it; ``None``: unchanged, or changed by its owner."""

PLAIN_TEXTS = frozenset(
    [
        "timeframe",
        "calendar",
        "option_right",
        "client_order_id",
        "strategy",
        "parent_id",
        "group_id",
        "whole_id",
        "tag",
        "mode",
        "version",
        "python",
        "opening_hash",
        "file_hash",
        "core_hash",
        "config_hash",
        "source_hash",
        "code_hash",
        "role",
        "component",
        "strategies",
        "event_type",
        "where",
        "digest",
    ]
)
"""Texts that stay: words of ours, ids counted from the log, hashes that are made anew."""

PLAIN_NUMBERS = frozenset(
    [
        "ratio",
        "cost_fraction",
        "multiplier",
        "margin_rate",
        "maintenance_margin_rate",
        "borrow_rate",
        "rate",
        "strength",
        "trail_percent",
        "weights",
    ]
)
"""Numbers without a unit that is scaled."""

LEFT_OUT: frozenset[type[Event]] = frozenset(
    {
        AlertAcknowledged,
        AlertDelivered,
        AlertRaised,
        AlertResolved,
        ControlRequested,
        DataDescribed,
        DataIssueFound,
        EventsConflated,
        FeedMessagesIgnored,
        GateJudged,
        InboxOverloaded,
        MessageQuarantined,
        PlaybackAdvanced,
        SegmentArchived,
        SegmentPruned,
        SegmentSealed,
        ShadowCompared,
        StoreRestored,
        StrategyLoadRefused,
        StrategyStateMigrated,
        StreamDeleted,
        StreamDerived,
        StreamReplaced,
        StreamRestored,
        StreamSetAside,
    }
)
"""Inputs that are left out of an anonymised log: no component decides by them, or they are texts."""

REFUSED: Mapping[type[Event], str] = {
    StrategyDecided: "decisions of a strategy in a process of its own, which are in a form of their own",
    StrategyFailedApart: "failures of a strategy in a process of its own",
    StrategyDeployed: "deployments, which hold settings",
    DeploymentMarked: "deployments, which hold settings",
    DeploymentStepped: "deployments, which hold settings",
    DeploymentStopped: "deployments, which hold settings",
    DeploymentRolledBack: "deployments, which hold settings",
}
"""Inputs of which no anonymous form is known, in words."""
