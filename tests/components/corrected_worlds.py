"""Random lives of an account: fills, prices, companies, and fills that turn out wrong; and what is right.

The right account is reckoned anew each time, in fractions, from the fills as they stand now and from what
companies did between them. It shares nothing with the portfolio.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import trunc
from random import Random

import msgspec

from components.market_data import MarketData
from components.orders.orders import Orders
from components.portfolio.portfolio import Portfolio, PortfolioConfig
from kernel.bus import EventBus
from kernel.events import (
    ApprovedOrder,
    AssetClass,
    Bar,
    CorporateAction,
    CorporateActionKind,
    Event,
    ExecutionKind,
    ExecutionReport,
    FillCorrected,
    InstrumentDefined,
    OrderApproved,
    OrderFilled,
    OrderType,
    Side,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId

STRATEGIES = (StrategyId("one"), StrategyId("two"))
NAMES = ("A", "B", "C", "D")
RATIOS = ("2", "3", "0.5", "0.1", "1.5", "0.3")
COMMISSION = Decimal("0.10")
MULTIPLIERS = {AssetClass.EQUITY: 1, AssetClass.OPTION: 100, AssetClass.FUTURE: 5}


@dataclass
class Fill:
    """A fill as it stands now."""

    key: ClientOrderId
    strategy: StrategyId
    symbol: str
    sign: int
    quantity: Decimal
    price: Decimal
    is_busted: bool = False


Happened = Fill | CorporateAction


@dataclass
class RightAccount:
    """What is held and in cash, of one strategy, if the fills had been right from the start.

    In cash is what was paid for it, of a future too.
    """

    multiplier: int
    cash: Fraction = Fraction(0)
    held: dict[str, int] = field(default_factory=dict)

    def note(self, happened: Happened) -> None:
        if isinstance(happened, Fill):
            self._fill(happened)
            return
        kind, symbol, new = happened.kind, happened.symbol, happened.new_symbol or happened.symbol
        if kind is CorporateActionKind.DIVIDEND or symbol not in self.held:
            return
        quantity = self.held.pop(symbol)
        if kind is CorporateActionKind.DELISTING:
            self.cash += quantity * Fraction(happened.amount) * self.multiplier
            return
        self._add(new, trunc(quantity * Fraction(happened.ratio)))

    def _fill(self, fill: Fill) -> None:
        if not fill.is_busted:
            notional = Fraction(fill.quantity * fill.price) * self.multiplier
            self.cash -= Fraction(COMMISSION) + fill.sign * notional
            self._add(fill.symbol, fill.sign * int(fill.quantity))

    def _add(self, symbol: str, quantity: int) -> None:
        total = self.held.get(symbol, 0) + quantity
        self.held.pop(symbol, None)
        if total:
            self.held[symbol] = total


class Account:
    """Market data, orders and the portfolio on a bus, in the order of a run."""

    def __init__(self, config: PortfolioConfig, asset_class: AssetClass) -> None:
        self.bus = EventBus()
        self.market = MarketData(self.bus, bars_needed={})
        self.orders = Orders(instrument=self.market.instrument)
        self.portfolio = Portfolio(self.market, config)
        for component in (self.market, self.orders, self.portfolio):
            self.bus.register(component)
        multiplier = Decimal(MULTIPLIERS[asset_class])
        self.hear(*(InstrumentDefined(0, name, asset_class, multiplier=multiplier) for name in NAMES))

    def hear(self, *events: Event) -> Sequence[Event]:
        """What follows from these inputs."""
        self.bus.dispatch(events)
        return self.bus.take_derived().events


class World:
    """An account and what happens to it, from a seed; ``were_put_together``: two positions became one."""

    def __init__(self, seed: int, config: PortfolioConfig, asset_class: AssetClass) -> None:
        self.account = Account(config, asset_class)
        self.multiplier = MULTIPLIERS[asset_class]
        self.happened: list[Happened] = []
        self.prices: dict[str, float] = {}
        self.were_put_together = False
        self._config, self._asset_class = config, asset_class
        self._dice = Random(f"corrected {seed}")
        self._ts = 0
        self._count = 0

    # --- what is right ------------------------------------------------------------------------

    def right(self, strategy: StrategyId) -> RightAccount:
        """The account of one strategy, reckoned anew."""
        account = RightAccount(self.multiplier)
        for one in self.happened:
            if isinstance(one, CorporateAction) or one.strategy == strategy:
                account.note(one)
        return account

    def played_right(self) -> Account:
        """Another account, which heard the right fills at once."""
        account = Account(self._config, self._asset_class)
        for one in self.happened:
            if isinstance(one, CorporateAction):
                account.hear(msgspec.structs.replace(one, ts=0))
            elif not one.is_busted:
                account.hear(_filled(one))
        return account

    # --- what happens -------------------------------------------------------------------------

    def step(self) -> None:
        """One more thing happens."""
        dice = self._dice
        self._ts += 10
        dice.choice((*(self._trade,) * 9, *(self._correct,) * 4, *(self._act,) * 3, *(self._quote,) * 3))()

    def _quote(self) -> None:
        symbol = self._dice.choice(NAMES)
        self.prices[symbol] = price = float(self._dice.randint(5, 400))
        self.account.hear(Bar(self._ts, symbol, "1m", price, price, price, price, 1.0))

    def _trade(self) -> None:
        dice = self._dice
        if not self.prices:
            return
        self._count += 1
        fill = Fill(
            ClientOrderId(f"o{self._count}"),
            dice.choice(STRATEGIES),
            dice.choice(sorted(self.prices)),
            dice.choice((1, -1)),
            Decimal(dice.randint(1, 30)),
            Decimal(dice.randint(100, 5000)) / 100,
        )
        side = Side.BUY if fill.sign > 0 else Side.SELL
        order = ApprovedOrder(
            fill.key, fill.strategy, fill.symbol, side, OrderType.MARKET, fill.quantity + dice.choice((0, 9))
        )
        self.happened.append(fill)
        self.account.hear(OrderApproved(self._ts, order), self._report(fill, ExecutionKind.FILL))

    def _correct(self) -> None:
        fills = [one for one in self.happened if isinstance(one, Fill) and not one.is_busted]
        if not fills:
            return
        dice = self._dice
        fill = dice.choice(fills)
        right = Fill(fill.key, fill.strategy, fill.symbol, fill.sign, fill.quantity, fill.price)
        if dice.random() < 0.5:
            kind = ExecutionKind.FILL_BUSTED
        else:
            kind = ExecutionKind.FILL_CORRECTED
            right.quantity = Decimal(dice.randint(1, int(fill.quantity) + 2))
            right.price += dice.choice((0, 0, 1))
        made = self.account.hear(self._report(right, kind))
        if any(isinstance(event, FillCorrected) for event in made):
            fill.quantity, fill.price = right.quantity, right.price
            fill.is_busted = kind is ExecutionKind.FILL_BUSTED

    def _report(self, fill: Fill, kind: ExecutionKind) -> ExecutionReport:
        return ExecutionReport(
            self._ts,
            kind,
            fill.key,
            fill.symbol,
            fill_id=FillId(f"{fill.key}-1"),
            quantity=fill.quantity,
            price=fill.price,
            commission=COMMISSION,
        )

    def _act(self) -> None:
        if not self.prices:
            return
        dice, kinds = self._dice, CorporateActionKind
        symbol = dice.choice(sorted(self.prices))
        kind = dice.choice((*kinds, kinds.SPLIT, kinds.SPLIT, kinds.SYMBOL_CHANGE, kinds.SYMBOL_CHANGE))
        action = CorporateAction(self._ts, symbol, kind)
        match kind:
            case kinds.SPLIT:
                ratio = Decimal(dice.choice(RATIOS))
                action = CorporateAction(self._ts, symbol, kind, ratio)
                self.prices[symbol] /= float(ratio)
            case kinds.SYMBOL_CHANGE:
                new = dice.choice([name for name in NAMES if name != symbol])
                self._put_together(new)
                action = CorporateAction(self._ts, symbol, kind, new_symbol=new)
                self.prices[new] = self.prices.pop(symbol)
            case kinds.MERGER:
                others = [name for name in sorted(self.prices) if name != symbol]
                new = dice.choice(others) if others else ""
                ratio = Decimal(dice.choice(RATIOS)) if new else Decimal(0)
                self._put_together(new)
                action = CorporateAction(self._ts, symbol, kind, ratio, new_symbol=new)
                del self.prices[symbol]
            case kinds.DELISTING:
                action = CorporateAction(self._ts, symbol, kind, amount=Decimal(dice.randint(1, 50)))
                del self.prices[symbol]
            case kinds.DIVIDEND | kinds.SPIN_OFF:  # one without a new symbol is void
                pass
        self.happened.append(action)
        self.account.hear(action)

    def _put_together(self, new: str) -> None:
        positions = self.account.portfolio.state.positions.values()
        self.were_put_together |= any(new in by_symbol for by_symbol in positions)


def _filled(fill: Fill) -> OrderFilled:
    return OrderFilled(
        0,
        fill.key,
        fill.strategy,
        fill.symbol,
        Side.BUY if fill.sign > 0 else Side.SELL,
        fill.quantity,
        fill.price,
        COMMISSION,
        Decimal(0),
        FillId(f"{fill.key}-1"),
    )
