"""Our cash, positions, margin and limits. Amounts are ``Decimal`` and add up exactly."""

from decimal import Decimal
from enum import StrEnum

from kernel.events.header import Event, Record
from kernel.events.order_terms import PositionSide
from kernel.identifiers import FillId, StrategyId


class TradingState(StrEnum):
    """The orders that risk lets through to the broker.

    - ``active``: all orders.
    - ``reduce_only``: only orders that reduce a position, and risk's own exits.
    - ``halted``: no orders, except those of the operator's flatten command.
    - ``killed``: no orders at all, until the kill switch is released.
    """

    ACTIVE = "active"
    REDUCE_ONLY = "reduce_only"
    HALTED = "halted"
    KILLED = "killed"


class CashFlowKind(StrEnum):
    """Why cash moved.

    A deposit or a conversion is not income. All other kinds are income, or a cost if negative.
    ``LedgerMarked.income`` includes conversions.
    """

    DEPOSIT = "deposit"
    DIVIDEND = "dividend"
    INTEREST = "interest"
    BORROW_FEE = "borrow_fee"
    FUNDING = "funding"
    FEE = "fee"
    CASH_IN_LIEU = "cash_in_lieu"
    CONVERSION = "conversion"


class CashMoved(Event, frozen=True, tag=80):
    """Cash came in (positive) or went out. An input, or made by the simulated venue's back office.

    - ``strategy``: the strategy whose cash it is; empty for the account's own.
    - ``symbol``: the instrument that it was paid for.
    - ``position_side``: the leg that it was paid for in hedging mode, if it was for one of them.
    """

    amount: Decimal
    currency: str = "USD"
    reason: str = "deposit"
    kind: CashFlowKind = CashFlowKind.DEPOSIT
    strategy: StrategyId = StrategyId("")
    symbol: str = ""
    position_side: PositionSide | None = None


class PositionChanged(Event, frozen=True, tag=81):
    """A strategy's position after a change.

    - ``cost``: the cost of the open quantity, with its sign; of an inverse contract with the opposite one.
    - ``fill_id``: empty if neither a fill nor a correction of a fill changed it.
    - ``position_side``: the leg that it is in hedging mode.
    """

    strategy: StrategyId
    symbol: str
    quantity: Decimal
    cost: Decimal
    realised_pnl: Decimal
    fill_id: FillId = FillId("")
    position_side: PositionSide | None = None


class AccountMarked(Event, frozen=True, tag=82):
    """The account at market prices.

    - ``equity``: ``cash`` plus ``owed`` and the value of positions (a future: its unrealised P&L), exactly.
    - ``realised_pnl``, ``unrealised_pnl``: before ``commissions``.
    - ``exposure``: gross exposure: the sum of absolute values of net positions, in hedging mode of all legs;
      futures at notional.
    - ``day``: the trading day of the latest market data, as YYYYMMDD; 0: the UTC day of ``ts`` - 1 ns.
    - ``owed``: dividends between their ex-date and their payment; below 0 for short positions.
    """

    cash: Decimal
    equity: Decimal
    realised_pnl: Decimal
    unrealised_pnl: Decimal
    commissions: Decimal
    exposure: Decimal
    currency: str = "USD"
    day: int = 0
    owed: Decimal = Decimal(0)


class AccountReported(Event, frozen=True, tag=83):
    """Input: a broker's report of the account."""

    account: str
    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    currency: str = "USD"


class PositionReported(Event, frozen=True, tag=84):
    """Input: a broker's report of a position."""

    account: str
    symbol: str
    quantity: Decimal
    average_price: Decimal | None = None


class PositionMismatched(Event, frozen=True, tag=85):
    """Our position and the broker's differ."""

    symbol: str
    ours: Decimal
    theirs: Decimal


class TradingStateChanged(Event, frozen=True, tag=86):
    """The trading state of risk changed."""

    state: TradingState
    reason: str = ""


class RiskLimitBreached(Event, frozen=True, tag=87):
    """A continuous limit was breached; ``action`` is the response.

    ``is_rearmed``: ``True`` if this event is not a breach, but says that the limit is active again.
    """

    rule: str
    limit: str
    value: str
    action: str
    symbol: str = ""
    strategy: StrategyId = StrategyId("")
    is_rearmed: bool = False


class CurrencyBalance(Record, frozen=True):
    """Cash in one currency. ``rate`` is the value of one unit of it in the account's currency."""

    currency: str
    cash: Decimal
    rate: Decimal


class ExposureShare(Record, frozen=True):
    """The value of positions in one symbol, sector or currency (``name``), in the account's currency."""

    name: str
    long: Decimal
    short: Decimal


class MarginMarked(Event, frozen=True, tag=88):
    """Margin, leverage and exposure at market prices; comes with ``AccountMarked`` if configured.

    ``leverage`` is gross exposure over equity. Amounts are in the account's currency, except ``balances``.
    """

    initial_margin: Decimal
    maintenance_margin: Decimal
    buying_power: Decimal
    leverage: Decimal
    balances: tuple[CurrencyBalance, ...] = ()
    by_symbol: tuple[ExposureShare, ...] = ()
    by_sector: tuple[ExposureShare, ...] = ()
    by_currency: tuple[ExposureShare, ...] = ()


class LedgerMarked(Event, frozen=True, tag=89):
    """One strategy's ledger in one currency; comes with ``AccountMarked`` if configured.

    - ``cash``: the ledger's cash, with deposits and income.
    - ``income``: with conversions, without ``owed``.
    - ``owed``: as in ``AccountMarked``.

    The ledgers of all strategies, and that of the account itself (empty ``strategy``), add up to the
    account's cash.
    """

    strategy: StrategyId
    currency: str
    cash: Decimal
    deposits: Decimal
    realised_pnl: Decimal
    unrealised_pnl: Decimal
    commissions: Decimal
    income: Decimal
    owed: Decimal = Decimal(0)
