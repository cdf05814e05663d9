"""Strategies that only tests need; no test is in here, so that a run can record this file as source."""

from decimal import Decimal
from statistics import fmean

from msgspec import field

from strategies.sdk import (
    Bar,
    Cancel,
    Decision,
    Decisions,
    Metadata,
    Quote,
    Replace,
    SetTimer,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
    TimerFired,
    TimerName,
    buy,
    sell,
)


class CrossParams(StrategyParams, frozen=True):
    """``sizes`` of the trades in their order, in units; once they are used up, nothing is traded."""

    fast: int = 10
    slow: int = 30
    sizes: tuple[int, ...] = ()


class CrossState(StrategyState):
    """How many trades were begun, and the position asked for."""

    trades: int = 0
    target: int = 0


class ScriptedCross(Strategy[CrossParams, CrossState]):
    """Stop and reverse at crossings of two averages, in sizes that it is told."""

    metadata = Metadata(name="scripted_cross")

    def bars_needed(self) -> int:
        return self.params.slow + 1

    def on_bar(self, bar: Bar) -> Decisions:
        params, state = self.params, self.state
        closes = [past.close for past in self.ctx.history(bar.symbol, params.slow + 1)]
        if len(closes) <= params.slow or state.trades == len(params.sizes):
            return None
        was = fmean(closes[-params.fast - 1 : -1]) - fmean(closes[:-1])
        now = fmean(closes[-params.fast :]) - fmean(closes[1:])
        if was <= 0 < now:
            return self._turn(bar.symbol, params.sizes[state.trades])
        if was >= 0 > now:
            return self._turn(bar.symbol, -params.sizes[state.trades])
        return None

    def _turn(self, symbol: str, target: int) -> Decisions:
        change, self.state.target = target - self.state.target, target
        self.state.trades += 1
        return buy(symbol, change) if change > 0 else sell(symbol, -change)


class PriceCrossParams(StrategyParams, frozen=True):
    """Bars in the average, units to buy."""

    period: int = 15
    quantity: int = 1
    at_crossing: bool = True


class PriceCross(Strategy[PriceCrossParams, StrategyState]):
    """Buy when the close is above its average (or has just crossed it), sell when below."""

    metadata = Metadata(name="price_cross")

    def bars_needed(self) -> int:
        return self.params.period + 1

    def on_bar(self, bar: Bar) -> Decisions:
        period = self.params.period
        closes = [past.close for past in self.ctx.history(bar.symbol, period + 1)]
        is_ready = len(closes) > period if self.params.at_crossing else len(closes) >= period
        if not is_ready or self.ctx.portfolio.open_orders():
            return None
        now = bar.close - fmean(closes[-period:])
        was = closes[-2] - fmean(closes[:period]) if self.params.at_crossing else 0.0
        held = self.ctx.portfolio.position(bar.symbol)
        if not held and was <= 0 < now:
            return buy(bar.symbol, self.params.quantity)
        if held and was >= 0 > now:
            return sell(bar.symbol, held)
        return None


class OnceParams(StrategyParams, frozen=True):
    """What to buy at the bar of this number, counted from 1: whole units for ``weight`` of the equity,
    or ``quantity``; with ``stop_below``, on a stop this far below the last close.
    """

    at_bar: int = 1
    weight: Decimal | None = None
    quantity: int = 1
    stop_below: Decimal | None = None


class OnceState(StrategyState):
    """Bars seen."""

    bars: int = 0


class BuyOnce(Strategy[OnceParams, OnceState]):
    """One order, then nothing."""

    metadata = Metadata(name="buy_once")

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        if self.state.bars != self.params.at_bar:
            return None
        close = Decimal(repr(bar.close))
        if self.params.stop_below is not None:
            return buy(bar.symbol, self.params.quantity, stop=close - self.params.stop_below)
        if self.params.weight is None:
            return buy(bar.symbol, self.params.quantity)
        return buy(bar.symbol, self.ctx.portfolio.equity * self.params.weight // close)


class RandomState(StrategyState):
    """What it asked for, so that the state is part of what is compared."""

    asked: list[str] = field(default_factory=list)


class RandomParams(StrategyParams, frozen=True):
    """How often it acts, 0 to 1."""

    activity: float = 0.6


class RandomOrders(Strategy[RandomParams, RandomState]):
    """Every kind of decision, by the dice of ``ctx.random``."""

    metadata = Metadata(name="random_orders")

    def on_start(self) -> Decisions:
        return SetTimer(TimerName("tick"), self.ctx.now + 1, 90_000_000_000_000)

    def on_timer(self, timer: TimerFired) -> Decisions:
        direction = self.ctx.random.choice(list(SignalDirection))
        return Signal(self.ctx.symbols[0], direction, reason=str(timer.due_ts % 1000))

    def on_bar(self, bar: Bar) -> Decisions:
        return self._act(bar.symbol, bar.close)

    def on_quote(self, quote: Quote) -> Decisions:
        return self._act(quote.symbol, (quote.bid + quote.ask) / 2)

    def _act(self, symbol: str, price: float) -> list[Decision] | None:
        dice = self.ctx.random
        if dice.random() > self.params.activity:
            return None
        order = dice.choice((buy, sell))
        quantity = dice.randint(1, 20)
        near, far = round(price * dice.uniform(0.97, 1.03), 2), round(price * dice.uniform(0.95, 1.05), 2)
        kind = dice.choice(("market", "limit", "stop", "stop_limit", "cancel", "replace"))
        self.state.asked.append(kind)
        working = self.ctx.portfolio.open_orders(symbol)
        if kind == "market":
            return [order(symbol, quantity)]
        if kind == "limit":
            return [order(symbol, quantity, limit=near)]
        if kind == "stop":
            return [order(symbol, quantity, stop=near)]
        if kind == "stop_limit":
            return [order(symbol, quantity, stop=near, limit=far)]
        if not working:
            return None
        chosen = dice.choice(list(working))
        if kind == "cancel":
            return [Cancel(chosen.client_order_id)]
        return [Replace(chosen.client_order_id, quantity=quantity)]
