"""The commands of ``onetape`` that speak to a running daemon."""

import json
from pathlib import Path

import pytest

from kernel.events import EngageKillSwitch, ResumeTrading, SessionChanged
from tests.ops.commands import onetape
from tests.ops.control.running import running
from tests.ops.control.test_access import TCP, TRADE, write_tokens
from tests.ops.daemon.statuses import asked

BUSY = '{strategy: "trade.py:Busy", symbols: [AAA, AAB], params: {every: 2}}'


async def test_limits_lists_those_that_restrict_something(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await asked("limits", daemon.folder, "--set", "max_order_notional=50000", "--reason", "thin")
        shown = await asked("limits", daemon.folder)

    limits = {line.split()[1] for line in shown.stdout.splitlines() if line.startswith("account")}
    assert ["account", "max_order_notional", "50,000"] in [line.split() for line in shown.stdout.splitlines()]
    assert "require_cash" in limits
    assert limits.isdisjoint({"day_symbol", "locate_quantity", "allowed_symbols"})


async def test_receipt_is_a_sentence_or_json(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        said = await asked("halt", daemon.folder, "--reason", "lunch")
        told = await asked("reduce-only", daemon.folder, "--json")

    assert said.stdout.startswith("trading is halted; recorded at seq ")
    assert set(json.loads(told.stdout)) == {"seq", "operator", "is_repeated", "strategy", "now"}


async def test_tables_of_a_daemon(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        for number in range(5):
            await daemon.quote(price=100.0 + number)
        await daemon.do_kill()
        shown = {
            name: (await asked(*name.split(), daemon.folder)).stdout
            for name in ("positions", "orders", "fills", "limits", "strategies list")
        }
        versions = (await asked("strategies", "versions", "busy", daemon.folder)).stdout
        same = (await asked("strategies", "diff", "busy", daemon.folder)).stdout

    assert shown["orders"] == "No open orders.\n"
    assert "the kill switch" in shown["limits"]
    assert shown["strategies list"].splitlines()[1].split()[:2] == ["busy", "running"]
    assert "AAA" in shown["fills"]
    assert versions.splitlines()[1].rstrip().endswith("runs")
    assert same == "\n"


async def test_release_of_the_kill_switch_needs_a_reason_and_what_is_typed(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.do_kill()
        no_reason = await asked("kill", daemon.folder, "--release")
        wrong = await asked("kill", daemon.folder, "--release", "--reason", "x", "--confirm", "RELEASE")
        right = await asked("kill", daemon.folder, "--release", "--reason", "x", "--confirm", "RELEASE paper")
        events = await daemon.logged(EngageKillSwitch, ResumeTrading)

    assert (no_reason.exit_code, wrong.exit_code, right.exit_code) == (2, 1, 0)
    assert "expected 'RELEASE paper', typed by hand" in wrong.stderr
    assert [type(one) for one in events] == [EngageKillSwitch, ResumeTrading]


async def test_numbers_of_a_setting_are_taken_as_they_are_written(tmp_path: Path) -> None:
    async with running(tmp_path, strategies=(BUSY,)) as daemon:
        limit = "123456789.123456789"
        done = await asked(
            *("limits", daemon.folder, "--set", f"max_order_notional={limit}", "--set", "allow_short=false"),
            *("--reason", "a test"),
        )
        params = await asked(
            *("params", daemon.folder, "--strategy", "busy", "--set", "every=3", "--reason", "slower")
        )
        risk = daemon.session.plan.config.risk
        changes = await daemon.logged(SessionChanged)

    assert (done.exit_code, params.exit_code) == (0, 0)
    assert (str(risk.max_order_notional), risk.allow_short) == (limit, False)
    assert [one.reason for one in changes] == ["a test", "slower"]


async def test_commands_reach_a_daemon_over_tcp(tmp_path: Path) -> None:
    write_tokens(tmp_path)
    token = tmp_path / "token"
    token.write_text(TRADE, "ascii")
    token.chmod(0o600)
    async with running(tmp_path, TCP) as daemon:
        way = ("--url", f"http://127.0.0.1:{daemon.control.server.port}", "--token-file", token)
        halted = await asked("halt", *way)
        refused = await asked("shutdown", *way, "--reason", "x")

    assert halted.stdout.endswith("as desk (token)\n")
    assert refused.stderr == "onetape: this needs the role admin; desk (token) has trade\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("pause", "x.tape"), "expected one of --strategy or --all"),
        (("resume", "x.tape", "--trading"), "--trading needs a --reason"),
        (("flatten", "x.tape", "--reason", "x"), "expected one of --all or --symbol or --strategy"),
        (("limits", "x.tape", "--set", "a=1"), "--set needs a --reason"),
        (("limits", "x.tape", "--set", "a", "--reason", "x"), "expected NAME=VALUE"),
        (("shutdown", "x.tape"), "--reason"),
        (("cancel", "x.tape", "--all", "--symbol", "AAA"), "expected one of --order or --symbol or --all"),
        (("capital", "x.tape", "--strategy", "a", "--fraction", "x", "--reason", "x"), "is not a number"),
    ],
)
def test_wrong_usage_is_told_before_a_daemon_is_asked(words: tuple[str, ...], sentence: str) -> None:
    done = onetape(*words)

    assert done.exit_code == 2
    assert sentence in done.stderr
