"""What the host remembers for a strategy."""

import msgspec


class HostState(msgspec.Struct):
    """Counters that ids and seeds are made from; ``strategy`` is the strategy's own state, msgpack.

    ``strategy`` is filled in when the state is read, and empty in between.
    """

    epoch: int = 0
    order_count: int = 0
    random_count: int = 0
    strategy: bytes = b""
