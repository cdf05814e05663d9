"""What a check may ask besides the order: the views that risk was given, and what risk itself remembers."""

from collections.abc import Mapping

from components.risk.flow import FlowState
from components.risk.views import AccountView, EmulationCheck, FiguresView, MarketView, VenueView
from components.risk.working_orders import WorkingOrders, WorkingSums


class RiskContext:
    """The account, the market and the venue around an order; ``risk`` adds its own working orders."""

    __slots__ = (
        "account",
        "currency",
        "defined",
        "figures",
        "flow",
        "is_emulated",
        "market",
        "venue",
        "working",
    )

    def __init__(
        self,
        *,
        account: AccountView,
        market: MarketView,
        venue: VenueView,
        figures: FiguresView,
        is_emulated: EmulationCheck,
        currency: str,
    ) -> None:
        self.account = account
        self.market = market
        self.venue = venue
        self.figures = figures
        self.is_emulated = is_emulated
        self.currency = currency
        self.working = WorkingOrders({}, WorkingSums())
        self.flow = FlowState()
        self.defined: Mapping[str, bool] = {}
        """Symbols whose terms were given."""
