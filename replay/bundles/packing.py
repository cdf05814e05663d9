"""The file of a bundle: a zip archive, written from a store, and read without trusting it.

Reading unpacks nothing to a path: the manifest names all files, streams go into a store block by block, and
texts are compared. So a name in the archive can lead nowhere. Before that, each file is read once to its
declared end, and its size and SHA-256 are compared.
"""

import re
import zipfile
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

import msgspec

from eventstore import EventStore, StreamInfo
from eventstore.block_copies import append_blocks, framed, read_blocks, records_in
from eventstore.stream_keys import is_name
from kernel.errors import InputError, StoreError
from replay.bundles.manifest import MANIFEST, BundledFile, BundledStream, Manifest, decoded

DEFAULT_LIMIT_MB = 4_096
"""Most megabytes of a bundle after unpacking, unless told otherwise."""

_MANIFEST_LIMIT = 4 << 20
_TEXT_LIMIT = 64 << 20
_MOST_FILES = 10_000
_CHUNK = 1 << 20
_NAME = re.compile(r"(streams|code|config)/[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the archive, so that equal content makes equal bytes."""


class PackedFiles(msgspec.Struct, frozen=True):
    """What was written so far: the files, and the streams that are in some of them."""

    streams: tuple[BundledStream, ...]
    files: tuple[BundledFile, ...]


class BundleWriter:
    """Writes a bundle: the streams and texts first, the manifest at the end."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    async def write(
        self, store: EventStore, infos: Sequence[StreamInfo], texts: Mapping[str, bytes]
    ) -> PackedFiles:
        """Write these streams of a store, each whole, and these texts by name."""
        files: list[BundledFile] = []
        streams: list[BundledStream] = []
        for number, info in enumerate(infos, start=1):
            name = f"streams/{number}.blocks"
            files.append(await self._stream(store, info, name))
            streams.append(BundledStream(info.stream, name, info.last_seq, info.head_hash))
        for name, data in texts.items():
            with self._open(name) as file:
                file.write(data)
            files.append(BundledFile(name, len(data), sha256(data).hexdigest()))
        return PackedFiles(tuple(streams), tuple(files))

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest."""
        with self._open(MANIFEST) as file:
            file.write(msgspec.json.format(msgspec.json.encode(manifest)))

    async def _stream(self, store: EventStore, info: StreamInfo, name: str) -> BundledFile:
        digest, size = sha256(), 0
        with self._open(name) as file:
            async for record in read_blocks(store, info.stream, to_seq=info.last_seq):
                data = framed(record)
                digest.update(data)
                size += len(data)
                file.write(data)
        return BundledFile(name, size, digest.hexdigest())

    def _open(self, name: str) -> IO[bytes]:
        entry = zipfile.ZipInfo(name, date_time=_LONG_AGO)
        entry.compress_type = zipfile.ZIP_DEFLATED
        return self._archive.open(entry, "w", force_zip64=True)


class BundleReader:
    """Reads a bundle whose manifest names exactly the files in it. See ``open_bundle``."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest, path: Path, fingerprint: str) -> None:
        self.manifest = manifest
        self.fingerprint = fingerprint
        self._archive = archive
        self._path = path

    def check(self) -> None:
        """Compare size and SHA-256 of each file. Raises ``InputError`` with the first that is wrong."""
        for declared in self.manifest.files:
            digest, size = sha256(), 0
            for chunk in self.chunks(declared.name):
                digest.update(chunk)
                size += len(chunk)
            if (size, digest.hexdigest()) != (declared.bytes, declared.sha256):
                raise InputError(
                    f"{self._path}: {declared.name} was changed: expected {declared.bytes} bytes with "
                    f"SHA-256 {declared.sha256[:16]}..., found {size} with {digest.hexdigest()[:16]}..."
                )

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file in pieces. Raises ``InputError`` if they cannot be unpacked."""
        with self._reading(name) as file:
            while data := file.read(_CHUNK):
                yield data

    def text(self, name: str) -> bytes:
        """A whole small file."""
        return b"".join(self.chunks(name))

    async def unpack(self, store: EventStore) -> None:
        """Append all streams to a store that has none of them.

        Raises ``StoreDamaged`` for what cannot be an event, and ``InputError`` for a stream that does not
        have the hash in the manifest.
        """
        for each in self.manifest.streams:
            with self._reading(each.file) as file:
                head = await append_blocks(store, each.stream, records_in(file, name=each.stream))
            if (head.seq, head.block_hash.hex()) != (each.last_seq, each.head_hash):
                raise InputError(
                    f"{self._path}: stream {each.stream!r} was changed: expected {each.last_seq} events "
                    f"with the hash {each.head_hash[:16]}..., found {head.seq} with "
                    f"{head.block_hash.hex()[:16]}..."
                )

    @contextmanager
    def _reading(self, name: str) -> Generator[IO[bytes]]:
        try:
            with self._archive.open(name) as file:
                yield file
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise InputError(f"{self._path}: {name} was changed: it cannot be unpacked: {error}") from error


@contextmanager
def open_bundle(path: Path, *, limit_mb: int = DEFAULT_LIMIT_MB) -> Generator[BundleReader]:
    """Open a bundle, and check its names and declared sizes. Raises ``InputError`` with the first wrong one.

    ``limit_mb``: most megabytes of all its files. What is read never exceeds a declared size.
    """
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise InputError(f"there is no bundle at {path}") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path} is no bundle: {error}") from error
    with archive:
        entries = archive.infolist()
        _check_entries(path, entries, limit_mb=limit_mb)
        try:
            data = archive.read(MANIFEST)
        except KeyError:
            raise InputError(f"{path} is no bundle: it has no {MANIFEST}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise InputError(f"{path}: {MANIFEST} was changed: it cannot be unpacked: {error}") from error
        manifest = decoded(data, file=str(path))
        _check_manifest(path, manifest, entries)
        yield BundleReader(archive, manifest, path, sha256(data).hexdigest())


def _check_entries(path: Path, entries: Sequence[zipfile.ZipInfo], *, limit_mb: int) -> None:
    if len(entries) > _MOST_FILES:
        raise InputError(f"{path}: it holds {len(entries):,} files; expected at most {_MOST_FILES:,}")
    for entry in entries:
        if entry.filename != MANIFEST and not _NAME.fullmatch(entry.filename):
            raise InputError(
                f"{path}: {entry.filename!r} is no name of a file in a bundle; expected {MANIFEST} or one in "
                "streams, code or config"
            )
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"{path}: {entry.filename} is packed in a way that no bundle is")
        limit = _MANIFEST_LIMIT if entry.filename == MANIFEST else _TEXT_LIMIT
        if not entry.filename.startswith("streams/") and entry.file_size > limit:
            raise InputError(
                f"{path}: {entry.filename} has {entry.file_size:,} bytes; expected at most {limit:,}"
            )
    total = sum(entry.file_size for entry in entries)
    if total > limit_mb << 20:
        raise InputError(
            f"{path}: unpacked it has {total >> 20:,} MB; expected at most {limit_mb:,} (--limit-mb)"
        )


