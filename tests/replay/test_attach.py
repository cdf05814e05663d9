"""Code of today hears a past log as of then: all of it in order, nothing later, and changes nothing."""

import csv
import json
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import replay as library
from eventstore import MemoryEventStore, SnapshotFiles
from kernel.errors import ComponentError, ConfigError, InputError
from kernel.events import (
    AccountMarked,
    Bar,
    Event,
    OrderDenied,
    OrderFilled,
    OrderIntent,
)
from replay import PastView
from replay.past.attached_code import checked, values_of
from replay.past.attaching import attached
from replay.past.period import PlayedEvent, play_period
from strategies.sdk import Denial, OrderCheckView
from tests.replay.commands import replay
from tests.replay.past_logs import files_in, log_of_three_sessions, run_of_two_symbols
from tests.replay.playing import read_events
from tests.replay.sample_strategies import RandomOrders
from tests.replay.test_past import store_with_logs

Made = Callable[[SnapshotFiles | None], Awaitable[tuple[MemoryEventStore, str]]]
BOTH = pytest.mark.parametrize("made", [run_of_two_symbols, log_of_three_sessions], ids=["run", "live log"])
RUN = "run.Trader+random_orders.1"


class Witness:
    """Tells what it sees beside what the event says."""

    def on_account_marked(self, event: AccountMarked, past: PastView) -> dict[str, object]:
        return {"equity": past.equity == event.equity, "time": past.now == event.ts}

    def on_order_filled(self, event: OrderFilled, past: PastView) -> tuple[str, bool]:
        known = [order.client_order_id for order in past.open_orders(event.strategy)]
        return "order", (event.client_order_id in known) is (event.leaves_quantity > 0)

    def on_bar(self, bar: Bar, past: PastView) -> Iterator[tuple[str, object]]:
        yield "price", past.last_price(bar.symbol) == bar.close
        yield "history", all(one.ts <= bar.ts for one in past.history(bar.symbol, 50))


class Everything(msgspec.Struct):
    """Remembers each event."""

    heard: list[Event] = []

    def on_event(self, event: Event, _past: PastView) -> None:
        self.heard.append(event)

    def on_end(self, past: PastView) -> dict[str, object]:
        return {"end": past.now}


class Closes:
    """The close of each bar, and the account then."""

    def on_bar(self, bar: Bar, past: PastView) -> dict[str, object]:
        return {bar.symbol: bar.close, "cash": past.cash, "orders": len(past.open_orders("Trader"))}


class MaxQuantity(msgspec.Struct, frozen=True):
    limit: Decimal = Decimal(9)

    def check(self, order_check: OrderCheckView) -> Denial | None:
        if order_check.quantity <= self.limit:
            return None
        return Denial("max_quantity", "too much of it", self.limit, order_check.quantity)


@BOTH
async def test_it_sees_the_core_as_it_was_then(made: Made) -> None:
    store, log = await made(None)

    found = await attached(store, log, checked(Witness()))

    assert {one.name for one in found.values} == {"equity", "time", "order", "price", "history"}
    assert all(one.value is True for one in found.values)


@BOTH
async def test_it_hears_every_event_once_and_in_order(made: Made) -> None:
    store, log = await made(None)
    every = Everything()

    found = await attached(store, log, checked(every))
    played = list[PlayedEvent]()
    await play_period(store, log, heard=played.extend)

    for is_input in (True, False):
        expected = [one.event for one in played if (one.cause < 0) is is_input]
        kinds = {type(event) for event in expected}
        assert [event for event in every.heard if type(event) in kinds] == expected
    assert found.heard == len(every.heard) == len(played)
    assert [event.ts for event in every.heard] == sorted(event.ts for event in every.heard)
    assert [(one.name, one.event) for one in found.values] == [("end", "")]


@BOTH
async def test_it_sees_what_a_strategy_sees(made: Made) -> None:
    """A bar is heard after the fills at it, and before what strategies decide on it."""
    store, log = await made(None)
    every = Everything()

    await attached(store, log, checked(every))

    told = [event for event in every.heard if isinstance(event, Bar | OrderFilled | OrderIntent)]
    for place, event in enumerate(told):
        bars = [one for one in told[place:] if isinstance(one, Bar) and one.ts == event.ts]
        assert bars or not isinstance(event, OrderFilled)
    first = next(place for place, event in enumerate(told) if isinstance(event, OrderIntent))
    assert any(isinstance(event, Bar) for event in told[:first])


