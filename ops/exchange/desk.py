"""The order desk of the exchange: takes orders, fills them against the market, and keeps the accounts. Pure.

- Orders that the market has reached fill at its price, resting ones at their limit; at most the size that is
  shown. What is left of a market order fills at the next prices, of an IOC order it is cancelled; a FOK order
  fills as a whole or not at all.
- The same prices and requests in the same order give the same reports, but for their times.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import count

import msgspec

from brokers.feeds.dialect import BarMessage, BookMessage, MarketMessage, QuoteMessage, TradeMessage
from brokers.orders.exchange import ORDER_TYPES, TIMES_IN_FORCE
from brokers.orders.exchange_protocol import Report, Submit
from brokers.orders.port import VenueOrderState
from kernel.events import BUY, ExecutionKind, Liquidity, OrderType, TimeInForce
from kernel.identifiers import BrokerOrderId, ClientOrderId, FillId
from ops.exchange.accounts import AccountConfig, DeskAccount, DeskOrder
from ops.exchange.order_faults import Counter, OrderFaults

COMMISSION = Decimal("0.005")
"""Per unit."""
_CENT = Decimal("0.01")
UNSHOWN = Decimal(1_000)
"""The size at the price of a trade or bar, which show none."""

Tell = Callable[[DeskAccount, Report], None]


class Top(msgspec.Struct):
    """The best prices of a symbol, and what is left of the sizes that are shown there."""

    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal


class OrderDesk:
    """The desk. ``tell`` gets what happens to orders; ``now`` gives the time in ns."""

    def __init__(
        self,
        accounts: Iterable[AccountConfig],
        symbols: frozenset[str],
        *,
        faults: OrderFaults,
        tell: Tell,
        now: Callable[[], int],
    ) -> None:
        self.accounts = {one.name: DeskAccount(one) for one in accounts}
        self._symbols = symbols
        self._faults = faults
        self._tell = tell
        self._now = now
        self._tops: dict[str, Top] = {}
        self._working: dict[str, dict[BrokerOrderId, tuple[DeskAccount, DeskOrder]]] = {}
        self._orders, self._fills = count(1), count(1)
        self._taken, self._cancelled = Counter(), Counter()

    @property
    def prices(self) -> dict[str, Decimal]:
        """The middle of each symbol's prices."""
        return {symbol: (top.bid + top.ask) / 2 for symbol, top in self._tops.items()}

    # --- the market ---------------------------------------------------------------------------

    def on_market(self, messages: Iterable[MarketMessage]) -> None:
        """The market goes on: note its prices, and fill what they reach."""
        for message in messages:
            self._tops[message.symbol] = _top_of(message)
            working = self._working.get(message.symbol)
            if working:
                for account, order in list(working.values()):
                    self._match(account, order)

    # --- requests: each returns the reason of a refusal, or nothing ---------------------------

    def submit(self, account: DeskAccount, asked: Submit) -> str:
        """Take an order, or reject it."""
        if asked.client_order_id in account.orders:
            account.repeated.append(asked.client_order_id)
            return "client_order_id must be unique"
        self._taken.next()
        order = DeskOrder(
            client_order_id=asked.client_order_id,
            broker_order_id=BrokerOrderId(f"O{next(self._orders)}"),
            symbol=asked.symbol,
            side=asked.side,
            type=asked.type,
            quantity=asked.quantity,
            limit_price=asked.limit_price,
            time_in_force=asked.time_in_force,
        )
        account.orders[asked.client_order_id] = order
        reason = self._problem(asked)
        if reason:
            self._end(account, order, ExecutionKind.REJECTED, reason)
            return reason
        self._report(account, order, ExecutionKind.ACCEPTED)
        self._work(account, order)
        return ""

    def cancel(self, account: DeskAccount, client_order_id: ClientOrderId) -> str:
        """Cancel an order."""
        order = account.orders.get(client_order_id)
        if order is None or not order.is_open:
            reason = "no such order" if order is None else f"the order is {order.state.value}"
            symbol = "" if order is None else order.symbol
            self._tell(
                account,
                Report(
                    kind=ExecutionKind.CANCEL_REJECTED,
                    client_order_id=client_order_id,
                    symbol=symbol,
                    reason=reason,
                ),
            )
            return reason
        self._cancelled.next()
        late = None
        if self._cancelled.falls(self._faults.late_fill_every):
            late = self._fill(account, order, self._price_of(order), _a_part(order.leaves_quantity))
        self._end(account, order, ExecutionKind.CANCELLED)
        if late is not None:
            self._tell(account, late)
        return ""

    def replace(
        self,
        account: DeskAccount,
        client_order_id: ClientOrderId,
        *,
        quantity: Decimal,
        limit_price: Decimal | None,
    ) -> str:
        """Give an order new terms."""
        order = account.orders.get(client_order_id)
        if order is None:
            return "no such order"
        reason = ""
        if not order.is_open:
            reason = f"the order is {order.state.value}"
        elif quantity <= order.filled_quantity:
            reason = f"{order.filled_quantity} are filled already"
        elif order.type is OrderType.LIMIT and not limit_price:
            reason = "a limit order needs a limit_price"
        if reason:
            self._report(account, order, ExecutionKind.REPLACE_REJECTED, reason)
            return reason
        order.quantity, order.limit_price = quantity, limit_price
        self._report(account, order, ExecutionKind.REPLACED)
        order.rests = False
        self._match(account, order)
        order.rests = True
        return ""

    def cancel_all(self, account: DeskAccount) -> int:
        """Cancel every order; returns how many."""
        open_orders = account.open_orders
        for order in open_orders:
            self._end(account, order, ExecutionKind.CANCELLED, "cancel all")
        return len(open_orders)

    # --- filling ------------------------------------------------------------------------------

    def _problem(self, asked: Submit) -> str:
        """Why an order is rejected."""
        top = self._tops.get(asked.symbol)
        if self._taken.falls(self._faults.reject_every):
            return "rejected on purpose"
        if asked.symbol not in self._symbols:
            return f"there is no {asked.symbol} here"
        if top is None:
            return f"{asked.symbol} has no price yet"
        if asked.type not in ORDER_TYPES or asked.time_in_force not in TIMES_IN_FORCE:
            return f"{asked.type.value} {asked.time_in_force.value} orders are not taken"
        if asked.quantity <= 0 or asked.quantity % 1:
            return f"quantity {asked.quantity} is not a whole number above 0"
        if (asked.type is OrderType.LIMIT) is (asked.limit_price is None):
            return "a limit order has a limit_price, and a market order none"
        if asked.limit_price is not None and (asked.limit_price <= 0 or asked.limit_price % _CENT):
            return f"limit_price {asked.limit_price} is not in cents above 0"
        if asked.post_only and asked.limit_price is not None:
            is_buy = asked.side is BUY
            reaches = asked.limit_price >= top.ask if is_buy else asked.limit_price <= top.bid
            return "it would take liquidity" if reaches else ""
        return ""

    def _work(self, account: DeskAccount, order: DeskOrder) -> None:
        """Fill a new order as far as possible; let the rest work, or cancel it."""
        top = self._tops[order.symbol]
        shown = top.ask_size if order.side is BUY else top.bid_size
        if order.time_in_force is TimeInForce.FOK and not (
            self._is_reached(order, top) and shown >= order.quantity
        ):
            self._end(account, order, ExecutionKind.EXPIRED, "it cannot fill as a whole")
            return
        self._working.setdefault(order.symbol, {})[order.broker_order_id] = (account, order)
        self._match(account, order)
        order.rests = True
        if order.is_open and order.time_in_force is TimeInForce.IOC:
            self._end(account, order, ExecutionKind.EXPIRED, "the rest of an IOC order")

    def _match(self, account: DeskAccount, order: DeskOrder) -> None:
        """Fill what the market reaches, up to the size that it shows."""
        top = self._tops[order.symbol]
        if not self._is_reached(order, top):
            return
        is_buy = order.side is BUY
        quantity = min(order.leaves_quantity, top.ask_size if is_buy else top.bid_size)
        if quantity <= 0:
            return
        if is_buy:
            top.ask_size -= quantity
        else:
            top.bid_size -= quantity
        price = order.limit_price if order.rests and order.limit_price is not None else self._price_of(order)
        self._tell(account, self._fill(account, order, price, quantity))
        if not order.leaves_quantity:
            self._end(account, order, None)

    def _is_reached(self, order: DeskOrder, top: Top) -> bool:
        limit = order.limit_price
        if limit is None:
            return True
        return limit >= top.ask if order.side is BUY else limit <= top.bid

    def _price_of(self, order: DeskOrder) -> Decimal:
        top = self._tops[order.symbol]
        return top.ask if order.side is BUY else top.bid

    def _fill(self, account: DeskAccount, order: DeskOrder, price: Decimal, quantity: Decimal) -> Report:
        """Book a fill; returns its report."""
        is_maker = order.rests and order.limit_price is not None
        fill = Report(
            kind=ExecutionKind.FILL,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            broker_order_id=order.broker_order_id,
            ts=self._now(),
            fill_id=FillId(f"F{next(self._fills)}"),
            quantity=quantity,
            price=price,
            commission=COMMISSION * quantity,
            liquidity=Liquidity.MAKER if is_maker else Liquidity.TAKER,
        )
        account.book(order, fill)
        return fill

    # --- reports ------------------------------------------------------------------------------

    def _end(
        self, account: DeskAccount, order: DeskOrder, kind: ExecutionKind | None, reason: str = ""
    ) -> None:
        """End an order, and report it; one that is filled says so by its fills."""
        order.state = VenueOrderState.FILLED if kind is None else VenueOrderState(kind.value)
        order.reason = reason
        self._working.get(order.symbol, {}).pop(order.broker_order_id, None)
        if kind is not None:
            self._report(account, order, kind, reason)

    def _report(self, account: DeskAccount, order: DeskOrder, kind: ExecutionKind, reason: str = "") -> None:
        has_terms = kind is ExecutionKind.REPLACED
        report = Report(
            kind=kind,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            broker_order_id=order.broker_order_id,
            ts=self._now(),
            quantity=order.quantity if has_terms else None,
            limit_price=order.limit_price if has_terms else None,
            reason=reason,
        )
        self._tell(account, report)


def _top_of(message: MarketMessage) -> Top:
    """The best prices that a message shows; the last price on both sides if it shows one."""
    match message:
        case QuoteMessage():
            sides = message.bid, message.ask, message.bid_size, message.ask_size
        case BookMessage():
            (bid, bid_size), (ask, ask_size) = message.bids[0], message.asks[0]
            sides = bid, ask, bid_size, ask_size
        case TradeMessage():
            sides = message.price, message.price, message.size, message.size
        case BarMessage():
            return Top(_decimal(message.close), _decimal(message.close), UNSHOWN, UNSHOWN)
    return Top(*map(_decimal, sides))


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_CENT) if value % 1 else Decimal(int(value))


def _a_part(leaves: Decimal) -> Decimal:
    """Half of an order, at least one unit."""
    return max(Decimal(1), leaves // 2)
