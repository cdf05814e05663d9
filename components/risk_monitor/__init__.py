"""The risk monitor: watches the account between orders, and says so when a continuous limit is breached.

``monitor`` is the component; ``breaches`` decides when a limit acts and watches again. ``figures`` are the
account's equity, exposure and losses at the last prices, which risk reads too; ``losses`` says what a loss is
measured from, ``volatility`` is its arithmetic, ``state`` all that is remembered. Imports ``kernel`` and
``strategies.sdk``.

What follows from a breach is the part of ``components/risk``, which hears the event.

To add a continuous limit: see ``strategies.sdk.limits``, then compare its figure in ``monitor``.
"""
