"""What the host remembers for a strategy."""

import msgspec


class HostState(msgspec.Struct):
    """Counters that ids and seeds are made from; ``strategy`` is the strategy's own state, msgpack.

    ``strategy`` is filled in when the host's ``state`` is read. ``refusal_count`` is how many
    decisions were refused at ``refusal_ts``, the last time that it happened.
    """

    epoch: int = 0
    order_count: int = 0
    random_count: int = 0
    strategy: bytes = b""
    refusal_ts: int = -1
    refusal_count: int = 0
