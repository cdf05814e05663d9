"""The hours of a feed follow the log."""

import msgspec

from components.assembly.instruments import InstrumentConfig
from eventstore import MemoryEventStore
from kernel.events import CalendarDefined, TradingSession
from kernel.time_units import HOUR_NS
from ops.daemon.feed_hours import CoreHours
from tests.replay.live_sessions import live_session
from tests.replay.test_changed_sessions import CONFIG, FIRST, Trader


async def test_renewed_trading_hours_count_for_a_feed_at_once() -> None:
    config = msgspec.structs.replace(CONFIG, instruments=(InstrumentConfig(symbol="A", calendar="XNYS"),))
    session = await live_session(MemoryEventStore(), FIRST, [Trader()], config)
    hours = CoreHours(session, "XNYS")
    far = session.core.hours.state.sessions["XNYS"][-1].close_ts + HOUR_NS
    knew = hours.expects_data(far)

    session.core.bus.dispatch(
        [
            CalendarDefined(
                session.core.bus.state.now, "XNYS", (TradingSession(20990101, far - 1, far + HOUR_NS),)
            )
        ]
    )

    assert not knew
    assert hours.expects_data(far)
    assert hours.trading_day(far) == (20990101, far - 1, far + HOUR_NS)
