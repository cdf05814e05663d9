"""Execution algorithms: large orders that are worked in parts.

- ``algorithms``: the component.
- ``schedule``: the quantity that is due, and the times of steps.
- ``progress``: the next part of an order, and its end.
- ``work``: the state of worked orders.
- ``volume_profile``: volume by time of day. ``learned_volume``: the component that adds it up.
- ``config``: settings.
"""
