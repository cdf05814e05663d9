"""A disk that takes long to sync, or cannot: real processes, with a library before the C library's calls."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstore import open_store
from kernel.errors import VenueUnavailable
from replay.verification import verify_run
from tests.ops.daemon.processes import PATIENCE_S, Daemon, Forks, exchange
from tests.ops.daemon.worlds import write_world

CC = shutil.which("cc")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CC is None, reason="there is no C compiler")]


class Disk:
    """What happens to each sync of a process that was forked by ``forks``."""

    def __init__(self, control: Path, forks: Forks) -> None:
        self.forks = forks
        self._control = control

    def takes(self, ms: int) -> None:
        self._control.write_text(str(ms), "utf-8")

    def fails(self) -> None:
        self._control.write_text("error", "utf-8")


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    folder = tmp_path_factory.mktemp("disk")
    library, source = folder / "slow_disk.so", Path(__file__).with_name("slow_disk.c")
    subprocess.run([str(CC), "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("ONETAPE_TEST_DISK", str(folder / "disk"))
    with Forks() as forks:
        monkeypatch.delenv("LD_PRELOAD")
        yield Disk(folder / "disk", forks)


async def length_of_verified(path: Path) -> int:
    async with await open_store(path, read_only=True) as store:
        assert await store.verify("paper") is None
        await verify_run(store, "paper")
        return (await store.head("paper")).seq


async def test_slow_disk_makes_larger_batches_and_nothing_else(disk: Disk, tmp_path: Path) -> None:
    with exchange(disk.forks, tmp_path, "--symbols", "4", "--rate", "1000") as url:
        write_world(tmp_path, url)
        daemon = Daemon(disk.forks, tmp_path).started()
        disk.takes(100)
        before = await daemon.status()
        slow = await daemon.until(lambda status: status.inputs > before.inputs + 1_000)
        assert daemon.stop() == 0, daemon.complaint

    assert (slow.inputs - before.inputs) / (slow.steps - before.steps) > 5
    assert await length_of_verified(daemon.store) >= slow.seq


async def test_disk_that_cannot_sync_ends_it_and_nothing_acknowledged_is_lost(
    disk: Disk, tmp_path: Path
) -> None:
    with exchange(disk.forks, tmp_path, "--symbols", "4", "--rate", "1000") as url:
        write_world(tmp_path, url)
        daemon = Daemon(disk.forks, tmp_path).started()
        seq = (await daemon.until(lambda status: status.seq > 200)).seq
        disk.fails()
        while not daemon.ended_within(0.01):
            try:
                seq = max(seq, (await daemon.status()).seq)
            except VenueUnavailable:
                break
        assert daemon.ended_within(PATIENCE_S)
        code, complaint = daemon.ended(), daemon.complaint
        disk.takes(0)
        again = Daemon(disk.forks, tmp_path).started()
        assert again.stop() == 0, again.complaint

    assert code == 1, complaint
    assert "Traceback" not in complaint
    assert "paper.tape/segments/000001.db" in complaint.strip().splitlines()[-1]
    assert await length_of_verified(daemon.store) >= seq
