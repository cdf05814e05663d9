"""``replay bundle``: a run or live log in one file that reproduces elsewhere."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec

from eventstore import Durability, EventStore, open_store
from eventstore.store_opening import is_store_here
from kernel.errors import ConfigError, InputError
from kernel.secret import Secret, SecretReference
from ops.completion import complete_runs
from ops.event_loop import run
from ops.run_output import Output, ShownRun, show_run
from ops.secret_sources import SecretPlaces
from ops.store_file import existing_store, store_option
from ops.tables import TableConsole, print_rows
from replay.bundles.bundle_rows import manifest_rows, scaled_sentence
from replay.bundles.code import code_in
from replay.bundles.making import BundleSettings, MadeBundle, make_bundle
from replay.bundles.manifest import other_versions
from replay.bundles.packing import DEFAULT_LIMIT_MB, open_bundle
from replay.bundles.reproducing import Reproduced, Unpacked, reproduce, unpack_bundle
from replay.bundles.scales import chosen_scales
from replay.past.core import time_ns
from replay.run_config import RunConfig, config_on_record, secrets_of


class _Bundles(click.Group):
    """A group whose command ``export`` needs no name: ``replay bundle RUN --out FILE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args = ["export", *args]
        return super().parse_args(ctx, args)


@click.group("bundle", cls=_Bundles)
def bundle_command() -> None:
    """Put a run or live log into one file that reproduces elsewhere, or play such a file.

    \b
    Examples:
      replay bundle run.ma_cross.1 --out cross.bundle --store market.db
      replay bundle paper --to 2024-05-06 --out monday.bundle --anonymise
      replay bundle show monday.bundle
      replay bundle run monday.bundle
    """


@bundle_command.command("export")
@click.argument("run_stream", shell_complete=complete_runs)
@store_option
@click.option(
    "--out", "path", type=click.Path(path_type=Path), required=True, help="The file; it may not exist yet."
)
@click.option("--to", "until", metavar="SEQ|TIME", help="The end of a live log's part [default: all so far].")
@click.option("--anonymise", is_flag=True, help="Other names, prices and sizes; no texts of people.")
@click.option("--shift-days", type=int, default=0, help="With --anonymise: move all times; 7 keeps weekdays.")
@click.option(
    "--keep-sizes", is_flag=True, help="With --anonymise: for code that orders fixed numbers of units."
)
@click.option(
    "--seed", default="", help="With --anonymise: choose the same scales again [default: by chance]."
)
@click.option(
    "--allow-divergence", is_flag=True, help="Write a run that cannot be reproduced; the file says so."
)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as one JSON object.")
def export_command(
    run_stream: str,
    *,
    store_path: Path,
    path: Path,
    until: str | None,
    anonymise: bool,
    shift_days: int,
    keep_sizes: bool,
    seed: str,
    allow_divergence: bool,
    as_json: bool,
) -> None:
    """Write a run or live log, with its data and code, to one file. It is played again before.

    \b
    Example:
      replay bundle run.ma_cross.1 --out cross.bundle

    Exit code 1: it cannot be reproduced, or holds a secret; nothing is written then.
    """
    if (shift_days or seed or keep_sizes) and not anonymise:
        raise click.UsageError("--shift-days, --keep-sizes and --seed are for --anonymise")
    settings = BundleSettings(
        to_seq=int(until) if until is not None and until.isdecimal() else None,
        to_ts=None if until is None or until.isdecimal() else time_ns(until, key="--to"),
        scales=chosen_scales(seed, shift_days=shift_days, keeps_sizes=keep_sizes) if anonymise else None,
        keeps_diverged=allow_divergence,
    )
    made = run(_export(run_stream, store_path, path, settings))
    if made.likenesses:
        click.echo(f"like names of the original, look at them first: {', '.join(made.likenesses)}", err=True)
    if as_json:
        click.echo(msgspec.json.encode(made.manifest).decode())
        return
    manifest = made.manifest
    click.echo(
        f"{path}: {made.bytes:,} bytes, {len(manifest.streams)} streams, "
        f"{sum(one.last_seq for one in manifest.streams):,} events; SHA-256 of its manifest "
        f"{made.fingerprint}"
    )
    if manifest.expected is None:
        click.echo(f"written although it cannot be reproduced: {manifest.divergence}")
    else:
        click.echo(f"played again before it was written: {manifest.expected.derived_count:,} events equal")
    if manifest.scaled is not None:
        click.echo(scaled_sentence(manifest.scaled))


