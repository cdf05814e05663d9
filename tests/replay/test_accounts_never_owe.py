"""Random markets and decisions: what an account may never do, whatever is asked of it."""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from components.assembly.core import Core
from components.risk_monitor.margin_watch import MarginState, MarginWatch
from eventstore import MemoryEventStore
from kernel.events import AccountMarked, Event
from replay.backtesting import from_instance
from replay.planning import plan_run
from replay.recording import RunRecorder
from replay.run import play
from tests.replay.account_script import Act, Scripted, config_of_keys, days
from tests.replay.playing import read_events, store_of

DAYS = 8
PRICES = st.lists(st.integers(20, 400), min_size=2 * DAYS, max_size=2 * DAYS)
DECISIONS = ["buy", "sell", "buy_limit", "buy_stop", "position", "weight_of_10"]


@st.composite
def acts_of(draw: st.DrawFn) -> Act:
    """Any decision on any bar."""
    bar, do, symbol = (
        draw(st.integers(1, 2 * DAYS)),
        draw(st.sampled_from(DECISIONS)),
        draw(st.sampled_from("AB")),
    )
    amount, price = draw(st.integers(1, 120)), draw(st.integers(20, 400))
    return Act(bar, do, symbol, str(amount), str(price))


ACTS = st.lists(acts_of(), max_size=12)
BROKERS: Sequence[Mapping[str, object]] = (
    {},
    {"commission_rate": "0.002"},
    {"commission_per_order": "7", "slippage_bps": 30},
    {"commission": "ibkr_tiered", "bar_fill": "this_close"},
    {"volume": {"model": "share", "params": {"limit": 0.00003}}},
)


def market(symbol: str, prices: Sequence[int]) -> list[Event]:
    """Each day opens and closes at a price of its own."""
    return days(symbol, *(f"{first}/{last}" for first, last in zip(prices[::2], prices[1::2], strict=True)))


def run_of(
    config: Mapping[str, object], acts: Sequence[Act], **markets: Sequence[Event]
) -> tuple[Core, list[Event]]:
    """The core at the end of a run, and the run's events."""

    async def run() -> tuple[Core, list[Event]]:
        store: MemoryEventStore = await store_of(**{f"{name}_1d": bars for name, bars in markets.items()})
        keys = {**config, "streams": [f"{name}.1d" for name in markets]}
        plan = await plan_run(store, config_of_keys(keys), loaded=[from_instance(Scripted(acts=tuple(acts)))])
        recorder = RunRecorder(store, "run.scripted.1")
        core_of_run = await play(store, plan, recorder)
        await recorder.finish(input_count=core_of_run.input_count, ts=core_of_run.last_ts)
        return core_of_run.core, await read_events(store, "run.scripted.1")

    return asyncio.run(run())


@given(prices=PRICES, others=PRICES, acts=ACTS, broker=st.sampled_from(BROKERS))
def test_a_cash_account_never_owes_anything(
    prices: list[int], others: list[int], acts: list[Act], broker: Mapping[str, object]
) -> None:
    config = {"cash": 10_000, "broker": broker, "portfolio": {"mark_every_s": 3600}}

    core, events = run_of(config, acts, a=market("A", prices), b=market("B", others))

    assert all(one.cash >= 0 for one in events if isinstance(one, AccountMarked))
    assert core.portfolio.cash >= 0


@given(prices=PRICES, others=PRICES, acts=ACTS, broker=st.sampled_from(BROKERS))
def test_what_is_known_of_the_free_margin_is_never_more_than_there_is(
    prices: list[int], others: list[int], acts: list[Act], broker: Mapping[str, object]
) -> None:
    config = {
        "cash": 10_000,
        "broker": broker,
        "risk": {"require_cash": False, "allow_short": True},
        "instruments": [{"symbol": "A", "margin_rate": "0.4"}, {"symbol": "B", "margin_rate": "0.7"}],
    }

    core, _ = run_of(config, acts, a=market("A", prices), b=market("B", others))

    account, watch = core.portfolio, core.bus.components[MarginWatch.name]
    assert isinstance(watch, MarginWatch)
    known, free = watch.free_margin(), account.equity - account.initial_margin
    state: MarginState = watch.state
    assert known is None or Decimal(repr(known)) <= free
    assert abs(state.cash + state.worth - float(account.equity)) < 1e-6
    assert abs(state.initial - float(account.initial_margin)) < 1e-6
    assert abs(state.required - float(account.maintenance_margin)) < 1e-6
    assert (
        not core.portfolio.state.holders or account.equity >= 0 or core.risk.is_closing() or state.is_called
    )
