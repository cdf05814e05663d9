"""Each channel against a local server that speaks its protocol.

The services with a fixed address (Slack, Discord, Telegram) are sent to this machine by the address in their
plugin of the library; the others by the address of the channel. A desktop has no server.
"""

import json
from email import message_from_string
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram

from kernel.events import Severity
from kernel.secret import Secret, SecretReference
from ops.alerts.notices import Message
from ops.alerts.sending import AppriseSender, hidden
from ops.secret_sources import SecretPlaces
from tests.ops.alerts.servers import WebHook, mail_server, web_hook

MESSAGE = Message(Severity.CRITICAL, "onetape paper: critical: drawdown", "the account has lost 12 %")
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#desk"
DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
TELEGRAM = "tgram://123456789:abcdefg_hijklmnop/12315544/"


def sender(address: str, *, limit_s: float = 20.0) -> AppriseSender:
    """A sender whose address is a secret."""
    places = SecretPlaces(environment={"ONETAPE_SECRET_ADDRESS": address})
    return AppriseSender(SecretReference("address"), secrets=places, limit_s=limit_s)


async def sent(hook: WebHook, address: str) -> bytes:
    """The body that a server got."""
    assert await sender(address).send(MESSAGE) == ""
    return hook.taken[-1].body


async def test_webhook_gets_json() -> None:
    async with web_hook() as hook:
        body = json.loads(await sent(hook, f"json://127.0.0.1:{hook.port}/hook"))

    assert (body["title"], body["message"], body["type"]) == (MESSAGE.title, MESSAGE.body, "failure")
    assert hook.taken[0].path == "/hook"


async def test_webhook_gets_a_form() -> None:
    async with web_hook() as hook:
        body = parse_qs((await sent(hook, f"form://127.0.0.1:{hook.port}/hook")).decode())

    assert body["title"] == [MESSAGE.title]
    assert body["message"] == [MESSAGE.body]


async def test_mail_has_subject_and_text() -> None:
    mails: list[str] = []
    async with mail_server(mails) as port:
        error = await sender(
            f"mailto://127.0.0.1:{port}?from=bot@example.com&to=desk@example.com&mode=insecure"
        ).send(MESSAGE)

    assert error == ""
    mail = message_from_string(mails[0])
    assert mail["Subject"] == MESSAGE.title
    assert "desk@example.com" in mail["To"]


async def test_slack_gets_an_incoming_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    async with web_hook() as hook:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{hook.port}/services")
        hook.text = "ok"
        body = json.loads(await sent(hook, SLACK))

    assert hook.taken[0].path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert body["channel"] == "#desk"
    assert MESSAGE.body in json.dumps(body)


async def test_discord_gets_a_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    async with web_hook() as hook:
        monkeypatch.setattr(NotifyDiscord, "notify_url", f"http://127.0.0.1:{hook.port}/api/webhooks")
        body = await sent(hook, DISCORD)

    assert hook.taken[0].path == "/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
    assert MESSAGE.body in body.decode()


async def test_telegram_gets_a_message_of_a_bot(monkeypatch: pytest.MonkeyPatch) -> None:
    async with web_hook() as hook:
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{hook.port}/bot")
        body = json.loads(await sent(hook, TELEGRAM))

    assert hook.taken[-1].path.endswith("/sendMessage")
    assert str(body["chat_id"]) == "12315544"
    assert MESSAGE.body in body["text"]


# --- what fails -------------------------------------------------------------------------------


async def test_refusal_of_a_service_is_told_without_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    async with web_hook() as hook:
        hook.status = 403
        monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{hook.port}/services")
        error = await sender(SLACK).send(MESSAGE)

    assert error
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in error
    assert "T1JJ3T3L2" not in error


async def test_service_that_is_away_is_an_error() -> None:
    async with web_hook() as hook:
        port = hook.port

    assert "Connection" in await sender(f"json://127.0.0.1:{port}/hook").send(MESSAGE)


async def test_service_that_hangs_is_given_up_and_no_second_thread_waits_for_it() -> None:
    async with web_hook() as hook:
        hook.hangs = True
        one = sender(f"json://127.0.0.1:{hook.port}/hook?rto=60", limit_s=0.3)

        first, second = await one.send(MESSAGE), await one.send(MESSAGE)
        taken = await hook.until(lambda taken: bool(taken))

        assert first == "no answer within 0.3 s"
        assert second == "the message before it still hangs"
        assert len(taken) == 1


async def test_secret_that_was_replaced_is_used_from_the_next_message_on(tmp_path: Path) -> None:
    async with web_hook() as hook:
        file = tmp_path / "address"
        file.touch(0o600)
        one = AppriseSender(SecretReference("address"), secrets=SecretPlaces(str(tmp_path)), limit_s=20.0)
        for path in ("former", "new"):
            file.write_text(f"json://127.0.0.1:{hook.port}/{path}")
            assert await one.send(MESSAGE) == ""

    assert [one.path for one in hook.taken] == ["/former", "/new"]


@pytest.mark.parametrize("address", ["nothing at all", "unknown://x/y"])
async def test_address_that_makes_no_sense_is_an_error_that_does_not_repeat_it(address: str) -> None:
    error = await sender(address).send(MESSAGE)

    assert error
    assert address not in error


async def test_secret_that_is_missing_is_an_error_with_its_name() -> None:
    one = AppriseSender(SecretReference("address"), secrets=SecretPlaces(environment={}), limit_s=20.0)

    assert "'address' is not in" in await one.send(MESSAGE)


def test_every_part_of_an_address_is_hidden() -> None:
    text = hidden("POST https://hooks.slack.com/T1JJ3T3L2/x?t=A1BRTD4JD failed", Secret(SLACK))

    assert text == "POST https://hooks.***.com/***/x?t=*** failed"
