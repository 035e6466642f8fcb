"""Hold the network namespaces of one cluster: warden.py DIRECTORY (see cluster.py).

Namespaces have no names: they live as long as this process holds their descriptors or somebody runs in them, so
the machine's own list of namespaces and interfaces stays as it was. One request a line on standard input, one
answer a line:

    new          another namespace, its lo up: the path that nsenter takes
    raw INDEX IF no checksums or segments left to hardware that is not there: what is forwarded by hand
                 (wire.py) must be whole

At the end of standard input, which is also how a test that was killed ends, everything of the cluster that still
runs is ended and DIRECTORY removed."""
import array
import ctypes
import fcntl
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from support import remains # noqa: E402

CLONE_NEWNET = 0x40000000
SIOCETHTOOL = 0x8946
ETHTOOL_STXCSUM = 0x17 # segmentation falls with it
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
PR_SET_NAME = 15

libc = ctypes.CDLL(None, use_errno=True)


def must(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def new_namespace():
    must(libc.unshare(CLONE_NEWNET))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH", b"lo", IFF_UP).ljust(40, b"\0"))
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def no_offload(namespace, interface):
    must(libc.setns(namespace, CLONE_NEWNET))
    value = array.array("I", [ETHTOOL_STXCSUM, 0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sP", interface.encode(), value.buffer_info()[0]).ljust(40, b"\0")
        fcntl.ioctl(s, SIOCETHTOOL, request)


def answer(held, words):
    if words[0] == "new":
        held.append(new_namespace())
        return f"{len(held) - 1} /proc/{os.getpid()}/fd/{held[-1]}"
    no_offload(held[int(words[1])], words[2])
    return "ok"


def main():
    directory, held = sys.argv[1], []
    must(libc.prctl(PR_SET_NAME, b"test-warden", 0, 0, 0))
    for line in sys.stdin:
        try:
            print(answer(held, line.split()), flush=True)
        except OSError as fault:
            print(f"error {fault}", flush=True)
    remains.remove(directory)


if __name__ == "__main__":
    main()
