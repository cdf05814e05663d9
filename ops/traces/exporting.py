"""Sends spans with OpenTelemetry, an extra: ``pip install 'onetape[otel]'``.

Its exporter speaks OTLP over HTTP and waits for the network, so it runs in a thread. Headers, for a collector
that wants a token, come from its own variable, OTEL_EXPORTER_OTLP_HEADERS.
"""

import importlib
import logging
from collections.abc import Sequence
from types import ModuleType

from kernel.errors import ConfigError
from ops.traces.order_traces import Span
from ops.version import installed_version

LIMIT_S = 3.0
"""For one attempt with its repeats: a stop of the daemon waits for it at most so long."""
PATH = "/v1/traces"
SAMPLED = 1
"""The flag of a trace that is kept."""


def require_library() -> None:
    """Raise ``ConfigError`` if the library is missing. It is imported now, not while the daemon trades."""
    for name in _MODULES:
        _module(name)


class OtlpExporter:
    """Sends spans to one address."""

    def __init__(self, endpoint: str, *, log: str) -> None:
        address = endpoint if endpoint.removesuffix("/").count("/") > 2 else endpoint.rstrip("/") + PATH
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # failures are told by the edge
        self._trace, self._sdk = _module(_TRACE), _module(_SDK)
        resource = _module(_RESOURCES).Resource(
            {"service.name": "onetape", "service.version": installed_version(), "service.instance.id": log}
        )
        self._resource = resource
        self._scope = _module(_SCOPE).InstrumentationScope("onetape", installed_version())
        self._exporter = _module(_EXPORTER).OTLPSpanExporter(endpoint=address, timeout=LIMIT_S)

    def send(self, spans: Sequence[Span]) -> bool:
        """Send spans, and wait for the answer; whether they were taken."""
        result = self._exporter.export([self._readable(span) for span in spans])
        return bool(result is _module(_EXPORT).SpanExportResult.SUCCESS)

    def close(self) -> None:
        """Close its connection."""
        self._exporter.shutdown()

    def _readable(self, span: Span) -> object:
        trace = self._trace
        context = self._context(span.trace_id, span.span_id)
        codes = trace.StatusCode
        return self._sdk.ReadableSpan(
            name=span.name,
            context=context,
            parent=self._context(span.trace_id, span.parent_id) if span.parent_id else None,
            resource=self._resource,
            attributes=span.attributes,
            status=trace.Status(codes.ERROR, span.problem) if span.problem else trace.Status(codes.UNSET),
            start_time=span.start_ts,
            end_time=span.end_ts,
            instrumentation_scope=self._scope,
        )

    def _context(self, trace_id: int, span_id: int) -> object:
        flags = self._trace.TraceFlags(SAMPLED)
        return self._trace.SpanContext(trace_id, span_id, is_remote=False, trace_flags=flags)


_TRACE = "opentelemetry.trace"
_SDK = "opentelemetry.sdk.trace"
_EXPORT = "opentelemetry.sdk.trace.export"
_RESOURCES = "opentelemetry.sdk.resources"
_SCOPE = "opentelemetry.sdk.util.instrumentation"
_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_MODULES = (_TRACE, _SDK, _EXPORT, _RESOURCES, _SCOPE, _EXPORTER)


def _module(name: str) -> ModuleType:
    """A module of the library, which runs without it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            "traces.endpoint: traces are sent with OpenTelemetry, which is missing: "
            "pip install 'onetape[otel]'"
        ) from error
