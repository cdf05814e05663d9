"""No name of a strategy means anything to the core: not one that a component, or an operator, has too."""

from collections import Counter

import msgspec
import pytest

from eventstore import MemoryEventStore
from kernel.events import Event, OrderApproved, OrderFilled, PositionChanged
from replay.backtesting import run_and_record
from replay.planning import plan_run
from replay.verification import verify_run
from tests.replay.golden_log import market, wide_config
from tests.replay.playing import read_events

PLAIN = ("orders", "opinions", "failing")


async def played(ids: tuple[str, ...]) -> list[Event]:
    """A run of three strategies under these ids, verified."""
    store = await _store()
    run = await run_and_record(store, await plan_run(store, wide_config("", ids)))
    await verify_run(store, run)
    return await read_events(store, run)


async def _store() -> MemoryEventStore:
    store = MemoryEventStore()
    await store.append("market", list(market()), expected_seq=0)
    return store


def trades(events: list[Event], ids: tuple[str, ...]) -> list[Event]:
    """Fills and positions under plain names and without ids; the plan has the one name that is left."""
    names = dict(zip(ids, PLAIN, strict=True))
    found = [event for event in events if isinstance(event, OrderFilled | PositionChanged)]
    return [
        msgspec.structs.replace(
            event,
            strategy=names.get(event.strategy, "plan"),
            fill_id="",
            **({"client_order_id": ""} if isinstance(event, OrderFilled) else {}),
        )
        for event in found
    ]


@pytest.mark.parametrize(
    "ids",
    [
        ("risk", "emulation", "signals"),
        ("signals", "signals plan", "allocation"),
        pytest.param(("1-risk-1", "plan", "execution"), marks=pytest.mark.slow),
        pytest.param(("ri-sk", "r.isk", "strategy:risk"), marks=pytest.mark.slow),
        pytest.param(("timers", "bus", "simulated_broker"), marks=pytest.mark.slow),
        pytest.param(("silence|", "delay|", "|"), marks=pytest.mark.slow),
        pytest.param(("--", "平均", "'"), marks=pytest.mark.slow),
    ],
)
async def test_a_strategy_may_have_any_name(ids: tuple[str, ...]) -> None:
    plain, named = await played(PLAIN), await played(ids)

    sent = Counter(one.order.client_order_id for one in named if isinstance(one, OrderApproved))
    assert len(trades(plain, PLAIN)) > 100
    assert trades(named, ids) == trades(plain, PLAIN)
    assert Counter(map(type, named)) == Counter(map(type, plain))
    assert set(sent.values()) == {1}
