"""Worlds in which companies act all the time: what happens in them, and who trades there."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from random import Random

import msgspec

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from components.allocation.config import Net, SignalsConfig, Timing
from components.assembly.core import Core
from components.portfolio.config import PositionMode
from components.portfolio.portfolio import AccountType, LotMethod, PortfolioConfig
from kernel.events import (
    AdjustPosition,
    AssetClass,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    Event,
    FxRateSet,
    InstrumentDefined,
    SessionStarted,
    VenueDeclared,
)
from kernel.identifiers import StrategyId
from kernel.time_units import SECOND_NS
from strategies.sdk import (
    Bar,
    Decision,
    Decisions,
    OneCancelsOther,
    OrderType,
    PlaceOrder,
    Quote,
    RiskLimits,
    Side,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
    Trade,
)
from strategies.sdk.algorithms import Twap
from strategies.sdk.limits import MarginCall
from strategies.sdk.sizing import FixedQuantity
from tests.components.sample_core import FREE, core_with
from tests.core.decisions import Gambler
from tests.core.happenings import START
from tests.core.worlds import declared_by

Kind = CorporateActionKind

SHARES: tuple[str, ...] = ("A", "B", "C")
LISTED: tuple[str, ...] = (*SHARES, "F", "O")
UNLISTED: tuple[str, ...] = ("D", "M", "N")
"""New symbols: one with terms of its own in lots of 10, two that nobody defines."""

GROWING = ("2", "3", "1.5", "7", "1.05", "1.281")
"""Splits, a stock dividend, and a spin-off as data vendors give it: a ratio."""
SHRINKING = ("0.5", "0.1", "0.3333333333", "0.6666666667", "0.04")
"""Reverse splits, two of them by ratios that were rounded."""

PROTECTOR = StrategyId("p")
MARGINED = msgspec.structs.replace(FREE, require_margin=True, margin_call=MarginCall.LIQUIDATE)
"""Shorts and leverage as far as margin goes, and calls when it does not."""

LACKING = ("stop", "trailing_stop", "market_if_touched", "reduce_only", "oco", "replace", "day", "ioc")


class Protector(Strategy[StrategyParams, StrategyState]):
    """Opens a position where it has none, and keeps an exit for all of it; signals a target now and then."""

    seed: int = 0

    def on_bar(self, bar: Bar) -> Decisions:
        return self._look_at(bar.symbol)

    def on_quote(self, quote: Quote) -> Decisions:
        return self._look_at(quote.symbol)

    def on_trade(self, trade: Trade) -> Decisions:
        return self._look_at(trade.symbol)

    def _look_at(self, symbol: str) -> Iterator[Decision]:
        dice = Random(f"{self.seed} {self.ctx.now} {symbol}")
        price = self.ctx.last_price(symbol)
        if not price or self.ctx.portfolio.open_orders(symbol):
            return
        held = self.ctx.portfolio.position(symbol)
        if dice.random() < 0.3:
            yield self._signal(dice, symbol, price)
        if not held:
            quantity = dice.choice((1, 2, 3, 7, 30, 300, 301))
            side = dice.choice((Side.BUY, Side.BUY, Side.SELL))
            yield PlaceOrder(symbol, side, quantity)
        else:
            yield self._exit(dice, symbol, held=held, price=price)

    def _signal(self, dice: Random, symbol: str, price: float) -> Signal:
        direction = dice.choice((SignalDirection.LONG, SignalDirection.LONG, SignalDirection.SHORT))
        below, above = round(price * 0.9, 2), round(price * 1.1, 2)
        if direction is SignalDirection.SHORT:
            below, above = above, below
        has_stop, has_profit = dice.random() < 0.7, dice.random() < 0.7
        return Signal(symbol, direction, 1.0, "", below if has_stop else None, above if has_profit else None)

    def _exit(self, dice: Random, symbol: str, *, held: Decimal, price: float) -> Decision:
        side, sign = (Side.SELL, 1) if held > 0 else (Side.BUY, -1)
        near = dice.choice((0.01, 0.05, 0.3))
        stop, limit = round(price * (1 - sign * near), 2), round(price * (1 + sign * near), 2)
        reduce_only = dice.random() < 0.5
        quantity = abs(held)
        loss = PlaceOrder(symbol, side, quantity, OrderType.STOP, stop_price=stop, reduce_only=reduce_only)
        profit = PlaceOrder(
            symbol, side, quantity, OrderType.LIMIT, limit_price=limit, reduce_only=reduce_only
        )
        trailing = PlaceOrder(
            symbol, side, quantity, OrderType.TRAILING_STOP, trail_amount=round(price * near, 2) or 1.0
        )
        return dice.choice((loss, profit, trailing, OneCancelsOther((loss, profit))))


class Companies:
    """Prices of what is listed, and what companies do to it in any order.

    ``listed`` are the symbols with a market; what has ended has none, until another share takes its symbol.
    """

    def __init__(self, dice: Random, *, expiry_ts: int) -> None:
        self._dice = dice
        self._ts = START
        self._prices = dict.fromkeys((*LISTED, *UNLISTED), 100.0)
        self._bar_ts = dict.fromkeys((*LISTED, *UNLISTED), START)
        self._expiry_ts = expiry_ts
        self._lots = {"A": "1", "B": "1", "C": "0.001", "D": "10"}
        self.listed = list(LISTED)
        makers: list[Callable[[], Event]] = [self._bar, *(self._quote,) * 7, *(self._trade,) * 2]
        self._makers = (*makers, *(self._action,) * dice.choice((1, 3, 6)))

    def take(self, length: int) -> list[Event]:
        """So many events."""
        events: list[Event] = []
        while len(events) < length:
            self._ts += self._dice.choice((0, 1, SECOND_NS // 1000, SECOND_NS, 20 * SECOND_NS))
            if self._ts > self._expiry_ts:
                self.listed = [symbol for symbol in self.listed if symbol not in ("F", "O")]
            if not self.listed:
                self.listed.append("A")  # a new share under an old symbol
            events.append(self._dice.choice(self._makers)())
        return events

    # --- the market -----------------------------------------------------------------------------

    def _price(self, symbol: str) -> float:
        step = self._dice.choice((0.001, 0.01, 0.08))
        self._prices[symbol] *= 1.0 + self._dice.uniform(-step, step)
        self._prices[symbol] = min(1e6, max(0.5, self._prices[symbol]))
        return round(self._prices[symbol], 2)

    def _bar(self) -> Bar:
        symbol = self._dice.choice(self.listed)
        prices = [self._price(symbol) for _ in range(4)]
        open_ts, self._bar_ts[symbol] = self._bar_ts[symbol], self._ts
        return Bar(self._ts, symbol, "1m", prices[0], max(prices), min(prices), prices[3], 1e4, open_ts)

    def _quote(self) -> Quote:
        symbol = self._dice.choice(self.listed)
        price, size = self._price(symbol), self._dice.choice((2.0, 100.0, 1e4))
        return Quote(self._ts, symbol, price, round(price + 0.02, 2), size, size)

    def _trade(self) -> Trade:
        symbol = self._dice.choice(self.listed)
        return Trade(self._ts, symbol, self._price(symbol), self._dice.choice((1.0, 50.0)))

    # --- companies ------------------------------------------------------------------------------

    def _action(self) -> Event:
        dice = self._dice
        makers = (self._split,) * 4, (self._change,) * 3, (self._merger,) * 2
        others = (self._delisting, self._dividend, self._gift, self._spin_off)
        maker = dice.choice((*makers[0], *makers[1], *makers[2], *others))
        shares = [symbol for symbol in self.listed if symbol not in ("F", "O")]
        return maker(dice.choice(shares)) if shares else self._quote()

    def _ratio(self, symbol: str) -> Decimal:
        """Growing for what is dear, shrinking for what is cheap, as companies do."""
        kinds = GROWING if self._prices[symbol] > 60.0 else SHRINKING
        return Decimal(self._dice.choice(kinds))

    def _split(self, symbol: str) -> CorporateAction:
        ratio = self._ratio(symbol)
        self._prices[symbol] /= float(ratio)
        return CorporateAction(self._ts, symbol, Kind.SPLIT, ratio)

    def _change(self, symbol: str) -> CorporateAction:
        """A new symbol, of nobody or of another share that then has none; perhaps with a split."""
        free = [name for name in (*SHARES, *UNLISTED) if name != symbol and name not in self.listed]
        lots = self._lots.get(symbol, "1")
        others = [name for name in self.listed if name not in (symbol, "F", "O")]
        alike = [name for name in others if self._lots.get(name, "1") == lots]
        new = self._dice.choice(alike if alike and self._dice.random() < 0.1 else free or others)
        ratio = self._dice.choice((Decimal(1), Decimal(1), self._ratio(symbol)))
        if self._lots.setdefault(new, lots) != lots:
            ratio = self._ratio(symbol)  # at 1, a target would not be in whole lots
        self._prices[new] = self._prices[symbol] / float(ratio)
        self._end(symbol)
        if new not in self.listed:
            self.listed.append(new)
        return CorporateAction(self._ts, symbol, Kind.SYMBOL_CHANGE, ratio, new_symbol=new)

    def _merger(self, symbol: str) -> CorporateAction:
        """For stock, for cash, or for both."""
        dice, names = self._dice, [name for name in (*SHARES, *UNLISTED) if name != symbol]
        new = dice.choice(("", *names))
        ratio = dice.choice((Decimal(1), self._ratio(symbol))) if new else Decimal(0)
        amount = Decimal(dice.choice(("0", "3.5"))) if new else Decimal(25)
        if new and new not in self.listed:
            self._prices[new] = max(1.0, self._prices[symbol] - float(amount)) / float(ratio)
            self.listed.append(new)
        self._end(symbol)
        return CorporateAction(self._ts, symbol, Kind.MERGER, ratio, amount, new_symbol=new)

    def _delisting(self, symbol: str) -> CorporateAction:
        self._end(symbol)
        ratio, amount = self._dice.choice((("1", "0"), ("1", "0.5"), ("0", "0.5"), ("0", "0")))
        return CorporateAction(self._ts, symbol, Kind.DELISTING, Decimal(ratio), Decimal(amount))

    def _dividend(self, symbol: str) -> CorporateAction:
        pay_ts = self._dice.choice((0, self._ts + 30 * SECOND_NS))
        amount, currency = Decimal("0.35"), self._dice.choice(("", "USD"))
        return CorporateAction(
            self._ts, symbol, Kind.DIVIDEND, amount=amount, currency=currency, pay_ts=pay_ts
        )

    def _spin_off(self, symbol: str) -> CorporateAction:
        """Shares of a company with terms of its own for each share, with a part of the cost or without."""
        dice = self._dice
        new = dice.choice([name for name in (*SHARES, "D") if name != symbol])
        ratio, fraction = dice.choice(("1", "0.5", "0.3333333333", "2")), dice.choice(("0", "0.2"))
        if new not in self.listed:
            self.listed.append(new)
        return CorporateAction(
            self._ts, symbol, Kind.SPIN_OFF, Decimal(ratio), new_symbol=new, cost_fraction=Decimal(fraction)
        )

    def _gift(self, symbol: str) -> AdjustPosition:
        """The shares of a spin-off, as an operator books them: of a share that has a market of its own."""
        quantity = Decimal(self._dice.choice((3, 10, 40)))
        return AdjustPosition(self._ts, "op", PROTECTOR, symbol, quantity, quantity * 20, "spin-off")

    def _end(self, symbol: str) -> None:
        if symbol in self.listed:
            self.listed.remove(symbol)


class CompanyWorld(msgspec.Struct, frozen=True):
    """A world in which companies act all the time."""

    seed: int
    broker: SimulatedBrokerConfig
    portfolio: PortfolioConfig
    signals: SignalsConfig | None
    activity: float
    inputs: tuple[Event, ...]
    limits: RiskLimits = FREE

    def core(self) -> Core:
        """A new core; always the same one."""
        gambler, protector = Gambler(), Protector()
        gambler.seed, gambler.activity, protector.seed = self.seed, self.activity, self.seed
        return core_with(
            {"x": gambler, PROTECTOR: protector},
            symbols=(*LISTED, *UNLISTED),
            limits=self.limits,
            broker=self.broker,
            portfolio=self.portfolio,
            signals=self.signals,
        )


def company_world(seed: int, *, length: int = 120) -> CompanyWorld:
    """The world of a seed."""
    dice = Random(f"companies {seed}")
    lacks = tuple(dice.sample(LACKING, dice.choice((0, 0, 3, len(LACKING)))))
    latency = dice.choice(
        (None, None, ModelConfig("constant", {"delay_ms": dice.choice((0.001, 5_000.0, 30_000.0))}))
    )
    broker = SimulatedBrokerConfig(lacks=lacks, latency=latency)
    expiry_ts = START + dice.randint(10, 600) * SECOND_NS
    is_margined = Random(f"margin {seed}").random() < 0.4
    return CompanyWorld(
        seed,
        broker,
        PortfolioConfig(
            lots=dice.choice(list(LotMethod)),
            account_type=AccountType.MARGIN if is_margined else AccountType.CASH,
        ),
        SignalsConfig(
            aggregation=Net(),
            sizing=FixedQuantity(quantity=Decimal(dice.choice((7, 30, 301)))),
            timing=dice.choice(list(Timing)),
            valid_for_s=dice.choice((0.0, 0.0, 120.0)),
            execution=dice.choice((None, None, Twap(60.0, 3))),
        ),
        dice.choice((0.05, 0.3)),
        (
            *(_on_margin(one) if is_margined else one for one in _opening(broker, expiry_ts)),
            *Companies(dice, expiry_ts=expiry_ts).take(length),
        ),
        MARGINED if is_margined else FREE,
    )


def _on_margin(event: Event) -> Event:
    """Less cash, and instruments that are carried on margin."""
    match event:
        case CashMoved():
            return msgspec.structs.replace(event, amount=Decimal(40_000))
        case InstrumentDefined():
            return msgspec.structs.replace(
                event, margin_rate=Decimal("0.2"), maintenance_margin_rate=Decimal("0.15")
            )
        case _:
            return event


def hedged_company_world(seed: int) -> CompanyWorld:
    """The world of a seed in hedging mode, without a plan of signals."""
    given = company_world(seed)
    broker = msgspec.structs.replace(
        given.broker, lacks=tuple(name for name in given.broker.lacks if name != "reduce_only")
    )
    return msgspec.structs.replace(
        given,
        broker=broker,
        portfolio=msgspec.structs.replace(given.portfolio, position_mode=PositionMode.HEDGING),
        signals=None,
        activity=0.5,
        inputs=declared_by(broker, given.inputs),
    )


def _opening(broker: SimulatedBrokerConfig, expiry_ts: int) -> Iterator[Event]:
    takes = broker.capabilities()
    if broker.lacks:
        yield VenueDeclared(
            START, "simulated_broker", takes.order_types, takes.times_in_force, takes.features
        )
    yield InstrumentDefined(START, "A")
    yield InstrumentDefined(START, "B", currency="EUR", tick_size=Decimal("0.05"))
    yield InstrumentDefined(START, "C", lot_size=Decimal("0.001"))
    yield InstrumentDefined(START, "D", lot_size=Decimal(10), tick_size=Decimal("0.1"))
    yield InstrumentDefined(
        START,
        "F",
        AssetClass.FUTURE,
        tick_size=Decimal("0.25"),
        multiplier=Decimal(5),
        expiry_ts=expiry_ts,
    )
    yield InstrumentDefined(
        START,
        "O",
        AssetClass.OPTION,
        multiplier=Decimal(100),
        underlying="A",
        expiry_ts=expiry_ts,
        strike=Decimal(95),
        option_right="call",
    )
    yield FxRateSet(START, "EUR", "USD", Decimal("1.1"))
    yield CashMoved(START, Decimal(1_000_000))
    yield SessionStarted(START, 1, "backtest", "", "")
