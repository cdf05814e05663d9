"""docs/risk.md: its examples load, and it names every key, kind and action."""

import re
from pathlib import Path

import pytest

from kernel.errors import ConfigError
from replay.config import load_config
from strategies.sdk import RiskLimits
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind, Rearm

DOCUMENT = Path(__file__).parents[3] / "docs" / "risk.md"
TEXT = DOCUMENT.read_text("utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_document_load(example: str, tmp_path: Path) -> None:
    path = tmp_path / "onetape.yaml"
    path.write_text(example, encoding="utf-8")

    assert load_config(path).risk != RiskLimits()


@pytest.mark.parametrize(
    "word",
    [
        *(key for key in RiskLimits.__struct_fields__ if key != "continuous"),
        *ContinuousLimit.__struct_encode_fields__,
        *(kind.value for kind in LimitKind),
        *(action.value for action in BreachAction),
        *(rearm.value for rearm in Rearm),
    ],
)
def test_every_key_kind_and_action_is_in_the_document(word: str) -> None:
    assert re.search(rf"\b{word}\b", TEXT)


@pytest.mark.parametrize(
    ("risk", "message"),
    [
        ("max_leverage: -1", "risk.max_leverage: -1 is not a number of at least 0"),
        ("max_open_orders: -1", "risk.max_open_orders: -1 is not between 0 and 1000000"),
        ("duplicate_window_s: .nan", "risk.duplicate_window_s: nan is not between 0 and a day"),
        ("{restricted: [A], allow_only: [A, B]}", "risk.restricted: A listed in allow_only too"),
        (
            "continuous: [{kind: drawdown, limit: 0}]",
            "risk.continuous: number 1 (drawdown): limit 0 is not a number above 0",
        ),
        (
            "continuous: [{kind: drawdown, limit: 1, rearm: delay}]",
            "rearm_after_s 0: expected above 0 with rearm: delay, else 0",
        ),
        (
            "continuous: [{kind: stop_loss, limit: 1, from: peak}]",
            "from and unit are only for daily_loss and drawdown",
        ),
        (
            "continuous: [{kind: stale_data, limit: 1, action: flatten}]",
            "action flatten: expected one that does not trade, because the prices are stale",
        ),
        ("continuous: [{kind: drawdown, limit: 1, symbols: [A]}]", "symbols: a loss is the account's"),
        ("continuous: [{kind: volatility, limit: 1, window: 1}]", "window 1 is below 2 returns"),
        ("continuous: [{kind: drawdown, limit: 1, reduce_by: 2}]", "reduce_by 2 is not above 0"),
    ],
)
def test_limits_without_sense_are_refused_by_name(risk: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "onetape.yaml"
    path.write_text(f"risk:\n  {risk}\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=re.escape(message)):
        load_config(path)
