"""When and at what price an order fills: one small replaceable model for each kind of market data.

``bars`` (the OHLC rule, one price alone), ``paths`` (a way through the bar), ``ticks`` (quotes, trades),
``book`` and ``queue`` (order books), ``volume`` (how much of it). They import ``kernel`` and
``brokers.simulated.resting``. To add one, write a class as in ``port`` and give it a name in
``brokers/simulated/models.py``; state its rule in ``docs/execution.md``.
"""

from brokers.simulated.fills.port import BarFill, FillTiming, Price, QuoteFill, TradeFill, VolumeModel

__all__ = ["BarFill", "FillTiming", "Price", "QuoteFill", "TradeFill", "VolumeModel"]
