"""A channel: order, retries, giving up, and what finds no room."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from kernel.clock import VirtualClock
from kernel.events import AlertDelivered, AlertNotice, Severity
from ops.alerts.channel import NO_ROOM, Channel
from ops.alerts.notices import Message
from replay.alert_settings import DeliverySettings
from tests.ops.alerts.worlds import BEGIN, at

PATIENT = DeliverySettings(first_retry_s=2.0, give_up_s=60.0)


def message(number: int) -> Message:
    return Message(Severity.WARNING, f"title {number}", "body", ((f"1-{number}", AlertNotice.RAISED),))


class Service:
    """A service that answers with these errors, in order, and then takes everything."""

    def __init__(self, errors: Sequence[str], clock: VirtualClock) -> None:
        self._errors = list(errors)
        self._clock = clock
        self.asked: list[tuple[float, str]] = []

    async def send(self, message: Message) -> str:
        self.asked.append(((self._clock.now() - BEGIN) / 1e9, message.title))
        return self._errors.pop(0) if self._errors else ""


class World:
    def __init__(self, errors: Sequence[str], settings: DeliverySettings) -> None:
        self.clock = VirtualClock(BEGIN)
        self.service = Service(errors, self.clock)
        self.told: list[AlertDelivered] = []
        self.channel = Channel(
            "desk", self.service, settings=settings, clock=self.clock, report=self.told.append
        )

    async def go_to(self, seconds: float) -> None:
        """Let the time pass, and the channel work."""
        await settle()
        self.clock.advance(to_ts=at(seconds))
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def world(*errors: str, settings: DeliverySettings = PATIENT) -> AsyncGenerator[World]:
    one = World(errors, settings)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(one.channel.run(), name="channel")
        yield one
        task.cancel()


async def test_messages_are_delivered_in_order() -> None:
    async with world() as one:
        one.channel.put(message(1))
        one.channel.put(message(2))
        await settle()

    assert [title for _, title in one.service.asked] == ["title 1", "title 2"]
    assert one.told == [
        AlertDelivered(BEGIN, f"1-{number}", "desk", AlertNotice.RAISED, True, 1) for number in (1, 2)
    ]


async def test_failed_message_is_tried_again_later_and_later() -> None:
    async with world("away", "away", "away") as one:
        one.channel.put(message(1))
        for second in range(1, 20):
            await one.go_to(second)

    assert [second for second, _ in one.service.asked] == [0.0, 2.0, 6.0, 14.0]
    assert [(each.is_delivered, each.attempts) for each in one.told] == [(True, 4)]


async def test_message_that_no_one_takes_is_given_up_and_the_next_one_is_sent() -> None:
    settings = DeliverySettings(first_retry_s=2.0, give_up_s=5.0)
    async with world("away", "away", settings=settings) as one:
        one.channel.put(message(1))
        for second in range(1, 10):
            await one.go_to(second)
        one.channel.put(message(2))
        await settle()

    assert [(each.alert_id, each.is_delivered, each.error) for each in one.told] == [
        ("1-1", False, "away"),
        ("1-2", True, ""),
    ]
    assert one.channel.status.given_up == 1


async def test_oldest_message_is_dropped_and_recorded_when_there_is_no_room() -> None:
    async with world(settings=DeliverySettings(most_waiting=2)) as one:
        for number in (1, 2, 3):
            one.channel.put(message(number))
        await settle()

    assert [(each.alert_id, each.is_delivered, each.error) for each in one.told] == [
        ("1-1", False, NO_ROOM),
        ("1-2", True, ""),
        ("1-3", True, ""),
    ]
    assert one.channel.status.dropped == 1
