"""The context of a check: the views that risk was given, and risk's own state."""

from components.risk.state import RiskState
from components.risk.views import (
    AccountView,
    EmulationCheck,
    FiguresView,
    LegsView,
    MarginView,
    MarketView,
    VenueView,
)
from components.risk.working_orders import WorkingOrders
from kernel.cost_view import CostView


class RiskContext:
    """The account, the market and the venue around an order; ``risk`` adds its state and working orders.

    ``costs``: ``None`` if the costs of an order are not checked: under the first account rules, and where no
    venue is in the core. ``margin``: ``None`` if the free margin is always computed for the order. ``legs``:
    ``None`` in netting mode.
    """

    __slots__ = (
        "account",
        "costs",
        "currency",
        "figures",
        "is_emulated",
        "legs",
        "margin",
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
        costs: CostView | None = None,
        margin: MarginView | None = None,
        legs: LegsView | None = None,
    ) -> None:
        self.legs = legs
        self.margin = margin
        self.account = account
        self.market = market
        self.venue = venue
        self.figures = figures
        self.is_emulated = is_emulated
        self.currency = currency
        self.costs = costs
