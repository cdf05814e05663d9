"""Risk: the gate that every order passes, and what closes it.

- ``risk``: the component that approves and denies orders.
- ``rules``: the rules that it asks. ``own_rules``: rules of a user.
- ``order_check``: an order as the rules see it, with its ``context``. ``views``: the parts of other
  components that checks read.
- ``working_orders``: sums over approved orders. ``exposure``: the exposure that they would add.
- ``flow``: the times of the latest approved orders.
- ``breaker``: restricts trading and closes positions. ``exits``: the orders that close them.
- ``state``: the state.

It imports ``kernel`` and ``strategies.sdk``. ``components/risk_monitor`` watches continuous limits. The gate
reads the monitor's figures through a view, and acts on its ``RiskLimitBreached``.

To add a rule: see ``rules``.
"""
