"""No text decides: deciding code has fields and types for what things mean."""

import pytest

from tests.house import texts
from tests.house.rules import assert_kept
from tests.house.tree import PRODUCT, parse, sources

DECIDING = tuple(source for source in sources(*PRODUCT) if texts.is_deciding(source.path))


def test_deciding_code_reads_meaning_out_of_no_text() -> None:
    assert_kept(texts.TEXTS, (each for source in DECIDING for each in texts.read_texts(source)))


@pytest.mark.parametrize(
    "text",
    [
        "whole = part.rpartition('-')[0]",
        "is_silence = timer.name.startswith(SILENCE)",
        "is_exit = '-risk-' in order.client_order_id",
        "is_exit = f'-{EXITS}-' in order.client_order_id",
        "is_expiry = command.operator == EMULATION",
        "is_late = event.reason != TIME_IS_OVER",
        "is_ours = event.action in ('rearmed',)",
        "match command:\n    case CancelOrder(operator='emulation'): ...",
    ],
)
def test_a_text_that_decides_is_found(text: str) -> None:
    assert len(list(texts.read_texts(parse("components/x.py", text)))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "key = f'{epoch}-{slug}-{number}'",
        "is_known = timer.name in item.timers",
        "is_ours = timer.owner == self.name",
        "is_other = order.client_order_id != filled.client_order_id",
        "why = f'denied: {event.reason}' if event.reason else 'denied'",
        "match action:\n    case CorporateAction(kind=Kind.SPLIT, reason=reason): ...",
    ],
)
def test_texts_that_are_written_and_looked_up_are_let_through(text: str) -> None:
    assert list(texts.read_texts(parse("components/x.py", text))) == []


def test_the_border_where_people_write_may_read() -> None:
    paths = ("kernel/bus.py", "components/risk/exits.py", "components/assembly/settings.py", "ops/tables.py")

    assert [path for path in paths if texts.is_deciding(path)] == [
        "kernel/bus.py",
        "components/risk/exits.py",
    ]
