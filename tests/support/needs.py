"""What a test needs of the machine. A missing need is a skip with its name, never a pass."""
import ctypes
import os
import shutil
import subprocess

from . import build, disk, etcd, groups


def root():
    return None if os.geteuid() == 0 else "needs root"


def unprivileged_user():
    """root that can become another user."""
    return None if os.geteuid() == 0 else "needs root to become another user"


def user_namespaces():
    made = subprocess.run(["unshare", "--user", "--map-root-user", "true"], capture_output=True, check=False)
    return None if made.returncode == 0 else "needs user namespaces: " + made.stderr.decode().strip()


def network_namespaces():
    made = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "ip", "link", "set", "lo", "up"],
                          capture_output=True, check=False)
    return None if made.returncode == 0 else "needs network namespaces: " + made.stderr.decode().strip()


def landlock():
    abi = ctypes.CDLL(None).syscall(444, None, 0, 1) # landlock_create_ruleset, its version query
    return None if abi > 0 else "needs a kernel with landlock"


def tool(name):
    return None if shutil.which(name) else f"needs the program {name}"


def group(controller):
    return groups.missing(controller)


def own_build():
    """meson and ninja write into the directory also where nothing is left to be built."""
    directory = build.find().directory
    return None if os.access(directory, os.W_OK) else f"needs a build directory that it may write, not {directory}"


def cores(count):
    here = len(os.sched_getaffinity(0))
    return None if here >= count else f"needs {count} processors, has {here}"


MARKS = {
    "needs_root": ("runs as root", root),
    "needs_other_user": ("can become another user", unprivileged_user),
    "needs_userns": ("user namespaces", user_namespaces),
    "needs_netns": ("network namespaces", network_namespaces),
    "needs_landlock": ("landlock", landlock),
    "needs_disks": ("file systems of its own", disk.missing),
    "needs_tool": ("needs_tool(name): a program", tool),
    "needs_group": ("needs_group(controller): a control group that can be made", group),
    "needs_etcd": ("Debian's etcd-server", etcd.missing),
    "needs_own_build": ("a build directory of one's own", own_build),
    "needs_cores": ("needs_cores(count): processors", cores),
}
