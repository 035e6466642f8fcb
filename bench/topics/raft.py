"""Consensus: three cell-raft on one node against three etcd, both on the same disk of this host, by turns, and the bare
fdatasync of that disk. The client of each side shares the processors with the servers: its share is told apart."""
import json
import os
import signal
import socket
import statistics
import subprocess
import time

from bench.kit import node, probe, rows, world
from tests.support import pb, procs, sp

STATUS = 314
MEMBERS = 3
VALUE = 256
FLOOR_FILE = 16 << 20
SECONDS = 4
CONNECTIONS = 16
UP_S = 30
US = 1e6


def json_of(argv, timeout=120):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=timeout)
    if done.returncode != 0:
        raise world.Unmeasured(f"{os.path.basename(argv[0])}: {done.stderr.strip()[-300:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    if found["failed"] > 0:
        raise world.Unmeasured(f"{os.path.basename(argv[0])}: {found['failed']} of {found['total']} failed: {done.stderr[-200:]}")
    return found


class Ours(node.Node):
    """Instances of the cell under a supervisor, each with a directory on the disk."""
    name = "raft"

    def __init__(self, w, tag="", members=MEMBERS, config=None, back_s=0.05):
        super().__init__(w, tag)
        self.members = members
        self.state = w.disk(f"ours{tag}")
        self.config = {"peers": [f"raft.{i}" for i in range(members)], **(config or {})} if members > 1 else config or {}
        self.back_s = back_s

    def begin_all(self):
        wait = f"{int(self.back_s * 1000)}ms"
        self.up([self.cell("raft", "cell-raft", instances=self.members, serves=["raft.*"], may_call=["raft.*"],
                           sandbox={"write": ["state"]}, config=self.config, heartbeat=node.NO_BEATS,
                           limits={"memory": "2G", "message": "4M", "calls_waiting": 4096},
                           restart={"first": wait, "max": wait, "give_up": "16 in 10s", "stable": "1ms"})])
        self.wait_leader()

    def pid(self, index):
        return next(r.pid for r in self.status() if r.cell == "raft" and r.index == index)

    def member_pids(self):
        return [self.pid(i) for i in range(self.members)]

    def path(self, index):
        return os.path.join(self.run, "default", f"raft.{index}.sock")

    def call(self, index, operation, body=b"", timeout=2.0):
        """The reply, or None where nobody answers."""
        try:
            with sp.Client(self.path(index), timeout) as client:
                return client.call(operation, body, timeout=timeout)
        except (OSError, EOFError, AssertionError):
            return None

    def said(self, index):
        reply = self.call(index, STATUS)
        return pb.decode(reply.body) if reply is not None and reply.status == sp.OK else {}

    def leader(self):
        return next((i for i in range(self.members) if pb.first(self.said(i), 4, b"") == b"leader"), None)

    def term(self, index=0):
        return pb.first(self.said(index), 5)

    def wait_leader(self):
        return world.until(lambda: None if self.leader() is None else (self.leader(),), UP_S, "somebody leads", 0.02)[0]

    def applied(self, index):
        return pb.first(self.said(index), 9, 0)

    def wait_level(self, deadline_s=UP_S):
        world.until(lambda: len({self.applied(i) for i in range(self.members)}) == 1 and self.applied(0) > 0, deadline_s,
                    "all members are level", 0.005)

    def load(self, kind, clients, much):
        return json_of([self.world.binary("raft_load"), self.path(self.wait_leader()), kind, str(clients),
                        str(min(clients, CONNECTIONS)), str(much), str(VALUE)])

    def prober(self, index):
        return probe.Ours(self.path(index), lambda contact: self.path(int(contact.rsplit(".", 1)[1])))

    def start_again(self, index, old):
        """The supervisor does; the new pid."""
        def another():
            pid = self.pid(index)
            return pid if pid not in (0, old) else None
        return world.until(another, UP_S, f"raft.{index} is restarted", 0.002)


class Etcd:
    """Processes of Debian's etcd with its defaults, over the loopback."""
    name = "etcd"

    def __init__(self, w, tag="", members=MEMBERS, **_):
        self.world, self.members = w, members
        self.binary = w.tool("etcd", "etcd-server")
        self.client = w.external("etcd_load")
        self.dir = w.disk(f"etcd{tag}")
        self.ports = [free_ports(2) for _ in range(members)]
        self.process = [None] * members

    def begin_all(self):
        for i in range(self.members):
            self.start(i)
        self.wait_leader()

    def start(self, index):
        everybody = ",".join(f"m{i}=http://127.0.0.1:{p[1]}" for i, p in enumerate(self.ports))
        mine = [f"http://127.0.0.1:{p}" for p in self.ports[index]]
        self.process[index] = self.world.start(
            [self.binary, "--name", f"m{index}", "--data-dir", self.path(index), "--listen-client-urls", mine[0],
             "--advertise-client-urls", mine[0], "--listen-peer-urls", mine[1], "--initial-advertise-peer-urls", mine[1],
             "--initial-cluster", everybody, "--logger", "zap", "--log-level", "error"], os.path.join(self.dir, "log"))

    def path(self, index):
        return os.path.join(self.dir, f"m{index}")

    def pid(self, index):
        return self.process[index].pid

    def member_pids(self):
        return [p.pid for p in self.process]

    def said(self, index):
        try:
            return probe.http_json(self.ports[index][0], "/v3/maintenance/status", {}, 1.0)
        except (OSError, ValueError):
            return {}

    def leader(self):
        for i in range(self.members):
            said = self.said(i)
            if said.get("leader", "0") != "0" and said["leader"] == said["header"]["member_id"]:
                return i
        return None

    def term(self, index=0):
        return int(self.said(index)["raftTerm"])

    def wait_leader(self):
        return world.until(lambda: None if self.leader() is None else (self.leader(),), UP_S, "an etcd leads", 0.02)[0]

    def applied(self, index):
        return int(self.said(index).get("raftAppliedIndex", 0))

    def wait_level(self, deadline_s=UP_S):
        world.until(lambda: len({self.applied(i) for i in range(self.members)}) == 1 and self.applied(0) > 0, deadline_s,
                    "all members are level", 0.005)

    def load(self, kind, clients, much):
        port = self.ports[self.wait_leader()][0]
        return json_of([self.client, f"127.0.0.1:{port}", kind, str(clients), str(CONNECTIONS), str(much), str(VALUE)])

    def prober(self, index):
        return probe.Etcd(self.ports[index][0])

    def start_again(self, index, _):
        self.process[index].wait()
        self.start(index)
        return self.pid(index)

    def stop(self):
        for child in self.process:
            if child is not None:
                procs.kill(child.pid)
                child.wait()


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    try:
        for s in held:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


def by_turns(turn, sides):
    """Both orders of each pair."""
    return sides if turn % 2 == 0 else sides[::-1]


def floor_ms(w):
    """One write of a put's size over zeros and its sync, which is the least that a durable put takes: the median of a second."""
    path = os.path.join(w.disk("floor"), "zeros")
    took = []
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(fd, bytes(FLOOR_FILE), 0)
        os.fsync(fd)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            began = time.monotonic()
            os.pwrite(fd, bytes(VALUE), len(took) * VALUE % FLOOR_FILE)
            os.fdatasync(fd)
            took.append((time.monotonic() - began) * 1000)
    finally:
        os.close(fd)
    return statistics.median(took)


class Figures:
    """What a load came to, of each repetition."""

    def __init__(self, name):
        self.name = name
        self.by = {key: rows.Sample(name) for key in ("per_s", "p50", "p99", "max", "cpu", "client")}

    def take(self, side, kind, clients):
        pids = side.member_pids()
        before, term = world.cpu_ns(pids), side.term()
        found = side.load(kind, clients, SECONDS)
        used = world.cpu_ns(pids) - before
        if side.term() != term:
            raise world.Unmeasured(f"{side.name}: an election under {clients} clients of {kind}: term {term} to {side.term()}")
        for key, value in (("per_s", found["per_s"]), ("p50", found["p50_us"] / 1000), ("p99", found["p99_us"] / 1000),
                           ("max", found["max_us"] / 1000), ("cpu", used / 1000 / found["total"]),
                           ("client", found["cpu_us"] / found["total"])):
            self.by[key].add([value])


def load_rows(w, sides, kind, clients, goals, label):
    ours, theirs = Figures(sides[0].name), Figures(sides[1].name)
    floor = rows.Sample("fdatasync")
    for turn in range(w.runs):
        floor.add([floor_ms(w)])
        for side in by_turns(turn, sides):
            (ours if side is sides[0] else theirs).take(side, kind, clients)
    calm = f"client's own CPU {ours.by['client'].median:.1f} us, the peer's {theirs.by['client'].median:.1f} us"
    for key, unit, note in (("per_s", "1/s", calm), ("p50", "ms", ""), ("p99", "ms", f"worst {max(ours.by['max'].medians):.1f} ms"),
                            ("cpu", "us", "of all servers, each")):
        a, b = ours.by[key], theirs.by[key]
        ratio, goal = a.median / b.median, goals.get(key)
        text, met = "", None
        if goal is not None:
            text = f">= {goal} x" if key == "per_s" else f"<= {goal:.3g} x"
            met = ratio >= goal if key == "per_s" else ratio <= goal
        yield rows.row(f"raft.{label}.{key}", a, unit, floor if key == "p50" and kind == "put" else None, b, text, met, note)


def pair(w, tag="", **more):
    sides = [Ours(w, tag, **more), Etcd(w, tag)]
    for side in sides:
        side.begin_all()
    return sides


def stop(sides):
    for side in sides:
        side.stop()


def busy_check(w, side):
    """A run in which the peer alone is slow says nothing."""
    p50 = side.load("put", 1, 1)["p50_us"] / 1000
    if p50 > 5:
        raise world.Unmeasured(f"this machine is too busy: one put of {side.name} takes {p50:.1f} ms")


def puts(w):
    sides = pair(w)
    busy_check(w, sides[1])
    yield from load_rows(w, sides, "put", 1, {"p50": 0.5}, "put1")
    yield from load_rows(w, sides, "put", 64, {"per_s": 8, "p99": 0.2, "cpu": 1 / 8}, "put64")
    yield from load_rows(w, sides, "put", 1024, {"per_s": 12}, "put1024")
    memory = [rows.sample(s.name, [world.rss_mb(p) for p in s.member_pids()]) for s in sides]
    ratio = memory[0].median / memory[1].median
    yield rows.row("raft.rss", memory[0], "MB", None, memory[1], "<= 0.125 x", ratio <= 0.125, "of a member, after 1,024 clients")
    stop(sides)


def gets(w):
    sides = pair(w)
    for side in sides:
        side.load("put", 64, 1)
    yield from load_rows(w, sides, "get", 64, {"per_s": 12, "p99": 0.15}, "get64")
    yield from load_rows(w, sides, "get", 1, {}, "get1")
    yield from load_rows(w, sides, "sget", 64, {}, "sget64")
    stop(sides[:1])
    leased = Ours(w, "-lease", config={"lease_reads": "yes"})
    leased.begin_all()
    leased.load("put", 64, 1)
    yield from load_rows(w, [leased, sides[1]], "get", 64, {}, "lease64")
    stop([leased, sides[1]])


# ---- when somebody is gone ------------------------------------------------------------------------------

def trial(side, number):
    """Send the leader a signal; ms to the first success of what was asked after it, and longest gap of a client from then on."""
    side.wait_level()
    led = side.wait_leader()
    others = [i for i in range(side.members) if i != led]
    pid = side.pid(led)
    with probe.Probe([side.prober(i) for i in others]) as all_of:
        all_of.run(0.3)
        procs.kill(pid, number)
        began = time.monotonic()
        all_of.run(6, until=lambda: all(p.has_success_after(began) for p in all_of.probers))
        all_of.run(0.3)
        first = min(p.first_after(began) for p in all_of.probers) - began
        gap = max(p.longest_gap(began) for p in all_of.probers)
    if number == signal.SIGSTOP:
        procs.kill(pid, signal.SIGCONT)
    else:
        side.start_again(led, pid)
    return first * 1000, gap * 1000


def failovers(w, number, label, goals):
    sides = pair(w)
    first = [rows.Sample(s.name) for s in sides]
    gaps = [rows.Sample(s.name) for s in sides]
    for turn in range(w.parameters["failovers"]):
        for side in by_turns(turn, sides):
            took, gap = trial(side, number)
            k = sides.index(side)
            first[k].add([took])
            gaps[k].add([gap])
    worst = max(first[0].medians)
    goal, met = goals(first, gaps)
    yield rows.row(f"raft.{label}", first[0], "ms", None, first[1], goal, met,
                   f"worst {worst:.0f}, the peer's {max(first[1].medians):.0f}; signal to the first put that was asked after it")
    yield rows.row(f"raft.{label}.gap", gaps[0], "ms", None, gaps[1], note=f"worst {max(gaps[0].medians):.0f} ms between two of "
                   f"a client's successes, the peer's {max(gaps[1].medians):.0f}")
    stop(sides)


def kills(w):
    yield from failovers(w, signal.SIGKILL, "kill", lambda first, gaps: (
        "median <= 150 ms, worst <= 500 ms", first[0].median <= 150 and max(first[0].medians) <= 500))


def terms(w):
    yield from failovers(w, signal.SIGTERM, "term", lambda first, gaps: (
        "no gap > 30 ms", max(gaps[0].medians) <= 30))


def hangs(w):
    yield from failovers(w, signal.SIGSTOP, "hang", lambda first, gaps: (
        "<= 0.25 x", first[0].median <= 0.25 * first[1].median))


# ---- starting again ---------------------------------------------------------------------------------------

def restarted(side, patience_s):
    """Kill the only member and start it again: (wall s, CPU s to the first put that is accepted, MB)."""
    pid = side.pid(0)
    procs.kill(pid)
    began = time.monotonic()
    fresh = side.start_again(0, pid)
    with probe.Probe([side.prober(0)]) as all_of:
        all_of.run(patience_s, until=lambda: all_of.probers[0].has_success_after(began))
        took = all_of.probers[0].first_after(began) - began
    used = world.cpu_ns([fresh]) / 1e9
    return took, used, world.rss_mb(fresh)


def restarts(w):
    keys = w.parameters["keys"]
    sides = [Ours(w, "-one", members=1), Etcd(w, "-one", members=1)]
    for side in sides:
        side.begin_all()
    fill = [side.load("fill", 512, keys) for side in sides]
    full = [world.disk_bytes(side.state if side is sides[0] else side.dir) for side in sides]
    wall, used, memory = ([rows.Sample(s.name) for s in sides] for _ in range(3))
    for turn in range(w.runs):
        for side in by_turns(turn, sides):
            k = sides.index(side)
            for sample, value in zip((wall[k], used[k], memory[k]), restarted(side, 60)):
                sample.add([value])
    note = f"{keys} keys of {VALUE} bytes, one member, to the first put that is accepted"
    yield rows.row("raft.restart.cpu", used[0], "s", None, used[1], "<= 0.2 x", used[0].median <= 0.2 * used[1].median, note)
    yield rows.row("raft.restart", wall[0], "s", None, wall[1], note=note)
    yield rows.row("raft.restart.rss", memory[0], "MB", None, memory[1], "<= 0.4 x",
                   memory[0].median <= 0.4 * memory[1].median, note)
    user = keys * (VALUE + 12)
    disk = [rows.sample(s.name, [b / user]) for s, b in zip(sides, full)]
    yield rows.row("raft.disk", disk[0], "x", None, disk[1], "<= 2", disk[0].median <= 2, "bytes on the disk to bytes of keys and values")
    yield rows.row("raft.fill", rows.sample("raft", [fill[0]["per_s"]]), "1/s", None, rows.sample("etcd", [fill[1]["per_s"]]),
                   note="512 clients, one member")
    stop(sides)


def catch_ups(w):
    """A follower is killed, misses entries, and comes back."""
    missed = w.parameters["missed"]
    sides = pair(w, back_s=12)
    took = [rows.Sample(s.name) for s in sides]
    for turn in range(w.runs):
        for side in by_turns(turn, sides):
            side.wait_level()
            away = next(i for i in range(MEMBERS) if i != side.wait_leader())
            old = side.pid(away)
            procs.kill(old)
            side.load("fill", 512, missed)
            goal = side.applied(side.wait_leader())
            side.start_again(away, old)
            began = time.monotonic()
            world.until(lambda s=side, a=away, g=goal: s.applied(a) >= g, 120, f"{side.name} catches up", 0.002)
            took[sides.index(side)].add([time.monotonic() - began])
    yield rows.row("raft.catch-up", took[0], "s", None, took[1], "<= 0.2 x", took[0].median <= 0.2 * took[1].median,
                   f"{missed} puts behind; from the start of its process until it has applied all")
    stop(sides)


# ---- elections that nobody needs ----------------------------------------------------------------------------

def calm(w):
    """So long, first with 1,024 clients, then with busy processes beside: has anybody been elected?"""
    ours = Ours(w, "-calm")
    ours.begin_all()
    seconds = w.parameters["calm_s"]
    term = ours.term(ours.wait_leader())
    ours.load("put", 1024, seconds)
    crowd = ours.term(ours.wait_leader()) - term
    yield rows.row("raft.calm.crowd", rows.sample("raft", [crowd]), "elections", goal="0", met=crowd == 0,
                   note=f"{seconds} s of puts of 1,024 clients")
    term = ours.term(ours.wait_leader())
    hogs = [w.start(["/bin/sh", "-c", "while :; do :; done"]) for _ in range(8)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ours.load("put", 4, 1)
    for hog in hogs:
        procs.kill(hog.pid)
    hogged = ours.term(ours.wait_leader()) - term
    yield rows.row("raft.calm.hogs", rows.sample("raft", [hogged]), "elections", goal="<= 1 in 300 s", met=hogged <= 1,
                   note=f"{seconds} s with 8 processes that spin, four clients")
    ours.stop()


PARTS = {"puts": puts, "gets": gets, "kill": kills, "term": terms, "hang": hangs, "restart": restarts, "catch-up": catch_ups,
         "calm": calm}
