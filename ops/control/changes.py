"""Changes of limits, capital, parameters and code while the daemon trades.

Each is a change of the session between two events (``replay.live_change``). It is checked as a configuration
is at a start, and if it cannot be made, it is refused and nothing is recorded. It holds over restarts, until
the configuration file itself is edited.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

import msgspec

from components.assembly.settings import StrategyConfig
from kernel.configuration import convert_config
from kernel.decimals import exact
from kernel.errors import ComponentError, ConfigError, InputError
from ops.control.asked import Asked, record_of
from ops.control.problems import Refused
from ops.control.receipts import Receipt, Receipts
from ops.control.requests import (
    Command,
    DeployStrategy,
    PromoteStrategy,
    ReloadStrategy,
    RollBackStrategy,
    SetCapital,
    SetLimits,
    SetParameters,
)
from ops.daemon.deploying import Deploying
from ops.daemon.reloading import Reloading
from ops.daemon.wanted_deployment import Wanted
from replay.config import ReplayConfig
from replay.deploying.canary_schedule import steps_of
from replay.deploying.deployments import Deployment
from replay.live_change import Change
from replay.session import LiveSession
from strategies.sdk.limits import RiskLimits
from strategies.sdk.strategy_limits import Capital, StrategyLimits

BodyT = TypeVar("BodyT", bound=Command)
LimitsT = TypeVar("LimitsT", bound=msgspec.Struct)


class Changes:
    """Changes of one daemon, one after another."""

    def __init__(
        self, session: LiveSession, receipts: Receipts, reloading: Reloading, deploying: Deploying
    ) -> None:
        self._session = session
        self._receipts = receipts
        self._reloading = reloading
        self._deploying = deploying
        self._turn = asyncio.Lock()

    async def limits(self, asked: Asked, body: SetLimits) -> Receipt:
        """Change limits of the account, or of a strategy; the others stay. ``null`` takes a limit away."""
        if not body.strategy:
            return await self._configure(asked, body, self._with_account_limits)
        return await self._configure(asked, body, self._with_strategy_limits)

    async def capital(self, asked: Asked, body: SetCapital) -> Receipt:
        """Change the capital of a strategy; without a number it may use the whole account."""
        return await self._configure(asked, body, self._with_capital)

    async def parameters(self, asked: Asked, body: SetParameters) -> Receipt:
        """Change parameters of a strategy; the others stay. It starts again unless they are tunable."""
        return await self._configure(asked, body, self._with_params)

    async def reload(self, asked: Asked, body: ReloadStrategy) -> Receipt:
        """Load the code of a strategy's file again, after a trial on the recent past."""
        who = asked.caller.name
        return await self._make(
            asked,
            body,
            lambda: self._reloading.reload(
                body.strategy, operator=who, reason=body.reason, is_forced=body.force
            ),
        )

    async def roll_back(self, asked: Asked, body: RollBackStrategy) -> Receipt:
        """Go back at once to the version before of a strategy, or to recorded code by its hash."""
        who, now = asked.caller.name, ""

        async def roll_back() -> None:
            nonlocal now
            now = await self._deploying.roll_back(
                body.strategy, to=body.to, orphan=body.positions, operator=who, reason=body.reason
            )

        return msgspec.structs.replace(await self._make(asked, body, roll_back), now=now)

    async def deploy(self, asked: Asked, body: DeployStrategy) -> Receipt:
        """Put a version of a strategy into force, at the first step of its schedule."""

        deployed: Deployment | None = None

        async def deploy() -> None:
            nonlocal deployed
            wanted = Wanted(
                name=body.strategy,
                entry=body.settings,
                steps=steps_of(body.schedule),
                max_drawdown=body.max_drawdown,
                flattens=body.flatten_on_stop,
                code=body.code,
                judged=body.gate,
                forced=body.force,
            )
            deployed = await self._deploying.deploy(wanted, operator=asked.caller.name, reason=body.reason)

        receipt = await self._make(asked, body, deploy)
        if deployed is None:
            return receipt
        return msgspec.structs.replace(receipt, strategy=deployed.event.strategy)

    async def promote(self, asked: Asked, body: PromoteStrategy) -> Receipt:
        """Take the next step of a deployment's schedule at once."""
        who = asked.caller.name
        return await self._make(
            asked, body, lambda: self._deploying.promote(body.strategy, operator=who, reason=body.reason)
        )

    # --- making a change ----------------------------------------------------------------------

    async def _configure(
        self, asked: Asked, body: BodyT, changed: Callable[[ReplayConfig, BodyT], ReplayConfig]
    ) -> Receipt:
        async def change() -> None:
            config = changed(self._session.plan.config, body)
            await self._session.change(Change(operator=asked.caller.name, reason=body.reason, config=config))

        return await self._make(asked, body, change)

    async def _make(self, asked: Asked, body: Command, change: Callable[[], Awaitable[object]]) -> Receipt:
        """Make a change, then record its request. A change that is refused is not recorded here."""
        record = record_of(asked, body)
        async with self._turn:
            if not (record.key and self._receipts.knows(record)):
                with _refusing():
                    await change()
            return await self._receipts.post(self._session.engine, (), record)

    # --- the changed configurations -----------------------------------------------------------

    @exact
    def _with_account_limits(self, config: ReplayConfig, body: SetLimits) -> ReplayConfig:
        limits = _merged(config.risk, body.limits, RiskLimits)
        return msgspec.structs.replace(config, risk=limits)

    @exact
    def _with_strategy_limits(self, config: ReplayConfig, body: SetLimits) -> ReplayConfig:
        entry = self._entry(body.strategy)
        limits = _merged(entry.limits, body.limits, StrategyLimits)
        return _with_entry(config, entry, msgspec.structs.replace(entry, limits=limits))

    @exact
    def _with_capital(self, config: ReplayConfig, body: SetCapital) -> ReplayConfig:
        entry = self._entry(body.strategy)
        is_whole = body.fraction is None and body.amount is None
        capital = None if is_whole else Capital(fraction=body.fraction, amount=body.amount)
        return _with_entry(config, entry, msgspec.structs.replace(entry, capital=capital))

    def _with_params(self, config: ReplayConfig, body: SetParameters) -> ReplayConfig:
        entry = self._entry(body.strategy)
        params = {**entry.params, **body.params}
        return _with_entry(config, entry, msgspec.structs.replace(entry, params=params))

    def _entry(self, name: str) -> StrategyConfig:
        """The strategy's entry in the configuration."""
        plan = self._session.plan
        entries = zip(plan.strategies, plan.config.enabled_strategies, strict=True)
        found = next((entry for planned, entry in entries if planned.strategy_id == name), None)
        if found is None:
            known = ", ".join(one.strategy_id for one in plan.strategies)
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no strategy {name!r}; there are: {known}")
        return found


def _merged(limits: msgspec.Struct, given: Mapping[str, object], kind: type[LimitsT]) -> LimitsT:
    """Limits with other values. Raises ``Refused`` for one that there is not, or that has a wrong value."""
    present = {
        field.encode_name: msgspec.to_builtins(getattr(limits, field.name))
        for field in msgspec.structs.fields(limits)
    }
    try:
        return convert_config({**present, **given}, kind, where="limits")
    except ConfigError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None


def _with_entry(config: ReplayConfig, old: StrategyConfig, new: StrategyConfig) -> ReplayConfig:
    entries = tuple(new if one is old else one for one in config.strategies)
    return msgspec.structs.replace(config, strategies=entries)


@contextmanager
def _refusing() -> Generator[None]:
    """Turn the reason why a change cannot be made into a refusal."""
    try:
        yield
    except (ConfigError, InputError, ComponentError) as error:
        raise Refused(HTTPStatus.CONFLICT, str(error)) from error
