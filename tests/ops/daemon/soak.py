"""A daemon under load for hours: memory, tasks and open files are measured each minute.

    python -m tests.ops.daemon.soak HOURS [--folder FOLDER] [--rate N] [--symbols N] [--every SECONDS]

An exchange with faults (gaps, duplicates, bad prices, cut connections) and a daemon run as processes. At the
end the daemon is stopped in order and its log verified. Exit code 1 if something grew, or failed.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import BinaryIO, NamedTuple

import msgspec

from kernel.errors import OnetapeError
from ops.control.client import DaemonAddress, get
from ops.control.socket_file import SOCKET
from ops.daemon.status import DaemonStatus
from ops.exchange.market import symbol_names
from replay.session_snapshots import FOLDER
from tests.ops.daemon.soak_figures import Sample, Soak, report
from tests.ops.daemon.worlds import STRATEGIES

COMMAND = (sys.executable, "-c", "from ops.cli import main; main()")
VERIFY = (sys.executable, "-c", "from ops.commands.replay import main; main()", "verify")
FAULTS = (
    *("--gap-every", "5000", "--duplicate-every", "7000", "--out-of-order-every", "9000"),
    *("--bad-price-every", "11000", "--drop-connection-every", "45"),
)
RESTARTS = "restart: {first_delay_s: 0.5}"
STORE, TEXT_LOG = "paper.tape", "daemon.errors"
START_S, STOP_S = 120.0, 120.0
STATUS_TRIES = 3
NOT_STOPPED = 124
"""The exit code of a daemon that had to be killed, as ``timeout`` has it."""
TERMINATED = 143


class Processes(NamedTuple):
    """The exchange and the daemon of a soak, and the folder in which they run."""

    folder: Path
    market: "subprocess.Popen[bytes]"
    daemon: "subprocess.Popen[bytes]"


def soak(folder: Path, *, seconds: float, every_s: float, rate: float, symbols: int) -> Soak:
    """Run an exchange and a daemon for so long, and look at the daemon each ``every_s``."""
    options = ("--symbols", str(symbols), "--rate", str(rate), "--batch", "20", "--port", "0", *FAULTS)
    samples: list[Sample] = []
    with ExitStack() as ending:
        noise = ending.enter_context((folder / "exchange.errors").open("wb"))
        text_log = ending.enter_context((folder / TEXT_LOG).open("wb"))
        market = _started(folder, ["exchange", *options], ending, errors=noise, output=subprocess.PIPE)
        assert market.stdout is not None
        ending.enter_context(market.stdout)
        _write(folder, market.stdout.readline().decode().strip(), symbols)
        daemon = _started(folder, ["run", "paper.yaml"], ending, errors=text_log)
        watched = Processes(folder, market, daemon)
        complaints = _watch(watched, samples, seconds=seconds, every_s=every_s)
        daemon.terminate()
        try:
            stopped_with = daemon.wait(STOP_S)
        except subprocess.TimeoutExpired:
            stopped_with = NOT_STOPPED
    if complaints or stopped_with:
        complaints += (f"its last words: {_last_words(folder / TEXT_LOG)}",)
    return Soak(tuple(samples), stopped_with, _verified(folder), complaints)


def _started(
    folder: Path,
    arguments: Sequence[str],
    ending: ExitStack,
    *,
    errors: BinaryIO,
    output: int | None = None,
) -> "subprocess.Popen[bytes]":
    """A process of ours, which ``ending`` kills if it still runs."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, stdout=output, stderr=errors, env=_environment()
    )
    ending.callback(process.wait)
    ending.callback(process.kill)
    return process


def _verified(folder: Path) -> str:
    """The words of ``replay verify`` about the log."""
    verified = subprocess.run(
        [*VERIFY, "paper", "--store", STORE],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    )
    return (verified.stdout + verified.stderr).strip()


def _last_words(text_log: Path) -> str:
    return " | ".join(text_log.read_text("utf-8", errors="replace").splitlines()[-3:])


def _watch(watched: Processes, samples: list[Sample], *, seconds: float, every_s: float) -> tuple[str, ...]:
    """Take samples until the time is over or the daemon has ended; returns what went wrong."""
    folder, daemon = watched.folder, watched.daemon
    began = time.monotonic()
    while not (folder / STORE / SOCKET).exists():
        if daemon.poll() is not None or time.monotonic() - began > START_S:
            return (f"the daemon did not start within {START_S:g} s",)
        time.sleep(0.1)
    began = time.monotonic()
    with (folder / "soak.jsonl").open("wb") as lines:
        while (now := time.monotonic() - began) < seconds:
            time.sleep(min(every_s, seconds - now))
            try:
                samples.append(_sample(watched, began=began))
            except (OnetapeError, OSError) as error:
                if daemon.poll() is not None:
                    return (f"the daemon ended by itself with {daemon.returncode}",)
                return (f"the daemon gives no status: {error}",)
            lines.write(msgspec.json.encode(samples[-1]) + b"\n")
            lines.flush()
    return ()


