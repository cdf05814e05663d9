"""The reference strategies make the same fills in other engines, and the page says what they made."""

import pytest

from ops.validation.comparison import compare
from ops.validation.engines import are_installed
from ops.validation.page import page
from ops.validation.references import REFERENCES
from tests.house.tree import ROOT

pytestmark = pytest.mark.slow


async def test_reference_strategies_agree_with_other_engines_and_the_page_is_up_to_date() -> None:
    if not are_installed():
        pytest.skip("other engines are not installed: make engines")

    comparisons = [await compare(reference) for reference in REFERENCES]

    assert [one.reference.rules for one in comparisons if not one.agrees] == []
    assert all(len(one.ours.fills) > 0 for one in comparisons)
    assert page(comparisons) == (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
