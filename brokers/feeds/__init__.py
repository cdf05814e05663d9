"""Feeds: market data from outside, for the live engine. They import ``kernel`` alone.

- ``port``: what a feed is. ``websocket``, with its ``dialect``, and ``playback`` are feeds.
- ``config``: their settings. ``making``: feeds and pipelines of settings.
- ``pipeline``: a feed with its backups, supervised, from connection to engine.

Parts of the pipeline, which know no clock and no network:

- ``processing``: the way of a message through all parts.
- ``sequence``: gaps, duplicates and the order of messages. ``ignored``: records of those that are ignored.
- ``quality``: prices that cannot be right.
- ``sources``: which source is in use. ``hours``: when data are expected.
- ``bars``: bars from quotes or trades.

To add a venue's feed over a WebSocket, write a ``Dialect``; any other feed is a class as in ``port``. Add its
settings to ``FeedConfig``, and make it in ``make_feed``.
"""
