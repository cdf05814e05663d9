"""The first inputs of every log, of a backtest and of a live log. They are enough to make the core again.

In this order: ``RunStarted``, ``ConfigLoaded``, the strategies, the user's models, trading hours, the venue's
declaration, the terms of instruments, the initial cash, history from before the run, and the start of the
first session with a hash of all inputs before it.

Where configuration or code have changed, the log goes on with another opening, without the start of the run,
cash and history (``kernel.reopenings``).
"""

import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec

from components.assembly.calendars import calendar_events
from components.assembly.core_sources import core_hash
from components.assembly.instruments import InstrumentConfig
from components.assembly.setup import CoreSetup
from components.assembly.venue import Venue
from kernel.decimals import exact
from kernel.errors import ConfigError
from kernel.events import (
    CalendarDefined,
    CashMoved,
    ConfigLoaded,
    Event,
    RunStarted,
    SessionChanged,
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

    Without a venue in the core there is no initial cash: a broker reports it.
    """
    config, ts = setup.config, started.ts
    has_cash = venue is not None and venue.is_in_core
    money = () if not has_cash else (CashMoved(ts, config.cash, config.portfolio.currency),)
    told = (
        started,
        *_what_determines(setup, venue, ts=ts, calendars=calendars),
        *(terms.defined(ts) for terms in setup.instruments),
        *money,
        *setup.history,
    )
    return _with_session(told, session_started(ts, epoch=1, mode=mode))


@exact
def reopening_inputs(
    setup: CoreSetup,
    venue: Venue | None,
    *,
    session: SessionStarted | SessionChanged,
    calendars: Sequence[CalendarDefined],
    instruments: Sequence[InstrumentConfig],
    told: Sequence[Event] = (),
) -> tuple[Event, ...]:
    """The opening with which a log goes on after a change of configuration or code, ending with ``session``.

    ``instruments``: those that are new or have new terms. All others keep what corporate actions made of
    them. ``told``: other inputs of the change. There is no initial cash and no history: the account and the
    log are there already.
    """
    inputs = (
        *_what_determines(setup, venue, ts=session.ts, calendars=calendars),
        *(terms.defined(session.ts) for terms in instruments),
        *told,
    )
    return _with_session(inputs, session)


def _what_determines(
    setup: CoreSetup, venue: Venue | None, *, ts: int, calendars: Sequence[CalendarDefined]
) -> tuple[Event, ...]:
    """The configuration, the code, trading hours, and what the venue lacks."""
    body = msgspec.json.encode(setup.config, order="deterministic")
    declared = () if venue is None or not venue.lacks else (venue.declared(ts),)
    return (
        ConfigLoaded(ts, sha256(body).hexdigest(), body.decode()),
        *_strategies(setup, ts),
        *(model.recorded(ts) for model in setup.models),
        *calendars,
        *declared,
    )


def _with_session(told: tuple[Event, ...], session: SessionStarted | SessionChanged) -> tuple[Event, ...]:
    """The inputs and the start of their session, with the hash of the inputs."""
    return (*told, msgspec.structs.replace(session, opening_hash=opening_hash(map(_encode, told))))


def session_started(ts: int, *, epoch: int, mode: str, file_hash: str = "") -> SessionStarted:
    """The start of a session by this version of onetape, under this version of Python."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return SessionStarted(ts, epoch, mode, VERSION, python, file_hash=file_hash, core_hash=core_hash())


@exact
def trading_hours(setup: CoreSetup, *, from_ts: int, to_ts: int) -> tuple[CalendarDefined, ...]:
    """The sessions of the instruments' calendars.

    Raises ``ConfigError`` with the first symbol of a calendar that is unknown.
    """
    symbols: dict[str, str] = {}
    for terms in setup.instruments:
        symbols.setdefault(terms.calendar, terms.symbol)
    found: list[CalendarDefined] = []
    for name in sorted(symbols):
        try:
            found += calendar_events([name], ts=from_ts, from_ts=from_ts, to_ts=to_ts)
        except ConfigError as error:
            raise ConfigError(f"instruments: {symbols[name]}: {error}") from error
    return tuple(found)


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
