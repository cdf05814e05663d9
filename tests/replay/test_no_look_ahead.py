"""Nothing is decided, filled or derived from what comes later: a cut tape tells the same story so far."""

from collections.abc import Mapping, Sequence

from hypothesis import assume, given
from hypothesis import strategies as st

from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.fills import FillTiming
from components.portfolio.config import PortfolioConfig
from components.strategy_host.host import AnyStrategy
from eventstore import MemoryEventStore
from kernel.events import Event, TimerFired
from kernel.time_units import DAY_S
from replay.config import ReplayConfig
from strategies.buy_and_hold import BuyAndHold
from strategies.ema_cross import EmaCross
from strategies.ma_cross import MovingAverageCross
from strategies.mean_reversion import MeanReversion
from strategies.rsi import RelativeStrengthIndex
from strategies.sdk import RiskLimits
from strategies.sixty_forty import SixtyForty
from tests.replay.market import bar_series, quote_series
from tests.replay.playing import Record, encode, read_records, record_run
from tests.replay.sample_strategies import RandomOrders

BAR_STRATEGIES = st.sampled_from(
    [
        lambda: MovingAverageCross(fast=2, slow=5, allow_short=True),
        lambda: MeanReversion(window=5, entry=0.8, exit=0.2),
        lambda: RelativeStrengthIndex(period=3, lower=45, upper=55),
        lambda: BuyAndHold(fraction=0.5),
        lambda: RandomOrders(activity=0.9),
    ]
)
QUOTE_STRATEGIES = st.sampled_from(
    [lambda: EmaCross(fast=2, slow=4, quantity=3), lambda: RandomOrders(activity=0.9)]
)


async def records_of(
    streams: Mapping[str, Sequence[Event]], strategies: Sequence[AnyStrategy], timing: FillTiming
) -> list[Record]:
    store = MemoryEventStore()
    for name, events in streams.items():
        await store.append(name, events, expected_seq=0)
    # The plan chooses the times of marks by the period of the data, so they are named here.
    config = ReplayConfig(
        portfolio=PortfolioConfig(mark_every_s=DAY_S),
        broker=SimulatedBrokerConfig(bar_fill=timing, slippage_bps=3),
        risk=RiskLimits(allow_short=True, require_cash=False),
    )
    return await read_records(store, await record_run(store, strategies, config))


def assert_same_until_the_cut(whole: list[Record], cut: list[Record]) -> None:
    """All that the cut run derived before it was told to stop, the whole run derived too, first.

    What the whole run has beyond that follows from later data, or from a timer that fell due between
    the last event of the cut run and the next one, of which the cut run never heard.
    """
    last = max(-record.cause for record in cut) - 2  # behind it: the end of the session and of the run
    so_far = [record for record in cut if 0 < record.cause <= last]
    derived = [record for record in whole if record.cause > 0]
    assert encode(derived[: len(so_far)]) == encode(so_far)
    later = derived[len(so_far) :]
    assert not later or later[0].cause > last or isinstance(later[0].event, TimerFired)


@given(bars=bar_series(), make=BAR_STRATEGIES, timing=st.sampled_from(FillTiming), data=st.data())
async def test_cutting_the_bars_changes_nothing_before_the_cut(
    bars: list[Event], make: type[AnyStrategy], timing: FillTiming, data: st.DataObject
) -> None:
    end = data.draw(st.integers(1, len(bars) - 1))

    whole = await records_of({"a.1d": bars}, [make()], timing)
    cut = await records_of({"a.1d": bars[:end]}, [make()], timing)

    assert_same_until_the_cut(whole, cut)


@given(quotes=quote_series(), make=QUOTE_STRATEGIES, data=st.data())
async def test_cutting_the_quotes_changes_nothing_before_the_cut(
    quotes: list[Event], make: type[AnyStrategy], data: st.DataObject
) -> None:
    end = data.draw(st.integers(1, len(quotes) - 1))

    whole = await records_of({"q": quotes}, [make()], FillTiming.NEXT_OPEN)
    cut = await records_of({"q": quotes[:end]}, [make()], FillTiming.NEXT_OPEN)

    assert_same_until_the_cut(whole, cut)


@given(
    stocks=bar_series("S"),
    bonds=bar_series("B"),
    quotes=quote_series("S"),
    timing=st.sampled_from(FillTiming),
    data=st.data(),
)
async def test_cutting_several_streams_at_a_moment_changes_nothing_before_it(
    stocks: list[Event], bonds: list[Event], quotes: list[Event], timing: FillTiming, data: st.DataObject
) -> None:
    """A balanced portfolio, an average and the dice share the account, so one would show in the others."""
    streams = {"b.1d": bonds, "s.1d": stocks, "s.quotes": quotes}
    moment = data.draw(st.sampled_from([event.ts for events in streams.values() for event in events]))
    until = {name: [event for event in events if event.ts <= moment] for name, events in streams.items()}
    assume(all(until.values()))

    def strategies() -> list[AnyStrategy]:
        return [
            SixtyForty(stock="S", bond="B"),
            MovingAverageCross(fast=2, slow=4, quantity=7),
            RandomOrders(activity=0.5),
        ]

    whole = await records_of(streams, strategies(), timing)
    cut = await records_of(until, strategies(), timing)

    assert_same_until_the_cut(whole, cut)
