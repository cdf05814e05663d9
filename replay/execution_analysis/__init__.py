"""How orders of a run or live log were executed, and models of the simulated venue fitted to that.

``reading`` reads each order (``records``) with the market at its decision and at its fills (``sightings``),
``totals`` sums them, ``calibration`` fits slippage, latency and fee models.
"""
