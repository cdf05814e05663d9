"""Risk: the gate that every order passes, and what closes it.

``risk`` is the component that approves and denies orders. It asks the ``rules``, which see an order as an
``OrderCheck`` with its ``context``. ``working_orders`` keeps the sums of approved orders, ``exposure`` those
that limits on exposure need, ``flow`` the times of the last ones. ``breaker`` narrows trading (``latches``)
and closes positions (``exits``); ``state`` is all that is remembered. Imports ``kernel`` and
``strategies.sdk``.

Continuous limits are watched by ``components/risk_monitor``; the two know each other by a view and an event.

To add a rule: see ``rules``.
"""
