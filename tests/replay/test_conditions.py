"""A condition holds or does not; everything that is no condition is refused before it is asked."""

from decimal import Decimal

import pytest

from kernel.errors import InputError
from kernel.events import OrderFilled, Side
from replay.past.conditions import Condition, Facts
from replay.past.timeline import Timeline
from tests.replay.past_logs import run_of_two_symbols
from tests.replay.recorded_run import fill

FILL = fill(5, Side.BUY, "10", "101.5", symbol="A")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('type == "OrderFilled"', True),
        ('type == "OrderFilled" and price > 101', True),
        ("price > 101.5", False),
        ("price >= 101.5", True),
        ("quantity * price == 1015", True),
        ("-quantity < 0", True),
        ("0.1 + 0.2 == 0.3", True),
        ('symbol in ("A", "B")', True),
        ('symbol not in ["A"]', False),
        ('side == "buy"', True),
        ('not symbol == "B"', True),
        ("1 < quantity < 20", True),
        ("bid > 3", False),
        ("bid > 3 or price > 1", True),
        ('symbol > 3 or symbol == "A"', True),
        ("price / 0 > 1", False),
        ("symbol + 1 > 0", False),
    ],
)
async def test_a_condition_about_an_event(text: str, *, holds: bool) -> None:
    store, run = await run_of_two_symbols()

    async with Timeline.open(store, run) as timeline:
        assert Condition(text).holds(Facts(FILL, timeline.core, 3)) is holds


async def test_a_condition_about_the_core() -> None:
    store, run = await run_of_two_symbols()

    async with Timeline.open(store, run) as timeline:
        await timeline.goto_end()
        core = timeline.core
        facts = Facts(FILL, core, timeline.moment.seq)
        core_equity = core.portfolio.equity

        assert Condition(f"equity == {core_equity}").holds(facts)
        assert not Condition(f"equity > {core_equity}").holds(facts)
        assert Condition(f"number == {core.bus.state.input_count}").holds(facts)
        assert Condition(f'position["A"] == {core.portfolio.net_position("A")}').holds(facts)
        assert Condition(f'state["bus.input_count"] == {core.bus.state.input_count}').holds(facts)
        assert Condition('state["strategy:Trader.strategy.bars"] > 1').holds(facts)


def test_a_condition_knows_what_it_needs() -> None:
    assert not Condition("price > 3").needs_core
    assert Condition("equity > 3").needs_core
    assert not Condition("equity > 3").needs_event
    assert Condition('position["A"] > 3 and type == "Bar"').needs_event


@pytest.mark.parametrize(
    "text",
    [
        "",
        "price >",
        "__import__('os').system('true')",
        "price.__class__ == 1",
        "(lambda: 1)()",
        "[x for x in (1,)]",
        "state[price]",
        "2 ** 999999999",
        "price if 1 else 2",
        "x := 3",
        "f'{price}'",
        "b'a' == 1",
        "(" * 400,
        "1 + " * 200 + "1",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="condition"):
        Condition(text)


def test_a_name_that_no_event_has_is_refused() -> None:
    with pytest.raises(InputError, match="no event has a field 'prise'; did you mean 'price'"):
        Condition("prise > 3")


def test_a_fill_is_what_the_tests_say() -> None:
    assert isinstance(FILL, OrderFilled)
    assert FILL.price == Decimal("101.5")
