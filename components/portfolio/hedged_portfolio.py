"""The account in hedging mode: a strategy holds a symbol long and short at once (``hedging``)."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from components.portfolio.bookkeeping import PriceView
from components.portfolio.config import PortfolioConfig, PositionMode
from components.portfolio.corporate_actions import CorporateActions
from components.portfolio.hedged_figures import HedgedFigures
from components.portfolio.hedged_valuation import HedgedValuation
from components.portfolio.hedging import Books
from components.portfolio.marks import HoursView
from components.portfolio.portfolio import NO_HOURS, Parts, Portfolio
from components.portfolio.position import ZERO
from kernel.component import Subscription
from kernel.events import (
    AdjustPosition,
    CashMoved,
    CorporateAction,
    FillCorrected,
    FxRateSet,
    InstrumentDefined,
    OrderFilled,
    PositionSide,
)
from kernel.identifiers import StrategyId
from kernel.position_sides import BOTH_LEGS, SHORT_LEG, Leg
from kernel.rules import RULES


class HedgedPortfolio(Portfolio):
    """The component that owns cash and the legs of all positions, and the view of them.

    A net position is the sum of both legs. Exposure and margin are those of both.
    """

    def __init__(
        self,
        prices: PriceView,
        config: PortfolioConfig,
        *,
        hours: HoursView = NO_HOURS,
        rules: int = RULES,
    ) -> None:
        super().__init__(prices, config, hours=hours, rules=rules)
        self.account_leg = self._valued.account_leg
        self.leg = self._figures.leg

    def _parts(self, prices: PriceView, config: PortfolioConfig, rules: int) -> Parts:
        self._books = books = Books(self.state, prices, config, rules=rules)
        self._valued = HedgedValuation(books, prices, config, rules=rules)
        self._figures = HedgedFigures(books, self._valued, config.currency)
        return Parts(books.long, self._valued, self._figures)

    def subscriptions(self) -> Iterable[Subscription]:
        books = self._books
        actions = CorporateActions(self.state, books.both, self._prices, rules=self._rules)
        return (
            Subscription(OrderFilled, books.on_fill),
            Subscription(FillCorrected, books.on_correction),
            Subscription(CashMoved, books.on_cash),
            Subscription(AdjustPosition, books.on_adjustment),
            Subscription(CorporateAction, actions.on_action),
            Subscription(InstrumentDefined, books.long.on_instrument),
            Subscription(FxRateSet, books.long.on_rate),
            *self.marks.subscriptions(),
        )

    # --- the view -----------------------------------------------------------------------------

    def strategy_leg(self, strategy: StrategyId, symbol: str, side: PositionSide) -> Decimal:
        """The signed quantity of a strategy's leg."""
        return self._books.of(side).state.holders.get(symbol, {}).get(strategy, ZERO)

    def strategy_legs(self, strategy: StrategyId, side: PositionSide) -> Mapping[str, Decimal]:
        """The open legs of one side of a strategy, by symbol."""
        holders = self._books.of(side).state.holders
        return {symbol: held[strategy] for symbol, held in holders.items() if strategy in held}

    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal:
        """The net of a strategy's legs."""
        return sum((self.strategy_leg(strategy, symbol, side) for side in BOTH_LEGS), ZERO)

    def strategy_positions(self, strategy: StrategyId) -> Mapping[str, Decimal]:
        """The nets of a strategy's legs, by symbol with an open leg."""
        open_legs = (self.strategy_legs(strategy, side) for side in BOTH_LEGS)
        symbols = dict.fromkeys(symbol for legs in open_legs for symbol in legs)
        return {symbol: self.strategy_position(strategy, symbol) for symbol in symbols}

    def legs(self, symbol: str) -> Mapping[Leg, Decimal]:
        """The open legs of all strategies in a symbol: the long ones first."""
        return {
            Leg(strategy, side): held
            for side in BOTH_LEGS
            for strategy, held in self._books.of(side).state.holders.get(symbol, {}).items()
        }

    def holders(self, symbol: str) -> Mapping[StrategyId, Decimal]:
        """The nets of the strategies with an open leg in a symbol; a net can be 0."""
        strategies = dict.fromkeys(leg.strategy for leg in self.legs(symbol))
        return {strategy: self.strategy_position(strategy, symbol) for strategy in strategies}

    def open_symbols(self) -> Iterable[str]:
        """Symbols with an open leg of any strategy."""
        return self._valued.open_symbols()

    def borrowed(self, symbol: str) -> Decimal:
        """The units that are sold short: all short legs, whatever is held long."""
        return -self.account_leg(symbol, SHORT_LEG)


def portfolio_of(
    config: PortfolioConfig, prices: PriceView, *, hours: HoursView = NO_HOURS, rules: int = RULES
) -> Portfolio:
    """The account in its position mode."""
    kind = HedgedPortfolio if config.position_mode is PositionMode.HEDGING else Portfolio
    return kind(prices, config, hours=hours, rules=rules)
