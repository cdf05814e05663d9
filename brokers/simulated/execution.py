"""A fill in money: slippage, tick, commission, the venue's own count of positions, and the report."""

from decimal import Decimal
from math import sqrt

from brokers.simulated.charges import charge
from brokers.simulated.commission import CommissionModel
from brokers.simulated.fills.port import Price
from brokers.simulated.resting import Resting
from brokers.simulated.slippage import SlippageModel, Taken
from brokers.simulated.state import ReturnSpread, SimulatedBrokerState
from kernel.bus import EventBus
from kernel.events import (
    Bar,
    Event,
    ExecutionKind,
    ExecutionReport,
    InstrumentDefined,
    Liquidity,
    Quote,
    Trade,
)
from kernel.identifiers import BrokerOrderId, FillId

DECAY = 0.94
"""Weight of what was known of the volatility when another bar comes: RiskMetrics' for daily returns."""

_DEFAULT_TERMS = InstrumentDefined(0, "")
_ZERO = Decimal(0)

# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_FILL = ExecutionKind.FILL
_MAKER = Liquidity.MAKER
_TAKER = Liquidity.TAKER
_NO_ID = BrokerOrderId("")


class Execution:
    """Turns a fill model's price into the report of a fill. ``None`` for a model costs nothing."""

    def __init__(
        self,
        bus: EventBus,
        *,
        slippage: SlippageModel | None,
        commission: CommissionModel | None,
        currency: str,
    ) -> None:
        self._bus = bus
        self._slippage = slippage
        self._commission = commission
        self._currency = currency

    def fill(
        self,
        state: SimulatedBrokerState,
        resting: Resting,
        price: Price,
        *,
        quantity: Decimal,
        event: Event,
    ) -> ExecutionReport:
        """Fill ``quantity`` of the order; ``event`` is the market data or timer that did it."""
        order = resting.order
        symbol, key = order.symbol, order.client_order_id
        terms = state.instruments.get(symbol, _DEFAULT_TERMS)
        at, liquidity = price.price, _MAKER
        if price.slips:
            liquidity = _TAKER
            if self._slippage is not None:
                at = self._slipped(state, resting, at, quantity=quantity, event=event)
        on_tick = to_tick(at, terms.tick_size)
        commission = _ZERO
        if self._commission is not None:
            commission = charge(
                state.charges,
                self._commission,
                ts=event.ts,
                order=order,
                quantity=quantity,
                price=on_tick,
                liquidity=liquidity,
                multiplier=terms.multiplier,
            )
        # from here on nothing fails: a model that could not answer has changed nothing
        resting.fill_count += 1
        resting.leaves = _ZERO if quantity is resting.leaves else resting.leaves - quantity
        move_position(state, symbol, order.strategy, quantity=quantity if resting.is_buy else -quantity)
        return ExecutionReport(
            event.ts,
            _FILL,
            key,
            symbol,
            _NO_ID,
            FillId(f"{key}-{resting.fill_count}"),
            quantity,
            on_tick,
            commission,
            self._currency or terms.currency,
            liquidity,
            price.executed_ts,
        )

    def _slipped(
        self,
        state: SimulatedBrokerState,
        resting: Resting,
        price: float,
        *,
        quantity: Decimal,
        event: Event,
    ) -> float:
        """The price after slippage; never beyond the order's limit."""
        assert self._slippage is not None
        symbol = resting.order.symbol
        known, quote = state.spreads.get(symbol), self._bus.last(Quote, symbol)
        spread = quote.ask - quote.bid if quote is not None and quote.bid and quote.ask else 0.0
        taken = Taken(
            resting.order.side,
            price,
            float(quantity),
            spread if spread > 0.0 else 0.0,
            _volume(event, resting),
            0.0 if known is None else sqrt(known.mean_square),
        )
        at = self._slippage.price(taken)
        if resting.is_limited:
            at = min(at, resting.limit) if resting.is_buy else max(at, resting.limit)
        return at


def to_tick(price: float, tick: Decimal) -> Decimal:
    """The nearest tick to a float price."""
    exact = Decimal(repr(price))
    on_tick = exact.quantize(tick)
    if on_tick % tick:  # a tick such as 0.25, which is not a power of ten
        on_tick = ((exact / tick).to_integral_value() * tick).quantize(tick)
    return on_tick


def move_position(state: SimulatedBrokerState, symbol: str, strategy: str, *, quantity: Decimal) -> None:
    """Count a fill; a position that is closed takes no room."""
    held = state.positions.get(symbol)
    if held is None:
        state.positions[symbol] = {strategy: quantity}
        return
    total = held.get(strategy, _ZERO) + quantity
    if total:
        held[strategy] = total
    else:
        del held[strategy]


def learn_return(state: SimulatedBrokerState, bar: Bar) -> None:
    """Let a bar's close count towards its symbol's volatility: an exponentially weighted mean square.

    Returns are from close to close; the first thirty are weighted alike.
    """
    known = state.spreads.get(bar.symbol)
    if not 0.0 < bar.close < float("inf"):
        return
    if known is None:
        state.spreads[bar.symbol] = ReturnSpread(bar.close)
        return
    change = bar.close / known.close - 1.0
    known.close = bar.close
    known.count = min(known.count + 1, 30)
    weight = max(1.0 / known.count, 1.0 - DECAY)
    known.mean_square += weight * (change * change - known.mean_square)


def _volume(event: Event, resting: Resting) -> float:
    match event:
        case Bar(volume=volume):
            return volume
        case Trade(size=size):
            return size
        case Quote():
            return event.ask_size if resting.is_buy else event.bid_size
        case _:
            return 0.0
