"""Benchmarks of this project and of other engines: ``make bench`` runs them and writes docs/benchmarks.md.

``ours`` measures this project in a process of its own, ``peers`` measures the other engines, and ``document``
writes the page. Every run is pinned to one core. Runs of different engines take turns, so a machine that
slows down affects all of them: compare the ratios.
"""
