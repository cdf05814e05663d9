"""Converts the sizes that strategies ask for into lots: from units, a value, or a target position.

A size is computed at the time of the decision, from:

- the strategy's position;
- the account's equity at last prices, or the strategy's own capital;
- the value of a unit: the order's price (its limit, else its stop, else the last price) times the multiplier
  times the rate of the instrument's currency. A price below zero counts without its sign. Of an inverse
  contract it is the multiplier over the price.

A part of the equity (a weight, a percentage) has room for the estimated costs of its own order.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from components.strategy_host.order_costs import OrderCosts
from components.strategy_host.plain_values import CUT, LARGEST, cut_words, exact_number, to_lots, written
from kernel.events import InstrumentDefined
from kernel.identifiers import StrategyId
from strategies.sdk.decisions import EquityPercent, Notional, Target

ZERO = Decimal(0)
ACCOUNT = "the account's equity"
CAPITAL = "the strategy's capital"
"""The basis of percentages and weights for a strategy with capital of its own."""


class AccountView(Protocol):
    """The account that sizes depend on; ``equity`` is in its currency, at last prices."""

    @property
    def equity(self) -> Decimal: ...
    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...
    def rate(self, currency: str) -> Decimal | None:
        """The value of one unit in the account's currency; ``None`` if no rate is known."""
        ...


class Sizes:
    """Computes the sizes of one strategy's orders."""

    def __init__(
        self,
        strategy: StrategyId,
        *,
        account: AccountView,
        last_price: Callable[[str], float | None],
        basis: str = ACCOUNT,
        costs: OrderCosts | None = None,
        records_cuts: bool = False,
    ) -> None:
        """``basis`` names the account's ``equity`` in sentences; without ``costs`` none are estimated.

        ``records_cuts``: a quantity that is not in whole lots is put on record, and a position below one lot
        is refused. Logs written before this was a rule go on without it.
        """
        self._costs = costs
        self._records_cuts = records_cuts
        self._basis = basis
        self._strategy = strategy
        self._account = account
        self._last_price = last_price

    def lots(
        self, wanted: object, instrument: InstrumentDefined, *, price: Decimal | None
    ) -> tuple[Decimal, str]:
        """The quantity in whole lots, above 0, and the requested size in words (empty for units).

        ``price``: the order's own price; ``None``: the last price. Raises ``ValueError``.
        """
        kind = type(wanted)
        if kind is not Notional and kind is not EquityPercent:
            return self.whole_lots(wanted, instrument)
        if isinstance(wanted, Notional):
            amount = exact_number(wanted.amount, "notional")
            asked = f"notional {written(amount)}"
        else:
            assert isinstance(wanted, EquityPercent)
            percent = exact_number(wanted.percent, "percent of equity")
            asked = f"equity percent {written(percent)}"
            amount = self._part_of_equity(percent / 100, asked)
        worth = self._unit_worth(instrument, price)
        units = amount / worth
        if kind is EquityPercent:
            units = (amount - self._cost(instrument, units, price)) / worth
        if units < instrument.lot_size:
            raise ValueError(f"{asked} is less than one lot of {instrument.lot_size}")
        return to_lots(units, instrument.lot_size), asked

    def whole_lots(
        self, wanted: object, instrument: InstrumentDefined, *, what: str = "quantity"
    ) -> tuple[Decimal, str]:
        """A number of units in whole lots, and words if it was cut. Raises ``ValueError`` below one lot."""
        lots = to_lots(wanted, instrument.lot_size)
        return lots, cut_words(what, wanted, lots) if self._records_cuts and lots != wanted else ""

    def difference(
        self, wanted: Target, instrument: InstrumentDefined, *, price: Decimal | None
    ) -> tuple[Decimal, str]:
        """The signed difference to a target in whole lots, and the requested target in words."""
        if (wanted.position is None) is (wanted.weight is None):
            raise ValueError("a target has a position or a weight; got " + _given(wanted))
        if wanted.weight is None:
            target = exact_number(wanted.position, "target position")
            asked = f"target position {written(target)}"
            if self._records_cuts and 0 < abs(target) < instrument.lot_size:
                raise ValueError(f"{asked} is less than one lot of {instrument.lot_size:f}")
        else:
            weight = exact_number(wanted.weight, "target weight")
            asked = f"target weight {written(weight)}"
            worth = self._part_of_equity(weight, asked)
            target = self._target_of(worth, instrument, price) if worth else ZERO
        if abs(target) > LARGEST:
            raise ValueError(f"{asked} is beyond {LARGEST}")
        # the target is rounded towards zero, so that the position is never larger than requested
        lots = int(target / instrument.lot_size)
        missing = lots * instrument.lot_size - self._account.strategy_position(
            self._strategy, instrument.symbol
        )
        ordered = int(missing / instrument.lot_size) * instrument.lot_size
        if self._records_cuts:
            asked = _of_target(wanted, asked, instrument, lots=lots, is_ordered=bool(ordered))
        return ordered, asked

    def _target_of(self, worth: Decimal, instrument: InstrumentDefined, price: Decimal | None) -> Decimal:
        """The position of a worth, less the costs of its order if that makes the position larger."""
        unit = self._unit_worth(instrument, price)
        target = worth / unit
        missing = target - self._account.strategy_position(self._strategy, instrument.symbol)
        if missing * target <= 0:
            return target
        cost = self._cost(instrument, missing, price)
        return (worth - cost.copy_sign(worth)) / unit if cost else target

    def _cost(self, instrument: InstrumentDefined, units: Decimal, price: Decimal | None) -> Decimal:
        """The estimated costs of an order."""
        if self._costs is None or not units:
            return ZERO
        at = self._known_price(instrument) if price is None else price
        return self._costs.of(instrument, units, price=at, is_limit=price is not None)

    def _part_of_equity(self, part: Decimal, asked: str) -> Decimal:
        """A part of the equity. Negative equity is refused: its part would turn a buy into a sale."""
        equity = self._account.equity
        if part and equity < 0:
            raise ValueError(f"{asked}: {self._basis} is {equity}, there is nothing to take a part of")
        return part * equity

    def _unit_worth(self, instrument: InstrumentDefined, price: Decimal | None) -> Decimal:
        """The value of one unit of the instrument in the account's currency."""
        if price is None:
            price = self._known_price(instrument)
        if price <= 0:
            if not price:
                raise ValueError(f"a price of 0 gives {instrument.symbol} no value to size an order by")
            price = abs(price)
        rate = self._account.rate(instrument.currency)
        if rate is None:
            raise ValueError(f"no rate of {instrument.currency} is known to size an order by")
        return instrument.unit_notional(price) * rate

    def _known_price(self, instrument: InstrumentDefined) -> Decimal:
        """The last price."""
        last = self._last_price(instrument.symbol)
        if last is None or not (last > 0 or (last < 0 and instrument.allow_negative_prices)):
            raise ValueError(f"{instrument.symbol} has no price yet to size an order by")
        return Decimal(repr(last))


def _of_target(
    wanted: Target, asked: str, instrument: InstrumentDefined, *, lots: int, is_ordered: bool
) -> str:
    """The words for a target that became ``lots``. Raises ``ValueError`` for 0 lots that need no order."""
    if wanted.weight is not None:
        if lots or not wanted.weight:
            return asked
        if not is_ordered:
            raise ValueError(f"{asked} is less than one lot of {instrument.lot_size:f}")
        return f"{asked}{CUT}0"
    return cut_words("target position", wanted.position, lots * instrument.lot_size) or asked


def _given(wanted: Target) -> str:
    return "neither" if wanted.position is None else "both"
