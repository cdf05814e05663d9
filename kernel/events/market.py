"""Market data. Prices and sizes are ``float``: they are observations, not our money.

``ts`` is the time from which we could know the data. ``exchange_ts`` is the venue's own time, 0 if it gave
none.
"""

from decimal import Decimal
from enum import StrEnum

from kernel.contracts import inverse
from kernel.events.header import Event, Record


class AggressorSide(StrEnum):
    """The side that crossed the spread in a trade."""

    BUYER = "buyer"
    SELLER = "seller"
    UNKNOWN = "unknown"


BUYER, SELLER = AggressorSide.BUYER, AggressorSide.SELLER


class AssetClass(StrEnum):
    """The kind of an instrument."""

    EQUITY = "equity"
    ETF = "etf"
    INDEX = "index"
    FX = "fx"
    CRYPTO_SPOT = "crypto_spot"
    FUTURE = "future"
    PERPETUAL = "perpetual"
    OPTION = "option"
    BOND = "bond"


MARGINED = frozenset({AssetClass.FUTURE, AssetClass.PERPETUAL})
"""Classes whose notional is never paid: a position needs margin, and cash receives its P&L."""


class CorporateActionKind(StrEnum):
    """The kind of a corporate action."""

    SPLIT = "split"
    DIVIDEND = "dividend"
    MERGER = "merger"
    SYMBOL_CHANGE = "symbol_change"
    DELISTING = "delisting"
    SPIN_OFF = "spin_off"


class TradingStatus(StrEnum):
    """Whether a venue matches orders in an instrument."""

    PRE_OPEN = "pre_open"
    OPEN = "open"
    AUCTION = "auction"
    HALTED = "halted"
    CLOSED = "closed"


class Bar(Event, frozen=True, tag=1):
    """Prices over one interval, known at its end: ``open_ts <= t <= ts``.

    ``timeframe`` is a count and a unit: ``"1m"``, ``"1h"``, ``"1d"``, ``"1mo"``.
    """

    symbol: str
    timeframe: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    open_ts: int = 0


class Quote(Event, frozen=True, tag=2):
    """Best bid and ask."""

    symbol: str
    bid: float
    ask: float
    bid_size: float = 0.0
    ask_size: float = 0.0
    exchange_ts: int = 0


class Trade(Event, frozen=True, tag=3):
    """A market print (not one of our fills)."""

    symbol: str
    price: float
    size: float
    aggressor: AggressorSide = AggressorSide.UNKNOWN
    trade_id: str = ""
    exchange_ts: int = 0


class PriceLevel(Record, frozen=True):
    """Size resting at one price. Size 0 in a delta removes the level."""

    price: float
    size: float


class BookSnapshot(Event, frozen=True, tag=4):
    """A whole order book, best levels first."""

    symbol: str
    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
    book_seq: int = 0
    exchange_ts: int = 0


class BookDelta(Event, frozen=True, tag=5):
    """The levels that changed since ``previous_book_seq``, with their new sizes."""

    symbol: str
    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
    book_seq: int = 0
    previous_book_seq: int = 0
    exchange_ts: int = 0


class InstrumentDefined(Event, frozen=True, tag=6):
    """The terms of an instrument from this moment on.

    - ``tick_size``, ``lot_size``: the steps of price and quantity.
    - ``multiplier``: the value of one unit at price 1, in ``currency``.
    - ``calendar``: a trading calendar (``"XNYS"``, ``"24/7"``).
    - ``margin_rate``: the initial margin, as a fraction of the notional.
    - ``maintenance_margin_rate``: the margin that must remain; 0 means the same.
    - ``borrow_rate``: the cost of a short position per year, as a fraction.
    - ``allow_negative_prices``: orders may have prices of 0 and below, as for spreads.
    - ``fee_currency``: the coin in which a buy pays its commission, out of what it buys; empty: in money.
    - ``is_inverse``: one unit is worth ``multiplier`` / price, in ``currency`` (``kernel/contracts.py``).
    """

    symbol: str
    asset_class: AssetClass = AssetClass.EQUITY
    currency: str = "USD"
    tick_size: Decimal = Decimal("0.01")
    lot_size: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)
    minimum_quantity: Decimal = Decimal(0)
    minimum_notional: Decimal = Decimal(0)
    margin_rate: Decimal = Decimal(1)
    calendar: str = ""
    venue: str = ""
    underlying: str = ""
    expiry_ts: int = 0
    strike: Decimal = Decimal(0)
    option_right: str = ""
    sector: str = ""
    maintenance_margin_rate: Decimal = Decimal(0)
    borrow_rate: Decimal = Decimal(0)
    is_shortable: bool = True
    allow_negative_prices: bool = False
    fee_currency: str = ""
    is_inverse: bool = False

    @property
    def is_margined(self) -> bool:
        """Whether its notional is never paid."""
        return self.asset_class in MARGINED

    def unit_notional(self, price: Decimal) -> Decimal:
        """The notional of one unit at a price, in ``currency``."""
        return (inverse(price) if self.is_inverse else price) * self.multiplier

    def unit_value(self, price: Decimal) -> Decimal:
        """The value at which one unit is booked at a price, in ``currency``; it rises with the price.

        The notional; of an inverse contract the notional below 0. A gain is a difference of such values.
        """
        return -self.unit_notional(price) if self.is_inverse else price * self.multiplier


