"""Rows of corporate actions, exchange rates and funding rates to events."""

from decimal import Decimal
from pathlib import Path

import pytest

from eventstore.importing import BadRowsRefused, DataKind, ImportOptions
from kernel.corporate_actions import named_price
from kernel.errors import InputError
from kernel.events import (
    CorporateAction,
    CorporateActionKind,
    Event,
    FundingRateSet,
    FxRateSet,
)
from kernel.time_units import DAY_NS
from tests.eventstore.importing.files import parsed_events, write_bars, write_lines

NEW_YORK, HOURS = "America/New_York", "09:30-16:00"
ACTIONS = ImportOptions(kind=DataKind.CORPORATE_ACTIONS)
RATES = ImportOptions(kind=DataKind.FX_RATES)
FUNDING = ImportOptions(kind=DataKind.FUNDING_RATES)
MARCH_1 = 15_400 * DAY_NS
"""2012-03-01 UTC."""


def events_of(folder: Path, options: ImportOptions, *lines: str) -> dict[str, list[Event]]:
    """The events of a file of these lines, by stream."""
    return parsed_events(write_lines(folder / "facts.csv", lines), options)


def refusal(folder: Path, options: ImportOptions, *lines: str) -> str:
    with pytest.raises(BadRowsRefused) as caught:
        events_of(folder, options, *lines)
    return str(caught.value)


# --- corporate actions ------------------------------------------------------------------------


def test_every_kind_of_action_is_understood(tmp_path: Path) -> None:
    found = events_of(
        tmp_path,
        ACTIONS,
        "symbol,ex_date,type,ratio,amount,currency,new_symbol,pay_date",
        "A,2012-03-01,Split,2,,,,",
        "A,2012-03-02,cash dividend,,0.25,eur,,2012-03-05",
        "A,2012-03-05,merger,0.5,1.5,,B,",
        "A,2012-03-05,merger,,20,,,",
        "A,2012-03-06,symbol_change,,,,AA,",
        "A,2012-03-07,delisting,,,,,",
    )

    kind = CorporateActionKind
    two, five = MARCH_1 + DAY_NS, MARCH_1 + 4 * DAY_NS
    assert found == {
        "a.actions": [
            CorporateAction(MARCH_1, "A", kind.SPLIT, Decimal(2), currency=""),
            CorporateAction(two, "A", kind.DIVIDEND, amount=Decimal("0.25"), currency="EUR", pay_ts=five),
            CorporateAction(five, "A", kind.MERGER, Decimal("0.5"), Decimal("1.5"), "", "B"),
            CorporateAction(five, "A", kind.MERGER, Decimal(0), Decimal(20), ""),
            CorporateAction(five + DAY_NS, "A", kind.SYMBOL_CHANGE, currency="", new_symbol="AA"),
            CorporateAction(five + 2 * DAY_NS, "A", kind.DELISTING, currency=""),
        ]
    }


@pytest.mark.parametrize(
    ("columns", "row", "price"),
    [
        ("type,amount", "delisting,0", Decimal(0)),
        ("type,amount", "delisting,0.00", Decimal(0)),
        ("type,value", "delisting,0", Decimal(0)),
        ("type,amount", "bankruptcy,0.25", Decimal("0.25")),
        ("type,amount", "delisting,", None),
        ("type,ratio", "delisting,", None),
    ],
)
def test_a_delisting_at_0_is_told_from_one_without_an_amount(
    tmp_path: Path, columns: str, row: str, price: Decimal | None
) -> None:
    (action,) = events_of(tmp_path, ACTIONS, f"symbol,ex_date,{columns}", f"A,2012-03-01,{row}")["a.actions"]

    assert isinstance(action, CorporateAction)
    assert named_price(action) == price


@pytest.mark.parametrize(("columns", "value"), [("ratio", "1.05"), ("amount", "0.05")])
def test_a_stock_dividend_is_a_split(tmp_path: Path, columns: str, value: str) -> None:
    header, row = f"symbol,ex_date,type,{columns}", f"A,2012-03-01,stock dividend,{value}"

    (action,) = events_of(tmp_path, ACTIONS, header, row)["a.actions"]

    ratio = Decimal("1.05")
    assert action == CorporateAction(MARCH_1, "A", CorporateActionKind.SPLIT, ratio, currency="")


def test_a_stock_dividend_of_a_small_ratio_is_asked_about(tmp_path: Path) -> None:
    words = refusal(tmp_path, ACTIONS, "symbol,ex_date,type,ratio", "A,2012-03-01,stock_dividend,0.05")

    assert "1.05 for 5 %" in words


