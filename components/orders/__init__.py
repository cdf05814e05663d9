"""Orders of record: the component in ``orders``, the lifecycle table in ``lifecycle``.

``reports`` applies what a venue says to one order; ``contingency`` says what orders mean for each other;
``corporate_actions`` restates them. To allow another transition, add a row to ``lifecycle``.
"""
