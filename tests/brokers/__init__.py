"""Brokers: the simulated one, and each venue's translation."""
