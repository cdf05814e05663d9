"""The results of a run, read back from its stream: counts, equity curve, trades, metrics.

Results never use values from memory: a run of yesterday, a run that has just ended and a live log as far as
it goes are read in the same way. From the data streams only the first events and the terms of instruments are
read.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal

import msgspec
import numpy as np

from eventstore import EventStore, Selection, count_inputs
from eventstore.recorded_data import recorded_data
from kernel.decimals import exact
from kernel.errors import InputError, StreamMissing
from kernel.events import (
    AccountMarked,
    CashMoved,
    ComponentFailed,
    ConfigLoaded,
    DataIssueFound,
    DecisionRefused,
    Event,
    ExecutionRequested,
    FillCorrected,
    HistoryFellShort,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderSubmitted,
    ReplaceIntent,
    RiskLimitBreached,
    RunFinished,
    RunStarted,
    SessionStarted,
    SignalRaised,
    SignalsAggregated,
    StrategyLoaded,
    StrategyLogged,
    StreamRange,
)
from kernel.identifiers import ClientOrderId, StrategyId
from replay.assumptions import (
    CutQuantities,
    ShortHistories,
    UntradedSignals,
    assumed_terms_of,
    without_open_note,
)
from replay.beginning import Beginning, beginning_of, first_day
from replay.equity import EquityCurve, day_of, time_weighted, trading_days_of
from replay.order_records import corrected
from replay.performance.benchmark import Benchmark
from replay.performance.drawdown_periods import DrawdownPeriod, drawdown_periods
from replay.performance.fill_flow import NO_FLOW, FillFlow, flow_of
from replay.performance.income import Income, IncomeTally
from replay.performance.logged_series import LoggedSeries, LoggedTally
from replay.performance.metrics import Metrics, measure
from replay.performance.strategy_results import COUNTED, StrategyResult, StrategyTally
from replay.performance.trade_statistics import (
    ExitReason,
    SymbolResult,
    TradeStatistics,
    exits_by_reason,
    figures_by_symbol,
    reason_of,
    time_in_market,
    trade_statistics,
)
from replay.performance.trades import Corrections, FifoMatcher, OpenLot, RoundTrip, last_corrections
from replay.problem_texts import denial_text
from replay.run_facts import Deposit, RunFacts, read_facts
from replay.unrated_money import UNRATED_TYPES, UnratedMoney, closed_at_par
from strategies.sdk.limits import MAINTENANCE_MARGIN, RUIN

ZERO = Decimal(0)

_FRAME: frozenset[type[Event]] = frozenset({RunStarted, RunFinished, FillCorrected})
_COUNTED: frozenset[type[Event]] = COUNTED.union(
    UNRATED_TYPES,
    {ConfigLoaded, StrategyLoaded, ComponentFailed, StrategyLogged, RiskLimitBreached},
    {OrderIntent, ReplaceIntent, ExecutionRequested, SignalRaised, SignalsAggregated},
    {SessionStarted, HistoryFellShort},
)


class RunStrategy(msgspec.Struct, frozen=True):
    """A strategy as loaded into the run. ``params`` are JSON, ``reference`` is ``module:Class``."""

    strategy: StrategyId
    reference: str
    version: str
    params: str
    source_hash: str


def run_strategy(event: StrategyLoaded) -> RunStrategy:
    """A strategy as it was loaded, without its source."""
    return RunStrategy(event.strategy, event.reference, event.version, event.params, event.source_hash)


class RunResult(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A finished run, or a live log as far as it went. Times in ns UTC, money in ``currency``.

    - ``sources``: where its inputs are: the data streams or, of a live log, the log itself.
    - ``digest``: of its derived events, in hex; empty for a live log, which goes on.
    - ``config``: the configuration of the run, as JSON.
    - ``start_ts``: the beginning of the first market data (a bar's open).
    - ``end_ts``: the last mark of the account.
    - ``inputs``, ``derived``: numbers of events.
    - ``orders``: orders submitted.
    - ``denied``: orders denied by risk.
    - ``rejected``: orders rejected by the venue.
    - ``refused``: invalid decisions of strategies.
    - ``failures``: exceptions in a component or strategy. Results of a run with failures are not reliable.
    - ``margin_calls``: times that the equity fell below the maintenance margin.
    - ``ruined_ts``: when the equity was below 0 with nothing left to sell; 0: never.
    - ``first_problem``: ruin, or the first margin call, denial, rejection, refusal or failure, in a sentence;
      without one, the first amount in a currency that no rate converts; without a fill, the first history
      that was shorter than a strategy asked for.
    - ``first_failure``: the first failure, in a sentence.
    - ``trades``: closed round trips in order of their exits.
    - ``open_lots``: entries that were never closed.
    - ``assumed``: terms of instruments that nobody declared, in sentences.
    - ``unmarked_fills``: fills of a live log after the last mark, which its equity does not have yet.
    - ``notes``: these, quantities cut to whole lots, untraded signals, bars without an open time, and history
      that was shorter than asked for, in sentences.
    - ``by_strategy``: the same figures by strategy, in order of loading.
    - ``facts``: instruments, corporate actions, deposits and exchange rates of the run.
    - ``exit_reasons``: by the order that closed a trade.
    - ``statistics``, ``by_symbol``, ``exits``: averages of trades, trades by symbol and by exit reason.
    - ``time_in_market``: the share of the time with an open position.
    - ``drawdowns``: in order of time.
    - ``logged``: the figures that strategies logged.
    - ``flow``: the fills as arrays.
    - ``later_deposits``: money that came or went after the start.
    - ``income``: dividends, interest, funding, borrow fees and other charges.
    - ``benchmark``, ``last_prices`` by symbol, ``data_issues`` by stream (what was odd in the data of the
      period): only ``replay.run_reading`` reads them from the data.
    """

    run_stream: str
    sources: tuple[StreamRange, ...]
    symbols: tuple[str, ...]
    strategies: tuple[RunStrategy, ...]
    config: str
    currency: str
    start_ts: int
    end_ts: int
    inputs: int
    derived: int
    orders: int
    fills: int
    denied: int
    rejected: int
    refused: int
    failures: int
    first_problem: str
    first_failure: str
    digest: str
    equity: EquityCurve
    trades: tuple[RoundTrip, ...]
    open_lots: tuple[OpenLot, ...]
    metrics: Metrics
    by_strategy: tuple[StrategyResult, ...] = ()
    facts: RunFacts = RunFacts({}, (), ())
    exit_reasons: Mapping[ClientOrderId, str] = {}
    statistics: TradeStatistics = trade_statistics(())
    by_symbol: tuple[SymbolResult, ...] = ()
    exits: tuple[ExitReason, ...] = ()
    time_in_market: float | None = None
    drawdowns: tuple[DrawdownPeriod, ...] = ()
    benchmark: Benchmark | None = None
    last_prices: Mapping[str, float] = {}
    logged: tuple[LoggedSeries, ...] = ()
    flow: FillFlow = NO_FLOW
    later_deposits: tuple[Deposit, ...] = ()
    income: tuple[Income, ...] = ()
    margin_calls: int = 0
    ruined_ts: int = 0
    assumed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    data_issues: Mapping[str, Sequence[DataIssueFound]] = {}
    unmarked_fills: int = 0

    @property
    def days(self) -> tuple[int, int]:
        """The first and last trading day, from 1970-01-01."""
        days = self.equity.trading_days
        return int(days[0]), int(days[-1])

    @property
    def events(self) -> int:
        """Number of all events of the run."""
        return self.inputs + self.derived


