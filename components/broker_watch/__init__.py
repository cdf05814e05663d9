"""Watches the venue of live trading, for risk: who may trade there, and whether it can be trusted.

- ``config``: the limits of errors. ``watch``: the component. It is there in live trading alone.
"""
