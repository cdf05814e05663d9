"""One file of a vendor, and the events in it."""

import msgspec


class Case(msgspec.Struct, frozen=True):
    """A file of a vendor, and its events: ``stream | ts | open_ts | values``, see ``shown``."""

    layout: str
    file: str
    text: str
    events: tuple[str, ...]
    symbol: str = ""
    encoding: str = "utf-8"
