"""Faults on purpose: in counted places, of each kind."""

from collections.abc import Sequence

import pytest

from brokers.feeds.config import Channel
from brokers.feeds.dialect import MarketMessage
from brokers.feeds.quality import QualityChecks, QualityConfig
from kernel.time_units import HOUR_NS
from ops.exchange.faults import Faults, FaultyMessages, spoilt
from ops.exchange.market import SyntheticMarket, symbol_names


def seqs(faults: Faults, count: int = 10, *, symbols: int = 1) -> list[int]:
    market = SyntheticMarket(symbol_names(symbols), (Channel.QUOTES,), seed=1)
    return [
        message.seq for message in FaultyMessages(faults, has_nan=False).of(market.next(count, ts=HOUR_NS))
    ]


def test_without_faults_messages_are_as_they_were() -> None:
    assert seqs(Faults(), 3) == [1, 2, 3]


def test_every_nth_message_is_missing() -> None:
    assert seqs(Faults(gap_every=4)) == [1, 2, 3, 5, 6, 7, 9, 10]


def test_every_nth_message_comes_twice() -> None:
    assert seqs(Faults(duplicate_every=4), 8) == [1, 2, 3, 4, 4, 5, 6, 7, 8, 8]


def test_every_nth_message_comes_after_the_next_one() -> None:
    assert seqs(Faults(out_of_order_every=4)) == [1, 2, 3, 5, 4, 6, 7, 9, 8, 10]


def test_faults_are_in_the_same_places_however_the_market_is_paced() -> None:
    faults = Faults(gap_every=7, duplicate_every=5, out_of_order_every=3, bad_price_every=4)
    one = SyntheticMarket(symbol_names(3), tuple(Channel), seed=1)
    other = SyntheticMarket(symbol_names(3), tuple(Channel), seed=1)
    at_once, slowly = FaultyMessages(faults, has_nan=False), FaultyMessages(faults, has_nan=False)

    together: Sequence[MarketMessage] = at_once.of(one.next(200, ts=5))
    apart = [message for _ in range(200) for message in slowly.of(other.next(1, ts=5))]

    assert list(together) == apart


@pytest.mark.parametrize("kind", ["zero", "negative", "jump", "crossed", "future", "nan"])
@pytest.mark.parametrize("channel", list(Channel))
def test_spoilt_messages_are_what_the_checks_of_a_feed_refuse(kind: str, channel: Channel) -> None:
    market = SyntheticMarket(symbol_names(1), (channel,), seed=1)
    checks = QualityChecks(QualityConfig())
    good, bad = market.next(2, ts=HOUR_NS)
    assert not checks.problem_of(good.event(HOUR_NS), now=HOUR_NS)

    assert checks.problem_of(spoilt(bad, kind).event(HOUR_NS), now=HOUR_NS)
