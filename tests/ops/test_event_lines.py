"""Events as lines."""

import json
from decimal import Decimal

from eventstore import Batch
from kernel.events import (
    EVENT_TYPES,
    BookSnapshot,
    LoggedFigure,
    Order,
    OrderIntent,
    OrderType,
    PriceLevel,
    Side,
    StrategyLogged,
    TimerFired,
    Trade,
)
from kernel.events.timer_purposes import DataSilence
from kernel.identifiers import ClientOrderId, StrategyId, TimerName
from ops.event_lines import EVENT_NAMES, LoggedEvent, human_line, json_line, logged_events

ORDER = Order(
    ClientOrderId("ma-1"), StrategyId("ma"), "GOOG", Side.BUY, OrderType.LIMIT, Decimal("1.50"), Decimal(10)
)
INTENT = LoggedEvent(18, 17, OrderIntent(1_000_000_000, ORDER))


def test_every_event_type_has_a_name_of_its_own() -> None:
    assert len(EVENT_NAMES) == len(EVENT_TYPES)


def test_no_field_of_an_event_hides_behind_those_of_its_line() -> None:
    fields = {name for kind in EVENT_TYPES for name in kind.__struct_fields__[1:]}

    assert not fields & {"seq", "cause", "type", "ts", "time"}


def test_a_derived_event_names_its_cause() -> None:
    line = human_line(INTENT)

    assert line.split()[:4] == ["18", "1970-01-01T00:00:01Z", "<-17", "OrderIntent"]


def test_nested_records_are_objects_and_decimals_exact_text() -> None:
    line = json.loads(json_line(INTENT))

    assert (line["cause"], line["order"]["quantity"], line["order"]["side"]) == (17, "1.50", "buy")


def test_a_record_that_is_one_of_several_kinds_says_which() -> None:
    fired = TimerFired(7, "risk_monitor", TimerName("t"), 7, DataSilence("stale_data", "A"))
    logged = LoggedEvent(2, 1, fired)

    line, found = human_line(logged), json.loads(json_line(logged))

    assert line.endswith("purpose=silence(rule=stale_data symbol=A)")
    assert found["purpose"] == {"kind": "silence", "rule": "stale_data", "symbol": "A"}


def test_book_levels_are_readable() -> None:
    book = BookSnapshot(0, "BTC", (PriceLevel(1.5, 2.0), PriceLevel(1.25, 3.0)), ())

    line = human_line(LoggedEvent(1, 0, book))

    assert "bids=[(price=1.5 size=2) (price=1.25 size=3)] asks=[]" in line


def test_a_batch_without_causes_holds_inputs() -> None:
    batch = Batch("x", [4, 5], [Trade(0, "X", 1.0, 1.0), Trade(1, "X", 1.0, 1.0)])

    assert [(logged.seq, logged.cause) for logged in logged_events(batch)] == [(4, 0), (5, 0)]


def test_words_of_a_strategy_stand_beside_their_figures() -> None:
    figures = (
        LoggedFigure("fast", 1.5),
        LoggedFigure("pnl", exact=Decimal("-3.50")),
        LoggedFigure("why", "a b"),
    )
    said = LoggedEvent(3, 2, StrategyLogged(0, StrategyId("ma"), "the averages crossed", figures))

    assert human_line(said).endswith(
        "strategy=ma words='the averages crossed' figures=[fast=1.5 pnl=-3.50 why='a b']"
    )
    assert json.loads(json_line(said))["figures"][1] == {"name": "pnl", "value": None, "exact": "-3.50"}
