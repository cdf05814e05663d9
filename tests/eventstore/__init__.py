"""Tests of the event store.

Every store runs the conformance suite and the model test; add yours to ``STORES`` in ``samples.py``.
"""
