"""Emulation of order types and times in force that a venue lacks.

- ``emulator``: the component.
- ``capabilities``: the order that is sent in place of an emulated one.
- ``triggers``: when the condition of an emulated order is true.
- ``release_times``: when an order on open or on close is sent, and when an order expires.
- ``views``: positions and prices that the emulator reads.

To emulate another type, add it to ``SENT_AS`` and, if it has a condition, to ``triggers``.
"""
