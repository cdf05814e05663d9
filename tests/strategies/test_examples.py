"""What every example strategy promises: it lints, says what it is, keeps its ranges and its state."""

import random
from pathlib import Path

import msgspec
import pytest

from kernel.errors import InputError
from strategies.buy_and_hold import BuyAndHold
from strategies.channel_break import ChannelBreak
from strategies.ema_cross import EmaCross
from strategies.ma_cross import MovingAverageCross
from strategies.mean_reversion import MeanReversion
from strategies.rsi import RelativeStrengthIndex
from strategies.sdk import Bar, PlaceOrder, Quote
from strategies.sdk.lint import lint_source
from strategies.sdk.loading import describe, load_strategy
from strategies.sixty_forty import SixtyForty
from tests.strategies.sample_context import AnyStrategy, SampleContext, as_context, as_list, daily_bar

FOLDER = Path(__file__).parents[2] / "strategies"
FILES = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "__init__.py")
SYMBOLS = ("SPY", "AGG")
EXAMPLES: dict[str, dict[str, object]] = {
    "buy_and_hold:BuyAndHold": {},
    "channel_break:ChannelBreak": {"entry": 5, "exit": 3, "allow_short": True},
    "ema_cross:EmaCross": {"fast": 5, "slow": 20},
    "ma_cross:MovingAverageCross": {"fast": 5, "slow": 20, "allow_short": True},
    "mean_reversion:MeanReversion": {"window": 10, "entry": 1.5},
    "rsi:RelativeStrengthIndex": {"period": 5, "lower": 40, "upper": 60},
    "sixty_forty:SixtyForty": {"invested": 0.9},
}


def market(count: int) -> list[Bar | Quote]:
    """A seeded walk of two symbols: a bar and a quote of each per day."""
    walk = random.Random(7)
    prices = dict.fromkeys(SYMBOLS, 100.0)
    events: list[Bar | Quote] = []
    for day in range(count):
        for symbol in SYMBOLS:
            prices[symbol] *= 1 + walk.gauss(0, 0.02)
            bar = daily_bar(day, symbol, prices[symbol])
            events += [bar, Quote(bar.ts, symbol, prices[symbol] - 0.01, prices[symbol] + 0.01)]
    return events


def run(strategy: AnyStrategy, context: SampleContext, events: list[Bar | Quote]) -> list[str]:
    """Show the events, fill every order at once; orders and signals as text."""
    strategy.ctx = as_context(context)
    taken: list[str] = []
    for event in events:
        context.see(event)
        decisions = strategy.on_bar(event) if isinstance(event, Bar) else strategy.on_quote(event)
        for decision in as_list(decisions):
            if isinstance(decision, PlaceOrder):
                context.portfolio.fill(decision)
            taken.append(f"{event.ts} {decision}")
    return taken


def build(example: str, **params: object) -> AnyStrategy:
    return load_strategy(f"strategies.{example}", EXAMPLES[example] | params).strategy


def test_every_example_is_listed_here() -> None:
    listed = [example.split(":")[0] + ".py" for example in EXAMPLES]

    assert listed == FILES


@pytest.mark.parametrize("file", FILES)
def test_example_passes_its_own_linter(file: str) -> None:
    source = (FOLDER / file).read_text()

    assert lint_source(source, file) == ()


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_says_what_it_is(example: str) -> None:
    metadata = build(example).metadata

    assert metadata.name == example.split(":")[0]
    assert all((metadata.version, metadata.author, metadata.description))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_parameter_of_an_example_has_a_default_and_is_explained(example: str) -> None:
    rows = describe(type(build(example)))

    assert [row for row in rows if not row.default or not (row.description or " or " in row.type)] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_trades_on_a_lively_market(example: str) -> None:
    strategy = build(example)

    assert run(strategy, SampleContext(*SYMBOLS), market(120))


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("after", [0, 3, 61, 150])
def test_example_rebuilt_from_its_state_decides_the_same(example: str, after: int) -> None:
    events = market(120)
    whole = build(example)
    expected = run(whole, SampleContext(*SYMBOLS), events)
    first, second = build(example), build(example)
    context = SampleContext(*SYMBOLS)

    before = run(first, context, events[:after])
    written = msgspec.msgpack.encode(first.state)
    second.state = msgspec.msgpack.decode(written, type=type(second.state))
    rest = run(second, context, events[after:])

    assert before + rest == expected


@pytest.mark.parametrize("example", EXAMPLES)
def test_state_of_a_new_strategy_is_its_own(example: str) -> None:
    strategy = build(example)
    fresh = msgspec.msgpack.encode(build(example).state)

    run(strategy, SampleContext(*SYMBOLS), market(60))

    assert msgspec.msgpack.encode(build(example).state) == fresh


@pytest.mark.parametrize(
    ("strategy_type", "params"),
    [
        (MovingAverageCross, {"fast": 0}),
        (MovingAverageCross, {"slow": 5_001}),
        (MeanReversion, {"window": 1}),
        (MeanReversion, {"entry": 0}),
        (RelativeStrengthIndex, {"period": 1}),
        (RelativeStrengthIndex, {"upper": 101}),
        (BuyAndHold, {"fraction": 0}),
        (BuyAndHold, {"fraction": 1.01}),
        (SixtyForty, {"stock_weight": 1.01}),
        (SixtyForty, {"rebalance": "week"}),
        (SixtyForty, {"stock": ""}),
        (ChannelBreak, {"entry": 1}),
        (EmaCross, {"fast": 0}),
        (EmaCross, {"slow": 1_000_001}),
    ],
)
def test_parameter_outside_its_range_is_refused(
    strategy_type: type[AnyStrategy], params: dict[str, object]
) -> None:
    with pytest.raises(InputError, match=rf"parameter {next(iter(params))}=.* is wrong"):
        strategy_type(**params)


@pytest.mark.parametrize(
    "strategy_type", [MovingAverageCross, MeanReversion, RelativeStrengthIndex, EmaCross]
)
@pytest.mark.parametrize("quantity", [0, -1])
def test_quantity_of_nothing_is_refused(strategy_type: type[AnyStrategy], quantity: int) -> None:
    with pytest.raises(InputError, match=f"quantity={quantity} must be above 0"):
        strategy_type(quantity=quantity)
