"""Makes a fill of a match: slippage, tick, funds, commission, position at the venue, execution report."""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from math import sqrt

from brokers.simulated.charges import fill_terms, note_charge
from brokers.simulated.commission import (
    CommissionModel,
    FillTerms,
    in_fine_steps,
    in_steps_of_coins,
    inverse_fill,
)
from brokers.simulated.fills.port import Price
from brokers.simulated.funds import Funds
from brokers.simulated.positions import PositionCount
from brokers.simulated.reports import cancelled, rejected
from brokers.simulated.resting import Resting
from brokers.simulated.slippage import SlippageModel, Taken
from brokers.simulated.state import DEFAULT_TERMS, ZERO, SimulatedBrokerState
from kernel.bus import EventBus
from kernel.events import (
    BUY,
    FILL,
    FOK,
    MAKER,
    TAKER,
    Bar,
    Event,
    ExecutionReport,
    InstrumentDefined,
    Liquidity,
    Order,
    Quote,
    Trade,
)
from kernel.fees import fee_in_units
from kernel.identifiers import BrokerOrderId, FillId

_NO_ID = BrokerOrderId("")


class Execution:
    """Makes fills.

    - A model that is ``None``: no slippage, or no commission.
    - ``positions``: the venue's count of positions.
    - ``funds``: ``None`` if fills are not checked against the account.
    """

    def __init__(
        self,
        state: SimulatedBrokerState,
        bus: EventBus,
        *,
        slippage: SlippageModel | None,
        commission: CommissionModel | None,
        currency: str,
        positions: PositionCount,
        funds: Funds | None = None,
    ) -> None:
        self._funds = funds
        self._move_position = positions.move
        self._state = state
        self._bus = bus
        self._slippage = slippage
        self._commission = commission
        self._currency = currency

    def fill(
        self, resting: Resting, price: Price, *, quantity: Decimal, event: Event, is_alone: bool = False
    ) -> Sequence[ExecutionReport]:
        """Fill ``quantity`` of an order at ``price``, because of ``event``: market data or a timer.

        ``is_alone``: the account books it before the venue makes another fill, so it is not remembered.

        A fill that the account cannot pay is cut, and the rest of the order ends. A model that raises leaves
        order, position and charges as they were.
        """
        state, order = self._state, resting.order
        symbol, key = order.symbol, order.client_order_id
        terms = state.instruments.get(symbol, DEFAULT_TERMS)
        at, liquidity = price.price, MAKER
        if price.slips:
            liquidity = TAKER
            if self._slippage is not None:
                at = self._slipped(resting, at, quantity=quantity, event=event, terms=terms)
        on_tick = to_tick(at, terms.tick_size)
        charged, commission = None, ZERO
        if self._commission is not None:
            charged, commission = self._charge(
                order, terms, quantity=quantity, price=on_tick, liquidity=liquidity, ts=event.ts
            )
        unpaid, funds = "", self._funds
        if funds is not None:
            cost = commission and self._in_account(commission, terms, order)
            if not funds.covers(order, terms, quantity=quantity, price=on_tick, cost=cost):
                whole = quantity
                quantity, unpaid = self._paid(
                    resting, terms, quantity=whole, price=on_tick, liquidity=liquidity, ts=event.ts
                )
                if not quantity:
                    return (self._end_unpaid(resting, event.ts, unpaid),)
                if charged is not None and quantity != whole:
                    charged, commission = self._charge(
                        order, terms, quantity=quantity, price=on_tick, liquidity=liquidity, ts=event.ts
                    )
        if charged is not None and self._commission is not None:
            note_charge(state.charges, self._commission, charged, commission)
        # nothing below raises
        resting.fill_count += 1
        fill_id = FillId(f"{key}-{resting.fill_count}")
        resting.leaves = ZERO if quantity is resting.leaves else resting.leaves - quantity
        signed = quantity if resting.is_buy else -quantity
        fee, currency = commission, self._currency or terms.currency
        if terms.fee_currency and resting.is_buy:
            fee, currency = fee_in_units(commission, on_tick, quantity), terms.fee_currency
            signed -= fee
        self._move_position(order, signed)
        if funds is not None and not is_alone:
            cost = commission and self._in_account(commission, terms, order)
            if signed is not quantity and resting.is_buy:  # it is paid for the units of the fee too
                cost = fee * on_tick * funds.rate_of(terms.currency)
            funds.note(fill_id, order, terms, signed=signed, price=on_tick, cost=cost)
        report = ExecutionReport(
            event.ts,
            FILL,
            key,
            symbol,
            _NO_ID,
            fill_id,
            quantity,
            on_tick,
            fee,
            currency,
            liquidity,
            price.executed_ts,
        )
        return (report, self._end_unpaid(resting, event.ts, unpaid)) if unpaid else (report,)

    def _paid(
        self,
        resting: Resting,
        terms: InstrumentDefined,
        *,
        quantity: Decimal,
        price: Decimal,
        liquidity: Liquidity,
        ts: int,
    ) -> tuple[Decimal, str]:
        """The quantity that the account can pay, and why it is not more (empty if it is all)."""
        assert self._funds is not None
        order = resting.order
        charge_of = partial(self._charge_of, resting, terms, price=price, liquidity=liquidity, ts=ts)
        payable = self._funds.payable(order, terms, quantity=quantity, price=price, charge=charge_of)
        if payable.reason and order.time_in_force is FOK:
            return ZERO, payable.reason
        return payable

    def _charge_of(
        self,
        resting: Resting,
        terms: InstrumentDefined,
        quantity: Decimal,
        *,
        price: Decimal,
        liquidity: Liquidity,
        ts: int,
    ) -> Decimal:
        """The commission that a quantity would be charged, in the account's currency."""
        if self._commission is None or not quantity:
            return ZERO
        _, commission = self._charge(
            resting.order, terms, quantity=quantity, price=price, liquidity=liquidity, ts=ts
        )
        return max(ZERO, self._in_account(commission, terms, resting.order))

    def _in_account(self, commission: Decimal, terms: InstrumentDefined, order: Order) -> Decimal:
        """The money that a commission takes, in the account's currency; 0 if it is taken in units."""
        assert self._funds is not None
        if terms.fee_currency and order.side is BUY:
            return ZERO
        return commission * self._funds.rate_of(self._currency or terms.currency)

    def _charge(
        self,
        order: Order,
        terms: InstrumentDefined,
        *,
        quantity: Decimal,
        price: Decimal,
        liquidity: Liquidity,
        ts: int,
    ) -> tuple[FillTerms, Decimal]:
        """The commission of a fill, and what it is made from. A price below zero counts without its sign."""
        assert self._commission is not None
        charged = fill_terms(
            self._state.charges,
            self._commission,
            ts=ts,
            order=order,
            quantity=quantity,
            price=abs(price) if terms.allow_negative_prices else price,
            liquidity=liquidity,
            multiplier=terms.multiplier,
        )
        model = self._commission
        if terms.fee_currency and order.side is BUY:
            model = in_fine_steps(model)
        elif terms.is_inverse:
            model, charged = in_steps_of_coins(model), inverse_fill(charged)
        return charged, model.commission(charged)

    def _end_unpaid(self, resting: Resting, ts: int, reason: str) -> ExecutionReport:
        """End an order of which the rest cannot be paid: rejected, or cancelled if a part has filled."""
        self._state.end(resting)
        if resting.fill_count:
            return cancelled(ts, resting, reason)
        return rejected(ts, resting.order, reason)

    def _slipped(
        self,
        resting: Resting,
        price: float,
        *,
        quantity: Decimal,
        event: Event,
        terms: InstrumentDefined,
    ) -> float:
        """The price after slippage, but not worse than the order's limit.

        Below zero, it slips by as much as a price of the same size above zero.
        """
        assert self._slippage is not None
        symbol = resting.order.symbol
        known, quote = self._state.spreads.get(symbol), self._bus.last(Quote, symbol)
        spread = quote.ask - quote.bid if quote is not None and quote.bid and quote.ask else 0.0
        taken = Taken(
            resting.order.side,
            abs(price) if terms.allow_negative_prices else price,
            float(quantity),
            spread if spread > 0.0 else 0.0,
            _volume(event, resting),
            0.0 if known is None else sqrt(known.mean_square),
        )
        at = self._slippage.price(taken)
        if terms.allow_negative_prices:
            at += price - taken.price
        if resting.is_limited:
            at = min(at, resting.limit) if resting.is_buy else max(at, resting.limit)
        return at


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
