"""The runs of a store: strategy, period and the main figures of each."""

import re

import msgspec

from eventstore import EventStore, StreamInfo
from kernel.decimals import exact
from kernel.errors import OnetapeError
from kernel.events import RunFinished, RunStarted
from replay import figures
from replay.results import RunResult, read_results
from replay.rows import Rows, number, text
from replay.tables import params_text

_PARTS = re.compile(r"(\d+)")


class ListedRun(msgspec.Struct, frozen=True, eq=False):
    """A run or live log. ``result`` is ``None`` if it cannot be read; ``state`` says why in a word."""

    stream: str
    state: str
    result: RunResult | None


@exact
async def list_runs(store: EventStore) -> tuple[ListedRun, ...]:
    """All runs, by name and number. A run that cannot be read does not hide the others."""
    infos = [info for info in await store.streams() if RunStarted.__name__ in info.event_types]
    return tuple([await _listed(store, info) for info in sorted(infos, key=_order)])


@exact
def run_rows(runs: tuple[ListedRun, ...]) -> Rows:
    """A row for each run."""
    columns = (
        text("Run"), text("Strategy", rank=4), text("Parameters", rank=3), text("Data", rank=5),
        text("Period", rank=1), number("Trades", rank=2), number("Return"), number("Drawdown", rank=2),
        number("Sharpe", rank=3), text("State"),
    )  # fmt: skip
    return Rows("Runs", columns, tuple(_cells(one) for one in runs))


@exact
def as_fields(one: ListedRun) -> dict[str, object]:
    """One run for programs; figures are ``None`` if it cannot be read."""
    result, m = one.result, None if one.result is None else one.result.metrics
    return {
        "run_stream": one.stream,
        "state": one.state,
        "strategies": [] if result is None else [each.strategy for each in result.strategies],
        "symbols": [] if result is None else list(result.symbols),
        "start": None if m is None else figures.iso(m.start_ts),
        "end": None if m is None else figures.iso(m.end_ts),
        "trades": None if m is None else m.trade_count,
        "total_return": None if m is None else m.total_return,
        "max_drawdown": None if m is None else m.max_drawdown,
        "sharpe": None if m is None else m.sharpe,
    }


def _cells(one: ListedRun) -> tuple[str, ...]:
    result = one.result
    if result is None:
        return (one.stream, *[figures.UNDEFINED] * 8, one.state)
    m = result.metrics
    return (
        one.stream,
        ", ".join(each.strategy for each in result.strategies),
        "; ".join(params_text(each) for each in result.strategies),
        figures.names([source.stream for source in result.sources]),
        figures.period(m.start_ts, m.end_ts),
        f"{m.trade_count:,}",
        figures.percent(m.total_return),
        figures.percent(m.max_drawdown),
        figures.ratio(m.sharpe),
        one.state,
    )


async def _listed(store: EventStore, info: StreamInfo) -> ListedRun:
    try:
        result = await read_results(store, info.stream)
    except OnetapeError:
        is_finished = RunFinished.__name__ in info.event_types
        return ListedRun(info.stream, "damaged" if is_finished else "unfinished", None)
    state = "live log" if not result.digest else "failed" if result.failures else "done"
    return ListedRun(info.stream, state, result)


def _order(info: StreamInfo) -> tuple[tuple[int, str], ...]:
    """By name, with numbers in order of their value: run 10 comes after run 9."""
    parts = (part for part in _PARTS.split(info.stream) if part)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)
