"""Order types that a venue lacks, done here: the component in ``emulator``.

``capabilities`` says what is sent in place of an order, ``triggers`` when its condition is true,
``release_times`` when an order on open or close goes out, ``views`` what it would meet now. To emulate
another type, add it to ``SENT_AS`` and, if it has a condition, to ``triggers``.
"""
