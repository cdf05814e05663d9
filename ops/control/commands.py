"""What the control API does: each command becomes inputs of the log, answered when they are durable.

The commands of operators are those of ``kernel.events``; risk, orders and hosts act on them. Nothing is
decided here, except that a command for something that is not there is refused.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from http import HTTPStatus

from components.strategy_host.translation import host_name
from kernel.events import (
    AdjustPosition,
    AlertAcknowledged,
    CancelAllOrders,
    CancelOrder,
    CashMoved,
    ControlRequested,
    EngageKillSwitch,
    Event,
    FlattenPositions,
    HaltTrading,
    PauseStrategy,
    ReduceOnlyTrading,
    ReleaseComponent,
    ResumeStrategy,
    ResumeTrading,
    TradingState,
)
from kernel.events.live import ConfirmLiveTrading
from kernel.identifiers import ClientOrderId, StrategyId
from ops.control.asked import NOW, Asked, record_of
from ops.control.problems import Refused
from ops.control.receipts import NEVER_TOO_MANY, Receipt, Receipts
from ops.control.requests import (
    BOOKED,
    AcknowledgeAlert,
    AdjustHeld,
    BookCash,
    CancelMany,
    CancelOne,
    Command,
    ConfirmLive,
    Flatten,
    Grave,
    OfStrategy,
    ReleaseKillSwitch,
    ReleaseStrategy,
    StopStrategy,
)
from replay.run_config import live_venue
from replay.session import LiveSession

LARGEST = 10**12
"""The largest quantity and price of a position that is set by hand, and the largest amount that is booked."""
CASH_DECIMALS = 8
"""The most decimals of an amount that is booked: as many as a coin has."""
CONFIRMATION = "RELEASE"
"""The first word of the confirmation that ends the kill switch; the second is the log's name."""


