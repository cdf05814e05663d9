"""Commands of operators, listed in the configuration of a run.

    commands:
      - {at: 2008-10-01, do: halt, reason: the market is in panic}
      - {at: 2008-11-03T14:30:00, do: resume}

Each becomes an input of the run at its time, with the operator ``configuration``. It comes after all data
with that ``ts`` or an earlier one, and before later data. Commands of the same time come in the order of the
list.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import assert_never

import msgspec

from components.assembly.moments import moment_ns
from components.strategy_host.translation import host_name
from kernel.errors import ConfigError
from kernel.events import (
    AdjustPosition,
    CancelAllOrders,
    CashMoved,
    Event,
    FlattenPositions,
    HaltTrading,
    PauseStrategy,
    PositionSide,
    ReduceOnlyTrading,
    ReleaseComponent,
    ResumeStrategy,
    ResumeTrading,
    TradingStatus,
    TradingStatusChanged,
)
from kernel.identifiers import StrategyId
from kernel.time_units import DAY_NS
from replay import figures

OPERATOR = "configuration"
LARGEST = Decimal(10) ** 15
"""The largest amount, cost or quantity. Beyond it, a product would have too many digits to keep cents."""


class Timed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="do"):
    """A command with its time. ``at`` is a UTC moment, or a UTC day, which means its beginning."""

    at: str


class Halt(Timed, frozen=True, kw_only=True, tag="halt"):
    """The kill switch: no order goes out, and working orders are cancelled."""

    reason: str = ""


class ReduceOnly(Timed, frozen=True, kw_only=True, tag="reduce_only"):
    """Only orders that make positions smaller go out."""

    reason: str = ""


class Resume(Timed, frozen=True, kw_only=True, tag="resume"):
    """All orders may go out again, and every limit that was breached watches again."""

    reason: str = ""


class CancelAll(Timed, frozen=True, kw_only=True, tag="cancel_all"):
    """Working orders are cancelled; with ``symbol``, only those in it."""

    symbol: str = ""


class Flatten(Timed, frozen=True, kw_only=True, tag="flatten"):
    """Positions are closed; with ``symbol``, only the one in it."""

    symbol: str = ""


class Deposit(Timed, frozen=True, kw_only=True, tag="deposit"):
    """Money comes in. Without ``currency`` it is in the account's."""

    amount: Decimal
    currency: str = ""
    reason: str = "deposit"


class Withdraw(Timed, frozen=True, kw_only=True, tag="withdraw"):
    """Money goes out: ``amount`` is above 0."""

    amount: Decimal
    currency: str = ""
    reason: str = "withdrawal"


class SetPosition(Timed, frozen=True, kw_only=True, tag="adjust_position"):
    """A strategy's position is set. ``cost`` is of the whole position; both are negative if short.

    In hedging mode the sign of ``quantity`` names the leg. ``position_side`` is the leg that a quantity of 0
    closes; left out, it closes both.
    """

    strategy: str
    symbol: str
    quantity: Decimal
    cost: Decimal
    reason: str
    position_side: PositionSide | None = None


class Pause(Timed, frozen=True, kw_only=True, tag="pause_strategy"):
    """A strategy gets no market data and no timers, and opens no positions. Its orders and positions stay."""

    strategy: str
    reason: str = ""


class ResumePaused(Timed, frozen=True, kw_only=True, tag="resume_strategy"):
    """A paused strategy goes on."""

    strategy: str
    reason: str = ""


class Release(Timed, frozen=True, kw_only=True, tag="release_strategy"):
    """A strategy that was quarantined because it failed too often is put back into service."""

    strategy: str


class SetStatus(Timed, frozen=True, kw_only=True, tag="trading_status"):
    """The venue opens, halts or closes an instrument."""

    symbol: str
    status: TradingStatus
    reason: str = ""


Command = (
    Halt
    | ReduceOnly
    | Resume
    | CancelAll
    | Flatten
    | Deposit
    | Withdraw
    | SetPosition
    | SetStatus
    | Pause
    | ResumePaused
    | Release
)
"""An entry of ``commands:``; its ``do`` names the command."""


def command_inputs(commands: Iterable[Command], *, start_ts: int, currency: str) -> tuple[Event, ...]:
    """The inputs made from the commands of a run, in order of time. ``currency`` is the account's.

    A command before ``start_ts``, the time of the run's first event, is moved to ``start_ts``, before that
    event.
    """
    timed = sorted(((moment_ns(one.at, key="at"), one) for one in commands), key=lambda pair: pair[0])
    return tuple(_input(one, max(ts, start_ts), currency=currency) for ts, one in timed)


