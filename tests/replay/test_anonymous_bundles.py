"""An anonymised bundle names nobody, decides as the original where it can, and reproduces."""

import zipfile
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import cast, get_args, get_type_hints

import msgspec
import pytest

from brokers.feeds.config import WebSocketFeedConfig
from brokers.simulated.config import SimulatedBrokerConfig
from components.assembly.instruments import InstrumentConfig
from eventstore import EventStore, MemoryEventStore
from eventstore.block_copies import records_in
from kernel.errors import InputError
from kernel.events import (
    DERIVED_TYPES,
    EVENT_TYPES,
    AccountReported,
    Bar,
    BrokerConnected,
    CashMoved,
    EquityNoted,
    HaltTrading,
    Order,
    ResumeTrading,
    Trade,
)
from kernel.time_units import DAY_NS
from replay.backtesting import from_instance, run_and_record
from replay.bundles.anonymous_code import anonymous_source
from replay.bundles.making import BundleSettings, MadeBundle, make_bundle
from replay.bundles.reproducing import reproduce, unpack_bundle
from replay.bundles.scales import PRICE_FACTORS, chosen_scales
from replay.bundles.units import BY_NAME, BY_TYPE, LEFT_OUT, PLAIN_NUMBERS, PLAIN_TEXTS, REFUSED
from replay.commands import Deposit, Halt, Resume
from replay.config import ReplayConfig
from replay.order_records import read_orders
from replay.planning import plan_run
from replay.run_config import Mode, RunConfig
from strategies.sdk import RiskLimits
from strategies.sdk.limits import ContinuousLimit, LimitKind, LossOrigin
from strategies.sdk.loading import load_strategy
from tests.replay.live_sessions import LOG, live_session
from tests.replay.market import walk
from tests.replay.playing import store_of
from tests.replay.sample_strategies import RandomOrders

STRATEGY = '''"""Written by Jane Roe for account DU1234567."""

from decimal import Decimal
from strategies.sdk import Bar, Decisions, Strategy, StrategyParams, StrategyState, buy, sell


class Params(StrategyParams, frozen=True):
    """Jane's favourite."""

    leader: str = "ACME"
    quantity: Decimal = Decimal(10)


class Seen(StrategyState):
    bars: int = 0


class Follow(Strategy[Params, Seen]):
    def on_bar(self, bar: Bar) -> Decisions:
        self.state.bars += 1
        if bar.symbol == self.params.leader and self.state.bars % 4 == 1:  # Jane: not on Fridays
            return buy(bar.symbol, self.params.quantity, limit=bar.close * 1.01)
        return sell(bar.symbol, self.params.quantity) if self.state.bars % 7 == 3 else None
'''
PRIVATE = ("ACME", "ZINC", "Jane", "DU1234567", "jane", "secret plan", "acme.1d", "zinc.1d", "Roe")


async def run_of_jane(
    folder: Path, *, text: str = STRATEGY, name: str = "Follow"
) -> tuple[MemoryEventStore, str]:
    """A run over two symbols, with people in code, parameters and commands."""
    file = folder / "jane.py"
    file.write_text(text)
    store = await store_of(acme_1d=walk("ACME", 60, seed=3), zinc_1d=walk("ZINC", 60, seed=4))
    config = ReplayConfig(
        streams=("acme.1d", "zinc.1d"),
        risk=RiskLimits(allow_short=True, require_cash=False, max_order_quantity=Decimal(50)),
        commands=(
            Deposit(at="2004-01-20", amount=Decimal(1_250), reason="secret plan of Jane"),
            Halt(at="2004-02-10", reason="jane at lunch"),
            Resume(at="2004-02-12", reason="ACME again"),
        ),
    )
    loaded = [load_strategy(f"{file}:{name}")]
    return store, await run_and_record(store, await plan_run(store, config, loaded=loaded))


async def bundled(store: EventStore, log: str, path: Path, *, shift_days: int = 0) -> MadeBundle:
    scales = chosen_scales("7", shift_days=shift_days)
    return await make_bundle(store, log, path, now_ts=1, settings=BundleSettings(scales=scales))


async def reproduced(path: Path) -> tuple[EventStore, str]:
    store = MemoryEventStore()
    unpacked = await unpack_bundle(path, store)
    await reproduce(store, unpacked)
    return store, unpacked.manifest.stream


