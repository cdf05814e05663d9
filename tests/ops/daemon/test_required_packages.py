"""A strategy in a process of its own may import the packages that its configuration names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel.events import OrderFilled
from ops.daemon.status import DaemonStatus
from tests.ops.commands import onetape
from tests.ops.daemon.processes import Daemon, Forks, exchange
from tests.ops.daemon.test_modes import events_of
from tests.ops.daemon.worlds import write_world

CODE = '''
from sortedcontainers import SortedList

from strategies.sdk import Decisions, Metadata, Quote, Strategy, StrategyParams, StrategyState, buy, sell


class Seen(StrategyState):
    prices: list[float] = []


class Median(Strategy[StrategyParams, Seen]):
    """Trades around the median, which a library computes."""

    metadata = Metadata(name="median")

    def on_quote(self, quote: Quote) -> Decisions:
        self.state.prices = [*self.state.prices[-20:], quote.ask]
        prices = SortedList(self.state.prices)
        return (buy if quote.ask < prices[len(prices) // 2] else sell)(quote.symbol, 1)
'''


def strategy(isolation: str = "process", requires: str = "sortedcontainers") -> str:
    return (
        '{strategy: "median.py:Median", symbols: [AAA], '
        f"isolation: {isolation}, worker: {{requires: [{requires}]}}}}"
    )


def has_decided(status: DaemonStatus) -> bool:
    return bool(status.positions)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


def checked(folder: Path, entry: str) -> str:
    """What ``config check`` says."""
    (folder / "median.py").write_text(CODE, "utf-8")
    write_world(folder, "ws://unused", strategies=(entry,))
    return onetape("config", "check", folder / "paper.yaml").output


def test_package_that_is_named_may_be_imported_in_a_process_of_its_own(tmp_path: Path) -> None:
    assert "no mistake found" in checked(tmp_path, strategy())


def test_package_that_is_not_named_is_refused_with_the_line_of_its_import(tmp_path: Path) -> None:
    said = checked(tmp_path, strategy(requires=""))

    assert "median.py:2:1: `sortedcontainers` may not be imported" in said


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (
            strategy(isolation="none"),
            "is for a strategy in a process of its own; expected isolation: process",
        ),
        (strategy(requires="no_such_package"), "there is no package 'no_such_package' in"),
        (strategy(requires="subprocess"), "'subprocess' is no package from outside"),
        (strategy(requires="kernel"), "'kernel' is no package from outside"),
    ],
    ids=["in the core", "missing", "of Python", "of ours"],
)
def test_requirement_that_cannot_be_is_refused_with_a_sentence(tmp_path: Path, entry: str, why: str) -> None:
    said = checked(tmp_path, entry)

    assert "median.py:Median: worker.requires: " in said
    assert why in said


@pytest.mark.slow
async def test_daemon_trades_with_a_package_in_the_process_of_its_strategy(
    forks: Forks, tmp_path: Path
) -> None:
    (tmp_path / "median.py").write_text(CODE, "utf-8")
    with exchange(forks, tmp_path, "--symbols", "4", "--rate", "100") as url:
        write_world(tmp_path, url, strategies=(strategy(),))
        daemon = Daemon(forks, tmp_path).started()
        status = await daemon.until(has_decided)
        assert daemon.stop() == 0, daemon.complaint
    fills = [one for one in await events_of(daemon.store, "paper") if isinstance(one, OrderFilled)]
    verified = forks.run(tmp_path, "verify", "paper", "--store", "paper.tape", program="replay")

    assert [one.strategy for one in status.workers] == ["median"]
    assert fills
    assert verified.code == 0, verified.complaint
