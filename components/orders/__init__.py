"""Orders of record: the component in ``orders``, the lifecycle table in ``lifecycle``.

``outbox`` sends orders and requests, or holds orders first; ``reports`` applies what a venue says to one
order; ``contingency`` says what orders mean for each other, ``groups`` takes fills of one off the others;
``corporate_actions`` restates them. To allow another transition, add a row to ``lifecycle``.
"""
