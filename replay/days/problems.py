"""The problems of a trading day: what a person should know about, of one kind and place counted together."""

from collections.abc import Iterable

import msgspec

from kernel.events import (
    BrokerDisconnected,
    ClockJumped,
    ComponentFailed,
    ComponentQuarantined,
    DecisionRefused,
    EdgeState,
    EdgeStateChanged,
    Event,
    EventsConflated,
    FeedGapDetected,
    FeedMessagesIgnored,
    FeedStatusChanged,
    InboxOverloaded,
    MessageQuarantined,
    OrderStateUnknown,
    PositionMismatched,
    RiskLimitBreached,
)
from kernel.events.live import CashMismatched, ForeignOrderReported, TradingDowngraded
from kernel.time_units import SECOND_NS

VENUE_PROBLEMS: frozenset[type[Event]] = frozenset(
    {
        BrokerDisconnected,
        CashMismatched,
        ForeignOrderReported,
        OrderStateUnknown,
        PositionMismatched,
        TradingDowngraded,
    }
)

PROBLEM_TYPES: frozenset[type[Event]] = frozenset(
    {
        ClockJumped,
        ComponentFailed,
        ComponentQuarantined,
        DecisionRefused,
        EdgeStateChanged,
        EventsConflated,
        FeedGapDetected,
        FeedMessagesIgnored,
        FeedStatusChanged,
        InboxOverloaded,
        MessageQuarantined,
        RiskLimitBreached,
        *VENUE_PROBLEMS,
    }
)

LONGEST_DETAIL = 300


class DayProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Problems of one kind in one place. ``detail``: of the last one. Times in ns UTC."""

    kind: str
    place: str
    count: int
    first_ts: int
    last_ts: int
    detail: str


def problems_of(events: Iterable[Event]) -> tuple[DayProblem, ...]:
    """The problems among events, in order of their first occurrence."""
    found: dict[tuple[str, str], DayProblem] = {}
    for event in events:
        told = _problem(event)
        if told is None:
            continue
        kind, place, count, detail = told
        before = found.get((kind, place))
        found[kind, place] = DayProblem(
            kind=kind,
            place=place,
            count=count + (0 if before is None else before.count),
            first_ts=event.ts if before is None else before.first_ts,
            last_ts=event.ts,
            detail=detail if len(detail) <= LONGEST_DETAIL else f"{detail[:LONGEST_DETAIL]}...",
        )
    return tuple(found.values())


def _problem(event: Event) -> tuple[str, str, int, str] | None:
    """Kind, place, number and detail; ``None`` for an event that is no problem."""
    match event:
        case FeedGapDetected(symbol=symbol, feed=feed, last_feed_seq=last, next_feed_seq=following):
            missing = following - last - 1
            return "messages are missing", f"{feed} {symbol}", missing, f"between {last} and {following}"
        case FeedMessagesIgnored(feed=feed, fault=fault, count=count, symbol=symbol):
            return f"{fault.value} messages", feed, count, f"the last of {symbol}"
        case FeedStatusChanged(feed=feed, is_connected=is_connected, is_stale=is_stale, reason=reason):
            if is_connected and not is_stale:
                return None
            return "no data" if is_connected else "connection lost", feed, 1, reason
        case EdgeStateChanged(edge=edge, state=state, reason=reason):
            return _edge_problem(edge, state, reason)
        case EventsConflated(edge=edge, count=count):
            return "quotes left out", edge, count, "it was slower than the market"
        case InboxOverloaded(waits=waits, waited_ns=waited_ns):
            return "inputs waited", "engine", waits, f"{waited_ns / SECOND_NS:.1f} s in all"
        case MessageQuarantined(source=source, reason=reason):
            return "input refused", source, 1, reason
        case ComponentFailed(component=component, event_type=event_type, error=error, where=where):
            return "component failed", component, 1, f"on {event_type} at {where}: {error}"
        case ComponentQuarantined(component=component, failures=failures):
            return "component quarantined", component, 1, f"after {failures} failures"
        case DecisionRefused(strategy=strategy, symbol=symbol, reason=reason):
            return "decision refused", f"{strategy} {symbol}".rstrip(), 1, reason
        case RiskLimitBreached(rule=rule, strategy=strategy, value=value, limit=limit, is_rearmed=False):
            return (
                f"limit {rule} breached",
                strategy or "account",
                1,
                f"{value}, limit {limit}: {event.action}",
            )
        case ClockJumped(step_ns=step_ns):
            return "clock stepped", "clock", 1, f"{step_ns / SECOND_NS:+.3f} s"
        case _:
            return _venue_problem(event)


def _venue_problem(event: Event) -> tuple[str, str, int, str] | None:
    """A problem of live trading with its venue."""
    match event:
        case BrokerDisconnected(broker=broker, reason=reason):
            return "connection lost", broker, 1, reason
        case OrderStateUnknown(symbol=symbol, client_order_id=key, reason=reason):
            return "order unknown", symbol, 1, f"{key}: {reason}"
        case PositionMismatched(symbol=symbol, ours=ours, theirs=theirs):
            return "position differs", symbol, 1, f"ours {ours:f}, the venue's {theirs:f}"
        case CashMismatched(account=account, ours=ours, theirs=theirs):
            return "cash differs", account, 1, f"ours {ours:f}, the venue's {theirs:f}"
        case ForeignOrderReported(symbol=symbol, client_order_id=key):
            return "order not in the log", symbol, 1, key
        case TradingDowngraded(trigger=cause, state=state, value=value, limit=limit):
            return "trading restricted", cause.value, 1, f"{state.value}: {value}, limit {limit}"
        case _:
            return None


def _edge_problem(edge: str, state: EdgeState, reason: str) -> tuple[str, str, int, str] | None:
    match state:
        case EdgeState.WAITING:
            return "restarted", edge, 1, reason
        case EdgeState.FAILED:
            return "failed for good", edge, 1, reason
        case _:
            return None
