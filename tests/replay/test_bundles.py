"""A bundle of a run or live log reproduces in an empty store, and nothing else passes for it."""

import asyncio
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from eventstore import Durability, EventStore, MemoryEventStore, open_store
from kernel.errors import InputError, OnetapeError, ReplayDiverged, StrategyRefused
from kernel.events import OrderFilled
from kernel.secret import Secret
from replay.backtesting import run_and_record
from replay.bundles.making import BundleSettings, make_bundle, stage
from replay.bundles.manifest import MANIFEST, Manifest
from replay.bundles.packing import open_bundle
from replay.bundles.reproducing import reproduce, unpack_bundle
from replay.config import ReplayConfig
from replay.planning import plan_run
from strategies.sdk.loading import load_strategy
from tests.ops.commands import ROOT
from tests.replay.altered_runs import rewritten
from tests.replay.commands import replay
from tests.replay.market import walk
from tests.replay.past_logs import log_of_three_sessions, run_of_two_symbols
from tests.replay.playing import Record, read_records, store_of
from tests.replay.test_golden_log import LOGS, copied

STRATEGY = "strategies.ma_cross:MovingAverageCross"
PARAMS = {"fast": 3, "slow": 8}
OTHERS = sorted(Path.home().glob(".*/versions/3.1[1-3].*/bin/python"), reverse=True)
"""Pythons beside the system's, as managers of versions keep them."""


async def crossed(params: Mapping[str, object] = PARAMS) -> tuple[MemoryEventStore, str]:
    """A run of a strategy that the linter knows."""
    store = await store_of(a_1d=walk("AAPL", 80, seed=3))
    loaded = [load_strategy(STRATEGY, params)]
    plan = await plan_run(store, ReplayConfig(streams=("a.1d",)), loaded=loaded)
    return store, await run_and_record(store, plan)


async def on_disk(folder: Path) -> tuple[Path, str]:
    """The same in a file."""
    store, run = await crossed()
    path = folder / "market.db"
    async with await open_store(path, durability=Durability.NORMAL) as written:
        await stage(store, run, written)
    return path, run