@BOTH
async def test_what_comes_later_changes_nothing(made: Made, tmp_path: Path) -> None:
    store, log = await made(files := files_in(tmp_path))
    whole = await attached(store, log, checked(Closes))
    marks = [event for event in await read_events(store, log) if isinstance(event, AccountMarked)]
    begin, end = marks[len(marks) // 3].ts, marks[2 * len(marks) // 3].ts

    part = await attached(store, log, checked(Closes), from_ts=begin, to_ts=end, snapshots=files)

    assert part.values == tuple(one for one in whole.values if begin <= one.ts <= end)
    assert part.values


@BOTH
async def test_values_have_their_place_in_the_log(made: Made) -> None:
    store, log = await made(None)
    events = await read_events(store, log)

    class Fills:
        def on_order_filled(self, event: OrderFilled, _past: PastView) -> dict[str, object]:
            return {"id": event.fill_id}

    found = await attached(store, log, checked(Fills()))

    fills = [(seq, event) for seq, event in enumerate(events, 1) if isinstance(event, OrderFilled)]
    assert [(one.seq, one.value) for one in found.values] == [(seq, fill.fill_id) for seq, fill in fills]


@BOTH
async def test_a_rule_names_the_orders_that_it_would_have_denied(made: Made) -> None:
    store, log = await made(None)
    events = await read_events(store, log)
    denied = {event.order.client_order_id for event in events if isinstance(event, OrderDenied)}

    found = await attached(store, log, checked(MaxQuantity()))

    wanted = [
        (seq, event.order.client_order_id)
        for seq, event in enumerate(events, 1)
        if isinstance(event, OrderIntent)
        and event.order.quantity > 9
        and event.order.client_order_id not in denied
    ]
    assert found.denials is not None
    assert [(one.seq, one.order_id) for one in found.denials if not one.is_replacement] == wanted
    assert wanted
    assert {one.recorded for one in found.denials} == {"approved"}
    assert found.heard > len(found.denials)


@pytest.mark.slow
def test_a_fork_with_the_rule_denies_the_first_of_them(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    store_with_logs(path)
    code = tmp_path / "rules.py"
    code.write_text(RULE)

    found = library.attach("paper", f"{code}:Cap", start="2004-01-20", store=path)
    forked = replay(
        *("fork", "paper", "--store", path, "--at", "2004-01-19", "--json", "--set"),
        f'risk.rules=[{{"rule": "{code}:Cap"}}]',
    )

    assert found.denials
    only = json.loads(forked.stdout)["orders"]["only_b"]
    assert found.denials[0].order in next(words for words in only if "denied" in words)


RULE = """
import msgspec
from strategies.sdk import Denial

class Cap(msgspec.Struct, frozen=True):
    limit: int = 5

    def check(self, order_check):
        return Denial("cap", "too much", self.limit) if order_check.quantity > self.limit else None
"""


@BOTH
async def test_the_store_stays_as_it_was(made: Made) -> None:
    store, log = await made(None)
    before = await store.streams()

    await attached(store, log, checked(Closes()))
    await attached(store, log, checked(MaxQuantity()))

    assert await store.streams() == before


# --- what fails, and what is refused -------------------------------------------------------------------


async def test_a_hook_that_raises_is_named_with_its_event() -> None:
    store, log = await log_of_three_sessions()
    events = await read_events(store, log)
    seq = next(seq for seq, event in enumerate(events, 1) if isinstance(event, OrderFilled))

    class Divides:
        def on_order_filled(self, _event: OrderFilled, _past: PastView) -> dict[str, object]:
            return {"x": 1 / 0}

    with pytest.raises(ComponentError, match=f"Divides fails at seq {seq}, OrderFilled of .*ZeroDivision"):
        await attached(store, log, checked(Divides()))


async def test_a_rule_that_raises_is_named_with_its_order() -> None:
    store, log = await log_of_three_sessions()

    class Odd(msgspec.Struct, frozen=True):
        def check(self, order_check: OrderCheckView) -> Denial | None:
            raise KeyError(order_check.order.symbol)

    events = await read_events(store, log)
    seq = next(seq for seq, event in enumerate(events, 1) if isinstance(event, OrderIntent))
    with pytest.raises(ComponentError, match=f"Odd fails at seq {seq}, the intent of order .*KeyError"):
        await attached(store, log, checked(Odd()))


class _NoHook: ...


class _Misspelt:
    def on_bars(self, event: Bar, past: PastView) -> None: ...


class _TooMany:
    def on_bar(self, event: Bar, past: PastView, more: int) -> None: ...


class _Needs:
    def __init__(self, window: int) -> None:
        self.window = window

    def on_bar(self, event: Bar, past: PastView) -> None: ...


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (_NoHook, "_NoHook has no hook: expected on_event"),
        (_Misspelt(), "on_bars is named after no type of events.*did you mean 'on_bar'"),
        (_TooMany(), r"on_bar cannot be called as on_bar\(self, event, past\)"),
        (_Needs, "it cannot be made without arguments"),
        (RandomOrders, "is a strategy; .*replay fork LOG --at MOMENT --strategy ID="),
    ],
)
def test_another_form_is_refused(given: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        checked(given)


@pytest.mark.parametrize("answer", [5, "five", [5], {"a": [1]}, [("a", object())], (1, 2)])
def test_an_answer_without_names_and_values_is_refused(answer: object) -> None:
    with pytest.raises(TypeError, match=r"a hook gives|a value is"):
        list(values_of(answer))


# --- the command and the library --------------------------------------------------------------------

CODE = """
import msgspec
import numpy as np

class Mean(msgspec.Struct):
    window: int = 5
    seen: dict = {}

    def on_bar(self, bar, past):
        closes = self.seen.setdefault(bar.symbol, [])
        closes.append(bar.close)
        if len(closes) >= self.window:
            yield f"mean {bar.symbol}", np.mean(closes[-self.window :])

class Fails:
    def on_bar(self, bar, past):
        raise ValueError("of mine")
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attach")
    store_with_logs(folder / "market.db")
    (folder / "ideas.py").write_text(CODE + RULE)
    return folder / "market.db"


def test_the_command_writes_lines_and_files(path: Path, tmp_path: Path) -> None:
    code, written = f"{path.parent / 'ideas.py'}:Mean", tmp_path / "mean.csv"
    wanted = ("attach", code, RUN, "--store", path, "--from", "2004-01-20", "--param", "window=3")

    lines = [json.loads(line) for line in replay(*wanted, "--json").stdout.splitlines()]
    shown = replay(*wanted).stdout
    replay(*wanted, "--csv", written)

    with written.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["value"]) for row in rows] == [line["value"] for line in lines]
    assert {line["name"] for line in lines} == {"mean A", "mean B"}
    assert all(line["time"] > "2004-01-20" for line in lines)
    assert f"{len(lines):,} values" in shown
    found = library.attach(RUN, code, start="2004-01-20", params={"window": 3}, store=path)
    assert [one.value for one in found.values] == [line["value"] for line in lines]


@pytest.mark.slow
def test_the_library_gives_frames(path: Path) -> None:
    values = library.attach("paper", Closes, start="2004-01-20", store=path)
    denials = library.attach("paper", MaxQuantity(), store=path)

    frames: list[Any] = [values.frame(), denials.frame()]  # pandas has no types
    assert list(frames[0]["value"]) == [float(one.value or 0) for one in values.values]
    assert str(frames[0]["time"].dt.tz) == "UTC"
    assert list(frames[1]["order_id"]) == [one.order_id for one in denials.denials or ()]


def test_a_rule_by_the_command(path: Path) -> None:
    shown = replay("attach", f"{path.parent / 'ideas.py'}:Cap", "paper", "--store", path)

    assert shown.exit_code == 0
    assert "would have been denied" in shown.stdout
    assert "too much" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("Fails", RUN), 1, "Fails fails at input 9, Bar of 2004-"),
        (("Nobody", RUN), 2, "there is no class 'Nobody'; its classes: Mean, Fails, Cap"),
        (("Mean", "nobody"), 2, "there is no stream 'nobody'"),
        (("Mean", RUN, "--param", "wide=3"), 2, "There are: window, seen"),
        (("Mean", RUN, "--param", "window=big"), 2, "window"),
        (("Fails", RUN, "--param", "window=3"), 2, "parameters are the fields of a class"),
        (("Mean", RUN, "--from", "2044-01-01"), 1, "has no input in that period"),
        (("Mean", RUN, "--csv", "x.csv", "--json"), 2, "--csv and --json exclude each other"),
    ],
)
def test_what_cannot_be_done_is_said(path: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    name, *others = arguments
    refused = replay("attach", f"{path.parent / 'ideas.py'}:{name}", *others, "--store", path)

    assert refused.exit_code == code
    assert says in refused.stderr


def test_the_library_refuses_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no store"):
        library.attach("paper", Closes(), store=tmp_path / "nope.db")
