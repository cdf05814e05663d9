"""Strategies that ask for everything there is, by dice that the event throws.

What is asked for depends on the world's seed, the strategy and the event alone, not on what was asked
before: leaving one input or decision out of a world leaves the others as they are.
"""

from collections.abc import Callable, Iterator
from random import Random

import msgspec

from kernel.events import Event
from kernel.time_units import SECOND_NS
from strategies.sdk import (
    Bar,
    BookDelta,
    BookSnapshot,
    Cancel,
    CancelExecution,
    CancelTimer,
    ClientOrderId,
    Decision,
    Decisions,
    EquityPercent,
    Execute,
    ExecutionRequested,
    Iceberg,
    Leftover,
    Notional,
    OneCancelsOther,
    OneTriggersOther,
    OrderType,
    OrderUpdate,
    Participation,
    PlaceOrder,
    PositionChanged,
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
    TimerFired,
    TimerName,
    Trade,
    Twap,
    Vwap,
)

REACTION = 0.04
"""How often an update of an order is answered by a decision."""

MOST_ANSWERS = 3
"""Answers at one instant: an answer has updates of its own, and worlds must end."""

_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED)
_LIMITS = (
    OrderType.LIMIT,
    OrderType.STOP_LIMIT,
    OrderType.LIMIT_IF_TOUCHED,
    OrderType.LIMIT_ON_OPEN,
    OrderType.LIMIT_ON_CLOSE,
)
_SIZES = (1, 1, 2, 3, 5, 8, 20, 45, 130)


class GamblerState(StrategyState):
    """Worked orders that may still be cancelled, and how often it answered at this instant."""

    worked: list[str] = msgspec.field(default_factory=list[str])
    answered_ts: int = 0
    answer_count: int = 0


