"""Risk rules of a user's own in a run: configured, linted, recorded, verified without their file."""

from pathlib import Path

import pytest

from components.assembly.settings import StrategyConfig
from components.assembly.user_models import load_rules
from eventstore import MemoryEventStore
from eventstore.importing import ImportOptions, import_files
from kernel.errors import ConfigError, ReplayDiverged
from kernel.events import ComponentFailed, Event, ModelLoaded, OrderApproved, OrderDenied
from replay import RiskLimits, RuleConfig, RunFailed, backtest
from replay.backtesting import run_and_record
from replay.config import ReplayConfig, load_config
from replay.planning import plan_run
from replay.verification import verify_run
from strategies.buy_and_hold import BuyAndHold

MAX_PRICE = """
import msgspec

from strategies.sdk import Denial, OrderCheckView


class MaxPrice(msgspec.Struct, frozen=True):
    \"\"\"No order above this price.\"\"\"

    limit: float = 50.0

    def check(self, order_check: OrderCheckView) -> Denial | None:
        price = order_check.price
        if price is None or price <= self.limit:
            return None
        return Denial("max_price", f"{order_check.order.symbol} is too dear", self.limit, price)
"""
BARS = "Date,Open,High,Low,Close,Volume\n" + "".join(
    f"2024-01-{day:02},100,110,90,{100 + day},1000\n" for day in range(2, 10)
)


def module(folder: Path, source: str = MAX_PRICE) -> str:
    """A module of the user's; its reference."""
    path = folder / "my_rules.py"
    path.write_text(source, "utf-8")
    return str(path)


def forget(reference: str) -> None:
    """The file is gone."""
    Path(reference).unlink()


def rule(reference: str, **params: object) -> RiskLimits:
    return RiskLimits(rules=(RuleConfig(reference, params),))


async def recorded(store: MemoryEventStore, folder: Path, limits: RiskLimits) -> str:
    """A run of buy and hold on eight bars."""
    data = folder / "abc.csv"
    data.write_text(BARS, "utf-8")
    imported = await import_files(store, [data], ImportOptions(fallback_symbol="ABC"))
    config = ReplayConfig(
        streams=tuple(stream.stream for stream in imported.streams),
        strategies=(StrategyConfig(strategy="strategies.buy_and_hold:BuyAndHold"),),
        risk=limits,
    )
    return await run_and_record(store, await plan_run(store, config))


async def events_of(store: MemoryEventStore, run: str) -> list[Event]:
    return [event async for batch in store.read(run) for event in batch.events]


async def test_a_run_denies_by_a_users_rule_and_is_verified_without_its_file(tmp_path: Path) -> None:
    store, reference = MemoryEventStore(), module(tmp_path)
    run = await recorded(store, tmp_path, rule(f"{reference}:MaxPrice", limit=80))
    forget(reference)

    verified = await verify_run(store, run)

    events = await events_of(store, run)
    (loaded,) = [event for event in events if isinstance(event, ModelLoaded)]
    denied = [event for event in events if isinstance(event, OrderDenied)]
    assert denied
    assert {(one.rule, one.reason, one.limit) for one in denied} == {("max_price", "ABC is too dear", "80.0")}
    assert (loaded.role, loaded.reference) == ("risk.rules", f"{reference}:MaxPrice")
    assert (loaded.source, loaded.params) == (MAX_PRICE, '{"limit":80}')
    assert verified.run_stream == run


async def test_a_rule_that_never_denies_changes_no_derived_event(tmp_path: Path) -> None:
    without, ruled = MemoryEventStore(), MemoryEventStore()

    runs = [
        await recorded(without, tmp_path, RiskLimits()),
        await recorded(ruled, tmp_path, rule(module(tmp_path), limit=1_000)),
    ]

    digests = [
        (await verify_run(store, run)).digest for store, run in zip((without, ruled), runs, strict=True)
    ]
    assert digests[0] == digests[1]


async def test_current_code_takes_the_rule_that_is_on_disk_now(tmp_path: Path) -> None:
    store, reference = MemoryEventStore(), module(tmp_path)
    run = await recorded(store, tmp_path, rule(reference))
    module(tmp_path, MAX_PRICE.replace("is too dear", "costs too much"))

    assert (await verify_run(store, run)).run_stream == run
    with pytest.raises(ReplayDiverged, match="costs too much"):
        await verify_run(store, run, current_code=True)


async def test_a_run_whose_rule_raises_sends_nothing_and_says_so(tmp_path: Path) -> None:
    store = MemoryEventStore()
    broken = MAX_PRICE.replace("price <= self.limit", "price / 0 <= self.limit")

    run = await recorded(store, tmp_path, rule(module(tmp_path, broken)))

    events = await events_of(store, run)
    failed = [event for event in events if isinstance(event, ComponentFailed)]
    denied = [event for event in events if isinstance(event, OrderDenied)]
    assert not [event for event in events if isinstance(event, OrderApproved)]
    assert failed[0].error.startswith("MaxPrice: DivisionByZero")
    assert failed[0].where == "check:14"
    assert len(failed) == len(denied)
    assert (await verify_run(store, run)).run_stream == run


