"""How the simulated broker behaves."""

from decimal import Decimal

import msgspec

from brokers.simulated.fills import FillTiming
from brokers.simulated.financing import FinancingConfig
from kernel.errors import ConfigError
from kernel.events import OrderType, TimeInForce, VenueFeature


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model by its name, or by the reference of a class of the user's, and its parameters."""

    model: str
    params: dict[str, object] = {}


ModelChoice = str | ModelConfig
"""A name alone where the parameters are as they come."""


class VenueCapabilities(msgspec.Struct, frozen=True):
    """The orders that a venue takes."""

    order_types: tuple[OrderType, ...]
    times_in_force: tuple[TimeInForce, ...]
    features: tuple[VenueFeature, ...]


class SimulatedBrokerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Defaults cost nothing and never look ahead; every cost is for you to state.

    ``slippage_bps``: basis points against market and stop orders. ``commission_per_share`` and
    ``commission_per_order`` in ``currency``; ``commission_rate``: a fraction of the notional (0.002 is
    0.2 %). These are short for ``slippage`` and ``commission``, of which either the one or the other can
    be given. ``currency`` is that of every commission; empty, each instrument's own.

    ``bars``, ``quotes``, ``trades``, ``volume``, ``slippage``, ``commission`` and ``latency`` name models
    (``docs/execution.md``), or ``path/to/file.py:Class`` for one of your own; with parameters as
    ``{model: share, params: {limit: 0.1}}``. ``None`` is the default: the OHLC rule, fills at the quote and
    at the print, in any size, at once and for free.

    ``book`` (``walk``) fills on order books where there are any; without it they fill nothing. ``queue``
    (``pessimistic``, ``probabilistic``) lets resting limits wait for their turn. With either, limits that
    rest fill at their limit; with a book, and no queue, when a trade prints beyond it, if not said otherwise.

    ``lacks`` names order types, times in force and features that the venue shall not take. ``financing``
    is what holding costs and earns (``brokers.simulated.financing``).
    """

    bar_fill: FillTiming = FillTiming.NEXT_OPEN
    slippage_bps: float = 0.0
    commission_per_share: Decimal = Decimal(0)
    commission_per_order: Decimal = Decimal(0)
    commission_rate: Decimal = Decimal(0)
    currency: str = ""
    bars: ModelChoice | None = None
    quotes: ModelChoice | None = None
    trades: ModelChoice | None = None
    book: ModelChoice | None = None
    queue: ModelChoice | None = None
    volume: ModelChoice | None = None
    slippage: ModelChoice | None = None
    commission: ModelChoice | None = None
    latency: ModelChoice | None = None
    financing: FinancingConfig = FinancingConfig()
    lacks: tuple[str, ...] = ()

    def capabilities(self) -> VenueCapabilities:
        """What the venue takes; ``ConfigError`` if ``lacks`` names something that there is not."""
        known = {each.value for kind in (OrderType, TimeInForce, VenueFeature) for each in kind}
        for name in self.lacks:
            if name not in known:
                raise ConfigError(f"broker.lacks: {name!r} is none of {', '.join(sorted(known))}")
        return VenueCapabilities(
            tuple(each for each in OrderType if each.value not in self.lacks),
            tuple(each for each in TimeInForce if each.value not in self.lacks),
            tuple(each for each in VenueFeature if each.value not in self.lacks),
        )