@exact
async def read_results(store: EventStore, run_stream: str) -> RunResult:
    """Read a finished run or a live log. Raises ``StreamMissing`` for any other stream, ``InputError`` for an
    unfinished run, ``StoreDamaged``."""
    started, finished, corrections = await _frame(store, run_stream)
    sources, own, finished = await _extent(store, run_stream, started, finished)
    store = (await recorded_data(store, sources)).store if started.sources else store
    beginning, currency = await beginning_of(store, started, sources), await _currency(store, run_stream)
    facts = await read_facts(store, own, sources, currency=currency)
    tally = _Tally(started, corrections, facts, currency=currency)
    by_strategy = StrategyTally(corrections, facts, currency=currency)
    async for batch in store.read(run_stream, Selection(types=_COUNTED)):
        for event in batch.events:
            tally.take(event)
            by_strategy.take(event)
    paid_in = [one for one in facts.deposits if one.ts <= beginning.known_ts]
    initial = sum((one.amount for one in paid_in), ZERO)
    curve = tally.curve(beginning, initial, facts.deposits[len(paid_in) :])
    matched = tally.matcher.matched()
    metrics = tally.metrics(curve, matched.trades, initial=initial)
    period = (metrics.start_ts, metrics.end_ts)
    return RunResult(
        run_stream=run_stream,
        sources=sources,
        symbols=started.symbols,
        strategies=tuple(tally.strategies.values()),
        config=tally.config,
        currency=currency,
        start_ts=metrics.start_ts,
        end_ts=metrics.end_ts,
        inputs=finished.input_count,
        derived=finished.derived_count,
        orders=tally.orders,
        fills=tally.fills,
        denied=tally.denied,
        rejected=tally.rejected,
        refused=tally.refused,
        failures=tally.failures,
        first_problem=tally.problem(closed_at_par(tally.matcher.closed_at_par, facts)),
        first_failure=tally.first_failure,
        digest=finished.digest,
        equity=curve,
        trades=matched.trades,
        open_lots=matched.open_lots,
        metrics=metrics,
        by_strategy=by_strategy.results(
            list(tally.strategies),
            matched,
            config=tally.config,
            initial_equity=initial,
            opens_ts=beginning.opens_ts,
            known_ts=beginning.known_ts,
        ),
        facts=facts,
        exit_reasons=tally.exit_reasons,
        statistics=trade_statistics(matched.trades),
        by_symbol=figures_by_symbol(matched.trades, matched.open_lots, period),
        exits=exits_by_reason(matched.trades, tally.exit_reasons),
        time_in_market=time_in_market(matched.trades, matched.open_lots, period),
        drawdowns=drawdown_periods(curve.ts, curve.performance),
        logged=tally.logged.series(),
        later_deposits=facts.deposits[len(paid_in) :],
        income=tally.income.income(),
        flow=flow_of(tally.filled, facts, currency=currency),
        margin_calls=tally.margin_calls,
        ruined_ts=tally.ruined_ts,
        assumed=assumed_terms_of(tally.config, started.symbols, facts.instruments),
        notes=tally.notes(beginning),
        unmarked_fills=tally.unmarked_fills,
    )


