"""What ``docs/execution-algorithms.md`` shows as configuration is configuration, and its tables are whole."""

import re
from typing import get_args

import msgspec

from components.allocation.config import Aggregation
from replay.config import ReplayConfig, check_config
from strategies.sdk.algorithms import Algorithm
from strategies.sdk.sizing import Sizing
from tests.house.tree import ROOT

TEXT = (ROOT / "docs" / "execution-algorithms.md").read_text("utf-8")


def test_every_configuration_shown_can_be_read() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)

    for block in blocks:
        check_config(msgspec.convert(msgspec.yaml.decode(block), ReplayConfig, strict=False))

    assert len(blocks) == 2


def test_every_model_mode_and_algorithm_is_listed() -> None:
    tags = [kind.__struct_config__.tag for kind in get_args(Sizing)]
    modes = [kind.__struct_config__.tag for kind in get_args(Aggregation)]

    assert [tag for tag in tags if f"\n| `{tag}` |" not in TEXT] == []
    assert [mode for mode in modes if f"{{mode: {mode}" not in TEXT] == []
    assert [kind.__name__ for kind in get_args(Algorithm) if f"\n| `{kind.__name__}` |" not in TEXT] == []
