"""Where a core is put together. It knows every component and no broker: the venue is handed in.

- ``settings``: what backtest, paper and live configure alike. ``instruments``, ``moments``, ``yaml_text``,
  ``named_symbols``: parts of it.
- ``user_models``: risk rules and models from a user's modules. ``calendars``: trading hours from a library.
- ``setup``: what a core is made of, resolved. ``core``: components constructed and registered. ``venue``:
  what a venue must offer.
- ``opening``: the inputs that every log begins with.

It imports its siblings, ``kernel`` and ``strategies.sdk``; ``replay`` and ``ops`` import it. To add a
component, construct and register it in ``core``; to add a setting, put it beside its component and list it in
``settings``.
"""
