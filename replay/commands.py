"""What operators tell a run, written into its configuration: the kill switch, resumption, money, positions.

    commands:
      - {at: 2008-10-01, do: halt, reason: the market is in panic}
      - {at: 2008-11-03T14:30:00, do: resume}

Each becomes an input of the run's own at its time, with the operator ``configuration``: after all data
stamped up to then, before the first that is later. Of several at one time the first in the list comes first.
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
"""Of an amount, a cost or a quantity: beyond it cents would be lost in the digits of a product."""


class Timed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="do"):
    """``at`` is a UTC day, whose beginning is meant, or a moment."""

    at: str


class Halt(Timed, frozen=True, kw_only=True, tag="halt"):
    """The kill switch: nothing is let out, and what works is cancelled."""

    reason: str = ""


class ReduceOnly(Timed, frozen=True, kw_only=True, tag="reduce_only"):
    """Only what makes positions smaller is let out."""

    reason: str = ""


class Resume(Timed, frozen=True, kw_only=True, tag="resume"):
    """Everything is let out again, and every limit that was breached watches again."""

    reason: str = ""


class CancelAll(Timed, frozen=True, kw_only=True, tag="cancel_all"):
    """Working orders are cancelled, of ``symbol`` if named."""

    symbol: str = ""


class Flatten(Timed, frozen=True, kw_only=True, tag="flatten"):
    """Positions are closed, of ``symbol`` if named."""

    symbol: str = ""


class Deposit(Timed, frozen=True, kw_only=True, tag="deposit"):
    """Money comes in; ``currency`` left out is the account's."""

    amount: Decimal
    currency: str = ""
    reason: str = "deposit"


class Withdraw(Timed, frozen=True, kw_only=True, tag="withdraw"):
    """Money goes out: ``amount`` is above 0."""

    amount: Decimal
    currency: str = ""
    reason: str = "withdrawal"


class SetPosition(Timed, frozen=True, kw_only=True, tag="adjust_position"):
    """A strategy's position is this: ``quantity`` and what it cost altogether, both negative if short."""

    strategy: str
    symbol: str
    quantity: Decimal
    cost: Decimal
    reason: str


class Pause(Timed, frozen=True, kw_only=True, tag="pause_strategy"):
    """A strategy gets no market data and no timers, and opens nothing; its orders and positions stay."""

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
"""A line of ``commands:``; ``do`` tells which."""


def command_inputs(commands: Iterable[Command], *, start_ts: int, currency: str) -> tuple[Event, ...]:
    """The inputs that the commands of a run come to, in order of time; ``currency`` is the account's.

    What is for a moment before ``start_ts``, when the run's first event happens, comes then, before it.
    """
    timed = sorted(((moment_ns(one.at, key="at"), one) for one in commands), key=lambda pair: pair[0])
    return tuple(_input(one, max(ts, start_ts), currency=currency) for ts, one in timed)


def check_commands(commands: Sequence[Command], *, from_ts: int | None, to_ts: int | None) -> None:
    """Refuse what makes no sense: ``ConfigError`` with the place in the list, the key and the value."""
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
    """Refuse what the run would never come to: a time outside its data, a strategy that it does not have."""
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
    """Where a symbol is named, and which."""
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
        raise ConfigError(f"{where}: cost {cost} has not the sign of quantity {quantity}")


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
            return AdjustPosition(ts, OPERATOR, StrategyId(strategy), symbol, quantity, cost, reason)
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
