"""The venue of live trading, in the form that the assembly needs: its orders leave by an edge.

Only what the venue takes is declared in the core, and ``BrokerWatch`` watches what the edge reports of it. A
replay of the log needs neither the edge nor the venue, since all reports are inputs.
"""

from decimal import Decimal

import msgspec

from brokers.orders.config import VenueConfig
from brokers.orders.making import make_venue
from brokers.orders.port import LiveVenue
from components.assembly.venue import CoreView
from components.broker_watch.config import DowngradeConfig
from components.broker_watch.watch import BrokerWatch
from kernel.events import OrderType, TimeInForce, VenueDeclared, VenueFeature


class DeclaredVenue(msgspec.Struct, frozen=True):
    """Implements ``components.assembly.venue.Venue``."""

    config: VenueConfig
    downgrade: DowngradeConfig

    @property
    def kind(self) -> str:
        """The kind of the venue in the configuration."""
        return str(self.config.__struct_config__.tag)

    @property
    def is_in_core(self) -> bool:
        """Orders leave by an edge."""
        return False

    @property
    def lacks(self) -> tuple[str, ...]:
        """The order types, times in force and features that the venue does not take."""
        declared = self.declared(0)
        takes = {*declared.order_types, *declared.times_in_force, *declared.features}
        every = (*OrderType, *TimeInForce, *VenueFeature)
        return tuple(each.value for each in every if each not in takes)

    @property
    def reads_books(self) -> bool:
        """It fills nothing here."""
        return False

    @property
    def costs(self) -> None:
        """The venue's own costs come with its fills; orders are checked without them."""
        return

    def declared(self, ts: int) -> VenueDeclared:
        """The input that declares the orders that it takes."""
        return self.venue.declared(ts)

    @property
    def venue(self) -> LiveVenue:
        """The venue itself, without secrets: nothing can connect to it."""
        return make_venue(self.config)

    def register(self, core: CoreView) -> None:
        """Register the watch of the venue."""
        account = core.account

        def holds_futures() -> bool:
            return any(core.market.instrument(symbol).is_margined for symbol in account.open_symbols())

        core.bus.register(
            BrokerWatch(
                self.downgrade,
                venue=self.config.name,
                account=self.config.account,
                position=account.net_position,
                balance=account.balance,
                holds_futures=holds_futures,
                cash_tolerance=Decimal(str(self.config.cash_tolerance)),
            )
        )
