"""Alerts of a whole daemon in this process: its API, its commands, and what it records."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from kernel.events import AlertAcknowledged, AlertRaised, AlertResolved
from ops.alerts.status import AlertsStatus
from ops.control.client import CommandRefused
from ops.control.requests import AcknowledgeAlert
from tests.ops.alerts.servers import web_hook
from tests.ops.commands import onetape
from tests.ops.control.running import Running, running
from tests.ops.daemon.statuses import asked

ALWAYS = "{kind: threshold, name: always, metric: equity, above: 0}"


def section(rules: str = ALWAYS, *further: str) -> str:
    return "\n".join(["alerts:", "  look_s: 0.02", f"  rules: [{rules}]", *further])


async def opened(daemon: Running) -> str:
    """The id of the alert that is open."""
    found: list[str] = []

    async def look() -> None:
        status = await daemon.show("/alerts", AlertsStatus)
        found[:] = [one.alert_id for one in status.open if one.rule == "always"]

    while not found:
        await look()
    return found[0]


async def test_open_alert_is_shown_and_acknowledged_by_command(tmp_path: Path) -> None:
    async with running(tmp_path, section()) as daemon:
        key = await opened(daemon)
        done = await asked("alerts", "ack", daemon.folder, "--alert", key, "--reason", "I look after it")
        shown = await asked("status", daemon.folder)
        listed = await asked("alerts", "list", tmp_path / "paper.yaml", "--json")
        (said,) = await daemon.logged(AlertAcknowledged)

    assert done.exit_code == 0, done.output
    assert f"alert {key} is acknowledged; recorded at seq" in done.output
    assert (said.alert_id, said.reason) == (key, "I look after it")
    assert "Open alerts" in shown.output
    assert f'"acknowledged_by":"{said.operator}"' in listed.output


async def test_alert_is_in_the_text_log_while_no_channel_tells_it(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with running(tmp_path, section()) as daemon:
            key = await opened(daemon)

    (line,) = [one for one in logs if one["event"] == "alert_raised"]
    assert (line["alert"], line["rule"], line["log_level"]) == (key, "always", "warning")
    assert "equity" in line["what"]


async def test_alert_that_is_not_open_cannot_be_acknowledged(tmp_path: Path) -> None:
    async with running(tmp_path, section()) as daemon:
        key = await opened(daemon)

        with pytest.raises(CommandRefused, match=f"no alert '9-9' is open; open are: {key}"):
            await daemon.do("/alerts/ack", AcknowledgeAlert(alert_id="9-9"))


async def test_nothing_is_judged_when_alerts_are_off(tmp_path: Path) -> None:
    async with running(tmp_path, "alerts: {enabled: false, rules: [" + ALWAYS + "]}") as daemon:
        await daemon.quote()
        status = await daemon.show("/alerts", AlertsStatus)
        recorded = await daemon.logged(AlertRaised, AlertResolved)

    assert (status, recorded) == (AlertsStatus(), [])


# --- commands without a daemon ----------------------------------------------------------------


async def test_each_channel_is_tested_without_a_daemon(tmp_path: Path) -> None:
    async with web_hook() as good, web_hook() as bad:
        bad.status = 500
        file = tmp_path / "paper.yaml"
        file.write_text(
            "mode: paper\n"
            "alerts:\n"
            "  channels:\n"
            f'    - {{name: good, url: "json://127.0.0.1:{good.port}/x"}}\n'
            f'    - {{name: bad, url: "json://127.0.0.1:{bad.port}/x"}}\n'
        )
        both = await asked("alerts", "test", file)
        one = await asked("alerts", "test", file, "--channel", "good")

    assert both.exit_code == 1
    assert both.output.splitlines()[0] == "good: delivered"
    assert both.output.splitlines()[1].startswith("bad: ")
    assert (one.exit_code, one.output) == (0, "good: delivered\n")


def test_channel_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    file = tmp_path / "paper.yaml"
    file.write_text("mode: paper\nalerts: {channels: [{name: desk, url: 'json://localhost/x'}]}\n")

    done = onetape("alerts", "test", file, "--channel", "boss")

    assert done.exit_code == 1
    assert "there is no channel 'boss'; the channels are: desk" in done.output


def test_file_without_channels_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "paper.yaml"
    file.write_text("mode: paper\n")

    done = onetape("alerts", "test", file)

    assert done.exit_code == 1
    assert "names no channel, so nobody is told" in done.output


def test_config_check_names_the_line_of_an_unknown_metric(tmp_path: Path) -> None:
    file = tmp_path / "paper.yaml"
    rule = "{kind: threshold, name: r, metric: mem, above: 1}"
    file.write_text(f"mode: paper\nalerts:\n  rules: [{rule}]\n")

    done = onetape("config", "check", file)

    assert done.exit_code == 1
    assert "alerts.rules: r: there is no metric 'mem'" in done.output
