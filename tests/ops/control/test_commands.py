"""Commands of the control API: each is in the log with who and why before it is answered."""

import asyncio
import getpass
from decimal import Decimal
from pathlib import Path

import pytest

from eventstore import open_store
from kernel.events import (
    CancelAllOrders,
    CancelOrder,
    CashFlowKind,
    CashMoved,
    ControlRequested,
    EngageKillSwitch,
    FlattenPositions,
    HaltTrading,
    OrderDenied,
    OrderSubmitted,
    PauseStrategy,
    ReduceOnlyTrading,
    ResumeStrategy,
    ResumeTrading,
    SessionStopped,
    StrategyPaused,
    TradingState,
    TradingStateChanged,
)
from ops.control.client import CommandRefused
from ops.control.requests import (
    BookCash,
    CancelMany,
    CancelOne,
    Command,
    Flatten,
    Grave,
    OfStrategy,
    ReleaseKillSwitch,
    ReleaseStrategy,
    StopStrategy,
)
from ops.control.views import LimitsView, StrategyView
from replay.audit import audit
from replay.verification import verify_run
from tests.ops.control.running import LOG, Running, running
from tests.ops.daemon.statuses import asked

ME = getpass.getuser()
BUSY = '{strategy: "trade.py:Busy", symbols: [AAA, AAB], params: {every: 2}}'
TWO = (
    '{strategy: "trade.py:Busy", symbols: [AAA], params: {every: 2}}',
    '{strategy: "trade.py:Holder", symbols: [AAB]}',
)


async def quotes(daemon: Running, count: int) -> None:
    for number in range(count):
        await daemon.quote(price=100.0 + number)


