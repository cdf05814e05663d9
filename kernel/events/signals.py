"""Signals from outside: what a model in another program says, as an input of the log."""

from kernel.events.header import Event, Record
from kernel.events.order_terms import SignalDirection

SignalValue = bool | float | str


class SignalField(Record, frozen=True):
    """A further figure or word of a signal."""

    name: str
    value: SignalValue


class SignalPosted(Event, frozen=True, tag=134):
    """Input: an outside model says something. Strategies get it by ``on_signal``; it has no other effect.

    - ``operator``: who posted it, as the control API knows him. ``source``: the model, by its own name.
    - ``symbol``: empty if it is about all. ``strategy``: empty for every strategy with that symbol.
    - ``value``: a forecast or score in the source's own unit.
    - ``strength``: in 0..1.
    - ``expire_ts``: from then on nobody gets it; 0: never.
    - ``fields``: in the order in which the source gave them.
    """

    operator: str
    source: str
    symbol: str = ""
    strategy: str = ""
    value: float | None = None
    direction: SignalDirection | None = None
    strength: float = 1.0
    expire_ts: int = 0
    fields: tuple[SignalField, ...] = ()

    def get(self, name: str, default: SignalValue | None = None) -> SignalValue | None:
        """The field with this name, the last one if there are several; ``default`` if there is none."""
        return next((one.value for one in reversed(self.fields) if one.name == name), default)

    def is_expired(self, now: int) -> bool:
        """Whether its time is over."""
        return bool(self.expire_ts) and now >= self.expire_ts
