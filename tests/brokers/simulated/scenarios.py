"""Reads the table of scenarios in ``docs/execution.md`` and plays its rows through the assembled core.

An order of a row enters as approved: orders of record, the venue and the portfolio are the real ones. The
notation is explained above the table.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from brokers.simulated.config import SimulatedBrokerConfig
from components.assembly.core import Core
from kernel.events import (
    ApprovedOrder,
    Bar,
    BookSnapshot,
    CalendarDefined,
    CashMoved,
    Event,
    InstrumentDefined,
    OrderApproved,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderType,
    PriceLevel,
    Quote,
    SessionStarted,
    Side,
    TimeInForce,
    Trade,
    TradingSession,
)
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.time_units import MINUTE_NS as MINUTE
from tests.components.sample_core import core_with

START = 1_600_000 * MINUTE
"""Minute 0 of every scenario, which a session opens with."""

_NUMBER = r"-?\d+(?:\.\d+)?"
_BAR = re.compile(rf"({_NUMBER})/({_NUMBER})/({_NUMBER})/({_NUMBER})(?:v({_NUMBER}))?(d)?")
_QUOTE = re.compile(rf"({_NUMBER})x({_NUMBER})(?:\*({_NUMBER})x({_NUMBER}))?")
_TRADE = re.compile(rf"@({_NUMBER})(?:\*({_NUMBER}))?")
_FLAGS = {"post-only": "post_only", "reduce-only": "reduce_only"}
_ENDS = {OrderRejected: "rejected", OrderCancelled: "cancelled", OrderExpired: "expired"}


@dataclass(frozen=True)
class Scenario:
    """One row of the table, as text."""

    name: str
    model: str
    orders: str
    market: str
    fills: str


def read_table(page: str) -> Iterator[Scenario]:
    """The rows of tables that begin with the column ``id``."""
    in_table = False
    for line in page.splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("|"):
            in_table = False
        elif cells[0] == "id":
            in_table = True
        elif in_table and not line.startswith("| ---"):
            yield Scenario(*cells)


def play(scenario: Scenario) -> str:
    """The fills and endings, in the notation of the table's last column."""
    orders = dict(_orders(scenario.orders))
    names = len(orders) > 1
    core = _core(scenario.model)
    ts, number, said = START, 0, list[str]()
    is_placed = False
    for token in scenario.market.split():
        if token.startswith(">"):
            is_placed = True
            chosen = [orders[name] for name in token[1:].split(",")] if token[1:] else list(orders.values())
            for one in chosen:
                said += _hear(core, number, _approved(one, ts), names=names)
            continue
        number += is_placed
        if token.startswith("~"):
            ts += int(token[1:]) * MINUTE
            core.bus.advance(ts)
            said += _say(core.bus.take_derived().events, number, names=names)
            continue
        event = _market_event(token, ts + MINUTE)
        ts = event.ts
        said += _hear(core, number, event, names=names)
    return ", ".join(said) or "none"


def _core(model: str) -> Core:
    options = {"lot": "1"}
    settings: dict[str, object] = {}
    for part in [] if model == "-" else model.split():
        key, _, value = part.partition("=")
        match = re.fullmatch(r"(\w+)\((.*)\)", value)
        if key in ("calendar", "lot"):
            options[key] = value
        elif match is not None:
            params = dict(pair.split(":") for pair in match[2].split(","))
            settings[key] = {"model": match[1], "params": params}
        else:
            settings[key] = value.split(",") if key == "lacks" else value
    config = msgspec.convert(settings, SimulatedBrokerConfig, strict=False)
    core = core_with({}, symbols=("A",), broker=config)
    calendar = "C" if "calendar" in options else ""
    sessions = tuple(
        TradingSession(20200101 + day, START + 10 * day * MINUTE, START + (10 * day + 4) * MINUTE)
        for day in range(20)
    )
    core.bus.dispatch(
        (
            CalendarDefined(START, "C", sessions),
            InstrumentDefined(START, "A", lot_size=Decimal(options["lot"]), calendar=calendar),
            CashMoved(START, Decimal(1_000_000)),
            SessionStarted(START, 1, "backtest", "", ""),
        )
    )
    core.bus.take_derived()
    return core


