"""The strategies of the golden log about accounts; no test is in here, so that a run can record this file."""

from strategies.sdk import (
    Bar,
    Decisions,
    Execute,
    Iceberg,
    Metadata,
    OrderType,
    Participation,
    PlaceOrder,
    Replace,
    Side,
    Strategy,
    StrategyParams,
    StrategyState,
    TimeInForce,
    buy,
    sell,
    target_weight,
)

SECOND_NS = 1_000_000_000


class Nothing(StrategyParams, frozen=True):
    """No parameters."""


class Seen(StrategyState):
    """The bars so far, and the id of the last order."""

    bars: int = 0
    last_order: str = ""


class Levered(Strategy[Nothing, Seen]):
    """Takes four times its equity now and then, and holds it until the broker ends that."""

    metadata = Metadata(name="levered")

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        if self.state.bars in (3, 21, 39):
            return target_weight(bar.symbol, 3.5)
        return None


class Fractions(Strategy[Nothing, Seen]):
    """Asks for what is not in whole lots, and logs what it knows."""

    metadata = Metadata(name="fractions")

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        past = self.ctx.history(bar.symbol, 6)
        found = len(self.ctx.data_quality(bar.symbol))
        self.ctx.log("seen", bars=len(past), first=past[0].close, found=found)
        return self._next(bar, round(past[0].close, 2))

    def _next(self, bar: Bar, price: float) -> Decisions:
        match self.state.bars % 9:
            case 0:
                return buy(bar.symbol, 10.5, limit=price, time_in_force=TimeInForce.DAY)
            case 1:
                return buy(bar.symbol, 3, limit=round(price * 0.9, 2), tag="to be replaced")
            case 2:
                for order in self.ctx.portfolio.open_orders(bar.symbol):
                    if order.tag:
                        return Replace(order.client_order_id, quantity=2.5)
                return None
            case 3:
                return target_weight(bar.symbol, 0.0000001)
            case 4:
                return buy(bar.symbol, 12, limit=price, display_quantity=2.5)
            case 5:
                part = Participation(0.05, part_quantity=1.5, duration_s=3 * 86_400.0)
                return Execute(buy(bar.symbol, 9), part)
            case 6:
                return Execute(sell(bar.symbol, 4, limit=round(price * 0.98, 2)), Iceberg(1.5))
            case 7:
                return PlaceOrder(
                    bar.symbol,
                    Side.SELL,
                    2,
                    OrderType.STOP,
                    stop_price=round(bar.close * 0.99, 2),
                    time_in_force=TimeInForce.DAY,
                )
            case _:
                return PlaceOrder(
                    bar.symbol,
                    Side.BUY,
                    1,
                    OrderType.LIMIT,
                    limit_price=round(bar.close * 0.99, 2),
                    time_in_force=TimeInForce.GTD,
                    expire_ts=bar.ts + 5_400 * SECOND_NS,
                )


class Hours(Strategy[Nothing, Seen]):
    """Trades bars that do not say when they opened, with orders that the venue does not have."""

    metadata = Metadata(name="hours")

    def bars_needed(self) -> int:
        """More than there are."""
        return 200

    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        match self.state.bars % 8:
            case 1:
                return buy(bar.symbol, 2, tag="in")
            case 3:
                return sell(bar.symbol, 1, trail_amount=0.3, time_in_force=TimeInForce.DAY)
            case 5:
                return sell(bar.symbol, 1, stop=round(bar.close - 0.1, 2))
            case 7:
                stop = round(bar.close + 0.1, 2)
                return PlaceOrder(bar.symbol, Side.BUY, 1, OrderType.MARKET_IF_TOUCHED, stop_price=stop)
            case _:
                return None
