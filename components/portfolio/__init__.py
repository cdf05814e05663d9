"""Cash and positions of the account, exact.

- ``position``, ``lots``: the arithmetic of costs. ``rates``: the conversion of currencies.
- ``bookkeeping``: books fills and cash. ``corrections``, ``corporate_actions``: change what was booked.
- ``valuation``, ``strategy_figures``: figures at last prices, of the account and of one strategy.
- ``portfolio``: the component, and the view that others read.
- ``day_start``, ``shares``: the day's P&L, and each strategy's part of the account.

To add a cost method: implement ``position.CostMethod`` and name it in ``config.COST_METHODS``.
"""
