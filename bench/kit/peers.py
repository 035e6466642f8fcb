"""Supervisors under one interface: ours, the bare floor, and the peers of Debian.

Each runs the same trivial program (bench/trivial.c), which writes "<ns in main> <ns ready> <pid> <name>"
to the output that its supervisor gave it. A supervisor has `launch(count)`, `kill(index)`, `wait_start`,
`pids()` (of the supervising processes) and `stop()`."""
import os
import shutil
import signal
import time

from bench.kit import world
from tests.support import procs

READY_DEADLINE_S = 20


class Starts:
    """Reads what trivial programs reported into one file, as it grows."""

    def __init__(self, path):
        self.path = path
        self.fd = None
        self.rest = b""
        self.last = {}    # name -> (main_ns, ready_ns, pid), the newest
        self.count = 0

    def read(self):
        if self.fd is None:
            try:
                self.fd = os.open(self.path, os.O_RDONLY)
            except FileNotFoundError:
                return self
        data = self.rest + os.read(self.fd, 1 << 20)
        *lines, self.rest = data.split(b"\n")
        for line in lines:
            word = line.split(None, 3)
            if len(word) == 4 and word[0].isdigit() and word[1].isdigit() and word[2].isdigit():
                self.last[word[3].decode()] = (int(word[0]), int(word[1]), int(word[2]))
                self.count += 1
        return self

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


class Supervisor:
    """What the peers have in common: one output file, names s.0, s.1, …, host pids in the reports."""
    name = ""
    prefix = "s"

    def __init__(self, w, tag=""):
        self.world = w
        self.dir = w.place(f"{self.name}{tag}".replace(" ", "-").replace("=", ""))
        self.out = os.path.join(self.dir, "out")
        self.starts = Starts(self.out)
        self.top = None
        self.begun_ns = 0

    def service(self, index):
        return f"{self.prefix}.{index}"

    def command(self, count):
        """Prepare `count` services; the command that supervises them."""
        raise NotImplementedError

    def launch(self, count):
        """Start everything; returns when all have reported. The time it took is launch_ns()."""
        argv = self.command(count)
        self.begun_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        self.top = self.world.start(argv, self.out, cwd=self.dir)
        world.until(lambda: len(self.starts.read().last) >= count, READY_DEADLINE_S,
                    f"{self.name}: {count} services have started", 0.002)

    def launch_ns(self):
        return max(main_ns for main_ns, _, _ in self.starts.last.values()) - self.begun_ns

    def newest(self, index):
        return self.starts.read().last.get(self.service(index))

    def pid(self, index):
        return self.newest(index)[2]

    def kill(self, index, number=signal.SIGKILL):
        """Kill one; returns (its start as it was, when it was killed)."""
        before = self.newest(index)
        pid = self.pid(index)
        now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        if not procs.kill(pid, number):
            raise world.Unmeasured(f"{self.name}: {self.service(index)} was gone already")
        return before, now_ns

    def wait_start(self, index, before, deadline_s=10):
        """(main_ns, ready_ns, pid) of who came after `before`."""
        def another():
            seen = self.newest(index)
            return seen if seen != before else None
        return world.until(another, deadline_s, f"{self.name}: {self.service(index)} starts again")

    def pids(self):
        """The supervising processes, without what they supervise."""
        mine = {pid for _, _, pid in self.starts.read().last.values()}
        return [p for p in [self.top.pid, *procs.descendants(self.top.pid)] if p not in mine]

    def stop(self):
        """End the supervising processes, then the services: by pid."""
        supervising, services = self.pids(), [self.pid(i) for i in range(len(self.starts.last))]
        for pid in supervising + services + procs.descendants(self.top.pid):
            procs.kill(pid)
        self.top.wait()
        self.starts.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Floor(Supervisor):
    name = "floor"
    prefix = "f"

    def command(self, count):
        return [self.world.binary("floor"), str(count), self.world.binary("trivial")]

    def pids(self):
        return [self.top.pid]


class Directory(Supervisor):
    """A scan directory with a folder per service that holds a `run` program."""

    def command(self, count):
        self.world.tool(self.scanner, self.package)
        scan = os.path.join(self.dir, "scan")
        for i in range(count):
            folder = os.path.join(scan, f"s{i}")
            os.makedirs(folder)
            self.fill(folder, i)
        return self.scan_command(scan)

    def write(self, folder, name, text, mode=0o644):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, mode)

    def fill(self, folder, index):
        """A run script as their manuals write it: a shell that becomes the program."""
        self.write(folder, "run", f"#!/bin/sh\nexec {self.world.binary('trivial')} plain s.{index}\n", 0o755)

    def scan_command(self, scan):
        return [self.world.tool(self.scanner, self.package), scan]


class Runit(Directory):
    name, scanner, package = "runit", "runsvdir", "runit"


class Daemontools(Directory):
    name, scanner, package = "daemontools", "svscan", "daemontools"


class S6(Directory):
    """With readiness: the program writes a newline to descriptor 3. The script is execline, as s6's manual
    writes them (standard error follows standard output, then the program)."""
    name, scanner, package = "s6", "s6-svscan", "s6"

    def script(self):
        return f"#!{self.world.tool('execlineb', 'execline')} -P\nfdmove -c 2 1\n"

    def fill(self, folder, index):
        self.write(folder, "notification-fd", "3\n")
        self.write(folder, "run", f"{self.script()}{self.world.binary('trivial')} notify s.{index}\n", 0o755)


class S6Shell(S6):
    """The same from the fastest script there is."""
    name = "s6-sh"

    def script(self):
        return "#!/bin/sh\nexec "


PEERS = (Runit, S6, S6Shell, Daemontools)
