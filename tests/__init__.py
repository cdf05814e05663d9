"""Tests: unit, property, integration and chaos, in folders that mirror the packages.

May import everything. To test an X, add ``tests/<its folder>/test_x.py``; what spans
components goes to ``tests/core``; what every file must obey goes to ``tests/house``.
"""