async def played(path: Path, *, is_trusted: bool = True) -> tuple[EventStore, Manifest]:
    """The bundle in an empty store, after it was reproduced there."""
    store = MemoryEventStore()
    unpacked = await unpack_bundle(path, store)
    await reproduce(store, unpacked, is_trusted=is_trusted)
    return store, unpacked.manifest


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def repacked(path: Path, changes: Mapping[str, bytes], *, is_declared: bool = True) -> Path:
    """The bundle with other files, which its manifest names unless that is not wanted."""
    target = path.with_name("repacked.bundle")
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()} | dict(changes)
    manifest = json.loads(files[MANIFEST])
    if is_declared:
        for one in manifest["files"]:
            data = files[one["name"]]
            one["bytes"], one["sha256"] = len(data), sha256(data).hexdigest()
        files[MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target


@pytest.mark.parametrize("is_live", [False, True])
async def test_a_bundle_reproduces_in_an_empty_store_with_the_hashes_of_the_original(
    is_live: bool, tmp_path: Path
) -> None:
    store, log = await (log_of_three_sessions() if is_live else run_of_two_symbols())

    written = await make_bundle(store, log, tmp_path / "one.bundle", now_ts=1)
    other, manifest = await played(written.path)

    assert manifest.expected is not None
    assert manifest.is_live == is_live
    assert (await other.head(log)).block_hash == (await store.head(log)).block_hash
    assert names_in(tmp_path) == ["one.bundle"]


@pytest.mark.slow
@pytest.mark.parametrize("log", LOGS, ids=[log.stem for log in LOGS])
async def test_a_log_of_every_version_can_be_bundled(log: Path, tmp_path: Path) -> None:
    async with await open_store(copied(log, tmp_path), read_only=True) as store:
        run = next(one.stream for one in await store.streams() if one.stream.startswith("run."))
        written = await make_bundle(store, run, tmp_path / "one.bundle", now_ts=1)
        head = await store.head(run)

    other, _ = await played(written.path)

    assert await other.head(run) == head


async def test_a_part_of_a_live_log_ends_with_the_block_of_its_last_record(tmp_path: Path) -> None:
    store, log = await log_of_three_sessions()
    settings = BundleSettings(to_seq=120)

    written = await make_bundle(store, log, tmp_path / "part.bundle", now_ts=1, settings=settings)
    other, _ = await played(written.path)

    last = (await other.head(log)).seq
    assert 120 <= last < (await store.head(log)).seq
    assert await other.block_hash(log, last) == await store.block_hash(log, last)


async def test_only_a_part_of_a_live_log_can_be_taken(tmp_path: Path) -> None:
    store, run = await crossed()

    with pytest.raises(InputError, match="a part can be taken of a live log alone"):
        await make_bundle(store, run, tmp_path / "x.bundle", now_ts=1, settings=BundleSettings(to_ts=5))


async def test_a_run_that_cannot_be_reproduced_is_refused_or_says_so(tmp_path: Path) -> None:
    store, run = await crossed()
    records = await read_records(store, run)
    place = next(n for n, one in enumerate(records) if isinstance(one.event, OrderFilled))
    wrong = msgspec.structs.replace(records[place].event, currency="EUR")
    other = await rewritten(
        store, run, [*records[:place], Record(wrong, records[place].cause), *records[place + 1 :]]
    )
    path = tmp_path / "x.bundle"

    with pytest.raises(ReplayDiverged):
        await make_bundle(other, run, path, now_ts=1)
    assert not names_in(tmp_path)
    await make_bundle(other, run, path, now_ts=1, settings=BundleSettings(keeps_diverged=True))

    with open_bundle(path) as reader:
        assert "OrderFilled" in reader.manifest.divergence
    with pytest.raises(ReplayDiverged):
        await played(path)


async def test_any_changed_byte_is_found_and_its_file_is_named(tmp_path: Path) -> None:
    store, run = await crossed()
    path = (await make_bundle(store, run, tmp_path / "one.bundle", now_ts=1)).path
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        begins = {one.filename: one.header_offset + 30 + len(one.filename) + 20 for one in archive.infolist()}

    for name, begin in begins.items():
        changed = bytearray(data)
        changed[begin + 5] ^= 0x40
        path.write_bytes(changed)
        with pytest.raises(InputError, match=rf"{name} was changed|{MANIFEST}"):
            await unpack_bundle(path, MemoryEventStore())


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("code/1-ma_cross.py", b"print('harmless')", "code/1-ma_cross.py is not the text that its log holds"),
        ("streams/1.blocks", b"", "stream 'a.1d' was changed: expected 80 events"),
        ("streams/1.blocks", b"\0\0\0\1\xc0", "this is no block"),
        ("streams/1.blocks", b"\xff\xff\xff\xff", "the file ends inside a block"),
    ],
)
async def test_a_manifest_that_fits_other_files_does_not_help(
    name: str, data: bytes, sentence: str, tmp_path: Path
) -> None:
    store, run = await crossed()
    path = (await make_bundle(store, run, tmp_path / "one.bundle", now_ts=1)).path

    with pytest.raises(OnetapeError, match=sentence):
        await unpack_bundle(repacked(path, {name: data}), MemoryEventStore())


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "code/../../evil", "code\\evil", "code/more.py"])
async def test_a_file_that_leads_elsewhere_or_is_not_declared_is_refused(name: str, tmp_path: Path) -> None:
    store, run = await crossed()
    path = (await make_bundle(store, run, tmp_path / "one.bundle", now_ts=1)).path

    with pytest.raises(InputError, match=r"is no name of a file in a bundle|is not in the manifest"):
        await unpack_bundle(repacked(path, {name: b"x"}, is_declared=False), MemoryEventStore())


async def test_a_bundle_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.bundle"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("streams/1.blocks", bytes(3 << 20))

    with pytest.raises(InputError, match="unpacked it has 3 MB; expected at most 2"):
        await unpack_bundle(bomb, MemoryEventStore(), limit_mb=2)


async def test_code_that_the_linter_refuses_is_not_run(tmp_path: Path) -> None:
    store, log = await log_of_three_sessions()  # its strategies are in a module of tests
    path = (await make_bundle(store, log, tmp_path / "one.bundle", now_ts=1)).path

    with pytest.raises(StrategyRefused, match=r"tests/replay/test_changed_sessions\.py:"):
        await played(path, is_trusted=False)


async def test_a_secret_in_the_log_is_found_and_nothing_is_written(tmp_path: Path) -> None:
    store, run = await crossed()
    secrets = {"feed_password": Secret("a value that is nowhere"), "short": Secret("a")}

    assert (await make_bundle(store, run, tmp_path / "clean.bundle", now_ts=1, secrets=secrets)).bytes > 0
    (tmp_path / "clean.bundle").unlink()
    secrets["venue_key"] = Secret("MovingAverageCross")
    with pytest.raises(InputError, match="would hold the secret 'venue_key'"):
        await make_bundle(store, run, tmp_path / "x.bundle", now_ts=1, secrets=secrets)

    assert not names_in(tmp_path)


