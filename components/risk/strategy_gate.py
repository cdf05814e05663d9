"""The gate of one strategy: its own limits, checked by the same rules as the account's.

A rule sees an order through an ``OrderCheck``. Here the check has a context as if the account had this
strategy alone: its own net position and working orders, and its capital as equity. An order must pass the
account's rules first, then these. In a denial, the rule's name begins with ``strategy_``, and the sentence
ends with the strategy's name.

What it remembers is in the state of risk: the times of the strategy's orders (``own_flow``) and the
exposure that its working orders would add to its own positions (``working.own_exposure``).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from components.risk.context import RiskContext
from components.risk.exposure import ExposureSums, WorkingExposure
from components.risk.flow import FlowState
from components.risk.hedging import OwnLegs, mode_parts
from components.risk.rules import FlowRule, strategy_rules
from components.risk.state import RiskState
from components.risk.views import AccountView, MarketView, SharesView
from components.risk.working_orders import ZERO, WorkingOrder, WorkingOrders
from kernel.events import Order
from kernel.identifiers import StrategyId
from kernel.position_sides import Leg
from kernel.rules import RULES
from strategies.sdk.risk_rules import Denial
from strategies.sdk.strategy_limits import StrategyTerms


class StrategyGate:
    """Checks the orders of one strategy against its own limits."""

    def __init__(
        self,
        strategy: StrategyId,
        terms: StrategyTerms,
        *,
        context: RiskContext,
        shares: SharesView,
        version: int = RULES,
    ) -> None:
        """``version``: of the core's rules (``kernel.rules``)."""
        self._strategy = strategy
        self._rules = tuple(strategy_rules(terms, version=version))
        self._flow_rules = tuple(rule for rule in self._rules if isinstance(rule, FlowRule))
        self._account = OwnAccount(strategy, context.account, shares)
        self._context = RiskContext(
            account=self._account,
            market=context.market,
            venue=context.venue,
            figures=OwnFigures(strategy, context.account, context.market, shares),
            is_emulated=context.is_emulated,
            currency=context.currency,
            costs=context.costs,
            legs=None if context.legs is None else OwnLegs(strategy, context.legs),
        )
        self._mode = mode_parts(context)

    def exposure_in(self, state: RiskState, market: MarketView) -> WorkingExposure:
        """The exposure of its working orders, kept in the state of risk."""
        sums = state.working.own_exposure.setdefault(self._strategy, ExposureSums())
        return self._mode.exposure(sums, account=self._account, market=market)

    def take(self, state: RiskState, working: WorkingOrders) -> None:
        """Take the strategy's part of the state of risk. Called again after a restore replaced it."""
        own = self._mode.strategy_working_orders(working, self._strategy)
        flow = state.own_flow.setdefault(self._strategy, FlowState())
        self._context.working = own
        self._context.state = RiskState(working=own.state, flow=flow, defined=state.defined)

    def check(self, order: Order, ts: int, replaced: WorkingOrder | None) -> Denial | None:
        """The denial of an order of the strategy; ``None`` if its limits allow the order."""
        order_check = self._mode.order_check(order, ts, self._context, replaced)
        for rule in self._rules:
            denial = rule.check(order_check)
            if denial is not None:
                return msgspec.structs.replace(
                    denial,
                    rule=f"strategy_{denial.rule}",
                    reason=f"{denial.reason} (a limit of the strategy {self._strategy})",
                )
        return None

    def note(self, order: Order, ts: int, replaced: WorkingOrder | None) -> None:
        """Remember an approved order, for the rules on the flow of orders."""
        if self._flow_rules:
            order_check = self._mode.order_check(order, ts, self._context, replaced)
            for rule in self._flow_rules:
                rule.note(order_check)


class OwnAccount:
    """The account as if it had only this strategy."""

    def __init__(self, strategy: StrategyId, account: AccountView, shares: SharesView) -> None:
        self._strategy = strategy
        self._account = account
        self._shares = shares
        self.margin_rate = account.margin_rate
        self.opening_margin_rate = account.opening_margin_rate
        self.maintenance_rate = account.maintenance_rate
        self.value_of = account.value_of
        self.worth_of = account.worth_of
        self.rate = account.rate
        self.strategy_position = account.strategy_position

    @property
    def cash(self) -> Decimal:
        """The cash of the account, which all strategies share."""
        return self._account.cash

    @property
    def equity(self) -> Decimal:
        """Its capital."""
        return self._shares.capital(self._strategy)

    def net_position(self, symbol: str) -> Decimal:
        """Its own position."""
        return self._account.strategy_position(self._strategy, symbol)

    def holders(self, symbol: str) -> Mapping[StrategyId, Decimal]:
        """Its own open quantity."""
        held = self.net_position(symbol)
        return {self._strategy: held} if held else {}

    def legs(self, symbol: str) -> Mapping[Leg, Decimal]:
        """Its own open legs."""
        legs = self._account.legs(symbol)
        return {leg: held for leg, held in legs.items() if leg.strategy == self._strategy}

    def open_symbols(self) -> Iterable[str]:
        """Symbols in which it has a position."""
        return [symbol for symbol, _ in self._shares.exposures(self._strategy)]


class OwnFigures:
    """Exposure, margin and losses of one strategy, summed over its positions when a rule asks."""

    def __init__(
        self, strategy: StrategyId, account: AccountView, market: MarketView, shares: SharesView
    ) -> None:
        self._strategy = strategy
        self._account = account
        self._market = market
        self._shares = shares

    @property
    def equity(self) -> Decimal:
        """Its capital."""
        return self._shares.capital(self._strategy)

    @property
    def gross_exposure(self) -> Decimal:
        """Sum of the absolute values of its positions."""
        return sum((value for _, value in self._shares.exposures(self._strategy)), ZERO)

    @property
    def initial_margin(self) -> Decimal:
        """The initial margin of its positions."""
        exposures = self._shares.exposures(self._strategy)
        return sum((value * self._account.margin_rate(symbol) for symbol, value in exposures), ZERO)

    def sector_exposure(self, sector: str) -> Decimal:
        """The part of its exposure that is in one sector."""
        exposures = self._shares.exposures(self._strategy)
        return sum(
            (value for symbol, value in exposures if self._market.instrument(symbol).sector == sector), ZERO
        )

    def loss(self, rule: str) -> float:  # noqa: ARG002  # the day's is the only loss that is limited
        """Its loss since the trading day began."""
        return float(self._shares.day_loss(self._strategy))
