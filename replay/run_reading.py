"""Reads a whole run: its results, compared with a benchmark, what was odd in its data, and chart prices."""

from math import isfinite

import msgspec

from eventstore import EventStore, StreamInfo
from eventstore.data_issues import issues_in_period
from kernel.configuration import did_you_mean, listed
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import MARKET_TYPES
from replay.performance.benchmark import Account, Benchmark, buy_and_hold
from replay.planning import is_data
from replay.report.prices import Market, PriceHistory, read_marked, read_market
from replay.results import RunResult, read_results
from replay.run import Plan

_MARKET_NAMES = frozenset(kind.__name__ for kind in MARKET_TYPES)


class ReadRun(msgspec.Struct, frozen=True, eq=False):
    """The results of a run with its benchmark, and the prices of its traded symbols."""

    result: RunResult
    prices: PriceHistory


@exact
async def read_run(store: EventStore, run_stream: str, *, benchmark: str = "") -> ReadRun:
    """Read a finished run or a live log, and compare it with a benchmark.

    The benchmark is to buy and hold all symbols of the run. ``benchmark`` names another, or the configuration
    of the run: a symbol of the run, a data stream of the store, or a symbol that one stream of the store
    holds. Raises as ``read_results`` does, and ``InputError`` for a ``benchmark`` that is not in the store.
    If the one in the configuration is there no longer, a note says so.
    """
    result = await read_results(store, run_stream)
    market = await read_market(store, result)
    account = Account(result.equity, result.currency, result.facts)
    notes = result.notes
    try:
        compared = await _compared(store, result, market, account, name=benchmark or _configured(result))
    except InputError as error:
        if benchmark:
            raise
        compared, notes = None, (*notes, str(error))
    last_prices = {
        symbol: float(one.price[-1])
        for symbol, one in market.marked.items()
        if len(one.price) and isfinite(one.price[-1])  # a young live log has no mark of the account yet
    }
    issues = await issues_in_period(store, result.sources, start_ts=result.start_ts, end_ts=result.end_ts)
    whole = msgspec.structs.replace(
        result, benchmark=compared, last_prices=last_prices, data_issues=issues, notes=notes, flow=market.flow
    )
    return ReadRun(whole, market.charted)


async def check_benchmark(store: EventStore, plan: Plan) -> None:
    """Raise ``InputError`` before a run whose benchmark is not in the store, or not at its time."""
    name = plan.config.benchmark
    if name and name not in plan.symbols:
        info, _ = await _found(store, name)
        if info.first_ts > plan.end_ts or info.last_ts < plan.start_ts:
            raise _not_in_period(name, info.stream)


def _configured(result: RunResult) -> str:
    """The benchmark in the recorded configuration, which may be of another version."""
    return msgspec.json.decode(result.config, type=_Named).benchmark if result.config else ""


class _Named(msgspec.Struct, frozen=True):
    benchmark: str = ""


async def _compared(
    store: EventStore, result: RunResult, market: Market, account: Account, *, name: str
) -> Benchmark | None:
    if not name or name in result.symbols:
        return buy_and_hold((name,) if name else result.symbols, market.marked, account)
    info, symbols = await _found(store, name)
    prices = await read_marked(store, result, info.stream, symbols)
    compared = buy_and_hold(symbols, prices, account)
    if compared is None:
        raise _not_in_period(name, info.stream)
    return compared


def _not_in_period(name: str, stream: str) -> InputError:
    return InputError(f"benchmark {name!r}: stream {stream!r} has no price in the period of the run")


async def _found(store: EventStore, name: str) -> tuple[StreamInfo, tuple[str, ...]]:
    """The stream of a benchmark, and its symbols."""
    data = [
        info
        for info in await store.streams()
        if _MARKET_NAMES.intersection(info.event_types) and is_data(info)
    ]
    for info in data:
        if info.stream == name:
            return info, tuple(info.symbols)
    holding = [info for info in data if name in info.symbols]
    if len(holding) == 1:
        return holding[0], (name,)
    if holding:
        several = listed([info.stream for info in holding])
        raise InputError(f"benchmark {name!r} is in several streams, name one: {several}")
    streams = [info.stream for info in data]
    names = [*streams, *dict.fromkeys(symbol for info in data for symbol in info.symbols)]
    raise InputError(
        f"benchmark {name!r} is neither a symbol nor a data stream of the store: "
        f"{listed(streams) or 'no data streams'}{did_you_mean(name, names)}"
    )
