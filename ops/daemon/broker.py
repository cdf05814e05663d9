"""Makes the edge to the venue of live trading, and shows it what the core has on record."""

from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from random import SystemRandom

from brokers.orders.config import VenueConfig
from brokers.orders.edge import NAME, BrokerEdge
from brokers.orders.making import make_venue
from components.broker_watch.watch import BrokerWatch
from components.orders.lifecycle import TERMINAL
from components.orders.state import OrderEntry
from eventstore import EventStore, StreamTape
from kernel.clock import Clock
from kernel.events import Order, OrderSubmitted
from kernel.identifiers import ClientOrderId
from kernel.secret import SecretSource
from ops.control.panic import MARKER
from replay.run_config import RunConfig, live_venue
from replay.session import LiveSession


class CoreRecord:
    """The orders and positions of a session's core: an ``OurRecord``. A change may replace the core."""

    def __init__(self, session: LiveSession, panic: Path) -> None:
        """``panic``: the marker of ``onetape panic``. A daemon that hung may have an order to send first."""
        self._session = session
        self._panic = panic

    def record(self, client_order_id: ClientOrderId) -> OrderEntry | None:
        """An order that is open or ended lately."""
        return self._session.core.orders.state.entry_of(client_order_id)

    def open_records(self) -> Iterable[OrderEntry]:
        """Orders that are not finished."""
        return tuple(self._session.core.orders.state.open.values())

    def is_open(self, client_order_id: ClientOrderId) -> bool:
        """Whether an order is not finished."""
        entry = self.record(client_order_id)
        return entry is not None and entry.status not in TERMINAL

    def held_symbols(self) -> Iterable[str]:
        """The symbols in which any strategy holds a position."""
        return tuple(self._session.core.portfolio.open_symbols())

    def refusal(self, order: Order) -> str:
        """Why an order may not leave: a panic, a missing confirmation, or the trading state.

        The look for the marker takes 2 us.
        """
        risk = self._session.core.risk
        if self._panic.exists():
            return "somebody panicked"
        return "live trading is not confirmed" if risk.state.is_held else risk.refusal(order)


async def broker_of(
    config: RunConfig,
    session: LiveSession,
    store: EventStore,
    *,
    secrets: SecretSource,
    clock: Clock,
) -> BrokerEdge | None:
    """The edge of a session that does not run yet, subscribed to its engine; ``None`` but for live mode."""
    if live_venue(config) is None or config.venue is None:
        return None
    venue: VenueConfig = config.venue
    engine = session.engine
    edge = BrokerEdge(
        make_venue(venue, secrets=secrets),
        venue,
        CoreRecord(session, Path(config.store) / MARKER),
        unsent=await _unhandled(store, config.log, last_seq=engine.last_seq),
        last_seq=engine.last_seq,
        last_ts=_last_heard(session),
        currency=config.portfolio.currency,
        report=engine.report,
        clock=clock,
        random=SystemRandom().random,
    )
    engine.subscribe(edge)
    return edge


def _last_heard(session: LiveSession) -> int:
    """When the venue was last heard of; if never, the end of the log: no order has left then.

    The log may have gone on for hours without the venue, while orders were filled there.
    """
    watch = session.core.bus.components[BrokerWatch.name]
    assert isinstance(watch, BrokerWatch)
    return watch.state.heard_ts or session.engine.bus.state.now


async def _unhandled(store: EventStore, log: str, *, last_seq: int) -> list[ClientOrderId]:
    """The orders of earlier sessions of which it is not known that the edge has handled them."""
    if not last_seq:
        return []
    tape, found = StreamTape(store, log), list[ClientOrderId]()
    first_seq = await tape.checkpoint(NAME) + 1
    async with aclosing(tape.read(first_seq, frozenset({OrderSubmitted}))) as pages:
        async for page in pages:
            submitted = [event for event in page.events if isinstance(event, OrderSubmitted)]
            found += [event.order.client_order_id for event in submitted]
    return found
