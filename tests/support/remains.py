"""What a cluster leaves when its test was killed, found by its directory and removed.

A cluster's directory says whose it is. Every process that a command left behind is below a keeper, a subreaper
whose environment names a directory inside (node.py); so from the directory alone all of it is found, also cells
in namespaces of their own. Namespaces and interfaces have no names and end with the last process inside."""
import os
import shutil
import subprocess

from . import procs

TOP = "/tmp"
PREFIX = "ct-cluster-"
OWNER = "owner"
MARKS = (b"CELL_RUN=", b"CELL_TEST_CLUSTER=")
ROUNDS = 20 # a supervisor may start another process between look and kill


def boot_id():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        return f.read().strip()


def claim(directory):
    """Say that this process owns `directory`: pid, start time and boot, so that no later process is taken for it."""
    with open(os.path.join(directory, OWNER), "w", encoding="ascii") as f:
        f.write(f"{os.getpid()} {procs.stat(os.getpid())[2]} {boot_id()}\n")


def owner_lives(directory):
    """None: it does not say whose it is (another program's, or being made just now)."""
    try:
        with open(os.path.join(directory, OWNER), encoding="ascii") as f:
            pid, started, boot = f.read().split()
    except (OSError, ValueError):
        return None
    seen = procs.stat(int(pid))
    return boot == boot_id() and seen is not None and seen[1] not in "ZX" and seen[2] == int(started)


def holders(directory):
    """Processes whose environment says that they belong to `directory`."""
    words = [mark + directory.encode() + end for mark in MARKS for end in (b"/", b"\0")]
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as f:
                environment = b"\0" + f.read() + b"\0"
        except OSError:
            continue
        if any(b"\0" + w in environment for w in words):
            found.append(int(name))
    return found


def processes(directory):
    """Everything of the cluster that runs: those, and whatever descends from them."""
    first = holders(directory)
    return sorted({*first, *procs.descendants(*first)} - {os.getpid()})


def end_processes(directory):
    for _ in range(ROUNDS):
        first = holders(directory)
        below = procs.descendants(*first)
        # Descendants before their keepers: with its keeper gone an orphan would be nobody's.
        for pid in below or first:
            if pid != os.getpid():
                procs.kill_and_wait(pid)
        if not below and not first:
            return


def remove(directory):
    """End what runs of the cluster and remove its directory."""
    end_processes(directory)
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        mounts = [line.split()[4] for line in f if (line.split()[4] + "/").startswith(directory + "/")]
    for mount in reversed(mounts):
        subprocess.run(["umount", "-l", mount], check=False)
    shutil.rmtree(directory, ignore_errors=True)


def sweep():
    """Remove what clusters of ended test runs left. Returns their directories."""
    found = []
    for name in sorted(os.listdir(TOP)):
        directory = os.path.join(TOP, name)
        if name.startswith(PREFIX) and os.path.isdir(directory) and owner_lives(directory) is False:
            remove(directory)
            found.append(directory)
    return found
