"""The state of the portfolio: ledgers, positions, rates."""

from decimal import Decimal
from typing import ClassVar

import msgspec

from components.portfolio.history import History, with_packed_histories
from components.portfolio.position import ZERO, Holding
from kernel.contracts import inverse
from kernel.identifiers import StrategyId
from kernel.state import Migration


class Ledger(msgspec.Struct, gc=False):
    """One strategy's money in one currency. For every ledger, exactly:

        cash == deposits + income + converted - commissions + realised_pnl - cost of positions paid for

    ``converted`` is the money received by conversions less the money given. In one currency it says little;
    over all currencies, at present rates, it is the gain on converted money.
    """

    cash: Decimal = ZERO
    deposits: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    commissions: Decimal = ZERO
    income: Decimal = ZERO
    converted: Decimal = ZERO


class Position(Holding, gc=False):
    """One strategy's position in one symbol."""

    commissions: Decimal = ZERO
    history: History | None = None


class Terms(msgspec.Struct, frozen=True, gc=False):
    """The terms under which a position is booked.

    - ``multiplier``: ``None`` stands for 1 of a contract that is not inverse.
    - ``is_settled``: a future or perpetual. Its notional is not paid; its P&L is paid when it is closed.
    - ``fee_currency``: the coin that buys pay their commission in; empty: none.
    - ``is_inverse``: a unit at a price is worth the multiplier over the price, and booked at that below 0.
    """

    multiplier: Decimal | None
    currency: str
    is_settled: bool
    fee_currency: str = ""
    is_inverse: bool = False

    def unit_price(self, price: Decimal) -> Decimal:
        """The cost of one unit at a price; below 0 for an inverse contract."""
        if self.multiplier is None:
            return price
        return price * self.multiplier if not self.is_inverse else -inverse(price) * self.multiplier


class Restatement(msgspec.Struct):
    """The effect of one corporate action on one strategy's position, kept to correct older fills.

    ``held`` units of ``symbol`` became ``held * ratio`` units of ``new_symbol``, in whole lots.

    - ``action``: the number of the corporate action. With the symbol it shows which fills were earlier.
    - ``new_symbol``: empty if the position ended.
    - ``unit_price``: the settlement price of a position that ended.
    - ``is_at_cost``: the position ended at cost. With neither of the two its cost was lost.
    - ``rate``: the rate that converted the cost, if the currency changed.
    """

    action: int
    symbol: str
    new_symbol: str
    held: Decimal
    ratio: Decimal
    lot_size: Decimal
    unit_price: Decimal | None = None
    is_at_cost: bool = False
    rate: Decimal | None = None


class ShortLegs(msgspec.Struct):
    """The short legs of hedging mode: as the fields of ``PortfolioState`` with these names."""

    positions: dict[StrategyId, dict[str, Position]] = {}
    holders: dict[str, dict[StrategyId, Decimal]] = {}
    restated: dict[StrategyId, list[Restatement]] = {}


class PortfolioState(msgspec.Struct):
    """The bookings of all strategies.

    - ``cash``, ``foreign``: cash in the account's currency, and in others; the sums over the ledgers.
    - ``ledgers``: by strategy and currency. The empty strategy is the account itself.
    - ``positions``: by strategy and symbol. In hedging mode the long legs, as ``holders`` and ``restated``.
    - ``net``: open net positions over all strategies, by symbol.
    - ``holders``: open positions by symbol and strategy, in order of opening.
    - ``terms``: by symbol.
    - ``redefined``: symbols whose new currency and class wait until the position is closed.
    - ``expected_prices``: for new symbols that have not traded yet.
    - ``rates``: by base and quote currency.
    - ``marked_ts``: the time of the last mark. ``mark_due_ts``: that of the last mark that a bar asked for.
    - ``action_count``: the number of corporate actions, without dividends.
    - ``restated``: their effects by strategy, oldest first, on flat positions too.
    - ``shorts``: the short legs of hedging mode.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (with_packed_histories,)

    cash: Decimal = ZERO
    foreign: dict[str, Decimal] = {}
    ledgers: dict[StrategyId, dict[str, Ledger]] = {}
    positions: dict[StrategyId, dict[str, Position]] = {}
    net: dict[str, Decimal] = {}
    holders: dict[str, dict[StrategyId, Decimal]] = {}
    terms: dict[str, Terms] = {}
    redefined: dict[str, bool] = {}
    expected_prices: dict[str, Decimal] = {}
    rates: dict[str, dict[str, Decimal]] = {}
    marked_ts: int = 0
    action_count: int = 0
    restated: dict[StrategyId, list[Restatement]] = {}
    mark_due_ts: int = 0
    shorts: ShortLegs = msgspec.field(default_factory=ShortLegs)
