"""One member of a consensus cell, alone and without a supervisor, on a directory that somebody harmed, and killed at each of its
system calls that change files. CELL_TEST_ROUNDS=1000 kills at all of them; the suite at a few."""
import contextlib
import glob
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from support import pb, sp, wait

PUT, GET, SNAPSHOT, OK = 300, 301, 320, 1
ROUNDS = int(os.environ.get("CELL_TEST_ROUNDS", "1"))


class Alone:
    def __init__(self, build, top):
        self.top, self.run, self.state = top, os.path.join(top, "r"), os.path.join(top, "s")
        self.config = os.path.join(top, "config.yaml")
        for path in (self.run, self.state):
            os.makedirs(path, mode=0o700, exist_ok=True)
        with open(self.config, "w", encoding="utf-8") as config:
            config.write("{segment_mib: 4, log_mib: 1, tail: 1}\n")
        self.command = [build.binary("cell-raft"), "--standalone", "--run", self.run, "--state", self.state, "--config", self.config,
                        "--instance", "0"]

    def words(self):
        """What it says when it does not start."""
        ended = subprocess.run(self.command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=20, check=False)
        assert ended.returncode == 1, ended
        return ended.stderr.decode()

    @contextlib.contextmanager
    def started(self, *prefix):
        with open(os.path.join(self.top, "log"), "wb") as log:
            process = subprocess.Popen([*prefix, *self.command], stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)
            wait.until(lambda: self.is_gone(process.pid), 20, "all of it ended")

    @staticmethod
    def is_gone(group):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    def log(self):
        with open(os.path.join(self.top, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def client(self):
        return sp.Client(next(iter(glob.glob(f"{self.run}/**/raft.0.sock", recursive=True))), timeout=5)

    def wait_leads(self, process):
        def leads():
            assert process.poll() is None, self.log()
            return "role=leader" in self.log()
        wait.until(leads, 20, "alone it leads")


@pytest.fixture(scope="module")
def written(build, tmp_path_factory):
    """A directory with some entries in two segments, and another member's."""
    made = []
    for name in ("one", "two"):
        alone = Alone(build, str(tmp_path_factory.mktemp(name)))
        with alone.started() as process:
            alone.wait_leads(process)
            with alone.client() as client:
                for i in range(3):
                    assert client.call(PUT, pb.encode([(1, b"k%d" % i), (2, b"v" * 100)])).status == OK
            wait.until(lambda a=alone: len(glob.glob(a.state + "/wal-*")) > 1, 10, "a segment ahead")
        made.append(alone)
    return made


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def newer(path):
    with open(path, "r+b") as node:
        data = bytearray(node.read())
        data[8:12] = (2).to_bytes(4, "little")
        data[-4:] = crc32c(data[:-4]).to_bytes(4, "little")
        node.seek(0)
        node.write(data)


def swap(directory):
    one, two = sorted(glob.glob(directory + "/wal-*"))[:2]
    os.rename(one, directory + "/x")
    os.rename(two, one)
    os.rename(directory + "/x", two)


HARM = [
    (lambda d, other: os.unlink(d + "/ballot"), "the file of votes is missing"),
    (lambda d, other: os.unlink(d + "/node"), "the file node, which says whose, is missing"),
    (lambda d, other: os.truncate(d + "/node", 20), "the file node, which says whose this is, is damaged"),
    (lambda d, other: newer(d + "/node"), "the directory has version 2, this program knows 1"),
    (lambda d, other: swap(d), "holds another segment: files were swapped or copied"),
    (lambda d, other: shutil.copy(other + "/ballot", d + "/ballot"), "the file of votes is another node's"),
    (lambda d, other: shutil.copy(other + "/wal-0000000000000001", d + "/wal-0000000000000001"), "is of another cluster"),
    (lambda d, other: os.truncate(d + "/wal-0000000000000001", 100000), "has 100000 bytes, not 4194304"),
    (lambda d, other: os.chmod(d + "/wal-0000000000000001", 0o644), "is no file of ours alone"),
    (lambda d, other: os.chmod(d, 0o750), "can be entered by others (mode 750): chmod 700"),
    (lambda d, other: os.chown(d, 65534, 65534), "s: Permission denied"),
]


@pytest.mark.needs_root
def test_a_harmed_directory_is_refused_with_its_word(written, build, tmp_path):
    """Scenarios 57, 59, 67: nothing is guessed, nothing is changed."""
    one, two = written
    for i, (harm, words) in enumerate(HARM):
        alone = Alone(build, str(tmp_path / str(i)))
        os.rmdir(alone.state)
        shutil.copytree(one.state, alone.state)
        os.chmod(alone.state, 0o700)
        harm(alone.state, two.state)
        said = alone.words()
        assert words in said, f"{words}\n{said}"


def test_a_rotten_snapshot_of_one_alone_is_refused(build, tmp_path):
    """Nobody else has what it had: that is said, and nothing is changed."""
    alone = Alone(build, str(tmp_path))

    def find(name):
        return glob.glob(alone.state + "/" + name + "-" + "?" * 16)
    with alone.started() as process:
        alone.wait_leads(process)
        with alone.client() as client:
            for i in range(100):
                assert client.call(PUT, pb.encode([(1, b"k"), (2, b"%d " % i * 50000)])).status == OK
                if find("snapshot") and alone.state + "/wal-0000000000000001" not in find("wal"):
                    break
    snapshot = find("snapshot")[0]
    with open(snapshot, "r+b") as f:
        f.seek(1000)
        f.write(b"rot")
    before = sorted(n for n in os.listdir(alone.state) if not n.endswith(".tmp"))
    for _ in range(2):
        assert "is damaged, and `peers` names nobody who has it as well: restore a backup" in alone.words()
        assert sorted(os.listdir(alone.state)) == before, "but for what was half made"


CALLS = ("pwrite64", "pwritev", "fdatasync", "fsync", "renameat", "openat")


@pytest.mark.needs_tool("strace")
def test_a_kill_at_a_system_call_loses_nothing(build, tmp_path):
    """Scenarios 41, 65: the same script, killed at the Nth call of a kind; the next process has all that was acknowledged."""
    drawn, points = random.Random(1), 0
    for call in CALLS:
        for at in range(1, 1000):
            if ROUNDS == 1 and drawn.random() > (0.1 if at < 6 else 0):
                if at >= 6:
                    break
                continue
            was_killed = kill_at(Alone(build, str(tmp_path / f"{call}{at}")), call, at)
            points += was_killed
            shutil.rmtree(tmp_path / f"{call}{at}")
            if not was_killed:
                break
    print(f"killed at {points} calls")
    assert points > 0


def kill_at(alone, call, at):
    """Whether the script came so far."""
    acknowledged = {}
    tracer = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={at}")
    with alone.started(*tracer) as process:
        try:
            wait.until(lambda: "role=leader" in alone.log() or process.poll() is not None, 20, "it leads, or was killed")
            with alone.client() as client:
                for i in range(12):
                    value = b"%d" % i * 100000
                    if client.call(PUT, pb.encode([(1, b"k%d" % (i % 5)), (2, value)])).status == OK:
                        acknowledged[b"k%d" % (i % 5)] = i
                client.call(SNAPSHOT)
        except (OSError, EOFError, StopIteration, IndexError):
            pass
        end = time.monotonic() + 0.3
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        was_killed = process.poll() is not None
    with alone.started() as process:
        alone.wait_leads(process)
        with alone.client() as client:
            for key, i in acknowledged.items():
                reply = client.call(GET, pb.encode([(1, key)]))
                assert reply.status == OK, reply
                value = pb.first(pb.decode(pb.first(pb.decode(reply.body), 2, b"")), 2, b"")
                digits = value[:len(value) // 100000]
                assert digits.isdigit() and int(digits) >= i, f"{call} {at}: {key} was acknowledged with {i}, is {digits}"
    return was_killed
