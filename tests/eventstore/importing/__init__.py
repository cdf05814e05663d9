"""Tests of market data import."""
