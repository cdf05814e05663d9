"""Nothing breaks, and nonsense is answered in words."""

from decimal import Decimal

from kernel.events import ComponentFailed, ComponentQuarantined, OrderDenied, OrderFilled
from strategies.sdk import (
    Decisions,
    OrderUpdate,
    Quote,
    RiskLimits,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
)
from tests.components.sample_core import begin, core_with, hear, of_type, scripted
from tests.core.nonsense import NONSENSE, Fool, refusal_in
from tests.core.tape import Tape
from tests.core.worlds import FOOL

EXCUSES = ("trading is", "not enough cash")
"""What is said of an order before anybody looks at its symbol."""


def test_no_component_fails(tape: Tape) -> None:
    """The strategies also ask for history of symbols that never come; that is told when the session ends."""
    failed = [event for event in tape.derived() if isinstance(event, ComponentFailed | ComponentQuarantined)]
    assert [event for event in failed if not _asks_in_vain(event)] == []


def _asks_in_vain(event: ComponentFailed | ComponentQuarantined) -> bool:
    return isinstance(event, ComponentFailed) and event.where.startswith("check_answered:")


def test_every_nonsense_is_answered_by_a_sentence_that_says_what_was_wrong(tape: Tape) -> None:
    answers = answers_of(tape)
    asked = fool_of(tape).state.asked
    assert len(answers) == len(asked)
    for name, answer in zip(asked, answers, strict=True):
        words = (NONSENSE[name][1], *EXCUSES)
        assert any(word in answer for word in words), (name, answer)


def test_the_strategy_hears_what_was_wrong(tape: Tape) -> None:
    assert fool_of(tape).state.heard == answers_of(tape)


class Stubborn(Strategy[StrategyParams, StrategyState]):
    """Sends every order that is denied once more."""

    def on_quote(self, quote: Quote) -> Decisions:
        return buy(quote.symbol, 10)

    def on_order_update(self, update: OrderUpdate) -> Decisions:
        return buy("A", 10) if isinstance(update, OrderDenied) else None


def test_a_strategy_that_never_takes_no_for_an_answer_is_quarantined_alone() -> None:
    limits = RiskLimits(max_order_quantity=Decimal(5))
    core = core_with({"stubborn": Stubborn(), "other": scripted([("market", "A", 1, 0)])}, limits=limits)
    begin(core)

    events = [*hear(core, Quote(1, "A", 99.0, 101.0)), *hear(core, Quote(2, "A", 99.0, 101.0))]

    assert [one.component for one in of_type(events, ComponentQuarantined)] == ["strategy:stubborn"]
    assert [one.strategy for one in of_type(events, OrderFilled)] == ["other"]


def answers_of(tape: Tape) -> list[str]:
    """What was said to the fool, in order."""
    said: list[str] = []
    for event in tape.derived():
        order = event.order if isinstance(event, OrderDenied) else None
        if FOOL in (getattr(event, "strategy", ""), "" if order is None else order.strategy):
            said.append(refusal_in(event))
    return [reason for reason in said if reason]


def fool_of(tape: Tape) -> Fool:
    """The strategy that talks nonsense."""
    (fool,) = (host.strategy for host in tape.core.hosts if isinstance(host.strategy, Fool))
    return fool
