"""The ``onetape`` command and what it composes: import of market data, looking at streams, verification.

May import every package of the project; nothing imports it but the ``replay`` command, the tests and the
entry point.

To add a command, write a module in ``ops/commands`` with one click command and list it in ``ops.cli``.
To add a data format or kind, see ``eventstore.importing``.
"""
