"""Membership: real cell-nodosum processes that know each other, and how soon all of them know what happens to one.

Each is a standalone cell with its sealed datagrams and its inner sandbox, on an address of its own of the loopback
(127.1.0.N) in the host's network namespace: kernel, sockets, encryption and scheduling are real, wires are not. A
client waits at each node (Watch, a long poll); a figure is the time until the last of them was answered. All of them
and the clients share this host's processors."""
import datetime
import os
import random
import selectors
import signal
import subprocess
import time

from bench.kit import rows, world
from tests.support import pb, procs, sp

WATCH, LEAVE, TOPOLOGY, OFFER = 201, 202, 203, 206
WAIT_MS = 50000
PORT = 7402
SEEDS = 3
STORM_DEADLINE_S = 60
DEADLINE_S = 15
OVERHEAD = 32 + 28 # bytes a packet has on a wire beside its own: seal, UDP and IPv4
# anchors: memberlist 0.2.2 of Debian, LAN configuration, 64 members in one process on the loopback, on another host
RECORDED = "memberlist 0.2.2, recorded on another host: "


def listening(path):
    """A client; None while the socket has a name and nobody listens yet."""
    try:
        return sp.Client(path, timeout=3600)
    except ConnectionRefusedError:
        return None


def log_time(text, word):
    """Unix time of the first line with `word`."""
    for line in text.splitlines():
        if word in line:
            stamp = datetime.datetime.strptime(line.split()[0], "%Y-%m-%dT%H:%M:%S.%fZ")
            return stamp.replace(tzinfo=datetime.timezone.utc).timestamp()
    return None


class Node:
    """One process, and the client that waits at it."""

    def __init__(self, swarm, number):
        self.swarm = swarm
        self.number = number
        self.name = f"n{number}"
        self.dir = swarm.world.place(self.name)
        os.makedirs(self.dir, exist_ok=True)
        keys = os.path.join(self.dir, "keys")
        subprocess.run([swarm.keys, self.name, "bench", keys], check=True, timeout=60)
        self.config = os.path.join(self.dir, "config.yaml")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f"keys: {keys}\nlisten: {self.address(number)}\nseeds:\n")
            f.writelines(f"- {self.address(i)}\n" for i in range(1, SEEDS + 1) if i != number)
        self.argv = [swarm.binary, "--standalone", "--config", self.config, "--run", self.dir, "--read", keys]
        self.process = self.client = None
        self.lives = 0
        self.last = 0
        self.living = set()

    @staticmethod
    def address(number):
        return f"127.1.{number // 200}.{number % 200 + 1}:{PORT}"

    def start(self):
        """Returns when its process was made; it answers some time later."""
        self.lives += 1
        self.log = os.path.join(self.dir, f"log-{self.lives}")
        self.living = set()
        self.last = 0
        self.process = self.swarm.world.start(self.argv, self.log, cwd=self.dir)

    def text(self):
        with open(self.log, encoding="utf-8") as f:
            return f.read()

    def ready_time(self):
        return world.until(lambda: log_time(self.text(), "CELL-READY"), DEADLINE_S, f"{self.name} is ready", 0.005)

    def connect(self):
        path = os.path.join(self.dir, "default", "nodosum.0.sock")
        self.client = world.until(lambda: listening(path), DEADLINE_S, f"{self.name} listens", 0.005)
        self.swarm.select.register(self.client.socket, selectors.EVENT_READ, self)
        self.wait()

    def wait(self):
        """Ask for what follows what is known."""
        body = pb.encode([(1, self.last), (2, WAIT_MS)])
        self.client.deadline = time.monotonic() + 3600
        self.client.send(sp.envelope([sp.request(WATCH, body, deadline_ms=WAIT_MS + 5000)]))

    def take(self):
        """The answer, and the next question: [(change, name)]."""
        reply = sp.Reply(pb.decode(self.client.read_frame()[4:])[2][0])
        if reply.status != sp.OK:
            raise world.Unmeasured(f"{self.name} answers {reply}")
        fields = pb.decode(reply.body)
        self.last = pb.first(fields, 2)
        self.wait()
        events = [pb.decode(e) for e in fields.get(1, [])]
        found = [(pb.first(e, 2).decode(), pb.first(e, 5, b"").decode()) for e in events]
        for change, name in found:
            if change in ("joined", "updated"):
                self.living.add(name)
            else:
                self.living.discard(name)
        return found

    def ask(self, operation, body=b""):
        with sp.Client(os.path.join(self.dir, "default", "nodosum.0.sock"), timeout=10) as client:
            reply = client.call(operation, body, timeout=10)
        if reply.status != sp.OK:
            raise world.Unmeasured(f"{self.name} answers {reply}")
        return reply.body

    def counts(self):
        found = (pb.decode(c) for c in pb.decode(self.ask(TOPOLOGY)).get(11, []))
        return {pb.first(c, 1).decode(): pb.first(c, 2) for c in found}

    def end(self, number=signal.SIGKILL):
        self.disconnect()
        procs.kill(self.process.pid, number)

    def gone(self):
        procs.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def disconnect(self):
        if self.client is not None:
            self.swarm.select.unregister(self.client.socket)
            self.client.close()
            self.client = None


