"""The first inputs of every log, of a backtest and of a live log. They are enough to make the core again.

In this order: ``RunStarted``, ``ConfigLoaded``, the strategies, the user's models, trading hours, the venue's
declaration, the terms of instruments, the initial cash, history from before the run, and the start of the
first session with a hash of all inputs before it.
"""

import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec

from components.assembly.calendars import calendar_events
from components.assembly.setup import CoreSetup
from components.assembly.venue import Venue
from kernel.decimals import exact
from kernel.events import (
    CalendarDefined,
    CashMoved,
    ConfigLoaded,
    Event,
    RunStarted,
    SessionStarted,
    StrategyLoaded,
)

VERSION = "0.1.0"

_encode = msgspec.msgpack.Encoder().encode


@exact
def opening_inputs(
    setup: CoreSetup,
    venue: Venue | None,
    *,
    started: RunStarted,
    calendars: Sequence[CalendarDefined],
    mode: str,
) -> tuple[Event, ...]:
    """The opening inputs, all with the time of ``started``.

    Without a venue in the core there is no initial cash, because the broker reports it.
    """
    config, ts = setup.config, started.ts
    body = msgspec.json.encode(config, order="deterministic")
    declared = () if venue is None or not venue.lacks else (venue.declared(ts),)
    money = () if venue is None else (CashMoved(ts, config.cash, config.portfolio.currency),)
    told = (
        started,
        ConfigLoaded(ts, sha256(body).hexdigest(), body.decode()),
        *_strategies(setup, ts),
        *(model.recorded(ts) for model in setup.models),
        *calendars,
        *declared,
        *(terms.defined(ts) for terms in setup.instruments),
        *money,
        *setup.history,
    )
    first = session_started(ts, epoch=1, mode=mode)
    return (*told, msgspec.structs.replace(first, opening_hash=opening_hash(map(_encode, told))))


def session_started(ts: int, *, epoch: int, mode: str) -> SessionStarted:
    """The start of a session by this version of onetape, under this version of Python."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return SessionStarted(ts, epoch, mode, VERSION, python)


@exact
def trading_hours(setup: CoreSetup, *, from_ts: int, to_ts: int) -> tuple[CalendarDefined, ...]:
    """The sessions of the instruments' calendars; raises ``ConfigError`` for an unknown calendar."""
    names = (terms.calendar for terms in setup.instruments)
    return tuple(calendar_events(names, ts=from_ts, from_ts=from_ts, to_ts=to_ts))


def opening_hash(encoded: Iterable[bytes]) -> str:
    """SHA-256, in hex, of the encoded inputs before the session's start."""
    digest = sha256()
    for event in encoded:
        digest.update(event)
    return digest.hexdigest()


def _strategies(setup: CoreSetup, ts: int) -> list[StrategyLoaded]:
    return [
        StrategyLoaded(
            ts,
            planned.strategy_id,
            planned.loaded.reference,
            planned.loaded.source_hash,
            planned.loaded.source,
            msgspec.json.encode(planned.loaded.strategy.params, order="deterministic").decode(),
            planned.loaded.version,
            planned.loaded.modules,
        )
        for planned in setup.strategies
    ]
