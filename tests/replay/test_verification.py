"""A recorded run comes out again byte for byte, or the first event that does not is named."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.fills import FillTiming
from components.assembly.settings import StrategyConfig
from components.strategy_host.host import AnyStrategy
from eventstore import MemoryEventStore
from kernel.errors import ReplayDiverged, StoreDamaged, StreamMissing
from kernel.events import Event, OrderIntent, RunFinished, SessionStarted
from replay.backtesting import run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.verification import verify_run
from strategies.buy_and_hold import BuyAndHold
from strategies.ema_cross import EmaCross
from strategies.ma_cross import MovingAverageCross
from strategies.mean_reversion import MeanReversion
from strategies.rsi import RelativeStrengthIndex
from strategies.sdk import RiskLimits
from tests.replay.market import bar_series, quote_series, walk
from tests.replay.playing import digest_of, first_seq_of, record_run, store_of
from tests.replay.sample_strategies import RandomOrders


def _cross(fast: int, more: int, allow_short: bool) -> AnyStrategy:
    return MovingAverageCross(fast=fast, slow=fast + more, allow_short=allow_short)


def _ema_cross(fast: int) -> AnyStrategy:
    return EmaCross(fast=fast, slow=fast + 2, quantity=3)


STRATEGIES: st.SearchStrategy[AnyStrategy] = st.one_of(
    st.builds(_cross, st.integers(1, 5), st.integers(1, 8), st.booleans()),
    st.builds(MeanReversion, window=st.integers(2, 10), entry=st.just(0.8), exit=st.just(0.2)),
    st.builds(RelativeStrengthIndex, period=st.integers(2, 6), lower=st.just(45), upper=st.just(55)),
    st.builds(BuyAndHold, fraction=st.floats(0.1, 1.0)),
    st.builds(_ema_cross, st.integers(1, 5)),
    st.builds(RandomOrders),
)


def _config(timing: FillTiming, bps: float, short: bool, first: int | None, last: int | None) -> ReplayConfig:
    def moment(day: int | None) -> str | None:
        return None if day is None else f"2004-01-{day + 1:02d}"

    return ReplayConfig(
        start=moment(first),
        end=moment(None if last is None else (first or 0) + last),
        broker=SimulatedBrokerConfig(bar_fill=timing, slippage_bps=bps),
        risk=RiskLimits(allow_short=short, require_cash=not short),
    )


CONFIGS = st.builds(
    _config,
    st.sampled_from(FillTiming),
    st.sampled_from([0.0, 2.5]),
    st.booleans(),
    st.none() | st.just(0),
    st.none() | st.integers(1, 20),
)


# --- what is recorded comes out again -----------------------------------------------------------


@given(bars=bar_series("A"), others=bar_series("B"), quotes=quote_series("Q"), data=st.data())
async def test_any_run_over_bars_and_quotes_comes_out_again(
    bars: list[Event], others: list[Event], quotes: list[Event], data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(STRATEGIES, min_size=1, max_size=3))
    store = await store_of(a_1d=bars, b_1d=others, q_quotes=quotes)
    run = await record_run(store, chosen, data.draw(CONFIGS))

    verified = await verify_run(store, run)

    assert verified.digest == await digest_of(store, run)


async def test_a_run_can_be_verified_again_and_again() -> None:
    store = await store_of(a_1d=walk("A", 200, seed=3))
    run = await record_run(store, [MovingAverageCross(fast=5, slow=20), RandomOrders()])

    first, second = await verify_run(store, run), await verify_run(store, run)

    assert first == second


async def test_verifying_leaves_the_store_as_it_was() -> None:
    store = await store_of(a_1d=walk("A", 50, seed=3))
    run = await record_run(store, [RandomOrders()])
    before = await store.streams()

    await verify_run(store, run)

    assert await store.streams() == before


async def test_a_run_recorded_by_another_python_and_version_comes_out_again() -> None:
    """The recorded inputs are fed, not made anew: what they say of the interpreter is no decision."""
    store = await store_of(a_1d=walk("A", 100, seed=3))
    run = await record_run(store, [RandomOrders()])
    elsewhere = await rewritten(
        store,
        run,
        lambda event: (
            SessionStarted(event.ts, 1, "backtest", "0.0.9", "3.12")
            if isinstance(event, SessionStarted)
            else event
        ),
    )

    verified = await verify_run(elsewhere, run)

    assert verified.digest == await digest_of(store, run)


async def rewritten(store: MemoryEventStore, run: str, change: Callable[[Event], Event]) -> MemoryEventStore:
    """A store in which a run says something else, the hash chain included."""
    copy = MemoryEventStore()
    for info in await store.streams():
        expected = 0
        async for batch in store.read(info.stream):
            events = [change(event) for event in batch.events] if info.stream == run else batch.events
            head = await copy.append(info.stream, events, expected_seq=expected, causes=batch.causes)
            expected = head.seq
    return copy


# --- the code that ran then ---------------------------------------------------------------------

CROSS = """
from strategies.sdk import Bar, Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy, sell

class Saw(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="saw")

    def on_bar(self, bar: Bar) -> Decisions:
        held = self.ctx.portfolio.position(bar.symbol)
        if bar.close < bar.open and not held:
            return buy(bar.symbol, 10)
        return sell(bar.symbol, held) if held and bar.close > bar.open else None
