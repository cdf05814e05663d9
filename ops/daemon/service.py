"""Messages to systemd: ready, alive, stopping (its sd_notify protocol). Without systemd they go nowhere.

A message is one datagram to ``$NOTIFY_SOCKET``. The socket does not block: a full queue of the receiver would
otherwise stop the daemon, and a lost message is followed by the next one.
"""

import os
import socket
from collections.abc import Mapping

from kernel.time_units import SECOND_NS


class Service:
    """The service manager that started this process, if there is one."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        watchdog_us, watched = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        is_watched = watchdog_us.isdigit() and watched in ("", str(os.getpid()))
        self.alive_every_ns = int(watchdog_us) * SECOND_NS // 2_000_000 if is_watched else 0
        """How often ``alive`` must be said: twice in the time after which systemd kills; 0: never."""

    def ready(self) -> None:
        """Say that the start is over: recovered, and open for inputs."""
        self._say("READY=1")

    def alive(self) -> None:
        """Say that the event loop turns. Say it from the loop alone, so that a stuck one is killed."""
        self._say("WATCHDOG=1")

    def doing(self, what: str) -> None:
        """Say in one line what the daemon does, for ``systemctl status``."""
        self._say(f"STATUS={what}")

    def needs_time(self, seconds: float) -> None:
        """Ask for more time for a start or a stop that goes on."""
        self._say(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def stopping(self) -> None:
        """Say that the daemon stops."""
        self._say("STOPPING=1")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _say(self, message: str) -> None:
        if not self._address:
            return
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._socket.setblocking(False)
            self._socket.sendto(message.encode(), self._address)
        except OSError:
            return
