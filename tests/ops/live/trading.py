"""A core that trades live at an exchange, both in this process: real engine, store, edge and sockets."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from brokers.orders.edge import BrokerEdge
from brokers.orders.making import make_venue
from brokers.orders.port import VenueConnection
from eventstore import StoreOnDisk, open_store
from kernel.clock import RealTimeClock
from kernel.events import ApprovedOrder, Event, OrderStatus, OrderType, Quote, Side, TradingState
from kernel.events.live import ConfirmLiveTrading
from kernel.identifiers import ClientOrderId, StrategyId
from ops.daemon.broker import broker_of
from ops.daemon.shadow import Shadow, shadow_of
from ops.exchange.accounts import AccountConfig, DeskAccount
from ops.exchange.order_faults import OrderFaults
from ops.exchange.server import Exchange, ExchangeConfig
from ops.secret_sources import SecretPlaces
from replay.run_config import Mode, load_run_config
from replay.session import LiveSession, begin_session
from tests.ops.control.running import PATIENCE_S, logged, until, until_durable

LOG = "live"
ACCOUNT = "demo"
SECRETS = {"ONETAPE_SECRET_VENUE_KEY": "demo-key"}
SELDOM = 1e-9
"""Messages a second of an exchange that sends only what a test tells it to."""

PATIENT = ", send_within_s: 600"
"""A venue's setting: an order may wait for it, however long a busy machine takes to connect."""

NOTHING, BUY, SELL, REST, CANCEL, REPLACE = range(6)
"""What a quote tells the scripted strategy."""

SCRIPTED = '''
from strategies.sdk import Cancel, Decisions, Metadata, Quote, Replace, Strategy
from strategies.sdk import StrategyParams, StrategyState, buy, sell


class Scripted(Strategy[StrategyParams, StrategyState]):
    """Does what the sizes of a quote say: the tests' way to have it send orders."""

    metadata = Metadata(name="scripted")

    def on_quote(self, quote: Quote) -> Decisions:
        quantity = int(quote.ask_size)
        orders = self.ctx.portfolio.open_orders(quote.symbol)
        match int(quote.bid_size):
            case 1:
                return buy(quote.symbol, quantity)
            case 2:
                return sell(quote.symbol, quantity)
            case 3:
                return buy(quote.symbol, quantity, limit=1)
            case 4:
                return [Cancel(order.client_order_id) for order in orders]
            case 5:
                return [Replace(order.client_order_id, quantity=quantity, limit_price=2) for order in orders]
            case _:
                return None
'''

EventT = TypeVar("EventT", bound=Event)


def exchange_of(faults: OrderFaults | None = None, *, symbols: int = 2) -> Exchange:
    """An exchange whose market goes on when it is told to."""
    return Exchange(
        ExchangeConfig(
            symbols=symbols,
            rate=SELDOM,
            order_faults=faults or OrderFaults(),
            accounts=(AccountConfig(name=ACCOUNT, key="demo-key", cash=Decimal(10) ** 9),),
        ),
        now=RealTimeClock().now,
    )


def write_live(folder: Path, url: str, *extra: str, venue: str = "", mode: Mode = Mode.LIVE) -> Path:
    """Write a configuration and its strategy. ``venue``: further settings of the venue."""
    (folder / "trade.py").write_text(SCRIPTED, "utf-8")
    orders = url.replace("/market", "/orders")
    key = "{secret: venue_key}"
    lines = [
        f"mode: {mode}",
        "store: live.tape",
        "instruments:",
        "  - {symbol: AAA, tick_size: 0.01, lot_size: 1}",
        "  - {symbol: AAB, tick_size: 0.01, lot_size: 1}",
        'strategies: [{strategy: "trade.py:Scripted", symbols: [AAA, AAB]}]',
        "risk: {allow_short: true, require_cash: false}",
        "reports: {daily: false}",
        "disk: {warn_mb: 3, thin_mb: 2, halt_mb: 1, reserve_mb: 0}",
        f'feeds: [{{kind: websocket, name: ws, url: "{url}"}}]',
        f'venue: {{kind: exchange, url: "{orders}", account: {ACCOUNT}, key: {key}, settle_s: 0.05'
        f", restart: {{first_delay_s: 0.05, longest_delay_s: 0.2}}{venue}}}",
        *extra,
    ]
    path = folder / "live.yaml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


