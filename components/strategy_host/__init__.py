"""Runs strategies inside the core.

- ``host``: the component.
- ``context``: a strategy's view of the other components.
- ``translation``: turns its decisions into events.
"""
