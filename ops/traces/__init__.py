"""Traces of orders for OpenTelemetry, made from the durable log.

``order_traces`` makes spans of events and knows no library, ``tracing`` is the edge, ``exporting`` sends
spans with the extra ``otel``. To add a span, add it in ``order_traces``.
"""
