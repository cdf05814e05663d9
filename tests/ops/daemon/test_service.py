"""Messages to systemd, received on a real datagram socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel.time_units import SECOND_NS
from ops.daemon.service import Service

LIMIT_S = 60


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def manager(address: str) -> Iterator[socket.socket]:
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(address)
        end.settimeout(LIMIT_S)
        yield end


def test_each_message_is_one_datagram_in_the_words_of_systemd(manager: socket.socket, address: str) -> None:
    service = Service({"NOTIFY_SOCKET": address})

    service.doing("recovering")
    service.ready()
    service.alive()
    service.needs_time(1.5)
    service.stopping()
    service.close()

    assert [manager.recv(1_000) for _ in range(5)] == [
        b"STATUS=recovering",
        b"READY=1",
        b"WATCHDOG=1",
        b"EXTEND_TIMEOUT_USEC=1500000",
        b"STOPPING=1",
    ]


def test_abstract_address_is_understood() -> None:
    name = f"onetape-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        manager.settimeout(LIMIT_S)
        service = Service({"NOTIFY_SOCKET": f"@{name}"})

        service.ready()
        service.close()

        assert manager.recv(1_000) == b"READY=1"


def test_full_queue_does_not_block(manager: socket.socket, address: str) -> None:
    service = Service({"NOTIFY_SOCKET": address})

    for _ in range(10_000):  # many more than a queue of datagrams holds; nobody reads
        service.alive()
    service.close()

    assert manager.recv(1_000) == b"WATCHDOG=1"


def test_manager_that_has_gone_is_no_error(address: str) -> None:
    service = Service({"NOTIFY_SOCKET": address})

    service.ready()
    service.close()


def test_without_systemd_nothing_is_sent() -> None:
    service = Service({})

    service.ready()
    service.close()

    assert service.alive_every_ns == 0


@pytest.mark.parametrize(
    ("environment", "every_ns"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15 * SECOND_NS),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15 * SECOND_NS),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_alive_is_said_twice_in_the_time_of_the_watchdog(environment: dict[str, str], every_ns: int) -> None:
    assert Service(environment).alive_every_ns == every_ns
