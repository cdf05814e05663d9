"""A synthetic exchange: a seeded market over a WebSocket, to try the daemon without an account.

- ``market``: the market, pure. A seed gives the same messages, but for their times.
- ``faults``: what goes wrong on purpose, by counts of messages, pure.
- ``server``: the WebSocket server. ``sessions``: one client of it.
"""
