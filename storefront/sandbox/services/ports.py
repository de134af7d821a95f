"""Loopback ports for servers that nobody has to find by a fixed number."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Collection

LOOPBACK = "127.0.0.1"

# Below the ports the system hands to outgoing connections (32768 on Linux, 49152 elsewhere): a
# server that is restarted finds its port still free even when clients have come and gone.
FIRST_PORT = 20_000
LAST_PORT = 32_000


def is_port_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections of the last run that linger in TIME_WAIT must not count as "taken".
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose_port(preferred: int | None = None, *, but: Collection[int] = ()) -> int:
    """A free loopback port; the preferred one when it is still free. Never one of `but`: ports
    that are promised to servers which do not listen yet.

    Raises OSError when none can be found.
    """
    if preferred and preferred not in but and is_port_free(preferred):
        return preferred
    for _ in range(200):
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT)
        if port not in but and is_port_free(port):
            return port
    raise OSError("no free port on 127.0.0.1")


def hold_port(port: int, *, seconds: float = 5.0) -> int:
    """The same port again, for a server that others know by this address; waits for what is left
    of the killed one to let it go. Raises OSError when it stays taken."""
    deadline = time.monotonic() + seconds
    while not is_port_free(port):
        if time.monotonic() >= deadline:
            raise OSError(f"port {port} on {LOOPBACK} is taken by another program")
        time.sleep(0.05)
    return port


def answers(port: int, *, timeout: float = 0.2) -> bool:
    """Whether somebody accepts connections on this loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout):
            return True
    except OSError:
        return False
