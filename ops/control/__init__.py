"""The control API of a running daemon: HTTP on a Unix socket, by choice also on loopback TCP.

- ``server``: the sockets. ``access``: who may ask, by ``tokens`` and ``roles``. ``problems``: errors as JSON.
- ``routes``: the table of all requests, and the routes and the OpenAPI document (``openapi``) made from it.
- ``views``, ``log_views``, ``prometheus``, ``stream``: what is shown; computed when somebody asks.
- ``requests``, ``commands``: what is done. Each command is an input of the log, with who and why; its answer
  comes when it is durable (``receipts``).
- ``panic``: the marker of ``onetape panic``.
- ``client``: asks a daemon; the commands of ``onetape`` use it.

May import ``replay`` and all below. To add a request: a struct for its body in ``requests``, a method that
answers it, and its line in ``routes``.
"""
