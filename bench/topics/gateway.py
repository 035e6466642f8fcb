"""A call to a cell of another node, by way of two gateways, against bare nng with as many hops: an ipc socket, a process
that passes on to TLS over TCP with the same certificates, one that passes on to ipc, an echo. Both nodes and all of nng's
processes are on this host; the network is the loopback."""
import json
import os
import socket
import subprocess

from bench.kit import rows, world

ROUNDS = 2000
UP_S = 60
GOAL = 1.3


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Node:
    """A whole node of a cluster, by its command line."""

    def __init__(self, w, name):
        self.w, self.name, self.dir = w, name, w.place("n" + name)
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o711)
        self.run, self.state = os.path.join(self.dir, "r"), os.path.join(self.dir, "s")

    def cell(self, *arguments, stdin=""):
        done = subprocess.run([self.w.binary("cell"), "--run", self.run, "--state", self.state, *arguments], input=stdin,
                              capture_output=True, text=True, check=False, timeout=UP_S)
        if done.returncode != 0:
            raise world.Unmeasured(f"cell {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def up(self, cells):
        path = os.path.join(self.dir, "node.yaml")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"cells": cells}, f)
        self.cell("up", path, "--detach")

    def socket(self, cell):
        return "ipc://" + self.path(cell)

    def path(self, cell):
        return os.path.join(self.run, "default", f"{cell}.0.sock")

    def keys(self):
        return os.path.join(self.state, "node")


class Pair:
    """Node a asks, node b has the greeter and lets a reach it."""

    def __init__(self, w, greeter=None):
        self.ports = {word: free_port() for word in ("issuer", "ga", "gb", "ma", "mb")}
        self.a, self.b = Node(w, "a"), Node(w, "b")
        self.a.cell("init", "--node-id", "a")
        self.a.up([{"name": "issuer", "serves": ["issuer.*"],
                    "config": {"listen": self.at("issuer"), "advertise": [self.at("issuer")]},
                    "sandbox": {"network": True, "write": ["state"], "keys": ["issuer"]}}, *self.cells("a", "b", [])])
        token = json.loads(self.a.cell("--json", "token", "create"))["token"]
        self.b.cell("join", "-", "--node-id", "b", stdin=token)
        self.b.up([*self.cells("b", "a", [{"cell": "greeter", "nodes": ["a"]}]), {"name": "greeter", "serves": ["greeter.Greet"], **(greeter or {})}])
        world.until(lambda: '"b"' in self.a.cell("call", "gateway.Resolve", '{"name":"greeter"}'), UP_S, "a knows b's greeter", 0.05)

    def at(self, word):
        return f"127.0.0.1:{self.ports[word]}"

    def cells(self, name, other, exports):
        gossip = self.at("g" + name)
        return [{"name": "nodosum", "serves": ["nodosum.*"],
                 "config": {"listen": gossip, "advertise": gossip, **({} if name == "a" else {"seeds": [self.at("ga")]})},
                 "sandbox": {"network": True, "write": ["state"], "keys": ["datagram"]}},
                {"name": "gateway", "requires": ["nodosum"],
                 "may_call": ["nodosum.Discover", "nodosum.Watch", "nodosum.Offer", "nucleus.Events", "greeter.*"],
                 "config": {"nodes": [f"{other}={self.at('m' + other)}"], **({"exports": exports} if exports else {})},
                 "sandbox": {"network": True, "keys": ["tls"],
                             "listen": [{"name": "mesh", "at": "tcp://" + self.at("m" + name)}]}}]


def chain(w, pair):
    """The same hops by nng alone; the socket where they begin."""
    first, last = (os.path.join(w.directory, f"{word}.sock") for word in ("first", "last"))
    between = f"tls+tcp://127.0.0.1:{free_port()}"
    w.start([w.binary("nng_echo"), "ipc://" + last], os.path.join(w.directory, "echo.out"))
    world.until(lambda: os.path.exists(last), 10, "the echo listens")
    w.start([w.binary("nng_chain"), between, "ipc://" + last, pair.b.keys()], os.path.join(w.directory, "inner.out"))
    w.start([w.binary("nng_chain"), "ipc://" + first, between, pair.a.keys()], os.path.join(w.directory, "outer.out"))
    world.until(lambda: os.path.exists(first), 10, "the first hop listens")
    return "ipc://" + first


def client(w, url, kind, route=""):
    """p50 and p99 of a round trip, in us."""
    done = subprocess.run([w.binary("nng_calls"), url, kind, str(ROUNDS), "1", *([route] if route else [])],
                          capture_output=True, check=False, timeout=120)
    if done.returncode != 0:
        raise world.Unmeasured(f"{url} {route}: {done.stderr.decode().strip()}")
    return [int(word) / 1000 for word in done.stdout.split()[:2]]


def call(w):
    pair = Pair(w)
    gateway, bare = pair.a.socket("gateway"), chain(w, pair)
    ways = {"named": (gateway, "cell", "greeter@b"), "any": (gateway, "cell", "greeter@*"), "bare": (bare, "echo"),
            "local": (pair.b.socket("greeter"), "cell")}
    p50, p99 = ({k: rows.Sample(k) for k in ways} for _ in range(2))
    for turn in range(max(w.runs, 5)):
        for kind in sorted(ways, reverse=turn % 2 == 0):
            a, b = client(w, *ways[kind])
            p50[kind].add([a])
            p99[kind].add([b])
    times = rows.sample("times", [a / b for a, b in zip(p50["named"].medians, p50["bare"].medians)])
    yield rows.row("gateway.call", p50["named"], "us", p50["bare"], p50["local"], goal=f"<= {GOAL} x bare nng with the same hops",
                   met=times.median <= GOAL,
                   note=f"{times.median:.2f} x [{times.spread[0]:.2f}, {times.spread[1]:.2f}] within turns; p50 of one Greet of "
                        "greeter@b; the peer is the same call on its own node")
    yield rows.row("gateway.call.p99", p99["named"], "us", p99["bare"], p99["local"])
    yield rows.row("gateway.any", p50["any"], "us", p50["bare"], p50["named"], note="greeter@*; the peer is ours by name")
    for node in (pair.b, pair.a):
        node.cell("down")


PARTS = {"call": call}
