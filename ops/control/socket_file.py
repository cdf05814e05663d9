"""The Unix socket of a daemon: its file, and who is at the other end."""

import socket
import struct

SOCKET = "control.sock"
"""Its name, in the folder of the store."""
_CREDENTIALS = struct.Struct("3i")


def peer_credentials(connected: socket.socket) -> tuple[int, int, int]:
    """Process, user and group at the other end of a Unix socket; of a server, those that listen."""
    found = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(found)
    return pid, uid, gid
