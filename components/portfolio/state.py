"""All that the portfolio remembers: ledgers, positions, rates."""

from decimal import Decimal

import msgspec

from components.portfolio.history import History
from components.portfolio.position import ZERO, Holding
from kernel.identifiers import StrategyId


class Ledger(msgspec.Struct, gc=False):
    """One strategy's money in one currency. For every ledger, exactly:

        cash == deposits + income + converted - commissions + realised_pnl - cost of what was paid for

    ``converted`` is what conversions between currencies brought or took; in one currency it means
    nothing, over all of them, at present rates, it is what the rates' moves made of converted money.
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
    """The terms that a position is booked under.

    ``multiplier`` is ``None`` where it is 1. ``is_settled``: a future or perpetual, whose notional is not
    paid: its P&L is, when it is closed.
    """

    multiplier: Decimal | None
    currency: str
    is_settled: bool

    def unit_price(self, price: Decimal) -> Decimal:
        """What one unit costs at a price."""
        return price if self.multiplier is None else price * self.multiplier


class Restatement(msgspec.Struct):
    """What one corporate action did to one strategy's position, kept so that an older fill can be corrected.

    ``held`` units of ``symbol`` became ``held * ratio`` of ``new_symbol``, in whole lots. ``new_symbol`` is
    empty where the position ended: settled at ``unit_price``, or at cost (``is_at_cost``), or its cost was
    lost. ``rate`` is what costs were converted at, where the currency changed. ``action`` is the number of
    the corporate action; it and the symbol say which fills were before.
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


class PortfolioState(msgspec.Struct):
    """``positions`` and ``ledgers`` by strategy, then by symbol or currency; the account's own ledger is
    that of the empty strategy.

    ``cash`` is in the account's currency, ``foreign`` in others; both are what the ledgers add up to.
    ``net`` is by symbol over all strategies, ``holders`` by symbol and strategy where anything is open,
    in order of opening. ``redefined`` are symbols whose new terms wait until nothing is held;
    ``expected_prices`` are for new symbols that have not traded yet. ``restated`` is what corporate actions
    did to the positions of each strategy, flat ones too, oldest first; ``action_count`` counts the actions,
    without dividends.
    """

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
