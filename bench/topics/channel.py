"""Calls between two sandboxed cells of a node, through the public interface (cell_ask, protobuf on both sides):
over shared memory, which they find by themselves, against a bouncing cache line and a bare nng echo."""
import contextlib
import os
import signal
import subprocess
import time

from bench.kit import node, rows, world
from bench.topics import shm
from tests.support import pb, sp

STATS = 19900
MEASURE_S = 1.0
IDLE_S = 10.0


class Pair:
    """A greeter and a cell that keeps calling it."""

    def __init__(self, w, callers, pause_ms=0, tag="pair"):
        self.node = node.Node(w, tag)
        config = f"callers: {callers}" + (f" pause_ms: {pause_ms}" if pause_ms else "")
        self.node.up([self.node.cell("greeter", "cell-greeter", serves=["greeter.Greet"], heartbeat=node.NO_BEATS),
                      self.node.cell("load", "cell-load", requires=["greeter"], may_call=["greeter.Greet"],
                                     heartbeat=node.NO_BEATS, config=config)])
        self.pids = {i.cell: i.pid for i in self.node.try_status()}
        self.client = sp.Client(os.path.join(self.node.run, "default", "load.0.sock"), 10)
        world.until(lambda: self.stats()["calls"] > 1000 or pause_ms, 10, "calls are made")

    def pin(self, cpus):
        for cell, cpu in zip(("load", "greeter"), cpus):
            os.sched_setaffinity(self.pids[cell], {cpu} if cpu is not None else set(range(os.cpu_count())))

    @contextlib.contextmanager
    def still(self):
        """Others have the processors."""
        for pid in self.pids.values():
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in self.pids.values():
                os.kill(pid, signal.SIGCONT)

    def be_ordinary(self):
        """In the class of ordinary processes, whatever ours is: among busy ones time is shared finely."""
        for pid in self.pids.values():
            os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))

    def stats(self, begin=False):
        fields = pb.decode(self.client.call(STATS, pb.encode([(1, 1)]) if begin else b"", timeout=10).body)
        return {name: pb.first(fields, number, 0)
                for name, number in (("calls", 1), ("failed", 2), ("p50", 6), ("p99", 7), ("count", 8))}

    def measure(self, seconds=MEASURE_S):
        """p50 and p99 in ns, calls a second."""
        self.stats(begin=True)
        start = time.monotonic()
        time.sleep(seconds)
        s = self.stats()
        return s["p50"], s["p99"], s["count"] / (time.monotonic() - start)

    def cpu_s(self):
        total = 0
        for pid in self.pids.values():
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                total += sum(int(word) for word in f.read().rsplit(")", 1)[1].split()[11:13])
        return total / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.client.close()
        self.node.stop()


def call(w):
    """One caller: the round trip."""
    shm.two_cores()
    pair = Pair(w, 1)
    pair.pin((0, 1))
    ours = {k: rows.Sample(k) for k in ("p50", "p99")}
    floor = {k: rows.Sample("line") for k in ours}
    nng = {k: rows.Sample("nng") for k in ours}
    for _ in range(w.runs):
        with pair.still():
            before = shm.one(w, "line")
        p50, p99, _rate = pair.measure()
        with pair.still():
            line = [(a + b) / 2 for a, b in zip(before, shm.one(w, "line"))]
            peer = shm.one(w, "nng")
        for index, (k, value) in enumerate((("p50", p50), ("p99", p99))):
            ours[k].add([value])
            floor[k].add([line[index]])
            nng[k].add([peer[index]])
    pair.close()
    yield rows.row("channel.call", ours["p50"], "ns", floor["p50"], nng["p50"], goal="<= 4 x floor",
                   met=ours["p50"].median <= 4 * floor["p50"].median,
                   note="p50 of one Greet, cell_ask to its callback, both sandboxed; the peer is a bare nng echo")
    yield rows.row("channel.call.p99", ours["p99"], "ns", floor["p99"], nng["p99"])


def rate(w):
    """Many callers in one cell: calls a second."""
    pair = Pair(w, 64)
    ours = rows.sample("ours", [pair.measure()[2] for _ in range(w.runs)])
    pair.close()
    yield rows.row("channel.rate", ours, "calls/s", note="64 callers in one cell, one callee (more is better)")


def hogs(w):
    """Two hogs beside: the pair must not collapse."""
    shm.two_cores()
    pair = Pair(w, 1)
    pair.be_ordinary()
    alone, beside = rows.Sample("alone"), rows.Sample("beside")
    for _ in range(w.runs):
        alone.add([1e9 / pair.measure()[2]])
        busy = [subprocess.Popen(["chrt", "-o", "0", "sh", "-c", "while :; do :; done"]) for _ in range(2)]
        try:
            beside.add([1e9 / pair.measure()[2]])
        finally:
            for p in busy:
                p.kill()
                p.wait()
    pair.pin((0, 0))
    single = rows.sample("one core", [1e9 / pair.measure()[2] for _ in range(w.runs)])
    with pair.still():
        nng = rows.sample("nng", [shm.one(w, "nng", cpus=(0, 0))[2] for _ in range(w.runs)])
    pair.close()
    yield rows.row("channel.hogs", beside, "ns", alone, note="mean of a call with two busy processes beside; the "
                   "floor is without them")
    yield rows.row("channel.onecore", single, "ns", peer=nng, note="mean of a call, both cells on one processor")


def idle(w):
    """A channel that nobody uses costs nothing."""
    pair = Pair(w, 1, pause_ms=60000)
    before = pair.cpu_s()
    time.sleep(IDLE_S)
    used = rows.sample("ours", [(pair.cpu_s() - before) / IDLE_S * 100])
    pair.close()
    yield rows.row("channel.idle", used, "% of a core", goal="< 0.5 %", met=used.median < 0.5,
                   note="caller and callee together, heartbeats included")


PARTS = {"call": call, "rate": rate, "hogs": hogs, "idle": idle}
