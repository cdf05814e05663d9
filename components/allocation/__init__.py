"""Allocation: one plan for a symbol from the signals of several strategies.

- ``allocator``: the component.
- ``aggregation``: how the signals of several strategies become one score.
- ``targets``: the position that a score asks for.
- ``plan``: the state: the strategies' last signals (``Opinion``), and plans.
- ``corporate_actions``: how plans follow a split or a new symbol.
- ``config``: settings.
"""
