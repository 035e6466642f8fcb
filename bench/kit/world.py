"""What a measurement runs in: a directory of its own, and nothing left of it afterwards."""
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time

from tests.support import procs

PR_SET_CHILD_SUBREAPER = 36
NO_DISKS = ("tmpfs", "ramfs", "devtmpfs") # a sync there costs nothing and means nothing


class Unmeasured(Exception):
    """A part could not be measured; says why."""


def until(predicate, deadline_s, why, poll_s=0.0005):
    """Call `predicate` until it gives something true; that is returned."""
    end = time.monotonic() + deadline_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise Unmeasured(f"not within {deadline_s} s: {why}")
        time.sleep(poll_s)


def quiet(seconds):
    """Let supervisors settle between two measurements: a pause is part of the experiment here."""
    time.sleep(seconds)


class World:
    def __init__(self, build, runs, parameters):
        self.build = build
        self.runs = runs
        self.parameters = parameters
        # As /run is on a usual host: in memory. On a disk's file system the time goes into making inodes.
        memory = "/dev/shm"
        self.directory = tempfile.mkdtemp(prefix="cb", dir=memory if os.access(memory, os.W_OK) else "/tmp")
        os.chmod(self.directory, 0o711) # cells of another user pass through it
        self.disk_directory = None
        self.children = []
        # Orphans of what we start come to us, so that none outlives the measurement.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_processes()
        for mount in self._mounts():
            subprocess.run(["umount", "-l", mount], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.disk_directory is not None:
            shutil.rmtree(self.disk_directory, ignore_errors=True)

    def _mounts(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            points = [line.split()[4] for line in f]
        return [p for p in reversed(points) if p.startswith(self.directory + "/")]

    def binary(self, name):
        for path in (os.path.join(self.build, name), os.path.join(self.build, "bench", name)):
            if os.access(path, os.X_OK):
                return path
        raise Unmeasured(f"{name} is not built in {self.build}")

    @staticmethod
    def tool(name, package):
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin")
        if found is None:
            raise Unmeasured(f"peer {name} is not installed (Debian package {package})")
        return found

    @staticmethod
    def external(name):
        """A program that a person has built (bench/README.md)."""
        found = shutil.which(name, path=os.environ.get("BENCH_EXTERNAL", ""))
        if found is None:
            raise Unmeasured(f"{name} is in no directory of BENCH_EXTERNAL (bench/README.md)")
        return found

    def place(self, name):
        path = os.path.join(self.directory, name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o711)
        return path

    def disk(self, name):
        """A directory on a file system that is on a disk: for what is to be durable."""
        if self.disk_directory is None:
            below = os.path.realpath(os.environ.get("BENCH_DISK", "/var/tmp"))
            kind = file_system(below)
            if kind in NO_DISKS:
                raise Unmeasured(f"{below} is a {kind}: nothing is durable there, so nothing of it is a result (BENCH_DISK=DIR)")
            self.disk_directory = tempfile.mkdtemp(prefix="cb", dir=below)
            os.chmod(self.disk_directory, 0o711)
        path = os.path.join(self.disk_directory, name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o711)
        return path

    def start(self, argv, out=None, cwd=None, env=None):
        """A process of ours in a session of its own, as a detached supervisor is (the kernel shares the CPU
        out by session); stdout and stderr to the file `out` (appended)."""
        with open(out or os.devnull, "ab") as f:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=f, cwd=cwd,
                                     env=env, start_new_session=True)
        self.children.append(child)
        return child

    def end_processes(self):
        """End everything below us, supervisors first so that they start nothing anew."""
        for _ in range(200):
            alive = procs.descendants(os.getpid())
            if not alive:
                break
            for pid in alive: # parents have the lower pids, mostly: they go first
                procs.kill(pid, signal.SIGKILL)
            self._reap()
        for child in self.children:
            child.poll()
        self.children = []
        self._reap()

    @staticmethod
    def _reap():
        try:
            while os.waitpid(-1, os.WNOHANG)[0] > 0:
                pass
        except ChildProcessError:
            pass


def file_system(path):
    """The kind of file system a directory is on, by the mount that reaches furthest towards it."""
    best, kind = "", ""
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        for line in f:
            fields = line.split()
            point = fields[4]
            if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
                best, kind = point, fields[fields.index("-") + 1]
    return kind


def rss_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS:"))


def disk_bytes(path):
    """What a directory takes on its disk."""
    total = 0
    for place, _, names in os.walk(path):
        for name in names:
            total += os.stat(os.path.join(place, name)).st_blocks * 512
    return total


def pss_kb(pids):
    """Proportional memory of processes, in kB."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    return total


def cpu_ns(pids):
    """CPU time of all threads so far."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
    return total
