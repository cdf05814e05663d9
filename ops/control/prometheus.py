"""The figures of a daemon in the text format of Prometheus, written by hand: it is some lines of text.

A family has one label at most that grows with the configuration: a symbol, a strategy, a feed. Nothing is
labelled by order, since the series of a past order would never end.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from kernel.events import TradingState
from kernel.time_units import MS_NS, SECOND_NS
from ops.daemon.status import DaemonStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

ZERO = Decimal(0)

Labels = tuple[tuple[str, str], ...]
Sample = tuple[Labels, float]


class Family(msgspec.Struct, frozen=True):
    """The samples of one metric. The name of a ``counter`` ends in ``_total``."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


def exposition(families: Iterable[Family]) -> str:
    """The families as text; those without a sample are left out."""
    return "".join(line for family in families if family.samples for line in _lines(family))


def families_of(status: DaemonStatus, answered: Counter[tuple[str, int]]) -> Iterator[Family]:
    """The metrics of a status. ``answered``: requests to the control API by path and HTTP status."""
    yield from _process(status)
    yield from _engine(status)
    yield from _trading(status)
    yield from _feeds(status)
    yield from _edges(status)
    yield from _venue(status)
    yield from _alerts(status)
    requests = tuple(
        ((("path", path), ("status", str(code))), count) for (path, code), count in sorted(answered.items())
    )
    yield Family("onetape_control_requests_total", "counter", "Requests to the control API.", requests)


def _process(status: DaemonStatus) -> Iterator[Family]:
    about = (("mode", status.mode), ("log", status.log), ("currency", status.currency))
    yield Family("onetape_info", "gauge", "The daemon; always 1.", ((about, 1),))
    yield _gauge("ready", "Recovered, and no feed has failed for good.", status.is_ready)
    yield _gauge("session", "Sessions of the log so far.", status.epoch)
    yield _gauge(
        "start_time_seconds", "Start of the session, since the epoch.", status.started_ts / SECOND_NS
    )
    yield _gauge("memory_bytes", "Resident memory.", status.memory_mb * (1 << 20))
    yield _gauge("tasks", "Tasks of the event loop.", status.tasks)
    yield Family(
        "onetape_component_failing",
        "gauge",
        "Components that get no events: 1 backing off, 2 quarantined.",
        tuple(
            ((("component", name),), 2 if state == "quarantined" else 1)
            for name, state in status.failing.items()
        ),
    )


def _engine(status: DaemonStatus) -> Iterator[Family]:
    yield _gauge("log_seq", "The last durable record.", status.seq)
    yield _gauge("snapshot_seq", "The last record in the newest snapshot.", status.snapshot_seq)
    yield _counter("inputs", "Inputs of all sessions.", status.inputs)
    yield _counter("steps", "Steps of this session; each is one commit.", status.steps)
    yield _counter("inputs_refused", "Malformed inputs of this session.", status.refused)
    yield _gauge("inbox_waiting", "Inputs that wait for the engine.", status.waiting)
    yield _gauge("inbox_waiting_peak", "The most inputs that ever waited.", status.waiting_peak)
    times = (("0.5", status.commit_p50_ms), ("0.99", status.commit_p99_ms))
    yield Family(
        "onetape_commit_seconds",
        "summary",
        "From taking inputs to their being durable, of the last steps.",
        tuple(((("quantile", quantile),), ms * MS_NS / SECOND_NS) for quantile, ms in times),
    )


def _trading(status: DaemonStatus) -> Iterator[Family]:
    yield Family(
        "onetape_trading_state",
        "gauge",
        "1 for the present state of trading, 0 for the others.",
        tuple(((("state", state.value),), state.value == status.trading_state) for state in TradingState),
    )
    yield _gauge("equity", "Equity, in the account's currency.", float(status.equity))
    yield _gauge("cash", "Cash, in the account's currency.", float(status.cash))
    yield Family(
        "onetape_strategy_pnl",
        "gauge",
        "P&L of a strategy since the log began, in the account's currency.",
        tuple(((("strategy", one.strategy),), float(one.net)) for one in status.pnl if one.net is not None),
    )
    quantities, values = dict[str, Decimal](), dict[str, Decimal]()
    for held in status.positions:
        quantities[held.symbol] = quantities.get(held.symbol, ZERO) + Decimal(held.quantity)
        if held.value is not None:
            values[held.symbol] = values.get(held.symbol, ZERO) + Decimal(held.value)
    yield _by_symbol("position", "Net position, in units.", quantities)
    yield _by_symbol("position_value", "Value of the net position, in the account's currency.", values)
    yield _by_symbol(
        "open_orders", "Orders that are not finished.", Counter(one.symbol for one in status.orders)
    )


