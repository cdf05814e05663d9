"""Puts a core together. It knows every component but no broker: the venue is an argument.

- ``settings``: the configuration shared by backtest, paper and live. ``instruments``, ``moments``,
  ``yaml_text``, ``named_symbols``: parts of it.
- ``user_models``: risk rules and models from a user's modules.
- ``calendars``: trading hours from a library.
- ``setup``: settings, loaded code and symbols of one core.
- ``core``: constructs and registers the components.
- ``venue``: the interface of a venue inside the core.
- ``opening``: the first inputs of every log.

It imports its siblings, ``kernel`` and ``strategies.sdk``; ``replay`` and ``ops`` import it. To add a
component, construct and register it in ``core``; to add a setting, put it beside its component and list it in
``settings``.
"""
