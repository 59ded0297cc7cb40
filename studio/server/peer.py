"""Whose connection it is: the user of this machine at the other end of a connection on loopback.

A token alone does not keep another user out for good: browsers send a cookie to every port of a host name, so a server
of theirs that one's browser is led to gets it. Linux tells the user of each connection, which nobody can borrow.
"""

import os
import socket
from pathlib import Path

_TABLE = Path("/proc/net/tcp")

Address = tuple[str, int]


def user_of(client: Address, server: Address) -> int | None:
    """The number of the user who holds the client's end of an IPv4 connection; None where nobody does any more.

    A connection that its user has closed counts as nobody's: the table then gives 0 for the user. Raises OSError where
    the system keeps no such table.
    """
    ends = [_written(client), _written(server)]
    for line in _TABLE.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == ends:
            user, inode = int(fields[7]), int(fields[9])
            return user if inode else None
    return None


def users_are_told() -> bool:
    """True where this system tells the users of connections: a connection of one's own is found to be one's own."""
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname()) as client,
        ):
            return user_of(client.getsockname(), server.getsockname()) == os.geteuid()
    except OSError:
        return False


def _written(address: Address) -> str:
    """An address as the table has it: the four bytes as one number of the machine, and the port, in hexadecimal."""
    number = int.from_bytes(socket.inet_aton(address[0]), "little")
    return f"{number:08X}:{address[1]:04X}"
