"""A process that appends to a store until it is done or killed, and says what was acknowledged.

Run as ``python -m tests.eventstore.writer_process PATH SYMBOL APPENDS DURABILITY [FILE_LIMIT_BYTES]``. Prints
the seq of each acknowledged append on a line of its own; with a limit, files cannot grow beyond it, and the
error of the first refused append follows.
"""

import asyncio
import resource
import sys
from pathlib import Path

from eventstore import Durability, SegmentsConfig, open_store
from kernel.errors import AppendConflict, StoreError
from kernel.events import Event
from tests.eventstore.samples import trade

STREAM = "s"

ROLLS_OFTEN = SegmentsConfig(roll_mb=0.002)
"""A segment for every few appends, where the store is a folder."""


async def write(path: Path, symbol: str, appends: int, durability: Durability) -> None:
    async with await open_store(path, durability=durability, segments=ROLLS_OFTEN) as store:
        done = 0
        while done < appends:
            head = await store.head(STREAM)
            events: list[Event] = [trade(head.ts, symbol) for _ in range(1 + done % 5)]
            try:
                acknowledged = await store.append(STREAM, events, expected_seq=head.seq)
            except AppendConflict:
                continue
            except StoreError as error:
                _say(f"refused: {error}")
                return
            _say(str(acknowledged.seq))
            done += 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    path, symbol, appends, durability, *limit = sys.argv[1:]
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit[0]), int(limit[0])))
    asyncio.run(write(Path(path), symbol, int(appends), Durability(durability)))


if __name__ == "__main__":
    main()
