"""What happens in a world: the market with holes in it, companies, money, operators."""

from collections.abc import Callable
from decimal import Decimal
from random import Random

from kernel.events import (
    Bar,
    BookDelta,
    BookSnapshot,
    CancelAllOrders,
    CashFlowKind,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    EngageKillSwitch,
    Event,
    FeedGapDetected,
    FlattenPositions,
    FundingRateSet,
    FxRateSet,
    HaltTrading,
    PriceLevel,
    Quote,
    ReduceOnlyTrading,
    ResumeTrading,
    SessionStopped,
    Trade,
    TradingStatus,
    TradingStatusChanged,
)
from kernel.identifiers import StrategyId
from kernel.time_units import SECOND_NS

SYMBOLS: tuple[str, ...] = ("A", "B", "F")
"""A US share, a share in euros on a coarse tick, a future of five dollars a point."""

NEW_SYMBOL: str = "N"
"""What shares are renamed to, or merged into."""

START = 1_700_000_000 * SECOND_NS
GAPS = (0, 1, SECOND_NS // 1000, SECOND_NS, 5 * SECOND_NS, 60 * SECOND_NS, 900 * SECOND_NS)


class Happenings:
    """What the market, companies and operators do, one thing after the other."""

    def __init__(self, dice: Random, *, is_still: bool, has_actions: bool, has_book: bool) -> None:
        self._dice = dice
        self._is_still = is_still
        self._ts = START
        self._prices = dict.fromkeys((*SYMBOLS, NEW_SYMBOL), 100.0)
        self._bar_ts = dict.fromkeys((*SYMBOLS, NEW_SYMBOL), START)
        self._book_seqs: dict[str, int] = {}
        self._symbols = list(SYMBOLS)
        self._gaps = GAPS[: dice.choice((5, 6, 7))]
        makers: list[Callable[[], Event]] = [*(self._bar,) * 6, *(self._quote,) * 8, *(self._trade,) * 5]
        if has_book:
            makers += [*(self._snapshot,) * 4, *(self._delta,) * 6, self._gap]
        if not is_still:
            makers += [self._cash, self._fx, self._funding, *(self._command,) * 2, self._status]
        if has_actions:
            makers += [*(self._action,) * 3]
        self._makers = makers

    def take(self, length: int) -> list[Event]:
        """So many, and the session's end."""
        events: list[Event] = []
        while len(events) < length:
            self._ts += self._dice.choice(self._gaps)
            events.append(self._dice.choice(self._makers)())
        return [*events, SessionStopped(self._ts, 1)]

    # --- the market ---------------------------------------------------------------------------

    def _symbol(self) -> str:
        return self._dice.choice(self._symbols)

    def _price(self, symbol: str) -> float:
        if not self._is_still:
            step = self._dice.choice((0.0, 0.001, 0.01, 0.05))
            self._prices[symbol] = max(2.0, self._prices[symbol] * (1.0 + self._dice.uniform(-step, step)))
        return round(self._prices[symbol], self._dice.choice((2, 2, 3)))

    def _size(self) -> float:
        return self._dice.choice((0.0, 0.5, 3.0, 40.0, 100.0, 5_000.0))

    def _bar(self) -> Bar:
        symbol = self._symbol()
        prices = [self._price(symbol) for _ in range(4)]
        open_ts = self._bar_ts[symbol] if self._dice.random() < 0.8 else 0
        self._bar_ts[symbol] = self._ts
        return Bar(
            self._ts, symbol, "1m", prices[0], max(prices), min(prices), prices[3], self._size(), open_ts
        )

    def _quote(self) -> Quote:
        symbol = self._symbol()
        price = self._price(symbol)
        spread = 0.0 if self._is_still else self._dice.choice((0.0, 0.01, 0.1, 1.0))
        bid, ask = round(price - spread, 3), round(price + spread, 3)
        missing = 0 if self._is_still else self._dice.choice((0, 0, 0, 0, 1, 2, 3))
        return Quote(
            self._ts,
            symbol,
            0.0 if missing & 1 else bid,
            0.0 if missing & 2 else ask,
            0.0 if missing & 1 else self._size(),
            0.0 if missing & 2 else self._size(),
        )

    def _trade(self) -> Trade:
        symbol = self._symbol()
        return Trade(self._ts, symbol, self._price(symbol), self._size())

    def _snapshot(self) -> BookSnapshot:
        symbol = self._symbol()
        mid, sequence = self._price(symbol), self._book_seqs.get(symbol, 0) + 1
        self._book_seqs[symbol] = sequence
        depth = self._dice.choice((0, 1, 3, 3))
        bids = tuple(PriceLevel(round(mid - 0.05 * (1 + n), 2), self._size() + 1) for n in range(depth))
        asks = tuple(PriceLevel(round(mid + 0.05 * (1 + n), 2), self._size() + 1) for n in range(depth))
        return BookSnapshot(self._ts, symbol, bids, asks, sequence)

    def _delta(self) -> BookDelta:
        symbol = self._symbol()
        mid, before = self._price(symbol), self._book_seqs.get(symbol, 0)
        missed = self._dice.random() < 0.05
        self._book_seqs[symbol] = before + 1 + missed
        level = PriceLevel(round(mid + self._dice.uniform(-0.3, 0.3), 2), self._size())
        bids, asks = ((level,), ()) if level.price < mid else ((), (level,))
        return BookDelta(self._ts, symbol, bids, asks, before + 1 + missed, before + missed)

    def _gap(self) -> FeedGapDetected:
        return FeedGapDetected(self._ts, self._symbol(), "feed", 5, 9)

    # --- everybody else -----------------------------------------------------------------------

    def _cash(self) -> CashMoved:
        dice = self._dice
        amount = Decimal(dice.randint(-300_000, 500_000)) / 100
        kind = dice.choice(list(CashFlowKind))
        strategy = StrategyId(dice.choice(("", "x")))
        return CashMoved(self._ts, amount, dice.choice(("USD", "EUR")), "so", kind, strategy)

    def _fx(self) -> FxRateSet:
        return FxRateSet(self._ts, "EUR", "USD", Decimal(self._dice.randint(95, 125)) / 100)

    def _funding(self) -> FundingRateSet:
        due_ts = self._ts + self._dice.choice((0, 30 * SECOND_NS))
        return FundingRateSet(self._ts, "F", Decimal("0.0001"), due_ts)

    def _status(self) -> TradingStatusChanged:
        status = self._dice.choice((*TradingStatus, TradingStatus.OPEN, TradingStatus.OPEN))
        return TradingStatusChanged(self._ts, self._symbol(), status)

    def _command(self) -> Event:
        ts, symbol = self._ts, self._dice.choice(("", *self._symbols))
        return self._dice.choice(
            (
                HaltTrading(ts, "op"),
                ReduceOnlyTrading(ts, "op"),
                ResumeTrading(ts, "op"),
                ResumeTrading(ts, "op"),
                EngageKillSwitch(ts, "op"),
                *[ResumeTrading(ts, "op", releases_kill_switch=True)] * 4,
                CancelAllOrders(ts, "op", symbol),
                FlattenPositions(ts, "op", symbol),
            )
        )

    def _action(self) -> CorporateAction:
        """What a share becomes trades on at the price that follows."""
        dice, ts = self._dice, self._ts
        kind = dice.choice((*CorporateActionKind, CorporateActionKind.SPLIT, CorporateActionKind.DIVIDEND))
        symbol = dice.choice(self._symbols)
        if symbol == "F":
            kind = CorporateActionKind.DELISTING  # a future does not pay or split, but it ends
        elif kind is CorporateActionKind.SYMBOL_CHANGE and NEW_SYMBOL in self._symbols:
            kind = CorporateActionKind.DIVIDEND
        currency = "EUR" if symbol == "B" else "USD"
        ratio = Decimal(dice.choice(("2", "3", "0.5", "0.1", "1.5", "0.3333333333")))
        amount = Decimal(dice.choice(("0", "0.25", "7")))
        match kind:
            case CorporateActionKind.SPLIT:
                self._rescale(symbol, symbol, ratio)
                return CorporateAction(ts, symbol, kind, ratio)
            case CorporateActionKind.MERGER:
                return self._merger(symbol, ratio=ratio, amount=amount, currency=currency)
            case CorporateActionKind.SYMBOL_CHANGE:
                self._become(symbol, NEW_SYMBOL)
                self._rescale(symbol, NEW_SYMBOL, Decimal(1))
                return CorporateAction(ts, symbol, kind, new_symbol=NEW_SYMBOL)
            case _:
                pay_ts = dice.choice((0, ts + 60 * SECOND_NS))
                return CorporateAction(ts, symbol, kind, Decimal(1), amount, currency, "", pay_ts)

    def _merger(self, symbol: str, *, ratio: Decimal, amount: Decimal, currency: str) -> CorporateAction:
        others = [one for one in ("", NEW_SYMBOL, "A") if one != symbol]
        new_symbol = self._dice.choice(others)
        if new_symbol:
            self._become(symbol, new_symbol)
        kind = CorporateActionKind.MERGER
        return CorporateAction(self._ts, symbol, kind, ratio, amount, currency, new_symbol)

    def _become(self, old: str, new: str) -> None:
        if len(self._symbols) > 1:
            self._symbols.remove(old)
        if new not in self._symbols:
            self._symbols.append(new)

    def _rescale(self, old: str, new: str, ratio: Decimal) -> None:
        self._prices[new] = max(2.0, self._prices[old] / float(ratio))
