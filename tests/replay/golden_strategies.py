"""The strategies of the wide golden log; no test is in here, so that a run can record this file as source."""

from strategies.sdk import (
    Bar,
    Decisions,
    Execute,
    Leftover,
    Metadata,
    OneCancelsOther,
    OrderType,
    Participation,
    PlaceOrder,
    SetTimer,
    Side,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
    TimeInForce,
    TimerFired,
    TimerName,
    Twap,
    buy,
    sell,
)

MINUTE_S = 60.0
MINUTE_NS = 60_000_000_000


class Nothing(StrategyParams, frozen=True):
    """No parameters."""


class Seen(StrategyState):
    """How many bars of A were seen, and timers."""

    bars: int = 0
    timers: int = 0


class Orders(Strategy[Nothing, Seen]):
    """Sends orders of each kind in turn, one every third bar of A, and holds what expires."""

    metadata = Metadata(name="orders")

    def on_bar(self, bar: Bar) -> Decisions:
        if bar.symbol != "A":
            return buy(bar.symbol, 3) if not self.ctx.portfolio.position(bar.symbol) else None
        self.state.bars += 1
        place, rest = divmod(self.state.bars, 3)
        return self._next(bar, place % 10) if not rest else None

    def on_timer(self, timer: TimerFired) -> Decisions:
        self.state.timers += 1
        return sell("A", 1, tag=timer.name)

    def _next(self, bar: Bar, place: int) -> Decisions:
        close, until = round(bar.close, 2), bar.ts + 4 * MINUTE_NS
        match place:
            case 0:
                return SetTimer(TimerName(f"silence|{place}|A"), bar.ts + MINUTE_NS + 1)
            case 1:
                return Execute(buy("A", 40), Twap(4 * MINUTE_S, 4, leftover=Leftover.MARKET))
            case 2:
                order = PlaceOrder("A", Side.SELL, 60, OrderType.LIMIT, limit_price=round(close * 1.02, 2))
                return Execute(order, Twap(4 * MINUTE_S, 4))
            case 3:
                return PlaceOrder(
                    "A",
                    Side.BUY,
                    10,
                    OrderType.STOP,
                    stop_price=round(close * 1.05, 2),
                    time_in_force=TimeInForce.GTD,
                    expire_ts=until,
                )
            case 4:
                price = round(close * 0.97, 2)
                return PlaceOrder(
                    "A", Side.BUY, 5, OrderType.LIMIT, limit_price=price, time_in_force=TimeInForce.IOC
                )
            case 5:
                return Execute(sell("A", 30), Participation(0.02, duration_s=3 * MINUTE_S))
            case 6:
                return PlaceOrder("A", Side.SELL, 8, OrderType.MARKET_ON_CLOSE)
            case 7:
                price = round(close * 0.98, 2)
                return PlaceOrder(
                    "A", Side.BUY, 6, OrderType.LIMIT, limit_price=price, time_in_force=TimeInForce.DAY
                )
            case 8:
                profit = PlaceOrder("A", Side.SELL, 9, OrderType.LIMIT, limit_price=round(close * 1.003, 2))
                loss = PlaceOrder("A", Side.SELL, 9, OrderType.STOP, stop_price=round(close * 0.997, 2))
                return OneCancelsOther((profit, loss))
            case _:
                return PlaceOrder(
                    "A", Side.BUY, 20, stop_loss=round(close * 0.99, 2), take_profit=round(close * 1.01, 2)
                )


class Opinions(Strategy[Nothing, Seen]):
    """Says long and short in turn."""

    metadata = Metadata(name="opinions")

    def on_bar(self, bar: Bar) -> Decisions:
        if bar.symbol != "B":
            return None
        self.state.bars += 1
        turn, rest = divmod(self.state.bars, 20)
        if rest:
            return None
        direction = SignalDirection.SHORT if turn % 2 else SignalDirection.LONG
        stop = round(bar.close * (1.05 if turn % 2 else 0.95), 2)
        return Signal("B", direction, stop_loss=stop)


class Failing(Strategy[Nothing, Seen]):
    """Raises now and then."""

    metadata = Metadata(name="failing")

    def on_bar(self, bar: Bar) -> Decisions:  # noqa: ARG002  # the hook's signature
        self.state.bars += 1
        if self.state.bars in (20, 90):
            raise ValueError("on purpose")
        return None