async def test_several_rules_are_asked_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    store, reference = MemoryEventStore(), module(tmp_path)
    both = (RuleConfig(reference, {"limit": 1_000}), RuleConfig(reference, {"limit": 60}))

    run = await recorded(store, tmp_path, RiskLimits(rules=both))

    denied = [event for event in await events_of(store, run) if isinstance(event, OrderDenied)]
    assert {one.limit for one in denied} == {"60.0"}


def test_rules_are_named_in_the_configuration_file(tmp_path: Path) -> None:
    path = tmp_path / "onetape.yaml"
    path.write_text(
        f"risk:\n  rules:\n    - {{rule: '{module(tmp_path)}:MaxPrice', params: {{limit: 20}}}}\n", "utf-8"
    )

    (loaded,) = load_rules(load_config(path).risk)

    assert loaded.params == {"limit": "20"}
    assert type(loaded.model).__name__ == "MaxPrice"


def test_backtest_takes_rules_like_every_other_limit(tmp_path: Path) -> None:
    data = tmp_path / "abc.csv"
    data.write_text(BARS, "utf-8")
    strategy, reference = BuyAndHold(), module(tmp_path)

    keys = backtest(strategy, data, risk={"rules": [{"rule": reference, "params": {"limit": 20}}]})
    struct = backtest(strategy, data, risk=rule(reference, limit=20))

    assert keys.result.denied > 0
    assert keys.result.digest == struct.result.digest


def test_a_run_with_a_broken_rule_raises_counts_its_failures_and_names_the_first(tmp_path: Path) -> None:
    data = tmp_path / "abc.csv"
    data.write_text(BARS, "utf-8")
    broken = module(tmp_path, MAX_PRICE.replace("price <= self.limit", "price.no_such"))

    with pytest.raises(RunFailed) as raised:
        backtest(BuyAndHold(), data, risk=rule(broken))

    result = raised.value.result
    assert (result.fills, result.failures) == (0, result.denied)
    assert result.first_failure.startswith("risk failed on OrderIntent at check:14: MaxPrice: AttributeError")


WRONG = {
    "no file": ("", r"risk\.rules: there is no file or module for"),
    "no rule": ("x = 1", r"risk\.rules: .*my_rules\.py: expected one rule; its msgspec structs: none"),
    "a module that raises": ("x = 1 / 0", r"risk\.rules: loading .*my_rules\.py fails: ZeroDivisionError"),
    "another import": (
        "import random\n" + MAX_PRICE,
        r"risk\.rules: .*my_rules\.py:1:1: .*random. gives different numbers",
    ),
    "the clock": (
        MAX_PRICE.replace("import msgspec", "import time\nimport msgspec"),
        r"risk\.rules: .*my_rules\.py:2:1: .*time. reads the wall clock",
    ),
    "parts of the system": (
        MAX_PRICE.replace("import msgspec", "from kernel.events import Order\nimport msgspec"),
        r"risk\.rules: .*my_rules\.py:2:1: .*kernel",
    ),
    "no check": (MAX_PRICE.replace("def check", "def checks"), r"has no method check\(self, order_check\)"),
    "a check of more": (
        MAX_PRICE.replace("(self, order_check:", "(self, more, order_check:"),
        r"check cannot be called as check\(self, order_check\): missing a required argument",
    ),
    "state": (
        MAX_PRICE.replace(", frozen=True", ""),
        r"a rule keeps no state: expected class MaxPrice\(msgspec\.Struct, frozen=True\)",
    ),
    "no Python": ("class", r"risk\.rules: .*my_rules\.py:1:\d+: .*not Python"),
}


@pytest.mark.parametrize(("source", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_module_is_refused_before_the_run(tmp_path: Path, source: str, sentence: str) -> None:
    reference = module(tmp_path, source) if source else str(tmp_path / "missing.py")

    with pytest.raises(ConfigError, match=sentence):
        load_rules(rule(reference))


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"limi": 1}, r"there is no 'limi'; did you mean 'limit'\? There are: limit"),
        ({"limit": "dear"}, r"limit: expected a number, got text 'dear'"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(
    tmp_path: Path, params: dict[str, object], sentence: str
) -> None:
    reference = module(tmp_path)

    with pytest.raises(ConfigError, match=rf"risk\.rules: .*my_rules\.py: .*{sentence}"):
        load_rules(rule(reference, **params))


def test_a_rule_without_its_reference_is_refused_by_key(tmp_path: Path) -> None:
    path = tmp_path / "onetape.yaml"
    path.write_text("risk: {rules: [{params: {limit: 20}}]}\n", "utf-8")

    with pytest.raises(ConfigError, match=r"risk\.rules\[0\]: 'rule' is missing"):
        load_config(path)
