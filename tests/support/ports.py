"""Ports of the loopback that stay free until a test's program binds them."""
import os
import re
import socket

FIRST, LAST = 20000, 30000 # below those that the kernel gives to connections, which may take any port at any moment
WORKERS = 10               # that run tests together: each has ports of its own


def is_free(port):
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("0.0.0.0", port))
    except OSError:
        return False
    return True


def worker():
    number = re.search(r"\d+$", os.environ.get("PYTEST_XDIST_WORKER", ""))
    return int(number.group()) % WORKERS if number else os.getpid() % WORKERS


def in_turn():
    share = (LAST - FIRST) // WORKERS
    at = os.getpid() % share
    while True:
        at = (at + 1) % share
        yield FIRST + worker() * share + at


PORTS = in_turn()


def free_port():
    """For TCP and UDP, and not the same one soon again."""
    return next(port for port in PORTS if is_free(port))
