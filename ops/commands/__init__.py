"""The commands of ``onetape``, one module each, and ``replay``; they print, and leave the work to others.

To add one, write a module with one click command and list it in ``ops.cli``.
"""
