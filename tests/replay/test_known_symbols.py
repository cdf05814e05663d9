"""A strategy knows of a symbol what has happened to it, or what was configured, and nothing that comes."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from shutil import copy

from hypothesis import assume, given
from hypothesis import strategies as st

from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from components.assembly.setup import core_of
from components.portfolio.portfolio import PortfolioConfig
from eventstore import MemoryEventStore, SqliteEventStore
from kernel.events import Event, SignalRaised
from kernel.snapshot import put_back, take
from kernel.time_units import DAY_NS
from replay.backtesting import from_instance, run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.record import plan_of, read_record
from replay.verification import verify_run
from strategies.sdk import (
    Bar,
    Decisions,
    Metadata,
    Quote,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
)
from tests.kernel.listeners import bar, quote
from tests.replay.market import bar_series, quote_series, walk
from tests.replay.playing import START, derived_of, encode, record_run, store_of

NAMES = ("A", "B", "C")
NAMING = """
from strategies.sdk import Metadata, Signal, SignalDirection, Strategy, StrategyParams, StrategyState


class Naming(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="naming")

    def on_start(self):
        return self.tell()

    def on_bar(self, bar):
        return self.tell()

    def tell(self):
        return Signal("A", SignalDirection.FLAT, 0.0, " ".join(self.ctx.symbols))
"""


class Telling(Strategy[StrategyParams, StrategyState]):
    """Tells at every event all that its context has to say of every symbol there may be."""

    metadata = Metadata(name="telling")

    def bars_needed(self) -> int:
        return 3

    def on_start(self) -> Decisions:
        return self.tell()

    def on_bar(self, bar: Bar) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self.tell()

    def on_quote(self, quote: Quote) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self.tell()

    def tell(self) -> Decisions:
        ctx = self.ctx
        known = [
            (
                ctx.instrument(name),
                ctx.last_price(name),
                ctx.last_quote(name),
                ctx.last_trade(name),
                ctx.book(name),
                len(ctx.history(name, 3)),
            )
            for name in NAMES
        ]
        said = (ctx.now, ctx.symbols, known, ctx.portfolio.positions(), ctx.portfolio.equity)
        return Signal("none", SignalDirection.FLAT, 0.0, repr(said))


async def told(streams: Mapping[str, Sequence[Event]], config: ReplayConfig) -> list[SignalRaised]:
    """What ``Telling`` said over the streams that have anything."""
    store = MemoryEventStore()
    for name, events in streams.items():
        if events:
            await store.append(name, events, expected_seq=0)
    run = await record_run(store, [Telling()], config)
    return [event for event in await derived_of(store, run) if isinstance(event, SignalRaised)]


def symbols_told(said: SignalRaised) -> str:
    """The symbols that ``Telling`` knew."""
    return said.reason.split("(", 2)[2].split(")")[0]


@given(
    first=bar_series("A", most=20),
    second=bar_series("B", most=20),
    third=quote_series("C", most=20),
    late=st.tuples(*[st.integers(0, 8)] * 3),
    currency=st.sampled_from(["USD", "EUR"]),
    data=st.data(),
)
async def test_nothing_that_a_strategy_sees_depends_on_symbols_that_come_later(
    first: list[Event],
    second: list[Event],
    third: list[Event],
    late: tuple[int, ...],
    currency: str,
    data: st.DataObject,
) -> None:
    """Each symbol begins some events late, so that a cut may leave one out of the data altogether."""
    series = {"a.1d": first, "b.1d": second, "c.quotes": third}
    streams = {name: events[skip:] for (name, events), skip in zip(series.items(), late, strict=True)}
    assume(any(streams.values()))
    moment = data.draw(st.sampled_from([event.ts for events in streams.values() for event in events]))
    until = {name: [event for event in events if event.ts <= moment] for name, events in streams.items()}
    config = ReplayConfig(portfolio=PortfolioConfig(currency=currency))

    whole, cut = await told(streams, config), await told(until, config)

    assert cut
    assert encode(whole[: len(cut)]) == encode(cut)
    assert all(said.ts > moment for said in whole[len(cut) :])


async def test_a_symbol_is_known_from_its_first_event_on() -> None:
    streams = {"a.1d": walk("A", 4, seed=1), "b.1d": walk("B", 2, seed=2, start=START + 2 * DAY_NS)}

    said = await told(streams, ReplayConfig())

    assert [symbols_told(one) for one in said] == ["", *["'A',"] * 3, *["'A', 'B'"] * 3]


async def test_symbols_that_the_configuration_names_are_known_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "naming.py").write_text(NAMING, "utf-8")
    store = await store_of(a_1d=walk("A", 3, seed=1), b_1d=walk("B", 1, seed=2, start=START + 2 * DAY_NS))
    named, all_of_the_run = (
        StrategyConfig(strategy=f"{tmp_path}/naming.py", id=key, symbols=symbols)
        for key, symbols in (("named", ("B", "A")), ("rest", ()))
    )
    config = ReplayConfig(streams=("a.1d", "b.1d"), strategies=(named, all_of_the_run))

    run = await run_and_record(store, await plan_run(store, config))

    said = [event for event in await derived_of(store, run) if isinstance(event, SignalRaised)]
    assert {one.reason for one in said if one.strategy == "named"} == {"A B"}
    assert [one.reason for one in said if one.strategy == "rest"] == ["", "A", "A", "A", "A B"]
    await verify_run(store, run)


async def test_terms_that_the_configuration_gives_are_known_from_the_start() -> None:
    terms = InstrumentConfig(symbol="B", lot_size=Decimal("0.1"))
    config = ReplayConfig(instruments=(terms,))
    streams = {"a.1d": walk("A", 2, seed=1), "b.1d": walk("B", 1, seed=2, start=START + 5 * DAY_NS)}

    said = await told(streams, config)

    assert "0.1" in said[0].reason


async def test_what_is_known_follows_a_core_that_is_put_back() -> None:
    store = await store_of(a_1d=walk("A", 2, seed=1), b_1d=walk("B", 2, seed=2))
    config = ReplayConfig(streams=("a.1d", "b.1d"))
    plan = await plan_run(store, config, loaded=[from_instance(Telling())])
    core = core_of(plan, plan.venue)
    context = core.hosts[0].strategy.ctx
    core.bus.dispatch([bar(1, "A"), bar(2, "A")])
    at_a = take(core.bus)
    core.bus.dispatch([bar(3, "B"), bar(4, "B")])
    seen_both = context.symbols

    put_back(core.bus, at_a)

    assert (seen_both, context.symbols) == (("A", "B"), ("A",))
    core.bus.dispatch([quote(5, "B")])
    assert context.symbols == ("A", "B")


async def test_strategies_of_an_old_run_know_all_of_its_symbols_from_the_start(tmp_path: Path) -> None:
    """They saw them when it was recorded, and a replay must show them what they saw."""
    logs = Path(__file__).parent / "logs"
    for part in ("format-1.db", "format-1.db.witness"):
        copy(logs / part, tmp_path)

    async with await SqliteEventStore.open(tmp_path / "format-1.db", read_only=True) as store:
        [run] = [info.stream for info in await store.streams() if info.stream.startswith("run.")]
        plan = plan_of(await read_record(store, run), current_code=False)

    assert [one.was_told for one in plan.strategies] == [True, True]
