"""The core as of the event that a subscriber hears: read-only, and without anything later."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from components.assembly.core import Core
from kernel.events import Bar, InstrumentDefined, Order, Quote, Trade
from kernel.identifiers import StrategyId
from replay.past.states import Plain, states_of, value_at


class PastView:
    """What is known at the event that is heard: as a strategy would see it then.

    It shows the present event of the replay, also where it is kept. Values are copies or cannot be changed.
    Amounts are exact and in the account's currency, times ns UTC.
    """

    def __init__(self, core: Callable[[], Core]) -> None:
        self._core = core

    @property
    def now(self) -> int:
        """Kernel time: the ``ts`` of the event."""
        return self._core().bus.now

    @property
    def cash(self) -> Decimal:
        """The account's cash."""
        return self._core().portfolio.cash

    @property
    def equity(self) -> Decimal:
        """Cash and positions at last prices."""
        return self._core().portfolio.equity

    @property
    def strategies(self) -> tuple[str, ...]:
        """The ids of the strategies."""
        return tuple(host.strategy_id for host in self._core().hosts)

    def position(self, symbol: str, strategy: str = "") -> Decimal:
        """The signed quantity that a strategy holds; without one, the net of all of them."""
        account = self._core().portfolio
        if not strategy:
            return account.net_position(symbol)
        return account.strategy_position(StrategyId(strategy), symbol)

    def positions(self, strategy: str = "") -> dict[str, Decimal]:
        """The open positions by symbol, as ``position``."""
        account = self._core().portfolio
        if strategy:
            return dict(account.strategy_positions(StrategyId(strategy)))
        return {symbol: account.net_position(symbol) for symbol in account.open_symbols()}

    def open_orders(self, strategy: str, symbol: str | None = None) -> tuple[Order, ...]:
        """The orders of a strategy that are not finished, oldest first."""
        return tuple(self._core().orders.open_orders(StrategyId(strategy), symbol))

    def last_price(self, symbol: str) -> float | None:
        """The latest of bar close, trade price and mid quote; ``None`` before the first."""
        return self._core().market.last_price(symbol)

    def last_quote(self, symbol: str) -> Quote | None:
        """The latest quote; ``None`` before the first."""
        return self._core().market.last_quote(symbol)

    def last_trade(self, symbol: str) -> Trade | None:
        """The latest trade of the market; ``None`` before the first."""
        return self._core().market.last_trade(symbol)

    def instrument(self, symbol: str) -> InstrumentDefined:
        """The terms in force."""
        return self._core().market.instrument(symbol)

    def history(self, symbol: str, count: int, *, timeframe: str = "") -> Sequence[Bar]:
        """The last bars, oldest first, adjusted for splits: those that the strategies of the log needed.

        So there are fewer than ``count`` if they needed fewer, and none if they read no history.
        """
        return tuple(self._core().market.history(symbol, count, timeframe=timeframe))

    def state(self, path: str) -> Plain:
        """The state of a component, or a value of it, as plain values: ``portfolio.cash``.

        The paths are those of ``replay step``. Copies a whole state, so it is not quick.
        """
        states = {name: state for name, state in states_of(self._core()).items() if name != ATTACHED}
        return value_at(states, path)


ATTACHED = "attached"
"""The name of the component that hears for a subscriber."""