async def _extent(
    store: EventStore, run_stream: str, started: RunStarted, finished: RunFinished | None
) -> tuple[tuple[StreamRange, ...], str, RunFinished]:
    """The data, the stream of the run's own inputs ("" for a live log: its data), and the last record."""
    if not started.sources:
        head = await store.head(run_stream)
        log = StreamRange(run_stream, 1, head.seq, head.block_hash.hex())
        inputs = await count_inputs(store, log)
        return (log,), "", RunFinished(head.ts, inputs, head.seq - inputs, "")
    if finished is None:
        raise InputError(f"run {run_stream!r} was never finished: its stream has no RunFinished")
    return started.sources, run_stream, finished


def unmarked_note(fills: int) -> str:
    """That fills came after the last mark of a live log; empty without any."""
    if not fills:
        return ""
    many = "1 fill has" if fills == 1 else f"{fills:,} fills have"
    return (
        f"{many} come since the account was last marked, and equity and returns are those of that mark; "
        "portfolio: {mark_every_s: 60} marks a live account each minute"
    )


class _Tally:
    """Counts, marks and fills, gathered in one pass."""

    def __init__(
        self, started: RunStarted, corrections: Corrections, facts: RunFacts, *, currency: str
    ) -> None:
        self.matcher = FifoMatcher(
            corrections, facts.instruments, facts.actions, rates=facts.rates, currency=currency
        )
        self._corrections = corrections
        self._is_live = not started.sources
        self.filled: list[OrderFilled] = []
        self.unrated = UnratedMoney(facts, currency=currency)
        self.income = IncomeTally()
        self.logged = LoggedTally(started.symbols)
        self.config = ""
        self.strategies: dict[StrategyId, RunStrategy] = {}
        self.orders = self.fills = self.denied = self.rejected = self.refused = self.failures = 0
        self.first_problem = self.first_failure = self.ruin = ""
        self.margin_calls = self.ruined_ts = 0
        self.last_mark: AccountMarked | None = None
        self.unmarked_fills = 0
        self.exit_reasons: dict[ClientOrderId, str] = {}
        self.cuts = CutQuantities()
        self.untraded = UntradedSignals()
        self.short_histories = ShortHistories()
        self._instruments = facts.instruments
        self._points: list[tuple[int, float, float, float, int]] = []

    def take(self, event: Event) -> None:
        self.unrated.take(event)
        self.income.take(event)
        match event:
            case OrderIntent() | ReplaceIntent() | ExecutionRequested():
                self.cuts.take(event, self._instruments)
            case SignalRaised():
                self.untraded.take(event)
            case SignalsAggregated():
                self.cuts.take_plan(event, self._instruments)
            case OrderSubmitted(order=order):
                self.orders += 1
                self.exit_reasons[order.client_order_id] = reason_of(order)
            case OrderFilled():
                self.fills += 1
                self.unmarked_fills += self._is_live
                self.filled.append(corrected(event, self._corrections))
                self.matcher.take(event)
            case OrderDenied(order=order):
                self.denied += 1
                self._note(f"{order.client_order_id} of {order.symbol} denied: {denial_text(event)}")
            case OrderRejected(client_order_id=key, symbol=symbol, reason=reason):
                self.rejected += 1
                self._note(f"{key} of {symbol} rejected: {reason}")
            case DecisionRefused(strategy=strategy, symbol=symbol, reason=reason):
                self.refused += 1
                about = f" on {symbol}" if symbol else ""
                self._note(f"a decision of {strategy}{about} refused: {reason}")
            case ComponentFailed(component=component, event_type=event_type, error=error, where=where):
                self.failures += 1
                failure = f"{component} failed on {event_type} at {where}: {error}"
                self.first_failure = self.first_failure or failure
                self._note(failure)
            case RiskLimitBreached(rule=rule, value=value, limit=limit, is_rearmed=False):
                self._take_breach(rule, value, limit=limit, ts=event.ts)
            case AccountMarked():
                self.last_mark, self.unmarked_fills = event, 0
                self._points.append(
                    (event.ts, float(event.equity), float(event.cash), float(event.exposure), day_of(event))
                )
            case StrategyLogged():
                self.logged.take(event)
            case SessionStarted():
                self.short_histories.begin()
            case HistoryFellShort():
                self.short_histories.take(event)
            case ConfigLoaded(body=body):
                self.config = body
            case StrategyLoaded():
                self.strategies[event.strategy] = run_strategy(event)  # a live log loads it again
            case _:
                pass

    def _take_breach(self, rule: str, value: str, *, limit: str, ts: int) -> None:
        """Count margin calls and ruin. Other limits that were breached are the user's own, and no problem."""
        if rule == MAINTENANCE_MARGIN:
            self.margin_calls += 1
            self._note(f"margin call: the equity {value} was below the maintenance margin {limit}")
        elif rule == RUIN and not self.ruined_ts:
            self.ruined_ts = ts
            self.ruin = f"ruin: the equity was {value} with nothing left to sell; the account owed money"

    def notes(self, beginning: Beginning) -> tuple[str, ...]:
        """What a reader of the figures should know, in sentences."""
        found = (
            unmarked_note(self.unmarked_fills),
            *self.cuts.notes(),
            self.untraded.note(self.config),
            without_open_note(beginning.without_open),
            *self.short_histories.notes(),
        )
        return tuple(filter(None, found))

    def problem(self, at_par: str) -> str:
        """Ruin, or the first problem. ``at_par``: of trades that were closed without a rate."""
        return self.ruin or self.first_problem or self.unrated.problem or at_par or self._idle_because()

    def _idle_because(self) -> str:
        """Why a run without a fill may have none: history that a strategy never had."""
        return "" if self.fills else next(iter(self.short_histories.notes()), "")

    def _note(self, problem: str) -> None:
        self.first_problem = self.first_problem or problem

    def metrics(self, curve: EquityCurve, trades: Sequence[RoundTrip], *, initial: Decimal) -> Metrics:
        """The metrics of the run; ``initial``: its starting equity."""
        mark = self.last_mark
        return measure(
            curve,
            trades,
            initial_equity=initial,
            final_equity=mark.equity if mark else initial,
            fees=mark.commissions if mark else ZERO,
        )

    def curve(self, beginning: Beginning, initial: Decimal, deposits: Sequence[Deposit]) -> EquityCurve:
        """The curve: the starting capital, then all marks. ``deposits`` are the later ones.

        Marks before the first market event are left out. Of several marks at the same time the last one
        counts.
        """
        capital = float(initial)
        points = {point[0]: point for point in self._points if point[0] >= beginning.known_ts}
        day = first_day(beginning, ((point[0], point[4]) for point in points.values()))
        first = (beginning.opens_ts, capital, capital, 0.0, day)
        ts, equity, cash, exposure, days = zip(*(first, *points.values()), strict=True)
        stamps, values = np.array(ts, dtype=np.int64), np.array(equity, dtype=np.float64)
        flows = [(deposit.ts, float(deposit.amount)) for deposit in deposits]
        return EquityCurve(
            stamps,
            values,
            np.array(cash, dtype=np.float64),
            np.array(exposure, dtype=np.float64),
            time_weighted(stamps, values, flows) if flows else None,
            trading_days_of(days),
        )


async def _currency(store: EventStore, run_stream: str) -> str:
    """The account's currency: that of the deposit at the beginning of a run."""
    async with aclosing(store.read(run_stream, Selection(types=frozenset({CashMoved})))) as batches:
        async for batch in batches:
            first = batch.events[0]
            assert isinstance(first, CashMoved)
            return first.currency
    return "USD"


async def _frame(store: EventStore, run_stream: str) -> tuple[RunStarted, RunFinished | None, Corrections]:
    """The first and last record of a run, and the corrections of its fills. A live log has no last record."""
    started: RunStarted | None = None
    finished: RunFinished | None = None
    corrections: list[FillCorrected] = []
    async for batch in store.read(run_stream, Selection(types=_FRAME)):
        for event in batch.events:
            match event:
                case RunStarted():
                    started = event
                case RunFinished():
                    finished = event
                case FillCorrected():
                    corrections.append(event)
                case _:
                    pass
    if started is None:
        raise StreamMissing(f"stream {run_stream!r} is not the stream of a run")
    return started, finished, last_corrections(corrections)
