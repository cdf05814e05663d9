"""Plays a bundle: unpacks it into a store, runs the code in it, and compares every event with the record."""

from pathlib import Path

import msgspec

from eventstore import EventStore
from kernel.decimals import exact
from kernel.errors import InputError
from replay.bundles.code import CodeInLog, code_in, refuse_unsafe
from replay.bundles.manifest import Expected, Manifest
from replay.bundles.packing import DEFAULT_LIMIT_MB, open_bundle
from replay.run_reading import ReadRun, read_run
from replay.verification import Verified, verify_run


class Unpacked(msgspec.Struct, frozen=True):
    """A bundle in a store. ``code``: what a replay runs."""

    path: Path
    manifest: Manifest
    fingerprint: str
    code: CodeInLog


class Reproduced(msgspec.Struct, frozen=True, eq=False):
    """A bundle that was played, with the results of its run."""

    verified: Verified
    read: ReadRun


async def unpack_bundle(path: Path, store: EventStore, *, limit_mb: int = DEFAULT_LIMIT_MB) -> Unpacked:
    """Check a bundle and append its streams to a store that has none of them. No code is run.

    Raises ``InputError`` naming the file whose bytes are not those that were written, and ``StoreDamaged``
    for a stream that cannot be one.
    """
    with open_bundle(path, limit_mb=limit_mb) as reader:
        manifest = reader.manifest
        reader.check()
        await reader.unpack(store)
        code = await code_in(store, manifest.stream)
        texts = code.texts()
        named = {file.name for file in manifest.files if not file.name.startswith("streams/")}
        for name in sorted(named | set(texts)):
            if name not in named or texts.get(name) != reader.text(name):
                raise InputError(f"{path}: {name} is not the text that its log holds")
        return Unpacked(path, manifest, reader.fingerprint, code)


@exact
async def reproduce(store: EventStore, unpacked: Unpacked, *, is_trusted: bool = False) -> Reproduced:
    """Run the code of an unpacked bundle over its inputs, and compare every derived event.

    The code is linted first, unless it ``is_trusted``. The linter finds mistakes and is not a sandbox.

    Raises ``StrategyRefused`` for code that the linter refuses, ``ReplayDiverged`` with the first difference,
    and ``InputError`` for a result that is not that in the manifest.
    """
    if not is_trusted:
        refuse_unsafe(unpacked.code)
    manifest = unpacked.manifest
    verified = await verify_run(store, manifest.stream)
    found = Expected(verified.input_count, verified.derived_count, verified.digest)
    if manifest.expected is not None and found != manifest.expected:
        raise InputError(
            f"{unpacked.path}: the log is reproduced, but it is not that of the manifest: expected "
            f"{manifest.expected.derived_count} derived events with the digest "
            f"{manifest.expected.digest[:16]}..., found {found.derived_count} with {found.digest[:16]}..."
        )
    return Reproduced(verified, await read_run(store, manifest.stream))