def values_in(path: Path) -> Iterator[object]:
    """Every value in every file of a bundle."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            yield name
            if name.startswith("streams/"):
                for record in records_in(BytesIO(data), name=name):
                    yield from _flat(msgspec.msgpack.decode(record.payload))
            else:
                yield data.decode()


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for one in cast(list[object], value):
            yield from _flat(one)
    else:
        yield value


@pytest.mark.parametrize("shift_days", [0, -364])
async def test_an_anonymised_run_names_nobody_and_decides_as_the_original(
    shift_days: int, tmp_path: Path
) -> None:
    store, run = await run_of_jane(tmp_path)

    made = await bundled(store, run, tmp_path / "x.bundle", shift_days=shift_days)
    other, name = await reproduced(made.path)

    values = list(values_in(made.path))
    texts = [value for value in values if isinstance(value, str)]
    assert [(word, text) for word in PRIVATE for text in texts if word in text] == []
    prices: set[float] = set()
    for stream in ("acme.1d", "zinc.1d"):
        async for batch in store.read(stream):
            bars = [event for event in batch.events if isinstance(event, Bar)]
            prices.update(price for bar in bars for price in (bar.open, bar.high, bar.low, bar.close))
    assert prices
    assert prices.isdisjoint(value for value in values if isinstance(value, float))
    old, new = await read_orders(store, run), await read_orders(other, name)
    assert made.manifest.scaled is not None
    assert made.manifest.scaled.equal_count == made.manifest.scaled.order_count == len(old.orders) > 10
    assert {order.order.symbol for order in new.orders} == {"S1", "S2"}
    assert [one.order.quantity for one in new.orders] != [one.order.quantity for one in old.orders]


async def test_times_are_moved_by_whole_days_where_that_is_wanted(tmp_path: Path) -> None:
    store, run = await run_of_jane(tmp_path)
    shift_ns = -364 * 86_400_000_000_000

    made = await bundled(store, run, tmp_path / "x.bundle", shift_days=-364)
    other, name = await reproduced(made.path)

    old, new = await read_orders(store, run), await read_orders(other, name)
    assert [one.created_ts for one in new.orders] == [one.created_ts + shift_ns for one in old.orders]


@pytest.mark.parametrize("shift_days", [0, -70])
async def test_a_live_log_loses_accounts_people_hosts_and_their_words(
    shift_days: int, tmp_path: Path
) -> None:
    store, bars = MemoryEventStore(), walk("ACME", 40, seed=3)
    file = tmp_path / "jane.py"
    file.write_text(STRATEGY)
    said = [
        BrokerConnected(bars[9].ts, "kraken", "DU1234567"),
        AccountReported(bars[9].ts, "DU1234567", Decimal(77_777), Decimal(77_777), Decimal(77_777)),
        HaltTrading(bars[20].ts, "jane", "secret plan"),
        ResumeTrading(bars[22].ts, "jane", "after lunch"),
        Trade(bars[22].ts, "ACME", 101.25, 3.0, trade_id="T-4711"),
        CashMoved(bars[22].ts, Decimal(500), reason="from Jane Roe"),
        EquityNoted(bars[22].ts, Decimal(77_777), Decimal(77_777), bars[22].ts // DAY_NS, Decimal(500)),
    ]
    events = sorted([*bars, *said], key=lambda event: event.ts)
    limit = ContinuousLimit(kind=LimitKind.DRAWDOWN, limit=Decimal("0.9"), origin=LossOrigin.PEAK)
    config = RunConfig(
        mode=Mode.PAPER,
        feeds=(WebSocketFeedConfig(name="kraken", url="ws://10.11.12.13:4711/feed"),),
        instruments=(InstrumentConfig(symbol="ACME"),),
        risk=RiskLimits(allow_short=True, require_cash=False, continuous=(limit,)),
    )
    await live_session(store, events, [load_strategy(f"{file}:Follow")], config)

    made = await bundled(store, LOG, tmp_path / "x.bundle", shift_days=shift_days)
    other, name = await reproduced(made.path)

    texts = [value for value in values_in(made.path) if isinstance(value, str)]
    hidden = (*PRIVATE, "kraken", "T-4711", "10.11.12.13", "77777", "after lunch")
    assert [(word, text) for word in hidden for text in texts if word in text] == []
    assert made.manifest.is_live
    assert len((await read_orders(other, name)).orders) == len((await read_orders(store, LOG)).orders) > 3


async def test_a_name_in_an_identifier_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    text = STRATEGY.replace("class Seen", "ZINC = 1\n\n\nclass Seen")
    store, run = await run_of_jane(tmp_path, text=text)

    with pytest.raises(InputError, match="would still hold 'ZINC'"):
        await bundled(store, run, tmp_path / "x.bundle")

    assert not (tmp_path / "x.bundle").exists()


async def test_words_that_are_like_a_name_are_told(tmp_path: Path) -> None:
    text = STRATEGY.replace("class Follow", "ACMElimit = zinc_low = 1\n\n\nclass ZincFollow")
    text = text.replace("self.state.bars += 1", "self.state.bars += zinc_low")
    store, run = await run_of_jane(tmp_path, text=text, name="ZincFollow")

    made = await bundled(store, run, tmp_path / "x.bundle")

    assert made.likenesses == ("ACMElimit", "ZincFollow", "zinc_low")


async def test_a_run_that_cannot_decide_as_before_says_how_far_it_does(tmp_path: Path) -> None:
    text = STRATEGY.replace("self.state.bars % 4 == 1", "bar.close < 100")
    store, run = await run_of_jane(tmp_path, text=text)

    made = await bundled(store, run, tmp_path / "x.bundle")
    await reproduced(made.path)

    scaled = made.manifest.scaled
    assert scaled is not None
    assert scaled.equal_count < scaled.order_count


def test_comments_and_descriptions_are_removed_and_the_program_stays() -> None:
    source = 'def f():\n    "Jane"\n    # Jane\n    return f"ACME {1}", "b"\n'

    text = anonymous_source(source, lambda name: name.replace("ACME", "S1"), name="x.py")

    values: dict[str, object] = {}
    exec(text, values)
    assert (text.count("Jane"), values["f"]()) == (0, ("S1 1", "b"))  # type: ignore[operator]  # f is a function


def test_texts_about_fields_and_the_author_are_removed_too() -> None:
    source = (
        "LIMIT = 3\n'Jane says 3'\n"
        "class A:\n    limit: int = 3\n    'as Jane has it'\n"
        "    metadata = Metadata(name='a', author='Jane', description='of Jane', version='2')\n"
        "    other = sdk.Metadata(name='b', author='Jane')\n"
        "    size: Annotated[int, Range(ge=1, title='of Jane', description='for Jane')] = 1\n"
        "def f():\n    if LIMIT:\n        'Jane'\n"
        "    try:\n        return LIMIT\n    finally:\n        'Jane'\n"
    )

    text = anonymous_source(source, lambda name: name, name="x.py")

    assert "Jane" not in text
    assert "Metadata(name='a', author='', description='', version='2')" in text
    values: dict[str, object] = {}
    exec(text[text.index("def f") :], {"LIMIT": 3}, values)
    assert "finally:\n        pass" in text
    assert "if LIMIT:\n        pass" in text


async def test_the_path_of_a_model_is_no_part_of_a_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "roe-and-sons"
    folder.mkdir()
    (folder / "models.py").write_text(
        "import msgspec\n\n\nclass Worse(msgspec.Struct, frozen=True):\n    needs_volatility = False\n\n"
        "    def price(self, taken):\n        return taken.price\n"
    )
    store = await store_of(acme_1d=walk("ACME", 10, seed=3))
    broker = SimulatedBrokerConfig(slippage=f"{folder}/models.py:Worse")
    plan = await plan_run(
        store, ReplayConfig(streams=("acme.1d",), broker=broker), loaded=[from_instance(RandomOrders())]
    )
    run = await run_and_record(store, plan)

    made = await bundled(store, run, tmp_path / "x.bundle")

    assert not [one for one in values_in(made.path) if isinstance(one, str) and "roe-and-sons" in one]


def test_scales_are_powers_of_two_and_chosen_again_by_their_seed() -> None:
    one, other = chosen_scales("a"), chosen_scales("a")
    groups = {"A": "A", "B": "B", "C": "A"}

    assert (one.one(), one.each(groups)) == (other.one(), other.each(groups))
    assert chosen_scales("").seed != chosen_scales("").seed
    for seed in map(str, range(50)):
        scales = chosen_scales(seed)
        for factors in (scales.one(), *scales.each(groups).values()):
            assert factors.price != 1 != factors.money
            assert factors.price * factors.size == factors.money
        assert scales.each(groups)["A"] == scales.each(groups)["C"]
    assert all(
        factor != 1 and (factor.as_integer_ratio()[0] & (factor.as_integer_ratio()[0] - 1)) == 0
        for factor in PRICE_FACTORS
    )


def test_every_text_and_number_of_an_input_has_a_unit_or_is_known_to_stay() -> None:
    inputs = [kind for kind in EVENT_TYPES if kind not in {*DERIVED_TYPES, *LEFT_OUT, *REFUSED}]

    kinds: list[type] = [*inputs, Order]
    unknown = {name for kind in kinds for name in _unknown(kind)}

    assert unknown == set()


def _unknown(kind: type) -> Iterator[str]:
    for name, hint in get_type_hints(kind).items():
        types = {hint, *get_args(hint)}
        is_known = (kind.__name__, name) in BY_TYPE or name in BY_NAME
        plain = PLAIN_TEXTS if str in types else PLAIN_NUMBERS
        is_value = bool(types & {str, float, Decimal}) or any(
            getattr(one, "__supertype__", None) is str for one in types
        )
        if is_value and not is_known and name not in plain | PLAIN_TEXTS and not name.startswith("_"):
            yield f"{kind.__name__}.{name}"
