"""A later session of a live log with another configuration or other code than the session before.

The change is an opening of its own at the boundary (``kernel.reopenings``). The core made from it takes over
the states of the components that are still there. Before it is recorded, ``check_change`` refuses what cannot
change while the log goes on.

To allow another change: take it out of ``check_change``, and test that a replay over the boundary gives the
recorded events.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from components.assembly.assumed_terms import AssumedTerms
from components.assembly.core import Core
from components.assembly.hosts import Place
from components.assembly.instruments import InstrumentConfig
from components.assembly.opening import reopening_inputs, session_started
from components.assembly.setup import core_of
from kernel.bus import EventBus
from kernel.errors import ConfigError
from kernel.events import (
    CalendarDefined,
    CancelOrder,
    Event,
    FlattenPositions,
    RunStarted,
    SessionChanged,
    SessionStarted,
)
from kernel.identifiers import StrategyId
from replay.record import plan_after
from replay.run import Plan, core_after
from replay.run_config import live_venue

OPERATOR = "onetape run"
"""The operator in commands that the change of a configuration makes."""

FIXED_TERMS = ("currency", "asset_class", "multiplier", "is_inverse", "underlying")
"""Terms that give a position its worth: they may not change while it is held."""


class Orphan(StrEnum):
    """What becomes of the positions of a strategy that the configuration no longer has."""

    KEEP = "keep"
    """They stay in the account, under its name. Its orders are cancelled."""
    FLATTEN = "flatten"
    """They are closed at the market. Its orders are cancelled."""


Adapt = Callable[[Plan], Plan]
"""Changes each plan of a log before a core is made from it."""


def as_it_is(plan: Plan) -> Plan:
    """The plan, unchanged."""
    return plan


class Cores:
    """The cores of one log, each following the one before.

    ``core``, ``plan`` and ``opening`` are the present ones, ``assumed`` the terms from before the opening.
    """

    def __init__(
        self,
        plan: Plan,
        opening: Sequence[Event],
        *,
        started: RunStarted,
        assumed: Sequence[AssumedTerms] = (),
        adapt: Adapt = as_it_is,
    ) -> None:
        self.plan = plan = adapt(plan)
        self.core = core_of(plan, plan.venue)
        self._adapt = adapt
        self.started = started
        self.opening = opening
        self.assumed = assumed

    @property
    def file_hash(self) -> str:
        """The hash of the file's configuration over which changes of operators hold; empty without them."""
        ended_by = self.opening[-1]
        return ended_by.file_hash if isinstance(ended_by, SessionStarted | SessionChanged) else ""

    def reopen(self, bus: EventBus, opening: Sequence[Event]) -> EventBus:
        """Make the core of an opening, with the states of the present one; see ``kernel.engine.Reopen``."""
        plan = self._adapt(plan_after(self.plan, opening))
        core = core_after(plan, bus)
        self.opening, self.assumed = opening, self.plan.assumed
        self.plan, self.core = plan, core
        return core.bus


def is_changed(before: Plan, after: Plan) -> bool:
    """Whether configuration, code or models of two plans differ."""
    return _facts(before) != _facts(after)


def opening_after(
    before: Plan,
    after: Plan,
    *,
    ts: int,
    epoch: int,
    calendars: Sequence[CalendarDefined],
    file_hash: str = "",
) -> tuple[Event, ...]:
    """The opening of a session with a changed plan."""
    return reopening_inputs(
        after,
        after.venue,
        session=session_started(ts, epoch=epoch, mode=after.mode, file_hash=file_hash),
        calendars=calendars,
        instruments=new_instruments(before, after),
    )


def new_instruments(before: Plan, after: Plan) -> list[InstrumentConfig]:
    """The instruments that are new or have new terms."""
    known = {one.symbol: one for one in before.instruments}
    return [one for one in after.instruments if known.get(one.symbol) != one]


def check_change(before: Plan, after: Plan, core: Core, orphans: Mapping[StrategyId, Orphan]) -> None:
    """Raise ``ConfigError`` for a change that cannot be made while the log goes on.

    ``core``: the core before the change, which knows positions and orders.
    """
    _check_account(before, after)
    _check_venue(before, after, core)
    _check_places(before, after)
    _check_orphans(before, after, core, orphans)
    _check_instruments(before, after, core)