WITH_A_KEY = """
from strategies.sdk import Bar, Decisions, Strategy, StrategyParams, StrategyState, buy


class Params(StrategyParams, frozen=True):
    key: str


class Keyed(Strategy[Params, StrategyState]):
    def on_bar(self, bar: Bar) -> Decisions:
        return buy(bar.symbol, 1)
"""


@pytest.mark.parametrize("value", ['pass"word\\1', "pass'word", "pässwörd"])
async def test_a_secret_is_found_as_json_writes_it(value: str, tmp_path: Path) -> None:
    """Parameters are JSON in a text of the log, where a quote has a backslash before it."""
    file = tmp_path / "keyed.py"
    file.write_text(WITH_A_KEY)
    store = await store_of(a_1d=walk("AAPL", 3, seed=3))
    loaded = [load_strategy(f"{file}:Keyed", {"key": value})]
    run = await run_and_record(store, await plan_run(store, ReplayConfig(streams=("a.1d",)), loaded=loaded))
    secrets = {"key": Secret(value)}

    with pytest.raises(InputError, match="would hold the secret 'key'"):
        await make_bundle(store, run, tmp_path / "x.bundle", now_ts=1, secrets=secrets)

    assert names_in(tmp_path) == ["keyed.py"]


async def test_a_bundle_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    store, run = await crossed()
    path = tmp_path / "x.bundle"
    path.with_name("x.bundle.partial").mkdir()

    with pytest.raises(InputError, match="cannot be written"):
        await make_bundle(store, run, path, now_ts=1)

    assert not path.exists()


def test_the_commands_export_show_and_run_a_bundle(tmp_path: Path) -> None:
    store, run = asyncio.run(on_disk(tmp_path))
    bundle, kept = tmp_path / "one.bundle", tmp_path / "kept.db"

    made = replay("bundle", run, "--store", store, "--out", bundle)
    shown = replay("bundle", "show", bundle)
    told = replay("bundle", "run", bundle, "--store", kept)
    again = replay("bundle", run, "--store", store, "--out", bundle)
    missing = replay("bundle", "run", tmp_path / "none.bundle")

    assert (made.exit_code, shown.exit_code, told.exit_code, again.exit_code) == (0, 0, 0, 1)
    assert "played again before it was written" in made.stdout
    assert STRATEGY not in shown.stdout
    assert told.stdout.splitlines()[-1].startswith("reproduced: ")
    assert f"runs the code in {bundle}" in told.stderr
    assert replay("verify", run, "--store", kept).exit_code == 0
    assert again.stderr == f"replay: there is a file {bundle} already\n"
    assert (missing.exit_code, missing.stderr) == (
        1,
        f"replay: there is no bundle at {tmp_path}/none.bundle\n",
    )


@pytest.mark.slow
def test_a_bundle_reproduces_under_another_python(tmp_path: Path) -> None:
    """In an environment of its own, with this checkout installed, in an empty folder."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}."
    others = [one for one in OTHERS if one.is_file() and here not in one.parents[1].name]
    if not others:
        pytest.skip("there is no other Python here")
    store, run = asyncio.run(on_disk(tmp_path))
    bundle, folder = tmp_path / "one.bundle", tmp_path / "empty"
    folder.mkdir()
    assert replay("bundle", run, "--store", store, "--out", bundle).exit_code == 0
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "tests", "docs"))
    subprocess.run([str(others[0]), "-m", "venv", str(tmp_path / "venv")], check=True, timeout=300)
    environment = tmp_path / "venv" / "bin"
    installed = subprocess.run(
        [str(environment / "pip"), "install", "-q", str(source)],
        check=False,
        capture_output=True,
        timeout=900,
    )
    if installed.returncode:
        pytest.skip(f"pip cannot install here: {installed.stderr.decode()[-300:]}")

    told = subprocess.run(
        [str(environment / "replay"), "bundle", "run", str(bundle)],
        cwd=folder,
        env={"PATH": str(environment), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert (told.returncode, told.stdout.splitlines()[-1][:12]) == (0, "reproduced: ")
    assert f"Python {sys.version.split()[0]} there" in told.stderr
