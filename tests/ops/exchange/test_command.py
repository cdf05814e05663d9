"""``onetape exchange`` in a process of its own."""

import signal
import subprocess
from collections.abc import Sequence

import pytest

from brokers.feeds.config import Channel, Encoding, WebSocketFeedConfig
from brokers.feeds.making import make_feed
from brokers.orders.port import Outcome
from kernel.clock import VirtualClock
from kernel.events import BookSnapshot
from tests.brokers.feeds.received import Received, eventually, receiving
from tests.ops.commands import COMMAND, ROOT, onetape
from tests.ops.exchange.clients import client
from tests.ops.live.trading import order_of

TIMEOUT_S = 60


def start(*options: str) -> subprocess.Popen[str]:
    """An exchange on any free port."""
    words = [*COMMAND, "exchange", "--port", "0", *options]
    return subprocess.Popen(words, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


async def test_feed_of_another_process_gets_its_data() -> None:
    options = (
        "--symbols",
        "2",
        "--rate",
        "2000",
        "--format",
        "msgpack",
        "--batch",
        "10",
        "--channel",
        "books",
    )
    with start(*options) as process:
        config = WebSocketFeedConfig(
            name="main", url=address_of(process), channels=(Channel.BOOKS,), encoding=Encoding.MSGPACK
        )
        sink = Received()
        async with receiving(make_feed(config, clock=VirtualClock(5)), sink):
            await eventually(lambda: len(sink.events) >= 20)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 0
    assert "1 connections" in errors
    assert all(isinstance(event, BookSnapshot) for event in sink.events)


@pytest.mark.parametrize(
    "options",
    [
        ("--for", "0.01"),
        ("--for", "0.01", "--gap-every", "2", "--mute-every", "1"),
        ("--for", "0.01", "--symbols", "SPY,QQQ"),
    ],
)
def test_exchange_stops_by_itself_after_its_time(options: Sequence[str]) -> None:
    done = onetape("exchange", "--port", "0", *options)

    assert done.exit_code == 0
    assert done.stdout.startswith("ws://127.0.0.1:")


def test_port_that_is_taken_is_refused_with_a_sentence() -> None:
    with start() as process:
        port = address_of(process).rpartition(":")[2].removesuffix("/market")

        done = onetape("exchange", "--port", port)
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)

    assert done.exit_code == 1
    assert done.stderr.startswith(f"onetape: port {port}: ")


async def test_order_entry_has_its_accounts_and_faults_from_the_command() -> None:
    with start("--account", "me:my-key", "--reject-every", "1", "--rate", "500") as process:
        async with client(address_of(process), account="me", key="my-key") as one:
            outcome = await one.connection.submit(order_of("a", 1))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIMEOUT_S)

    assert outcome is Outcome.REJECTED
    assert "sent" in errors


@pytest.mark.parametrize("text", ["0", "-1", ",", ""])
def test_symbols_that_are_none_are_refused(text: str) -> None:
    refused = onetape("exchange", "--symbols", text)

    assert refused.exit_code == 2
    assert "expected names, as SPY,QQQ, or a number above 0" in refused.stderr


def test_account_without_a_key_is_refused() -> None:
    refused = onetape("exchange", "--account", "me")

    assert refused.exit_code == 2
    assert "expected NAME:KEY" in refused.stderr
