"""TCP ports on the loopback address."""

import socket
import time

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Returns a port that was free a moment ago; whoever binds it must be ready to try another."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Tells whether a server could bind ``port`` now."""
    with socket.socket() as probe:
        # As servers do: connections of the last owner that still linger are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def prefer(port: int | None, patience: float = 0.0) -> int:
    """Returns ``port`` if it is free, so that clients find a restarted engine where it was; else another.

    Args:
        port: the port of the last run, None if there was none.
        patience: seconds to wait for it: a killed process is gone a moment before its sockets are.
    """
    deadline = time.monotonic() + patience
    while port:
        if is_free(port):
            return port
        if time.monotonic() >= deadline:
            break
        time.sleep(0.02)
    return free_port()
