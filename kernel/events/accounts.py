"""What we own and owe. Everything here is ``Decimal`` and adds up exactly."""

from decimal import Decimal
from enum import StrEnum

from kernel.events.header import Event, Record
from kernel.identifiers import FillId, StrategyId


class TradingState(StrEnum):
    """What the last gate before the broker lets through."""

    ACTIVE = "active"
    REDUCE_ONLY = "reduce_only"
    HALTED = "halted"


class CashFlowKind(StrEnum):
    """What money moved for. All but deposits are income, or cost when negative."""

    DEPOSIT = "deposit"
    DIVIDEND = "dividend"
    INTEREST = "interest"
    BORROW_FEE = "borrow_fee"
    FUNDING = "funding"
    FEE = "fee"
    CASH_IN_LIEU = "cash_in_lieu"
    CONVERSION = "conversion"


class CashMoved(Event, frozen=True, tag=80):
    """Money came in (positive) or went out: an input, or the simulated broker's doing.

    ``strategy`` is whose it is, empty for the account's own; ``symbol`` what it was paid on.
    """

    amount: Decimal
    currency: str = "USD"
    reason: str = "deposit"
    kind: CashFlowKind = CashFlowKind.DEPOSIT
    strategy: StrategyId = StrategyId("")
    symbol: str = ""


class PositionChanged(Event, frozen=True, tag=81):
    """A strategy's position after a fill. ``cost`` is what the open quantity cost, with its sign."""

    strategy: StrategyId
    symbol: str
    quantity: Decimal
    cost: Decimal
    realised_pnl: Decimal
    fill_id: FillId = FillId("")


class AccountMarked(Event, frozen=True, tag=82):
    """The account at market prices. ``equity`` = ``cash`` + value of positions, exactly.

    ``realised_pnl`` and ``unrealised_pnl`` are before ``commissions``; ``exposure`` is the sum of
    absolute position values.
    """

    cash: Decimal
    equity: Decimal
    realised_pnl: Decimal
    unrealised_pnl: Decimal
    commissions: Decimal
    exposure: Decimal
    currency: str = "USD"


class AccountReported(Event, frozen=True, tag=83):
    """Input: what a broker says of the account."""

    account: str
    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    currency: str = "USD"


class PositionReported(Event, frozen=True, tag=84):
    """Input: what a broker says of a position."""

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
    """The gate before the broker opened or closed."""

    state: TradingState
    reason: str = ""


class RiskLimitBreached(Event, frozen=True, tag=87):
    """A continuous limit was crossed; ``action`` is what was done about it.

    ``is_rearmed``: nothing was crossed, the limit watches again.
    """

    rule: str
    limit: str
    value: str
    action: str
    symbol: str = ""
    strategy: StrategyId = StrategyId("")
    is_rearmed: bool = False


class CurrencyBalance(Record, frozen=True):
    """Cash in one currency, and ``rate``: what a unit of it is worth in the account's."""

    currency: str
    cash: Decimal
    rate: Decimal


class ExposureShare(Record, frozen=True):
    """The value of positions of one ``name`` (a symbol, sector or currency), in the account's currency."""

    name: str
    long: Decimal
    short: Decimal


class MarginMarked(Event, frozen=True, tag=88):
    """Margin, leverage and exposure at market prices, beside ``AccountMarked`` where so configured.

    ``leverage`` is gross exposure over equity; amounts are in the account's currency.
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
    """One strategy's ledger in one currency, beside ``AccountMarked`` where so configured.

    ``cash`` is what its trading brought in or took; the ledgers of all strategies and of the account
    itself (empty ``strategy``) add up to the account's cash.
    """

    strategy: StrategyId
    currency: str
    cash: Decimal
    deposits: Decimal
    realised_pnl: Decimal
    unrealised_pnl: Decimal
    commissions: Decimal
    income: Decimal