def _sample(watched: Processes, *, began: float) -> Sample:
    status = _status(watched.folder)
    snapshots = sorted((watched.folder / STORE / FOLDER).glob("*.snapshot"))
    fields = _process_fields(watched.daemon)
    return Sample(
        at_s=round(time.monotonic() - began, 1),
        memory_mb=status.memory_mb,
        tasks=status.tasks,
        files=len(os.listdir(f"/proc/{watched.daemon.pid}/fd")),
        threads=int(fields[17]),
        seq=status.seq,
        inputs=status.inputs,
        waiting_peak=status.waiting_peak,
        commit_p50_ms=round(status.commit_p50_ms, 3),
        commit_p99_ms=round(status.commit_p99_ms, 3),
        cpu_s=_cpu_s(fields),
        market_cpu_s=_cpu_s(_process_fields(watched.market)),
        reconnects=sum(source.restarts for feed in status.feeds for source in feed.sources),
        orders=len(status.orders),
        snapshot_seq=status.snapshot_seq,
        snapshot_mb=round(snapshots[-1].stat().st_size / 2**20, 2) if snapshots else 0.0,
        segments=len([*(watched.folder / STORE / "segments").glob("*.db")]),
    )


def _status(folder: Path) -> DaemonStatus:
    """Ask the daemon; a busy machine may keep it from answering in time, so it is asked again."""
    for _ in range(STATUS_TRIES - 1):
        with suppress(OnetapeError):
            return _asked(folder)
    return _asked(folder)


def _asked(folder: Path) -> DaemonStatus:
    address = DaemonAddress(socket=folder / STORE / SOCKET)
    return msgspec.json.decode(asyncio.run(get(address, "/v1/status")), type=DaemonStatus)


def _process_fields(process: "subprocess.Popen[bytes]") -> list[str]:
    """The fields of ``/proc/PID/stat`` after the name."""
    return Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()


def _cpu_s(fields: Sequence[str]) -> float:
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[3])
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}


def _write(folder: Path, url: str, symbols: int) -> None:
    """The configuration: five strategies, small segments, frequent snapshots."""
    (folder / "trade.py").write_text(STRATEGIES, "utf-8")
    names = symbol_names(symbols)
    shares = [names[number::4] for number in range(4)]
    lines = [
        *("mode: paper", f"store: {STORE}", "cash: 100000000", "instruments:"),
        *(f"  - {{symbol: {symbol}, tick_size: 0.01, lot_size: 1}}" for symbol in names),
        "strategies:",
        *(
            f'  - {{strategy: "trade.py:Trader", id: trader{number}, symbols: [{", ".join(share)}], '
            f"params: {{every: {4 + 2 * number}}}}}"
            for number, share in enumerate(shares)
        ),
        f'  - {{strategy: "trade.py:Holder", symbols: [{", ".join(names)}]}}',
        "risk: {allow_short: true, require_cash: false}",
        "feeds:",
        f'  - {{kind: websocket, name: ws, url: "{url}", {RESTARTS}}}',
        "segments: {roll_mb: 16}",
        "snapshots: {every_s: 60}",
        "disk: {warn_mb: 300, thin_mb: 200, halt_mb: 100, reserve_mb: 10}",
    ]
    (folder / "paper.yaml").write_text("\n".join(lines) + "\n", "utf-8")


def _end(number: int, frame: FrameType | None) -> None:
    """Leave through ``ExitStack``, which ends the processes."""
    del number, frame
    sys.exit(TERMINATED)


def main() -> int:
    """Run it from the command line. SIGTERM ends the processes too."""
    signal.signal(signal.SIGTERM, _end)
    parser = argparse.ArgumentParser(prog="soak", description="A daemon under load for hours.")
    parser.add_argument("hours", type=float)
    parser.add_argument("--folder", type=Path, help="kept; by default a temporary one")
    parser.add_argument("--rate", type=float, default=1_000, help="messages a second")
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--every", type=float, default=60, help="seconds between samples")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak") as temporary:
        folder: Path = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = soak(
            folder, seconds=given.hours * 3600, every_s=given.every, rate=given.rate, symbols=given.symbols
        )
    sys.stdout.write("\n".join(report(result)) + "\n")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