class Gambler(Strategy[StrategyParams, GamblerState]):
    """Asks for anything, at any event. ``muted`` are events to which it says nothing."""

    seed: int = 0
    activity: float = 0.6
    muted: frozenset[str] = frozenset()

    def bars_needed(self) -> int:
        return 5

    def on_start(self) -> Decisions:
        return None

    def on_bar(self, bar: Bar) -> Decisions:
        return self._ask(bar, self.activity)

    def on_quote(self, quote: Quote) -> Decisions:
        return self._ask(quote, self.activity)

    def on_trade(self, trade: Trade) -> Decisions:
        return self._ask(trade, self.activity)

    def on_book(self, book: BookSnapshot | BookDelta) -> Decisions:
        return self._ask(book, self.activity / 2)

    def on_timer(self, timer: TimerFired) -> Decisions:
        return self._ask(timer, self.activity)

    def on_order_update(self, update: OrderUpdate) -> Decisions:
        if isinstance(update, ExecutionRequested):
            self.state.worked.append(update.order.client_order_id)
        return self._answer(update)

    def on_position_update(self, position: PositionChanged) -> Decisions:
        return self._answer(position)

    def _answer(self, event: Event) -> Decisions:
        state = self.state
        if state.answered_ts != event.ts:
            state.answered_ts, state.answer_count = event.ts, 0
        if state.answer_count == MOST_ANSWERS:
            return None
        decisions = self._ask(event, REACTION)
        state.answer_count += decisions is not None
        return decisions

    def _ask(self, event: Event, chance: float) -> Decisions:
        key = occasion(self.ctx.strategy, event)
        if key in self.muted:
            return None
        dice = Random(f"{self.seed} {key}")
        if dice.random() >= chance:
            return None
        return self._decisions(dice)

    def _decisions(self, dice: Random) -> Iterator[Decision]:
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            yield dice.choice(_ASKING)(self, dice)

    # --- one of each --------------------------------------------------------------------------

    def price(self, dice: Random, symbol: str, spread: float = 0.03) -> float:
        """A price near the last one, on no tick in particular."""
        last = self.ctx.last_price(symbol) or 100.0
        return round(last * (1.0 + dice.uniform(-spread, spread)), dice.choice((1, 2, 2, 4)))

    def symbol(self, dice: Random) -> str:
        return dice.choice(self.ctx.symbols)

    def order(self, dice: Random, *, symbol: str = "", order_type: OrderType | None = None) -> PlaceOrder:
        """An order that makes sense, of any type and with any instruction that goes with it."""
        symbol = symbol or self.symbol(dice)
        order_type = order_type or dice.choice((OrderType.MARKET, OrderType.LIMIT, *OrderType))
        time_in_force = dice.choice((TimeInForce.GTC, TimeInForce.GTC, *TimeInForce))
        limit = self.price(dice, symbol) if order_type in _LIMITS else None
        stop = self.price(dice, symbol) if order_type in _STOPS else None
        trail = order_type is OrderType.TRAILING_STOP
        by_amount = dice.random() < 0.5
        can_post = limit is not None and time_in_force not in (TimeInForce.IOC, TimeInForce.FOK)
        is_limit = order_type is OrderType.LIMIT
        return PlaceOrder(
            symbol,
            dice.choice((Side.BUY, Side.SELL)),
            dice.choice(_SIZES),
            order_type,
            limit,
            stop,
            time_in_force,
            "",
            self.ctx.now + dice.randint(1, 400 * SECOND_NS) if time_in_force is TimeInForce.GTD else 0,
            can_post and is_limit and dice.random() < 0.2,
            dice.random() < 0.15,
            dice.choice((0.5, 1, 2.5)) if trail and by_amount else None,
            dice.choice((0.5, 1, 4)) if trail and not by_amount else None,
            dice.choice((1, 2, 7)) if is_limit and dice.random() < 0.2 else None,
        )

    def sized(self, dice: Random) -> PlaceOrder:
        amount = dice.choice((Notional(dice.uniform(1, 30_000)), EquityPercent(dice.uniform(0.1, 60))))
        order = self.order(dice, order_type=dice.choice((OrderType.MARKET, OrderType.LIMIT)))
        return msgspec.structs.replace(order, quantity=amount, display_quantity=None)

    def bracket(self, dice: Random) -> PlaceOrder:
        order = self.order(dice, order_type=dice.choice((OrderType.MARKET, OrderType.LIMIT, OrderType.STOP)))
        last = order.limit_price or order.stop_price or self.ctx.last_price(order.symbol) or 100.0
        near, far = dice.uniform(0.001, 0.02), dice.uniform(0.001, 0.02)
        sign = 1 if order.side is Side.BUY else -1
        loss = round(float(last) * (1 - sign * near), 2)
        profit = round(float(last) * (1 + sign * far), 2)
        which = dice.randrange(3)
        return msgspec.structs.replace(
            order,
            stop_loss=None if which == 1 else loss,
            take_profit=None if which == 2 else profit,
            reduce_only=False,
        )

    def group(self, dice: Random) -> OneCancelsOther:
        symbol = self.symbol(dice)
        return OneCancelsOther(tuple(self.order(dice, symbol=symbol) for _ in range(dice.choice((2, 2, 3)))))

    def chain(self, dice: Random) -> OneTriggersOther:
        then = tuple(
            dice.choice((self.group, self.order, self.order))(dice) for _ in range(dice.choice((1, 1, 2)))
        )
        return OneTriggersOther(self.order(dice), then)

    def target(self, dice: Random) -> Target:
        symbol = self.symbol(dice)
        is_limit = dice.random() < 0.3
        by_weight = dice.random() < 0.5
        return Target(
            symbol,
            None if by_weight else dice.choice((-40, -3, 0, 0, 5, 30)),
            round(dice.uniform(-0.8, 1.2), 3) if by_weight else None,
            OrderType.LIMIT if is_limit else OrderType.MARKET,
            self.price(dice, symbol) if is_limit else None,
        )

    def worked(self, dice: Random) -> Execute:
        algorithm = dice.choice(
            (
                Twap(
                    dice.choice((2.0, 30.0, 900.0)),
                    dice.choice((1, 3, 7)),
                    leftover=dice.choice(list(Leftover)),
                ),
                Vwap(dice.choice((5.0, 120.0)), dice.choice(((), (1, 2, 3), (0.2, 0.0, 0.8)))),
                Participation(dice.choice((0.1, 0.5)), dice.choice((0, 2)), dice.choice((0.0, 60.0))),
                Iceberg(dice.choice((1, 3)), dice.choice((0.0, 200.0))),
            )
        )
        is_limit = isinstance(algorithm, Iceberg) or dice.random() < 0.4
        order = self.order(dice, order_type=OrderType.LIMIT if is_limit else OrderType.MARKET)
        plain = msgspec.structs.replace(
            order,
            time_in_force=TimeInForce.GTC,
            expire_ts=0,
            post_only=False,
            reduce_only=False,
            display_quantity=None,
        )
        return Execute(plain, algorithm)

    def cancel(self, dice: Random) -> Cancel:
        return Cancel(self._own(dice))

    def replace(self, dice: Random) -> Replace:
        orders = self.ctx.portfolio.open_orders()
        if not orders:
            return Replace(ClientOrderId("nobody"), quantity=1)
        order = dice.choice(orders)
        has_limit, has_stop = order.limit_price is not None, order.stop_price is not None
        return Replace(
            order.client_order_id,
            dice.choice((None, *_SIZES)),
            self.price(dice, order.symbol) if has_limit and dice.random() < 0.7 else None,
            self.price(dice, order.symbol) if has_stop and dice.random() < 0.7 else None,
        )

    def cancel_worked(self, dice: Random) -> CancelExecution:
        worked = self.state.worked[-3:]
        return CancelExecution(ClientOrderId(dice.choice(worked) if worked else "nothing"))

    def signal(self, dice: Random) -> Signal:
        return Signal(
            self.symbol(dice),
            dice.choice(list(SignalDirection)),
            round(dice.random(), 3),
            f"{self.ctx.portfolio.equity} {len(self.ctx.history(self.symbol(dice), 3))}",
        )

    def timer(self, dice: Random) -> SetTimer:
        every_ns = dice.choice((0, 0, 0, 20 * SECOND_NS))
        due_ts = self.ctx.now + dice.randint(0, 90 * SECOND_NS)
        return SetTimer(TimerName(dice.choice("tuv")), due_ts, every_ns)

    def no_timer(self, dice: Random) -> CancelTimer:
        return CancelTimer(TimerName(dice.choice("tuv")))

    def _own(self, dice: Random) -> ClientOrderId:
        orders = self.ctx.portfolio.open_orders()
        return dice.choice(orders).client_order_id if orders else ClientOrderId("nobody")


_ASKING: tuple[Callable[[Gambler, Random], Decision], ...] = (
    *(Gambler.order,) * 8,
    Gambler.sized,
    *(Gambler.bracket,) * 2,
    *(Gambler.group,) * 2,
    *(Gambler.chain,) * 2,
    *(Gambler.target,) * 2,
    *(Gambler.worked,) * 2,
    *(Gambler.cancel,) * 2,
    *(Gambler.replace,) * 4,
    Gambler.cancel_worked,
    *(Gambler.signal,) * 2,
    Gambler.timer,
    Gambler.no_timer,
)


def occasion(strategy: str, event: Event) -> str:
    """The name of what a strategy was called with."""
    of = getattr(event, "client_order_id", "") or getattr(event, "fill_id", "") or getattr(event, "name", "")
    return f"{strategy} {event.ts} {type(event).__name__} {of}"
