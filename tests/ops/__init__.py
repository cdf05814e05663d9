"""Tests of the ``onetape`` command and of market data import."""
