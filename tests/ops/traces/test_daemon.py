"""Traces of a real daemon, taken by a server that speaks OTLP over HTTP."""

import asyncio
import gzip
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from kernel.events import OrderIntent, OrderSubmitted
from ops.traces.order_traces import trace_id_of
from tests.ops.alerts.servers import web_hook
from tests.ops.daemon.processes import Daemon, Forks, exchange
from tests.ops.daemon.test_modes import events_of
from tests.ops.daemon.worlds import write_world

pytestmark = pytest.mark.slow

TRADER = '{strategy: "trade.py:Trader", symbols: [AAA, AAB]}'


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


class Collector:
    """Takes spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()  # aiohttp has unpacked it
        sent = ExportTraceServiceRequest.FromString(
            gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        )
        for each in sent.resource_spans:
            self.services |= {
                pair.value.string_value for pair in each.resource.attributes if pair.key == "service.name"
            }
            self.spans += [span for scope in each.scope_spans for span in scope.spans]
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )


@asynccontextmanager
async def collector() -> AsyncGenerator[Collector]:
    made, app = Collector(), web.Application()
    app.router.add_post("/v1/traces", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


def numbers(span: Span) -> dict[str, int]:
    return {pair.key: pair.value.int_value for pair in span.attributes}


async def test_each_order_of_a_daemon_is_a_trace_with_the_ids_of_its_log(
    forks: Forks, tmp_path: Path
) -> None:
    async with collector() as taking:
        with exchange(forks, tmp_path, "--symbols", "2", "--rate", "200") as url:
            write_world(tmp_path, url, f'traces: {{endpoint: "{taking.url}"}}', strategies=(TRADER,))
            daemon = Daemon(forks, tmp_path).started()
            await daemon.until(lambda _: len({span.trace_id for span in taking.spans}) > 10)
            assert await asyncio.to_thread(daemon.stop) == 0, daemon.complaint
    events = await events_of(daemon.store, "paper")
    traced = {span.trace_id: span for span in taking.spans if span.name == "tick"}
    decisions = [span for span in taking.spans if span.name == "decision"]

    assert taking.services == {"onetape"}
    assert {span.name for span in taking.spans} == {"tick", "decision", "risk", "durable", "sent", "ack"}
    for decision in decisions:
        tick = traced[decision.trace_id]
        assert isinstance(events[numbers(decision)["onetape.seq"] - 1], OrderIntent)
        ordinal = numbers(tick)["onetape.input"]
        assert int.from_bytes(tick.trace_id, "big") == trace_id_of("paper", 1, ordinal)
        assert decision.parent_span_id == tick.span_id
        durable = next(
            span
            for span in taking.spans
            if span.name == "durable" and span.parent_span_id == decision.span_id
        )
        assert 0 <= durable.end_time_unix_nano - durable.start_time_unix_nano < 10**10
    sent = [span for span in taking.spans if span.name == "sent"]
    assert all(isinstance(events[numbers(span)["onetape.seq"] - 1], OrderSubmitted) for span in sent)


async def test_collector_that_hangs_or_is_away_does_not_touch_trading(forks: Forks, tmp_path: Path) -> None:
    async with web_hook() as hook:
        hook.hangs = True
        with exchange(forks, tmp_path, "--symbols", "2", "--rate", "200") as url:
            endpoint = f'traces: {{endpoint: "http://127.0.0.1:{hook.port}/x"}}'
            write_world(tmp_path, url, endpoint, strategies=(TRADER,))
            daemon = Daemon(forks, tmp_path).started()
            await hook.until(lambda taken: bool(taken))
            before = (await daemon.status()).inputs
            status = await daemon.until(lambda status: status.inputs > before + 500)
            assert daemon.stop() == 0, daemon.complaint

    assert status.commit_p50_ms < 1_000
    assert '"level": "error"' not in daemon.complaint


def test_address_that_is_none_is_refused_with_the_line(forks: Forks, tmp_path: Path) -> None:
    write_world(tmp_path, "ws://unused", 'traces: {endpoint: "localhost:4318"}', strategies=(TRADER,))

    ended = forks.run(tmp_path, "config", "check", "paper.yaml")

    assert ended.code == 1
    assert "'localhost:4318' is not an address such as http://127.0.0.1:4318" in ended.complaint
