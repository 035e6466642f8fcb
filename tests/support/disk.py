"""Disks that go wrong, under processes that know nothing of it.

A `Disk` is a small ext4 in a file. Its image has what was synced and nothing else: copied while the processes stand still, and
mounted over the first one, it is the disk as a loss of power would have left it. A kill alone proves nothing of the
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
        self.place, self.images = place, [place + ".0.img"]
        os.makedirs(place, mode=0o700)
        with open(self.images[0], "wb") as image:
            image.truncate(size_mib << 20)
        subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.images[0]], check=True)
        self._mount()
        os.chmod(place, 0o700)
        os.rmdir(os.path.join(place, "lost+found"))
        subprocess.run(["sync", "-f", place], check=True)

    def _mount(self):
        mount("-o", "loop,commit=300", self.images[-1], self.place)

    def cut(self):
        """What is synced now is what there is for those who come after this. Those who have files open keep them, in a file
        system that lies below: nobody ever finds the place without a disk."""
        self.images.append(f"{self.place}.{len(self.images)}.img")
        shutil.copyfile(self.images[-2], self.images[-1])
        self._mount()

    def close(self):
        for image in reversed(self.images):
            subprocess.run(["umount", "-l", self.place], check=False)
            os.unlink(image)


def lose_power(pids, disks):
    """Of these processes, at one moment: they die, and what they had not synced is gone."""
    for pid in pids:
        procs.kill(pid, signal.SIGSTOP) # nothing is written any more
    for disk in disks:
        disk.cut()
    for pid in pids:
        procs.kill_and_wait(pid)


@contextlib.contextmanager
def meddled(pid, *inject):
    """`inject` as strace has it, for example "fdatasync:delay_enter=200ms"; of all threads, also those to come."""
    calls = ",".join(i.split(":")[0] for i in inject)
    command = ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={calls}", "-p", str(pid)]
    for one in inject:
        command += ["-e", f"inject={one}"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)

    def is_traced():
        ended = tracer.poll()
        if ended == 0: # it was, to its end: what is injected may end it sooner than that is seen here
            return True
        assert ended is None, f"strace: {tracer.stderr.read()!r}"
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in status)
    try:
        wait.until(is_traced, 10, f"process {pid} is traced")
        yield tracer
    finally:
        tracer.terminate()
        try:
            tracer.wait(5)
        except subprocess.TimeoutExpired: # it waits for threads that have ended: the kernel lets go of them
            tracer.kill()
            tracer.wait(20)
        tracer.stderr.close()
