"""Rules on the account: margin, exposure, concentration, losses. Those on cash are in ``cash``."""

from decimal import Decimal

from components.risk.order_check import OrderCheck
from kernel.events import BUY, InstrumentDefined
from kernel.shortages import shortage
from strategies.sdk.risk_rules import Denial

ZERO = Decimal(0)
MARGIN_SENTENCE = "the initial margin must not exceed the equity that positions and working orders leave"
CAPITAL_SENTENCE = "the initial margin must not exceed what positions and working orders leave of the capital"
RATIO = Decimal("0.0001")
"""The decimal places of a ratio in a denial. Ratios are compared exactly."""


class KnownRate:
    """Denies orders in a currency without a rate to the account's, because they cannot be valued."""

    def __init__(self, own: str) -> None:
        self.own = own

    def concerns(self, instrument: InstrumentDefined) -> bool:
        return instrument.currency != self.own

    def check(self, order_check: OrderCheck) -> Denial | None:
        if order_check.rate is not None:
            return None
        currency, own = order_check.instrument.currency, self.own
        return Denial("currency", f"a rate from {currency} to {own} must be known first", own, currency)


class RequireMargin:
    """Denies new exposure if its initial margin and its costs are more than the equity can cover.

    - ``rule``, ``sentence``: those of the denial. ``names_amounts``: the sentence ends with the amounts.
    - ``is_for_shares``: whether it concerns instruments other than futures and perpetuals.
    - ``is_for_buys``: whether it concerns buys of these; otherwise they are paid in full.
    """

    def __init__(
        self,
        rule: str = "require_margin",
        sentence: str = MARGIN_SENTENCE,
        *,
        names_amounts: bool = True,
        is_for_shares: bool = True,
        is_for_buys: bool = True,
    ) -> None:
        self.rule = rule
        self.sentence = sentence
        self.names_amounts = names_amounts
        self.is_for_shares = is_for_shares
        self.is_for_buys = is_for_buys

    def concerns(self, instrument: InstrumentDefined) -> bool:
        return self.is_for_shares or instrument.is_margined

    def check(self, order_check: OrderCheck) -> Denial | None:
        if not self.is_for_buys and order_check.order.side is BUY and not order_check.instrument.is_margined:
            return None
        if not order_check.opening_quantity:
            return None
        if order_check.price is None:
            return _unpriced(self.rule, ZERO)
        context = order_check.context
        order = order_check.order
        needed = order_check.added_exposure * context.account.opening_margin_rate(order.symbol, order.side)
        needed += order_check.cost
        taken = order_check.working.exposure_sums().margin + order_check.working_costs
        if context.margin is not None:
            known = context.margin.free_margin()
            if known is not None and float(needed + taken) <= known:
                return None
        free = order_check.equity - context.figures.initial_margin - taken
        if needed <= free:
            return None
        sentence = self.sentence
        if self.names_amounts:
            amounts = shortage("the order", needed=needed, available=free, currency=context.currency)
            sentence = f"{sentence}: {amounts}"
        return Denial(self.rule, sentence, free, needed)


class MaxGrossExposure:
    """Denies orders that could take gross exposure above ``limit``."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order_check: OrderCheck) -> Denial | None:
        if not order_check.opening_quantity:
            return None
        if order_check.price is None:
            return _unpriced("max_gross_exposure", self.limit)
        if order_check.projected_gross_exposure <= self.limit:
            return None
        sentence = "gross exposure, working orders included, must not exceed the limit"
        return Denial("max_gross_exposure", sentence, self.limit, order_check.projected_gross_exposure)


class MaxLeverage:
    """Denies orders that could take gross exposure above ``limit`` times the equity."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order_check: OrderCheck) -> Denial | None:
        if not order_check.opening_quantity:
            return None
        if order_check.price is None:
            return _unpriced("max_leverage", self.limit)
        if order_check.projected_gross_exposure <= self.limit * order_check.equity:
            return None
        sentence = "gross exposure, working orders included, must not exceed this many times the equity"
        return Denial(
            "max_leverage",
            sentence,
            self.limit,
            _ratio(order_check.projected_gross_exposure, order_check.equity),
        )


class MaxSymbolConcentration:
    """Denies orders that could make one position worth more than a fraction of the equity."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order_check: OrderCheck) -> Denial | None:
        if not order_check.opening_quantity:
            return None
        if order_check.price is None:
            return _unpriced("max_symbol_concentration", self.limit)
        value = abs(order_check.projected_position) * order_check.unit_value
        if value <= self.limit * order_check.equity:
            return None
        sentence = f"{order_check.order.symbol} must not be worth a larger part of the equity"
        return Denial("max_symbol_concentration", sentence, self.limit, _ratio(value, order_check.equity))


class MaxSectorConcentration:
    """Denies orders that could make a sector's positions worth more than a fraction of the equity."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def concerns(self, instrument: InstrumentDefined) -> bool:
        return bool(instrument.sector)

    def check(self, order_check: OrderCheck) -> Denial | None:
        sector = order_check.instrument.sector
        if not order_check.opening_quantity:
            return None
        if order_check.price is None:
            return _unpriced("max_sector_concentration", self.limit)
        value = order_check.added_exposure + order_check.context.figures.sector_exposure(sector)
        value += order_check.working.exposure_sums().by_sector.get(sector, ZERO)
        if value <= self.limit * order_check.equity:
            return None
        sentence = f"positions in {sector} must not be worth a larger part of the equity"
        return Denial("max_sector_concentration", sentence, self.limit, _ratio(value, order_check.equity))


class LossLimit:
    """Denies all but reducing orders once the loss is ``limit`` or more; the rule measures the loss."""

    def __init__(self, rule: str, limit: Decimal, whose: str = "the account") -> None:
        self.rule = rule
        self.limit = limit
        self.whose = whose
        self._bound = float(limit)

    def check(self, order_check: OrderCheck) -> Denial | None:
        if order_check.reduces:
            return None
        loss = order_check.context.figures.loss(self.rule)
        if loss < self._bound:
            return None
        sentence = f"{self.whose} has lost too much: orders may only make positions smaller"
        return Denial(self.rule, sentence, self.limit, str(round(loss, 6)))


def _unpriced(rule: str, limit: Decimal) -> Denial:
    return Denial(rule, "there is no price to value the order at", limit, ZERO)


def _ratio(value: Decimal, equity: Decimal) -> Decimal | str:
    return (value / equity).quantize(RATIO) if equity > 0 else "infinite"
