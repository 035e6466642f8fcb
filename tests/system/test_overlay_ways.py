"""Nodes of the overlay that cannot reach each other as they please: NATs of both kinds between them, a rendezvous and a relay
in the open, ways that end, paths that carry less than before.

A network in namespaces: `open` in the middle, a router with nftables before each host that is behind a NAT.
"""
import datetime
import json
import os
import signal
import subprocess
import sys

import pytest

from support import wait
from test_overlay import RESOLVE

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_netns, pytest.mark.needs_tool("wg"), pytest.mark.needs_tool("nft"),
              pytest.mark.needs_tool("ip"), pytest.mark.needs_tool("nsenter"),
              pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="needs /dev/net/tun")]

PORT = 51820
# The router's NAT: ports stay as they are where they can (a cone), or are drawn for each destination (symmetric). What comes
# unasked is dropped, as routers do: otherwise the router would answer it, and take its own port from the next one out.
NAT = """
table ip nat {{
    chain post {{ type nat hook postrouting priority srcnat; oifname "out" masquerade {how}; }}
    chain unasked {{ type filter hook input priority filter; iifname "out" ct state new drop; }}
}}
"""
PROGRAM = """
import socket, sys
mode, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ":" in host.split(",")[0] else socket.AF_INET, socket.SOCK_DGRAM)
if mode == "echo":
    s.bind((host, port))
    print("ready", flush=True)
    while True:
        data, place = s.recvfrom(9000)
        s.sendto(data, place)
if mode == "all": # host: several, with commas; each is asked until it answers or the time is over
    import time
    hosts, end = set(host.split(",")), time.monotonic() + float(sys.argv[4])
    while hosts and time.monotonic() < end:
        for host in sorted(hosts):
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(0.3)
                try:
                    s.sendto(bytes(1200), (host, port))
                    s.recv(9000)
                    hosts.discard(host)
                except OSError:
                    pass
    print("all" if not hosts else "not " + ",".join(sorted(hosts)))
    sys.exit()
count, size, came = int(sys.argv[4]), int(sys.argv[5]), 0
s.settimeout(float(sys.argv[6]))
for i in range(count):
    try:
        s.sendto(i.to_bytes(4, "big") + bytes(size - 4), (host, port))
        while s.recv(9000)[:4] != i.to_bytes(4, "big"):
            pass
        came += 1
    except OSError:
        pass
print(came)
"""


def run(*command, stdin=""):
    made = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == 0, (command, made.stdout, made.stderr)
    return made.stdout.strip()


