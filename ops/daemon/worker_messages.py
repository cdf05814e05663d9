"""What the daemon and the process of a strategy tell each other over two pipes.

The daemon sends the seq up to which the log is durable, as eight bytes. The process sends messages of
msgpack, each with its length before it, and an acknowledgement when it has reached that seq.
"""

import asyncio
from typing import BinaryIO

import msgspec

from kernel.admission import MAX_INPUT_BYTES
from kernel.errors import OnetapeError
from kernel.events import StrategyDecided, StrategyFailedApart

SEQ_BYTES = 8
_LENGTH_BYTES = 4
_SPARE = 1 << 10
"""For what is around the event of a message."""


class Reached(msgspec.Struct, frozen=True, tag="reached"):
    """It has played the log up to ``seq``, and sent what was decided on the way.

    ``slowest_ms``, ``slowest_at``: the longest time that it took for an input since the last message, and the
    number of that input.
    """

    seq: int
    slowest_ms: float = 0.0
    slowest_at: int = 0


class Sends(msgspec.Struct, frozen=True, tag="sends"):
    """A decision or a failure of the strategy, for the log."""

    event: StrategyDecided | StrategyFailedApart


class Lacks(msgspec.Struct, frozen=True, tag="lacks"):
    """The parts of its confinement that this system does not have, in sentences."""

    sentences: tuple[str, ...]


Message = Reached | Sends | Lacks

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


class WorkerEnded(OnetapeError):
    """The process of a strategy ended, or was ended; tells why."""


def write_message(pipe: BinaryIO, message: Message) -> None:
    """Send a message. Waits while the pipe is full."""
    packed = _encode(message)
    pipe.write(len(packed).to_bytes(_LENGTH_BYTES, "little") + packed)
    pipe.flush()


async def read_message(pipe: asyncio.StreamReader) -> Message:
    """The next message. Raises ``WorkerEnded`` at the end of the pipe, and for what is no message."""
    try:
        length = int.from_bytes(await pipe.readexactly(_LENGTH_BYTES), "little")
        if length > MAX_INPUT_BYTES + _SPARE:
            raise WorkerEnded(f"it sent a message of {length:,} bytes")
        message: Message = _decode(await pipe.readexactly(length))
    except asyncio.IncompleteReadError as error:
        raise WorkerEnded("it closed its pipe") from error
    except msgspec.MsgspecError as error:
        raise WorkerEnded(f"it sent what is no message: {error}") from error
    return message
