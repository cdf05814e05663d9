"""NautilusTrader 1.x: an EMA cross on quote ticks in its ``BacktestEngine``.

Engine configuration is the default one, with logging bypassed and without the analysis after the run, which
is not measured anyway. Keep ``--count`` at 100,000 with many orders: it keeps every closed position's result
in a pandas series that is copied for the next one, so each order costs more than the one before.
"""

from decimal import Decimal
from time import perf_counter

from nautilus_trader import __version__
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, PriceType
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy
from peer_run import CASH, UNITS, Outcome, Task, parse_task, report
from quotes import quotes

VENUE = Venue("SIM")
INSTRUMENT_ID = InstrumentId(Symbol("WALK"), VENUE)


class EmaCrossConfig(StrategyConfig, frozen=True):
    instrument_id: InstrumentId
    fast: int
    slow: int


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
        self.register_indicator_for_quote_ticks(self.config.instrument_id, self.fast_ema)
        self.register_indicator_for_quote_ticks(self.config.instrument_id, self.slow_ema)
        self.subscribe_quote_ticks(self.config.instrument_id)
        self.started = perf_counter()

    def on_quote_tick(self, tick: QuoteTick) -> None:  # noqa: ARG002 - the engine's signature
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
            instrument_id=self.config.instrument_id,
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
        BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    )
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(CASH, USD)],
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
    strategy = EmaCross(EmaCrossConfig(instrument_id=INSTRUMENT_ID, fast=task.fast, slow=task.slow))
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


def final_equity(engine: BacktestEngine) -> float:
    """A margin account's balance leaves out open positions: add what they have gained."""
    balance: Decimal = engine.portfolio.account(VENUE).balance_total(USD).as_decimal()
    unrealised = engine.portfolio.unrealized_pnl(INSTRUMENT_ID)
    return float(balance + (unrealised.as_decimal() if unrealised is not None else 0))


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
        final_equity=final_equity(engine),
    )
    report("nautilus-1", __version__, task, outcome)
    engine.dispose()


if __name__ == "__main__":
    main()
