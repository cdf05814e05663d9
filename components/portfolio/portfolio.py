"""The account: cash and positions, exact in ``Decimal``. Market prices are applied only on request.

After every event, in the account's currency at present rates, exactly (``owed``: dividends between their
ex-date and their payment, which are income already):

    cash + owed + value of positions == equity
    equity == deposits + realised + unrealised - commissions + income + fx_result

Every amount is booked in its own currency (see ``bookkeeping``) and is converted only to be shown. So a
change of a rate changes each term that is in that currency. ``fx_result`` is the sum of both sides of all
conversions at present rates: the gain or loss on converted money.

A position belongs to a strategy. All strategies share the account: the sum of their ledgers and its own.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from components.portfolio.bookkeeping import Bookkeeping, PriceView
from components.portfolio.config import AccountType, LotMethod, PortfolioConfig
from components.portfolio.corporate_actions import CorporateActions
from components.portfolio.corrections import Corrections
from components.portfolio.marks import HoursView, Marks, NoHours
from components.portfolio.position import ZERO
from components.portfolio.state import PortfolioState
from components.portfolio.strategy_figures import StrategyFigures
from components.portfolio.valuation import ReceivablesView, Valuation, leverage
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import (
    AdjustPosition,
    CashMoved,
    CorporateAction,
    ExposureShare,
    FillCorrected,
    FxRateSet,
    InstrumentDefined,
    OrderFilled,
)
from kernel.identifiers import StrategyId
from kernel.position_sides import Leg
from kernel.rules import FIRST_RULES, RULES

__all__ = ["AccountType", "LotMethod", "Portfolio", "PortfolioConfig", "PortfolioState", "PriceView"]

NO_HOURS = NoHours()

_deposits = attrgetter("deposits")
_realised = attrgetter("realised_pnl")
_commissions = attrgetter("commissions")
_income = attrgetter("income")
_converted = attrgetter("converted")


class Parts(NamedTuple):
    """The parts of the component that depend on the position mode."""

    bookkeeping: Bookkeeping
    valuation: Valuation
    figures: StrategyFigures


class Portfolio:
    """The component that owns cash and positions, and the view of them.

    Amounts in the view are in the account's currency unless stated otherwise.
    """

    name = "portfolio"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self,
        prices: PriceView,
        config: PortfolioConfig,
        *,
        hours: HoursView = NO_HOURS,
        rules: int = RULES,
    ) -> None:
        self.state = PortfolioState()
        self._prices = prices
        self._config = config
        self._rules = rules
        parts = self._parts(prices, config, rules)
        self._bookkeeping, self._valuation = parts.bookkeeping, parts.valuation
        self.rate = self._valuation.rate
        self.balances = self._valuation.balances
        self.value_of = self._valuation.value_of
        self.worth_of = self._valuation.worth_of
        self.is_booked_by = self._valuation.is_booked_by
        self.free_margin_at = self._valuation.free_margin_at
        self.unrealised = self._valuation.unrealised
        self.margin_rate = self._valuation.margin_rate
        self.opening_margin_rate = self._valuation.opening_margin_rate
        self.maintenance_rate = self._valuation.maintenance_rate
        self.strategies = parts.figures
        """The figures of each strategy's own ledger."""
        self.marks = Marks(
            self.state,
            config,
            owner=self.name,
            prices=prices,
            hours=hours,
            account=self,
            valuation=self._valuation,
            rules=rules,
        )
        """When and how the account is marked."""

    def _parts(self, prices: PriceView, config: PortfolioConfig, rules: int) -> Parts:
        bookkeeping = Bookkeeping(self.state, prices, config, rules=rules)
        valuation = Valuation(bookkeeping, prices, config, rules=rules)
        return Parts(bookkeeping, valuation, StrategyFigures(bookkeeping, valuation, config.currency))

    def subscriptions(self) -> Iterable[Subscription]:
        bookkeeping = self._bookkeeping
        actions = CorporateActions(self.state, (bookkeeping,), self._prices, rules=self._rules)
        return (
            Subscription(OrderFilled, bookkeeping.on_fill),
            Subscription(FillCorrected, Corrections(bookkeeping).on_correction),
            Subscription(CashMoved, bookkeeping.on_cash),
            Subscription(AdjustPosition, bookkeeping.on_adjustment),
            Subscription(CorporateAction, actions.on_action),
            Subscription(InstrumentDefined, bookkeeping.on_instrument),
            Subscription(FxRateSet, bookkeeping.on_rate),
            *self.marks.subscriptions(),
        )

    def set_receivables(self, receivables: ReceivablesView) -> None:
        """Count what is owed to the account in its equity. Older logs are without."""
        if self._rules > FIRST_RULES:
            self._valuation.receivables = receivables

    # --- the view -----------------------------------------------------------------------------

    @property
    def cash(self) -> Decimal:
        """Cash in all currencies."""
        state = self.state
        return self._valuation.cash if state.foreign else state.cash

    def balance(self, currency: str) -> Decimal:
        """Cash in one currency, unconverted."""
        return self._valuation.balances().get(currency, ZERO)

    @property
    def equity(self) -> Decimal:
        """Cash, dividends that are owed, and positions at last prices."""
        valuation = self._valuation
        return valuation.cash + valuation.owed() + valuation.assets()[0]

    def net_position(self, symbol: str) -> Decimal:
        """Signed quantity over all strategies."""
        return self.state.net.get(symbol, ZERO)

    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal:
        """Signed quantity held by one strategy."""
        position = self.state.positions.get(strategy, {}).get(symbol)
        return ZERO if position is None else position.quantity

    def strategy_positions(self, strategy: StrategyId) -> Mapping[str, Decimal]:
        """One strategy's open positions by symbol."""
        positions = self.state.positions.get(strategy, {})
        return {symbol: position.quantity for symbol, position in positions.items() if position.quantity}

    def holders(self, symbol: str) -> Mapping[StrategyId, Decimal]:
        """Open quantities by strategy, in order of opening."""
        return self.state.holders.get(symbol, {})

    def legs(self, symbol: str) -> Mapping[Leg, Decimal]:
        """``holders``, as hedging mode has them: each with the side of its leg."""
        return {Leg(strategy): held for strategy, held in self.holders(symbol).items()}

    def open_symbols(self) -> Iterable[str]:
        """Symbols with an open position of any strategy, in order of opening."""
        return self.state.holders

    def borrowed(self, symbol: str) -> Decimal:
        """The units that the account is short of; 0 or below if it is long."""
        return -self.net_position(symbol)

    @property
    def deposits(self) -> Decimal:
        """Money and positions paid in, less withdrawals."""
        return self._valuation.total(_deposits)

    @property
    def commissions(self) -> Decimal:
        """All commissions paid."""
        return self._valuation.total(_commissions)

    @property
    def income(self) -> Decimal:
        """Dividends from their ex-date on, interest, fees and funding.

        All cash flows but fills, deposits and conversions.
        """
        return self._valuation.total(_income) + self._valuation.owed()

    @property
    def fx_result(self) -> Decimal:
        """The gain on converted money since its conversion, from changes of rates."""
        return self._valuation.total(_converted)

    def realised_pnl(self, strategy: StrategyId) -> Decimal:
        """Realised P&L of one strategy, before commissions."""
        ledgers = self.state.ledgers.get(strategy, {})
        return sum(
            (self._valuation.converted(ledger.realised_pnl, name) for name, ledger in ledgers.items()), ZERO
        )

    @property
    def gross_exposure(self) -> Decimal:
        """The sum of absolute values of net positions, futures at their notional."""
        return self._valuation.assets()[1]

    @property
    def initial_margin(self) -> Decimal:
        """The buying power that the net positions use."""
        return self._valuation.initial_margin()

    @property
    def maintenance_margin(self) -> Decimal:
        """The equity that the net positions require to stay open."""
        return self._valuation.maintenance_margin()

    @property
    def buying_power(self) -> Decimal:
        """Equity less the initial margin of positions. A new position uses ``margin_rate`` of its notional.

        It equals cash in a cash account without short positions. Below 0 is a margin call. A dividend that is
        owed to the account buys nothing until it is paid.
        """
        return self.equity - max(ZERO, self._valuation.owed()) - self._valuation.initial_margin()

    @property
    def leverage(self) -> Decimal:
        """Gross exposure over equity; infinite where there is exposure and no equity."""
        value, gross = self._valuation.assets()
        return leverage(gross, self._valuation.cash + self._valuation.owed() + value)

    def exposure_by_symbol(self) -> tuple[ExposureShare, ...]:
        """Values of net positions, by symbol."""
        return self._valuation.exposure_by(lambda symbol: symbol)

    def exposure_by_sector(self) -> tuple[ExposureShare, ...]:
        """Values of net positions summed by sector; the empty name is for symbols without a sector."""
        return self._valuation.exposure_by(self._valuation.sector_of)

    def exposure_by_currency(self) -> tuple[ExposureShare, ...]:
        """Values of net positions summed by the instruments' currency, each in the account's currency."""
        return self._valuation.exposure_by(self._valuation.currency_of)
