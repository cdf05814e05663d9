"""Commands of operators in a configuration: what they do, when, and that such a run repeats."""

from decimal import Decimal
from pathlib import Path

import pytest

from eventstore.story import read_story
from kernel.errors import ConfigError
from kernel.events import (
    AdjustPosition,
    Bar,
    CancelAllOrders,
    CashMoved,
    Event,
    FlattenPositions,
    HaltTrading,
    OrderDenied,
    OrderSubmitted,
    PositionChanged,
    ReduceOnlyTrading,
    ResumeTrading,
    RiskLimitBreached,
    TradingState,
    TradingStateChanged,
    TradingStatus,
    TradingStatusChanged,
)
from kernel.time_units import DAY_NS
from replay import backtest
from replay.commands import Command, Deposit, Flatten, Halt, ReduceOnly, Resume, Withdraw
from replay.config import ReplayConfig, load_config
from replay.results import read_results
from replay.verification import verify_run
from strategies.buy_and_hold import BuyAndHold
from strategies.ma_cross import MovingAverageCross
from strategies.sdk import BreachAction, ContinuousLimit, LimitKind, RiskLimits
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv
from tests.replay.playing import START, read_events, record_run, store_of

EVERYTHING = """\
commands:
  - {at: 2004-01-05, do: halt, reason: a try}
  - {at: 2004-01-06T12:00:00, do: resume}
  - {at: 2004-01-07, do: reduce_only}
  - {at: 2004-01-07, do: resume, reason: enough}
  - {at: 2004-01-08, do: cancel_all, symbol: A}
  - {at: 2004-01-09, do: flatten}
  - {at: 2004-01-10, do: deposit, amount: 5000}
  - {at: 2004-01-11, do: withdraw, amount: 1000.5, currency: EUR, reason: rent}
  - {at: 2004-01-12, do: adjust_position, strategy: ma_cross, symbol: A, quantity: 10, cost: 900,
     reason: a gift}
  - {at: 2004-01-13, do: trading_status, symbol: A, status: halted, reason: news}
"""


def cross() -> MovingAverageCross:
    return MovingAverageCross(fast=2, slow=3, quantity=10)


async def recorded(*commands: Command, risk: RiskLimits | None = None) -> list[Event]:
    """The events of a run over sixty days with these commands, which must repeat byte for byte."""
    store = await store_of(a_1d=walk("A", 60, seed=5))
    config = ReplayConfig(commands=commands, risk=risk or RiskLimits())
    run = await record_run(store, [cross()], config)
    assert (await verify_run(store, run)).run_stream == run
    return await read_events(store, run)


def day(number: int) -> int:
    return START + number * DAY_NS


async def test_every_command_becomes_an_input_at_its_time_and_the_run_repeats(tmp_path: Path) -> None:
    path = tmp_path / "onetape.yaml"
    path.write_text(EVERYTHING)
    commands = load_config(path).commands

    events = await recorded(*commands)

    by = "configuration"
    for expected in (
        HaltTrading(day(4), by, "a try"),
        ResumeTrading(day(5) + DAY_NS // 2, by),
        ReduceOnlyTrading(day(6), by),
        ResumeTrading(day(6), by, "enough"),
        CancelAllOrders(day(7), by, "A"),
        FlattenPositions(day(8), by),
        CashMoved(day(9), Decimal(5000)),
        CashMoved(day(10), Decimal("-1000.5"), "EUR", "rent"),
        AdjustPosition(day(11), by, "ma_cross", "A", Decimal(10), Decimal(900), "a gift"),  # type: ignore[arg-type]  # a StrategyId is text
        TradingStatusChanged(day(12), "A", TradingStatus.HALTED, "news"),
    ):
        assert events.count(expected) == 1


async def test_a_halted_run_sends_no_order_until_it_is_resumed() -> None:
    free = await recorded()

    events = await recorded(Halt(at="2004-01-10"), Resume(at="2004-02-10"))

    submitted = [event.ts for event in events if isinstance(event, OrderSubmitted)]
    assert any(day(9) <= event.ts < day(40) for event in free if isinstance(event, OrderSubmitted))
    assert not [ts for ts in submitted if day(9) <= ts < day(40)]
    assert [ts for ts in submitted if ts >= day(40)]
    assert [event.state for event in events if isinstance(event, TradingStateChanged)] == [
        TradingState.HALTED,
        TradingState.ACTIVE,
    ]


async def test_a_command_comes_after_the_data_of_its_moment_and_before_what_is_later() -> None:
    store = await store_of(a_1d=walk("A", 5, seed=5))
    bars = walk("A", 5, seed=5)
    at = "2004-01-02T23:59:59.999999"
    run = await record_run(
        store, [cross()], ReplayConfig(commands=(Halt(at=at), ReduceOnly(at="2004-01-04")))
    )

    story = [event async for batch in read_story(store, run) for event in batch.events]

    inputs = [event for event in story if isinstance(event, Bar | HaltTrading | ReduceOnlyTrading)]
    assert [type(event).__name__ for event in inputs] == [
        "Bar", "HaltTrading", "Bar", "Bar", "ReduceOnlyTrading", "Bar", "Bar"
    ]  # fmt: skip
    assert [event for event in inputs if isinstance(event, Bar)] == bars


async def test_a_command_for_the_first_day_comes_before_the_first_data() -> None:
    events = await recorded(Deposit(at="2004-01-01", amount=Decimal(50_000)))

    (deposit,) = [event for event in events if isinstance(event, CashMoved)][1:]

    assert deposit.ts == walk("A", 1, seed=5)[0].ts


async def test_commands_after_the_last_data_are_played_as_well() -> None:
    store = await store_of(a_1d=walk("A", 20, seed=5), b_1d=walk("B", 30, seed=6))
    config = ReplayConfig(streams=("a.1d",), commands=(Flatten(at="2004-01-20T23:59:59"),))

    run = await record_run(store, [cross()], config)

    assert FlattenPositions(day(20) - 10**9, "configuration") in await read_events(store, run)


async def test_a_limit_that_waits_for_an_operator_is_rearmed_by_resume() -> None:
    risk = RiskLimits(
        continuous=(
            ContinuousLimit(kind=LimitKind.DRAWDOWN, limit=Decimal("0.0001"), action=BreachAction.DENY),
        )
    )
    denied = [event for event in await recorded(risk=risk) if isinstance(event, OrderDenied)]
    assert denied

    events = await recorded(Resume(at="2004-02-15"), risk=risk)

    breaches = [event.action for event in events if isinstance(event, RiskLimitBreached)]
    assert "rearmed" in breaches


async def test_money_paid_in_and_out_is_neither_gain_nor_loss() -> None:
    store = await store_of(a_1d=walk("A", 60, seed=5))
    moves = (
        Deposit(at="2004-01-20", amount=Decimal(100_000)),
        Withdraw(at="2004-02-10", amount=Decimal(150_000)),
    )
    quiet = ReplayConfig(commands=moves, risk=RiskLimits(max_order_quantity=Decimal(0)))

    result = await read_results(store, await record_run(store, [cross()], quiet))

    assert (result.metrics.final_equity, result.metrics.total_return) == (Decimal(50_000), 0.0)


async def test_flattening_closes_what_is_held() -> None:
    store = await store_of(a_1d=walk("A", 60, seed=5))
    config = ReplayConfig(commands=(Flatten(at="2004-02-01"),))

    run = await record_run(store, [BuyAndHold(fraction=0.5)], config)

    last = [event for event in await read_events(store, run) if isinstance(event, PositionChanged)][-1]
    assert (last.quantity, last.ts >= day(31)) == (Decimal(0), True)


def test_backtest_takes_commands_as_mappings(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", walk("A", 60, seed=5))

    free = backtest(cross(), tmp_path / "a.csv")
    halted = backtest(cross(), tmp_path / "a.csv", commands=[{"at": "2004-01-02", "do": "halt"}])

    assert free.result.orders > 0
    assert halted.result.orders == 0


def test_the_command_line_plays_and_verifies_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 60, seed=5))
    assert onetape("import", "a.csv", "--symbol", "A", "--store", "onetape.db").exit_code == 0
    strategy = "{strategy: strategies.ma_cross:MovingAverageCross, params: {fast: 2, slow: 3}}"
    Path("onetape.yaml").write_text(f"streams: [a.1d]\nstrategies: [{strategy}]\n{EVERYTHING}")

    played = replay("--json")
    verified = replay("verify", "run.ma_cross.1", "--store", "onetape.db")

    assert (played.exit_code, verified.exit_code) == (0, 0), (played.output, verified.output)