def commands_for_orphans(
    before: Plan,
    after: Plan,
    core: Core,
    orphans: Mapping[StrategyId, Orphan],
    *,
    ts: int,
    operator: str = OPERATOR,
    reason: str = "",
) -> Iterator[Event]:
    """The commands that deal with the orders and positions of strategies that are gone.

    ``operator``, ``reason``: who changed the session, and why.
    """
    for strategy in _gone(before, after):
        for order in core.orders.open_orders(strategy, None):
            yield CancelOrder(ts, operator, order.client_order_id, reason)
        if orphans.get(strategy) is Orphan.FLATTEN and core.portfolio.strategy_positions(strategy):
            yield FlattenPositions(ts, operator, strategy=strategy, reason=reason)


def _facts(plan: Plan) -> object:
    codes = [
        (
            one.strategy_id,
            one.loaded.code_hash,
            msgspec.json.encode(one.loaded.strategy.params),
        )
        for one in plan.strategies
    ]
    return plan.config, codes, [model.recorded(0) for model in plan.models]


def _gone(before: Plan, after: Plan) -> list[StrategyId]:
    present = {one.strategy_id for one in after.strategies}
    return [one.strategy_id for one in before.strategies if one.strategy_id not in present]


def _check_account(before: Plan, after: Plan) -> None:
    old, new = before.config, after.config
    for key, was, given in (
        ("cash", old.cash, new.cash),
        ("portfolio.currency", old.portfolio.currency, new.portfolio.currency),
        ("portfolio.position_mode", old.portfolio.position_mode, new.portfolio.position_mode),
    ):
        if was != given:
            raise ConfigError(
                f"{key}: the log began with {was}, and keeps it; got {given}. Set it back, or begin another "
                "log"
            )


def _check_venue(before: Plan, after: Plan, core: Core) -> None:
    """Refuse to carry simulated positions to a real account, and positions from one account to another."""
    old, new = live_venue(before.config), live_venue(after.config)
    if (old is None) is not (new is None):
        raise ConfigError(
            f"mode: the log began with {before.mode}, and its account is of that; got {after.mode}. Set it "
            "back, or begin another log"
        )
    if old is None or new is None:
        return
    was, given = (old.config.name, old.config.account), (new.config.name, new.config.account)
    if was != given and (tuple(core.portfolio.open_symbols()) or core.orders.state.open):
        raise ConfigError(
            f"venue: the log holds positions or orders at {was[0]} in account {was[1]}; close them before it "
            f"goes on at {given[0]} with account {given[1]}"
        )


def _check_places(before: Plan, after: Plan) -> None:
    """Refuse to take a strategy back from its process: its state is there, and not in the core."""
    apart = {one.strategy_id for one in before.strategies if one.place is Place.APART}
    for one in after.strategies:
        if one.strategy_id in apart and one.place is Place.IN_CORE:
            raise ConfigError(
                f"strategies: {one.strategy_id}: isolation cannot change from process to none while the log "
                "goes on, because its state is in its process. Set it back, or give the strategy another id"
            )


def _check_orphans(before: Plan, after: Plan, core: Core, orphans: Mapping[StrategyId, Orphan]) -> None:
    gone = _gone(before, after)
    for strategy in orphans:
        if strategy not in gone:
            raise ConfigError(f"--orphan {strategy}: the log has no strategy of this name that is gone now")
    for strategy in gone:
        positions = core.portfolio.strategy_positions(strategy)
        orders = core.orders.open_orders(strategy, None)
        if strategy in orphans or not (positions or orders):
            continue
        held = ", ".join(f"{quantity:f} {symbol}" for symbol, quantity in positions.items()) or "no position"
        raise ConfigError(
            f"strategies: {strategy} is not there any more, but it holds {held} and has {len(orders)} open "
            f"orders. Say what becomes of them: --orphan {strategy}=flatten or --orphan {strategy}=keep"
        )


def _check_instruments(before: Plan, after: Plan, core: Core) -> None:
    known = {one.symbol: one for one in after.instruments}
    for was in before.instruments:
        if not (core.portfolio.net_position(was.symbol) or _has_orders(core, was.symbol)):
            continue
        given = known.get(was.symbol)
        if given is None:
            raise ConfigError(
                f"instruments: {was.symbol} is not there any more, but it is held or has open orders; close "
                "them first"
            )
        for term in FIXED_TERMS:
            _check_term(term, was, given)


def _check_term(term: str, was: InstrumentConfig, given: InstrumentConfig) -> None:
    old, new = getattr(was, term), getattr(given, term)
    if old != new:
        raise ConfigError(
            f"instruments: {term} of {was.symbol} cannot change from {old} to {new} while it is held or has "
            "open orders; close them first"
        )


def _has_orders(core: Core, symbol: str) -> bool:
    return any(entry.order.symbol == symbol for entry in core.orders.state.open.values())
