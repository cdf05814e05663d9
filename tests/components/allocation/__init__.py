"""Signals of several strategies made into one plan."""
