"""The prompt of ``replay step``: one line is one command, from a person, a script or ``-c``.

``StepPrompt`` remembers the timeline, the breakpoints, the last part that was played, and the states of the
moment before the last move. It prints text; an error in a command is a sentence, and the prompt goes on.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal

import click
import msgspec

from eventstore.moments import iso_utc
from eventstore.vocabulary import symbol_of
from kernel.errors import InputError, OnetapeError
from kernel.events import Event
from ops.event_lines import EVENT_NAMES, LoggedEvent, human_line
from replay.past.conditions import Condition, Facts
from replay.past.core import time_ns
from replay.past.log_player import Part
from replay.past.states import Plain, changes_between, states_of, value_at
from replay.past.timeline import Timeline

HELP = """\
go SEQ | TIME | end     after a record of the log, at a time (2024-05-01 or 2024-05-01T14:30:00Z), at the end
input NUMBER            after an input
step [COUNT]            play the next inputs
back [COUNT]            undo inputs
next TYPE [SYMBOL]      play to the next event of a type, or of a type and symbol
next SYMBOL             play to the next event of a symbol
until CONDITION         play until a condition holds: until type == "OrderFilled" and price > 100
break CONDITION         add a breakpoint; run stops there
breaks, delete NUMBER   list breakpoints, remove one
run                     play to the next breakpoint, or to the end
events                  the last input and all that it caused
where                   the moment: seq, input, time, equity, positions
show [PATH]             the components, or a state: show portfolio, show portfolio.cash
diff [PATH]             what the last move changed in the states
json PATH               a state as one line of JSON
help, quit"""

SHOWN = 40
"""Most lines of a state or of changes."""


class StepPrompt:
    """Runs the commands of one session."""

    def __init__(self, timeline: Timeline, echo: Callable[[str], None] = click.echo) -> None:
        self._timeline = timeline
        self._echo = echo
        self._breaks: dict[int, Condition] = {}
        self._last: Part | None = None
        self._before: dict[str, Plain] = states_of(timeline.core)
        self._moves: Mapping[str, Callable[[str], Awaitable[None]]] = {
            "go": self._go,
            "input": self._input,
            "step": self._step,
            "back": self._back,
            "next": self._next,
            "until": self._until,
            "run": self._run,
        }
        self._views: Mapping[str, Callable[[str], None]] = {
            "break": self._break,
            "breaks": self._list_breaks,
            "delete": self._delete,
            "events": self._events,
            "where": self._where,
            "show": self._show,
            "diff": self._diff,
            "json": self._json,
            "help": lambda _: self._echo(HELP),
        }

    async def do(self, line: str) -> bool:
        """Run one command; whether it was one that could be done."""
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        try:
            if word in self._moves:
                before = states_of(self._timeline.core)
                await self._moves[word](rest)
                self._before = before
                self._where("")
            elif word in self._views:
                self._views[word](rest)
            elif word:
                raise InputError(f"there is no command {word!r}; see help")
        except OnetapeError as error:
            self._echo(str(error))
            return False
        return True

    # --- moves --------------------------------------------------------------------------------

    async def _go(self, where: str) -> None:
        self._last = None
        if where == "end":
            await self._timeline.goto_end()
        elif where.isdecimal():
            await self._timeline.goto_seq(int(where))
        else:
            ts = time_ns(where or None, key="go")
            if ts is None:
                raise InputError("go: expected a seq, a time, or end")
            await self._timeline.goto_time(ts)

    async def _input(self, number: str) -> None:
        self._last = None
        await self._timeline.goto_number(_count(number, default=None))

    async def _step(self, count: str) -> None:
        for _ in range(_count(count, default=1)):
            part = await self._timeline.step()
            if part is None:
                self._echo("the end of the log")
                return
            self._last = part
            self._events("")

    async def _back(self, count: str) -> None:
        self._last = None
        await self._timeline.back(_count(count, default=1))

    async def _next(self, rest: str) -> None:
        first, _, second = rest.partition(" ")
        kind = {name.lower(): kind for name, kind in EVENT_NAMES.items()}.get(first.lower())
        symbol = second.strip() if kind is not None else first
        if not rest or (kind is None and second):
            raise InputError(f"next {rest}: expected the type of an event, a symbol, or both")

        def is_sought(event: Event) -> bool:
            return (kind is None or isinstance(event, kind)) and (not symbol or symbol_of(event) == symbol)

        self._found(await self._timeline.run_to_event(is_sought))

    async def _until(self, text: str) -> None:
        await self._run_to([Condition(text)])

    async def _run(self, rest: str) -> None:
        if rest:
            raise InputError("run takes no argument; see until")
        await self._run_to([*self._breaks.values()])

    async def _run_to(self, conditions: Sequence[Condition]) -> None:
        """Play until one of the conditions holds. Those of events alone are searched for in large steps."""
        timeline = self._timeline
        if not conditions:
            await timeline.goto_end()
        elif any(one.needs_core for one in conditions):
            self._found(await timeline.run_to(lambda part: self._holding(conditions, part)))
        else:
            facts = (timeline.core, 0)
            found = await timeline.run_to_event(
                lambda event: any(one.holds(Facts(event, *facts)) for one in conditions)
            )
            self._found(found)

    def _holding(self, conditions: Sequence[Condition], part: Part) -> bool:
        core, seq = self._timeline.core, self._timeline.moment.seq
        events = (*part.inputs, *part.records.events)
        return any(
            one.holds(Facts(event, core, seq))
            for one in conditions
            for event in (events if one.needs_event else events[:1])
        )

    def _found(self, part: Part | None) -> None:
        self._last = part
        self._echo("the end of the log") if part is None else self._events("")

    # --- breakpoints --------------------------------------------------------------------------

    def _break(self, text: str) -> None:
        number = max(self._breaks, default=0) + 1
        self._breaks[number] = Condition(text)
        self._echo(f"breakpoint {number}: {text}")

    def _list_breaks(self, _: str) -> None:
        lines = [f"{number}: {one.text}" for number, one in self._breaks.items()]
        self._echo("\n".join(lines) or "no breakpoints")

    def _delete(self, number: str) -> None:
        if self._breaks.pop(_count(number, default=None), None) is None:
            raise InputError(f"there is no breakpoint {number}")

    # --- views --------------------------------------------------------------------------------

    def _where(self, _: str) -> None:
        moment, core = self._timeline.moment, self._timeline.core
        account = core.portfolio
        held = {symbol: account.net_position(symbol) for symbol in self._symbols()}
        positions = ", ".join(f"{_number(held[one])} {one}" for one in held if held[one]) or "no position"
        self._echo(
            f"seq {moment.seq}, input {moment.number}, {iso_utc(moment.ts)}: "
            f"equity {_number(account.equity)}, cash {_number(account.cash)}, {positions}"
        )

    def _symbols(self) -> list[str]:
        return [terms.symbol for terms in self._timeline.plan.instruments]

    def _events(self, _: str) -> None:
        part = self._last
        if part is None:
            self._echo("nothing was played since the last go; see step")
            return
        for logged in events_of(part):
            self._echo(human_line(logged))

    def _show(self, path: str) -> None:
        states = states_of(self._timeline.core)
        if not path:
            self._echo("\n".join(states))
            return
        lines = (
            msgspec.json.format(msgspec.json.encode(value_at(states, path)), indent=2).decode().splitlines()
        )
        self._print_some(lines, more="name a part of it: show PATH")

    def _diff(self, path: str) -> None:
        before, after = self._before, states_of(self._timeline.core)
        old, new = (value_at(before, path), value_at(after, path)) if path else (before, after)
        lines = [
            f"{one.path}: {_text(one.before)} -> {_text(one.after)}"
            for one in changes_between(old, new, path=path)
        ]
        self._print_some(lines or ["nothing changed"], more="name a part of it: diff PATH")

    def _json(self, path: str) -> None:
        states = states_of(self._timeline.core)
        self._echo(msgspec.json.encode(value_at(states, path) if path else states).decode())

    def _print_some(self, lines: Sequence[str], *, more: str) -> None:
        self._echo("\n".join(lines[:SHOWN]))
        if len(lines) > SHOWN:
            self._echo(f"... and {len(lines) - SHOWN:,} more lines; {more}")


def events_of(part: Part) -> list[LoggedEvent]:
    """The inputs of a part and what they caused, in order. The first column is the number of the input."""
    causes, events = part.records.causes, part.records.events
    if any(cause < 0 for cause in causes):  # inputs of the log itself are among its records
        return [LoggedEvent(abs(cause), cause, event) for cause, event in zip(causes, events, strict=True)]
    numbers = range(part.first_number, part.first_number + len(part.inputs))
    logged = [LoggedEvent(number, -number, event) for number, event in zip(numbers, part.inputs, strict=True)]
    logged += [LoggedEvent(cause, cause, event) for cause, event in zip(causes, events, strict=True)]
    return sorted(logged, key=lambda one: one.seq)


def _count(text: str, *, default: int | None) -> int:
    if not text and default is not None:
        return default
    if not text.isdecimal():
        raise InputError(f"expected a number, found {text!r}")
    return int(text)


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _text(value: object) -> str:
    text = "absent" if value is None else msgspec.json.encode(value).decode()
    return text if len(text) <= 160 else f"{text[:160]}..."
