"""The problems of a run stand out: in words, with the symbol, and red on a terminal."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from io import StringIO

import msgspec
import pytest
from rich.console import Console

from eventstore import MemoryEventStore
from kernel.events import BUY, DecisionRefused, Event, Order, OrderDenied, OrderRejected, OrderType
from kernel.identifiers import ClientOrderId
from replay.problem_texts import denial_text
from replay.results import RunResult, read_results
from replay.tables import problems, result_lines, result_table
from tests.replay.recorded_run import DATA, STRATEGY, bar, day, fill, mark, record_run

BARS: list[Event] = [bar(number, 100.0) for number in range(5)]
KEY = ClientOrderId("by_hand-1")
DENIED = OrderDenied(
    day(1), Order(KEY, STRATEGY, "ABC", BUY, OrderType.MARKET, Decimal(1)), "cash", "there is no price"
)
REJECTED = OrderRejected(day(1), KEY, STRATEGY, "ABC", "no")
REFUSED = DecisionRefused(day(1), STRATEGY, "ABC", "no")


@pytest.fixture
async def store() -> AsyncIterator[MemoryEventStore]:
    async with MemoryEventStore() as memory:
        yield memory


async def result_of(
    store: MemoryEventStore, derived: Sequence[Event], *, is_finished: bool = True
) -> RunResult:
    derived = [*derived, mark(day(2), "10000")]
    return await read_results(
        store, await record_run(store, derived, data={DATA: BARS}, is_finished=is_finished)
    )


@pytest.mark.parametrize(
    ("derived", "sentence"),
    [
        ([DENIED] * 315, "315 were denied; first: by_hand-1 of ABC denied: there is no price"),
        ([DENIED], "1 was denied; first: by_hand-1 of ABC denied: there is no price"),
        ([REFUSED] * 2, "2 decisions were refused; first: a decision of by_hand on ABC refused: no"),
        (
            [DENIED, REFUSED],
            "1 was denied, 1 decision was refused; first: by_hand-1 of ABC denied: there is no price",
        ),
        ([], "none was sent"),
    ],
)
async def test_a_run_without_a_fill_says_why(
    store: MemoryEventStore, derived: Sequence[Event], sentence: str
) -> None:
    result = await result_of(store, derived)

    assert problems(result) == f"no order was filled: {sentence}"
    assert dict(result_lines(result))["Problems"] == problems(result)


@pytest.mark.parametrize(
    ("reason", "limit", "value", "sentence"),
    [
        ("the order is too large", "500", "1000", "the order is too large (limit 500, value 1000)"),
        ("it needs 10 USD, and 5 USD are there", "5", "10", "it needs 10 USD, and 5 USD are there"),
        ("A is on the restricted list", "", "A", "A is on the restricted list"),
        ("there is no price", "500", "", "there is no price"),
    ],
)
def test_a_denial_names_the_limit_and_the_value(reason: str, limit: str, value: str, sentence: str) -> None:
    assert denial_text(msgspec.structs.replace(DENIED, reason=reason, limit=limit, value=value)) == sentence


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (DENIED, "orders denied: 1; first: by_hand-1 of ABC denied: there is no price"),
        (REJECTED, "orders rejected: 1; first: by_hand-1 of ABC rejected: no"),
        (REFUSED, "decisions refused: 1; first: a decision of by_hand on ABC refused: no"),
    ],
)
async def test_a_denial_rejection_or_refusal_names_the_symbol(
    store: MemoryEventStore, event: Event, sentence: str
) -> None:
    assert problems(await result_of(store, [event, fill(day(1), BUY, "1", "100")])) == sentence


async def test_a_run_with_fills_and_nothing_else_has_no_problem(store: MemoryEventStore) -> None:
    assert problems(await result_of(store, [fill(day(1), BUY, "1", "100")])) == ""


async def test_problems_are_red_on_a_terminal(store: MemoryEventStore) -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=True, color_system="standard", width=200, _environ={})

    console.print(result_table(await result_of(store, [DENIED])))

    line = next(line for line in written.getvalue().splitlines() if "Problems" in line)
    assert "\x1b[1;31mno order was filled: 1 was denied; first: by_hand-1 of ABC denied" in line
