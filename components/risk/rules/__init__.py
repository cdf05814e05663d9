"""Risk rules. Each is a small class that checks one order and returns a denial or ``None``.

To add a rule: write a class with ``check`` in the module of its concept, give ``RiskLimits`` its limit, and
list it in ``rules_for``. ``docs/risk.md`` lists them all.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from components.risk.own_rules import OwnRule
from components.risk.rules.account import (
    CAPITAL_SENTENCE,
    KnownRate,
    LossLimit,
    MaxGrossExposure,
    MaxLeverage,
    MaxSectorConcentration,
    MaxSymbolConcentration,
    RequireMargin,
)
from components.risk.rules.cash import RequireCash, RequireWholeCash
from components.risk.rules.flow import DuplicateOrder, MaxOpenOrders, MaxOpenOrdersPerSymbol, OrderRate
from components.risk.rules.permission import (
    AllowOnly,
    Capability,
    DefinedSymbol,
    Expired,
    Identity,
    InSession,
    KnownSymbol,
    Restricted,
)
from components.risk.rules.position import (
    LocateQuantity,
    MaxPositionNotional,
    MaxPositionQuantity,
    NoShortSale,
    ReduceOnly,
    Shortable,
    StrategyMaxPosition,
)
from components.risk.rules.price import PriceCollar, StopCollar
from components.risk.rules.rule import FlowRule, InstrumentRule, Rule
from components.risk.rules.size import MaxOrderNotional, MaxOrderQuantity, OrderTerms
from kernel.identifiers import StrategyId
from kernel.rules import FIRST_RULES, RULES
from strategies.sdk.limits import RiskLimits
from strategies.sdk.risk_rules import RiskRule
from strategies.sdk.strategy_limits import StrategyTerms

__all__ = ["FlowRule", "InstrumentRule", "Rule", "rules_for", "strategy_rules"]


def rules_for(
    limits: RiskLimits,
    declared: Mapping[StrategyId, Decimal],
    own: Iterable[RiskRule] = (),
    *,
    currency: str,
    version: int = RULES,
) -> Iterator[Rule]:
    """The rules of a configuration, in the order of checking.

    First come the rules that hold under any configuration, then the limits, then the user's rules.

    - ``declared``: the largest positions that strategies declare for themselves.
    - ``own``: the user's rules.
    - ``currency``: the account's currency.
    - ``version``: the version of the core's rules (``kernel.rules``).
    """
    yield from (Identity(), OrderTerms(), KnownRate(currency), Capability(), Expired())
    yield from _permissions(limits)
    yield from _sizes_and_prices(limits)
    yield from _positions(limits, declared, version=version)
    yield from _funds(limits) if version > FIRST_RULES else _first_funds(limits)
    yield from _account(limits)
    yield KnownSymbol()  # after the limits: a limit that needs a price denies with its own reason
    yield from _flow(limits)
    yield from map(OwnRule, own)


def strategy_rules(terms: StrategyTerms, *, version: int = RULES) -> Iterator[Rule]:
    """The rules of one strategy's own limits. They see only its own orders and positions."""
    limits = terms.limits.as_risk_limits()
    yield from _sizes_and_prices(limits)
    yield from _position_sizes(limits)
    if terms.capital is not None:
        yield RequireMargin("capital", CAPITAL_SENTENCE, names_amounts=version > FIRST_RULES)
    if limits.max_gross_exposure is not None:
        yield MaxGrossExposure(limits.max_gross_exposure)
    if limits.max_daily_loss is not None:
        yield LossLimit("max_daily_loss", limits.max_daily_loss, "the strategy")
    yield from _flow(limits)


def _permissions(limits: RiskLimits) -> Iterator[Rule]:
    if limits.require_defined_symbol:
        yield DefinedSymbol()
    if limits.restricted:
        yield Restricted(limits.restricted)
    if limits.allow_only:
        yield AllowOnly(limits.allow_only)
    if limits.in_session_only:
        yield InSession()


def _sizes_and_prices(limits: RiskLimits) -> Iterator[Rule]:
    if limits.max_order_quantity is not None:
        yield MaxOrderQuantity(limits.max_order_quantity)
    if limits.max_order_notional is not None:
        yield MaxOrderNotional(limits.max_order_notional)
    if limits.price_collar_bps is not None:
        yield PriceCollar(limits.price_collar_bps)
    if limits.stop_collar_bps is not None:
        yield StopCollar(limits.stop_collar_bps)


def _positions(limits: RiskLimits, declared: Mapping[StrategyId, Decimal], *, version: int) -> Iterator[Rule]:
    yield ReduceOnly()
    yield from _position_sizes(limits)
    if declared:
        yield StrategyMaxPosition(declared)
    names_offers = version > FIRST_RULES
    yield (
        Shortable(names_offers=names_offers) if limits.allow_short else NoShortSale(names_offers=names_offers)
    )
    if limits.locate_quantity:
        yield LocateQuantity(limits.locate_quantity)


def _position_sizes(limits: RiskLimits) -> Iterator[Rule]:
    if limits.max_position_quantity is not None:
        yield MaxPositionQuantity(limits.max_position_quantity)
    if limits.max_position_notional is not None:
        yield MaxPositionNotional(limits.max_position_notional)


def _funds(limits: RiskLimits) -> Iterator[Rule]:
    """Cash and margin by the present rules.

    With ``require_cash`` a buy is paid in full from cash and needs no margin. If margin is required, all
    else needs it: short sales, buys without ``require_cash``, and always futures and perpetuals.
    """
    if limits.require_cash:
        yield RequireCash(is_for_futures=not limits.require_margin)
    if limits.require_margin:
        yield RequireMargin(is_for_shares=limits.can_exceed_equity, is_for_buys=not limits.require_cash)


def _first_funds(limits: RiskLimits) -> Iterator[Rule]:
    """Cash and margin by the first rules, of runs that were recorded under them."""
    if limits.require_cash:
        yield RequireWholeCash()
    if limits.require_margin:
        yield RequireMargin(names_amounts=False)


def _account(limits: RiskLimits) -> Iterator[Rule]:
    if limits.max_gross_exposure is not None:
        yield MaxGrossExposure(limits.max_gross_exposure)
    if limits.max_leverage is not None:
        yield MaxLeverage(limits.max_leverage)
    if limits.max_symbol_concentration is not None:
        yield MaxSymbolConcentration(limits.max_symbol_concentration)
    if limits.max_sector_concentration is not None:
        yield MaxSectorConcentration(limits.max_sector_concentration)
    if limits.max_daily_loss is not None:
        yield LossLimit("max_daily_loss", limits.max_daily_loss)
    if limits.max_drawdown is not None:
        yield LossLimit("max_drawdown", limits.max_drawdown)


def _flow(limits: RiskLimits) -> Iterator[Rule]:
    if limits.max_open_orders is not None:
        yield MaxOpenOrders(limits.max_open_orders)
    if limits.max_open_orders_per_symbol is not None:
        yield MaxOpenOrdersPerSymbol(limits.max_open_orders_per_symbol)
    if limits.duplicate_window_s:
        yield DuplicateOrder(limits.duplicate_window_s)
    if limits.max_orders_per_second is not None:
        yield OrderRate("max_orders_per_second", limits.max_orders_per_second, span_s=1)
    if limits.max_orders_per_minute is not None:
        yield OrderRate("max_orders_per_minute", limits.max_orders_per_minute, span_s=60)
