"""The table of all requests: the routes of the server and the OpenAPI document are made from it."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from ops.alerts.status import AlertsStatus
from ops.control.asked import Asked
from ops.control.changes import Changes
from ops.control.commands import Commands
from ops.control.log_views import Fills
from ops.control.receipts import Receipt
from ops.control.requests import (
    AcknowledgeAlert,
    AdjustHeld,
    AdviceAsked,
    BookCash,
    CancelMany,
    CancelOne,
    Command,
    ConfirmLive,
    DeployStrategy,
    DifferenceAsked,
    FillsAsked,
    Flatten,
    Grave,
    Nothing,
    OfStrategy,
    OneStrategy,
    PostSignals,
    PromoteStrategy,
    ReleaseKillSwitch,
    ReleaseStrategy,
    ReloadStrategy,
    RollBackStrategy,
    SetCapital,
    SetLimits,
    SetParameters,
    StopStrategy,
    StreamAsked,
)
from ops.control.roles import Role
from ops.control.shown import Shown
from ops.control.signals import Signals
from ops.control.views import Difference, Health, LimitsView, StrategyView, VersionView
from ops.daemon.status import DaemonStatus, HeldPosition, OpenOrder
from replay.advice import AdviceList

PREFIX = "/v1"

BodyT = TypeVar("BodyT", bound=Command)
# The table holds routes of every body and reply; each route's own functions fit each other.
AnyAnswer = Callable[[Any], object]
AnyCommand = Callable[[Asked, Any], Awaitable[Receipt]]
Streaming = Callable[[web.Request, Any], Awaitable[web.StreamResponse]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A request.

    - ``answer``: of a question, from its settings (``query``): the reply, or an awaitable of it.
    - ``command``: carries out the command in a ``body``.
    - ``streaming``: answers a WebSocket.
    - ``reply``: its type; ``None`` for text of ``media_type`` and for a stream.
    - ``not_ready``: what status 503 means here, if the reply comes with it too.
    """

    method: str
    path: str
    role: Role
    doc: str
    reply: Any = None
    query: type[msgspec.Struct] = Nothing
    body: type[Command] | None = None
    answer: AnyAnswer | None = None
    command: AnyCommand | None = None
    streaming: Streaming | None = None
    media_type: str = ""
    not_ready: str | None = None

    @property
    def is_stream(self) -> bool:
        """Whether it is a WebSocket."""
        return self.streaming is not None


def routes_of(
    shown: Shown, commands: Commands, changes: Changes, signals: Signals, streaming: Streaming
) -> tuple[Route, ...]:
    """All requests to a daemon, except that for the document."""
    return (
        *_questions(shown),
        _stream(streaming),
        *_commands(commands),
        *_changes(changes),
        _command("/signals", PostSignals, signals.post),
    )


def _questions(shown: Shown) -> Sequence[Route]:
    def question(path: str, reply: object, answer: AnyAnswer, doc: str, **more: Any) -> Route:
        return Route(
            method="GET", path=PREFIX + path, role=Role.READ, doc=doc, reply=reply, answer=answer, **more
        )  # the settings of a route

    return (
        question("/status", DaemonStatus, shown.status, "The figures of now."),
        question("/health/live", Health, shown.live, "Whether the daemon runs: its event loop answers."),
        question(
            "/health/ready",
            Health,
            shown.ready,
            "Whether it is ready to trade: recovered, and every feed may deliver.",
            not_ready="It is not ready.",
        ),
        question("/metrics", None, shown.metrics, "The figures for Prometheus.", media_type="text/plain"),
        question("/positions", tuple[HeldPosition, ...], shown.positions, "The open positions."),
        question("/orders", tuple[OpenOrder, ...], shown.orders, "The orders that are not finished."),
        question("/fills", Fills, shown.fills, "The latest fills, oldest first.", query=FillsAsked),
        question(
            "/advice",
            AdviceList,
            shown.advice,
            "The latest decisions of strategies, oldest first, and what became of them on paper.",
            query=AdviceAsked,
        ),
        question(
            "/strategies",
            tuple[StrategyView, ...],
            shown.strategies,
            "The strategies: state, parameters, version, P&L.",
        ),
        question(
            "/strategies/versions",
            tuple[VersionView, ...],
            shown.versions,
            "The recorded code of a strategy, in the order in which it came.",
            query=OneStrategy,
        ),
        question(
            "/strategies/diff",
            Difference,
            shown.difference,
            "The lines in which recorded code of a strategy, or its file, differs from the code that runs.",
            query=DifferenceAsked,
        ),
        question("/alerts", AlertsStatus, shown.alerts, "The alerts that are open, and the channels."),
        question("/limits", LimitsView, shown.limits, "The limits, and what restricts trading now."),
        question("/config", dict[str, Any], shown.config, "The configuration in force; secrets by name."),
    )


