"""How the simulated broker behaves."""

from decimal import Decimal

import msgspec

from brokers.simulated.fills import FillTiming


class SimulatedBrokerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Defaults cost nothing and never look ahead; every cost is for you to state.

    ``slippage_bps``: basis points against market and stop orders. ``commission_per_share``,
    ``commission_per_order``: in the account's currency. ``commission_rate``: a fraction of the
    notional (0.002 is 0.2 %).
    """

    bar_fill: FillTiming = FillTiming.NEXT_OPEN
    slippage_bps: float = 0.0
    commission_per_share: Decimal = Decimal(0)
    commission_per_order: Decimal = Decimal(0)
    commission_rate: Decimal = Decimal(0)
    currency: str = "USD"
