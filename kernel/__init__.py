"""The microkernel: events, event bus, engine, clock, component contract, configuration, errors.

It imports no other package of ours and knows nothing of brokers, strategies or money. To add an
event see ``kernel/events``; to add a component see ``components``.
"""
