"""What is to be deployed: settings, schedule, code and the gate, and where the code is found."""

from contextlib import aclosing
from decimal import Decimal

import msgspec

from components.assembly.code_on_disk import code_on_disk, libraries_of
from components.assembly.settings import StrategyConfig
from eventstore import Selection, open_store
from kernel.errors import InputError
from kernel.events import StrategyLoaded
from kernel.events.deployments import DeploymentStep, GateRow
from strategies.sdk.loading import LoadedStrategy, load_recorded, refuse_findings


class RecordedCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Code in the log of another environment: the ``StrategyLoaded`` at a seq."""

    store: str
    log: str
    seq: int


class Judged(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The conditions under which a version leaves its environment, and who confirmed what."""

    rows: tuple[GateRow, ...]
    reviewed_by: str = ""
    alerts_confirmed_by: str = ""

    @property
    def is_passed(self) -> bool:
        """All conditions are met."""
        return bool(self.rows) and all(row.is_passed for row in self.rows)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be deployed.

    - ``name``: an entry of the configuration, if ``entry`` is left out.
    - ``entry``: the settings; without an id, that of the strategy's metadata.
    - ``steps``: the schedule.
    - ``code``: recorded code; left out: that of the file.
    - ``judged``: the gate; ``forced``: why the version is deployed although it did not pass.
    """

    name: str
    entry: StrategyConfig | None = None
    steps: tuple[DeploymentStep, ...]
    max_drawdown: Decimal | None = None
    flattens: bool = False
    code: RecordedCode | None = None
    judged: Judged | None = None
    forced: str = ""


async def code_of(wanted: Wanted, entry: StrategyConfig) -> tuple[LoadedStrategy, str]:
    """The code, linted, and the log that it is from."""
    if wanted.code is None:
        return code_on_disk(entry), ""
    recorded = await _recorded(wanted.code)
    libraries = libraries_of(entry)
    refuse_findings(recorded.source, recorded.reference, recorded.modules, libraries=libraries)
    loaded = load_recorded(recorded.source, recorded.reference, entry.params, modules=recorded.modules)
    return loaded, wanted.code.log


async def _recorded(code: RecordedCode) -> StrategyLoaded:
    """The record of code in another log. Raises ``InputError`` for one that is not there."""
    store = await open_store(code.store, read_only=True)
    try:
        async with aclosing(store.read(code.log, Selection(from_seq=code.seq, to_seq=code.seq))) as batches:
            async for batch in batches:
                for event in batch.events:
                    if isinstance(event, StrategyLoaded):
                        return event
    finally:
        await store.close()
    raise InputError(f"{code.log} of {code.store} has no code at seq {code.seq}")
