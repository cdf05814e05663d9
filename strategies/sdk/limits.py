"""The limits that risk holds orders and positions to, as they are written in a configuration.

``docs/risk.md`` says of every key what it compares and how a denial reads.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec


class LimitKind(StrEnum):
    """What a continuous limit looks at."""

    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    VOLATILITY = "volatility"
    STALE_DATA = "stale_data"


class LimitUnit(StrEnum):
    """How a loss is counted: as a fraction of what it is measured from, or in the account's currency."""

    FRACTION = "fraction"
    MONEY = "money"


class LossOrigin(StrEnum):
    """What a loss is measured from: the highest equity of the period, or that at its start."""

    PEAK = "peak"
    START = "start"


class BreachAction(StrEnum):
    """What is done about a breach, from nothing but saying so to closing the gate."""

    ALERT = "alert"
    DENY = "deny"
    REDUCE = "reduce"
    FLATTEN = "flatten"
    HALT = "halt"


class Rearm(StrEnum):
    """What makes a limit that was breached watch again."""

    NEW_DAY = "new_day"
    RECOVERY = "recovery"
    DELAY = "delay"
    BY_HAND = "by_hand"


class ContinuousLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A limit that is watched between orders; it acts once, until it is re-armed.

    ``limit``: of losses, in ``unit``; of ``stop_loss`` and ``take_profit``, a fraction of what the
    position cost; of ``volatility``, a year's, as a fraction (0.15 is 15 %); of ``stale_data``,
    seconds. ``symbols``: those it concerns, empty for all; volatility is the account's where it is
    empty. ``rearm`` left out is what suits the kind: see ``docs/risk.md``.
    """

    kind: LimitKind
    limit: Decimal
    action: BreachAction = BreachAction.ALERT
    unit: LimitUnit = LimitUnit.FRACTION
    origin: LossOrigin | None = msgspec.field(default=None, name="from")
    """Left out: the day's start for a daily loss, the peak for a drawdown."""
    symbols: tuple[str, ...] = ()
    rearm: Rearm | None = None
    rearm_after_s: int = 0
    """Seconds until it watches again, where ``rearm`` is ``delay``."""
    reduce_by: Decimal = Decimal("0.5")
    """The fraction of each position that ``reduce`` closes."""
    window: int = 20
    """How many returns, from one account mark to the next, volatility is computed of."""


class RiskLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits that risk holds every order to. Left out (``None``, or an empty list) there is no limit; 0 is a
    limit like any other, and allows nothing. (``duplicate_window_s`` is a span: 0 is none.)

    Quantities are in units of the instrument, notionals and losses in the account's currency. An
    order that makes a position smaller passes every limit on positions, exposure and losses.
    """

    max_order_quantity: Decimal | None = None
    max_order_notional: Decimal | None = None
    max_position_quantity: Decimal | None = None
    require_cash: bool = True
    """A buy needs the cash for it at the last price, working buys included."""
    allow_short: bool = False
    """Whether a sale may take a position below zero."""

    price_collar_bps: Decimal | None = None
    """How much worse than the last price an order may trade, at its limit or at the quote."""
    stop_collar_bps: Decimal | None = None
    """How far from the last price a stop or touch price may lie, on either side."""
    max_position_notional: Decimal | None = None
    max_gross_exposure: Decimal | None = None
    """Sum of the absolute values of all positions."""
    max_leverage: Decimal | None = None
    """Gross exposure over equity."""
    require_margin: bool = False
    """New exposure needs its initial margin, beyond what positions and working orders take."""
    max_symbol_concentration: Decimal | None = None
    max_sector_concentration: Decimal | None = None
    """Fractions of equity that one symbol, or the symbols of one sector, may be worth."""
    restricted: tuple[str, ...] = ()
    """Symbols that may not be traded."""
    allow_only: tuple[str, ...] = ()
    """The only symbols that may be traded; empty for all."""
    require_defined_symbol: bool = False
    """A symbol needs an ``InstrumentDefined``; without this, a price will do."""
    max_orders_per_second: int | None = None
    max_orders_per_minute: int | None = None
    """Orders and replacements approved in any such span."""
    max_open_orders: int | None = None
    max_open_orders_per_symbol: int | None = None
    duplicate_window_s: float = 0.0
    """An order like another one of its strategy in these seconds is taken for a mistake."""
    in_session_only: bool = False
    """No order while the instrument's market is closed, but those for its opening."""
    max_daily_loss: Decimal | None = None
    """Of the account since its last trading day's end; beyond it orders may only reduce."""
    max_drawdown: Decimal | None = None
    """From the account's highest equity, as a fraction of it; beyond it orders may only reduce."""
    continuous: tuple[ContinuousLimit, ...] = ()
    """Limits that are watched between orders."""
    day_symbol: str = ""
    """The symbol whose trading day is the account's; empty: the first one traded."""
