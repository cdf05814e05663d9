"""Core components: one module or folder per subscriber of the event bus.

They import ``kernel`` and ``strategies.sdk``, never each other: what one must know of another comes
as an event, or through a read-only view that ``components.assembly`` passes in. To add a component, write
a class with ``name``, ``state``, ``failure_policy`` and ``subscriptions`` (``kernel.component``), and
register it in ``components/assembly/core.py``.
"""

from onetape_packages import require_ours

require_ours("components")