class Space:
    """A network namespace, held by a process."""

    def __init__(self, lab):
        self.lab = lab
        self.holder = lab.start("unshare", "-n", "--", "sh", "-c", "echo held; read unused", stdin=subprocess.PIPE)
        self.holder.stdout.readline()
        self.do("ip", "link", "set", "lo", "up")

    @property
    def enter(self):
        return ("nsenter", "-t", str(self.holder.pid), "-n")

    def do(self, *command, stdin=""):
        return run(*self.enter, *command, stdin=stdin)

    def link(self, name, other, other_name, address, mtu=1500):
        """A cable to `other`; this end has `address` (with its bits)."""
        run("ip", "link", "add", name, "netns", str(self.holder.pid), "type", "veth", "peer", "name", other_name, "netns",
            str(other.holder.pid))
        self.do("ip", "address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
        self.do("ip", "link", "set", name, "mtu", str(mtu), "up")
        other.do("ip", "link", "set", other_name, "mtu", str(mtu), "up")


class Node(Space):
    """A host with a cell on it."""

    def __init__(self, lab, number):
        super().__init__(lab)
        self.number = number
        self.inner = f"10.9.0.{number}"
        self.key = run("wg", "genkey")
        self.public = run("wg", "pubkey", stdin=self.key)
        self.path = lab.path / f"node{number}"
        self.path.mkdir()
        self.log = self.path / "log"
        (self.path / "key").write_text(self.key + "\n")
        (self.path / "key").chmod(0o600)
        self.process = None

    def up(self, *lines, peers=(), listen="0.0.0.0"):
        config = self.path / "config"
        config.write_text("\n".join([
            f"interface: ov{self.number}", f'listen: "{listen}:{PORT}"', f"key: {self.path}/key", f'address: ["{self.inner}/24", "fd09::{self.number}/64"]',
            *lines, "peers: [" + ", ".join("{" + ", ".join(p) + "}" for p in peers) + "]"]) + "\n")
        for name in ("run", "state"):
            (self.path / name).mkdir(exist_ok=True)
        readies = self.log.read_text().count("CELL-READY") if self.log.exists() else 0
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = self.lab.start(*self.enter, self.lab.build.binary("cell-datapath"), "--standalone", "--config", str(config),
                                          "--run", str(self.path / "run"), "--state", str(self.path / "state"), "--log-level", "debug",
                                          stderr=log)
        wait.until(lambda: self.log.read_text().count("CELL-READY") > readies or self.process.poll() is not None, 20, "it is ready")
        assert self.process.poll() is None, self.log.read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.log.read_text()

    def overlay(self, what):
        return json.loads(run(self.lab.build.binary("cell"), "--run", str(self.path / "run"), "--json", "overlay", what))

    def peer(self, other):
        """What it knows of `other`; None: nothing."""
        return next((p for p in self.overlay("peers")["peers"] if p["public_key"] == other.public), None)

    def stat(self, name):
        return next(int(c["value"]) for c in self.overlay("stats")["counts"] if c["name"] == name)

    def echo(self, address=None):
        program = self.lab.start(*self.enter, sys.executable, "-c", PROGRAM, "echo", address or self.inner, "7000")
        assert program.stdout.readline() == "ready\n"

    def ask(self, other, count=5, size=200, timeout=2.0):
        """How many of `count` datagrams the other's echo gives back; other: a node or an address."""
        address = other if isinstance(other, str) else other.inner
        return int(self.do(sys.executable, "-c", PROGRAM, "ask", address, "7000", str(count), str(size), str(timeout)))

    def reaches(self, other, deadline=20, **more):
        wait.until(lambda: self.ask(other, count=1, timeout=0.5, **more) == 1, deadline, f"{self.number} reaches {other}")

    def wait_way(self, other, way, deadline=20):
        def look():
            self.ask(other, count=1, timeout=0.3)
            return self.peer(other)["way"] == way
        wait.until(look, deadline, f"{self.number} has a way to {other.number}: {way}")


class Lab:
    """`open`: a switch with public addresses 198.51.100.0/24 and 2001:db8::/64."""

    def __init__(self, build, path):
        self.build, self.path, self.programs, self.nodes = build, path, [], []
        self.open = Space(self)
        self.open.do("ip", "link", "add", "switch", "type", "bridge")
        self.open.do("ip", "link", "set", "switch", "up")

    def start(self, *command, stdin=None, stderr=None):
        program = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.programs.append(program)
        return program

    def _plug(self, space, name, number, mtu=1500):
        space.link(name, self.open, f"port{number}", f"198.51.100.{number}/24", mtu)
        space.do("ip", "address", "add", f"2001:db8::{number}/64", "dev", name, "nodad")
        self.open.do("ip", "link", "set", f"port{number}", "master", "switch")

    def node(self, number, nat=None):
        """A host in the open, or behind a NAT of its own: "cone" or "symmetric"."""
        made = Node(self, number)
        self.nodes.append(made)
        if nat is None:
            self._plug(made, "out", number)
            made.place = f"198.51.100.{number}"
            return made
        router = Space(self)
        made.router = router
        self._plug(router, "out", number)
        router.link("lan", made, "out", f"192.168.{number}.1/24")
        made.do("ip", "address", "add", f"192.168.{number}.2/24", "dev", "out")
        made.do("ip", "route", "add", "default", "via", f"192.168.{number}.1")
        router.do("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        router.do("nft", "-f", "-", stdin=NAT.format(how="" if nat == "cone" else "fully-random"))
        made.place = f"198.51.100.{number}"
        return made

    def close(self):
        for program in reversed(self.programs):
            if program.poll() is None:
                program.kill()
            program.wait(20)


@pytest.fixture
def lab(build, tmp_path):
    made = Lab(build, tmp_path)
    yield made
    made.close()


def listed(node, *more):
    return (f'key: "{node.public}"', f'allowed: ["{node.inner}/32", "fd09::{node.number}/128"]', *more)


def meet(lab, *kinds):
    """A rendezvous that relays, and nodes behind NATs of these kinds, who know nobody but it."""
    middle = lab.node(1)
    nodes = [lab.node(2 + i, kind) for i, kind in enumerate(kinds)]
    middle.up("rendezvous: on", "relay: on", peers=[listed(n) for n in nodes])
    for n in nodes:
        n.up(peers=[listed(middle, f"endpoint: {middle.place}:{PORT}", "rendezvous: on")])
        n.echo()
    for other in nodes[:-1]: # who came last hears of all at once, the others with their next heartbeat, or when he calls them
        wait.until(lambda other=other: nodes[-1].peer(other) is not None, 20, f"the last hears of {other.number}")
    return middle, nodes


def test_pairs_behind_nats(lab):
    """Who is behind a NAT that keeps ports is reached directly, from behind any; two behind such that do not, by the relay.
    Nobody was told of the others but by the rendezvous, which says who has which inner address, and reaches each itself."""
    middle, (cone, symmetric, open_one, other_cone, other_symmetric) = meet(lab, "cone", "symmetric", None, "cone", "symmetric")
    for one in (cone, symmetric, open_one): # none of whom has sent it a packet
        assert middle.peer(one)["endpoint"] == ""
        middle.reaches(one)
    for one, other, way in ((other_symmetric, symmetric, "relay"), (other_cone, cone, "itself"), (other_symmetric, open_one, "itself")):
        one.reaches(other)
        one.wait_way(other, way)
        other.wait_way(one, way)
        known = other.peer(one)
        assert known["is_brought"] and known["allowed"] == [f"{one.inner}/32", f"fd09::{one.number}/128"]
        before = middle.stat("RELAYED")
        assert one.ask(other, count=50) == 50 and other.ask(one, count=50) == 50
        passed = middle.stat("RELAYED") - before
        # There and back, each once; beside them, at most, what tries ways.
        assert passed >= 200 if way == "relay" else passed < 10, (one.number, other.number, passed)
    assert middle.overlay("status")["members"] == 5
    assert [r["is_there"] for r in cone.overlay("status")["rendezvous"]] == [True]


def test_mesh_of_five_over_ipv6_and_strangers(lab):
    """Five nodes that know the first alone, over IPv6; each reaches each, in both families. Then somebody says again what he
    heard them say, to this life of the rendezvous and to the next: nobody is moved, and nobody's packets are passed on."""
    nodes = [lab.node(i) for i in range(1, 6)]
    middle = nodes[0]
    ear = lab.start(*lab.open.enter, sys.executable, "-c", EAR, str(PORT))
    assert ear.stdout.readline() == "ready\n"
    middle.up("rendezvous: on", "relay: on", peers=[listed(n) for n in nodes[1:]], listen="[::]")
    for n in nodes[1:]:
        n.up(f'places: ["[2001:db8::{n.number}]:{PORT}"]', listen="[::]",
             peers=[listed(middle, f'endpoint: "[{"2001:db8::1"}]:{PORT}"', "rendezvous: on")])
    for n in nodes:
        n.echo()
        n.echo(f"fd09::{n.number}")
    for i, one in enumerate(nodes[1:], 1):
        everybody = ",".join(at for other in nodes[:i] for at in (other.inner, f"fd09::{other.number}"))
        assert one.do(sys.executable, "-c", PROGRAM, "all", everybody, "7000", "30") == "all"
    ends = {n.number: middle.peer(n)["endpoint"] for n in nodes[1:]}
    assert all(at == f"[2001:db8::{number}]:{PORT}" for number, at in ends.items()), ends
    wait.until(lambda: middle.overlay("status")["members"] == 4, 20, "all are on the roll")
    ear.send_signal(signal.SIGINT)
    said = ear.communicate(timeout=20)[0].split()
    assert len(said) >= 4
    stranger = lab.node(9)

    def refused():
        return middle.stat("SIGNALS_FALSE") + middle.stat("SIGNALS_STRANGER")
    before = refused()
    stranger.do(sys.executable, "-c", MOUTH, "2001:db8::1", str(PORT), stdin="\n".join(said))
    wait.until(lambda: refused() >= before + len(said), 20, "all of it is refused")
    assert {n.number: middle.peer(n)["endpoint"] for n in nodes[1:]} == ends, "nobody is moved"
    stranger.do(sys.executable, "-c", MOUTH, "2001:db8::1", str(PORT), stdin="\n".join(f"0663656c{i:08x}" + "04000000" + "00" * 60 for i in range(20)))
    wait.until(lambda: middle.stat("RELAY_REFUSED") >= 20, 20, "what is to be relayed for nobody is refused")
    middle.stop()
    middle.up("rendezvous: on", "relay: on", peers=[listed(n) for n in nodes[1:]], listen="[::]")
    stranger.do(sys.executable, "-c", MOUTH, "2001:db8::1", str(PORT), stdin="\n".join(said))
    wait.until(lambda: middle.overlay("status")["members"] == 4, 30, "those who are there are on the roll of the next life")
    now = {n.number: middle.peer(n)["endpoint"] for n in nodes[1:]}
    assert all(at in ("", ends[number]) for number, at in now.items()), ("nor is anybody moved now", now)
    for n in nodes[1:]: # who said no more than a heartbeat yet is nowhere for packets: they come from where he is
        n.reaches(middle)
    assert {n.number: middle.peer(n)["endpoint"] for n in nodes[1:]} == ends, "and packets go where they are"
    assert "2001:db8::9" not in json.dumps([n.overlay("peers") for n in nodes]), "nobody is where the stranger is"
    nodes[4].reaches(nodes[3])


def test_own_places(lab):
    """Which addresses of its own a node tells: those of IPv4, and, where its socket takes IPv6, those of it that are there to stay;
    never one of a link."""
    middle, node = lab.node(1), lab.node(2)
    middle.up("rendezvous: on", peers=[listed(node)], listen="[::]")
    v4, v6 = f"198.51.100.2:{PORT}", f"[2001:db8::2]:{PORT}"

    def up(listen, endpoint):
        node.up(peers=[listed(middle, f'endpoint: "{endpoint}:{PORT}"', "rendezvous: on")], listen=listen)
        return node.overlay("status")["places"]
    assert up("[::]", "[2001:db8::1]") == [v4, v6]
    wait.until(lambda: middle.overlay("status")["members"] == 1, 20, "the rendezvous hears it")
    middle.echo()
    node.reaches(middle)
    node.stop()
    assert up("[::]", "198.51.100.1") == [v4, v6], "whatever way there is to the world"
    node.stop()
    assert up("0.0.0.0", "198.51.100.1") == [v4]


def test_names_by_a_rendezvous(lab):
    """A node learns by the rendezvous alone what others are called; a name that somebody has is nobody else's, what the own
    configuration says stands, and a rendezvous that begins again takes no name from anybody."""
    middle, one, other, impostor = (lab.node(i) for i in range(1, 5))

    def rendezvous():
        middle.up("rendezvous: on", "name: middle", peers=[listed(n) for n in (one, other, impostor)])

    def member(node, *lines, peers=()):
        node.up(*lines, peers=[listed(middle, f"endpoint: {middle.place}:{PORT}", "rendezvous: on"), *peers])

    def resolve(node, name):
        return node.do(sys.executable, "-c", RESOLVE, "127.0.0.1", "7453", f"{name}.cell.internal", "1")

    def ping(node, name):
        command = (lab.build.binary("cell"), "--run", str(node.path / "run"), "--json", "overlay", "ping", name, "--count", "1")
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).returncode
    found = "0 0a0900"
    rendezvous()
    member(other, "name: web")
    wait.until(lambda: middle.peer(other)["name"] == "web", 20, "the rendezvous heard it")
    member(one, "name: one", "dns: 127.0.0.1:7453")
    wait.until(lambda: resolve(one, "web") == f"{found}03", 20, "and tells")
    wait.until(lambda: ping(one, "web") == 0, 30, "it is there") # when it has heard of who asks
    assert resolve(one, "one") == f"{found}02" and one.peer(other)["name"] == "web"
    wait.until(lambda: ping(other, "one") == 0, 20, "also who was there before")
    member(impostor, "name: web")
    wait.until(lambda: "DATAPATH-UNNAMED" in impostor.log.read_text(), 20, "the name has an owner")
    wait.until(lambda: one.peer(impostor) is not None, 20, "the rest of him is told of")
    assert resolve(one, "web") == f"{found}03" and one.peer(impostor)["name"] == "" and middle.stat("NAMES_REFUSED") > 0
    middle.stop()
    rendezvous()
    wait.until(lambda: middle.overlay("status")["members"] == 3, 40, "the next life hears all")
    holder = next(n for n in (other, impostor) if middle.peer(n)["name"] == "web") # who spoke first
    wait.until(lambda: resolve(one, "web") == f"{found}0{holder.number}", 40, "who has it there has it here")
    one.stop()
    member(one, "name: one", "dns: 127.0.0.1:7453", peers=[listed(impostor, "name: middle")])
    wait.until(lambda: one.peer(other) is not None, 20, "it hears of all again")
    assert resolve(one, "middle") == f"{found}04" and one.peer(impostor)["name"] == "middle", "what its operator named"
    assert resolve(one, "web") == (f"{found}03" if holder is other else "3"), "and he is called nothing else"


# Prints in hex each signal that goes to PORT over the switch, until it is interrupted.
EAR = """
import signal, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("ready", flush=True)
seen = set()
while len(seen) < 400:
    frame = s.recv(9000)
    at = frame.find(b"\\x05cel")
    if 0 < at < 80 and frame[at:] not in seen and int.from_bytes(frame[at - 6:at - 4], "big") == int(sys.argv[1]):
        seen.add(frame[at:])
        print(frame[at:].hex(), flush=True)
"""
# Says each line of its input, which is hex.
MOUTH = """
import socket, sys, time
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
for line in sys.stdin.read().split():
    s.sendto(bytes.fromhex(line), (sys.argv[1], int(sys.argv[2])))
    time.sleep(0.001)
"""


def test_a_path_that_swallows_what_is_large(lab):
    """In the midst of a conversation a router begins to drop what is larger than 1,300 bytes, and says so to nobody: it is
    noticed, and senders are told what goes through."""
    left, right = lab.node(2), lab.node(3, "cone")
    # One datagram a packet: a router of this kernel sees those that go together as one, as large as all of them.
    left.up("offload: off", peers=[listed(right)])
    right.up("offload: off", peers=[listed(left, f"endpoint: {left.place}:{PORT}")])
    left.echo()
    right.reaches(left, size=1380)
    wait.until(lambda: right.ask(left, count=1, size=1380) == 1 and "DATAPATH-WAY " in right.log.read_text(), 20, "it has a way")
    wait.until(lambda: right.ask(left, count=1, size=1380) == 1 and right.peer(left)["carries"] == 0, 20, "which carries all")
    right.router.do("nft", "-f", "-", stdin='table ip hole { chain f { type filter hook forward priority 0; ip length > 1300 drop; }\n }')
    right.reaches(left, size=1380)
    wait.until(lambda: right.ask(left, count=1) == 1 and right.peer(left)["carries"] == 1232, 20,
               "1,300 less what IPv4, UDP and the message take, which is padded to sixteen bytes")
    assert right.stat("TOO_LARGE") > 0
    assert right.ask(left, size=1380) == 5


def said_at(node, word):
    """When its log first said so, in seconds."""
    line = next(l for l in node.log.read_text().splitlines() if f" {word} " in l)
    return datetime.datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()


def strait(lab, mtu, is_silent, is_v6):
    """Two hosts with two routers between them, whose cable carries `mtu` bytes; they say so to who sends more, or nothing."""
    one, other = Space(lab), Space(lab)
    ends = []
    for number, router, net in ((2, one, "4"), (3, other, "5")):
        node = Node(lab, number)
        lab.nodes.append(node)
        ends.append(node)
        node.link("out", router, "in", f"198.51.10{net}.2/24")
        router.do("ip", "address", "add", f"198.51.10{net}.1/24", "dev", "in")
        for space, last in ((node, 2), (router, 1)):
            space.do("ip", "address", "add", f"2001:db8:{net}::{last}/64", "dev", "out" if space is node else "in", "nodad")
        node.do("ip", "route", "add", "default", "via", f"198.51.10{net}.1")
        node.do("ip", "route", "add", "default", "via", f"2001:db8:{net}::1")
        node.place = f"[2001:db8:{net}::2]" if is_v6 else f"198.51.10{net}.2"
        router.do("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        if is_silent:
            router.do("nft", "-f", "-", stdin="table inet mute { chain o { type filter hook output priority 0; icmp type destination-unreachable drop; "
                      "icmpv6 type packet-too-big drop; }\n }")
    one.link("mid", other, "mid", "198.51.106.1/24", mtu)
    other.do("ip", "address", "add", "198.51.106.2/24", "dev", "mid")
    for router, last in ((one, 1), (other, 2)):
        router.do("ip", "address", "add", f"2001:db8:6::{last}/64", "dev", "mid", "nodad")
    for router, far, net in ((one, 2, "5"), (other, 1, "4")):
        router.do("ip", "route", "add", f"198.51.10{net}.0/24", "via", f"198.51.106.{far}")
        router.do("ip", "route", "add", f"2001:db8:{net}::/64", "via", f"2001:db8:6::{far}")
    return ends


@pytest.mark.parametrize("is_v6", [False, True], ids=["v4", "v6"])
@pytest.mark.parametrize("is_silent", [False, True], ids=["told", "silent"])
@pytest.mark.parametrize("offload", ["auto", "off"])
def test_a_narrow_path_is_found_in_three_seconds(lab, is_v6, is_silent, offload):
    """From the first large packet on, whether a router says that it is too large or not: within 3 s what a sender sends comes
    through, because he was told what does, and what that is depends on nobody's word."""
    left, right = strait(lab, 1340, is_silent, is_v6)
    listen = "::" if is_v6 else "0.0.0.0"
    left.up(f"offload: {offload}", listen=f"[{listen}]" if is_v6 else listen, peers=[listed(right)])
    right.up(f"offload: {offload}", listen=f"[{listen}]" if is_v6 else listen, peers=[listed(left, f"endpoint: '{left.place}:{PORT}'")])
    left.echo()
    wait.until(lambda: right.ask(left, count=1, size=1380, timeout=0.2) == 1, 20, "large packets come through")
    wait.until(lambda: "DATAPATH-WAY-SIZE" in right.log.read_text(), 20, "what goes through is told")
    took = said_at(right, "DATAPATH-WAY-SIZE") - said_at(right, "DATAPATH-SESSION")
    print(f"told after {took:.1f} s")
    assert took < 3, right.log.read_text()
    wait.until(lambda: right.ask(left, count=1, timeout=0.5) == 1 and right.peer(left)["carries"] in ((1248,) if is_v6 else (1264, 1280)), 20,
               "1,340 less what IP, UDP and the message take, which is padded to sixteen bytes")
    wait.until(lambda: right.ask(left, size=1380) == 5, 20, "both ends know")
    assert right.stat("TOO_LARGE") > 0


# A message of ICMP to HOST: what it sent to OTHER was too large, MTU goes through.
LIAR = """
import socket, struct, sys
host, other, mtu = sys.argv[1], sys.argv[2], int(sys.argv[3])
udp = struct.pack("!HHHH", 51820, 51820, 1400, 0)
if ":" in host:
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.getprotobyname("ipv6-icmp"))
    ip = struct.pack("!IHBB", 6 << 28, 1400, 17, 64) + socket.inet_pton(socket.AF_INET6, host) + socket.inet_pton(socket.AF_INET6, other)
    said = struct.pack("!BBHI", 2, 0, 0, mtu) + ip + udp
else:
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 1420, 1, 0x4000, 64, 17, 0) + socket.inet_aton(host) + socket.inet_aton(other)
    said = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + ip + udp
    total = sum(struct.unpack(f"!{len(said) // 2}H", said))
    total = (total & 0xffff) + (total >> 16)
    said = said[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + said[4:]
for i in range(20):
    s.sendto(said, (host, 0))
"""


@pytest.mark.parametrize("is_v6", [False, True], ids=["v4", "v6"])
def test_nobody_makes_packets_small_by_a_word(lab, is_v6):
    """A third host says to a node that what it sends to its peer is too large: the node goes on as before."""
    left, right, liar = lab.node(2), lab.node(3), lab.node(4)
    place = {n: f"2001:db8::{n.number}" if is_v6 else n.place for n in (left, right)}
    listen = "[::]" if is_v6 else "0.0.0.0"
    left.up(listen=listen, peers=[listed(right)])
    right.up(listen=listen, peers=[listed(left, f"endpoint: '{f'[{place[left]}]' if is_v6 else place[left]}:{PORT}'")])
    left.echo()
    right.reaches(left, size=1380)
    liar.do(sys.executable, "-c", LIAR, place[right], place[left], "1280" if is_v6 else "600")
    for _ in range(3):
        assert right.ask(left, size=1380) == 5
        assert "mtu" not in right.do("ip", "route", "get", place[left]), "what the kernel cuts packets to"


def test_who_moves_and_who_has_two_ways(lab):
    """A host gets another address in the midst of a conversation; then one of its two links is cut."""
    left, right = lab.node(2), lab.node(3)
    for node in (left, right): # a second cable between the two
        node.second = f"203.0.113.{node.number}"
    left.link("second", right, "second", f"{left.second}/24")
    right.do("ip", "address", "add", f"{right.second}/24", "dev", "second")
    middle = lab.node(1)
    middle.up("rendezvous: on", peers=[listed(left), listed(right)])
    for node in (left, right):
        node.up(peers=[listed(middle, f"endpoint: {middle.place}:{PORT}", "rendezvous: on")])
        node.echo()
    right.reaches(left)
    right.wait_way(left, "itself")
    used = right.peer(left)["endpoint"]
    cut = "second" if used.startswith("203.") else "out"
    left.do("ip", "link", "set", cut, "down")
    right.reaches(left)
    wait.until(lambda: right.ask(left, count=1, timeout=0.3) == 1 and right.peer(left)["endpoint"] != used, 20, "by the other link")
    left.do("ip", "link", "set", cut, "up")
    if cut == "out": # which is where the next part looks
        left.do("ip", "link", "set", "second", "down")
        right.reaches(left)
    left.do("ip", "address", "del", f"{left.place}/24", "dev", "out")
    left.do("ip", "address", "add", "198.51.100.77/24", "dev", "out")
    left.reaches(right)
    left.do("ip", "link", "set", "second", "down")
    left.reaches(right)
    wait.until(lambda: left.ask(right, count=1) == 1 and right.peer(left)["endpoint"] == f"198.51.100.77:{PORT}", 20, "at its new place")