async def test_command_is_durable_when_it_is_answered_with_who_and_why(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        receipt = await daemon.do("/trading/halt", Command(reason="lunch"))
        durable = daemon.session.engine.last_seq
        halts = await daemon.logged(HaltTrading)
        (asked,) = await daemon.logged(ControlRequested)

    assert [(one.operator, one.reason) for one in halts] == [(ME, "lunch")]
    assert (asked.operator, asked.request, asked.reason) == (ME, "/v1/trading/halt", "lunch")
    assert 0 < receipt.seq <= durable
    assert receipt.operator == ME


async def test_pause_of_all_pauses_each_strategy_and_resume_lets_it_go_on(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=TWO) as daemon:
        await daemon.do("/pause", OfStrategy(reason="news"))
        paused = await daemon.show("/strategies", tuple[StrategyView, ...])
        await daemon.do("/resume", OfStrategy(strategy="holder"))
        resumed = await daemon.show("/strategies", tuple[StrategyView, ...])
        events = await daemon.logged(StrategyPaused)

    assert [one.state for one in paused] == ["paused", "paused"]
    assert [(one.strategy, one.state) for one in resumed] == [("busy", "paused"), ("holder", "running")]
    assert [one.reason for one in events] == ["news", "news"]


async def test_stop_cancels_the_orders_of_a_strategy_and_flattens_it_if_asked(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        await quotes(daemon, 3)
        had = (len(daemon.session.core.orders.state.open), daemon.session.core.portfolio.net_position("AAA"))
        await daemon.do("/stop", StopStrategy(strategy="busy", flatten=True, reason="enough"))
        await quotes(daemon, 4)
        core = daemon.session.core
        orders, held = len(core.orders.state.open), core.portfolio.net_position("AAA")

    assert had[0] > 0
    assert had[1] != 0
    assert (orders, held) == (0, Decimal(0))


async def test_stop_without_flatten_keeps_positions(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await quotes(daemon, 3)
        await daemon.do("/stop", StopStrategy(reason="enough"))
        await quotes(daemon, 3)
        held = daemon.session.core.portfolio.net_position("AAA")

    assert held == 1


async def test_flatten_closes_the_positions_of_a_symbol_while_trading_is_halted(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await quotes(daemon, 3)
        await daemon.do("/trading/halt", Command())
        await daemon.do("/flatten", Flatten(symbol="AAA", reason="a merger"))
        await quotes(daemon, 3)
        held = daemon.session.core.portfolio.net_position("AAA")
        (command,) = await daemon.logged(FlattenPositions)

    assert held == 0
    assert (command.symbol, command.reason) == ("AAA", "a merger")


async def test_cancel_of_one_order_and_of_all(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        await quotes(daemon, 8)
        first, *others = daemon.session.core.orders.state.open
        await daemon.do("/orders/cancel", CancelOne(client_order_id=first, reason="odd"))
        after_one = list(daemon.session.core.orders.state.open)
        await daemon.do("/orders/cancel-all", CancelMany(symbol="AAA"))
        after_all = list(daemon.session.core.orders.state.open)
        commands = await daemon.logged(CancelOrder, CancelAllOrders)

    assert others
    assert first not in after_one
    assert after_all == []
    assert [type(one) for one in commands] == [CancelOrder, CancelAllOrders]


async def test_trading_is_narrowed_and_resumed(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.do("/trading/reduce-only", Command(reason="weekend"))
        narrowed = await daemon.show("/limits", LimitsView)
        await daemon.do("/trading/resume", Grave(reason="monday"))
        states = await daemon.logged(TradingStateChanged)
        commands = await daemon.logged(ReduceOnlyTrading, ResumeTrading)

    assert narrowed.trading_state is TradingState.REDUCE_ONLY
    assert [(one.rule, one.state) for one in narrowed.latches] == [("", TradingState.REDUCE_ONLY)]
    assert [one.state for one in states] == [TradingState.REDUCE_ONLY, TradingState.ACTIVE]
    assert len(commands) == 2


# --- the kill switch --------------------------------------------------------------------------


async def test_kill_switch_stops_all_orders_and_ends_only_by_a_typed_confirmation(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        await quotes(daemon, 6)
        await daemon.do("/kill", Command(reason="it buys without end"))
        sent = len(await daemon.logged(OrderSubmitted))
        working = len(daemon.session.core.orders.state.open)
        await quotes(daemon, 6)
        with pytest.raises(CommandRefused, match="expected 'RELEASE paper'"):
            await daemon.do("/kill/release", ReleaseKillSwitch(confirm="RELEASE other", reason="mended"))
        with pytest.raises(CommandRefused, match="the kill switch is engaged"):
            await daemon.do("/trading/resume", Grave(reason="mended"))
        with pytest.raises(CommandRefused, match="the kill switch is engaged"):
            await daemon.do("/flatten", Flatten(reason="away"))
        sent_killed, denied = len(await daemon.logged(OrderSubmitted)), len(await daemon.logged(OrderDenied))
        await daemon.do("/kill/release", ReleaseKillSwitch(confirm="RELEASE paper", reason="mended"))
        await quotes(daemon, 6)
        sent_after = len(await daemon.logged(OrderSubmitted))

    assert working == 0
    assert sent_killed == sent < sent_after
    assert denied > 0


async def test_kill_switch_holds_over_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.do("/kill", Command(reason="enough"))
    async with running(tmp_path) as daemon:
        view = await daemon.show("/limits", LimitsView)
        await quotes(daemon, 3)
        sent = await daemon.logged(OrderSubmitted)

    assert (view.kill_switch, view.trading_state) == (True, TradingState.KILLED)
    assert sent == []


# --- repeated requests ------------------------------------------------------------------------


async def test_repeated_request_is_carried_out_once(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        body = Command(reason="lunch", id="a1")
        receipts = await asyncio.gather(*(daemon.do("/trading/halt", body) for _ in range(3)))
        await daemon.do("/trading/resume", Grave(reason="back"))
        late = await daemon.do("/trading/halt", body)
        halts = await daemon.logged(HaltTrading)
        state = daemon.session.core.risk.state.trading_state

    assert sorted(one.is_repeated for one in receipts) == [False, True, True]
    assert late.is_repeated
    assert {one.seq for one in (*receipts, late)} == {receipts[0].seq}
    assert len(halts) == 1
    assert state is TradingState.ACTIVE


async def test_repeated_request_is_carried_out_once_over_a_restart(tmp_path: Path) -> None:
    body = Flatten(reason="away", id="a1")
    async with running(tmp_path) as daemon:
        first = await daemon.do("/flatten", body)
    async with running(tmp_path) as daemon:
        again = await daemon.do("/flatten", body)
        commands = await daemon.logged(FlattenPositions)

    assert (again.seq, again.is_repeated, len(commands)) == (first.seq, True, 1)


async def test_key_of_another_request_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.do("/trading/halt", Command(id="a1"))

        with pytest.raises(CommandRefused, match="'a1' is that of another request"):
            await daemon.do("/trading/reduce-only", Command(id="a1"))


async def test_command_that_made_itself_impossible_may_be_repeated(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        await quotes(daemon, 4)
        (key, *_) = daemon.session.core.orders.state.open
        body = CancelOne(client_order_id=key, id="c1")
        first, again = await daemon.do("/orders/cancel", body), await daemon.do("/orders/cancel", body)

    assert (again.seq, again.is_repeated) == (first.seq, True)


# --- what is not there ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/pause", OfStrategy(strategy="nobody"), "no strategy 'nobody'; there are: holder"),
        ("/stop", StopStrategy(strategy="nobody", reason="x"), "no strategy 'nobody'"),
        ("/release", ReleaseStrategy(strategy="holder"), "'holder' is in service"),
        ("/orders/cancel", CancelOne(client_order_id="x-1"), "no open order 'x-1'"),
        ("/orders/cancel-all", CancelMany(symbol="ZZZ"), "does not trade 'ZZZ'"),
        ("/flatten", Flatten(symbol="ZZZ", reason="x"), "does not trade 'ZZZ'"),
        ("/flatten", Flatten(strategy="nobody", reason="x"), "no strategy 'nobody'"),
    ],
)
async def test_command_for_something_that_is_not_there_is_refused_and_not_recorded(
    tmp_path: Path, path: str, body: Command, words: str
) -> None:
    async with running(tmp_path) as daemon:
        with pytest.raises(CommandRefused, match=words):
            await daemon.do(path, body)
        recorded = await daemon.logged(ControlRequested, PauseStrategy, ResumeStrategy, EngageKillSwitch)

    assert recorded == []


# --- cash -------------------------------------------------------------------------------------


async def test_cash_that_an_operator_books_is_in_the_account_and_in_the_audit(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        before = daemon.session.core.portfolio.cash
        fee = BookCash(amount=Decimal("-12.50"), kind=CashFlowKind.FEE, reason="market data")
        receipt = await daemon.do("/cash", fee)
        said = await asked("cash", daemon.folder, "--amount", "500", "--kind", "deposit", "--reason", "more")
        account = daemon.session.core.portfolio
        cash, paid_in = account.cash, account.deposits
        moved = await daemon.logged(CashMoved)
        lines = [line async for line in audit(daemon.store, LOG)]
    async with await open_store(daemon.config.store) as store:
        await verify_run(store, LOG)

    assert receipt.operator == ME
    assert said.stdout.startswith("deposit of 500 booked; recorded at seq ")
    assert cash == before + Decimal("487.50")
    assert paid_in == before + 500
    assert [(one.amount, one.kind, one.reason) for one in moved[-2:]] == [
        (Decimal("-12.50"), CashFlowKind.FEE, "market data"),
        (Decimal(500), CashFlowKind.DEPOSIT, "more"),
    ]
    told = [(line.who, line.why) for line in lines if "/v1/cash" in line.what]
    assert told == [(ME, "market data"), (ME, "more")]


@pytest.mark.parametrize(
    ("amount", "kind", "words"),
    [
        ("0", CashFlowKind.FEE, "amount: 0 is not an amount of money"),
        ("1e13", CashFlowKind.DEPOSIT, "is not an amount of money"),
        ("0.000000001", CashFlowKind.INTEREST, "amount: expected at most 8 decimals"),
        ("-1e-400", CashFlowKind.FEE, "amount: expected at most 8 decimals"),
        ("5", CashFlowKind.CONVERSION, "conversion is booked with its trade"),
    ],
)
async def test_cash_that_makes_no_sense_is_refused(
    tmp_path: Path, amount: str, kind: CashFlowKind, words: str
) -> None:
    async with running(tmp_path) as daemon:
        before = len(await daemon.logged(CashMoved))
        with pytest.raises(CommandRefused, match=words):
            await daemon.do("/cash", BookCash(amount=Decimal(amount), kind=kind, reason="x"))
        after = len(await daemon.logged(CashMoved))

    assert after == before


# --- the daemon -------------------------------------------------------------------------------


async def test_snapshot_roll_and_shutdown(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await quotes(daemon, 2)
        await daemon.do("/snapshot", Command())
        saved = list((daemon.folder / "snapshots").iterdir())
        segments = len(list((daemon.folder / "segments").glob("*.db")))
        await daemon.do("/roll", Command(reason="before a copy"))
        rolled = len(list((daemon.folder / "segments").glob("*.db")))
        await daemon.do("/shutdown", Grave(reason="an update"))
        await daemon.stop.asked.wait()
    async with running(tmp_path) as daemon:
        (stopped,) = await daemon.logged(SessionStopped)

    assert saved
    assert rolled == segments + 1
    assert stopped.reason == f"asked by {ME}: an update"