def test_a_spin_off_has_a_new_symbol_a_ratio_and_perhaps_a_part_of_the_cost(tmp_path: Path) -> None:
    header = "symbol,ex_date,type,ratio,new_symbol,cost_fraction"
    found = events_of(
        tmp_path, ACTIONS, header, "A,2012-03-01,spin-off,0.25,B,0.1", "C,2012-03-01,spinoff,1,D,"
    )

    kind = CorporateActionKind.SPIN_OFF
    quarter, tenth = Decimal("0.25"), Decimal("0.1")
    assert found["a.actions"] == [
        CorporateAction(MARCH_1, "A", kind, quarter, currency="", new_symbol="B", cost_fraction=tenth)
    ]
    assert found["c.actions"] == [CorporateAction(MARCH_1, "C", kind, currency="", new_symbol="D")]


def test_rights_are_the_cash_for_which_they_are_sold(tmp_path: Path) -> None:
    header, row = "symbol,ex_date,type,amount", "A,2012-03-01,rights,0.40"

    (action,) = events_of(tmp_path, ACTIONS, header, row)["a.actions"]

    kind, amount = CorporateActionKind.DIVIDEND, Decimal("0.40")
    assert action == CorporateAction(MARCH_1, "A", kind, amount=amount, currency="")


def test_one_column_of_values_is_ratio_or_amount_by_type(tmp_path: Path) -> None:
    options = ImportOptions(kind=DataKind.CORPORATE_ACTIONS, column=(("value", "value_rounded"),))

    found = events_of(
        tmp_path,
        options,
        "symbol,last_day_before,ex_date,type,value_from_factors,value_rounded",
        "A,2012-02-29,2012-03-01,split,6.999997,7",
        "A,2012-03-01,2012-03-02,dividend,0.470003,0.47",
    )["a.actions"]

    split, dividend = found
    assert isinstance(split, CorporateAction)
    assert isinstance(dividend, CorporateAction)
    assert (split.ts, split.ratio, split.amount) == (MARCH_1, Decimal(7), Decimal(0))
    assert (dividend.ratio, dividend.amount) == (Decimal(1), Decimal("0.47"))


@pytest.mark.parametrize("session", ["", HOURS, "17:00-17:00"])
def test_an_action_is_between_the_bars_of_the_day_before_and_of_the_ex_date(
    tmp_path: Path, session: str
) -> None:
    bars = write_bars(tmp_path, "2012-02-29,10,12,9,11,100", "2012-03-01,11,13,10,12,200")
    known = parsed_events(bars, ImportOptions(symbol="A", tz=NEW_YORK, session=session))["a.1d"]

    action = events_of(
        tmp_path,
        ImportOptions(kind=DataKind.CORPORATE_ACTIONS, tz=NEW_YORK, session=session),
        "symbol,ex_date,type,value",
        "A,2012-03-01,split,2",
    )["a.actions"][0]

    assert known[0].ts <= action.ts < known[1].ts


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("A,2012-03-01,spin,2,,", "type is 'spin', expected split, stock_dividend, dividend"),
        ("A,2012-03-01,split,0,,", "ratio is '0', expected a number above 0"),
        ("A,2012-03-01,split,,,", "ratio is '', expected a finite number"),
        ("A,2012-03-01,split,1_0,,", "ratio is '1_0'"),
        ("A,2012-03-01,dividend,,nan,", "amount is 'nan', expected a finite number"),
        ("A,2012-03-01,dividend,,-1,", "amount is '-1', expected a number above 0"),
        ("A,2012-03-01,symbol_change,,,", "new_symbol is '', expected the new symbol"),
        ("A,2012-03-01,symbol_change,,,A", "new_symbol is 'A', expected a symbol other than the old one"),
        ("A,2012-03-01,merger,1,,A", "new_symbol is 'A', expected a symbol other than the old one"),
        ("A,2012-03-01,symbol_change,0,,B", "ratio is '0', expected new shares per old share, above 0"),
        ("A,2012-03-01,merger,,,", "amount is '', expected cash per share"),
        ("A,2012-03-01,merger,-1,,B", "ratio is '-1', expected 0 or more"),
        ("A,first of March,split,2,,", "ex_date is 'first of March'"),
    ],
)
def test_what_is_wrong_with_an_action_is_said(tmp_path: Path, row: str, words: str) -> None:
    assert words in refusal(tmp_path, ACTIONS, "symbol,ex_date,type,ratio,amount,new_symbol", row)


