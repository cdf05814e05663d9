"""Trading hours looked up in a process of its own.

The library of calendars brings pandas, which takes 80 MB and a second. A daemon that runs for months needs it
for a moment, so a child process looks the hours up and ends:

    python -m ops.daemon.hours FROM_TS TO_TS NAME...
"""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence

import msgspec

from components.assembly.calendars import calendar_events
from components.assembly.setup import CoreSetup
from kernel.errors import ConfigError, OnetapeError
from kernel.events import CalendarDefined
from ops.daemon.children import end_of_child

LIMIT_S = 120
"""The longest lookup; a slow disk takes some seconds to import the library."""


async def hours_apart(setup: CoreSetup, *, from_ts: int, to_ts: int) -> tuple[CalendarDefined, ...]:
    """The sessions of the instruments' calendars, stamped ``from_ts``. Cancelling it ends the child.

    Raises ``ConfigError`` as ``components.assembly.opening.trading_hours`` does.
    """
    names = sorted({terms.calendar for terms in setup.instruments if terms.calendar})
    if not names:
        return ()
    command = (sys.executable, "-m", "ops.daemon.hours", str(from_ts), str(to_ts), *names)
    try:
        child = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)  # our own module
    except OSError as error:
        raise ConfigError(f"trading hours of {', '.join(names)} cannot be looked up: {error}") from error
    try:
        async with asyncio.timeout(LIMIT_S):
            found, said = await child.communicate()
    except TimeoutError as error:
        raise ConfigError(
            f"trading hours of {', '.join(names)} cannot be looked up: it took more than {LIMIT_S} s"
        ) from error
    finally:
        await end_of_child(child)
    if child.returncode:
        sentences = said.decode(errors="replace").strip().splitlines()
        raise ConfigError(sentences[-1] if sentences else f"it ended with {child.returncode}")
    return msgspec.msgpack.decode(found, type=tuple[CalendarDefined, ...])


def main(arguments: Sequence[str]) -> int:
    """Write the sessions to standard output; a refusal is a sentence on standard error."""
    from_ts, to_ts, *names = arguments
    try:
        found = calendar_events(names, ts=int(from_ts), from_ts=int(from_ts), to_ts=int(to_ts))
    except OnetapeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(msgspec.msgpack.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
