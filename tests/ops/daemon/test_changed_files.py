"""The daemon starts again after a change of configuration or code: it goes on, or refuses with a sentence.

Whatever happens, the log verifies afterwards: no change makes a log that cannot be replayed.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from eventstore import open_store
from kernel.events import ConfigLoaded, Event, OrderDenied, OrderSubmitted, SessionStarted
from replay.verification import verify_run
from tests.ops.daemon.processes import PATIENCE_S, Daemon, Forks, exchange
from tests.ops.daemon.worlds import write_world

pytestmark = pytest.mark.slow

BUSY = '{strategy: "trade.py:Busy", symbols: [AAA, AAB]}'
HOLDER = '{strategy: "trade.py:Holder", symbols: [AAC]}'
BOTH = (BUSY, HOLDER)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


class Trading:
    """A daemon on an exchange, with a strategy that trades and one that holds one AAC."""

    def __init__(self, forks: Forks, folder: Path, url: str) -> None:
        self.folder = folder
        self._forks = forks
        self._url = url

    def write(self, *extra: str, strategies: tuple[str, ...] = BOTH, **parts: str) -> None:
        """Write the configuration, with other parts."""
        write_world(self.folder, self._url, *extra, strategies=strategies, **parts)

    def replace(self, old: str, new: str, *, file: str = "paper.yaml") -> None:
        """Edit a file."""
        path = self.folder / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    async def session(self, *options: str, is_killed: bool = False) -> None:
        """Run until some more inputs have come, and end."""
        daemon = Daemon(self._forks, self.folder, *options).started()
        first = await daemon.status()
        await daemon.until(lambda status: status.inputs >= first.inputs + 100)
        if is_killed:
            daemon.kill()
        else:
            assert daemon.stop() == 0, daemon.complaint

    def refusal(self, *options: str) -> str:
        """What a start is refused with: a sentence, or one for each line of code."""
        daemon = Daemon(self._forks, self.folder, *options)
        if not daemon.ended_within(PATIENCE_S):
            daemon.kill()
            raise AssertionError(f"not refused: {daemon.complaint}")
        assert daemon.ended() == 1, daemon.complaint
        assert "Traceback" not in daemon.complaint
        _, sign, sentence = daemon.complaint.rpartition("onetape: ")
        assert sign
        return sentence

    async def held(self, strategy: str) -> list[str]:
        """The symbols that a strategy holds at the end of the log."""
        daemon = Daemon(self._forks, self.folder).started()
        status = await daemon.status()
        assert daemon.stop() == 0, daemon.complaint
        return [held.symbol for held in status.positions if held.strategy == strategy]

    async def events(self) -> list[Event]:
        """The whole log."""
        async with await open_store(self.folder / "paper.tape", read_only=True) as store:
            return [event async for batch in store.read("paper") for event in batch.events]


@pytest.fixture
async def trading(forks: Forks, tmp_path: Path) -> AsyncIterator[Trading]:
    """The log of one session to begin with. What a test has made of it is verified."""
    with exchange(forks, tmp_path, "--symbols", "4", "--rate", "1000") as url:
        world = Trading(forks, tmp_path, url)
        world.write()
        await world.session()
        yield world
    async with await open_store(tmp_path / "paper.tape", read_only=True) as store:
        assert await store.verify("paper") is None
        await verify_run(store, "paper")


def openings(events: list[Event]) -> list[int]:
    """How many configurations each session has recorded."""
    counts, loaded = list[int](), 0
    for event in events:
        loaded += isinstance(event, ConfigLoaded)
        if isinstance(event, SessionStarted):
            counts.append(loaded)
            loaded = 0
    return counts


# --- it goes on ---------------------------------------------------------------------------------


async def test_unchanged_files_record_no_configuration_again(trading: Trading) -> None:
    await trading.session()

    assert openings(await trading.events()) == [1, 0]


async def test_changed_limit_holds_from_the_next_session_on(trading: Trading) -> None:
    trading.write(risk="{allow_short: true, require_cash: false, max_order_quantity: 0.5}")
    await trading.session()

    events = await trading.events()
    assert openings(events) == [1, 1]
    assert {event.rule for event in events if isinstance(event, OrderDenied)} >= {"max_order_quantity"}


async def test_changed_parameters_are_taken_over_and_survive_a_kill(trading: Trading) -> None:
    trading.replace("symbols: [AAA, AAB]}", "symbols: [AAA, AAB], params: {every: 3, quantity: 2}}")
    await trading.session(is_killed=True)
    trading.replace("every: 3", "every: 4")
    await trading.session(is_killed=True)
    await trading.session()

    events = await trading.events()
    assert openings(events) == [1, 1, 1, 0]
    assert any(isinstance(event, OrderSubmitted) and event.order.quantity == 2 for event in events)


async def test_added_strategy_begins_to_trade(trading: Trading) -> None:
    trading.write(strategies=(*BOTH, '{strategy: "trade.py:Holder", id: second, symbols: [AAD]}'))
    await trading.session()

    assert await trading.held("second") == ["AAD"]


async def test_edited_strategy_trades_with_its_new_code_and_its_old_state(trading: Trading) -> None:
    trading.replace(
        "self.state.quotes == 1 else None", "self.state.quotes % 5 == 0 else None", file="trade.py"
    )
    await trading.session()

    events = await trading.events()
    orders = [
        event for event in events if isinstance(event, OrderSubmitted) and event.order.strategy == "holder"
    ]
    assert openings(events) == [1, 1]
    assert len(orders) > 1


async def test_symbol_that_nobody_holds_may_go_and_other_terms_may_change(trading: Trading) -> None:
    trading.replace("  - {symbol: AAD, tick_size: 0.01, lot_size: 1}\n", "")
    trading.replace("symbol: AAC, tick_size: 0.01", "symbol: AAC, tick_size: 0.05")
    await trading.session()

    assert openings(await trading.events()) == [1, 1]


@pytest.mark.parametrize(("fate", "held"), [("keep", ["AAC"]), ("flatten", [])])
async def test_removed_strategy_ends_as_the_operator_said(
    trading: Trading, fate: str, held: list[str]
) -> None:
    trading.write(strategies=(BUSY,))
    await trading.session("--orphan", f"holder={fate}")

    assert await trading.held("holder") == held


async def test_another_log_begins_beside_the_first_one(trading: Trading) -> None:
    trading.write("log: second", "cash: 5000")
    await trading.session()

    assert openings(await trading.events()) == [1]


# --- it refuses ---------------------------------------------------------------------------------


async def test_removed_strategy_that_holds_something_is_refused_with_the_way_out(trading: Trading) -> None:
    trading.write(strategies=(BUSY,))

    assert "--orphan holder=flatten or --orphan holder=keep" in trading.refusal()


REFUSED = (
    (
        "paper.yaml",
        "symbol: AAC,",
        "symbol: AAC, multiplier: 10,",
        "multiplier of AAC cannot change from 1 to 10",
    ),
    ("paper.yaml", "store:", "cash: 5\nstore:", "cash: the log began with 100000, and keeps it; got 5"),
    ("paper.yaml", "mode: paper", "mode: backtest", "mode: a backtest is run by `replay`"),
    ("paper.yaml", "mode: paper", "mode: live", "venue: expected one: mode live sends its orders there"),
    ("paper.yaml", "lot_size", "lot_sise", "lot_size"),
    ("paper.yaml", "trade.py:Holder", "trade.py:Hodler", "Hodler"),
    ("trade.py", "class Holder(", "class Holder((", "trade.py"),
    ("trade.py", "from decimal import Decimal", "import time", "time"),
    ("trade.py", "quotes: int = 0", "quotes: str = ''", "its state of version"),
)


async def test_changes_that_cannot_be_are_refused_and_change_nothing(trading: Trading) -> None:
    before = await trading.events()

    for file, old, new, sentence in REFUSED:
        trading.replace(old, new, file=file)
        assert sentence in trading.refusal()
        trading.replace(new, old, file=file)

    assert await trading.events() == before
    await trading.session()
    assert openings(await trading.events()) == [1, 0]


async def test_symbol_that_is_held_is_not_removed(trading: Trading) -> None:
    trading.write(strategies=(BUSY,))
    trading.replace("  - {symbol: AAC, tick_size: 0.01, lot_size: 1}\n", "")

    sentence = trading.refusal("--orphan", "holder=keep")

    assert sentence.startswith("instruments: AAC is not there any more, but it is held")


async def test_orphan_that_is_none_is_refused(trading: Trading) -> None:
    assert "--orphan busy: the log has no strategy of this name that is gone now" in trading.refusal(
        "--orphan", "busy=keep"
    )