def _stream(streaming: Streaming) -> Route:
    return Route(
        method="GET",
        path=f"{PREFIX}/stream",
        role=Role.READ,
        doc="A WebSocket that tells changes of the status, and events.",
        query=StreamAsked,
        streaming=streaming,
    )


def _command(
    path: str,
    body: type[BodyT],
    act: Callable[[Asked, BodyT], Awaitable[Receipt]],
    *,
    role: Role = Role.TRADE,
) -> Route:
    return Route(
        method="POST",
        path=PREFIX + path,
        role=role,
        doc=(act.__doc__ or "").strip(),
        reply=Receipt,
        body=body,
        command=act,
    )


def _changes(changes: Changes) -> Sequence[Route]:
    return (
        _command("/limits", SetLimits, changes.limits, role=Role.ADMIN),
        _command("/capital", SetCapital, changes.capital, role=Role.ADMIN),
        _command("/parameters", SetParameters, changes.parameters, role=Role.ADMIN),
        _command("/strategies/reload", ReloadStrategy, changes.reload, role=Role.ADMIN),
        _command("/strategies/rollback", RollBackStrategy, changes.roll_back, role=Role.ADMIN),
        _command("/deployments/deploy", DeployStrategy, changes.deploy, role=Role.ADMIN),
        _command("/deployments/promote", PromoteStrategy, changes.promote, role=Role.ADMIN),
    )


def _commands(commands: Commands) -> Sequence[Route]:
    return (
        _command("/pause", OfStrategy, commands.pause),
        _command("/resume", OfStrategy, commands.resume),
        _command("/stop", StopStrategy, commands.stop),
        _command("/release", ReleaseStrategy, commands.release),
        _command("/trading/halt", Command, commands.halt),
        _command("/trading/reduce-only", Command, commands.reduce_only),
        _command("/trading/resume", Grave, commands.resume_trading),
        _command("/orders/cancel", CancelOne, commands.cancel),
        _command("/orders/cancel-all", CancelMany, commands.cancel_all),
        _command("/flatten", Flatten, commands.flatten),
        _command("/kill", Command, commands.kill),
        _command("/kill/release", ReleaseKillSwitch, commands.release_kill, role=Role.ADMIN),
        _command("/positions/adjust", AdjustHeld, commands.adjust, role=Role.ADMIN),
        _command("/cash", BookCash, commands.book_cash, role=Role.ADMIN),
        _command("/live/confirm", ConfirmLive, commands.go_live, role=Role.ADMIN),
        _command("/alerts/ack", AcknowledgeAlert, commands.acknowledge),
        _command("/snapshot", Command, commands.snapshot),
        _command("/roll", Command, commands.roll, role=Role.ADMIN),
        _command("/shutdown", Grave, commands.shut_down, role=Role.ADMIN),
    )


def ready_status(health: object) -> HTTPStatus:
    """503 for a daemon that is not ready."""
    is_ready = not isinstance(health, Health) or health.ready
    return HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
