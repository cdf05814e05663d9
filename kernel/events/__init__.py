"""The closed vocabulary of events: one union, one place.

To add an event: define it in its family's module with the next free tag, list it in ``AnyEvent``
below, and run ``make events`` to pin its tag and fields in ``docs/events.md``. A changed meaning is a
new tag with an upcaster, never an edit: see ``upcasting``. An event that no log holds may be removed; its tag
goes to ``RETIRED_TAGS``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from kernel.events.accounts import (
    AccountMarked,
    AccountReported,
    CashFlowKind,
    CashMoved,
    CurrencyBalance,
    ExposureShare,
    LedgerMarked,
    MarginMarked,
    PositionChanged,
    PositionMismatched,
    PositionReported,
    RiskLimitBreached,
    TradingState,
    TradingStateChanged,
)
from kernel.events.alerts import (
    AlertAcknowledged,
    AlertDelivered,
    AlertNotice,
    AlertRaised,
    AlertResolved,
    EquityNoted,
    Severity,
)
from kernel.events.apart import StrategyDecided, StrategyFailedApart
from kernel.events.control import ControlRequested, EngageKillSwitch
from kernel.events.data import DataDescribed, DataIssue, DataIssueFound, DataType
from kernel.events.deployments import DeploymentEvent
from kernel.events.edges import (
    EdgeState,
    EdgeStateChanged,
    EventsConflated,
    InboxOverloaded,
    PlaybackAdvanced,
)
from kernel.events.header import Event, Record
from kernel.events.intents import (
    CancelExecutionIntent,
    CancelIntent,
    DecisionRefused,
    ExecutionFinished,
    ExecutionRequested,
    ExpireOrderIntent,
    HistoryFellShort,
    LoggedFigure,
    OrderApproved,
    OrderDenied,
    OrderIntent,
    ReplaceApproved,
    ReplaceDenied,
    ReplaceIntent,
    SignalRaised,
    SignalsAggregated,
    StrategyLogged,
)
from kernel.events.live import LIVE_DERIVED, CashMismatched, LiveEvent
from kernel.events.market import (
    BUYER,
    MARGINED,
    SELLER,
    AggressorSide,
    AssetClass,
    Bar,
    BookDelta,
    BookSnapshot,
    CorporateAction,
    CorporateActionKind,
    FeedFault,
    FeedGapDetected,
    FeedMessagesIgnored,
    FeedStatusChanged,
    FundingRateSet,
    FxRateSet,
    HistoryLoaded,
    InstrumentDefined,
    PastAction,
    PastBar,
    PriceLevel,
    Quote,
    Trade,
    TradingStatus,
    TradingStatusChanged,
)
from kernel.events.order_terms import (
    BUY,
    DAY,
    FILL,
    FILLED,
    FLAT,
    FOK,
    GTC,
    GTD,
    LIMIT,
    LONG,
    MAKER,
    MARKET,
    PARTICIPATION,
    PENDING,
    PENDING_REPLACE,
    REPLACED,
    SELL,
    SHORT,
    STOP,
    SUBMITTED,
    TAKER,
    TRAILING_STOP,
    TRIGGERED,
    AlgorithmKind,
    AlgorithmTerms,
    ApprovedOrder,
    ExecutionKind,
    HoldReason,
    Liquidity,
    Order,
    OrderOrigin,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    SignalDirection,
    TimeInForce,
)
from kernel.events.orders import (
    CancelRejected,
    CancelSubmitted,
    ExecutionReport,
    FillCorrected,
    HeldOrderTriggered,
    OrderAccepted,
    OrderAdjusted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderHeld,
    OrderRejected,
    OrderReplaced,
    OrderStateUnknown,
    OrderSubmitted,
    OrderTriggered,
    ReplaceRejected,
    ReplaceSubmitted,
    TransitionRefused,
)
from kernel.events.segments import KeptEvents, SegmentArchived, SegmentPruned, SegmentSealed
from kernel.events.shadow import ShadowCompared
from kernel.events.signals import SignalField, SignalPosted
from kernel.events.stores import StoreRestored
from kernel.events.streams import (
    StreamDeleted,
    StreamDerived,
    StreamReplaced,
    StreamRestored,
    StreamSetAside,
    StreamVersion,
)
from kernel.events.system import (
    AdjustPosition,
    BrokerConnected,
    BrokerDisconnected,
    CancelAllOrders,
    CancelOrder,
    ComponentFailed,
    ComponentQuarantined,
    ComponentRestarted,
    ConfigLoaded,
    FlattenPositions,
    HaltTrading,
    MessageQuarantined,
    PauseStrategy,
    ReduceOnlyTrading,
    ReleaseComponent,
    ResumeStrategy,
    ResumeTrading,
    RunFinished,
    RunStarted,
    SessionChanged,
    SessionStarted,
    SessionStopped,
    SourceFile,
    StrategyLoaded,
    StrategyLoadRefused,
    StrategyPaused,
    StrategyResumed,
    StrategyStateMigrated,
    StrategyUnloaded,
    StreamRange,
    VersionRefused,
)
from kernel.events.time import ClockJumped, ClockTicked, TimerCancelled, TimerFired, TimerScheduled
from kernel.events.timer_purposes import TimerPurpose
from kernel.events.venues import CalendarDefined, ModelLoaded, TradingSession, VenueDeclared, VenueFeature

AnyEvent = (
    Bar
    | Quote
    | Trade
    | BookSnapshot
    | BookDelta
    | InstrumentDefined
    | CorporateAction
    | TradingStatusChanged
    | FundingRateSet
    | FxRateSet
    | FeedGapDetected
    | FeedStatusChanged
    | CalendarDefined
    | VenueDeclared
    | ModelLoaded
    | DataDescribed
    | FeedMessagesIgnored
    | HistoryLoaded
    | TimerScheduled
    | TimerCancelled
    | TimerFired
    | ClockTicked
    | ClockJumped
    | EdgeStateChanged
    | EventsConflated
    | InboxOverloaded
    | PlaybackAdvanced
    | OrderIntent
    | CancelIntent
    | ReplaceIntent
    | SignalRaised
    | DecisionRefused
    | ExecutionRequested
    | CancelExecutionIntent
    | ExecutionFinished
    | SignalsAggregated
    | ExpireOrderIntent
    | OrderApproved
    | OrderDenied
    | ReplaceApproved
    | ReplaceDenied
    | StrategyLogged
    | HistoryFellShort
    | ExecutionReport
    | DeploymentEvent
    | CashMismatched
    | OrderSubmitted
    | CancelSubmitted
    | ReplaceSubmitted
    | OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderCancelled
    | OrderExpired
    | OrderReplaced
    | OrderTriggered
    | CancelRejected
    | ReplaceRejected
    | OrderStateUnknown
    | TransitionRefused
    | FillCorrected
    | OrderHeld
    | HeldOrderTriggered
    | OrderAdjusted
    | CashMoved
    | PositionChanged
    | AccountMarked
    | AccountReported
    | PositionReported
    | PositionMismatched
    | TradingStateChanged
    | RiskLimitBreached
    | MarginMarked
    | LedgerMarked
    | LiveEvent
    | ShadowCompared
    | SessionStarted
    | SessionStopped
    | RunStarted
    | RunFinished
    | ConfigLoaded
    | StrategyLoaded
    | StrategyUnloaded
    | StrategyLoadRefused
    | ComponentFailed
    | ComponentRestarted
    | ComponentQuarantined
    | StrategyStateMigrated
    | BrokerConnected
    | BrokerDisconnected
    | MessageQuarantined
    | StrategyPaused
    | StrategyResumed
    | SessionChanged
    | HaltTrading
    | ReduceOnlyTrading
    | ResumeTrading
    | CancelAllOrders
    | CancelOrder
    | FlattenPositions
    | AdjustPosition
    | PauseStrategy
    | ResumeStrategy
    | ReleaseComponent
    | StoreRestored
    | VersionRefused
    | EngageKillSwitch
    | ControlRequested
    | SignalPosted
    | StrategyDecided
    | StrategyFailedApart
    | EquityNoted
    | StreamDeleted
    | StreamSetAside
    | StreamRestored
    | StreamReplaced
    | DataIssueFound
    | SegmentSealed
    | SegmentArchived
    | SegmentPruned
    | AlertRaised
    | AlertResolved
    | AlertAcknowledged
    | AlertDelivered
    | StreamDerived
)

EVENT_TYPES: tuple[type[Event], ...] = get_args(AnyEvent)
"""Every event type, in order of tag."""

RETIRED_TAGS: Mapping[int, str] = MappingProxyType({108: "ComponentStarted", 109: "ComponentStopped"})
"""Tags of removed events. No log was ever written with them, and they are never used again."""

MarketEvent = Bar | Quote | Trade | BookSnapshot | BookDelta
"""The events that are routed by symbol on the hot path."""

MARKET_TYPES: frozenset[type[Event]] = frozenset(get_args(MarketEvent))

DERIVED_TYPES: frozenset[type[Event]] = frozenset(
    {
        TimerScheduled,
        TimerCancelled,
        TimerFired,
        DecisionRefused,
        ExecutionFinished,
        SignalsAggregated,
        ExpireOrderIntent,
        OrderApproved,
        OrderDenied,
        ReplaceApproved,
        ReplaceDenied,
        StrategyLogged,
        HistoryFellShort,
        OrderSubmitted,
        CancelSubmitted,
        ReplaceSubmitted,
        OrderAccepted,
        OrderRejected,
        OrderFilled,
        OrderCancelled,
        OrderExpired,
        OrderReplaced,
        OrderTriggered,
        CancelRejected,
        ReplaceRejected,
        OrderStateUnknown,
        TransitionRefused,
        FillCorrected,
        OrderHeld,
        HeldOrderTriggered,
        OrderAdjusted,
        PositionChanged,
        AccountMarked,
        PositionMismatched,
        TradingStateChanged,
        RiskLimitBreached,
        MarginMarked,
        LedgerMarked,
        *LIVE_DERIVED,
        ComponentRestarted,
        ComponentQuarantined,
        StrategyPaused,
        StrategyResumed,
    }
)
"""Events that only the core may make: its decisions, and its own record of orders and accounts.

