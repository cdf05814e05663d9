"""Folders with all that a daemon needs: a configuration and strategies."""

from collections.abc import Sequence
from pathlib import Path

SYMBOLS = ("AAA", "AAB", "AAC", "AAD")

STRATEGIES = '''
from decimal import Decimal

from strategies.sdk import Decisions, Metadata, Quote, Strategy, StrategyParams, StrategyState, buy, sell


class EveryN(StrategyParams, frozen=True):
    every: int = 10
    quantity: Decimal = Decimal(1)


class Seen(StrategyState):
    quotes: int = 0


class Busy(Strategy[EveryN, Seen]):
    """Buys and sells in turn, with an order that rests beside each."""

    metadata = Metadata(name="busy")

    def on_quote(self, quote: Quote) -> Decisions:
        self.state.quotes += 1
        turn, rest = divmod(self.state.quotes, self.params.every)
        if rest:
            return None
        if turn % 2:
            return [buy(quote.symbol, self.params.quantity), buy(quote.symbol, 1, limit=round(quote.bid, 2))]
        return [sell(quote.symbol, self.params.quantity), sell(quote.symbol, 1, limit=round(quote.ask, 2))]


class Perpetual(StrategyState):
    quotes: dict[str, int] = {}


class Trader(Strategy[EveryN, Perpetual]):
    """Buys and sells each symbol in turn, at the market."""

    metadata = Metadata(name="trader")

    def on_quote(self, quote: Quote) -> Decisions:
        count = self.state.quotes[quote.symbol] = self.state.quotes.get(quote.symbol, 0) + 1
        turn, rest = divmod(count, self.params.every)
        if rest:
            return None
        order = buy if turn % 2 else sell
        return order(quote.symbol, self.params.quantity)


class Holder(Strategy[EveryN, Seen]):
    """Buys once, and holds."""

    metadata = Metadata(name="holder")

    def on_quote(self, quote: Quote) -> Decisions:
        self.state.quotes += 1
        return buy(quote.symbol, self.params.quantity) if self.state.quotes == 1 else None


class Raiser(Strategy[EveryN, Seen]):
    """Raises at every quote."""

    metadata = Metadata(name="raiser")

    def on_quote(self, quote: Quote) -> Decisions:
        raise ValueError(f"no idea about {quote.symbol}")
'''


def write_world(
    folder: Path,
    url: str,
    *extra: str,
    strategies: Sequence[str] = ('{strategy: "trade.py:Busy", symbols: [AAA, AAB, AAC, AAD]}',),
    risk: str = "{allow_short: true, require_cash: false}",
    feed: str = "",
    terms: str = "tick_size: 0.01, lot_size: 1",
) -> None:
    """Write the configuration, and the file of strategies unless it is there.

    ``extra``: further lines of the configuration. ``feed``: further settings of the feed.
    """
    code = folder / "trade.py"
    if not code.exists():
        code.write_text(STRATEGIES, "utf-8")
    lines = [
        "mode: paper",
        "store: paper.tape",
        "instruments:",
        *(f"  - {{symbol: {symbol}, {terms}}}" for symbol in SYMBOLS),
        "strategies:" if strategies else "strategies: []",
        *(f"  - {entry}" for entry in strategies),
        f"risk: {risk}",
        "feeds:",
        f'  - {{kind: websocket, name: ws, url: "{url}"{feed}}}',
        *extra,
    ]
    if not any(line.startswith("disk:") for line in extra):
        lines.append("disk: {warn_mb: 3, thin_mb: 2, halt_mb: 1, reserve_mb: 0}")
    (folder / "paper.yaml").write_text("\n".join(lines) + "\n", "utf-8")
