"""The microkernel: events, event bus, engine, clock, component contract, configuration, errors.

It imports none of our other packages and knows nothing of brokers, strategies or money. To add an
event see ``kernel/events``; to add a component see ``components``.
"""
