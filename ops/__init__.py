"""Every command (``onetape``, ``replay``), what they share, and the benchmarks.

May import every package of the project; nothing imports it but the tests and the entry points.

To add a command, write a module in ``ops/commands`` with one click command and list it in ``ops.cli``.
To add a data format or kind, see ``eventstore.importing``.
"""
