"""Files as vendors write them are read with at most a symbol. One layout is one entry here."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from eventstore.importing import ImportOptions
from eventstore.importing.known_layouts import LAYOUTS
from eventstore.moments import iso_utc
from kernel.errors import InputError
from kernel.events import AggressorSide, Bar, Event, Quote, Trade
from tests.eventstore.importing.files import recognised_events
from tests.eventstore.importing.layout_case import Case
from tests.eventstore.importing.layout_cases_platforms import PLATFORM_CASES
from tests.eventstore.importing.layout_cases_sites import SITE_CASES


def shown(stream: str, event: Event) -> str:
    """An event as the table writes it: times to the second, then its values."""
    match event:
        case Bar():
            prices = (event.open, event.high, event.low, event.close, event.volume)
            return f"{stream} {_time(event.open_ts)} {_time(event.ts)} {_numbers(prices)}"
        case Quote():
            sides = (event.bid, event.ask, event.bid_size, event.ask_size)
            return f"{stream} {_time(event.ts)} {_numbers(sides)}"
        case Trade():
            side = {AggressorSide.BUYER: "B", AggressorSide.SELLER: "S"}.get(event.aggressor, "-")
            return f"{stream} {_time(event.ts)} {_numbers((event.price, event.size))} {side}"
        case _:
            raise AssertionError(f"no such event is expected: {event}")


def _time(ts: int) -> str:
    return iso_utc(ts).replace(".999999999Z", "Z")


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.12g}" for value in values)


CASES = (*SITE_CASES, *PLATFORM_CASES)


def written(folder: Path, case: Case) -> Path:
    """The file of a case; a name with a slash is a zip file and the file in it."""
    name, _, member = case.file.partition("/")
    if not member:
        (folder / name).write_text(case.text, encoding=case.encoding)
    else:
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr(member, case.text)
    return folder / name


@pytest.mark.parametrize("case", CASES, ids=[f"{case.layout or 'by names'}-{case.file}" for case in CASES])
def test_a_vendors_file_is_read_with_at_most_a_symbol(tmp_path: Path, case: Case) -> None:
    path = written(tmp_path, case)

    events, recognised = recognised_events(path, ImportOptions(symbol=case.symbol))

    assert recognised.layout == case.layout
    assert tuple(shown(stream, event) for stream, rows in events.items() for event in rows) == case.events


def test_every_known_layout_has_a_case() -> None:
    tried = {case.layout for case in CASES}

    missing = {layout.name for layout in LAYOUTS if not layout.refusal} - tried

    assert not missing


def test_a_layout_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "20131007_bac_Quote_Tick.csv"
    path.write_text("14400151,0,0,140200,500,Q,1,0\n14400554,138400,700,0,0,P,1,0\n")

    with pytest.raises(InputError, match=r"LEAN quotes of each venue.*quote bars of a second or a minute"):
        recognised_events(path, ImportOptions())
