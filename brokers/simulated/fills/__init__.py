"""Fill models. They decide whether, and at what price, market data fill an order.

- ``port``: the interface of models.
- ``bars``: the OHLC rule, and models that see one price of a bar. ``paths``: an assumed path through a bar.
- ``ticks``: quotes and trades.
- ``book``: order books. ``queue``: the place of a resting limit order in the queue at its price.
- ``volume``: how much of an event's volume our orders can take.
- ``triggers``: stops, trailing stops and limits against one price, shared by all models.

They import ``kernel`` and ``brokers.simulated.resting``. To add a model, write a class as in ``port``, give
it a name in ``brokers/simulated/models.py`` and state its rule in ``docs/execution.md``.
"""

from brokers.simulated.fills.port import BarFill, FillTiming, Price, QuoteFill, TradeFill
from brokers.simulated.fills.volume import VolumeModel

__all__ = ["BarFill", "FillTiming", "Price", "QuoteFill", "TradeFill", "VolumeModel"]
