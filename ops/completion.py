"""Names that a shell completes: the streams and the runs of the store that the command would use.

A shell asks while a line is typed, so nothing is reported: without a store there are no names.
"""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from eventstore import StreamInfo, open_store
from eventstore.data_facts import is_facts
from kernel.errors import OnetapeError
from kernel.events import RunStarted
from ops.event_loop import run
from ops.store_file import default_store
from replay.planning import is_data

_RUN = RunStarted.__name__


def complete_streams(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """All streams that begin with the letters typed so far."""
    del param
    return [CompletionItem(info.stream) for info in _streams(ctx) if info.stream.startswith(incomplete)]


def complete_data(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The data streams."""
    del param
    found = [info.stream for info in _streams(ctx) if is_data(info)]
    return [CompletionItem(name) for name in found if name.startswith(incomplete)]


def complete_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The runs and live logs."""
    del param
    found = [info.stream for info in _streams(ctx) if _RUN in info.event_types]
    return [CompletionItem(name) for name in found if name.startswith(incomplete)]


def _streams(ctx: click.Context) -> list[StreamInfo]:
    named: object = ctx.params.get("store_path") or ctx.params.get("store")
    try:
        path = Path(str(named)) if named else default_store()
        return run(_read(path)) if path.exists() else []
    except OnetapeError:
        return []


async def _read(path: Path) -> list[StreamInfo]:
    async with await open_store(path, read_only=True) as store:
        return [info for info in await store.streams() if not is_facts(info.stream)]
