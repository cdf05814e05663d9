"""The daemon behind ``onetape run``: one process, one log, one engine, and the edges around it.

- ``daemon``: starts the parts, and stops them in stages.
- ``snapshots``: takes snapshots of the core, and finds the one that a recovery begins with.
- ``upkeep``: what a daemon does by the clock: snapshots, trading hours, disk space.
- ``status``: the figures of a running daemon, which the control API (``ops.control``) shows.
- ``allocator``: keeps the buffers of snapshots out of the heap.
- ``signals``: SIGTERM and Ctrl-C.
- ``service``: messages to systemd.

May import everything. To add an edge, start it in ``daemon`` under ``Supervised``, and show its state in
``status``.
"""
