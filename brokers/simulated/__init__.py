"""The simulated broker, a component of the core; it imports ``kernel`` alone.

The way of an order, from request to fill:

- ``broker``: the component. It gets requests and market data, and decides what happens.
- ``requests``: requests in flight, with a ``latency`` model.
- ``acceptance``: which orders it accepts.
- ``resting``: an order at the venue. ``state``: the state of the venue.
- ``matching``: which orders a bar, quote or trade reaches. ``book_matching``: the same for order books.
  ``instructions``: post-only, IOC, FOK, on open, on close.
- ``fills``: the models that say at what price.
- ``fill_sharing``: how orders share one event, and the effect of a fill on other orders.
- ``execution``: the fill itself: ``slippage`` (with ``volatility``), tick, ``commission`` (with ``charges``
  and ``fee_schedules``). ``reports``: the other execution reports.

Other modules:

- ``expiry``, ``corporate_actions``: how orders end and change without a fill. ``hours``: trading hours.
- ``back_office``, with the settings of ``financing``: dividends, funding, fees and interest.
- ``config``, ``models``, ``own_models``: settings, and how they choose models.

To add a model, write a frozen struct with the method of its role, list it in ``models`` and state its rule
in ``docs/execution.md``, with rows in the table of scenarios.
"""
