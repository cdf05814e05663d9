"""A strategy that says nothing sensible: each decision comes with the word that its refusal must contain."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import inf, nan
from random import Random
from typing import cast

import msgspec

from kernel.events import Event, OrderDenied, SessionStopped
from strategies.sdk import (
    Bar,
    Cancel,
    ClientOrderId,
    Decision,
    DecisionRefused,
    Decisions,
    EquityPercent,
    Execute,
    ExecutionFinished,
    Iceberg,
    Notional,
    OneCancelsOther,
    OneTriggersOther,
    OrderType,
    OrderUpdate,
    Participation,
    PlaceOrder,
    Quote,
    Replace,
    SetTimer,
    Side,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
    Target,
    TimeInForce,
    TimerName,
    Trade,
    Twap,
    Vwap,
    buy,
    sell,
)

NOBODY = ClientOrderId("nobody")
UNKNOWN = "NO SUCH SYMBOL"
A = "A"


def wrong(value: object) -> float:
    """A value that the type checker would not let through; strategies are not type-checked."""
    return cast(float, value)  # on purpose: annotations bind no strategy


GOOD = buy(A, 1)
NONSENSE: Mapping[str, tuple[Decision, str]] = {
    "nan": (buy(A, nan), "finite"),
    "inf": (sell(A, inf), "finite"),
    "minus inf": (sell(A, -inf), "finite"),
    "nan of Decimal": (buy(A, Decimal("NaN")), "finite"),
    "signalling nan": (buy(A, Decimal("sNaN")), "finite"),
    "negative": (buy(A, -5), "-5"),
    "zero": (buy(A, 0), "lot"),
    "a crumb": (buy(A, 0.0001), "lot"),
    "far too much": (buy(A, 1e30), "beyond"),
    "text": (buy(A, wrong("ten")), "str"),
    "nothing": (buy(A, wrong(None)), "NoneType"),
    "truth": (buy(A, wrong(True)), "bool"),
    "complex": (buy(A, wrong(1j)), "complex"),
    "list": (buy(A, wrong([1])), "list"),
    "unknown symbol": (buy(UNKNOWN, 1), "price"),
    "symbol of bytes": (buy(cast(str, b"A"), 1), "bytes"),  # on purpose, as above
    "symbol of surrogates": (buy("\ud800", 1), "surrogates"),
    "limit nan": (buy(A, 1, limit=nan), "finite"),
    "limit inf": (buy(A, 1, limit=inf), "finite"),
    "limit negative": (buy(A, 1, limit=-3), "positive"),
    "limit zero": (buy(A, 1, limit=0), "positive"),
    "limit text": (buy(A, 1, limit=wrong("cheap")), "str"),
    "stop nan": (sell(A, 1, stop=nan), "finite"),
    "stop zero": (sell(A, 1, stop=0.0), "positive"),
    "side": (PlaceOrder(A, cast(Side, "hold"), 1), "hold"),  # on purpose
    "order type": (PlaceOrder(A, Side.BUY, 1, cast(OrderType, "maybe")), "maybe"),  # on purpose
    "type of order type": (PlaceOrder(A, Side.BUY, 1, cast(OrderType, 7)), "int"),  # on purpose
    "time in force": (buy(A, 1, time_in_force=cast(TimeInForce, "soon")), "soon"),  # on purpose
    "market with limit": (PlaceOrder(A, Side.BUY, 1, OrderType.MARKET, 100), "limit price"),
    "limit without": (PlaceOrder(A, Side.BUY, 1, OrderType.LIMIT), "limit price"),
    "stop without": (PlaceOrder(A, Side.BUY, 1, OrderType.STOP), "stop price"),
    "on open with stop": (PlaceOrder(A, Side.BUY, 1, OrderType.MARKET_ON_OPEN, None, 5), "stop price"),
    "gtd without end": (buy(A, 1, time_in_force=TimeInForce.GTD), "expire_ts"),
    "gtd in the past": (buy(A, 1, time_in_force=TimeInForce.GTD, expire_ts=1), "expire_ts"),
    "end of a gtc": (buy(A, 1, expire_ts=2**60), "expire_ts"),
    "end as float": (
        buy(A, 1, time_in_force=TimeInForce.GTD, expire_ts=cast(int, 1e18)),
        "float",
    ),  # on purpose
    "end beyond": (buy(A, 1, time_in_force=TimeInForce.GTD, expire_ts=2**80), "expire_ts"),
    "two trails": (sell(A, 1, trail_amount=1, trail_percent=1), "both"),
    "no trail": (PlaceOrder(A, Side.SELL, 1, OrderType.TRAILING_STOP), "trail"),
    "trail of nan": (sell(A, 1, trail_percent=nan), "finite"),
    "trail of all": (sell(A, 1, trail_percent=100), "trail percent"),
    "trail of a limit": (PlaceOrder(A, Side.BUY, 1, OrderType.LIMIT, 5, trail_amount=1), "trail"),
    "posted market": (buy(A, 1, post_only=True), "post-only"),
    "posted ioc": (buy(A, 1, limit=5, post_only=True, time_in_force=TimeInForce.IOC), "post-only"),
    "posted maybe": (buy(A, 1, limit=5, post_only=cast(bool, "yes")), "post_only"),  # on purpose
    "reduce perhaps": (buy(A, 1, reduce_only=cast(bool, 1)), "reduce_only"),  # on purpose
    "iceberg at market": (buy(A, 10, display_quantity=1), "limit"),
    "iceberg of nothing": (buy(A, 10, limit=5, display_quantity=0), "lot"),
    "iceberg of nan": (buy(A, 10, limit=5, display_quantity=nan), "finite"),
    "tag": (buy(A, 1, tag=cast(str, 5)), "tag"),  # on purpose
    "loss of nan": (buy(A, 1, stop_loss=nan), "finite"),
    "profit below": (buy(A, 1, stop_loss=-1), "positive"),
    "exits crossed": (buy(A, 1, stop_loss=120, take_profit=80), "take"),
    "worth nan": (buy(A, Notional(nan)), "finite"),
    "worth less than nothing": (buy(A, Notional(-100)), "-100"),
    "worth a text": (buy(A, Notional(wrong("much"))), "str"),
    "percent of inf": (buy(A, EquityPercent(inf)), "finite"),
    "percent below": (buy(A, EquityPercent(-1)), "-1"),
    "worth of unknown": (buy(UNKNOWN, Notional(100)), "price"),
    "no target": (Target(A), "position"),
    "two targets": (Target(A, 1, 0.5), "position"),
    "target nan": (Target(A, nan), "finite"),
    "target weight inf": (Target(A, weight=inf), "finite"),
    "target text": (Target(A, wrong("all")), "str"),
    "target unknown": (Target(UNKNOWN, weight=0.5), "price"),
    "group of one": (OneCancelsOther((GOOD,)), "2 orders"),
    "group of none": (OneCancelsOther(()), "got 0"),
    "group of no tuple": (OneCancelsOther(cast("tuple[PlaceOrder, ...]", 5)), "int"),  # on purpose
    "group of two symbols": (OneCancelsOther((GOOD, buy("B", 1))), "symbol"),
    "group with a bad one": (OneCancelsOther((GOOD, buy(A, nan))), "finite"),
    "group of texts": (OneCancelsOther(cast("tuple[PlaceOrder, ...]", ("buy", "sell"))), "str"),  # on purpose
    "chain of nothing": (OneTriggersOther(GOOD, ()), "got 0"),
    "chain from text": (OneTriggersOther(cast(PlaceOrder, "buy"), (GOOD,)), "str"),  # on purpose
    "chain to nan": (OneTriggersOther(GOOD, (buy(A, nan),)), "finite"),
    "worked nan": (Execute(GOOD, Twap(nan, 3)), "finite"),
    "worked in no steps": (Execute(GOOD, Twap(10.0, 0)), "step"),
    "worked in half steps": (Execute(GOOD, Twap(10.0, cast(int, 2.5))), "step"),  # on purpose
    "worked by text": (Execute(GOOD, cast(Twap, "twap")), "str"),  # on purpose
    "worked text": (Execute(cast(PlaceOrder, "buy"), Twap(10.0, 2)), "str"),  # on purpose
    "worked stop": (Execute(sell(A, 1, stop=5), Twap(10.0, 2)), "stop"),
    "worked bracket": (Execute(buy(A, 1, stop_loss=5), Twap(10.0, 2)), "exits"),
    "worked day": (Execute(buy(A, 1, time_in_force=TimeInForce.DAY), Twap(10.0, 2)), "day"),
    "worked weights": (Execute(GOOD, Vwap(10.0, (nan, 1.0))), "finite"),
    "worked negative weights": (Execute(GOOD, Vwap(10.0, (-1.0, 1.0))), "weight"),
    "worked rate": (Execute(GOOD, Participation(5.0)), "rate"),
    "worked rate of nan": (Execute(GOOD, Participation(nan)), "finite"),
    "worked iceberg at market": (Execute(GOOD, Iceberg(1)), "limit"),
    "worked unknown": (Execute(buy(UNKNOWN, 5, limit=5), Iceberg(1)), "price"),
    "cancel number": (Cancel(cast(ClientOrderId, 5)), "int"),  # on purpose
    "replace nan": (Replace(NOBODY, quantity=nan), "finite"),
    "replace negative": (Replace(NOBODY, limit_price=-1), "positive"),
    "replace text": (Replace(NOBODY, quantity=wrong("more")), "str"),
    "signal too strong": (Signal(A, SignalDirection.LONG, 5.0), "5.0"),
    "signal nan": (Signal(A, SignalDirection.LONG, nan), "finite"),
    "signal nowhere": (Signal(A, cast(SignalDirection, "up")), "up"),  # on purpose
    "signal stop": (Signal(A, SignalDirection.LONG, 1.0, stop_loss=nan), "finite"),
    "timer before time": (SetTimer(TimerName("t"), -5), "-5"),
    "timer too fast": (SetTimer(TimerName("t"), 5, 10), "every_ns"),
    "timer of float": (SetTimer(TimerName("t"), cast(int, 1.5)), "float"),  # on purpose
    "a text": (cast(Decision, "buy"), "str"),  # on purpose
    "a number": (cast(Decision, 42), "int"),  # on purpose
    "a type": (cast(Decision, PlaceOrder), "StructMeta"),  # on purpose
    "none": (cast(Decision, None), "NoneType"),  # on purpose
    "an event": (cast(Decision, SessionStopped(0, 1)), "SessionStopped"),  # on purpose
}
"""By name: a decision that makes no sense, and a word of the sentence that says why."""


class FoolState(StrategyState):
    """What was asked for, by name, and what was heard of it."""

    asked: list[str] = msgspec.field(default_factory=list[str])
    heard: list[str] = msgspec.field(default_factory=list[str])


class Fool(Strategy[StrategyParams, FoolState]):
    """Says something that makes no sense at every other event, in a list and never alone."""

    seed: int = 0
    muted: frozenset[str] = frozenset()

    def on_bar(self, bar: Bar) -> Decisions:
        return self._babble(bar)

    def on_quote(self, quote: Quote) -> Decisions:
        return self._babble(quote)

    def on_trade(self, trade: Trade) -> Decisions:
        return self._babble(trade)

    def on_order_update(self, update: OrderUpdate) -> Decisions:
        reason = refusal_in(update)
        if reason:
            self.state.heard.append(reason)
        return None

    def _babble(self, event: Event) -> Iterator[Decision]:
        key = f"{self.ctx.strategy} {event.ts}"
        dice = Random(f"{self.seed} {key}")
        if key not in self.muted and dice.random() < 0.5 and self.ctx.last_price(A) is not None:
            name = dice.choice(sorted(NONSENSE))
            self.state.asked.append(name)
            yield NONSENSE[name][0]


def refusal_in(event: Event) -> str:
    """Why something that was asked for was not even begun; empty for any other event."""
    match event:
        case DecisionRefused() | OrderDenied():
            return event.reason
        case ExecutionFinished(reason=reason) if reason.startswith("refused"):
            return reason
        case _:
            return ""
