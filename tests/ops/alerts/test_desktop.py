"""The desktop channel (``dbus://``) against a notification server on a session bus of its own.

The bindings of D-Bus are a package of the system, compiled for its own Python. So the command runs with that
Python, on the libraries of this environment; where the two are of different versions the test is skipped.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.house.tree import ROOT

SYSTEM_PYTHON = "/usr/bin/python3"
PATIENCE_S = 60
SERVER = """
import dbus, dbus.mainloop.glib, dbus.service
from gi.repository import GLib


class Notifications(dbus.service.Object):
    @dbus.service.method("org.freedesktop.Notifications", in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, app, replaces, icon, title, body, actions, hints, timeout):
        print(f"{title}|{body}", flush=True)
        return 1


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
name = dbus.service.BusName("org.freedesktop.Notifications", dbus.SessionBus())
Notifications(name, "/org/freedesktop/Notifications")
print("ready", flush=True)
GLib.MainLoop().run()
"""


def has_bindings() -> bool:
    if not (shutil.which("dbus-daemon") and Path(SYSTEM_PYTHON).exists()):
        return False
    asked = "import sys, dbus, gi; print(*sys.version_info[:2])"
    said = subprocess.run([SYSTEM_PYTHON, "-c", asked], capture_output=True, text=True, check=False).stdout
    return said.split() == [str(part) for part in sys.version_info[:2]]


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not has_bindings(), reason="the system has no D-Bus bindings for this Python"),
]


@contextmanager
def started(*command: str, **environment: str) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_desktop_shows_a_message_with_its_title_and_text(tmp_path: Path) -> None:
    file = tmp_path / "paper.yaml"
    file.write_text('mode: paper\nalerts: {channels: [{name: desk, url: "dbus://"}]}\n', "utf-8")
    libraries = os.pathsep.join((str(ROOT), sysconfig.get_paths()["purelib"]))
    with started("dbus-daemon", "--session", "--nofork", "--print-address") as bus:
        address = line_of(bus)
        with started(SYSTEM_PYTHON, "-c", SERVER, DBUS_SESSION_BUS_ADDRESS=address) as server:
            assert line_of(server) == "ready"
            done = subprocess.run(
                [SYSTEM_PYTHON, "-c", "from ops.cli import main; main()", "alerts", "test", str(file)],
                env={**os.environ, "PYTHONPATH": libraries, "DBUS_SESSION_BUS_ADDRESS": address},
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
            assert done.stdout == "desk: delivered\n", done.stderr
            shown = line_of(server)

    assert shown == "onetape paper: test|A test of this channel: all is well."
