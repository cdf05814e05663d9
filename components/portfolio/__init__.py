"""Cash and positions of the account, exact.

``position`` and ``lots`` are the arithmetic of costs, ``rates`` that of currencies; ``bookkeeping`` books fills and
cash, ``corrections`` and ``corporate_actions`` what changes them afterwards; ``valuation`` says what it is
worth; ``portfolio`` is the component and the view that others read.

To add a cost method: implement ``position.CostMethod`` and name it in ``config.COST_METHODS``.
"""