class Live:
    """A session that trades live."""

    def __init__(
        self, session: LiveSession, store: StoreOnDisk, edge: BrokerEdge, exchange: Exchange
    ) -> None:
        self.session = session
        self.store = store
        self.edge = edge
        self.exchange = exchange
        self.shadow: Shadow | None = None
        self.account: DeskAccount = exchange.orders.accounts[ACCOUNT]

    @property
    def state(self) -> TradingState:
        """The trading state."""
        return self.session.core.risk.state.trading_state

    async def confirm(self) -> None:
        """Confirm live trading, as an operator."""
        self.session.engine.report(ConfirmLiveTrading(0, "ann", "venue", ACCOUNT, "a test"))
        await until(lambda: self.state is TradingState.ACTIVE)
        await until_durable(self.session.engine)

    async def ask(self, what: int, quantity: int = 1, symbol: str = "AAA") -> None:
        """Have the strategy do something, soon."""
        await self.session.engine.post(Quote(0, symbol, 100.0, 100.01, float(what), float(quantity)))

    async def order(self, what: int, quantity: int = 1, symbol: str = "AAA") -> None:
        """Have the strategy do something, and wait until that is durable."""
        await self.ask(what, quantity, symbol)
        await until_durable(self.session.engine)

    async def logged(self, *kinds: type[EventT]) -> list[EventT]:
        """The events of these types in the log, with all that the core knows now."""
        await self.order(NOTHING)
        return await logged(self.store, *kinds, log=LOG)

    def held(self, symbol: str = "AAA") -> Decimal:
        """Our position."""
        return self.session.core.portfolio.net_position(symbol)

    def there(self, symbol: str = "AAA") -> Decimal:
        """The exchange's position."""
        found = self.account.positions.get(symbol)
        return Decimal(0) if found is None else found.quantity

    def statuses(self) -> list[OrderStatus]:
        """The statuses of our unfinished orders."""
        return [entry.status for entry in self.session.core.orders.state.open.values()]

    def open_orders(self) -> int:
        """Our unfinished orders."""
        return len(self.session.core.orders.state.open)


async def until_logged(live: Live, kind: type[Event], count: int = 1) -> None:
    """Wait until there are so many events of this type in the log."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if len(await live.logged(kind)) >= count:
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def live_at(
    folder: Path,
    *extra: str,
    venue: str = "",
    faults: OrderFaults | None = None,
    mode: Mode = Mode.LIVE,
) -> AsyncGenerator[Live]:
    """A confirmed session at an exchange that has sent its first prices."""
    exchange = exchange_of(faults)
    async with exchange.serving() as url:
        exchange.send_now(10)
        write_live(folder, url, *extra, venue=venue, mode=mode)
        async with trading(folder, exchange) as live:
            yield live


@asynccontextmanager
async def away(exchange: Exchange) -> AsyncGenerator[None]:
    """Let the exchange refuse logins, and cut connections, while the block lasts."""
    exchange.orders.is_away = True
    exchange.orders.drop_connections()
    try:
        yield
    finally:
        exchange.orders.is_away = False


@asynccontextmanager
async def trading(
    folder: Path, exchange: Exchange, *, is_confirmed: bool = True, is_connected: bool = True
) -> AsyncGenerator[Live]:
    """A session on the configuration in a folder, connected. It ends as in a crash, without a word."""
    config = load_run_config(folder / "live.yaml")
    clock = RealTimeClock()
    async with await open_store(config.store, durability=config.durability) as store:
        session = await begin_session(store, LOG, config, clock=clock, mode=config.mode.value)
        edge = await broker_of(config, session, store, secrets=SecretPlaces(environment=SECRETS), clock=clock)
        assert edge is not None
        live = Live(session, store, edge, exchange)
        shadow = None
        if config.mode is Mode.SHADOW:
            shadow = live.shadow = await shadow_of(
                store, LOG, session.engine, config=config.shadow, wall=clock
            )
        async with asyncio.TaskGroup() as group:
            engine = group.create_task(session.engine.run(), name="engine")
            broker = group.create_task(edge.run(), name="broker")
            twin = None if shadow is None else group.create_task(shadow.run(), name="shadow")
            if is_connected:
                await until(lambda: edge.status.is_connected)
            if is_confirmed:
                await live.confirm()
            yield live
            engine.cancel()
            broker.cancel()
            if twin is not None:
                twin.cancel()


def order_of(key: str, quantity: int, *, limit: int | None = None) -> ApprovedOrder:
    """An order that a person gives by hand, past the daemon."""
    return ApprovedOrder(
        ClientOrderId(key),
        StrategyId("by hand"),
        "AAA",
        Side.BUY,
        OrderType.MARKET if limit is None else OrderType.LIMIT,
        Decimal(quantity),
        None if limit is None else Decimal(limit),
    )


@asynccontextmanager
async def connected(folder: Path) -> AsyncGenerator[VenueConnection]:
    """Another client of the account."""
    config = load_run_config(folder / "live.yaml")
    assert config.venue is not None
    venue = make_venue(config.venue, secrets=SecretPlaces(environment=SECRETS))
    async with venue.connect() as connection, asyncio.TaskGroup() as group:
        reading = group.create_task(_read(connection), name="reports of somebody else")
        yield connection
        reading.cancel()


async def _read(connection: VenueConnection) -> None:
    async for _ in connection.reports():
        pass
