"""``make bench``: measures this project and the peers in turn, prints ratios, writes docs/benchmarks.md.

python -m ops.bench --rounds 5
"""

import subprocess
import sys
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from ops.bench.document import Measured, Part, Variant, page, tables
from ops.bench.ours import StoreResult
from ops.bench.peers.environment import PEERS, Peer, PeerAbsent
from ops.bench.peers.runner import PeerResult, run_peer
from ops.tables import TableConsole

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
ResultT = TypeVar("ResultT")

FEW = Variant("few orders", 500, 2_000)
MANY = Variant("many orders", 10, 20)
ONE_MILLION, TEN_MILLION = 1_000_000, 10_000_000
SEED = 1


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Runs of each engine; the best counts.")
@click.option(
    "--large/--no-large",
    default=True,
    show_default=True,
    help="Also replay ten million quotes, and start on as many.",
)
@click.option("--depth", type=click.Path(exists=True, dir_okay=False), help="Depth file to build books from.")
@click.option("--write/--no-write", default=True, show_default=True, help="Write docs/benchmarks.md.")
def bench(rounds: int, *, large: bool, depth: str | None, write: bool) -> None:
    """Measure append, read, replay, memory and imports, in turn with the peers; then single parts."""
    console = TableConsole(stderr=True)
    measured = Measured(rounds=rounds)
    for number in range(1, rounds + 1):
        for durability in ("full", "normal"):
            measured.stores.append(
                _ours(StoreResult, "store", "--count", str(ONE_MILLION), "--durability", durability)
            )
        for variant in (FEW, MANY):
            console.print(f"round {number} of {rounds}: {variant.name}")
            measured.runs.append((variant, _replay(variant, ONE_MILLION)))
            for peer in PEERS:
                _measure_peer(measured, peer, variant, console=console)
    if large:
        for variant in (FEW, MANY):
            console.print(f"ten million quotes: {variant.name}")
            measured.large.append((variant, _replay(variant, TEN_MILLION)))
    measured.import_ms = _ours(dict[str, float], "imports")["milliseconds"]
    for open_orders in ("0", "200", "1000"):
        measured.parts.append(_part("risk_check", "--open-orders", open_orders))
    for streams in ("1000", "10000", "100000"):
        measured.parts.append(_part("many_streams", "--streams", streams))
    measured.parts.append(_part("feeds"))
    for live in (
        ("feed",),
        ("feed", "--all-symbols"),
        ("feed", "--batch", "1"),
        ("posted",),
        ("held", "--seconds", "60" if large else "10"),
    ):
        measured.parts.append(_part("live", *live))
    measured.parts.append(_part("restart", "--count", str(TEN_MILLION if large else ONE_MILLION)))
    measured.parts.append(_part("going_back", "--count", str(TEN_MILLION if large else ONE_MILLION)))
    if depth is not None:
        measured.parts.append(_part("books", depth))
    for table in tables(measured):
        TableConsole().print(table)
    for part in measured.parts:
        TableConsole().print(f"{part.command}\n{part.output}\n")
    if write:
        DOCUMENT.write_text(page(measured), encoding="utf-8")
        console.print(f"written: {DOCUMENT.name}")


def _measure_peer(measured: Measured, peer: Peer, variant: Variant, *, console: TableConsole) -> None:
    count = peer.few_count if variant is FEW else peer.many_count
    outcome = run_peer(peer.name, count, fast=variant.fast, slow=variant.slow, seed=SEED)
    if isinstance(outcome, PeerAbsent):
        console.print(f"{peer.title}: left out: {outcome.reason}")
        measured.absent[peer.title] = outcome.reason
    else:
        measured.runs.append((variant, outcome))


def _replay(variant: Variant, count: int) -> PeerResult:
    sizes = ("--count", str(count), "--fast", str(variant.fast), "--slow", str(variant.slow))
    return _ours(PeerResult, "replay", *sizes, "--seed", str(SEED))


def _part(name: str, *arguments: str) -> Part:
    """Run one of the small benchmarks, and keep its output."""
    words = ["python", "-m", f"ops.bench.{name}", *arguments]
    done = subprocess.run([sys.executable, *words[1:]], check=True, stdout=subprocess.PIPE, text=True)
    return Part(" ".join(words), done.stdout.rstrip())


def _ours(kind: type[ResultT], *arguments: str) -> ResultT:
    command = [sys.executable, "-m", "ops.bench.ours", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=kind)


if __name__ == "__main__":
    bench()
