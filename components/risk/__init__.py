"""Risk: what may be sent, and what is done when too much is lost.

``risk`` is the component that approves and denies, by the rules in ``rules``, which see an order as a
``look``; ``working`` keeps the sums of approved orders, ``openings`` by how much they may make exposure grow.
``breaker`` closes the gate and positions; ``monitor`` watches continuous limits, on the ``figures`` of the
account. Imports ``kernel`` and ``strategies.sdk``.

To add a rule: see ``rules``. To add a continuous limit: give ``LimitKind`` a member, and ``monitor`` what to
compare. ``docs/risk.md`` describes every key.
"""
