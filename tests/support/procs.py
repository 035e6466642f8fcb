"""Processes as /proc shows them: descendants, names, signals that cannot hit a stranger."""
import os
import select
import signal


def stat(pid):
    """(parent pid, state letter, start time) or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            rest = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return int(rest[1]), rest[0], int(rest[19])


def descendants(*root_pids):
    """Living (not zombie) processes below any of root_pids, those not included. One look at /proc."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (seen := stat(int(name))):
            children.setdefault(seen[0], []).append((int(name), seen[1]))
    found, todo = [], list(root_pids)
    while todo:
        for pid, state in children.get(todo.pop(), ()):
            todo.append(pid)
            if state not in "ZX":
                found.append(pid)
    return sorted(found)


def name(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            command = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as f:
            return command or f.read().strip()
    except OSError:
        return "gone"


def is_alive(pid):
    seen = stat(pid)
    return seen is not None and seen[1] not in "ZX"


def kill(pid, number=signal.SIGKILL):
    """Signal through a pidfd; False when the process is gone already."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        signal.pidfd_send_signal(fd, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


def kill_and_wait(pid, timeout=10.0):
    """SIGKILL and wait until the kernel says it is dead."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        if not select.select([fd], [], [], timeout)[0]:
            raise TimeoutError(f"pid {pid} ({name(pid)}) does not die")
    except ProcessLookupError:
        pass
    finally:
        os.close(fd)