# --- exchange rates -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (RATES, ("date,base,quote,rate", "2012-03-01,EUR,USD,1.33")),
        (RATES, ("date,pair,rate", "2012-03-01,EUR/USD,1.33")),
        (ImportOptions(kind=DataKind.FX_RATES, symbol="EURUSD"), ("date,close", "2012-03-01,1.33")),
    ],
)
def test_a_pair_is_named_by_two_columns_by_one_or_by_option(
    tmp_path: Path, options: ImportOptions, lines: tuple[str, ...]
) -> None:
    found = events_of(tmp_path, options, *lines)

    assert list(found.values()) == [[FxRateSet(MARCH_1 + DAY_NS - 1, "EUR", "USD", Decimal("1.33"))]]


def test_each_pair_has_a_stream(tmp_path: Path) -> None:
    found = events_of(
        tmp_path,
        RATES,
        "date,base,quote,rate",
        "2012-03-01,EUR,USD,1.33",
        "2012-03-01,GBP,USD,1.59",
        "2012-03-02,EUR,USD,1.32",
    )

    assert {stream: len(events) for stream, events in found.items()} == {"eurusd.fx": 2, "gbpusd.fx": 1}


def test_a_rate_with_a_time_of_day_is_known_then_even_at_midnight(tmp_path: Path) -> None:
    found = events_of(
        tmp_path,
        RATES,
        "time,base,quote,rate",
        "2012-03-01T00:00:00,EUR,USD,1.33",
        "2012-03-01T01:00:00,EUR,USD,1.34",
    )["eurusd.fx"]

    assert [event.ts for event in found] == [MARCH_1, MARCH_1 + DAY_NS // 24]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2012-03-01,EUR,EUR,1", "expected two currencies"),
        ("2012-03-01,EURO,USD,1", "expected two currencies"),
        ("2012-03-01,EUR,USD,0", "rate is '0', expected a number above 0"),
    ],
)
def test_what_is_wrong_with_a_rate_is_said(tmp_path: Path, row: str, words: str) -> None:
    assert words in refusal(tmp_path, RATES, "date,base,quote,rate", row)


def test_a_file_without_terms_of_its_actions_is_refused_once_and_names_its_columns(tmp_path: Path) -> None:
    lines = ("symbol,ex_date,type,factor", "A,2012-03-01,split,2", "A,2012-03-02,dividend,1")
    path = write_lines(tmp_path / "facts.csv", lines)

    with pytest.raises(InputError) as refused:
        parsed_events(path, ACTIONS)

    assert str(refused.value) == (
        f"{path}: no column for ratio, nor one of values for both ratio and amount, among "
        "'symbol', 'ex_date', 'type', 'factor'; name it with --column ratio=NAME or --column value=NAME"
    )


def test_actions_that_need_no_terms_need_no_column_of_them(tmp_path: Path) -> None:
    found = events_of(tmp_path, ACTIONS, "symbol,ex_date,type", "A,2012-03-07,delisting")

    assert list(found) == ["a.actions"]


# --- funding rates ------------------------------------------------------------------------------


def test_a_funding_rate_is_due_at_its_own_time_unless_the_file_says_when(tmp_path: Path) -> None:
    plain = events_of(tmp_path, FUNDING, "symbol,fundingTime,fundingRate", f"BTC,{MARCH_1 // 10**6},-0.0001")
    ahead = events_of(
        tmp_path, FUNDING, "symbol,time,rate,due", "BTC,2012-03-01T00:00:00,0.0001,2012-03-01T08:00:00"
    )

    assert plain == {"btc.funding": [FundingRateSet(MARCH_1, "BTC", Decimal("-0.0001"), MARCH_1)]}
    assert ahead == {
        "btc.funding": [FundingRateSet(MARCH_1, "BTC", Decimal("0.0001"), MARCH_1 + DAY_NS // 3)]
    }


def test_a_funding_rate_cannot_be_due_before_it_is_known(tmp_path: Path) -> None:
    row = "BTC,2012-03-01T08:00:00,0.0001,2012-03-01T00:00:00"

    assert "due is '2012-03-01T00:00:00'" in refusal(tmp_path, FUNDING, "symbol,time,rate,due", row)


def test_trading_hours_are_not_for_funding_rates(tmp_path: Path) -> None:
    options = ImportOptions(kind=DataKind.FUNDING_RATES, session=HOURS)

    with pytest.raises(InputError, match="option session is for bars, the kind is funding-rates"):
        events_of(tmp_path, options, "symbol,time,rate", "BTC,2012-03-01T00:00:00,0.1")
