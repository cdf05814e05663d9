"""Tests: unit, property, integration and chaos, in folders that mirror the packages.

May import everything. To test an X, add ``tests/<its folder>/test_x.py``; what spans folders goes to
``tests/integration``; what every file must obey goes to ``tests/house``.
"""
