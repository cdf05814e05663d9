"""Runs strategies inside the core: the component in ``host``, what a strategy sees in ``context``,
what becomes of its decisions in ``translation``."""
