"""Makes a fill of a match: slippage, tick, commission, position at the venue, execution report."""

from decimal import Decimal
from math import sqrt

from brokers.simulated.charges import charge
from brokers.simulated.commission import CommissionModel
from brokers.simulated.fills.port import Price
from brokers.simulated.resting import Resting
from brokers.simulated.slippage import SlippageModel, Taken
from brokers.simulated.state import DEFAULT_TERMS, ZERO, SimulatedBrokerState
from kernel.bus import EventBus
from kernel.events import FILL, MAKER, TAKER, Bar, Event, ExecutionReport, Quote, Trade
from kernel.identifiers import BrokerOrderId, FillId

_NO_ID = BrokerOrderId("")


class Execution:
    """Makes fills. A model that is ``None``: no slippage, or no commission."""

    def __init__(
        self,
        state: SimulatedBrokerState,
        bus: EventBus,
        *,
        slippage: SlippageModel | None,
        commission: CommissionModel | None,
        currency: str,
    ) -> None:
        self._state = state
        self._bus = bus
        self._slippage = slippage
        self._commission = commission
        self._currency = currency

    def fill(self, resting: Resting, price: Price, *, quantity: Decimal, event: Event) -> ExecutionReport:
        """Fill ``quantity`` of an order at ``price``, because of ``event``: market data or a timer.

        A model that raises leaves order, position and charges as they were.
        """
        state, order = self._state, resting.order
        symbol, key = order.symbol, order.client_order_id
        terms = state.instruments.get(symbol, DEFAULT_TERMS)
        at, liquidity = price.price, MAKER
        if price.slips:
            liquidity = TAKER
            if self._slippage is not None:
                at = self._slipped(resting, at, quantity=quantity, event=event)
        on_tick = to_tick(at, terms.tick_size)
        commission = ZERO
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
        # nothing below raises
        resting.fill_count += 1
        resting.leaves = ZERO if quantity is resting.leaves else resting.leaves - quantity
        self._move_position(symbol, order.strategy, quantity if resting.is_buy else -quantity)
        return ExecutionReport(
            event.ts,
            FILL,
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

    def _slipped(self, resting: Resting, price: float, *, quantity: Decimal, event: Event) -> float:
        """The price after slippage, but not worse than the order's limit."""
        assert self._slippage is not None
        symbol = resting.order.symbol
        known, quote = self._state.spreads.get(symbol), self._bus.last(Quote, symbol)
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

    def _move_position(self, symbol: str, strategy: str, quantity: Decimal) -> None:
        """Add a fill to the venue's count of a position. A closed position is deleted."""
        positions = self._state.positions
        held = positions.get(symbol)
        if held is None:
            positions[symbol] = {strategy: quantity}
            return
        total = held.get(strategy, ZERO) + quantity
        if total:
            held[strategy] = total
        else:
            del held[strategy]


def to_tick(price: float, tick: Decimal) -> Decimal:
    """A float price on the nearest tick."""
    exact = Decimal(repr(price))
    on_tick = exact.quantize(tick)
    if on_tick % tick:  # a tick such as 0.25, which is not a power of ten
        on_tick = ((exact / tick).to_integral_value() * tick).quantize(tick)
    return on_tick


def _volume(event: Event, resting: Resting) -> float:
    """The volume of the event that the order filled from; 0 for a book or a timer."""
    match event:
        case Bar(volume=volume):
            return volume
        case Trade(size=size):
            return size
        case Quote():
            return event.ask_size if resting.is_buy else event.bid_size
        case _:
            return 0.0