def _hear(core: Core, number: int, event: Event, *, names: bool) -> list[str]:
    core.bus.dispatch((event,))
    return _say(core.bus.take_derived().events, number, names=names)


def _say(events: Sequence[Event], number: int, *, names: bool) -> list[str]:
    said: list[str] = []
    for event in events:
        match event:
            case OrderFilled(client_order_id=key, quantity=quantity, price=price):
                what = f"{quantity.normalize():f}@{price.normalize():f}"
            case OrderReplaced(order=order):
                key, what = order.client_order_id, f"now {order.quantity.normalize():f}"
            case OrderRejected() | OrderCancelled() | OrderExpired():
                key, what = event.client_order_id, _ENDS[type(event)]
            case _:
                continue
        said.append(f"{number}: {key} {what}" if names else f"{number}: {what}")
    return said


def _approved(order: ApprovedOrder, ts: int) -> OrderApproved:
    expire_ts = ts + order.expire_ts * MINUTE if order.expire_ts else 0
    return OrderApproved(ts, msgspec.structs.replace(order, expire_ts=expire_ts))


def _orders(text: str) -> Iterator[tuple[str, ApprovedOrder]]:
    for place, part in enumerate(text.split(";")):
        words = part.split()
        name = words.pop(0).rstrip(":") if words[0].endswith(":") else "abcdefgh"[place]
        yield name, _order(name, words)


def _order(name: str, words: list[str]) -> ApprovedOrder:
    side, quantity = Side(words.pop(0)), Decimal(words.pop(0))
    terms: dict[str, object] = {}
    kind: OrderType | None = None
    while words:
        word = words.pop(0)
        if word in _FLAGS:
            terms[_FLAGS[word]] = True
        elif word in {each.value for each in OrderType} and word not in ("limit", "stop"):
            kind = OrderType(word)
        elif word in {each.value for each in TimeInForce}:
            terms["time_in_force"] = TimeInForce(word)
            if word == "gtd":
                terms["expire_ts"] = int(words.pop(0))
        elif word == "trail" and words[0].endswith("%"):
            terms["trail_percent"] = Decimal(words.pop(0).rstrip("%"))
        elif word == "group":
            terms["group_id"] = words.pop(0)
        else:
            field = {"limit": "limit_price", "stop": "stop_price", "trail": "trail_amount"}
            terms[field.get(word, "display_quantity")] = Decimal(words.pop(0))
    order = ApprovedOrder(ClientOrderId(name), StrategyId("s"), "A", side, kind or _kind_of(terms), quantity)
    return msgspec.structs.replace(order, **terms)


def _kind_of(terms: dict[str, object]) -> OrderType:
    """The type that follows from the prices given."""
    if "trail_amount" in terms or "trail_percent" in terms:
        return OrderType.TRAILING_STOP
    if "stop_price" in terms:
        return OrderType.STOP_LIMIT if "limit_price" in terms else OrderType.STOP
    return OrderType.LIMIT if "limit_price" in terms else OrderType.MARKET


def _market_event(token: str, ts: int) -> Event:
    if match := _BAR.fullmatch(token):
        opened, high, low, close = (float(match[place]) for place in (1, 2, 3, 4))
        length = 10 if match[6] else 1
        ts += (length - 1) * MINUTE
        frame = "1d" if match[6] else "1m"
        return Bar(ts, "A", frame, opened, high, low, close, float(match[5] or 1_000), ts - length * MINUTE)
    if match := _QUOTE.fullmatch(token):
        return Quote(ts, "A", float(match[1]), float(match[2]), float(match[3] or 0), float(match[4] or 0))
    if match := _TRADE.fullmatch(token):
        return Trade(ts, "A", float(match[1]), float(match[2] or 1_000))
    bids, _, asks = token.partition("..")
    return BookSnapshot(ts, "A", _levels(bids), _levels(asks))


def _levels(text: str) -> tuple[PriceLevel, ...]:
    return tuple(
        PriceLevel(float(price), float(size)) for price, size in (part.split("*") for part in text.split(","))
    )
