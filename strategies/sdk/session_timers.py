"""Short ways to set timers relative to the open or close of a trading session.

    def on_start(self):
        return before_close("flat", "AAPL", minutes=5, every_session=True)

``SetSessionTimer`` explains each term.
"""

from kernel.identifiers import TimerName
from kernel.time_units import SECOND_NS
from strategies.sdk.decisions import SessionMoment, SetSessionTimer


def before_open(
    name: str, symbol: str, *, minutes: float = 0, seconds: float = 0, every_session: bool = False
) -> SetSessionTimer:
    """A timer this long before a session opens."""
    return _timer(name, symbol, SessionMoment.OPEN, -_ns(minutes, seconds), every_session=every_session)


def after_open(
    name: str, symbol: str, *, minutes: float = 0, seconds: float = 0, every_session: bool = False
) -> SetSessionTimer:
    """A timer this long after a session opens."""
    return _timer(name, symbol, SessionMoment.OPEN, _ns(minutes, seconds), every_session=every_session)


def before_close(
    name: str, symbol: str, *, minutes: float = 0, seconds: float = 0, every_session: bool = False
) -> SetSessionTimer:
    """A timer this long before a session closes."""
    return _timer(name, symbol, SessionMoment.CLOSE, -_ns(minutes, seconds), every_session=every_session)


def after_close(
    name: str, symbol: str, *, minutes: float = 0, seconds: float = 0, every_session: bool = False
) -> SetSessionTimer:
    """A timer this long after a session closes."""
    return _timer(name, symbol, SessionMoment.CLOSE, _ns(minutes, seconds), every_session=every_session)


def _ns(minutes: float, seconds: float) -> int:
    return round((minutes * 60 + seconds) * SECOND_NS)


def _timer(
    name: str, symbol: str, moment: SessionMoment, offset_ns: int, *, every_session: bool
) -> SetSessionTimer:
    return SetSessionTimer(TimerName(name), symbol, moment, offset_ns, every_session)
