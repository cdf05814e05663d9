"""NautilusTrader 2.0 release candidates: an EMA cross on quotes in its ``BacktestEngine``.

Engine configuration is the default one, with logging bypassed, the mandatory fee model at zero, and without
the analysis after the run, which is not measured anyway. Its average starts from the mean of the first
``period`` values where version 1 starts from the first value, so the earliest crossings may differ.
"""

from decimal import Decimal
from importlib.metadata import version
from time import perf_counter

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import (
    AccountType,
    Currency,
    Equity,
    InstrumentId,
    Money,
    OmsType,
    OrderFilled,
    OrderSide,
    Price,
    PriceType,
    Quantity,
    QuoteTick,
    Symbol,
    Venue,
)
from nautilus_trader.trading import Strategy, StrategyConfig
from peer_run import CASH, UNITS, Outcome, Task, parse_task, report
from quotes import quotes

USD = Currency.from_str("USD")
VENUE = Venue("SIM")
INSTRUMENT_ID = InstrumentId(Symbol("WALK"), VENUE)


class EmaCrossConfig(StrategyConfig):
    def __init__(self, *, fast: int, slow: int) -> None:
        super().__init__()
        self.fast = fast
        self.slow = slow


class EmaCross(Strategy):
    def __init__(self, config: EmaCrossConfig) -> None:
        super().__init__(config)
        self.fast_ema = ExponentialMovingAverage(config.fast, PriceType.MID)
        self.slow_ema = ExponentialMovingAverage(config.slow, PriceType.MID)
        self.target = 0
        self.orders = 0
        self.fills = 0
        self.started = 0.0
        self.stopped = 0.0

    def on_start(self) -> None:
        self.register_indicator_for_quote_ticks(INSTRUMENT_ID, self.fast_ema)
        self.register_indicator_for_quote_ticks(INSTRUMENT_ID, self.slow_ema)
        self.subscribe_quotes(INSTRUMENT_ID)
        self.started = perf_counter()

    def on_quote(self, quote: QuoteTick) -> None:  # noqa: ARG002 - the engine's signature
        if not self.slow_ema.initialized:
            return
        fast, slow = self.fast_ema.value, self.slow_ema.value
        if fast > slow and self.target <= 0:
            self.trade_to(UNITS)
        elif fast < slow and self.target >= 0:
            self.trade_to(-UNITS)

    def trade_to(self, target: int) -> None:
        change = target - self.target
        order = self.order_factory.market(
            instrument_id=INSTRUMENT_ID,
            order_side=OrderSide.BUY if change > 0 else OrderSide.SELL,
            quantity=Quantity.from_int(abs(change)),
        )
        self.target = target
        self.orders += 1
        self.submit_order(order)

    def on_order_filled(self, event: OrderFilled) -> None:  # noqa: ARG002 - the engine's signature
        self.fills += 1

    def on_stop(self) -> None:
        self.stopped = perf_counter()


def build_engine(task: Task) -> tuple[BacktestEngine, EmaCross]:
    engine = BacktestEngine(
        BacktestEngineConfig(logging=LoggerConfig(bypass_logging=True), run_analysis=False)
    )
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(CASH, USD)],
        fee_model=MakerTakerFeeModel(Decimal(0), Decimal(0)),
    )
    instrument = Equity(
        instrument_id=INSTRUMENT_ID,
        raw_symbol=INSTRUMENT_ID.symbol,
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )
    engine.add_instrument(instrument)
    engine.add_data(load_quotes(task))
    strategy = EmaCross(EmaCrossConfig(fast=task.fast, slow=task.slow))
    engine.add_strategy(strategy)
    return engine, strategy


def load_quotes(task: Task) -> list[QuoteTick]:
    return [
        QuoteTick(
            instrument_id=INSTRUMENT_ID,
            bid_price=Price(bid, 2),
            ask_price=Price(ask, 2),
            bid_size=Quantity(bid_size, 0),
            ask_size=Quantity(ask_size, 0),
            ts_event=ts,
            ts_init=ts,
        )
        for ts, bid, ask, bid_size, ask_size in quotes(task.count, task.seed)
    ]


def main() -> None:
    task = parse_task(__doc__)
    begun = perf_counter()
    engine, strategy = build_engine(task)
    loaded = perf_counter()
    engine.run()
    outcome = Outcome(
        seconds=strategy.stopped - strategy.started,
        load_seconds=loaded - begun,
        orders=strategy.orders,
        fills=strategy.fills,
        final_position=float(engine.portfolio.net_position(INSTRUMENT_ID)),
        final_equity=float(engine.portfolio.equity(VENUE)[USD].as_decimal()),
    )
    report("nautilus-2", version("nautilus_trader"), task, outcome)
    engine.dispose()


if __name__ == "__main__":
    main()
