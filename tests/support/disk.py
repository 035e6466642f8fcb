"""Disks that go wrong, under processes that know nothing of it.

A `Disk` is a small ext4 in a file. Its image has what was synced and nothing else: copied while the processes stand still, and
mounted in the place of the first one, it is the disk as a loss of power would have left it. A kill alone proves nothing of the
kind: the kernel keeps what a dead process wrote. `meddled` changes a process' system calls by strace: they fail, take longer or
are skipped."""
import contextlib
import os
import shutil
import signal
import subprocess

from . import procs, wait


def mount(*arguments):
    made = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, f"mount {arguments}: {made.stderr}"


def missing():
    """Why there can be no such disk here; None: there can."""
    if os.geteuid() != 0:
        return "needs root"
    for name in ("mkfs.ext4", "losetup"):
        if shutil.which(name) is None and not os.path.exists(f"/usr/sbin/{name}"):
            return f"needs the program {name}"
    found = subprocess.run(["losetup", "-f"], capture_output=True, check=False)
    return None if found.returncode == 0 else "needs loop devices"


class Disk:
    """Mounted at `place`, which is made. No journal is committed by time alone: only who syncs is safe."""

    def __init__(self, place, size_mib=48):
        self.place, self.image = place, place + ".img"
        os.makedirs(place, mode=0o700)
        with open(self.image, "wb") as image:
            image.truncate(size_mib << 20)
        subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image], check=True)
        self._mount()
        os.chmod(place, 0o700)
        os.rmdir(os.path.join(place, "lost+found"))
        subprocess.run(["sync", "-f", place], check=True)

    def _mount(self):
        mount("-o", "loop,commit=300", self.image, self.place)

    def photograph(self):
        """Keep what is synced now."""
        shutil.copyfile(self.image, self.image + ".kept")

    def cut(self):
        """It is as it was at the photograph. False: somebody has a file on it open."""
        if subprocess.run(["umount", self.place], capture_output=True, check=False).returncode != 0:
            return False
        os.replace(self.image + ".kept", self.image)
        self._mount()
        return True

    def close(self):
        subprocess.run(["umount", "-l", self.place], check=False)
        os.unlink(self.image)


def lose_power(pids, disks):
    """Of these processes, at one moment: they die, and what they had not synced is gone."""
    for pid in pids:
        procs.kill(pid, signal.SIGSTOP) # nothing is written any more, while the disks are photographed
    for disk in disks:
        disk.photograph()
    for pid in pids:
        procs.kill_and_wait(pid)
    for disk in disks:
        wait.until(disk.cut, 5, "nobody has a file on it open")


@contextlib.contextmanager
def meddled(pid, *inject):
    """`inject` as strace has it, for example "fdatasync:delay_enter=200ms"; of all threads, also those to come."""
    calls = ",".join(i.split(":")[0] for i in inject)
    command = ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={calls}", "-p", str(pid)]
    for one in inject:
        command += ["-e", f"inject={one}"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)

    def is_traced():
        assert tracer.poll() is None, tracer.stderr.read()
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in status)
    try:
        wait.until(is_traced, 10, f"process {pid} is traced")
        yield tracer
    finally:
        tracer.terminate()
        tracer.wait(10)
        tracer.stderr.close()
