"""The caller's decimal context changes no figure, trade, page or log, and is as it was afterwards."""

from collections.abc import Callable
from decimal import (
    ROUND_DOWN,
    ROUND_UP,
    BasicContext,
    Context,
    Decimal,
    ExtendedContext,
    FloatOperation,
    Inexact,
    Rounded,
    getcontext,
    localcontext,
)
from pathlib import Path

import msgspec
import pytest

from replay import Backtest, backtest
from replay.performance.journal import as_row
from replay.result_json import to_json
from replay.tables import result_lines
from strategies.ma_cross import MovingAverageCross
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv

CONTEXTS = {
    "3 digits": Context(prec=3),
    "9 digits": Context(prec=9),
    "rounding up": Context(rounding=ROUND_UP),
    "6 digits, rounding down": Context(prec=6, rounding=ROUND_DOWN),
    "no inexact result": Context(traps=[Inexact]),
    "no rounded result": Context(traps=[Rounded]),
    "no floats": Context(traps=[FloatOperation]),
    "small exponents": Context(Emax=9, Emin=-9),
    "small letters": Context(capitals=0),
    "basic": BasicContext,
    "extended": ExtendedContext,
    "no traps": Context(traps=[]),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Bars of two shares, one in euros, a dividend and a split, and rates of the euro."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 90, seed=5))
    write_csv(tmp_path / "b.csv", walk("B", 90, seed=6))
    (tmp_path / "both.csv").write_text(_both(tmp_path), "utf-8")
    (tmp_path / "actions.csv").write_text(
        "symbol,ex_date,type,ratio,amount\nA,2004-01-20,dividend,,0.37\nA,2004-02-10,split,3,\n", "utf-8"
    )
    rates = "".join(
        f"2004-0{month}-{day:02d},1.{2300 + 7 * day}\n" for month in (1, 2, 3) for day in range(1, 29, 3)
    )
    (tmp_path / "eurusd.csv").write_text(f"date,rate\n{rates}", "utf-8")
    return tmp_path


def _both(folder: Path) -> str:
    rows = [
        (name, line) for name in "ab" for line in (folder / f"{name}.csv").read_text("utf-8").splitlines()[1:]
    ]
    ordered = sorted(rows, key=lambda row: row[1][:10])
    return "symbol,date,open,high,low,close,volume\n" + "".join(
        f"{name.upper()},{line}\n" for name, line in ordered
    )


def run(folder: Path) -> Backtest:
    return backtest(
        [
            MovingAverageCross(fast=2, slow=5, quantity="137.5", allow_short=True),
            MovingAverageCross(fast=3, slow=9),
        ],
        folder / "both.csv",
        cash=123456.78,
        broker={"commission": {"model": "ibkr_fixed"}, "slippage_bps": 3},
        risk={"allow_short": True, "require_cash": False},
        instruments=[
            {"symbol": "A", "lot_size": 0.5},
            {"symbol": "B", "currency": "EUR", "lot_size": 0.5},
        ],
        actions=folder / "actions.csv",
        fx_rates=folder / "eurusd.csv",
    )


def shown(done: Backtest, folder: Path) -> dict[str, object]:
    """All that can be looked at of a run, computed when it is."""
    return {
        "metrics": msgspec.json.encode(done.metrics),
        "trades": msgspec.json.encode(done.trades),
        "net": [(str(trade.net_pnl), trade.net_return) for trade in done.trades],
        "journal": [as_row(entry) for entry in done.journal],
        "table": list(result_lines(done.result)),
        "json": to_json(done.result),
        "open": msgspec.json.encode(done.result.open_lots),
        "equity": done.result.equity.equity.tobytes(),
        "page": done.report(folder / "page.html").read_text("utf-8"),
    }


@pytest.fixture
def usual(folder: Path) -> dict[str, object]:
    done = run(folder)
    assert done.result.failures == 0
    assert len(done.trades) > 10
    assert {trade.currency for trade in done.trades} == {"USD", "EUR"}
    return shown(done, folder)


def same_under(contexts: dict[str, Context], call: Callable[[], object], expected: object) -> None:
    """``call`` gives the expected under each context, which it leaves as it was."""
    for name, context in contexts.items():
        with localcontext(context):
            before = repr(getcontext())
            found = call()
            after = repr(getcontext())
        assert found == expected, name
        assert _settings(after) == _settings(before), name


def _settings(context: str) -> str:
    return context.partition("flags=")[0] + context.partition("traps=")[2]


def test_a_backtest_comes_to_the_same_under_every_context(folder: Path, usual: dict[str, object]) -> None:
    same_under(CONTEXTS, lambda: shown(run(folder), folder), usual)


def test_a_run_that_is_looked_at_under_another_context_shows_the_same(
    folder: Path, usual: dict[str, object]
) -> None:
    done = run(folder)

    same_under(CONTEXTS, lambda: shown(done, folder), usual)


def test_commands_print_the_same_under_every_context(folder: Path) -> None:
    """Imported, run, verified and listed; the store of each is one of its own."""
    (folder / "onetape.yaml").write_text(
        "streams: [b.1d, a.actions]\ncash: 98765.43\n"
        "broker: {slippage_bps: 3, commission_per_share: 0.0049}\n"
        "strategies: [{strategy: 'strategies.ma_cross:MovingAverageCross', params: {fast: 2, slow: 5}}]\n",
        "utf-8",
    )

    def printed() -> list[str]:
        for old in folder.glob("market.db*"):
            old.unlink()
        assert onetape("import", "b.csv", "--symbol", "B", "--store", "market.db").exit_code == 0
        actions = onetape("import", "actions.csv", "--kind", "corporate-actions", "--store", "market.db")
        assert actions.exit_code == 0, actions.output
        stream = ("run.ma_cross.1", "--store", "market.db")
        ran = replay("--store", "market.db", "--commission-per-order", "0.333", "--json")
        assert ran.exit_code == 0, ran.output
        return [
            ran.output,
            replay("verify", *stream).output,
            replay("journal", *stream, "--json").output,
            onetape("log", *stream).output,
        ]

    usual = printed()

    assert "reproduced" in usual[1]
    same_under(dict(list(CONTEXTS.items())[::3]), printed, usual)


def test_a_strategy_is_the_same_under_every_context() -> None:
    def quantity() -> Decimal:
        return MovingAverageCross(fast=2, slow=5, quantity="1234.56789").params.quantity

    same_under(CONTEXTS, quantity, Decimal("1234.56789"))
