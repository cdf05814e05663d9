"""Mode ``advisory``: what strategies decide is told to people, and no order leaves.

A real daemon on a live market. What it advises is in its text log, in its API, in a command, in the stream of
state and in a channel, and the same fills follow on paper.
"""

from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import aiohttp
import msgspec
import pytest

from eventstore import Selection, open_store
from kernel.events import AlertDelivered, Event, OrderFilled, OrderSubmitted
from ops.control.client import get
from ops.control.socket_file import SOCKET
from replay.advice import Advice, AdviceKind, AdviceList, Outcome
from tests.ops.alerts.servers import web_hook
from tests.ops.daemon.processes import Daemon, Forks, exchange
from tests.ops.daemon.worlds import write_world

pytestmark = pytest.mark.slow

TRADER = '{strategy: "trade.py:Trader", symbols: [AAA, AAB]}'


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


def write_advisory(folder: Path, url: str, *extra: str) -> None:
    write_world(folder, url, *extra, strategies=(TRADER,))
    file = folder / "paper.yaml"
    file.write_text(file.read_text("utf-8").replace("mode: paper", "mode: advisory"), "utf-8")


async def logged(store: Path, *kinds: type[Event]) -> list[Event]:
    found: list[Event] = []
    chosen = Selection(types=frozenset(kinds))
    async with (
        await open_store(store, read_only=True) as opened,
        aclosing(opened.read("paper", chosen)) as batches,
    ):
        async for batch in batches:
            found += batch.events
    return found


async def streamed(daemon: Daemon) -> list[str]:
    """The types of events in the first frame of its stream of state, from the beginning of the log."""
    connector = aiohttp.UnixConnector(str(daemon.store / SOCKET))
    async with (
        aiohttp.ClientSession(connector=connector) as client,
        client.ws_connect("http://onetape/v1/stream?after=0") as socket,
    ):
        frame = msgspec.json.decode(await socket.receive_bytes())
    return [event["type"] for event in frame["events"]]


async def test_each_decision_is_told_everywhere_and_tracked_on_paper(forks: Forks, tmp_path: Path) -> None:
    async with web_hook() as hook:
        channel = f'{{name: desk, url: "json://127.0.0.1:{hook.port}/x"}}'
        with exchange(forks, tmp_path, "--symbols", "2", "--rate", "200") as url:
            write_advisory(tmp_path, url, f"alerts: {{advice: [desk], channels: [{channel}]}}")
            daemon = Daemon(forks, tmp_path).started()
            status = await daemon.until(lambda status: status.inputs > 300)
            messages = await hook.until(lambda taken: len(taken) > 2)
            shown = msgspec.json.decode(await get(daemon.address, "/v1/advice?limit=5"), type=AdviceList)
            events = await streamed(daemon)
            table = forks.run(tmp_path, "status", "paper.yaml")
            assert daemon.stop() == 0, daemon.complaint
    listed = forks.run(tmp_path, "advice", "paper.yaml", "--json", "--limit", "10000")
    in_words = forks.run(tmp_path, "advice", "paper.yaml", "--symbol", "AAA", "--limit", "3")
    verified = forks.run(tmp_path, "verify", "paper", "--store", "paper.tape", program="replay")
    advice = msgspec.json.decode(listed.said, type=list[Advice])
    orders = await logged(daemon.store, OrderSubmitted)
    fills = await logged(daemon.store, OrderFilled)
    delivered = await logged(daemon.store, AlertDelivered)

    assert status.mode == "advisory"
    assert "advisory (no order is sent), session 1" in table.said
    assert [one.client_order_id for one in advice] == [
        one.order.client_order_id for one in orders if isinstance(one, OrderSubmitted)
    ]
    assert {one.kind for one in advice} == {AdviceKind.ORDER}
    assert sum(one.outcome is Outcome.FILLED for one in advice) == len(fills) > 0
    assert len(shown.advice) == 5
    assert {one.symbol for one in advice} == {"AAA", "AAB"}
    assert "market" in in_words.said
    assert "AAB" not in in_words.said
    assert sum('"event": "advice"' in line for line in daemon.complaint.splitlines()) == len(advice)
    assert {"OrderSubmitted", "OrderFilled"} <= set(events)
    assert b"No order was sent." in messages[0].body
    assert b"buy 1 AAA market" in messages[0].body + messages[1].body
    assert {one.channel for one in delivered if isinstance(one, AlertDelivered) and one.is_delivered} == {
        "desk"
    }
    assert any(one.told == ["desk"] for one in advice)
    assert verified.code == 0, verified.complaint


def test_advice_in_the_template_starts_as_it_is_checked(forks: Forks, tmp_path: Path) -> None:
    made = forks.run(tmp_path, "config", "init", "advisory")
    checked = forks.run(tmp_path, "config", "check", "advisory.yaml")

    assert (made.code, checked.code) == (0, 0), checked.complaint
    assert "mode advisory" in checked.said