class Commands:
    """Carries out the commands of one daemon."""

    def __init__(
        self,
        session: LiveSession,
        receipts: Receipts,
        *,
        log: str,
        take_snapshot: Callable[[], Awaitable[int]],
        roll: Callable[[], Awaitable[None]],
        shut_down: Callable[[str], None],
        open_alerts: Callable[[], Collection[str]],
    ) -> None:
        """Make it for a session.

        - ``take_snapshot`` returns the snapshot's seq. ``roll`` begins a new segment of the log.
        - ``shut_down`` stops the daemon, for the reason given.
        - ``open_alerts``: the ids of alerts that are open.
        """
        self._session = session
        self._receipts = receipts
        self._log = log
        self._take_snapshot = take_snapshot
        self._roll = roll
        self._shut_down = shut_down
        self._open_alerts = open_alerts

    async def repeated(self, asked: Asked, body: Command) -> Receipt | None:
        """The receipt of a request that was carried out before; ``None`` for a new one.

        It is asked first: a command that was carried out may have made itself impossible.
        """
        record = record_of(asked, body)
        return await self._receipts.post(self._session.engine, (), record) if self._is_known(record) else None

    # --- strategies ---------------------------------------------------------------------------

    async def pause(self, asked: Asked, body: OfStrategy) -> Receipt:
        """Give strategies no market data and no timers; their orders and positions stay."""
        who = asked.caller.name
        pauses = [PauseStrategy(NOW, who, one, body.reason) for one in self._strategies(body.strategy)]
        return await self._post(asked, body, pauses)

    async def resume(self, asked: Asked, body: OfStrategy) -> Receipt:
        """Let paused strategies go on."""
        who = asked.caller.name
        resumed = [ResumeStrategy(NOW, who, one, body.reason) for one in self._strategies(body.strategy)]
        return await self._post(asked, body, resumed)

    async def stop(self, asked: Asked, body: StopStrategy) -> Receipt:
        """Pause strategies, cancel their orders, and close their positions if that is asked for."""
        who, commands = asked.caller.name, list[Event]()
        if body.flatten:
            self._refuse_if_killed("close positions")
        for strategy in self._strategies(body.strategy):
            commands.append(PauseStrategy(NOW, who, strategy, body.reason))
            for key in self._orders_of(strategy):
                commands.append(CancelOrder(NOW, who, key, body.reason))
            if body.flatten:
                commands.append(FlattenPositions(NOW, who, "", strategy, body.reason))
        return await self._post(asked, body, commands)

    async def release(self, asked: Asked, body: ReleaseStrategy) -> Receipt:
        """Take a strategy out of quarantine."""
        (strategy,) = self._strategies(body.strategy)
        component = host_name(strategy)
        if component not in self._session.engine.bus.state.quarantined:
            raise Refused(HTTPStatus.CONFLICT, f"strategy {strategy!r} is in service")
        release = ReleaseComponent(NOW, asked.caller.name, component, body.reason)
        return await self._post(asked, body, (release,))

    # --- trading ------------------------------------------------------------------------------

    async def halt(self, asked: Asked, body: Command) -> Receipt:
        """Let no order through except those of ``flatten``, and cancel working orders."""
        return await self._post(asked, body, (HaltTrading(NOW, asked.caller.name, body.reason),))

    async def reduce_only(self, asked: Asked, body: Command) -> Receipt:
        """Let only orders through that make positions smaller."""
        return await self._post(asked, body, (ReduceOnlyTrading(NOW, asked.caller.name, body.reason),))

    async def resume_trading(self, asked: Asked, body: Command) -> Receipt:
        """Let all orders through again, and make every limit that was breached active again."""
        self._refuse_if_killed("resume")
        return await self._post(asked, body, (ResumeTrading(NOW, asked.caller.name, body.reason),))

    async def cancel(self, asked: Asked, body: CancelOne) -> Receipt:
        """Cancel an order."""
        core, key = self._session.core, ClientOrderId(body.client_order_id)
        if key not in core.orders.state.open and not core.execution.symbol_of(key):
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no open order {key!r}")
        return await self._post(asked, body, (CancelOrder(NOW, asked.caller.name, key, body.reason),))

    async def cancel_all(self, asked: Asked, body: CancelMany) -> Receipt:
        """Cancel all orders, or those of a symbol."""
        self._check_symbol(body.symbol)
        command = CancelAllOrders(NOW, asked.caller.name, body.symbol, body.reason)
        return await self._post(asked, body, (command,))

    async def flatten(self, asked: Asked, body: Flatten) -> Receipt:
        """Close positions at the market, also while trading is halted."""
        self._refuse_if_killed("close positions")
        self._check_symbol(body.symbol)
        strategy = StrategyId(body.strategy)
        if strategy and not self._session.core.portfolio.strategy_positions(strategy):
            self._strategies(strategy)  # one that is gone may still hold something
        command = FlattenPositions(NOW, asked.caller.name, body.symbol, strategy, body.reason)
        return await self._post(asked, body, (command,))

    async def kill(self, asked: Asked, body: Command) -> Receipt:
        """Let no order through at all and cancel everything, until it is released with a confirmation."""
        command = EngageKillSwitch(NOW, asked.caller.name, body.reason)
        return await self._receipts.post(
            self._session.engine, (command,), record_of(asked, body), most_waiting=NEVER_TOO_MANY
        )

    async def release_kill(self, asked: Asked, body: ReleaseKillSwitch) -> Receipt:
        """End the kill switch. Other latches stay as they are."""
        expected = f"{CONFIRMATION} {self._log}"
        if body.confirm != expected:
            raise Refused(HTTPStatus.FORBIDDEN, f"confirm: expected {expected!r}, typed by hand")
        command = ResumeTrading(NOW, asked.caller.name, body.reason, releases_kill_switch=True)
        return await self._post(asked, body, (command,))

    async def go_live(self, asked: Asked, body: ConfirmLive) -> Receipt:
        """Confirm that orders may go to the account at the venue, until the configuration names another."""
        venue = live_venue(self._session.plan.config)
        if venue is None:
            raise Refused(HTTPStatus.CONFLICT, "only a daemon of mode live sends orders to a venue")
        name, account = venue.config.name, venue.config.account
        for key, typed, expected in (("log", body.log, self._log), ("account", body.account, account)):
            if typed != expected:
                raise Refused(HTTPStatus.FORBIDDEN, f"{key}: expected {expected!r}, typed by hand")
        command = ConfirmLiveTrading(NOW, asked.caller.name, name, account, body.reason)
        return await self._post(asked, body, (command,))

    async def adjust(self, asked: Asked, body: AdjustHeld) -> Receipt:
        """Set a position that differs from the venue's. Cash stays as it is."""
        self._check_symbol(body.symbol)
        (strategy,) = self._strategies(body.strategy)
        for key, value in (("quantity", body.quantity), ("price", body.price)):
            if not value.is_finite() or abs(value) > LARGEST or (key == "price" and value < 0):
                raise Refused(HTTPStatus.BAD_REQUEST, f"{key}: {value} is not a {key}")
        cost = body.quantity * body.price * self._session.core.market.instrument(body.symbol).multiplier
        adjusted = AdjustPosition(
            NOW, asked.caller.name, strategy, body.symbol, body.quantity, cost, body.reason
        )
        return await self._post(asked, body, (adjusted,))

    async def book_cash(self, asked: Asked, body: BookCash) -> Receipt:
        """Book cash that came in or went out at the venue: a fee, interest, a dividend, a deposit."""
        amount, kind = body.amount, body.kind
        if not amount.is_finite() or not amount or abs(amount) > LARGEST:
            raise Refused(HTTPStatus.BAD_REQUEST, f"amount: {amount} is not an amount of money")
        if amount != round(amount, CASH_DECIMALS):
            raise Refused(HTTPStatus.BAD_REQUEST, f"amount: expected at most {CASH_DECIMALS} decimals")
        if kind not in BOOKED:
            raise Refused(
                HTTPStatus.BAD_REQUEST, f"kind: {kind} is booked with its trade or corporate action"
            )
        currency = self._session.plan.config.portfolio.currency
        return await self._post(asked, body, (CashMoved(NOW, amount, currency, body.reason, kind),))

    # --- alerts -------------------------------------------------------------------------------

    async def acknowledge(self, asked: Asked, body: AcknowledgeAlert) -> Receipt:
        """Say that somebody looks after an open alert: it is neither repeated nor escalated any more."""
        known = self._open_alerts()
        if body.alert_id not in known:
            there = ", ".join(known) or "none"
            raise Refused(HTTPStatus.NOT_FOUND, f"no alert {body.alert_id!r} is open; open are: {there}")
        said = AlertAcknowledged(NOW, asked.caller.name, body.alert_id, body.reason)
        return await self._post(asked, body, (said,))

    # --- the daemon ---------------------------------------------------------------------------

    async def snapshot(self, asked: Asked, body: Command) -> Receipt:
        """Save a snapshot of the core now."""
        receipt = await self._post(asked, body, ())
        if not receipt.is_repeated:
            await self._take_snapshot()
        return receipt

    async def roll(self, asked: Asked, body: Command) -> Receipt:
        """End the open segment of the log and go on in a new one."""
        receipt = await self._post(asked, body, ())
        if not receipt.is_repeated:
            await self._roll()
        return receipt

    async def shut_down(self, asked: Asked, body: Grave) -> Receipt:
        """Stop the daemon in order. Positions stay."""
        receipt = await self._post(asked, body, ())
        if not receipt.is_repeated:
            self._shut_down(f"asked by {asked.caller.name}: {body.reason}")
        return receipt

    # --- what they share ----------------------------------------------------------------------

    def _is_known(self, record: ControlRequested) -> bool:
        return bool(record.key) and self._receipts.knows(record)

    async def _post(self, asked: Asked, body: Command, commands: Sequence[Event]) -> Receipt:
        return await self._receipts.post(self._session.engine, commands, record_of(asked, body))

    def _strategies(self, name: str) -> tuple[StrategyId, ...]:
        """The strategy with this name, or all if it is empty. Raises ``Refused`` if there is none."""
        loaded = tuple(one.strategy_id for one in self._session.plan.strategies)
        if not name:
            return loaded
        if name not in loaded:
            known = ", ".join(loaded)
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no strategy {name!r}; there are: {known}")
        return (StrategyId(name),)

    def _orders_of(self, strategy: StrategyId) -> list[ClientOrderId]:
        """The ids of a strategy's orders, and of those that are worked in parts."""
        core = self._session.core
        works = [key for key, work in core.execution.state.works.items() if work.order.strategy == strategy]
        return works + [order.client_order_id for order in core.orders.open_orders(strategy, None)]

    def _check_symbol(self, symbol: str) -> None:
        core = self._session.core
        if symbol and symbol not in self._session.plan.symbols and not core.portfolio.net_position(symbol):
            raise Refused(HTTPStatus.NOT_FOUND, f"the daemon does not trade {symbol!r}")

    def _refuse_if_killed(self, what: str) -> None:
        if self._session.core.risk.state.trading_state is TradingState.KILLED:
            raise Refused(
                HTTPStatus.CONFLICT,
                f"the kill switch is engaged: nothing can {what} before it is released",
            )
