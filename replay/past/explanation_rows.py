"""An explanation as rows of text, for the terminal and the page, and as an object for programs."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from eventstore.moments import iso_utc
from kernel.decimals import exact
from kernel.events import (
    Bar,
    CancelIntent,
    Event,
    ExecutionReport,
    ExecutionRequested,
    FillCorrected,
    Order,
    OrderAccepted,
    OrderApproved,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderHeld,
    OrderIntent,
    OrderRejected,
    OrderReplaced,
    OrderSubmitted,
    PositionChanged,
    Quote,
    ReplaceIntent,
    StrategyLogged,
    TimerFired,
    Trade,
)
from kernel.time_units import DAY_NS, MS_NS, SECOND_NS
from replay.past.explanation import Explanation, OrderStep, Sight
from replay.past.states import Plain, StateChange, plain_of
from replay.rows import Rows, number, text

STATE_SHOWN = 30
"""Most values of a strategy's state that are shown."""


@exact
def explanation_rows(found: Explanation) -> tuple[Rows, ...]:
    """The tables: the path of the order, what the strategy saw, the account, and its own state."""
    return (_path(found), _market(found.sight), _account(found), _own(found.sight))


@exact
def headline(found: Explanation) -> str:
    """The order, and what became of it."""
    return f"{found.order_id}: {order_text(found.order)}: {outcome(found)}"


def outcome(found: Explanation) -> str:
    """The last thing that happened to the order, in words."""
    fills = [one.event for one in found.steps if isinstance(one.event, OrderFilled)]
    ends = [one.event for one in found.steps if isinstance(one.event, OrderDenied | OrderRejected)]
    if ends:
        return _words(ends[-1])
    filled = sum((fill.quantity for fill in fills), Decimal(0))
    ended = [one.event for one in found.steps if isinstance(one.event, OrderCancelled | OrderExpired)]
    parts = [f"filled {_plain(filled)} of {_plain(found.order.quantity)}"] if fills else []
    parts += [_words(ended[-1])] if ended else []
    return ", ".join(parts) or "still open"


@exact
def as_object(found: Explanation) -> dict[str, object]:
    """The explanation for programs: exact numbers as texts, times in ns and ISO 8601."""
    sight = found.sight
    return {
        "log": found.log,
        "order_id": found.order_id,
        "order": plain_of(found.order),
        "strategy": found.strategy,
        "outcome": outcome(found),
        "related": list(found.related),
        "steps": [
            {
                "seq": one.seq,
                "input": one.number,
                "is_input": one.is_input,
                "ts": one.event.ts,
                "time": iso_utc(one.event.ts),
                "after_ns": one.after_ns,
                "type": type(one.event).__name__,
                "words": _words(one.event),
                "event": event_fields(one.event),
            }
            for one in found.steps
        ],
        "saw": {
            "input": sight.number,
            "trigger": {"type": type(sight.trigger).__name__, **event_fields(sight.trigger)},
            "cash": f"{sight.cash:f}",
            "equity": f"{sight.equity:f}",
            "positions": plain_of(sight.positions),
            "open_orders": plain_of(sight.open_orders),
            "symbols": plain_of(sight.symbols),
            "params": sight.params,
            "state": sight.state,
            "changes": [msgspec.to_builtins(one) for one in sight.changes],
            "beside": [{"type": type(one).__name__, **event_fields(one)} for one in sight.beside],
        },
    }


def event_fields(event: Event) -> dict[str, Plain]:
    """The fields of an event by name."""
    return {name: plain_of(getattr(event, name)) for name in event.__struct_fields__}


def order_text(order: Order) -> str:
    """The terms of an order in words."""
    words = [order.side.value, _plain(order.quantity), order.symbol, order.order_type.value]
    if order.limit_price is not None:
        words.append(f"limit {_plain(order.limit_price)}")
    if order.stop_price is not None:
        words.append(f"stop {_plain(order.stop_price)}")
    if order.tag:
        words.append(f"({order.tag})")
    return " ".join(words)


# --- the tables ---------------------------------------------------------------------------------------


def _path(found: Explanation) -> Rows:
    columns = (
        text("Time"), number("After", rank=1), number("Input", rank=3), number("Seq", rank=2),
        text("Event", rank=4), text("What happened"),
    )  # fmt: skip
    rows = tuple(_step_cells(one) for one in found.steps)
    return Rows("The path of the order", columns, rows, note="; ".join(found.related))


def _step_cells(one: OrderStep) -> tuple[str, ...]:
    return (
        iso_utc(one.event.ts),
        duration(one.after_ns),
        f"{one.number:,}",
        f"{one.seq:,}" if one.seq else "data" if one.is_input else "",
        type(one.event).__name__,
        _words(one.event),
    )


def _market(sight: Sight) -> Rows:
    columns = (text("Symbol"), text("Known"), text("Time"), text("Values"))
    rows: list[tuple[str, ...]] = []
    for seen in sight.symbols:
        rows += [(seen.symbol, f"bar {bar.timeframe}", iso_utc(bar.ts), _words(bar)) for bar in seen.bars]
        rows += [
            (seen.symbol, type(event).__name__.lower(), iso_utc(event.ts), _words(event))
            for event in (seen.quote, seen.trade)
            if event is not None
        ]
    note = f"It decided at input {sight.number:,}: {_words(sight.trigger)}"
    return Rows("What the strategy saw of the market", columns, tuple(rows), note=note)


