"""Allocation: one plan for a symbol from the signals of several strategies.

- ``allocator``: the component.
- ``aggregation``: how opinions become a score.
- ``plan``: the state, opinions and plans.
- ``corporate_actions``: how plans follow a split or a new symbol.
- ``config``: settings.
"""
