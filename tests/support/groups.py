"""Control groups as the host shows them, found without a word of ours."""
import os
import re


def _mounts():
    """[(mount point, set of controllers; {""} for version 2)]"""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        for line in f:
            left, _, right = line.partition(" - ")
            kind, _, options = right.split(maxsplit=2)
            if kind in ("cgroup", "cgroup2"):
                found.append((left.split()[4], {""} if kind == "cgroup2" else set(options.strip().split(","))))
    return found


def of(pid):
    """{controller, or "" for version 2: directory} of a process."""
    places = {}
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as f:
        for line in f:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            for mount, held in _mounts():
                if set(controllers.split(",")) <= held:
                    places.update({c: mount + path.rstrip("/") for c in controllers.split(",")})
    return places


def limit_dir(pid, controller):
    """Directory of the group that limits `controller` for a process, whatever the version; None when its
    group has no such file."""
    places = of(pid)
    file = {"memory": ("memory.limit_in_bytes", "memory.max"), "cpu": ("cpu.cfs_quota_us", "cpu.max")}[controller]
    for directory, name in ((places.get(controller), file[0]), (places.get(""), file[1])):
        if directory and os.path.exists(os.path.join(directory, name)):
            return directory
    return None


def read(directory, *names):
    """First of these files that is there, as text."""
    for name in names:
        path = os.path.join(directory, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                return f.read()
    raise FileNotFoundError(f"none of {names} in {directory}")


def missing(controller):
    """Why this process can make no group with that controller, or None."""
    places = of(os.getpid())
    old = places.get(controller)
    if old and os.access(old, os.W_OK):
        return None
    for directory in (places.get(""), "/sys/fs/cgroup"):
        control = os.path.join(directory or "", "cgroup.controllers")
        if directory and os.path.exists(control) and os.access(directory, os.W_OK):
            with open(control, encoding="utf-8") as f:
                if controller in f.read().split():
                    return None
    return f"needs a writable control group with the {controller} controller"


def left_of(run_dir):
    """Directories of a node that are still there."""
    name = "cell" + run_dir.replace("/", "-")
    found = []
    for mount, _ in _mounts():
        for folder, names, _ in os.walk(mount):
            found += [os.path.join(folder, n) for n in names if re.fullmatch(re.escape(name) + r"(\.nucleus)?", n)]
    return found
