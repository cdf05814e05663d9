"""Brokers: the simulated one, and one folder per venue with the same file names inside.

They import ``kernel`` alone. A broker acts on ``OrderSubmitted``, ``CancelSubmitted`` and
``ReplaceSubmitted``, which exist only after risk's approval, and answers with ``ExecutionReport``.
"""

from onetape_packages import require_ours

require_ours("brokers")
