"""Measurements, side by side with other engines: ``make bench`` runs them and writes docs/benchmarks.md.

``ours`` measures this project in a process of its own, ``peers`` the other engines, ``document`` writes
the page. Every run is pinned to one core; runs of different engines take turns, so that a machine that
slows down slows them all, and ratios are what to compare.
"""
