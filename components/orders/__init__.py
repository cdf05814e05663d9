"""Orders of record: every order that was approved, and its state.

- ``orders``: the component.
- ``lifecycle``: the table of transitions.
- ``outbox``: sends orders and requests to the venue, or holds orders first.
- ``reports``: applies a venue's report to one order.
- ``contingency``: arithmetic of parents, children and groups.
- ``groups``: reduces the orders of a group by each other's fills.
- ``corporate_actions``: restates orders.
- ``state``: the state.

To allow another transition, add a row to ``lifecycle``.
"""