"""


async def run_of_file(store: MemoryEventStore, path: Path) -> str:
    config = ReplayConfig(streams=("a.1d",), strategies=(StrategyConfig(strategy=f"{path}:Saw"),))
    return await run_and_record(store, await plan_run(store, config))


async def test_the_recorded_code_runs_though_the_file_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "saw.py"
    path.write_text(CROSS)
    store = await store_of(a_1d=walk("A", 100, seed=4))
    run = await run_of_file(store, path)
    path.write_text("this is no strategy any more")

    verified = await verify_run(store, run)

    assert verified.digest == await digest_of(store, run)


async def test_current_code_that_decides_otherwise_is_named_by_its_first_decision(tmp_path: Path) -> None:
    path = tmp_path / "saw.py"
    path.write_text(CROSS)
    store = await store_of(a_1d=walk("A", 100, seed=4))
    run = await run_of_file(store, path)
    path.write_text(CROSS.replace("buy(bar.symbol, 10)", "buy(bar.symbol, 11)"))

    with pytest.raises(ReplayDiverged) as caught:
        await verify_run(store, run, current_code=True)

    assert seq_named(caught.value) == await first_seq_of(store, run, OrderIntent)
    assert '"10"' in str(caught.value)
    assert '"11"' in str(caught.value)


async def test_current_code_that_decides_the_same_comes_out_the_same(tmp_path: Path) -> None:
    path = tmp_path / "saw.py"
    path.write_text(CROSS)
    store = await store_of(a_1d=walk("A", 100, seed=4))
    run = await run_of_file(store, path)
    path.write_text(f"# tidied up\n{CROSS}")

    verified = await verify_run(store, run, current_code=True)

    assert verified.digest == await digest_of(store, run)


def seq_named(error: Exception) -> int:
    found = re.search(r"seq (\d+)", str(error))
    assert found is not None, error
    return int(found[1])


# --- a record or data that are not what they were ------------------------------------------------


async def test_a_run_over_a_stream_that_has_grown_comes_out_again() -> None:
    bars = walk("A", 200, seed=6)
    store = await store_of(a_1d=bars[:100])
    run = await record_run(store, [RandomOrders()])
    await store.append("a.1d", bars[100:], expected_seq=100)

    verified = await verify_run(store, run)

    assert verified.digest == await digest_of(store, run)


async def test_a_run_over_part_of_a_stream_comes_out_after_the_stream_has_grown() -> None:
    bars = walk("A", 200, seed=6)
    store = await store_of(a_1d=bars[:100])
    run = await record_run(store, [RandomOrders()], ReplayConfig(start="2004-01-10", end="2004-02-20"))
    await store.append("a.1d", bars[100:], expected_seq=100)

    verified = await verify_run(store, run)

    assert verified.digest == await digest_of(store, run)


async def test_data_that_were_replaced_are_noticed_though_as_long() -> None:
    store, other = await store_of(a_1d=walk("A", 100, seed=6)), await store_of(a_1d=walk("A", 100, seed=7))
    run = await record_run(store, [BuyAndHold()])
    records = [batch async for batch in store.read(run)]
    seq = 0
    for batch in records:
        seq = (await other.append(run, batch.events, expected_seq=seq, causes=batch.causes)).seq

    with pytest.raises(ReplayDiverged, match=r"'a\.1d' was changed since the run read it"):
        await verify_run(other, run)


async def test_data_that_became_shorter_are_noticed() -> None:
    bars = walk("A", 100, seed=6)
    store, other = await store_of(a_1d=bars), await store_of(a_1d=bars[:60])
    run = await record_run(store, [BuyAndHold()])
    async for batch in store.read(run):
        await other.append(run, batch.events, expected_seq=batch.seqs[0] - 1, causes=batch.causes)

    with pytest.raises((StreamMissing, ReplayDiverged, StoreDamaged), match=r"a\.1d"):
        await verify_run(other, run)


async def test_a_decision_changed_in_the_record_is_named() -> None:
    store = await store_of(a_1d=walk("A", 100, seed=6))
    run = await record_run(store, [BuyAndHold()])
    changed = await rewritten(store, run, _one_more)

    with pytest.raises(ReplayDiverged) as caught:
        await verify_run(changed, run)

    assert seq_named(caught.value) == await first_seq_of(store, run, OrderIntent)


def _one_more(event: Event) -> Event:
    if not isinstance(event, OrderIntent):
        return event
    order = msgspec.structs.replace(event.order, quantity=event.order.quantity + 1)
    return msgspec.structs.replace(event, order=order)


async def test_a_run_that_was_never_finished_is_named_as_such() -> None:
    store = await store_of(a_1d=walk("A", 100, seed=6))
    run = await record_run(store, [BuyAndHold()])
    records = [(e, c) async for b in store.read(run) for e, c in zip(b.events, b.causes or (), strict=True)]
    cut = await store_of(a_1d=walk("A", 100, seed=6))
    kept = [(event, cause) for event, cause in records if not isinstance(event, RunFinished)]
    await cut.append(run, [e for e, _ in kept], expected_seq=0, causes=[c for _, c in kept])

    with pytest.raises(ReplayDiverged, match="never finished"):
        await verify_run(cut, run)


async def test_a_data_stream_is_no_run() -> None:
    store = await store_of(a_1d=walk("A", 10, seed=6))

    with pytest.raises(StreamMissing, match=r"'a\.1d' is not the stream of a run"):
        await verify_run(store, "a.1d")