def _check_manifest(path: Path, manifest: Manifest, entries: Sequence[zipfile.ZipInfo]) -> None:
    held = sorted(entry.filename for entry in entries if entry.filename != MANIFEST)
    named = sorted(file.name for file in manifest.files)
    for name in sorted(set(held) ^ set(named)):
        what = "is not in the manifest" if name in held else "is missing"
        raise InputError(f"{path}: {name} {what}")
    if len(held) != len(set(held)) or len(entries) != len(held) + 1:
        raise InputError(f"{path}: a file is in it twice")
    names = [each.stream for each in manifest.streams]
    if len(set(names)) != len(names) or manifest.stream not in names:
        raise InputError(f"{path}: {MANIFEST}: streams: expected each once, with {manifest.stream!r}")
    for each in manifest.streams:
        if not is_name(each.stream) or each.file not in named or not each.file.startswith("streams/"):
            raise InputError(f"{path}: {MANIFEST}: streams: {each.stream!r} in {each.file!r} is wrong")


async def copy_stream(source: EventStore, target: EventStore, stream: str, *, to_seq: int) -> StreamInfo:
    """Copy the blocks of a stream up to the one that holds ``to_seq``; returns what was copied.

    Raises ``StoreError`` if the copy has other hashes.
    """
    head = await append_blocks(target, stream, read_blocks(source, stream, to_seq=to_seq))
    if head.block_hash != await source.block_hash(stream, head.seq):
        raise StoreError(f"stream {stream!r}: the copy does not have the hashes of the original")
    (info,) = await target.streams((stream,))
    return info
