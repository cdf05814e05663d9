"""Order entry at a venue: real orders, for live trading. It imports ``kernel`` alone.

- ``port``: what a venue is. ``exchange``, with its ``exchange_protocol``, is the one of ``onetape exchange``.
- ``config``: settings. ``making``: a venue of settings.
- ``edge``: takes requests from the durable log, and reports what the venue says.
- ``reconciliation``: compares our orders, fills and positions with the venue's, after each connection.
- ``sent``: what the edge knows about the orders that it has sent.

To add a venue: a class as in ``port`` that translates the venue's words, its settings in ``VenueConfig``, its
line in ``make_venue``, and one in ``ops/control/outside.py`` for ``onetape panic``.
"""
