"""All commands (``onetape``, ``replay``), the code that they share, and the benchmarks.

May import every package of the project. Only the tests and the entry points import it.

To add a command, write a module in ``ops/commands`` with one click command and list it in ``ops.cli``.
To add a data format or kind, see ``eventstore.importing``.
"""

from onetape_packages import require_ours

require_ours("ops", error=SystemExit)  # its users have a command line: a sentence, and no traceback
