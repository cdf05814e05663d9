"""The simulated broker: ``broker`` is the venue, ``fills``, ``slippage`` and ``commission`` its models.

To add a fill, slippage or commission model, write a class or function with the same signature and
pass it to ``SimulatedBroker``; state what it does in ``docs/architecture.md``.
"""
