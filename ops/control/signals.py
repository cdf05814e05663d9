"""Signals of outside models: each becomes an input of the log, which strategies get by ``on_signal``.

Nothing is decided here, except that a signal which nobody would get is refused with a sentence. All signals
of a request are taken, or none.
"""

from http import HTTPStatus

from kernel.events import SignalField, SignalPosted
from kernel.time_units import SECOND_NS
from ops.control.asked import NOW, Asked, record_of
from ops.control.problems import Refused
from ops.control.receipts import Receipt, Receipts
from ops.control.requests import OutsideSignal, PostSignals
from replay.session import LiveSession


class Signals:
    """Takes the signals for the strategies of one daemon."""

    def __init__(self, session: LiveSession, receipts: Receipts) -> None:
        self._session = session
        self._receipts = receipts

    async def post(self, asked: Asked, body: PostSignals) -> Receipt:
        """Give strategies signals of an outside model, in their order."""
        who = asked.caller.name
        posted = [_event(who, body.source, one) for one in body.signals if self._is_wanted(one)]
        return await self._receipts.post(self._session.engine, posted, record_of(asked, body))

    def _is_wanted(self, signal: OutsideSignal) -> bool:
        """Whether a strategy would get it. Raises ``Refused`` with the reason if none would."""
        core, strategies = self._session.core, self._session.plan.strategies
        if signal.value is None and signal.direction is None and not signal.fields:
            raise Refused(HTTPStatus.CONFLICT, "a signal needs a value, a direction or fields")
        named = [one for one in strategies if signal.strategy in ("", one.strategy_id)]
        if not named:
            there = ", ".join(one.strategy_id for one in strategies)
            raise Refused(
                HTTPStatus.NOT_FOUND, f"there is no strategy {signal.strategy!r}; there are: {there}"
            )
        hearing = [one for one in named if one.loaded.strategy.has_hook("on_signal")]
        if not hearing:
            who = (
                f"strategy {signal.strategy!r} takes no signals"
                if signal.strategy
                else "no strategy takes signals"
            )
            raise Refused(HTTPStatus.CONFLICT, f"{who}: its code has no on_signal")
        symbols = dict.fromkeys(symbol for one in hearing for symbol in one.symbols)
        if signal.symbol and signal.symbol not in symbols:
            raise Refused(
                HTTPStatus.NOT_FOUND,
                f"no strategy takes signals about {signal.symbol!r}; there are: {', '.join(symbols)}",
            )
        if 0 < signal.expire_s * SECOND_NS <= core.bus.now:
            raise Refused(HTTPStatus.CONFLICT, f"the signal about {signal.symbol!r} has expired")
        return True


def _event(who: str, source: str, signal: OutsideSignal) -> SignalPosted:
    return SignalPosted(
        NOW,
        who,
        source,
        signal.symbol,
        signal.strategy,
        signal.value,
        signal.direction,
        signal.strength,
        int(signal.expire_s * SECOND_NS),
        tuple(SignalField(name, value) for name, value in signal.fields.items()),
    )