class Swarm:
    def __init__(self, w):
        self.world = w
        self.keys = w.binary("tests/system/probe/test-keys")
        self.binary = w.binary("cell-nodosum")
        self.select = selectors.DefaultSelector()
        self.dice = random.Random(20261128)
        self.deaths = [] # (who said so, of whom) that nobody planned
        self.nodes = [Node(self, i + 1) for i in range(w.parameters["members"])]

    def storm(self):
        """All at once; seconds until each knows all, from before the first fork, and from the last one's start."""
        begun = time.monotonic()
        for node in self.nodes:
            node.start()
        forked = time.monotonic()
        for node in self.nodes:
            world.until(lambda n=node: os.path.exists(os.path.join(n.dir, "default", "nodosum.0.sock")),
                        STORM_DEADLINE_S, f"{node.name} serves", 0.01)
            node.connect()
        all_names = {n.name for n in self.nodes}
        last = self.until(lambda n: n.living | {n.name} == all_names, self.nodes, STORM_DEADLINE_S, "all know all")
        return last - begun, last - forked

    def until(self, is_met, nodes, deadline_s, why):
        """When the last of `nodes` came to know it: the moment its answer was there."""
        left = {n for n in nodes if not is_met(n)}
        end, last = time.monotonic() + deadline_s, time.monotonic()
        while left:
            ready = self.select.select(timeout=max(0, end - time.monotonic()))
            now = time.monotonic()
            if not ready:
                raise world.Unmeasured(f"not within {deadline_s} s: {why}: {sorted(n.name for n in left)[:8]}")
            for key, _ in ready:
                node = key.data
                for change, name in node.take():
                    if change == "failed" and name not in self.planned:
                        self.deaths.append((node.name, name))
                if node in left and is_met(node):
                    left.discard(node)
                    last = now
        return last

    planned = frozenset() # who is to die

    def settle(self, seconds):
        """Hear what comes for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for key, _ in self.select.select(timeout=max(0, end - time.monotonic())):
                for change, name in key.data.take():
                    if change == "failed" and name not in self.planned:
                        self.deaths.append((key.data.name, name))

    def others(self, node):
        return [n for n in self.nodes if n is not node]

    def draw(self):
        """Somebody who is no seed."""
        return self.dice.choice(self.nodes[SEEDS:])

    def back(self, node):
        """Start it again: (seconds from exec, from its being ready) until all others know."""
        began = time.monotonic()
        node.start()
        last = self.until(lambda n: node.name in n.living, self.others(node), DEADLINE_S, f"{node.name} is back")
        ready = node.ready_time() - time.time() + time.monotonic()
        node.connect()
        self.until(lambda n: len(n.living) == len(self.nodes) - 1, [node], DEADLINE_S, f"{node.name} knows all")
        return last - began, last - ready


def swarm_of(w):
    swarm = Swarm(w)
    w.swarm = swarm
    return swarm


def ms(label, values):
    return rows.sample(label, [v * 1000 for v in values])


def line(name, values, goal_ms, note=""):
    sample = ms("ours", values)
    worst = max(values) * 1000
    return rows.row(name, sample, "ms", goal=f"<= {goal_ms} ms", met=worst <= goal_ms,
                    note=f"worst {worst:.1f}" + (f"; {note}" if note else ""))


def storms(w):
    took, forked = [], []
    for _ in range(w.runs):
        swarm = swarm_of(w)
        whole, after = swarm.storm()
        took.append(whole)
        forked.append(after)
        for node in swarm.nodes:
            node.end()
            node.gone()
    count = w.parameters["members"]
    yield line("membership.storm", took, 2000, f"{count} processes, from the first fork; {RECORDED}83 to 88 s")
    yield line("membership.storm.forked", forked, 2000, "from the last fork: what is left when the host has made them all")


def changes(w):
    """Offers, leaves, joins and deaths of one of them, again and again."""
    swarm = swarm_of(w)
    turns, count = w.runs, len(swarm.nodes)
    swarm.storm()
    swarm.settle(5) # comparisons of the start
    offers, leaves, joins, execs, kills, stops = [], [], [], [], [], []
    for turn in range(turns):
        node = swarm.draw()
        cells = pb.encode([(1, pb.encode([(1, b"greeter"), (2, turn + 1), (3, 90)])), (2, 60000)])
        before = {n: n.last for n in swarm.nodes}
        began = time.monotonic()
        node.ask(OFFER, cells)
        offers.append(swarm.until(lambda n, b=before: n.last > b[n], swarm.others(node), DEADLINE_S, "offers") - began)
        swarm.settle(1)
        node = swarm.draw()
        node.disconnect()
        swarm.planned = {node.name}
        with sp.Client(os.path.join(node.dir, "default", "nodosum.0.sock"), timeout=10) as client:
            began = time.monotonic()
            client.send(sp.envelope([sp.request(LEAVE, b"", deadline_ms=5000)]))
            leaves.append(swarm.until(lambda n, x=node: x.name not in n.living, swarm.others(node), DEADLINE_S,
                                      f"{node.name} left") - began)
        node.gone()
        swarm.settle(1)
        from_exec, from_ready = swarm.back(node)
        execs.append(from_exec)
        joins.append(from_ready)
        swarm.settle(1)
        for number, times in ((signal.SIGKILL, kills), (signal.SIGSTOP, stops)):
            node = swarm.draw()
            swarm.planned = {node.name}
            node.disconnect()
            began = time.monotonic()
            node.end(number)
            times.append(swarm.until(lambda n, x=node: x.name not in n.living, swarm.others(node), DEADLINE_S,
                                     f"{node.name} is dead") - began)
            node.gone()
            swarm.back(node)
            swarm.planned = frozenset()
            swarm.settle(1)
    yield line("membership.offer", offers, 50, f"{count} processes; from the call of Offer")
    yield line("membership.leave", leaves, 50, f"from the call of Leave; {RECORDED}600 to 800 ms")
    yield line("membership.join", joins, 50, f"from CELL-READY of the newcomer; {RECORDED}400 to 600 ms")
    yield rows.row("membership.join.exec", ms("ours", execs), "ms", note="from its exec: keys, sandbox and all")
    yield line("membership.kill", kills, 1200, f"SIGKILL; {RECORDED}9,600 ms")
    yield line("membership.stop", stops, 1200, "SIGSTOP: its socket is there and says nothing")
    yield rows.row("membership.false", rows.sample("ours", [len(swarm.deaths)]), "deaths", goal="0",
                   met=not swarm.deaths, note=f"members held dead that were not to die, in all of this: {swarm.deaths[:4]}")


def pauses(w):
    """Half a second without the processor kills nobody."""
    swarm = swarm_of(w)
    swarm.storm()
    swarm.settle(3)
    for _ in range(2 * w.runs):
        node = swarm.draw()
        procs.kill(node.process.pid, signal.SIGSTOP)
        swarm.settle(0.5)
        procs.kill(node.process.pid, signal.SIGCONT)
        swarm.settle(1.5)
    yield rows.row("membership.pause", rows.sample("ours", [len(swarm.deaths)]), "deaths", goal="0", met=not swarm.deaths,
                   note=f"{2 * w.runs} stops of 0.5 s")


def idle(w):
    """What each sends, and what all of them cost."""
    swarm = swarm_of(w)
    swarm.storm()
    swarm.settle(240) # all share the load that their start made: each tells of it until it has gone from the means
    seconds = 20
    before = [n.counts() for n in swarm.nodes]
    cpu = world.cpu_ns([n.process.pid for n in swarm.nodes])
    world.quiet(seconds)
    used = world.cpu_ns([n.process.pid for n in swarm.nodes]) - cpu
    after = [n.counts() for n in swarm.nodes]
    sent = [(b["bytes_out"] - a["bytes_out"] + OVERHEAD * (b["datagrams_out"] - a["datagrams_out"])) / seconds
            for a, b in zip(before, after)]
    pss = [world.pss_kb([n.process.pid]) / 1000 for n in swarm.nodes]
    traffic = rows.sample("ours", sent)
    yield rows.row("membership.idle", traffic, "B/s", goal="<= 1000 B/s", met=max(sent) <= 1000,
                   note=f"a node sends, with seal, UDP and IP; {len(sent)} nodes")
    yield rows.row("membership.idle.sessions", rows.sample("ours", [c["peers"] for c in after]), "sessions",
                   note="of a node")
    yield rows.row("membership.idle.cpu", rows.sample("ours", [used / 1e6 / seconds / len(sent)]), "ms/s", note="of a node")
    yield rows.row("membership.idle.pss", rows.sample("ours", pss), "MB", note="of a node")


PARTS = {"storm": storms, "changes": changes, "pause": pauses, "idle": idle}
