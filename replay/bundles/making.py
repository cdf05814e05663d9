"""Makes a bundle: copies what a run or live log needs, plays it again, and writes one file.

What is played for the check is the copy, not the original. So a bundle that was written is complete.
"""

import os
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from eventstore import Durability, EventStore, Selection, open_store
from eventstore.recorded_data import recorded_data
from eventstore.stream_keys import FACTS_SUFFIX
from kernel.decimals import exact
from kernel.errors import InputError, ReplayDiverged, StreamMissing
from kernel.secret import Secret
from replay.bundles.anonymising import Anonymised, anonymised
from replay.bundles.code import code_in
from replay.bundles.manifest import FORMAT, MANIFEST, Expected, Manifest, Scaled, present_versions
from replay.bundles.packing import BundleReader, BundleWriter, PackedFiles, copy_stream, open_bundle
from replay.bundles.scales import Scales
from replay.record import read_record
from replay.verification import verify_run
from replay.written_files import check_folder
from replay.yaml_files.secret_texts import is_secret_text

_SHORTEST_SECRET = 4
"""Letters of a secret that is looked for: shorter ones are in every text."""


class BundleSettings(msgspec.Struct, frozen=True):
    """How a bundle is made.

    - ``to_seq``, ``to_ts``: the last record of a live log; the block that holds it is the last one.
    - ``scales``: makes an anonymised bundle.
    - ``keeps_diverged``: a run that cannot be reproduced is written too, and the manifest says so.
    - ``limit_mb``: most megabytes before compression.
    """

    to_seq: int | None = None
    to_ts: int | None = None
    scales: Scales | None = None
    keeps_diverged: bool = False
    limit_mb: int = 1 << 20


class MadeBundle(msgspec.Struct, frozen=True):
    """A bundle that was written.

    - ``fingerprint``: the SHA-256 of its manifest, which covers all of it.
    - ``likenesses``: words in an anonymised bundle that are like a name of the original.
    """

    path: Path
    manifest: Manifest
    fingerprint: str
    bytes: int
    likenesses: tuple[str, ...] = ()


@exact
async def make_bundle(
    store: EventStore,
    stream: str,
    path: Path,
    *,
    now_ts: int,
    settings: BundleSettings | None = None,
    secrets: Mapping[str, Secret] | None = None,
) -> MadeBundle:
    """Write a bundle of a run or live log to a new file.

    - ``now_ts``: the time in the manifest.
    - ``secrets``: values by name that may not be in the file. They are looked for in all of its bytes.

    Raises ``ReplayDiverged`` for a run that cannot be reproduced, and ``InputError`` for a file that exists,
    for a secret in it, and for what cannot be anonymised. Then nothing is written.
    """
    wanted = settings or BundleSettings()
    _refuse_existing(path)
    with TemporaryDirectory(prefix="onetape-bundle-") as folder:
        copied, checked = Path(folder, "copied.db"), Path(folder, "checked.bundle")
        made: Anonymised | None = None
        async with await open_store(copied, durability=Durability.NORMAL) as staged:
            await stage(store, stream, staged, settings=wanted)
            if wanted.scales is None:
                await _write(staged, stream, checked, await _manifest(staged, stream, now_ts, wanted))
            else:
                await verify_run(staged, stream)
                made = await anonymised(staged, stream, Path(folder), scales=wanted.scales)
        if made is not None:
            async with await open_store(made.path, read_only=True) as other:
                manifest = await _manifest(other, made.stream, now_ts, wanted, scaled=made.scaled)
                await _write(other, made.stream, checked, manifest)
        with open_bundle(checked, limit_mb=wanted.limit_mb) as reader:
            reader.check()
            _refuse_secrets(reader, secrets or {})
            likenesses: tuple[str, ...] = ()
            if made is not None:
                made.refuse_remains(reader)
                likenesses = made.likenesses(reader)
            manifest, fingerprint = reader.manifest, reader.fingerprint
        return MadeBundle(path, manifest, fingerprint, _place(checked, path), likenesses)


def _refuse_existing(path: Path) -> None:
    check_folder(path, what="bundle")
    if path.exists():
        raise InputError(f"there is a file {path} already")


