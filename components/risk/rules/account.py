"""Rules on what the account can bear: cash, margin, exposure, concentration, losses."""

from decimal import Decimal

from components.risk.look import Look
from components.risk.rules.denial import Denial
from kernel.events import Side

ZERO = Decimal(0)
RATIO = Decimal("0.0001")
"""Ratios are shown to four places; they are compared exactly."""


# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_SELL = Side.SELL


class KnownRate:
    """No order in a currency that nobody gave a rate for: nothing could value it."""

    def check(self, look: Look) -> Denial | None:
        currency, own = look.instrument.currency, look.around.currency
        if currency == own or look.rate is not None:
            return None
        return Denial("currency", f"a rate from {currency} to {own} must be known first", own, currency)


class RequireCash:
    """No buy beyond the cash that working buys leave."""

    def check(self, look: Look) -> Denial | None:
        if look.order.side is _SELL:
            return None
        cash, unit_value = look.around.account.cash, look.unit_value
        if not unit_value and look.price is None:
            available = cash - look.working.reserved_as_written()
            return Denial("require_cash", "there is no price to value the order at", available, ZERO)
        needed = look.added_cost
        if needed <= cash - look.working.sums.reserved:
            return None
        available = cash - look.working.reserved_as_written()
        return Denial("require_cash", "there is not enough cash", available, needed)


class RequireMargin:
    """No new exposure whose initial margin the equity does not cover."""

    def check(self, look: Look) -> Denial | None:
        if not look.growth:
            return None
        if look.price is None:
            return _unpriced("require_margin", ZERO)
        around = look.around
        needed = look.growth_value * around.account.margin_rate(look.order.symbol)
        free = look.equity - around.figures.initial_margin - look.working.sums.openings.margin
        if needed <= free:
            return None
        sentence = "the initial margin must not exceed the equity that positions and working orders leave"
        return Denial("require_margin", sentence, free, needed)


class MaxGrossExposure:
    """No order that could make all positions together worth more than ``limit``."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, look: Look) -> Denial | None:
        if not look.growth:
            return None
        if look.price is None:
            return _unpriced("max_gross_exposure", self.limit)
        if look.gross_reach <= self.limit:
            return None
        sentence = "gross exposure, working orders included, must not exceed the limit"
        return Denial("max_gross_exposure", sentence, self.limit, look.gross_reach)


class MaxLeverage:
    """No order that could take gross exposure beyond ``limit`` times the equity."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, look: Look) -> Denial | None:
        if not look.growth:
            return None
        if look.price is None:
            return _unpriced("max_leverage", self.limit)
        if look.gross_reach <= self.limit * look.equity:
            return None
        sentence = "gross exposure, working orders included, must not exceed this many times the equity"
        return Denial("max_leverage", sentence, self.limit, _ratio(look.gross_reach, look.equity))


class MaxSymbolConcentration:
    """No order that could make one position worth more than a fraction of the equity."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, look: Look) -> Denial | None:
        if not look.growth:
            return None
        if look.price is None:
            return _unpriced("max_symbol_concentration", self.limit)
        value = abs(look.reach) * look.unit_value
        if value <= self.limit * look.equity:
            return None
        sentence = f"{look.order.symbol} must not be worth a larger part of the equity"
        return Denial("max_symbol_concentration", sentence, self.limit, _ratio(value, look.equity))


class MaxSectorConcentration:
    """No order that could make a sector's positions worth more than a fraction of the equity."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, look: Look) -> Denial | None:
        sector = look.instrument.sector
        if not sector or not look.growth:
            return None
        if look.price is None:
            return _unpriced("max_sector_concentration", self.limit)
        value = look.growth_value + look.around.figures.sector_exposure(sector)
        value += look.working.sums.openings.by_sector.get(sector, ZERO)
        if value <= self.limit * look.equity:
            return None
        sentence = f"positions in {sector} must not be worth a larger part of the equity"
        return Denial("max_sector_concentration", sentence, self.limit, _ratio(value, look.equity))


class LossLimit:
    """Once the account has lost more than ``limit`` by this rule's measure, orders may only reduce."""

    def __init__(self, rule: str, limit: Decimal) -> None:
        self.rule = rule
        self.limit = limit
        self._bound = float(limit)

    def check(self, look: Look) -> Denial | None:
        if look.reduces:
            return None
        loss = look.around.figures.loss(self.rule)
        if loss < self._bound:
            return None
        sentence = "the account has lost too much: orders may only make positions smaller"
        return Denial(self.rule, sentence, self.limit, str(round(loss, 6)))


def _unpriced(rule: str, limit: Decimal) -> Denial:
    return Denial(rule, "there is no price to value the order at", limit, ZERO)


def _ratio(value: Decimal, equity: Decimal) -> Decimal | str:
    return (value / equity).quantize(RATIO) if equity > 0 else "infinite"
