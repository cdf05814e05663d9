"""Records a strategy's own words and figures: ``ctx.log``.

What it remembers: the words of the present hook call, until the host makes events of them. They are not part
of the state, because words of a failed hook are dropped at the next call.

What changes it: ``ctx.log`` adds words, ``take`` empties it, and each hook call starts with an empty list.

The log has words in the order of the strategy's code: words before a yielded decision come before the events
of that decision. A hook that raises leaves neither decisions nor words. Words that cannot be recorded become
a ``DecisionRefused`` at the same place.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isfinite
from numbers import Integral, Real
from typing import TypeVar

from components.strategy_host.plain_values import NAME_LIMIT, Anything, text
from kernel.errors import ComponentError
from kernel.events import DecisionRefused, Event, LoggedFigure, StrategyLogged
from kernel.identifiers import StrategyId
from kernel.loggable import message_of

MAX_LOGGED = 100
"""The most calls of ``ctx.log`` that are recorded in one hook call."""

MAX_FIGURES = 50
"""The most figures of one call; a larger table belongs in a file."""

LARGEST_INTEGER = 2**63 - 1
"""The largest absolute value of a whole number in an event."""

EventT = TypeVar("EventT", bound=Event)


class Words:
    """The words of one strategy in a hook call. ``is_heard``: its hooks run through ``listening``."""

    def __init__(self, strategy: StrategyId, *, is_heard: bool) -> None:
        self.said: list[StrategyLogged | DecisionRefused] = []
        """Words not yet taken, in the order of the calls."""
        self._strategy = strategy
        self._is_heard = is_heard
        self._count = 0

    def listening(self, hook: Callable[[EventT], object]) -> Callable[[EventT], object]:
        """A hook that returns an empty tuple instead of ``None`` if it logged words.

        So the translator is called. Only strategies that log pay for it: 0.1 us a call.
        """
        if not self._is_heard:
            return hook

        def call(event: EventT) -> object:
            self.said.clear()
            self._count = 0
            returned = hook(event)
            return () if returned is None and self.said else returned

        return call

    def say(self, ts: int, words: object, figures: Mapping[str, object]) -> None:
        """Add the words and figures of one call of ``ctx.log``."""
        if not self._is_heard:
            raise ComponentError(
                f"ctx.log: the code of {self._strategy!r} does not show that it logs; "
                "let its method uses_log() return True"
            )
        self._count += 1
        if self._count > MAX_LOGGED + 1:
            return
        try:
            if self._count > MAX_LOGGED:
                raise ValueError(
                    f"expected at most {MAX_LOGGED} calls from one hook call; the rest is left out"
                )
            if len(figures) > MAX_FIGURES:
                raise ValueError(f"expected at most {MAX_FIGURES} figures; got {len(figures)}")
            made = tuple(_figure(name, value) for name, value in figures.items())
            self.said.append(StrategyLogged(ts, self._strategy, text(words, "words"), made))
        except ValueError as problem:
            self.said.append(DecisionRefused(ts, self._strategy, "", f"log: {message_of(problem)}"))

    def take(self) -> list[Event]:
        """The events of the words since the last call."""
        taken: list[Event] = list(self.said)
        self.said.clear()
        return taken


def _figure(name: str, value: Anything) -> LoggedFigure:
    """A figure for the log; raises ``ValueError``. Numbers of numpy become Python's."""
    name = text(name, "the name of a figure", at_most=100)
    if value is None or value is True or value is False:
        return LoggedFigure(name, value)
    if isinstance(value, Decimal):
        if not value.is_finite() or len(value.as_tuple().digits) > NAME_LIMIT:
            raise ValueError(f"{name}: expected a finite Decimal; got {value!r}")
        return LoggedFigure(name, exact=value)
    if isinstance(value, str):
        return LoggedFigure(name, text(value, name))
    if isinstance(value, Integral):
        whole = int(value)
        if abs(whole) > LARGEST_INTEGER:
            raise ValueError(f"{name}: expected a whole number within {LARGEST_INTEGER}; use a Decimal")
        return LoggedFigure(name, whole)
    if isinstance(value, Real):
        number = float(value)
        return LoggedFigure(name, number if isfinite(number) else str(number))
    raise ValueError(
        f"{name}: expected an int, a float, a text, a bool, a Decimal or None; got {type(value).__name__}"
    )
