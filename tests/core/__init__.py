"""Invariants of the whole core: what holds in every world, whatever happens in it.

A world (``worlds``) is made from a seed: market data of every kind with holes in them, strategies that ask
for everything (``decisions``) and one that talks nonsense (``nonsense``), and a configuration. It is played
through the core as replays assemble it (``tape``); each module of tests holds what must be true of the
tapes. A world that breaks a promise is named by its seed: ``python -m tests.core.smallest SEED TEST`` finds
the few inputs and decisions of it that still do, and the case becomes a test of its own beside the part that
was wrong.
"""