An approval or submission from outside would bypass risk. An intent to trade would not, so it is not here.
"""

__all__ = [
    "BUY",
    "BUYER",
    "DAY",
    "DERIVED_TYPES",
    "EVENT_TYPES",
    "FILL",
    "FILLED",
    "FLAT",
    "FOK",
    "GTC",
    "GTD",
    "LIMIT",
    "LONG",
    "MAKER",
    "MARGINED",
    "MARKET",
    "MARKET_TYPES",
    "PARTICIPATION",
    "PENDING",
    "PENDING_REPLACE",
    "REPLACED",
    "RETIRED_TAGS",
    "SELL",
    "SELLER",
    "SHORT",
    "STOP",
    "SUBMITTED",
    "TAKER",
    "TRAILING_STOP",
    "TRIGGERED",
    "AccountMarked",
    "AccountReported",
    "AdjustPosition",
    "AggressorSide",
    "AlertAcknowledged",
    "AlertDelivered",
    "AlertNotice",
    "AlertRaised",
    "AlertResolved",
    "AlgorithmKind",
    "AlgorithmTerms",
    "AnyEvent",
    "ApprovedOrder",
    "AssetClass",
    "Bar",
    "BookDelta",
    "BookSnapshot",
    "BrokerConnected",
    "BrokerDisconnected",
    "CalendarDefined",
    "CancelAllOrders",
    "CancelExecutionIntent",
    "CancelIntent",
    "CancelOrder",
    "CancelRejected",
    "CancelSubmitted",
    "CashFlowKind",
    "CashMoved",
    "ClockJumped",
    "ClockTicked",
    "ComponentFailed",
    "ComponentQuarantined",
    "ComponentRestarted",
    "ConfigLoaded",
    "ControlRequested",
    "CorporateAction",
    "CorporateActionKind",
    "CurrencyBalance",
    "DataDescribed",
    "DataIssue",
    "DataIssueFound",
    "DataType",
    "DecisionRefused",
    "EdgeState",
    "EdgeStateChanged",
    "EngageKillSwitch",
    "EquityNoted",
    "Event",
    "EventsConflated",
    "ExecutionFinished",
    "ExecutionKind",
    "ExecutionReport",
    "ExecutionRequested",
    "ExpireOrderIntent",
    "ExposureShare",
    "FeedFault",
    "FeedGapDetected",
    "FeedMessagesIgnored",
    "FeedStatusChanged",
    "FillCorrected",
    "FlattenPositions",
    "FundingRateSet",
    "FxRateSet",
    "HaltTrading",
    "HeldOrderTriggered",
    "HistoryFellShort",
    "HistoryLoaded",
    "HoldReason",
    "InboxOverloaded",
    "InstrumentDefined",
    "KeptEvents",
    "LedgerMarked",
    "Liquidity",
    "LoggedFigure",
    "MarginMarked",
    "MarketEvent",
    "MessageQuarantined",
    "ModelLoaded",
    "Order",
    "OrderAccepted",
    "OrderAdjusted",
    "OrderApproved",
    "OrderCancelled",
    "OrderDenied",
    "OrderExpired",
    "OrderFilled",
    "OrderHeld",
    "OrderIntent",
    "OrderOrigin",
    "OrderRejected",
    "OrderReplaced",
    "OrderStateUnknown",
    "OrderStatus",
    "OrderSubmitted",
    "OrderTriggered",
    "OrderType",
    "PastAction",
    "PastBar",
    "PauseStrategy",
    "PlaybackAdvanced",
    "PositionChanged",
    "PositionMismatched",
    "PositionReported",
    "PositionSide",
    "PriceLevel",
    "Quote",
    "Record",
    "ReduceOnlyTrading",
    "ReleaseComponent",
    "ReplaceApproved",
    "ReplaceDenied",
    "ReplaceIntent",
    "ReplaceRejected",
    "ReplaceSubmitted",
    "ResumeStrategy",
    "ResumeTrading",
    "RiskLimitBreached",
    "RunFinished",
    "RunStarted",
    "SegmentArchived",
    "SegmentPruned",
    "SegmentSealed",
    "SessionChanged",
    "SessionStarted",
    "SessionStopped",
    "Severity",
    "Side",
    "SignalDirection",
    "SignalField",
    "SignalPosted",
    "SignalRaised",
    "SignalsAggregated",
    "SourceFile",
    "StoreRestored",
    "StrategyDecided",
    "StrategyFailedApart",
    "StrategyLoadRefused",
    "StrategyLoaded",
    "StrategyLogged",
    "StrategyPaused",
    "StrategyResumed",
    "StrategyStateMigrated",
    "StrategyUnloaded",
    "StreamDeleted",
    "StreamDerived",
    "StreamRange",
    "StreamReplaced",
    "StreamRestored",
    "StreamSetAside",
    "StreamVersion",
    "TimeInForce",
    "TimerCancelled",
    "TimerFired",
    "TimerPurpose",
    "TimerScheduled",
    "Trade",
    "TradingSession",
    "TradingState",
    "TradingStateChanged",
    "TradingStatus",
    "TradingStatusChanged",
    "TransitionRefused",
    "VenueDeclared",
    "VenueFeature",
    "VersionRefused",
]