def _place(checked: Path, path: Path) -> int:
    """Copy a file that was checked to its place, whole or not at all; returns its bytes. Replaces no file."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        shutil.copyfile(checked, partial)
        try:
            os.link(partial, path)  # unlike a rename, it fails if there is a file
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            _refuse_existing(path)
            partial.rename(path)
        return checked.stat().st_size
    except FileExistsError:
        raise InputError(f"there is a file {path} already") from None
    except OSError as error:
        raise InputError(f"bundle {path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


async def stage(
    store: EventStore, stream: str, target: EventStore, *, settings: BundleSettings | None = None
) -> None:
    """Copy a run with its data and their facts, or a live log, to a store without streams.

    Data are copied from the beginning of their streams, because their hashes cover all that comes before.
    Raises ``StreamMissing`` for what is not in the store.
    """
    wanted = settings or BundleSettings()
    record = await read_record(store, stream)
    sources = record.started.sources
    if sources and (wanted.to_seq is not None or wanted.to_ts is not None):
        raise InputError(
            f"{stream}: a part can be taken of a live log alone; this is a run over data streams"
        )
    data = await recorded_data(store, sources)
    for lost in data.lost:
        raise StreamMissing(f"{stream} cannot be bundled: {lost}")
    ends = {source.stream: source.last_seq for source in sources}
    for source in sources:
        ends[source.stream] = max(ends[source.stream], source.last_seq)
    for facts in [f"{name}{FACTS_SUFFIX}" for name in ends]:
        if end := (await data.store.head(facts)).seq:
            ends.setdefault(facts, end)
    for name, end in ends.items():
        await copy_stream(data.store, target, name, to_seq=end)
    await copy_stream(store, target, stream, to_seq=await _end(store, stream, wanted))


async def _end(store: EventStore, stream: str, settings: BundleSettings) -> int:
    """The last record to take."""
    last = (await store.head(stream)).seq
    if settings.to_seq is not None:
        return min(last, settings.to_seq)
    if settings.to_ts is None:
        return last
    end = 0
    async with aclosing(store.read(stream, Selection(to_ts=settings.to_ts))) as batches:
        async for batch in batches:
            end = batch.seqs[-1]
    if not end:
        raise InputError(f"{stream}: there is no record up to that time")
    return end


async def _manifest(
    store: EventStore, stream: str, now_ts: int, settings: BundleSettings, *, scaled: Scaled | None = None
) -> Manifest:
    """The manifest without streams and files, after the run was played."""
    record = await read_record(store, stream)
    expected, divergence = None, ""
    try:
        verified = await verify_run(store, stream)
        expected = Expected(verified.input_count, verified.derived_count, verified.digest)
    except ReplayDiverged as diverged:
        if not settings.keeps_diverged:
            raise
        divergence = str(diverged)
    return Manifest(
        format=FORMAT,
        stream=stream,
        is_live=record.log is not None,
        made_ts=now_ts,
        versions=present_versions(),
        streams=(),
        files=(),
        expected=expected,
        divergence=divergence,
        scaled=scaled,
    )


async def _write(store: EventStore, stream: str, path: Path, manifest: Manifest) -> None:
    """Write all streams of a store, and the texts of one."""
    texts = (await code_in(store, stream)).texts()
    with zipfile.ZipFile(path, "w") as archive:
        writer = BundleWriter(archive)
        packed: PackedFiles = await writer.write(store, await store.streams(), texts)
        writer.finish(msgspec.structs.replace(manifest, streams=packed.streams, files=packed.files))


def _refuse_secrets(reader: BundleReader, secrets: Mapping[str, Secret]) -> None:
    """Raise ``InputError`` for a file that holds a secret, or a text that looks like one."""
    forms = {name: found for name, secret in secrets.items() if (found := _forms(secret.reveal()))}
    longest = max((len(form) for found in forms.values() for form in found), default=1)
    for file in (*(one.name for one in reader.manifest.files), MANIFEST):  # which may quote a difference
        kept = b""
        for chunk in reader.chunks(file):
            window = kept + chunk
            for name, found in forms.items():
                if any(form in window for form in found):
                    raise InputError(
                        f"{file} would hold the secret {name!r}; nothing was written. The log "
                        "itself holds it: change the secret, and remove it from code, parameters and texts"
                    )
            kept = window[-longest:]
        if not file.startswith("streams/") and is_secret_text(reader.text(file).decode()):
            raise InputError(
                f"{file} would hold a private key, or an address with a password; nothing was written"
            )


def _forms(value: str) -> frozenset[bytes]:
    """A secret as it is, as JSON writes it, and as Python does; nothing for one that is in every text."""
    if len(value.encode()) < _SHORTEST_SECRET:
        return frozenset()
    return frozenset({value.encode(), msgspec.json.encode(value)[1:-1], repr(value)[1:-1].encode()})
