"""The simulated broker, a component of the core; it imports ``kernel`` alone.

``broker`` is the component. An order comes in through ``requests`` (latency) and ``admission`` and becomes
a ``resting`` one; a market event goes through ``offers`` to ``matching`` or ``book_matching``, which ask
the models in ``fills``; ``settlement`` shares out what they answer and ``execution`` makes fills of it,
with ``slippage`` and ``commission``; ``expiry`` and ``corporate_actions`` end and change orders.
``back_office`` pays and charges for what is held. ``models`` lists the models by role and name,
``own_models`` checks what those of the user's own answer.

To add a model, write a frozen struct with the method of its role, list it in ``models`` and state its rule
in ``docs/execution.md``, with rows in the table of scenarios.
"""
