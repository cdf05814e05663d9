"""The edge that tells advice, without a daemon."""

from decimal import Decimal

from kernel.clock import VirtualClock
from kernel.events import ApprovedOrder, OrderSubmitted, OrderType, Side
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.time_units import SECOND_NS
from ops.alerts.notices import Message
from ops.daemon.advising import LATE_NS, Advising

NOW = 1_795_888_800 * SECOND_NS


def submitted(ts: int) -> OrderSubmitted:
    key, strategy = ClientOrderId("1-cross-1"), StrategyId("cross")
    order = ApprovedOrder(key, strategy, "SPY", Side.BUY, OrderType.MARKET, Decimal(5))
    return OrderSubmitted(ts, order)


async def test_advice_of_now_is_told_to_each_channel_and_old_advice_to_none() -> None:
    told: list[tuple[str, Message]] = []

    def put(channel: str, message: Message) -> None:
        told.append((channel, message))

    edge = Advising("desk", channels=("phone", "mail"), put=put, clock=VirtualClock(NOW))

    await edge.handle(7, submitted(NOW - LATE_NS - 1))
    await edge.handle(8, submitted(NOW - SECOND_NS))

    assert [channel for channel, _ in told] == ["phone", "mail"]
    assert told[0][1].title == "onetape desk: advice of cross"
    assert told[0][1].body == "buy 5 SPY market, gtc\nNo order was sent."
    assert told[0][1].items[0][0] == "1-cross-1@8"
