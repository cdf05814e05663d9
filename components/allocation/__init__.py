"""Signals of several strategies made into one plan: the component in ``allocator``, how opinions become a
score in ``aggregation``, what is remembered in ``plan``, settings in ``config``."""
