"""A constant has one home, and whoever wants it imports it."""

import pytest

from tests.house.constants import CONSTANTS_ONCE, second_names, unit_numbers
from tests.house.rules import assert_kept
from tests.house.tree import CODE, PRODUCT, parse, sources

HOME = parse("kernel/events/order_terms.py", "BUY, SELL = Side.BUY, Side.SELL\n")


def test_each_constant_has_one_home() -> None:
    found = list(second_names(sources(*CODE)))
    found += [each for source in sources(*PRODUCT) for each in unit_numbers(source)]

    assert_kept(CONSTANTS_ONCE, found)


@pytest.mark.parametrize("text", ["_BUY = Side.BUY", "X, _SELL = 1, Side.SELL", "import a\nBUY = Side.BUY"])
@pytest.mark.parametrize("path", ["components/x.py", "tests/x.py"])
def test_a_second_name_for_a_member_is_found(text: str, path: str) -> None:
    assert [each.path for each in second_names([HOME, parse(path, text)])] == [path]


def test_a_member_without_a_home_may_have_one_name_in_the_product() -> None:
    one, other, test = (
        parse(path, "C = OrderStatus.CANCELLED") for path in ("ops/x.py", "ops/y.py", "tests/x.py")
    )

    assert list(second_names([HOME, one, test])) == []
    assert [each.path for each in second_names([HOME, one, other, test])] == ["ops/x.py", "ops/y.py"]


@pytest.mark.parametrize(
    "text", ["import a", "def f():\n    _BUY = Side.BUY", "X = frozenset({Side.BUY})", "X = Own.BUY"]
)
def test_other_uses_of_members_are_let_through(text: str) -> None:
    assert list(second_names([HOME, parse("components/x.py", text)])) == []


@pytest.mark.parametrize("number", ["86_400", "1_000_000_000", "1e9", "60_000_000_000"])
def test_a_unit_of_time_as_a_number_is_found(number: str) -> None:
    source = parse("components/x.py", f"ts = seconds * {number}")

    assert [each.line for each in unit_numbers(source)] == [1]


@pytest.mark.parametrize("number", ["1_000", "'86_400'", "60"])
def test_other_numbers_are_let_through(number: str) -> None:
    assert list(unit_numbers(parse("components/x.py", f"x = {number}"))) == []
