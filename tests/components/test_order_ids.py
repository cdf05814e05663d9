"""Client order ids: whoever makes orders has a part of the id of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.strategy_host.order_ids import SLUG_LENGTH, order_slug, order_slugs
from kernel.identifiers import StrategyId


@pytest.mark.parametrize(
    ("strategy", "slug"),
    [("ma_cross", "macross"), ("Ä-1", "1"), ("x" * 40, "x" * 16), ("--", "")],
)
def test_the_strategys_part_of_an_order_id_is_letters_and_digits(strategy: str, slug: str) -> None:
    assert order_slug(StrategyId(strategy)) == slug


@pytest.mark.parametrize(
    ("names", "slugs"),
    [
        (("a_b", "ab", "a-b"), ["ab", "ab2", "ab3"]),
        (("x" * 16 + "1", "x" * 16 + "2"), ["x" * 16, "x" * 15 + "2"]),
        (("ab", "ab2", "a.b"), ["ab", "ab2", "ab3"]),
        (("--", "平均"), ["strategy", "strategy2"]),
        (("risk",), ["risk2"]),
    ],
)
def test_strategies_that_are_alike_are_numbered(names: tuple[str, ...], slugs: list[str]) -> None:
    assert list(order_slugs(map(StrategyId, names), taken=("risk",)).values()) == slugs


@given(names=st.lists(st.text("aA1-é", max_size=20), unique=True), taken=st.sets(st.text("aA1", max_size=3)))
def test_no_two_owners_of_orders_share_a_slug(names: list[str], taken: set[str]) -> None:
    slugs = list(order_slugs(map(StrategyId, names), taken=taken).values())

    assert len({*slugs, *taken}) == len(slugs) + len(taken)
    assert all(0 < len(slug) <= SLUG_LENGTH and slug.isascii() and slug.isalnum() for slug in slugs)
