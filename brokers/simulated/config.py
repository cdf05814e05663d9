"""Settings of the simulated broker: the keys under ``broker:``."""

from decimal import Decimal

import msgspec

from brokers.simulated.fills.port import FillTiming
from brokers.simulated.financing import FinancingConfig
from kernel.errors import ConfigError
from kernel.events import OrderType, TimeInForce, VenueFeature
from kernel.fraction_checks import above


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model and its parameters. ``model``: its name, or the reference of a class of the user's."""

    model: str
    params: dict[str, object] = {}


ModelChoice = str | ModelConfig
"""A name alone stands for the model with its default parameters."""


class VenueCapabilities(msgspec.Struct, frozen=True):
    """The orders that a venue accepts."""

    order_types: tuple[OrderType, ...]
    times_in_force: tuple[TimeInForce, ...]
    features: tuple[VenueFeature, ...]


class SimulatedBrokerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of the simulated broker. The defaults never look ahead, and have no costs: set your costs.

    - ``bar_fill``: ``this_close`` fills a market order at the close on which it was decided.
    - ``currency``: of every commission; empty: each instrument's own.
    - ``lacks``: order types, times in force and features that the venue rejects.
    - ``financing``: interest and borrow fees (``brokers.simulated.financing``).

    Models by role (``docs/execution.md``): a name, ``path/to/file.py:Class`` for a model of your own, or
    ``{model: share, params: {limit: 0.1}}``:

    - ``bars``: default the OHLC rule.
    - ``quotes``, ``trades``: default fills at the quote and at the trade. With ``queue`` or ``book``, limit
      orders that rested fill at their limit instead.
    - ``book``: ``walk`` fills on order books; default none, and books fill nothing.
    - ``queue``: the place of resting limit orders in the queue; default none.
    - ``volume``: default any size.
    - ``slippage``, ``commission``, ``latency``: default none.

    Short forms of the flat models. They are refused together with ``slippage`` or ``commission``:

    - ``slippage_bps``: basis points against orders that take liquidity.
    - ``commission_per_share``, ``commission_per_order``: in ``currency``.
    - ``commission_rate``: a fraction of the notional (quantity times price times multiplier); 0.002 is 0.2 %.
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
        """The orders that the venue accepts; ``ConfigError`` if ``lacks`` has an unknown name."""
        known = {each.value for kind in (OrderType, TimeInForce, VenueFeature) for each in kind}
        for name in self.lacks:
            if name not in known:
                raise ConfigError(f"broker.lacks: {name!r} is not one of {', '.join(sorted(known))}")
        return VenueCapabilities(
            tuple(each for each in OrderType if each.value not in self.lacks),
            tuple(each for each in TimeInForce if each.value not in self.lacks),
            tuple(each for each in VenueFeature if each.value not in self.lacks),
        )


def check_broker(config: SimulatedBrokerConfig) -> None:
    """``ValueError`` with a sentence for settings that make no sense."""
    if not 0 <= config.slippage_bps < 10_000:
        raise ValueError(f"slippage_bps: {config.slippage_bps} is not between 0 and 10,000")
    for key in ("commission_per_share", "commission_per_order", "commission_rate"):
        amount: Decimal = getattr(config, key)
        if not (amount.is_finite() and amount >= 0):
            raise ValueError(f"{key}: {amount} is not a number of at least 0")
    problem = above(config.commission_rate, 1)
    if problem:
        raise ValueError(f"commission_rate: {problem}")
