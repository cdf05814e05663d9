"""Finds money in a currency without an exchange rate, which the account counts at par.

Orders in such a currency are denied, but not a dividend, fee or deposit. So the result names the first one.
"""

from decimal import Decimal

from components.portfolio.rates import rate_between, set_rate
from kernel.events import CashMoved, CorporateAction, Event, InstrumentDefined, OrderFilled
from kernel.fees import paid_by_terms
from replay.figures import moment
from replay.run_facts import RunFacts

UNRATED_TYPES: frozenset[type[Event]] = frozenset({CashMoved, OrderFilled})


class UnratedMoney:
    """Takes the events of a run in order; ``problem`` is a sentence, empty if every amount had a rate."""

    def __init__(self, facts: RunFacts, *, currency: str) -> None:
        self.problem = ""
        self._instruments = facts.instruments
        self._to_come = list(facts.rates[::-1])
        self._rates: dict[str, dict[str, Decimal]] = {}
        self._currency = currency

    def take(self, event: Event) -> None:
        """Look at cash movements and commissions."""
        match event:
            case CashMoved(amount=amount, currency=currency):
                self._look_at(event.ts, amount, currency, what=event.reason or event.kind.value)
            case OrderFilled(commission=commission, currency=currency) if (
                commission and currency != self._currency
            ):
                charged = paid_by_terms(event, self._instruments)
                self._look_at(event.ts, charged.commission, charged.currency, what="commission")
            case _:
                pass

    def _look_at(self, ts: int, amount: Decimal, currency: str, *, what: str) -> None:
        if self.problem or currency == self._currency:
            return
        while self._to_come and self._to_come[-1].ts <= ts:
            set_rate(self._rates, self._to_come.pop())
        if rate_between(self._rates, currency, self._currency) is None:
            self.problem = at_par(ts, amount, currency, into=self._currency, what=what)


def closed_at_par(action: CorporateAction | None, facts: RunFacts) -> str:
    """The sentence about an action that closed positions at an amount without a rate; empty without one."""
    if action is None:
        return ""
    terms = facts.instruments.get(action.symbol, InstrumentDefined(0, action.symbol))
    what = f"{action.kind.value} of {action.symbol}"
    return at_par(action.ts, action.amount, action.currency, into=terms.currency, what=what)


def at_par(ts: int, amount: Decimal, currency: str, *, into: str, what: str) -> str:
    """The sentence about an amount that counts at par."""
    return (
        f"{amount:f} {currency} ({what}, {moment(ts)}) counts as {amount:f} {into}: no "
        f"rate of {currency} to {into} is known; import rates with --kind fx-rates "
        "and name their stream"
    )
