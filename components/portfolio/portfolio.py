"""The account: cash and positions, exact in ``Decimal``. Market prices are applied only on request.

After every event, in the account's currency at present rates, exactly:

    cash + value of positions == equity
    equity == deposits + realised + unrealised - commissions + income + fx_result

Every amount is booked in its own currency (see ``bookkeeping``) and is converted only to be shown. So a
change of a rate changes each term that is in that currency. ``fx_result`` is the sum of both sides of all
conversions at present rates: the gain or loss on converted money.

A position belongs to a strategy. All strategies share the account: the sum of their ledgers and its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter

from components.portfolio.bookkeeping import Bookkeeping, PriceView
from components.portfolio.config import AccountType, LotMethod, PortfolioConfig
from components.portfolio.corporate_actions import CorporateActions
from components.portfolio.corrections import Corrections
from components.portfolio.position import ZERO
from components.portfolio.state import PortfolioState
from components.portfolio.strategy_figures import StrategyFigures
from components.portfolio.valuation import Valuation, leverage
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import (
    AccountMarked,
    AdjustPosition,
    CashMoved,
    CorporateAction,
    Event,
    ExposureShare,
    FillCorrected,
    FxRateSet,
    InstrumentDefined,
    LedgerMarked,
    MarginMarked,
    OrderFilled,
    SessionStarted,
    SessionStopped,
    TimerFired,
    TimerScheduled,
)
from kernel.events.timer_purposes import AccountMark
from kernel.identifiers import StrategyId, TimerName
from kernel.time_units import SECOND_NS

__all__ = ["AccountType", "LotMethod", "Portfolio", "PortfolioConfig", "PortfolioState", "PriceView"]

MARK = TimerName("mark")

_deposits = attrgetter("deposits")
_realised = attrgetter("realised_pnl")
_commissions = attrgetter("commissions")
_income = attrgetter("income")
_converted = attrgetter("converted")


class Portfolio:
    """The component that owns cash and positions, and the view of them.

    Amounts in the view are in the account's currency unless stated otherwise.
    """

    name = "portfolio"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self, prices: PriceView, config: PortfolioConfig, *, has_present_rules: bool = False
    ) -> None:
        """``has_present_rules``: whether margin is computed by the present rules, or by the first ones."""
        self.state = PortfolioState()
        self._prices = prices
        self._config = config
        self._bookkeeping = Bookkeeping(self.state, prices, config)
        self._valuation = Valuation(self._bookkeeping, prices, config, has_present_rules=has_present_rules)
        self.rate = self._valuation.rate
        self.balances = self._valuation.balances
        self.value_of = self._valuation.value_of
        self.worth_of = self._valuation.worth_of
        self.free_margin_at = self._valuation.free_margin_at
        self.unrealised = self._valuation.unrealised
        self.margin_rate = self._valuation.margin_rate
        self.opening_margin_rate = self._valuation.opening_margin_rate
        self.maintenance_rate = self._valuation.maintenance_rate
        self.strategies = StrategyFigures(self._bookkeeping, self._valuation, config.currency)
        """The figures of each strategy's own ledger."""

    def subscriptions(self) -> Iterable[Subscription]:
        bookkeeping = self._bookkeeping
        return (
            Subscription(OrderFilled, bookkeeping.on_fill),
            Subscription(FillCorrected, Corrections(bookkeeping).on_correction),
            Subscription(CashMoved, bookkeeping.on_cash),
            Subscription(AdjustPosition, bookkeeping.on_adjustment),
            Subscription(CorporateAction, CorporateActions(bookkeeping, self._prices).on_action),
            Subscription(InstrumentDefined, bookkeeping.on_instrument),
            Subscription(FxRateSet, bookkeeping.on_rate),
            Subscription(SessionStarted, self.on_session),
            Subscription(SessionStopped, self.on_session_stopped),
            Subscription(TimerFired, self.on_timer),
        )

    # --- marking ------------------------------------------------------------------------------

    def on_session(self, event: SessionStarted) -> Sequence[Event]:
        every_ns = self._config.mark_every_s * SECOND_NS
        due_ts = (event.ts // every_ns + 1) * every_ns
        return (TimerScheduled(event.ts, self.name, MARK, due_ts, every_ns, AccountMark()),)

    def on_timer(self, timer: TimerFired) -> Sequence[Event] | None:
        """Mark the account, unless there was no market data since the last mark (a night, a weekend)."""
        if timer.owner != self.name or self._prices.last_ts() <= self.state.marked_ts:
            return None
        return self._marks(timer.ts)

    def on_session_stopped(self, event: SessionStopped) -> Sequence[Event]:
        return self._marks(event.ts)

    def _marks(self, ts: int) -> Sequence[Event]:
        """The marks of the account, and those of its ledgers and margin if they are configured."""
        self.state.marked_ts = ts
        marks: list[Event] = [self._account_mark(ts)]
        if self._config.mark_ledgers:
            marks += self._ledger_marks(ts)
        if self._config.mark_margin:
            marks.append(self._margin_mark(ts))
        return marks

    def _account_mark(self, ts: int) -> AccountMarked:
        valuation = self._valuation
        cash = valuation.cash
        value, exposure = valuation.assets()
        return AccountMarked(
            ts,
            cash,
            cash + value,
            valuation.total(_realised),
            value - valuation.paid_cost(),
            valuation.total(_commissions),
            exposure,
            self._config.currency,
        )

    def _ledger_marks(self, ts: int) -> Iterable[LedgerMarked]:
        for strategy, ledgers in self.state.ledgers.items():
            for currency, ledger in ledgers.items():
                yield LedgerMarked(
                    ts,
                    strategy,
                    currency,
                    ledger.cash,
                    ledger.deposits,
                    ledger.realised_pnl,
                    self._valuation.ledger_unrealised(strategy, currency),
                    ledger.commissions,
                    ledger.income + ledger.converted,
                )

    def _margin_mark(self, ts: int) -> MarginMarked:
        valuation = self._valuation
        return MarginMarked(
            ts,
            self.initial_margin,
            self.maintenance_margin,
            self.buying_power,
            self.leverage,
            valuation.currency_balances(),
            self.exposure_by_symbol(),
            self.exposure_by_sector(),
            self.exposure_by_currency(),
        )

    # --- the view -----------------------------------------------------------------------------

    @property
    def cash(self) -> Decimal:
        """Cash in all currencies."""
        state = self.state
        return self._valuation.cash if state.foreign else state.cash

    @property
    def equity(self) -> Decimal:
        """Cash and positions at last prices."""
        return self._valuation.cash + self._valuation.assets()[0]

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

    def open_symbols(self) -> Iterable[str]:
        """Symbols with an open position of any strategy, in order of opening."""
        return self.state.holders

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
        """Dividends, interest, fees and funding: all cash flows but fills, deposits and conversions."""
        return self._valuation.total(_income)

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

        It equals cash in a cash account without short positions. Below 0 is a margin call.
        """
        return self.equity - self._valuation.initial_margin()

    @property
    def leverage(self) -> Decimal:
        """Gross exposure over equity; infinite where there is exposure and no equity."""
        value, gross = self._valuation.assets()
        return leverage(gross, self._valuation.cash + value)

    def exposure_by_symbol(self) -> tuple[ExposureShare, ...]:
        """Values of net positions, by symbol."""
        return self._valuation.exposure_by(lambda symbol: symbol)

    def exposure_by_sector(self) -> tuple[ExposureShare, ...]:
        """Values of net positions summed by sector; the empty name is for symbols without a sector."""
        return self._valuation.exposure_by(self._valuation.sector_of)

    def exposure_by_currency(self) -> tuple[ExposureShare, ...]:
        """Values of net positions summed by the instruments' currency, each in the account's currency."""
        return self._valuation.exposure_by(self._valuation.currency_of)