def _feeds(status: DaemonStatus) -> Iterator[Family]:
    for name, text, kind in (
        ("delivered", "Events that a feed gave the engine.", "delivered"),
        ("quarantined", "Messages of a feed that made no sense.", "quarantined"),
        ("ignored", "Messages of a feed that came twice or too late.", "ignored"),
    ):
        samples = tuple(((("feed", feed.name),), float(getattr(feed, kind))) for feed in status.feeds)
        yield Family(f"onetape_feed_{name}_total", "counter", text, samples)
    sources = [(feed.name, source) for feed in status.feeds for source in feed.sources]
    yield Family(
        "onetape_feed_fresh",
        "gauge",
        "1 if a source delivers.",
        tuple(((("feed", feed), ("source", one.name)), one.is_fresh) for feed, one in sources),
    )
    yield Family(
        "onetape_feed_restarts_total",
        "counter",
        "Restarts of a source in this session.",
        tuple(((("feed", feed), ("source", one.name)), one.restarts) for feed, one in sources),
    )


def _edges(status: DaemonStatus) -> Iterator[Family]:
    for name, kind, text, field in (
        ("waiting", "gauge", "Events that wait for an edge.", "depth"),
        ("failures_total", "counter", "Events that an edge could not handle.", "failures"),
        ("conflated_total", "counter", "Events that a later one replaced.", "conflated"),
    ):
        samples = tuple(((("edge", lane.edge),), float(getattr(lane, field))) for lane in status.lanes)
        yield Family(f"onetape_edge_{name}", kind, text, samples)


def _venue(status: DaemonStatus) -> Iterator[Family]:
    venue = status.venue
    if venue is not None:
        yield _gauge("venue_connected", "1 if orders can leave.", venue.is_connected)
        yield _gauge("venue_doubtful", "Requests whose outcome is unknown.", venue.doubtful)
        yield _counter("venue_orders_sent", "Orders that left in this session.", venue.sent)
        yield _counter("venue_orders_held_back", "Orders that the last look held back.", venue.refused)
        yield _counter("venue_restarts", "Restarts of the connection in this session.", venue.restarts)


def _alerts(status: DaemonStatus) -> Iterator[Family]:
    open_ones = Counter((one.rule, one.severity.value) for one in status.alerts.open)
    yield Family(
        "onetape_alerts_open",
        "gauge",
        "Alerts that are open.",
        tuple(((("rule", rule), ("severity", severity)), n) for (rule, severity), n in open_ones.items()),
    )
    for name, kind, text, field in (
        ("waiting", "gauge", "Messages that wait for a channel.", "waiting"),
        ("delivered_total", "counter", "Messages that a channel took in this session.", "delivered"),
        ("given_up_total", "counter", "Messages that a channel did not take.", "given_up"),
        ("dropped_total", "counter", "Messages that found no room.", "dropped"),
    ):
        channels = status.alerts.channels
        samples = tuple(((("channel", one.name),), float(getattr(one, field))) for one in channels)
        yield Family(f"onetape_alert_messages_{name}", kind, text, samples)


def _gauge(name: str, text: str, value: float) -> Family:
    return Family(f"onetape_{name}", "gauge", text, (((), value),))


def _counter(name: str, text: str, value: float) -> Family:
    return Family(f"onetape_{name}_total", "counter", text, (((), value),))


def _by_symbol(name: str, text: str, figures: Mapping[str, Decimal | int]) -> Family:
    samples = tuple(((("symbol", symbol),), float(value)) for symbol, value in figures.items())
    return Family(f"onetape_{name}", "gauge", text, samples)


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help}\n"
    yield f"# TYPE {family.name} {family.kind}\n"
    for labels, value in family.samples:
        inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
        yield f"{family.name}{f'{{{inner}}}' if inner else ''} {_number(value)}\n"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
