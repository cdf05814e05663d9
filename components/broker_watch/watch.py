"""The component that watches the venue of live trading.

What it remembers: the account that an operator has confirmed, errors in a row, positions that differ, whose
cash is known, and how far it is from ours.

What changes it: a session that begins with another account than the confirmed one is held. Reports of the
venue count errors and compare positions; beyond a limit trading is downgraded, once, until an operator
resumes it. The first report of an account gives the log its cash; later ones are compared.

What never happens: a position or an order is made up to agree with the venue. A difference is told, and a
person decides (``AdjustPosition``).
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import msgspec

from components.broker_watch.config import DowngradeConfig
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import (
    AccountReported,
    BrokerConnected,
    BrokerDisconnected,
    CashMoved,
    Event,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderStateUnknown,
    PositionMismatched,
    PositionReported,
    ResumeTrading,
    SessionChanged,
    SessionStarted,
    TimerCancelled,
    TimerFired,
    TimerScheduled,
    TradingState,
    TradingStateChanged,
)
from kernel.events.live import (
    CashMismatched,
    ConfirmLiveTrading,
    DowngradeCause,
    ForeignOrderReported,
    LiveTradingConfirmed,
    LiveTradingHeld,
    TradingDowngraded,
)
from kernel.events.timer_purposes import DisconnectionLimit
from kernel.identifiers import ClientOrderId, TimerName
from kernel.time_units import SECOND_NS

ZERO = Decimal(0)
ASKED_KEPT = 100
"""Orders of unknown requests that are remembered, until reports of them have come."""
_TIMER = TimerName("disconnected")


class BrokerWatchState(msgspec.Struct):
    """The whole state of the watch.

    - ``venue``, ``account``: what is confirmed; empty if nothing is.
    - ``is_held``: no order may leave before the confirmation.
    - ``rejections``, ``unknowns``: in a row. ``asked``: the orders of the last unknown
      requests, and when.
    - ``differences``: by symbol, the venue's position less ours.
    - ``is_active``: all orders may leave, so that a rejection is the venue's own.
    - ``is_connected``, ``knows_cash``: whether the venue is there, and has reported an account's cash.
    - ``cash_account``: the account whose cash is ours. ``cash_difference``: the venue's less ours, as told.
    - ``heard_ts``: up to when all is on the log that the venue has told: it was connected then.
    - ``told``: the causes for which trading is downgraded.
    """

    venue: str = ""
    account: str = ""
    is_held: bool = False
    rejections: int = 0
    unknowns: int = 0
    differences: dict[str, Decimal] = {}
    is_active: bool = True
    is_connected: bool = False
    knows_cash: bool = False
    cash_account: str = ""
    cash_difference: Decimal = ZERO
    heard_ts: int = 0
    told: list[DowngradeCause] = []
    asked: dict[ClientOrderId, int] = {}


class BrokerWatch:
    """The component.

    - ``position``: our net position in a symbol. ``balance``: our cash in a currency.
    - ``holds_futures``: whether we hold positions whose P&L venues pay daily, and we at their end. Cash
      cannot be compared then.
    """

    name = "broker_watch"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self,
        config: DowngradeConfig,
        *,
        venue: str,
        account: str,
        position: Callable[[str], Decimal],
        balance: Callable[[str], Decimal],
        holds_futures: Callable[[], bool],
        cash_tolerance: Decimal,
    ) -> None:
        self.state = BrokerWatchState()
        self._config = config
        self._venue = venue
        self._account = account
        self._position = position
        self._balance = balance
        self._holds_futures = holds_futures
        self._cash_tolerance = cash_tolerance

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(SessionStarted, self.on_session)
        yield Subscription(SessionChanged, self.on_session)
        yield Subscription(ConfirmLiveTrading, self.on_confirmation)
        yield Subscription(ResumeTrading, self.on_resume)
        yield Subscription(TradingStateChanged, self.on_trading_state)
        yield Subscription(BrokerConnected, self.on_connected)
        yield Subscription(BrokerDisconnected, self.on_disconnected)
        yield Subscription(TimerFired, self.on_timer)
        yield Subscription(OrderAccepted, self.on_sound_order)
        yield Subscription(OrderFilled, self.on_sound_order)
        yield Subscription(OrderRejected, self.on_rejected)
        yield Subscription(OrderStateUnknown, self.on_unknown)
        yield Subscription(AccountReported, self.on_account)
        yield Subscription(PositionReported, self.on_position)
        yield Subscription(ForeignOrderReported, self.on_foreign_order)

    # --- the confirmation ---------------------------------------------------------------------

    def on_session(self, event: SessionStarted | SessionChanged) -> Sequence[Event]:
        """Hold an account that is not the confirmed one, and expect the venue within the limit."""
        state, events = self.state, list[Event]()
        if (self._venue, self._account) != (state.venue, state.account):
            state.venue = state.account = ""
            if not state.is_held or isinstance(event, SessionStarted):
                events.append(LiveTradingHeld(event.ts, self._venue, self._account))
            state.is_held = True
        if isinstance(event, SessionStarted):
            state.is_connected = False
        if not state.is_connected:
            events += self._expect(event.ts)
        return events

    def on_confirmation(self, command: ConfirmLiveTrading) -> Sequence[Event]:
        state = self.state
        if (command.venue, command.account) != (self._venue, self._account) or not state.is_held:
            return ()
        state.venue, state.account, state.is_held = command.venue, command.account, False
        return (LiveTradingConfirmed(command.ts, command.venue, command.account, command.operator),)

    def on_resume(self, command: ResumeTrading) -> Sequence[Event]:
        """Count errors anew: the operator has looked at them."""
        state = self.state
        if command.releases_kill_switch:
            return ()
        state.rejections = state.unknowns = 0
        state.told.clear()
        state.differences.clear()
        return () if state.is_connected else self._expect(command.ts)

    def on_trading_state(self, event: TradingStateChanged) -> None:
        self.state.is_active = event.state is TradingState.ACTIVE

    # --- the connection -----------------------------------------------------------------------

    def on_connected(self, event: BrokerConnected) -> Sequence[Event]:
        self.state.is_connected, self.state.heard_ts = True, event.ts
        return (TimerCancelled(event.ts, self.name, _TIMER),)

    def on_disconnected(self, event: BrokerDisconnected) -> Sequence[Event]:
        if not self.state.is_connected:
            return ()
        self.state.is_connected, self.state.heard_ts = False, event.ts
        return self._expect(event.ts)

    def on_timer(self, event: TimerFired) -> Sequence[Event]:
        if event.owner != self.name or self.state.is_connected:
            return ()
        limit = f"{self._config.disconnected_s:g}"
        return self._downgrade(DowngradeCause.DISCONNECTED, event.ts, value=limit, limit=limit)

    def _expect(self, ts: int) -> Sequence[Event]:
        """Set the timer for a venue that is away."""
        if not self._config.disconnected_s:
            return ()
        due_ts = ts + int(self._config.disconnected_s * SECOND_NS)
        return (TimerScheduled(ts, self.name, _TIMER, due_ts, purpose=DisconnectionLimit()),)

    # --- orders -------------------------------------------------------------------------------

    def on_sound_order(self, event: OrderAccepted | OrderFilled) -> None:
        """The venue takes orders; it also answers, unless this was found out by asking."""
        self.state.rejections = 0
        if self.state.asked.get(event.client_order_id) is None:
            self.state.unknowns = 0

    def on_rejected(self, event: OrderRejected) -> Sequence[Event]:
        """Count a rejection. While trading is restricted, orders that waited are rejected here."""
        if not self.state.is_active:
            return ()
        self.state.rejections += 1
        return self._judge(DowngradeCause.REJECTIONS, self.state.rejections, self._config.rejections, event)

    def on_unknown(self, event: OrderStateUnknown) -> Sequence[Event]:
        self.state.unknowns += 1
        asked = self.state.asked
        asked[event.client_order_id] = event.ts
        if len(asked) > ASKED_KEPT:
            del asked[next(iter(asked))]
        cause, most = DowngradeCause.UNKNOWN_ORDERS, self._config.unknown_orders
        return self._judge(cause, self.state.unknowns, most, event)

    def _judge(
        self, cause: DowngradeCause, count: int, most: int, event: OrderRejected | OrderStateUnknown
    ) -> Sequence[Event]:
        if not most or count < most:
            return ()
        return self._downgrade(cause, event.ts, value=str(count), limit=str(most), symbol=event.symbol)

    # --- the account --------------------------------------------------------------------------

    def on_account(self, event: AccountReported) -> Sequence[Event]:
        """Book the cash of an account as a deposit, once: later cash is the sum of what happens."""
        state = self.state
        state.heard_ts = event.ts
        difference = event.cash - self._balance(event.currency)
        if not state.knows_cash or event.account != state.cash_account:
            state.knows_cash, state.cash_account, state.cash_difference = True, event.account, ZERO
            return (CashMoved(event.ts, difference, event.currency, f"account {event.account}"),)
        return self._compare_cash(event, difference)

    def _compare_cash(self, event: AccountReported, difference: Decimal) -> Sequence[Event]:
        """Tell each other difference once. It restricts nothing: venues book fees when they like."""
        if self._holds_futures() or abs(difference - self.state.cash_difference) <= self._cash_tolerance:
            return ()
        self.state.cash_difference = difference
        if abs(difference) <= self._cash_tolerance:
            return ()
        ours = event.cash - difference
        return (CashMismatched(event.ts, event.account, event.currency, ours, event.cash),)

    def on_position(self, event: PositionReported) -> Sequence[Event]:
        """Compare a position with ours; tell each other difference once."""
        self.state.heard_ts = event.ts
        ours, symbol = self._position(event.symbol), event.symbol
        difference = event.quantity - ours
        if difference == self.state.differences.get(symbol, ZERO):
            return ()
        if not difference:
            del self.state.differences[symbol]
            return ()
        self.state.differences[symbol] = difference
        told = PositionMismatched(event.ts, symbol, ours, event.quantity)
        if not self._config.mismatch:
            return (told,)
        cause, value = DowngradeCause.POSITION_MISMATCH, f"{difference:f}"
        return (told, *self._downgrade(cause, event.ts, value=value, limit="0", symbol=symbol))

    def on_foreign_order(self, event: ForeignOrderReported) -> Sequence[Event]:
        if not self._config.mismatch:
            return ()
        cause, value = DowngradeCause.FOREIGN_ORDER, f"{event.leaves_quantity:f}"
        return self._downgrade(cause, event.ts, value=value, limit="0", symbol=event.symbol)

    def _downgrade(
        self, cause: DowngradeCause, ts: int, *, value: str, limit: str, symbol: str = ""
    ) -> Sequence[Event]:
        """Restrict trading, once for each cause until an operator resumes it."""
        if cause in self.state.told:
            return ()
        self.state.told.append(cause)
        return (TradingDowngraded(ts, cause, self._config.to.state, value, limit, symbol),)
