"""Other engines on the same quotes with the same strategy, for `make bench`.

There are two kinds of files. ``environment`` and ``runner`` belong to our program: they create and find the
peers' environments, and run a peer as a process. ``nautilus_v1``, ``nautilus_v2`` and ``backtrader_bars`` are
scripts for an interpreter that has the engine but not our packages. They import ``quotes`` and ``peer_run``
by bare name. These five files use only the standard library and their engine.

The task of every engine:

- Quotes come from ``quotes.quotes(count, seed)``. There are no fees and no slippage model.
- Two exponential averages of the mid price, with alpha = 2 / (period + 1), from the ``slow``-th quote on.
- If the fast average is above the slow one and the target is not long: buy at the market to be long 100.
- If it is below and the target is not short: sell to be short 100.

The target is the strategy's own variable, not the engine's position. So engines that fill at different times
still make the same decisions.

To add a peer: write its script so that it ends in ``peer_run.report`` and list it in ``environment.PEERS``.
"""
