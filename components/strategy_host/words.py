"""A strategy's own words and figures, from ``ctx.log`` to the log.

What it remembers: the words of the hook call that runs now, until the host makes events of them. What changes
it: ``ctx.log`` adds, ``take`` empties, the next hook call begins anew. Between two events it is empty, or
holds what a hook said before it raised, which nobody takes: so it is no part of the state.

Words come into the log in the order of the strategy's code: those that were said before a decision was
yielded come before that decision's events, those said last come last. A hook that raises leaves neither
decisions nor words. Words that cannot be recorded become a ``DecisionRefused`` in their place.
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
"""Calls of ``ctx.log`` that are recorded from one hook call."""

MAX_FIGURES = 50
"""Figures beside one text: more are a table, which belongs into a file."""

LARGEST_INTEGER = 2**63 - 1
"""Beyond it, on either side, an event cannot hold a whole number."""

EventT = TypeVar("EventT", bound=Event)


class Words:
    """What one strategy says during a hook call. ``is_heard``: its hooks are run by ``listening``."""

    def __init__(self, strategy: StrategyId, *, is_heard: bool) -> None:
        self.said: list[StrategyLogged | DecisionRefused] = []
        """Not yet taken, in the order of the calls."""
        self._strategy = strategy
        self._is_heard = is_heard
        self._count = 0

    def listening(self, hook: Callable[[EventT], object]) -> Callable[[EventT], object]:
        """A hook whose words reach the host even if it returns nothing.

        Only hooks of strategies that log are run through it: it takes 0.1 us a call.
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
        """Take what ``ctx.log`` was given."""
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
        """What was said since the last time, as events."""
        taken: list[Event] = list(self.said)
        self.said.clear()
        return taken


def _figure(name: str, value: Anything) -> LoggedFigure:
    """A figure as the log can hold it; raises ``ValueError``. numpy's become Python's."""
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