def _account(found: Explanation) -> Rows:
    sight = found.sight
    rows = [("Equity", _plain(sight.equity)), ("Cash", _plain(sight.cash))]
    rows += [(f"Position {symbol}", _plain(quantity)) for symbol, quantity in sight.positions.items()]
    rows += [(f"Open order {order.client_order_id}", order_text(order)) for order in sight.open_orders]
    return Rows("The account before", (text("What"), text("Value")), tuple(rows))


def _own(sight: Sight) -> Rows:
    """Parameters and state of the strategy, and what it changed."""
    columns = (text("What"), text("Name"), text("Value"))
    rows: list[tuple[str, ...]] = []
    if isinstance(sight.params, dict):
        rows += [("parameter", name, _short(value)) for name, value in sight.params.items()]
    if isinstance(sight.state, dict):
        rows += [("state", name, _short(value)) for name, value in sight.state.items()]
    rows += [("changed", one.path, _change(one)) for one in sight.changes]
    rows += [("said", _said(event), _words(event)) for event in sight.beside]
    left = len(rows) - STATE_SHOWN
    note = f"{left} more: --json" if left > 0 else ""
    return Rows("The strategy itself", columns, tuple(rows[:STATE_SHOWN]), note=note)


def _said(event: Event) -> str:
    return str(getattr(event, "strategy", "")) or type(event).__name__


def _change(one: StateChange) -> str:
    return f"{_short(one.before)} -> {_short(one.after)}"


def _short(value: object) -> str:
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return shown if len(shown) <= 120 else f"{shown[:120]}..."


def duration(ns: int) -> str:
    """A time between two steps."""
    if not ns:
        return "+0"
    if abs(ns) < SECOND_NS:
        return f"+{ns / MS_NS:g} ms"
    if abs(ns) < DAY_NS:
        minutes, seconds = divmod(ns / SECOND_NS, 60)
        hours, minutes = divmod(int(minutes), 60)
        return f"+{hours:02d}:{minutes:02d}:{seconds:06.3f}" if hours or minutes else f"+{seconds:.3f} s"
    return f"+{ns / DAY_NS:.2f} days"


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _words(event: Event) -> str:
    """What an event says, in words."""
    match event:
        case OrderIntent(order=order, asked=asked):
            return f"{order.strategy} wants: {order_text(order)}" + (f" (asked {asked})" if asked else "")
        case ExecutionRequested(order=order, algorithm=terms):
            return f"{order.strategy} wants, by {terms.kind.value}: {order_text(order)}"
        case OrderApproved(order=order):
            return f"risk approved {order_text(order)}"
        case OrderDenied(rule=rule, reason=reason, limit=limit, value=value):
            seen = f" (limit {limit}, found {value})" if limit or value else ""
            return f"risk denied it by {rule}: {reason}{seen}"
        case OrderHeld(reason=reason):
            return f"held here: {reason.value}"
        case OrderSubmitted():
            return "sent to the venue"
        case ExecutionReport(kind=kind, reason=reason, quantity=quantity, price=price):
            filled = "" if quantity is None or price is None else f" {_plain(quantity)} at {_plain(price)}"
            return f"the venue reports {kind.value}{filled}" + (f": {reason}" if reason else "")
        case OrderAccepted():
            return "the venue works it"
        case OrderRejected(reason=reason):
            return f"the venue rejected it: {reason}"
        case OrderFilled(side=side, quantity=quantity, price=price, commission=commission, executed_ts=at):
            then = f", executed {iso_utc(at)}" if at and at != event.ts else ""
            word = "bought" if side.value == "buy" else "sold"
            return f"{word} {_plain(quantity)} at {_plain(price)}, commission {_plain(commission)}{then}"
        case OrderCancelled(leaves_quantity=left, reason=reason):
            return f"cancelled, {_plain(left)} not filled" + (f": {reason}" if reason else "")
        case OrderExpired(leaves_quantity=left, reason=reason):
            return f"expired, {_plain(left)} not filled" + (f": {reason}" if reason else "")
        case OrderReplaced(order=order):
            return f"new terms: {order_text(order)}"
        case PositionChanged(quantity=quantity, symbol=symbol, strategy=strategy):
            return f"{strategy} holds {_plain(quantity)} {symbol}"
        case CancelIntent(strategy=strategy):
            return f"{strategy} wants it cancelled"
        case ReplaceIntent(strategy=strategy):
            return f"{strategy} wants new terms"
        case FillCorrected(quantity=quantity, price=price):
            return f"the fill was corrected to {_plain(quantity)} at {_plain(price)}"
        case Bar():
            prices = (event.open, event.high, event.low, event.close)
            shown = "open {:.10g} high {:.10g} low {:.10g} close {:.10g}".format(*prices)
            return f"{shown} volume {event.volume:,.10g} {event.symbol}"
        case Quote():
            sizes = f"{event.bid_size:g} x {event.ask_size:g}"
            return f"bid {event.bid:.10g} ask {event.ask:.10g} ({sizes}) {event.symbol}"
        case Trade():
            return f"{event.size:g} at {event.price:.10g} {event.symbol}"
        case TimerFired(name=name, due_ts=due):
            return f"timer {name!r} due {iso_utc(due)}"
        case StrategyLogged(words=words):
            return words
        case _:
            return " ".join(_fields(event))


def _fields(event: Event) -> Iterator[str]:
    for name in event.__struct_fields__[1:]:
        value = getattr(event, name)
        if value not in ("", None):
            yield f"{name}={_short(plain_of(value))}"
