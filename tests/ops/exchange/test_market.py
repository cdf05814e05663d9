"""The synthetic market: the same seed, the same prices; numbers without gaps; sound prices."""

from brokers.feeds.config import Channel
from brokers.feeds.dialect import BookMessage, QuoteMessage
from brokers.feeds.quality import QualityChecks, QualityConfig
from ops.exchange.market import SyntheticMarket, symbol_names


def market(seed: int = 1, channels: tuple[Channel, ...] = tuple(Channel)) -> SyntheticMarket:
    return SyntheticMarket(symbol_names(3), channels, seed=seed)


def test_same_seed_gives_the_same_messages_however_they_are_asked_for() -> None:
    one, other = market(), market()

    assert one.next(100, ts=5) == [message for _ in range(50) for message in other.next(2, ts=5)]


def test_other_seed_gives_other_messages() -> None:
    assert market(1).next(10, ts=5) != market(2).next(10, ts=5)


def test_messages_of_a_symbol_are_numbered_without_gaps_over_all_channels() -> None:
    messages = market().next(300, ts=5)

    for symbol in symbol_names(3):
        assert [each.seq for each in messages if each.symbol == symbol] == list(range(1, 101))


def test_long_market_has_only_sound_prices() -> None:
    checks, made = QualityChecks(QualityConfig()), market()

    for message in made.next(20_000, ts=5):
        assert not checks.problem_of(message.event(5), now=5)


def test_books_have_several_levels_and_quotes_a_spread() -> None:
    for message in market(channels=(Channel.BOOKS, Channel.QUOTES)).next(1000, ts=5):
        if isinstance(message, BookMessage):
            assert len(message.bids) == len(message.asks) == 5
        else:
            assert isinstance(message, QuoteMessage)
            assert message.bid < message.ask


def test_there_are_names_for_any_number_of_symbols() -> None:
    names = symbol_names(20_000)

    assert len(set(names)) == 20_000
    assert (names[0], names[25], names[26], names[17_576]) == ("AAA", "AAZ", "ABA", "AAAA")
