"""Strategies: the SDK in ``sdk``, and one module per example strategy.

A strategy may import ``strategies.sdk`` only, so that it runs unchanged in every mode. To add one,
copy ``ma_cross.py``, change it, and name it on the command line or in ``onetape.yaml``.
"""

from onetape_packages import require_ours

require_ours("strategies")
