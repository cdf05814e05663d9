"""The terms of instruments: what configuration may say, presets, and what is put on record."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from components.assembly.instruments import PRESETS, InstrumentConfig, check_instruments, instrument_like
from kernel.errors import ConfigError
from kernel.events import AssetClass, InstrumentDefined
from replay.config import ReplayConfig as Config
from replay.config import check_config, load_config

CALL = InstrumentConfig(
    symbol="C",
    asset_class=AssetClass.OPTION,
    multiplier=Decimal(100),
    underlying="A",
    expiry="2024-06-21",
    strike=Decimal(50),
    option_right="call",
)


def written(folder: Path, text: str) -> Path:
    path = folder / "onetape.yaml"
    path.write_text(text)
    return path


def test_an_instrument_of_which_only_the_symbol_is_given_is_as_it_ever_was() -> None:
    assert InstrumentConfig(symbol="A").defined(7) == InstrumentDefined(7, "A")


def test_every_term_of_the_event_can_be_configured(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        instruments:
          - {symbol: C, asset_class: option, currency: EUR, tick_size: 0.05, lot_size: 2, multiplier: 100,
             minimum_quantity: 3, minimum_notional: 4, margin_rate: 0.5, maintenance_margin_rate: 0.25,
             borrow_rate: 0.03, is_shortable: false, calendar: XETR, venue: EUX, sector: tech, underlying: A,
             expiry: 2024-06-21, strike: 50, option_right: call,
             allow_negative_prices: true}
        """,
    )

    (terms,) = load_config(path).instruments

    others = msgspec.structs.replace(terms, fee_currency="BTC", is_inverse=True)  # of other classes
    event, plain = others.defined(1), InstrumentDefined(0, "A")
    same = [name for name in event.__struct_fields__ if getattr(event, name) == getattr(plain, name)]
    assert same == []
    assert event.expiry_ts == 1_719_014_399_999_999_999  # the last moment of 2024-06-21


def test_an_expiry_may_be_a_moment() -> None:
    terms = msgspec.structs.replace(CALL, expiry="2024-06-21T20:00:00")

    assert terms.defined(0).expiry_ts == 1_719_000_000_000_000_000


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_makes_sense_and_can_be_put_on_record(preset: str) -> None:
    terms = instrument_like(preset, "X")
    if terms.asset_class is AssetClass.OPTION:
        terms = msgspec.structs.replace(terms, expiry="2024-06-21", strike=Decimal(50), option_right="put")

    check_instruments((terms,))

    assert terms.defined(0).symbol == "X"


def test_terms_beside_like_replace_those_of_the_preset(tmp_path: Path) -> None:
    path = written(tmp_path, "instruments: [{symbol: EURUSD, like: fx, lot_size: 1000}]")

    (terms,) = load_config(path).instruments

    assert terms == InstrumentConfig(
        symbol="EURUSD",
        asset_class=AssetClass.FX,
        usual_tick_size=Decimal("0.00001"),
        lot_size=Decimal(1000),
        calendar="FX",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "instruments: [{symbol: A, like: nope}]",
            "A: like 'nope' is not a preset; there are: us_share",
        ),
        ("instruments: [{like: fx}]", "instruments[0]: 'symbol' is missing"),
        (
            "instruments: [{symbol: A, margin: 1}]",
            "instruments[0]: there is no 'margin'; did you mean 'margin_rate'?",
        ),
        ("instruments: [7]", "instruments[0]: expected a mapping, got a whole number 7"),
        ("instruments: 7", "instruments: expected a list, got a whole number 7"),
        ("instruments: [{symbol: A, option_right: straddle}]", "'straddle'"),
        ("instruments: [{symbol: A, like: us_option}]", "an option needs option_right, strike, expiry"),
    ],
)
def test_terms_that_cannot_be_read_are_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text))

    assert words in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (InstrumentConfig(symbol="A", margin_rate=Decimal(0)), "A: margin_rate 0 is not above 0"),
        (InstrumentConfig(symbol="A", margin_rate=Decimal(2)), "A: margin_rate 2 is not above 0 and"),
        (
            InstrumentConfig(symbol="A", margin_rate=Decimal("0.5"), maintenance_margin_rate=Decimal("0.6")),
            "A: maintenance_margin_rate 0.6 is not between 0 and margin_rate 0.5",
        ),
        (InstrumentConfig(symbol="A", borrow_rate=Decimal(-1)), "A: borrow_rate -1 is not a number"),
        (
            InstrumentConfig(symbol="A", minimum_notional=Decimal("nan")),
            "A: minimum_notional NaN is not a number of at least 0",
        ),
        (InstrumentConfig(symbol="A", strike=Decimal(5)), "A: option_right and strike are for options"),
        (
            InstrumentConfig(symbol="A", asset_class=AssetClass.PERPETUAL, expiry="2024-06-21"),
            "A: expiry 2024-06-21 is not for perpetual",
        ),
        (msgspec.structs.replace(CALL, expiry="June"), "C: expiry: 'June' is not a date"),
        (msgspec.structs.replace(CALL, strike=Decimal(0)), "C: an option needs strike"),
    ],
)
def test_terms_without_sense_are_refused(terms: InstrumentConfig, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_config(Config(instruments=(terms,)))

    assert words in str(caught.value)


def test_terms_survive_the_record_of_a_run() -> None:
    config = Config(instruments=(CALL,))

    assert msgspec.json.decode(msgspec.json.encode(config), type=Config) == config
