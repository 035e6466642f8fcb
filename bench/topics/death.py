"""A cell's process dies: how soon its own node knows, and how soon all nodes of its cluster know that it offers it no more.

Whole nodes (nucleus, nodosum, gateway), all on this host and its loopback; a client waits at the nucleus of the node
where it happens (Events) and at the nodosum of each of the others (Watch), both by long polls."""
import json
import os
import random
import selectors
import signal
import time

from bench.kit import rows, world
from bench.topics import gateway
from tests.support import pb, procs, sp

EVENTS, WATCH = 108, 201
NODES = "abcde"
WAIT_MS = 30000
AWAY = "2s" # before it is started again: longer than anything measured here
DEADLINE_S = 15
NODE_GOAL_MS, ALL_GOAL_MS = 1, 50


class Poll:
    """Who waits for what comes after what is known."""

    def __init__(self, path, operation, after_of):
        self.operation, self.after_of = operation, after_of
        self.client = sp.Client(path, timeout=3600)
        self.after = 0
        self.ask()

    def ask(self):
        self.client.deadline = time.monotonic() + 3600
        body = pb.encode([(1, self.after), (2, WAIT_MS)])
        self.client.send(sp.envelope([sp.request(self.operation, body, deadline_ms=WAIT_MS + 5000)]))

    def take(self):
        reply = sp.Reply(pb.decode(self.client.read_frame()[4:])[2][0])
        if reply.status != sp.OK:
            raise world.Unmeasured(f"operation {self.operation}: {reply}")
        fields = pb.decode(reply.body)
        self.after = pb.first(fields, self.after_of, self.after)
        self.ask()
        return [pb.decode(e) for e in fields.get(1, [])]


class Cluster(gateway.Pair):
    """The two nodes of a pair, and more that only belong."""

    def __init__(self, w):
        super().__init__(w, greeter={"restart": {"first": AWAY, "max": AWAY, "give_up": "5 in 1s"}})
        self.nodes = [self.a, self.b]
        for name in NODES[2:]:
            self.ports.update({"g" + name: gateway.free_port(), "m" + name: gateway.free_port()})
            node = gateway.Node(w, name)
            token = json.loads(self.a.cell("--json", "token", "create"))["token"]
            node.cell("join", "-", "--node-id", name, stdin=token)
            node.up(self.cells(name, "a", [])[:1])
            self.nodes.append(node)
        for node in self.nodes:
            world.until(lambda n=node: len(json.loads(n.cell("--json", "members"))["members"]) == len(NODES), gateway.UP_S,
                        f"{node.name} knows all", 0.1)
        self.select = selectors.DefaultSelector()
        self.events = Poll(os.path.join(self.b.run, "nucleus.sock"), EVENTS, 2)
        self.views = [Poll(n.path("nodosum"), WATCH, 2) for n in self.nodes if n is not self.b]
        for poll in [self.events, *self.views]:
            self.select.register(poll.client.socket, selectors.EVENT_READ, poll)

    def hear(self, seconds):
        """(who, when, what) of all that comes for a while; a descriptor of a process comes once, when that has ended."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in self.select.select(timeout=left):
                now = time.monotonic()
                if key.data is None:
                    self.select.unregister(key.fileobj)
                    yield None, now, None
                    continue
                for event in key.data.take():
                    yield key.data, now, event

    def greeter(self):
        status = json.loads(self.b.cell("--json", "status", "greeter"))
        return next((c["pid"] for c in status["cells"] if c["state"] == "ready"), None)

    def kill(self):
        """Seconds from the kill until the kernel says that the process has ended, until its node has said so, and until
        the last of the nodes has."""
        pid = world.until(self.greeter, DEADLINE_S, "the greeter is ready", 0.05)
        for _ in self.hear(1):
            pass # what is still to be said of its start
        ended, known, left, last = None, None, set(self.views), None
        process_fd = os.pidfd_open(pid)
        self.select.register(process_fd, selectors.EVENT_READ)
        began = time.monotonic()
        procs.kill(pid, signal.SIGKILL)
        for who, when, event in self.hear(1.5): # its start comes after that
            if who is None:
                ended = when - began
            elif who is self.events and known is None and pb.first(event, 3) == b"greeter":
                known = when - began
            elif who in left and pb.first(event, 5, b"") == b"b":
                left.discard(who)
                last = when - began
        os.close(process_fd)
        if ended is None or known is None or left:
            raise world.Unmeasured(f"the death of a process was not told: {len(left)} of {len(self.views)} nodes lack it")
        return ended, known, last


def process(w):
    """Of one cell, again and again."""
    cluster = Cluster(w)
    random.seed(1)
    ends, known, told, after = [], [], [], []
    for _ in range(4 * w.runs):
        ended, here, everywhere = cluster.kill()
        ends.append(ended * 1000)
        after.append((here - ended) * 1000)
        known.append(here * 1000)
        told.append(everywhere * 1000)
        world.until(cluster.greeter, DEADLINE_S, "the greeter is back", 0.05)
        time.sleep(random.uniform(0, 0.1))
    floor = rows.sample("a pidfd", ends)
    yield rows.row("membership.process.node", rows.sample("ours", known), "ms", floor,
                   note=f"worst {max(known):.2f}; a client of nucleus.Events is told, from the kill; the floor is the kernel's word "
                        "that the process has ended")
    yield rows.row("membership.process.after", rows.sample("ours", after), "ms", goal=f"<= {NODE_GOAL_MS} ms",
                   met=max(after) <= NODE_GOAL_MS, note=f"worst {max(after):.2f}; the same from the kernel's word")
    yield rows.row("membership.process.all", rows.sample("ours", told), "ms", goal=f"<= {ALL_GOAL_MS} ms",
                   met=max(told) <= ALL_GOAL_MS,
                   note=f"worst {max(told):.2f}; {len(NODES)} nodes, the last client of nodosum.Watch is told that it is offered no more")
    for node in reversed(cluster.nodes):
        node.cell("down")


PARTS = {"process": process}