class CorporateAction(Event, frozen=True, tag=7):
    """A split, dividend, merger, symbol change, delisting or spin-off, effective at ``ts``.

    - ``ratio``: new shares per old share. 0 in a merger or delisting: for ``amount`` alone.
    - ``amount``: cash per old share. In a delisting with a ratio of 1, an amount of 0 means the last price.
    - ``currency``: of ``amount``; empty for the instrument's currency when the action takes effect.
    - ``new_symbol``: of the shares after a symbol change or merger, or of those that a spin-off gives.
    - ``pay_ts``: the time at which a dividend is paid; 0 for at once.
    - ``cost_fraction``: the part of the cost that a spin-off moves to the new shares.
    """

    symbol: str
    kind: CorporateActionKind
    ratio: Decimal = Decimal(1)
    amount: Decimal = Decimal(0)
    currency: str = "USD"
    new_symbol: str = ""
    pay_ts: int = 0
    cost_fraction: Decimal = Decimal(0)


class TradingStatusChanged(Event, frozen=True, tag=8):
    """A venue opened, halted or closed an instrument."""

    symbol: str
    status: TradingStatus
    reason: str = ""


class FundingRateSet(Event, frozen=True, tag=9):
    """The funding rate of a perpetual for the interval ending at ``due_ts``."""

    symbol: str
    rate: Decimal
    due_ts: int


class FxRateSet(Event, frozen=True, tag=10):
    """One unit of ``base`` is worth ``rate`` units of ``quote``."""

    base: str
    quote: str
    rate: Decimal


class FeedGapDetected(Event, frozen=True, tag=11):
    """A feed skipped messages: those between ``last_feed_seq`` and ``next_feed_seq`` are missing."""

    symbol: str
    feed: str
    last_feed_seq: int
    next_feed_seq: int


class FeedStatusChanged(Event, frozen=True, tag=12):
    """A feed connected, went stale or dropped, or its data come from another source now.

    - ``is_stale``: no source delivers. The last known data are all there is.
    - ``source``: the source whose data are used: the feed itself, or one of its backups.
    - ``symbols``: the symbols of the feed; empty for all.
    """

    feed: str
    is_connected: bool
    is_stale: bool = False
    reason: str = ""
    source: str = ""
    symbols: tuple[str, ...] = ()


class FeedFault(StrEnum):
    """Why a message of a feed was ignored."""

    DUPLICATE = "duplicate"
    """Its number came before."""
    LATE = "late"
    """It is older than messages that were delivered, and its absence is on record as a gap."""


class FeedMessagesIgnored(Event, frozen=True, tag=17):
    """A source sent messages that were not delivered, by their numbers.

    - ``count``: how many; the first of a second has a record of its own, the others are counted together.
    - ``symbol``, ``first_feed_seq``: of the first of them. ``last_feed_seq``: of the last of them.
    """

    feed: str
    source: str
    fault: FeedFault
    count: int
    symbol: str
    first_feed_seq: int
    last_feed_seq: int


class PastBar(Record, frozen=True):
    """A bar from before the run. Symbol and timeframe are those of the event that holds it."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    open_ts: int


class PastAction(Record, frozen=True):
    """A split or dividend from before the run, of the symbol of the event that holds it."""

    ts: int
    kind: CorporateActionKind
    ratio: Decimal
    amount: Decimal
    currency: str


class HistoryLoaded(Event, frozen=True, tag=19):
    """Bars of one symbol from before the run, which only fill the history that strategies read.

    - ``bars``: of one timeframe, oldest first, as they were in the data.
    - ``actions``: the splits and dividends of the symbol since the first of these bars.
    """

    symbol: str
    timeframe: str
    bars: tuple[PastBar, ...]
    actions: tuple[PastAction, ...] = ()

    def as_bars(self) -> tuple[Bar, ...]:
        """The bars, each with the symbol and the timeframe."""
        symbol, timeframe = self.symbol, self.timeframe
        return tuple(
            Bar(one.ts, symbol, timeframe, one.open, one.high, one.low, one.close, one.volume, one.open_ts)
            for one in self.bars
        )