def check_commands(commands: Sequence[Command], *, from_ts: int | None, to_ts: int | None) -> None:
    """Raise ``ConfigError`` for a command that makes no sense, with its number, the key and the value."""
    for number, command in enumerate(commands, start=1):
        where = _where(number, command)
        ts = moment_ns(command.at, key=f"{where}: at")
        if (from_ts is not None and ts < from_ts) or (to_ts is not None and ts > to_ts):
            raise ConfigError(f"{where}: at {command.at} is not between from and to")
        match command:
            case Deposit(amount=amount) | Withdraw(amount=amount):
                if not (amount.is_finite() and 0 < amount <= LARGEST):
                    raise ConfigError(f"{where}: amount {amount} is not above 0 and at most {LARGEST}")
            case SetPosition():
                _check_position(where, command)
            case _:
                pass


def check_in_run(
    commands: Sequence[Command], *, start_ts: int, end_ts: int, strategies: Sequence[StrategyId]
) -> None:
    """Raise ``ConfigError`` for a command outside the period of the data, or for an unknown strategy."""
    for number, command in enumerate(commands, start=1):
        where = _where(number, command)
        ts = moment_ns(command.at, key=f"{where}: at")
        if not start_ts - start_ts % DAY_NS <= ts <= end_ts:
            raise ConfigError(
                f"{where}: at {command.at} is not in the run, which is from {figures.iso(start_ts)} "
                f"to {figures.iso(end_ts)}"
            )
        if isinstance(command, SetPosition | Pause | ResumePaused | Release):
            _check_strategy(where, command.strategy, strategies)


def symbols_named(commands: Sequence[Command]) -> tuple[tuple[str, str], ...]:
    """The symbols that commands name, each as a pair: the place in the list, the symbol."""
    return tuple(
        (f"{_where(number, command)}: symbol", command.symbol)
        for number, command in enumerate(commands, start=1)
        if isinstance(command, CancelAll | Flatten | SetPosition | SetStatus) and command.symbol
    )


def _where(number: int, command: Command) -> str:
    return f"commands: number {number} ({command.__struct_config__.tag})"


def _check_strategy(where: str, strategy: str, known: Sequence[StrategyId]) -> None:
    if strategy not in known:
        raise ConfigError(f"{where}: there is no strategy {strategy!r}; there are: {', '.join(known)}")


def _check_position(where: str, command: SetPosition) -> None:
    quantity, cost = command.quantity, command.cost
    for key, value in (("quantity", quantity), ("cost", cost)):
        if not (value.is_finite() and abs(value) <= LARGEST):
            raise ConfigError(f"{where}: {key} {value} is not a number up to {LARGEST}")
    if not quantity and cost:
        raise ConfigError(f"{where}: cost {cost} of a position of 0; expected 0")
    if quantity * cost < 0:
        raise ConfigError(f"{where}: cost {cost} and quantity {quantity} must have the same sign")


def _input(command: Command, ts: int, *, currency: str) -> Event:
    match command:
        case Halt(reason=reason):
            return HaltTrading(ts, OPERATOR, reason)
        case ReduceOnly(reason=reason):
            return ReduceOnlyTrading(ts, OPERATOR, reason)
        case Resume(reason=reason):
            return ResumeTrading(ts, OPERATOR, reason)
        case CancelAll(symbol=symbol):
            return CancelAllOrders(ts, OPERATOR, symbol)
        case Flatten(symbol=symbol):
            return FlattenPositions(ts, OPERATOR, symbol)
        case Deposit(amount=amount, currency=own, reason=reason):
            return CashMoved(ts, amount, own or currency, reason)
        case Withdraw(amount=amount, currency=own, reason=reason):
            return CashMoved(ts, -amount, own or currency, reason)
        case SetPosition(strategy=strategy, symbol=symbol, quantity=quantity, cost=cost, reason=reason):
            side = command.position_side
            return AdjustPosition(ts, OPERATOR, StrategyId(strategy), symbol, quantity, cost, reason, side)
        case Pause(strategy=strategy, reason=reason):
            return PauseStrategy(ts, OPERATOR, StrategyId(strategy), reason)
        case ResumePaused(strategy=strategy, reason=reason):
            return ResumeStrategy(ts, OPERATOR, StrategyId(strategy), reason)
        case Release(strategy=strategy):
            return ReleaseComponent(ts, OPERATOR, host_name(StrategyId(strategy)))
        case SetStatus(symbol=symbol, status=status, reason=reason):
            return TradingStatusChanged(ts, symbol, status, reason)
        case _:
            assert_never(command)
