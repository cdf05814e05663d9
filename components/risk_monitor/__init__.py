"""The risk monitor and the margin watch: they watch the account between orders, and report breaches.

- ``monitor``: the component of continuous limits. ``margin_watch``: that of margin calls.
- ``price_following``: how both follow prices.
- ``breaches``: when a limit acts, and when it is re-armed.
- ``figures``: equity, exposure and losses at the last prices. Risk reads them too.
- ``losses``: the equity from which a loss is measured.
- ``volatility``: realised volatility.
- ``state``: the state. ``views``: the parts of other components that it reads.

It imports ``kernel`` and ``strategies.sdk``. ``components/risk`` acts on the breaches.

To add a continuous limit: see ``strategies.sdk.limits``, then compare its figure in ``monitor``.
"""
