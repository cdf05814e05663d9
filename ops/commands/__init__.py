"""The commands of ``onetape``, one module each, and ``replay``.

They read options and print; other packages do the work.

To add one, write a module with one click command and list it in ``ops.cli``.
"""
