"""What we own and owe. Everything here is ``Decimal`` and adds up exactly."""

from decimal import Decimal
from enum import StrEnum

from kernel.events.header import Event
from kernel.identifiers import FillId, StrategyId


class TradingState(StrEnum):
    """What the last gate before the broker lets through."""

    ACTIVE = "active"
    REDUCE_ONLY = "reduce_only"
    HALTED = "halted"


class CashMoved(Event, frozen=True, tag=80):
    """Input: money came in (positive) or went out: a deposit, a fee, interest, a dividend."""

    amount: Decimal
    currency: str = "USD"
    reason: str = "deposit"


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
    """A continuous limit was crossed; ``action`` is what was done about it."""

    rule: str
    limit: str
    value: str
    action: str
    symbol: str = ""
    strategy: StrategyId = StrategyId("")
