"""Other engines on the same quotes with the same strategy, for `make bench`.

Two kinds of files live here. ``environment`` and ``runner`` are ours: they make and find the peers'
environments and run a peer as a process. ``nautilus_v1``, ``nautilus_v2`` and ``backtrader_bars`` are scripts
for an interpreter that has the engine but none of our packages, as are ``quotes`` and ``peer_run`` which they
import by bare name; these five use the standard library and their engine alone.

The task every engine is given: quotes from ``quotes.quotes(count, seed)``; two exponential averages of the
mid price with alpha = 2 / (period + 1); from the ``slow``-th quote on, when the fast average is above the
slow one and the target is not long, buy at the market to be long 100; when it is below and the target is
not short, sell to be short 100. The target is the strategy's own variable, not the engine's position, so
that engines which fill at different moments still decide alike. No fees, no slippage model.

To add a peer: write its script so that it ends in ``peer_run.report`` and list it in ``environment.PEERS``.
"""