NONSENSE: dict[str, tuple[str, str]] = {
    "no such command": ("{at: 2004-01-05, do: stop}", "'stop' is not one of halt, reduce_only, resume"),
    "no time": ("{do: halt}", "'at' is missing"),
    "no moment": ("{at: soon, do: halt}", r"commands: number 1 \(halt\): at: 'soon' is not a date"),
    "another's field": ("{at: 2004-01-05, do: halt, amount: 1}", "there is no 'amount'"),
    "no amount": ("{at: 2004-01-05, do: deposit, amount: 0}", "amount 0 is not above 0"),
    "no number": ("{at: 2004-01-05, do: withdraw, amount: nan}", "amount NaN is not above 0"),
    "a cost of nothing": (
        "{at: 2004-01-05, do: adjust_position, strategy: x, symbol: A, quantity: 0, cost: 5, reason: y}",
        "cost 5 of a position of 0",
    ),
    "a cost of the wrong sign": (
        "{at: 2004-01-05, do: adjust_position, strategy: x, symbol: A, quantity: -1, cost: 5, reason: y}",
        "cost 5 and quantity -1 must have the same sign",
    ),
    "before from": ("{at: 2003-01-05, do: halt}", "at 2003-01-05 is not between from and to"),
}


@pytest.mark.parametrize(("command", "problem"), NONSENSE.values(), ids=NONSENSE)
def test_a_command_that_makes_no_sense_is_refused(tmp_path: Path, command: str, problem: str) -> None:
    path = tmp_path / "onetape.yaml"
    path.write_text(f"from: 2004-01-01\ncommands: [{command}]\n")

    with pytest.raises(ConfigError, match=problem):
        load_config(path)


NEVER: dict[str, tuple[dict[str, object], str]] = {
    "too late": ({"at": "2005-01-05", "do": "halt"}, "at 2005-01-05 is not in the run, which is"),
    "too early": ({"at": "2003-01-05", "do": "halt"}, "at 2003-01-05 is not in the run"),
    "no such symbol": ({"at": "2004-01-05", "do": "flatten", "symbol": "B"}, "'B' is not in the run"),
    "no such strategy": (
        {
            "at": "2004-01-05",
            "do": "adjust_position",
            "strategy": "x",
            "symbol": "A",
            "quantity": 1,
            "cost": 1,
            "reason": "y",
        },
        "there is no strategy 'x'; there are: ma_cross",
    ),
}


@pytest.mark.parametrize(("command", "problem"), NEVER.values(), ids=NEVER)
def test_a_command_that_would_never_be_played_is_refused(
    tmp_path: Path, command: dict[str, object], problem: str
) -> None:
    write_csv(tmp_path / "a.csv", walk("A", 20, seed=5))

    with pytest.raises(ConfigError, match=problem):
        backtest(cross(), tmp_path / "a.csv", commands=[command])
