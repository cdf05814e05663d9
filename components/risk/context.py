"""The context of a check: the views that risk was given, and risk's own state."""

from components.risk.state import RiskState
from components.risk.views import AccountView, EmulationCheck, FiguresView, MarketView, VenueView
from components.risk.working_orders import WorkingOrders


class RiskContext:
    """The account, the market and the venue around an order; ``risk`` adds its state and working orders."""

    __slots__ = (
        "account",
        "currency",
        "figures",
        "is_emulated",
        "market",
        "state",
        "venue",
        "working",
    )

    state: RiskState
    working: WorkingOrders

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
