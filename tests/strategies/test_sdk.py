"""What a strategy may import: everything that it is ever given, and everything that it configures."""

from enum import EnumMeta
from typing import get_args

import strategies.sdk as sdk
from strategies.sdk import OrderUpdate, limits


def test_every_kind_of_order_update_can_be_imported() -> None:
    members = {kind.__name__ for kind in get_args(OrderUpdate)}

    assert members <= set(sdk.__all__)


def test_the_choices_of_limits_can_be_imported() -> None:
    choices = {name for name, thing in vars(limits).items() if isinstance(thing, EnumMeta)}

    assert choices - {"StrEnum"} <= set(sdk.__all__)


def test_everything_that_is_named_is_there() -> None:
    missing = [name for name in sdk.__all__ if not hasattr(sdk, name)]

    assert missing == []
    assert list(sdk.__all__) == sorted(sdk.__all__, key=lambda name: (not name.isupper(), name))
