"""Faults of a real daemon become alerts and messages; what happens to the messages does not touch trading."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstore import open_store
from kernel.events import AlertDelivered, AlertRaised, Event
from replay.verification import verify_run
from tests.ops.alerts.servers import WebHook, web_hook
from tests.ops.daemon.processes import Daemon, Forks, exchange
from tests.ops.daemon.worlds import write_world

pytestmark = pytest.mark.slow

QUICK = ", stale_after_s: 0.3, heartbeat_s: 0.6, restart: {first_delay_s: 0.05, longest_delay_s: 0.2}"
RAISER = '{strategy: "trade.py:Raiser", symbols: [AAD]}'
BUSY = '{strategy: "trade.py:Busy", symbols: [AAA, AAB, AAC]}'

RULES = """
    - {kind: threshold, name: by_threshold, metric: stale_feeds, above: 0}
    - {kind: change, name: by_change, metric: data_age_s, over_s: 5, rise: 1}
    - {kind: absence, name: by_absence, events: [Quote], within_s: 1}
    - kind: anomaly
      name: by_anomaly
      metric: data_age_s
      over_s: 5
      deviations: 1.5
      least_values: 10
      least_change: 0.5
    - {kind: event, name: by_event, events: [ComponentFailed], where: {component: "strategy:raiser"}}
"""
NAMES = {"by_threshold", "by_change", "by_absence", "by_anomaly", "by_event"}


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


def alerts(hook: WebHook, *further: str) -> str:
    """The section of a configuration, with a channel to the server."""
    lines = [
        "alerts:",
        "  look_s: 0.05",
        "  group_s: 0",
        f'  channels: [{{name: hook, url: "json://127.0.0.1:{hook.port}/hook"}}]',
        *further,
    ]
    return "\n".join(lines)


async def verified(path: Path) -> list[Event]:
    """The events of a log, which a fresh replay derives again."""
    async with await open_store(path, read_only=True) as store:
        assert await store.verify("paper") is None
        await verify_run(store, "paper")
        return [event async for batch in store.read("paper") for event in batch.events]


def told(hook: WebHook) -> list[str]:
    """The rules that were told, once for each message."""
    return [str(json.loads(one.body)["title"]).rpartition(": ")[2] for one in hook.taken]


async def test_each_kind_of_rule_is_fired_by_a_fault_and_delivered(forks: Forks, tmp_path: Path) -> None:
    async with web_hook() as hook:
        with exchange(forks, tmp_path, "--symbols", "4", "--rate", "200") as url:
            section = alerts(hook, f"  rules: {RULES}")
            write_world(tmp_path, url, section, strategies=(BUSY, RAISER), feed=QUICK)
            daemon = Daemon(forks, tmp_path).started()
            await daemon.until(lambda status: status.inputs > 1_500)
        try:
            await hook.until(lambda _: set(told(hook)) >= NAMES)  # the exchange is gone

            assert daemon.stop() == 0, daemon.complaint
        finally:
            if not daemon.ended_within(0):
                daemon.kill()
        events = await verified(daemon.store)
        raised = {event.rule for event in events if isinstance(event, AlertRaised)}
        assert raised >= NAMES
        assert {event.channel for event in events if isinstance(event, AlertDelivered)} == {"hook"}


async def test_channel_that_hangs_or_fails_does_not_touch_trading(forks: Forks, tmp_path: Path) -> None:
    async with web_hook() as hangs, web_hook() as fails:
        hangs.hangs, fails.status = True, 500
        section = alerts(
            hangs, f"  rules: {RULES}", "  delivery: {limit_s: 1, first_retry_s: 0.2, give_up_s: 2}"
        )
        other = f', {{name: other, url: "json://127.0.0.1:{fails.port}/x"}}]'
        with exchange(forks, tmp_path, "--symbols", "4", "--rate", "200") as url:
            section = section.replace("}]", "}" + other, 1)
            write_world(tmp_path, url, section, strategies=(BUSY, RAISER), feed=QUICK)
            daemon = Daemon(forks, tmp_path).started()
            try:
                await fails.until(lambda taken: len(taken) > 2)
                seen = await daemon.until(
                    lambda status: all(one.given_up for one in status.alerts.channels) and status.is_ready
                )
                await daemon.until(lambda status: status.inputs > seen.inputs + 400)

                assert daemon.stop() == 0, daemon.complaint
            finally:
                if not daemon.ended_within(0):
                    daemon.kill()
        events = await verified(daemon.store)
        lost = [event for event in events if isinstance(event, AlertDelivered)]
        assert {event.channel for event in lost} == {"hook", "other"}
        assert not any(event.is_delivered for event in lost)
        assert any("no answer within 1 s" in event.error for event in lost)
        assert any("500" in event.error for event in lost)


async def test_crash_is_told_after_it_and_alerts_stay_open_over_a_start(forks: Forks, tmp_path: Path) -> None:
    always = "  rules: [{kind: threshold, name: always, metric: equity, above: 0}]"
    async with web_hook() as hook:
        with exchange(forks, tmp_path, "--symbols", "4", "--rate", "200") as url:
            write_world(tmp_path, url, alerts(hook, always), strategies=(BUSY,), feed=QUICK)
            first = Daemon(forks, tmp_path).started()
            await hook.until(lambda _: "always" in told(hook))
            await first.until(lambda status: any(one.told for one in status.alerts.open))
            first.kill()
            listed = forks.run(tmp_path, "alerts", "list", "paper.yaml")
            second = Daemon(forks, tmp_path).started()
            try:
                await hook.until(lambda _: "crash" in told(hook))
                status = await second.until(lambda status: len(status.alerts.open) > 1)

                assert {one.rule for one in status.alerts.open} >= {"always", "crash"}
                assert told(hook).count("always") == 1
                assert second.stop() == 0, second.complaint
            finally:
                if not second.ended_within(0):
                    second.kill()
        assert (listed.code, listed.complaint) == (0, "")
        assert "always" in listed.said
        events = await verified(second.store)
        opened = [event for event in events if isinstance(event, AlertRaised) and event.rule == "always"]
        assert len(opened) == 1
