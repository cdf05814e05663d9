"""Answers to the questions of the control API, from the daemon as it is when it is asked."""

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus

from eventstore import EventStore
from kernel.errors import ConfigError, InputError
from kernel.identifiers import StrategyId
from ops.alerts.status import AlertsStatus
from ops.control.log_views import Fills, latest_fills
from ops.control.problems import Refused
from ops.control.prometheus import exposition, families_of
from ops.control.requests import AdviceAsked, DifferenceAsked, FillsAsked, Nothing, OneStrategy
from ops.control.views import (
    Difference,
    Health,
    LimitsView,
    StrategyView,
    VersionView,
    config_of,
    limits_of,
    strategies_of,
)
from ops.daemon.reloading import Reloading
from ops.daemon.status import DaemonStatus, HeldPosition, OpenOrder, orders_of, positions_of
from replay.advice import AdviceList, latest_advice
from replay.session import LiveSession


class Shown:
    """What a daemon shows. ``status`` computes its figures, ``answered`` counts requests."""

    def __init__(
        self,
        session: LiveSession,
        store: EventStore,
        *,
        log: str,
        status: Callable[[], DaemonStatus],
        answered: Counter[tuple[str, int]],
        reloading: Reloading,
    ) -> None:
        self._session = session
        self._store = store
        self._log = log
        self._status = status
        self._answered = answered
        self._reloading = reloading

    def status(self, _: Nothing) -> DaemonStatus:
        """The figures of now."""
        return self._status()

    def live(self, _: Nothing) -> Health:
        """That it answers is the answer."""
        return Health(live=True, ready=self._status().is_ready)

    def ready(self, _: Nothing) -> Health:
        """Whether it is ready to trade."""
        return self.live(_)

    def metrics(self, _: Nothing) -> str:
        """The figures for Prometheus."""
        return exposition(families_of(self._status(), self._answered))

    def positions(self, _: Nothing) -> tuple[HeldPosition, ...]:
        """The open positions of all strategies."""
        return positions_of(self._session)

    def orders(self, _: Nothing) -> tuple[OpenOrder, ...]:
        """The orders that are not finished, oldest first."""
        return orders_of(self._session)

    async def fills(self, asked: FillsAsked) -> Fills:
        """The latest fills in the log."""
        last_seq = self._session.engine.last_seq
        return await latest_fills(
            self._store, self._log, last_seq=last_seq, limit=asked.limit, symbol=asked.symbol
        )

    async def advice(self, asked: AdviceAsked) -> AdviceList:
        """The latest advice in the log."""
        return await latest_advice(
            self._store,
            self._log,
            last_seq=self._session.engine.last_seq,
            limit=asked.limit,
            symbol=asked.symbol,
            strategy=asked.strategy,
        )

    def strategies(self, _: Nothing) -> tuple[StrategyView, ...]:
        """The strategies, in order of loading."""
        return strategies_of(self._session)

    async def versions(self, asked: OneStrategy) -> tuple[VersionView, ...]:
        """The recorded code of a strategy, in the order in which it came."""
        loaded = {one.strategy_id: one.loaded.code_hash for one in self._session.plan.strategies}
        return tuple(
            VersionView(
                code_hash=one.code_hash,
                version=one.version,
                first_ts=one.first_ts,
                last_ts=one.last_ts,
                is_refused=one.is_refused,
                is_running=loaded.get(StrategyId(asked.strategy)) == one.code_hash,
            )
            for one in await self._reloading.versions(asked.strategy)
        )

    async def difference(self, asked: DifferenceAsked) -> Difference:
        """Recorded code, or that of the file, against the code that runs. Raises ``Refused``."""
        try:
            return Difference(lines=await self._reloading.diff(asked.strategy, to=asked.to))
        except (ConfigError, InputError) as error:
            raise Refused(HTTPStatus.NOT_FOUND, str(error)) from error

    def alerts(self, _: Nothing) -> AlertsStatus:
        """The alerts that are open, and the channels."""
        return self._status().alerts

    def limits(self, _: Nothing) -> LimitsView:
        """The limits in force."""
        return limits_of(self._session)

    def config(self, _: Nothing) -> dict[str, object]:
        """The configuration in force."""
        return config_of(self._session)
