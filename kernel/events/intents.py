"""Orders and signals that strategies want, and the answers of risk."""

from decimal import Decimal

from kernel.events.header import Event, Record
from kernel.events.order_terms import AlgorithmTerms, ApprovedOrder, Order, SignalDirection
from kernel.identifiers import ClientOrderId, StrategyId


class OrderIntent(Event, frozen=True, tag=30):
    """A strategy wants this order.

    ``asked`` is the strategy's own form of the quantity, if it is not in units or was cut to whole lots.
    """

    order: Order
    asked: str = ""


class CancelIntent(Event, frozen=True, tag=31):
    """A strategy wants an order cancelled."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str


class ReplaceIntent(Event, frozen=True, tag=32):
    """A strategy wants new terms for a working order; ``None`` keeps the old term.

    ``asked`` is the quantity that was asked for, if it was cut to whole lots.
    """

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    asked: str = ""


class SignalRaised(Event, frozen=True, tag=33):
    """A strategy's signal, without an order. ``strength`` is in 0..1.

    ``stop_loss`` and ``take_profit`` are prices for the plan that is made of the signal.
    """

    strategy: StrategyId
    symbol: str
    direction: SignalDirection
    strength: float = 1.0
    reason: str = ""
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


class DecisionRefused(Event, frozen=True, tag=34):
    """A strategy returned an invalid decision, which had no effect."""

    strategy: StrategyId
    symbol: str
    reason: str


class ExecutionRequested(Event, frozen=True, tag=35):
    """A strategy wants this order worked in parts. Each part is an order of its own.

    ``asked`` is the strategy's own form of a quantity that is not in units or was cut to whole lots.
    """

    order: Order
    algorithm: AlgorithmTerms
    asked: str = ""


class CancelExecutionIntent(Event, frozen=True, tag=36):
    """A strategy wants no more parts of a worked order. The part at the venue is cancelled."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str


class ExecutionFinished(Event, frozen=True, tag=37):
    """A worked order is done: its parts filled ``filled_quantity``; ``leaves_quantity`` was not filled.

    ``is_out_of_time``: its good-till date came before it was filled.
    """

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    filled_quantity: Decimal
    leaves_quantity: Decimal
    reason: str = ""
    is_out_of_time: bool = False


class SignalsAggregated(Event, frozen=True, tag=38):
    """Signals of several strategies were combined into one plan: hold ``target_quantity`` of the symbol.

    ``score`` is in -1..1; ``signals`` are the strategies whose signals were combined.
    """

    symbol: str
    score: float
    target_quantity: Decimal
    signals: tuple[StrategyId, ...]


class ExpireOrderIntent(Event, frozen=True, tag=39):
    """Emulation wants to end an order whose time in force is over. It expires or is cancelled."""

    client_order_id: ClientOrderId


class OrderApproved(Event, frozen=True, tag=40):
    """Risk approved the order, perhaps with a smaller quantity than intended."""

    order: ApprovedOrder


class OrderDenied(Event, frozen=True, tag=41):
    """Risk denied the order: ``rule`` allows ``limit`` and saw ``value``."""

    order: Order
    rule: str
    reason: str
    limit: str = ""
    value: str = ""


class ReplaceApproved(Event, frozen=True, tag=42):
    """Risk approved new terms; ``order`` holds all of them."""

    order: ApprovedOrder


class ReplaceDenied(Event, frozen=True, tag=43):
    """Risk denied new terms; the order keeps working on the old ones."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    rule: str
    reason: str
    limit: str = ""
    value: str = ""


class LoggedFigure(Record, frozen=True):
    """A figure that a strategy recorded. A ``Decimal`` is in ``exact``, any other value in ``value``."""

    name: str
    value: bool | int | float | str | None = None
    exact: Decimal | None = None


class StrategyLogged(Event, frozen=True, tag=44):
    """A strategy's own words and figures (``ctx.log``). They have no effect."""

    strategy: StrategyId
    words: str
    figures: tuple[LoggedFigure, ...] = ()


class HistoryFellShort(Event, frozen=True, tag=45):
    """A strategy asked for more bars than there ever were, up to the end of the session.

    - ``asked``: the largest number of bars asked of ``ctx.history``, or ``bars_needed()`` if that is larger.
    - ``most``: the most bars that there were, with those from before the run.
    """

    strategy: StrategyId
    symbol: str
    timeframe: str
    asked: int
    most: int