@bundle_command.command("run")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--store",
    "store_path",
    type=click.Path(path_type=Path),
    help="Unpack into this store, which may not exist yet, and keep it [default: a temporary one].",
)
@click.option("--trust", is_flag=True, help="Run code that the linter refuses or does not check.")
@click.option("--limit-mb", type=click.IntRange(1), default=DEFAULT_LIMIT_MB, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the tables.")
def run_command(path: Path, *, store_path: Path | None, trust: bool, limit_mb: int, as_json: bool) -> None:
    """Play a bundle: check all hashes, run the code in it, and compare every event with the record.

    The code in a bundle is somebody's program, and runs as you. It is linted as a strategy from disk is:
    no files, network, clock or foreign packages. A linter finds mistakes and is not a sandbox: run bundles of
    strangers where they can do no harm. `replay bundle show` runs nothing.

    \b
    Example:
      replay bundle run cross.bundle

    Exit code 0: equal. 1: different, changed bytes, or code that the linter refuses.
    """
    found = run(_run(path, store_path, is_trusted=trust, limit_mb=limit_mb, as_json=as_json))
    if as_json:
        return
    verified = found.verified
    click.echo(f"reproduced: {verified.derived_count} events equal, digest {verified.digest}")


@bundle_command.command("show")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--limit-mb", type=click.IntRange(1), default=DEFAULT_LIMIT_MB, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as one JSON object.")
def show_command(path: Path, *, limit_mb: int, as_json: bool) -> None:
    """Print what a bundle holds, and check its hashes. Nothing is unpacked or run.

    \b
    Example:
      replay bundle show cross.bundle
    """
    with open_bundle(path, limit_mb=limit_mb) as reader:
        reader.check()
        manifest, fingerprint = reader.manifest, reader.fingerprint
    if as_json:
        click.echo(msgspec.json.encode(manifest).decode())
        return
    console = TableConsole()
    for rows in manifest_rows(manifest):
        console.print(f"{rows.title}:", style="bold")
        print_rows(rows, console)
        console.print()
    console.print(f"SHA-256 of its manifest: {fingerprint}", soft_wrap=True)
    if manifest.scaled is not None:
        console.print(scaled_sentence(manifest.scaled), soft_wrap=True)


async def _export(run_stream: str, store_path: Path, path: Path, settings: BundleSettings) -> MadeBundle:
    async with existing_store(store_path) as store:
        return await make_bundle(
            store,
            run_stream,
            path,
            now_ts=time.time_ns(),
            settings=settings,
            secrets=await _secrets(store, run_stream),
        )


async def _secrets(store: EventStore, run_stream: str) -> dict[str, Secret]:
    """The values of all secrets that the configurations of a log name, as far as they are on this machine."""
    found: dict[str, Secret] = {}
    for event in (await code_in(store, run_stream)).configurations:
        config = config_on_record(event.body)
        if not isinstance(config, RunConfig):
            continue
        places = SecretPlaces(config.secrets.folder)
        for reference in secrets_of(config).values():
            if (value := _found(places, reference)) is not None:
                found[reference.secret] = value
    return found


def _found(places: SecretPlaces, reference: SecretReference) -> Secret | None:
    try:
        return places.look_up(reference)
    except ConfigError:
        return None


async def _run(
    path: Path, store_path: Path | None, *, is_trusted: bool, limit_mb: int, as_json: bool
) -> Reproduced:
    async with _new_store(store_path) as (store, kept):
        unpacked = await unpack_bundle(path, store, limit_mb=limit_mb)
        click.echo(_warning(unpacked, is_trusted=is_trusted), err=True)
        found = await reproduce(store, unpacked, is_trusted=is_trusted)
        show_run(ShownRun(found.read), kept, Output(is_reported=False, as_json=as_json))
        return found


def _warning(unpacked: Unpacked, *, is_trusted: bool) -> str:
    checked = "it was not checked" if is_trusted else "the linter checks it, and is not a sandbox"
    lines = [f"runs the code in {unpacked.path}; {checked}: {'; '.join(unpacked.code.modules) or 'none'}"]
    if others := other_versions(unpacked.manifest.versions):
        lines.append(f"made under other versions: {others}")
    if unpacked.manifest.expected is None:
        lines.append(f"its maker could not reproduce it either: {unpacked.manifest.divergence}")
    return "\n".join(lines)


def _refuse_existing(path: Path) -> None:
    if is_store_here(path) or path.exists():
        raise InputError(f"there is a store at {path} already; a bundle is unpacked into a new one")


@asynccontextmanager
async def _new_store(path: Path | None) -> AsyncGenerator[tuple[EventStore, Path]]:
    """A store at a path where nothing is, or a temporary one."""
    if path is not None:
        _refuse_existing(path)
        async with await open_store(path) as store:
            yield store, path
        return
    with TemporaryDirectory(prefix="onetape-bundle-") as folder:
        temporary = Path(folder, "bundle.db")
        async with await open_store(temporary, durability=Durability.NORMAL) as store:
            yield store, temporary
