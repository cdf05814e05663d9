"""Measures a WebSocket feed: from the socket through its pipeline to a sink that counts.

python -m ops.bench.feeds --count 200000

Another process sends prepared frames as fast as it can: quotes of 500 symbols, numbered. Measured is the CPU
time of the receiving process per message, and beside it, in the same run, that of aiohttp and the typed
decode alone. The limit is 50,000 messages a second with half a core left for all else: 10 us a message.
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click
import msgspec
from aiohttp import ClientSession, WSMsgType, web

from brokers.feeds.config import Channel, Encoding, WebSocketFeedConfig
from brokers.feeds.dialect import MarketMessage, QuoteMessage, Subscribed
from brokers.feeds.making import make_pipelines
from kernel.clock import RealTimeClock
from kernel.events import Event, Quote
from ops.event_loop import run
from ops.exchange.market import SyntheticMarket, symbol_names
from ops.exchange.sessions import Encode, encoder

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = 500
SEED = 1
SLOT_S = 0.001
"""How long a paced sender sleeps while nothing is due."""
LIMIT_US = 10.0
"""CPU time per message at 50,000 a second that leaves half a core."""
CASES = ((Encoding.JSON, 1), (Encoding.MSGPACK, 1), (Encoding.JSON, 50), (Encoding.MSGPACK, 50))


@click.group(invoke_without_command=True)
@click.option("--count", default=200_000, show_default=True, help="Messages in each measurement.")
@click.pass_context
def bench(ctx: click.Context, count: int) -> None:
    """Measure single frames and batches, as JSON and as msgpack."""
    if ctx.invoked_subcommand is not None:
        return
    print(f"limit {LIMIT_US:g} us CPU a message; {count:,} messages, {SYMBOLS} symbols")
    for encoding, batch in CASES:
        bare_us = run(_measure(encoding, batch, count, is_bare=True))
        feed_us = run(_measure(encoding, batch, count, is_bare=False))
        print(
            f"{encoding.value:8}{batch:3} a frame: decode alone {bare_us:5.2f} us, feed and pipeline "
            f"{feed_us:5.2f} us ({1e6 / feed_us:9,.0f} in a second of CPU), "
            f"{LIMIT_US / feed_us:.1f} times the limit's speed"
        )


@bench.command()
@click.option("--encoding", type=click.Choice([each.value for each in Encoding]))
@click.option("--batch", type=int)
@click.option("--count", type=int)
@click.option("--rate", type=int, default=0)
def serve(encoding: str, batch: int, count: int, rate: int) -> None:
    """Send the frames to each client that comes, until killed; ``rate`` messages a second, or at once."""
    encode, messages = encoder(Encoding(encoding)), _messages(count)
    frames: Callable[[], Iterable[bytes | None]] = partial(_paced, messages, encode, batch=batch, rate=rate)
    if not rate:
        prepared = _prepared(messages, encode, batch=batch)
        frames = partial(iter, prepared)
    run(_serve(frames, is_text=encoding == Encoding.JSON.value))


async def _measure(encoding: Encoding, batch: int, count: int, *, is_bare: bool) -> float:
    """CPU time of this process per message, in us."""
    async with serving(encoding, batch, count) as url:
        started = time.process_time()
        if is_bare:
            await _decode_alone(url, encoding, count)
        else:
            await _feed(url, encoding, count)
        return (time.process_time() - started) / count * 1e6


async def _decode_alone(url: str, encoding: Encoding, count: int) -> None:
    """Receive and decode, and do nothing with it."""
    kind = list[MarketMessage] | MarketMessage | Subscribed
    # Any: the checkers know no decoder of a union
    decoder: Any = (msgspec.json if encoding is Encoding.JSON else msgspec.msgpack).Decoder(kind)
    received = 0
    async with ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_str("go")
        while received < count:
            message = await socket.receive()
            assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY)
            decoded: list[MarketMessage] | MarketMessage | Subscribed = decoder.decode(message.data)
            received += len(decoded) if isinstance(decoded, list) else not isinstance(decoded, Subscribed)


async def _feed(url: str, encoding: Encoding, count: int) -> None:
    """Receive through a feed and its pipeline."""
    received, done = 0, asyncio.Event()

    async def post(events: Sequence[Event]) -> None:
        nonlocal received
        received += sum(isinstance(event, Quote) for event in events)
        if received >= count:
            done.set()

    config = WebSocketFeedConfig(name="main", url=url, encoding=encoding)
    (pipeline,) = make_pipelines(
        [config], post=post, report=lambda _event: None, clock=RealTimeClock(), random=lambda: 0.0
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(pipeline.run(), name="feed")
        await done.wait()
        task.cancel()


@asynccontextmanager
async def serving(encoding: Encoding, batch: int, count: int, *, rate: int = 0) -> AsyncGenerator[str]:
    """The sending process; gives its address. ``rate``: messages a second, 0 as fast as it can."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ops.bench.feeds", "serve", "--encoding", encoding.value, "--batch", str(batch),
        "--count", str(count), "--rate", str(rate), stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


def _prepared(messages: Sequence[QuoteMessage], encode: Encode, *, batch: int) -> list[bytes]:
    return [_frame(encode, messages[start : start + batch]) for start in range(0, len(messages), batch)]


def _paced(
    messages: Sequence[QuoteMessage], encode: Encode, *, batch: int, rate: int
) -> Iterator[bytes | None]:
    """Frames made when they are due, with the time of that; ``None`` while none is due."""
    began = time.monotonic()
    for start in range(0, len(messages), batch):
        part = messages[start : start + batch]
        while start + len(part) > (time.monotonic() - began) * rate:
            yield None
        now = time.time_ns()
        yield _frame(encode, [_stamped(message, now) for message in part])


def _messages(count: int) -> list[QuoteMessage]:
    market = SyntheticMarket(symbol_names(SYMBOLS), (Channel.QUOTES,), seed=SEED)
    messages = market.next(count, ts=time.time_ns())
    return [message for message in messages if isinstance(message, QuoteMessage)]


def _stamped(message: QuoteMessage, ts: int) -> QuoteMessage:
    return QuoteMessage(
        message.symbol, message.bid, message.bid_size, message.ask, message.ask_size, ts, message.seq
    )


def _frame(encode: Encode, messages: Sequence[QuoteMessage]) -> bytes:
    return encode(messages if len(messages) > 1 else messages[0])


async def _serve(frames: Callable[[], Iterable[bytes | None]], *, is_text: bool) -> None:
    encode = encoder(Encoding.JSON if is_text else Encoding.MSGPACK)

    async def send(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        for frame in chain((encode(Subscribed((), (Channel.QUOTES,))),), frames()):
            if frame is None:
                await asyncio.sleep(SLOT_S)
            elif is_text:
                await socket.send_str(frame.decode())
            else:
                await socket.send_bytes(frame)
        await socket.receive()
        return socket

    app = web.Application()
    app.router.add_get("/", send)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"ws://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    bench()
