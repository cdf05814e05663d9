"""How much a strategy asked for, in lots: by units, by worth, or by the position it wants to end with.

Sizes resolve when the decision is made, from what is known then: the strategy's position, the account's
equity at last prices (or the capital that the strategy was given), and the price of the order (its limit,
else its stop, else the last price) times the instrument's multiplier times the rate of its currency.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from components.strategy_host.plain_values import LARGEST, exact_number, to_lots, written
from kernel.events import InstrumentDefined
from kernel.identifiers import StrategyId
from strategies.sdk.decisions import EquityPercent, Notional, Target

ZERO = Decimal(0)
ACCOUNT = "the account's equity"
CAPITAL = "the strategy's capital"
"""What a part is taken of, where the strategy has capital of its own."""


class AccountView(Protocol):
    """What sizes are made from; ``equity`` in the account's currency, at last prices."""

    @property
    def equity(self) -> Decimal: ...
    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...
    def rate(self, currency: str) -> Decimal | None:
        """What one unit is worth in the account's currency; ``None`` where no rate is known."""
        ...


class Sizes:
    """Resolves the sizes that one strategy asks for."""

    def __init__(
        self,
        strategy: StrategyId,
        *,
        account: AccountView,
        last_price: Callable[[str], float | None],
        basis: str = ACCOUNT,
    ) -> None:
        """``basis`` says in words what the account's ``equity`` is."""
        self._basis = basis
        self._strategy = strategy
        self._account = account
        self._last_price = last_price

    def lots(
        self, wanted: object, instrument: InstrumentDefined, *, price: Decimal | None
    ) -> tuple[Decimal, str]:
        """The quantity in whole lots, above 0, and how it was asked for (empty for units).

        ``price`` is the order's own, ``None`` for the last price. Raises ``ValueError``.
        """
        kind = type(wanted)
        if kind is not Notional and kind is not EquityPercent:
            return to_lots(wanted, instrument.lot_size), ""
        if isinstance(wanted, Notional):
            amount = exact_number(wanted.amount, "notional")
            asked = f"notional {written(amount)}"
        else:
            assert isinstance(wanted, EquityPercent)
            percent = exact_number(wanted.percent, "percent of equity")
            asked = f"equity percent {written(percent)}"
            amount = self._part_of_equity(percent / 100, asked)
        units = amount / self._unit_worth(instrument, price)
        if units < instrument.lot_size:
            raise ValueError(f"{asked} is less than one lot of {instrument.lot_size}")
        return to_lots(units, instrument.lot_size), asked

    def difference(
        self, wanted: Target, instrument: InstrumentDefined, *, price: Decimal | None
    ) -> tuple[Decimal, str]:
        """What is missing to a target, signed, in whole lots (0 if less than one), and how it was asked."""
        if (wanted.position is None) is (wanted.weight is None):
            raise ValueError("a target has a position or a weight; got " + _given(wanted))
        if wanted.weight is None:
            target = exact_number(wanted.position, "target position")
            asked = f"target position {written(target)}"
        else:
            weight = exact_number(wanted.weight, "target weight")
            asked = f"target weight {written(weight)}"
            worth = self._part_of_equity(weight, asked)
            target = worth / self._unit_worth(instrument, price) if worth else ZERO
        if abs(target) > LARGEST:
            raise ValueError(f"{asked} is beyond {LARGEST}")
        # the target is rounded towards zero: never a larger position than was asked for
        lots = int(target / instrument.lot_size)
        missing = lots * instrument.lot_size - self._account.strategy_position(
            self._strategy, instrument.symbol
        )
        return int(missing / instrument.lot_size) * instrument.lot_size, asked

    def _part_of_equity(self, part: Decimal, asked: str) -> Decimal:
        """What a part of the equity is worth. Of debts nobody means a part: it would be on the other side."""
        equity = self._account.equity
        if part and equity < 0:
            raise ValueError(f"{asked}: {self._basis} is {equity}, there is nothing to take a part of")
        return part * equity

    def _unit_worth(self, instrument: InstrumentDefined, price: Decimal | None) -> Decimal:
        """What one unit of the instrument is worth, in the account's currency."""
        if price is None:
            last = self._last_price(instrument.symbol)
            if last is None or not last > 0:
                raise ValueError(f"{instrument.symbol} has no price yet to size an order by")
            price = Decimal(repr(last))
        rate = self._account.rate(instrument.currency)
        if rate is None:
            raise ValueError(f"no rate of {instrument.currency} is known to size an order by")
        return price * instrument.multiplier * rate


def _given(wanted: Target) -> str:
    return "neither" if wanted.position is None else "both"
