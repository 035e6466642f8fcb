"""The overlay with Debian's wireguard-go on the other side, which nobody here wrote, and Debian's `wg` in front of both.

Longer by a setting: CELL_TEST_OVERLAY=long renews sessions under traffic and lets a peer in under a flood.
"""
import base64
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from support import wait

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_netns, pytest.mark.needs_tool("wireguard-go"),
              pytest.mark.needs_tool("wg"), pytest.mark.needs_tool("ip"), pytest.mark.needs_tool("nsenter"),
              pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="needs /dev/net/tun")]
LONG = os.environ.get("CELL_TEST_OVERLAY") == "long"

# … sends from a socket that hears of errors: prints the errno of the answer, or 0.
REACH = """
import socket, sys
is_v6, size = ":" in sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_DGRAM if size else socket.SOCK_STREAM)
s.settimeout(3)
if size:
    s.setsockopt(*((socket.IPPROTO_IPV6, 25, 1) if is_v6 else (socket.IPPROTO_IP, 11, 1))) # IP_RECVERR
try:
    s.connect((sys.argv[1], 9))
    s.send(b"x" * size)
    s.recv(10)
except TimeoutError:
    print(0)
except OSError as e:
    print(e.errno)
"""
# Runs inside a namespace: echo answers all, ask sends COUNT datagrams and prints how many came back.
PROGRAM = """
import socket, sys, time
mode, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
if mode == "echo":
    s.bind((host, port))
    print("ready", flush=True)
    while True:
        data, place = s.recvfrom(2000)
        s.sendto(data, place)
count, size, every, came = int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6]), 0
s.settimeout(float(sys.argv[7]))
for i in range(count):
    s.sendto(i.to_bytes(4, "big") + bytes(size - 4), (host, port))
    try:
        while s.recv(2000)[:4] != i.to_bytes(4, "big"):
            pass
        came += 1
    except TimeoutError:
        pass
    time.sleep(every)
print(came)
"""
# … sends COUNT initiations with a right first MAC from ports of its own.
FLOOD = """
import hashlib, os, socket, sys
public, host, port, count = bytes.fromhex(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
key = hashlib.blake2s(b"mac1----" + public).digest()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(count):
    m = b"\\1\\0\\0\\0" + os.urandom(112)
    s.sendto(m + hashlib.blake2s(m, key=key, digest_size=16).digest() + bytes(16), (host, port))
"""


def run(*command, stdin=""):
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


class Side:
    """One end of the wire: a namespace, a key, an interface of that name."""

    def __init__(self, lab, number, interface):
        self.lab, self.number, self.interface = lab, number, interface
        self.holder = lab.start("unshare", "-n", "--", "sh", "-c", "echo held; read unused", stdin=subprocess.PIPE)
        self.holder.stdout.readline()
        self.key = run("wg", "genkey")
        self.public = run("wg", "pubkey", stdin=self.key)
        self.key_file = lab.file(f"key-{number}", self.key)
        self.port = 51820 + number
        self.process = None

    @property
    def enter(self):
        return ("nsenter", "-t", str(self.holder.pid), "-n")

    def do(self, *command, stdin=""):
        return run(*self.enter, *command, stdin=stdin)

    def inner(self, version=4):
        return f"10.9.0.{self.number}" if version == 4 else f"fd09::{self.number}"

    def ask(self, other, count=10, size=100, every=0.0, timeout=5.0, version=4):
        """How many of `count` datagrams the other side's echo gives back, one after the other."""
        return int(self.do(sys.executable, "-c", PROGRAM, "ask", other.inner(version), "7000", str(count), str(size), str(every),
                           str(timeout)))

    def echo(self, version=4):
        program = self.lab.start(*self.enter, sys.executable, "-c", PROGRAM, "echo", self.inner(version), "7000")
        assert program.stdout.readline() == "ready\n"

    def of_link(self):
        """This end's address of the link alone."""
        found = lambda: [w for w in self.do("ip", "-6", "-o", "address", "show", "dev", "wire", "scope", "link", "-tentative").split() if w.startswith("fe80:")]
        wait.until(found, 20, "the wire's address")
        return found()[0].split("/")[0]

    def show(self, what):
        """{public key: the rest} of `wg show INTERFACE WHAT`."""
        return dict(line.split("\t", 1) for line in self.do("wg", "show", self.interface, what).splitlines())


class Lab:
    """Two namespaces with a wire between them, `ours` and `theirs`."""

    def __init__(self, build, path):
        self.build, self.path, self.programs = build, path, []
        tag = os.getpid() % 10000
        self.ours, self.theirs = Side(self, 1, f"cell{tag}"), Side(self, 2, f"wgo{tag}")
        run("ip", "link", "add", "wire", "netns", str(self.ours.holder.pid), "type", "veth", "peer", "name", "wire",
            "netns", str(self.theirs.holder.pid))
        for side in (self.ours, self.theirs):
            side.do("ip", "link", "set", "lo", "up")
            side.do("ip", "address", "add", f"192.168.9.{side.number}/24", "dev", "wire")
            side.do("ip", "link", "set", "wire", "up")
        self.psk = self.file("psk", run("wg", "genpsk"))

    def start(self, *command, stdin=None, stderr=None):
        program = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.programs.append(program)
        return program

    def file(self, name, text):
        path = self.path / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return str(path)

    def start_theirs(self, psk=None, endpoint=False):
        side, other = self.theirs, self.ours
        side.process = self.start(*side.enter, "wireguard-go", "-f", side.interface, stderr=subprocess.DEVNULL)
        socket = f"/var/run/wireguard/{side.interface}.sock"
        wait.until(lambda: os.path.exists(socket), 20, "wireguard-go listens")
        place = ["endpoint", f"192.168.9.1:{other.port}"] if endpoint else []
        side.do("wg", "set", side.interface, "private-key", side.key_file, "listen-port", str(side.port), "peer", other.public,
                *(["preshared-key", psk] if psk else []), *place, "allowed-ips", "10.9.0.1/32,fd09::1/128")
        side.do("ip", "address", "add", "10.9.0.2/24", "dev", side.interface)
        side.do("ip", "address", "add", "fd09::2/64", "dev", side.interface, "nodad")
        side.do("ip", "link", "set", side.interface, "mtu", "1420", "up")

    def start_ours(self, psk=None, endpoint=True, more="", name=None, listen="0.0.0.0", peers=True):
        side, other = self.ours, self.theirs
        peer = [f'key: "{other.public}"', 'allowed: ["10.9.0.2/32", "fd09::2/128"]', *([f"psk: {psk}"] if psk else []),
                *([f"name: {name}"] if name else []), *([f"endpoint: 192.168.9.2:{other.port}"] if endpoint else [])]
        config = self.file("config", "\n".join([
            f"interface: {side.interface}", f"listen: \"{listen}:{side.port}\"", f"key: {side.key_file}",
            'address: ["10.9.0.1/24", "fd09::1/64"]', f"control: /var/run/wireguard/{side.interface}.sock", more,
            "peers: [{" + ", ".join(peer) + "}]" if peers else ""]))
        for name in ("run", "state"):
            (self.path / name).mkdir(exist_ok=True)
        self.log = self.path / "log"
        with open(self.log, "a", encoding="utf-8") as log:
            side.process = self.start(*side.enter, self.build.binary("cell-datapath"), "--standalone", "--config", config, "--run",
                                      str(self.path / "run"), "--state", str(self.path / "state"), "--log-level", "debug",
                                      stderr=log)
        ups = self.log.read_text().count("DATAPATH-UP")
        wait.until(lambda: self.log.read_text().count("CELL-READY") > ups or side.process.poll() is not None, 20, "it is ready")
        assert side.process.poll() is None, self.log.read_text()

    def start_second(self, more=""):
        """Where wireguard-go would be, a cell, too."""
        side, other = self.theirs, self.ours
        config = self.file("config-2", "\n".join([
            f"interface: {side.interface}", f"listen: 0.0.0.0:{side.port}", f"key: {side.key_file}",
            'address: ["10.9.0.2/24", "fd09::2/64"]', more,
            f'peers: [{{key: "{other.public}", allowed: ["10.9.0.1/32", "fd09::1/128"], endpoint: "192.168.9.1:{other.port}"}}]']))
        for name in ("run-2", "state-2"):
            (self.path / name).mkdir()
        with open(self.path / "log-2", "w", encoding="utf-8") as log:
            side.process = self.start(*side.enter, self.build.binary("cell-datapath"), "--standalone", "--config", config, "--run",
                                      str(self.path / "run-2"), "--state", str(self.path / "state-2"), stderr=log)
        wait.until(lambda: "CELL-READY" in (self.path / "log-2").read_text(), 20, "the second is ready")

    def stop_ours(self):
        self.ours.process.send_signal(signal.SIGTERM)
        assert self.ours.process.wait(20) == 0, self.log.read_text()

    def close(self):
        for program in reversed(self.programs):
            if program.poll() is None:
                program.kill()
            program.wait(20)
        for side in (self.ours, self.theirs):
            try:
                os.unlink(f"/var/run/wireguard/{side.interface}.sock")
            except FileNotFoundError:
                pass


@pytest.fixture
def lab(build, tmp_path):
    made = Lab(build, tmp_path)
    yield made
    made.close()


def test_wireguard_go_is_a_peer(lab):
    """Both families, a pre-shared key, packets of every size, both ways; we begin. Then what each shows of the other."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs(lab.psk)
    lab.start_ours(lab.psk)
    for version in (4, 6):
        theirs.echo(version)
        ours.echo(version)
    assert ours.ask(theirs) == 10
    assert ours.ask(theirs, version=6, size=1372) == 10 # the mtu, less the heads of IPv6 and UDP
    assert theirs.ask(ours, size=4) == 10 and theirs.ask(ours, version=6, size=1000) == 10
    for side, other in ((ours, theirs), (theirs, ours)):
        assert side.show("endpoints") == {other.public: f"192.168.9.{other.number}:{other.port}"}
        assert int(side.show("latest-handshakes")[other.public]) > 0
        sent, received = (int(n) for n in side.show("transfer")[other.public].split("\t"))
        assert sent > 10000 and received > 10000
        assert side.do("wg", "show", side.interface, "public-key") == side.public


# A stream of COUNT bytes each way at the same time over one connection; prints how many came and their hash on each side.
STREAM = """
import hashlib, socket, sys, threading
mode, host, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if mode == "accept":
    door = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    print("ready", flush=True)
    s = door.accept()[0]
else:
    s = socket.create_connection((host, port), timeout=20)
data = hashlib.shake_256(mode.encode()).digest(count)
sender = threading.Thread(target=s.sendall, args=(data,))
sender.start()
came = bytearray()
while len(came) < count and (part := s.recv(65536)):
    came += part
sender.join()
s.close()
other = hashlib.shake_256({"accept": "connect", "connect": "accept"}[mode].encode()).digest(count)
print("same" if bytes(came) == other else f"{len(came)} of {count}", flush=True)
"""


def test_addresses_of_a_link_have_an_interface(lab):
    """DAT-16, DAT-18: `wg set` names it, or has its number, and `wg show` and our own commands have the name; packets go there, also
    after a restart. An interface that there is not is refused by `wg` itself, and by us, whoever asks."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs()
    lab.start_ours(listen="[::]", peers=False)
    theirs.echo()
    cell = (lab.build.binary("cell"), "--run", str(lab.path / "run"), "--json", "overlay")
    ours.do("ip", "address", "flush", "dev", "wire", "scope", "global") # nothing else leads there
    ours.of_link() # from it packets go, which none do before the kernel knows that it is nobody else's
    at, number = theirs.of_link(), ours.do("ip", "-o", "link", "show", "dev", "wire").split(":")[0]
    shown = f"[{at}%wire]:{theirs.port}"
    for scope in ("wire", number):
        ours.do("wg", "set", ours.interface, "peer", theirs.public, "allowed-ips", "10.9.0.2/32", "endpoint",
                f"[{at}%{scope}]:{theirs.port}")
        assert ours.show("endpoints") == {theirs.public: shown}
    assert ours.ask(theirs) == 10
    assert theirs.show("endpoints")[ours.public].replace("%wire", "") == f"[{ours.of_link()}]:{ours.port}" # which shows none
    lab.stop_ours()
    lab.start_ours(listen="[::]", peers=False)
    assert ours.show("endpoints") == {theirs.public: shown} and ours.ask(theirs) == 10
    run(*cell, "add", theirs.public, "10.9.0.2/32", "--endpoint", f"[fe80::9%{number}]:1")
    run(*cell, "add", theirs.public, "10.9.0.2/32", "--endpoint", shown)
    assert [p["endpoint"] for p in json.loads(run(*cell, "peers"))["peers"]] == [shown]
    asked = subprocess.run([*cell, "add", theirs.public, "--endpoint", f"[{at}%none]:1"], capture_output=True, text=True, check=False, timeout=60)
    assert asked.returncode == 1 and "an interface that there is" in json.loads(asked.stderr)["error"]["message"], asked
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(20)
        control.connect(f"/var/run/wireguard/{ours.interface}.sock")
        control.sendall(f"set=1\npublic_key={base64.b64decode(theirs.public).hex()}\nendpoint=[{at}%none]:1\n\n".encode())
        assert control.recv(100) == b"errno=-22\n\n"
    assert ours.show("endpoints") == {theirs.public: shown}


@pytest.mark.parametrize("offload", ["auto", "off"])
def test_streams_arrive_as_they_were_sent(lab, offload):
    """Both ways at once, over both families, in large pieces and in single packets: what the kernels leave to us to cut and
    to join is cut and joined right, for wireguard-go too, which does neither."""
    lab.start_theirs()
    lab.start_ours(more=f'offload: "{offload}"')
    for version in (4, 6):
        far = lab.start(*lab.theirs.enter, sys.executable, "-c", STREAM, "accept", lab.theirs.inner(version), "7100", "3000000")
        assert far.stdout.readline() == "ready\n"
        assert lab.ours.do(sys.executable, "-c", STREAM, "connect", lab.theirs.inner(version), "7100", "3000000") == "same"
        assert far.stdout.readline() == "same\n"
    stats = json.loads(run(lab.build.binary("cell"), "--run", str(lab.path / "run"), "--json", "overlay", "stats"))
    counts = {c["name"]: int(c["value"]) for c in stats["counts"]}
    if offload == "auto" and stats["trains"] and stats["offloads"] != "none":
        assert counts["READ_CALLS"] < counts["READ"] / 2, "several packets a call"
    else:
        assert counts["READ_CALLS"] == counts["READ"] and counts["WRITTEN_CALLS"] == counts["WRITTEN"]


# The marks in the counters of datagrams that leave here, each once: 3 is AES and an unfinished checksum, 2 is AES, 0 is WireGuard's.
MARKS = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("wire", 3))
print("ready", flush=True)
seen = set()
while True:
    frame, place = s.recvfrom(70000)
    if place[2] == 4 and frame[12:14] == b"\\x08\\x00" and frame[23] == 17 and frame[42] == 4 and len(frame) > 100:
        mark = frame[57] >> 6
        if mark not in seen:
            seen.add(mark)
            print(mark, flush=True)
"""


# A DNS server on HOST: whatever is asked for, the address of IPv4 in FILE, for a second.
NAMED = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    asked, place = s.recvfrom(2000)
    at = 12
    while asked[at]:
        at += 1 + asked[at]
    found = [socket.inet_aton(open(sys.argv[2]).read().strip())] if asked[at + 1:at + 3] == b"\\0\\1" else []
    said = b"".join(b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4" + ip for ip in found)
    s.sendto(asked[:2] + b"\\x81\\x80\\0\\1\\0" + bytes([len(found)]) + bytes(4) + asked[12:at + 5] + said, place)
"""


def test_an_endpoint_is_a_name_that_moves(lab):
    """His address changes while both are silent, and while we speak to him who cannot know where to answer: DNS says where he is. Who speaks
    to us himself from elsewhere is there, whatever his name says."""
    ours, theirs = lab.ours, lab.theirs
    at = lab.file("at", "192.168.9.2")
    lab.start_theirs()
    theirs.do("ip", "address", "add", "192.168.9.53/24", "dev", "wire")
    named = lab.start(*theirs.enter, sys.executable, "-c", NAMED, "192.168.9.53", at)
    assert named.stdout.readline() == "ready\n"
    lab.start_ours(peers=False, more=f'dns_servers: [192.168.9.53]\npeers: [{{key: "{theirs.public}", allowed: [10.9.0.2/32], '
                   f'endpoint: "Gate.Example.org:{theirs.port}"}}]')
    theirs.echo()
    ours.echo()

    def move(old, new):
        theirs.do("ip", "address", "del", f"{old}/24", "dev", "wire")
        theirs.do("ip", "address", "add", f"{new}/24", "dev", "wire")
        lab.file("at", new)

    shown = lambda: ours.show("endpoints")[theirs.public]
    wait.until(lambda: shown() == f"192.168.9.2:{theirs.port}", 20, "the name is known")
    assert ours.ask(theirs) == 10
    move("192.168.9.2", "192.168.9.22")
    wait.until(lambda: shown() == f"192.168.9.22:{theirs.port}", 60, "he moved while nobody spoke")
    # wireguard-go answers from the address that it had until the next handshake, 15 s after that.
    wait.until(lambda: ours.ask(theirs, count=1, timeout=0.3) == 1, 60, "he is there")
    move("192.168.9.22", "192.168.9.23")
    wait.until(lambda: ours.ask(theirs, count=1, timeout=0.3) == 1, 60, "he is found while we speak")
    assert shown() == f"192.168.9.23:{theirs.port}"
    theirs.do("wg", "set", theirs.interface, "listen-port", "40000")
    assert theirs.ask(ours, count=3) == 3
    assert ours.ask(theirs, count=7, every=1.0) == 7, "the name was asked for meanwhile, and has no say"
    assert shown() == "192.168.9.23:40000"


def wrong_sums(side):
    names, values = [line.split() for line in side.do("cat", "/proc/net/snmp").splitlines() if line.startswith("Tcp:")]
    return int(values[names.index("InCsumErrors")])


@pytest.mark.parametrize("theirs", ["auto", "off"])
def test_streams_between_two_of_ours_have_their_sums(lab, theirs):
    """Neither side sums what the other's kernel left unfinished, and both kernels are content; but only where that was said."""
    lab.start_ours()
    lab.start_second(f'offload: "{theirs}"')
    lab.theirs.echo()
    assert lab.ours.ask(lab.theirs, every=0.05) == 10
    marks = {side: lab.start(*side.enter, sys.executable, "-c", MARKS) for side in (lab.ours, lab.theirs)}
    assert all(program.stdout.readline() == "ready\n" for program in marks.values())
    for version in (4, 6):
        far = lab.start(*lab.theirs.enter, sys.executable, "-c", STREAM, "accept", lab.theirs.inner(version), "7100", "3000000")
        assert far.stdout.readline() == "ready\n"
        assert lab.ours.do(sys.executable, "-c", STREAM, "connect", lab.theirs.inner(version), "7100", "3000000") == "same"
        assert far.stdout.readline() == "same\n"
    assert wrong_sums(lab.ours) == 0 and wrong_sums(lab.theirs) == 0
    seen = {}
    for side, program in marks.items():
        program.kill()
        seen[side] = set(program.stdout.read().split())
    stats = json.loads(run(lab.build.binary("cell"), "--run", str(lab.path / "run"), "--json", "overlay", "stats"))
    if "2" not in seen[lab.ours] | seen[lab.theirs]:
        pytest.skip("no AES here that is faster")
    assert "3" not in seen[lab.theirs] if theirs == "off" or stats["offloads"] == "none" else "3" in seen[lab.theirs]
    assert ("3" in seen[lab.ours]) == (theirs == "auto" and stats["offloads"] != "none")


def test_wireguard_go_begins(lab):
    """It knows where we are and we do not know where it is: its handshake says so."""
    lab.start_theirs(endpoint=True)
    lab.start_ours(endpoint=False)
    lab.ours.echo()
    assert lab.theirs.ask(lab.ours) == 10
    assert lab.ours.show("endpoints") == {lab.theirs.public: f"192.168.9.2:{lab.theirs.port}"}


def test_either_side_may_move(lab):
    """Another address or port in the middle of a conversation: the next authentic packet says where its sender is."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs()
    lab.start_ours()
    theirs.echo()
    ours.echo()
    assert ours.ask(theirs) == 10
    ours.do("ip", "address", "del", "192.168.9.1/24", "dev", "wire")
    ours.do("ip", "address", "add", "192.168.9.11/24", "dev", "wire")
    assert ours.ask(theirs, count=3) == 3 # who moved speaks: nobody else can know
    assert theirs.show("endpoints") == {ours.public: f"192.168.9.11:{ours.port}"}
    assert theirs.ask(ours, count=3) == 3
    theirs.do("wg", "set", theirs.interface, "listen-port", "40000") # as if a NAT had forgotten it
    assert theirs.ask(ours, count=3) == 3
    assert ours.show("endpoints") == {theirs.public: "192.168.9.2:40000"}
    assert ours.ask(theirs, count=3) == 3


def test_who_reaches_nobody_is_told(lab):
    """An address of the overlay that no peer has: its sender hears of it at once, as of WireGuard in the kernel, and not only that nothing
    comes. A flood of it is not answered one for one."""
    ours = lab.ours
    lab.start_ours()
    ours.do("wg", "set", ours.interface, "peer", run("wg", "pubkey", stdin=run("wg", "genkey")), "allowed-ips", "10.9.0.78/32,fd09::78/128")
    for to in ("10.9.0.77", "fd09::77", "10.9.0.78", "fd09::78"): # the last two are a peer's, of whom nobody knows where he is
        for size in (1, 1300, 0): # of UDP, and TCP
            assert int(ours.do(sys.executable, "-c", REACH, to, str(size))) == errno.EHOSTUNREACH, to
    ours.do(sys.executable, "-c", "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "for i in range(2000):\n    s.sendto(b'x', ('10.9.0.77', 9))")
    stats = json.loads(run(lab.build.binary("cell"), "--run", str(lab.path / "run"), "--json", "overlay", "stats"))
    assert 4 < {c["name"]: int(c["value"]) for c in stats["counts"]}["UNREACHED"] < 1000


def test_another_psk_is_no_peer(lab):
    """Nothing goes through; `wg set` mends it while both run."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs(lab.psk)
    lab.start_ours(lab.file("other", run("wg", "genpsk")))
    theirs.echo()
    assert ours.ask(theirs, count=1, timeout=1.0) == 0
    assert ours.show("latest-handshakes")[theirs.public] == "0"
    ours.do("wg", "set", ours.interface, "peer", theirs.public, "preshared-key", lab.psk)
    assert ours.ask(theirs, count=1, timeout=10.0) == 1, "with the next try, after five seconds"


def test_wg_sets_peers(lab):
    """A peer is made, changed and removed by `wg`; what would need privilege is refused."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs()
    lab.start_ours()
    theirs.echo()
    ours.do("wg", "set", ours.interface, "peer", theirs.public, "remove")
    assert ours.ask(theirs, count=1, timeout=0.5) == 0 and ours.show("peers") == {}
    ours.do("wg", "set", ours.interface, "peer", theirs.public, "endpoint", f"192.168.9.2:{theirs.port}", "allowed-ips",
            "10.9.0.2/32", "persistent-keepalive", "25")
    wait.until(lambda: ours.ask(theirs, count=1, timeout=1.0) == 1, 10, "it speaks again")
    assert ours.show("allowed-ips") == {theirs.public: "10.9.0.2/32"}
    assert ours.show("persistent-keepalive") == {theirs.public: "25"}
    for words in (("listen-port", "1"), ("private-key", theirs.key_file), ("fwmark", "1")):
        with pytest.raises(subprocess.CalledProcessError):
            ours.do("wg", "set", ours.interface, *words)
    ours.do("wg", "set", ours.interface, "listen-port", str(ours.port), "private-key", ours.key_file)
    for line, key in (("listen_port", "listen"), ("private_key", "key"), ("fwmark", "mark")):
        assert f"DATAPATH-CONTROL-FIXED default/datapath.0 line={line} " in lab.log.read_text() and f"`{key}` of the configuration" in lab.log.read_text()


def test_a_mark_leads_round_the_overlay(lab):
    """DAT-16: what `wg show` has as fwmark. All that the host says goes into the overlay, but for the overlay's own datagrams."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs()
    lab.start_ours(more="mark: 51820")
    theirs.echo()
    assert ours.do("wg", "show", ours.interface, "fwmark") == "0xca6c"
    ours.do("wg", "set", ours.interface, "fwmark", "0xca6c", "peer", theirs.public, "allowed-ips", "0.0.0.0/0")
    ours.do("ip", "route", "add", "default", "dev", ours.interface, "table", "51820")
    ours.do("ip", "rule", "add", "not", "fwmark", "0xca6c", "table", "51820")
    assert ours.ask(theirs) == 10
    stats = json.loads(run(lab.build.binary("cell"), "--run", str(lab.path / "run"), "--json", "overlay", "stats"))
    counts = {c["name"]: int(c["value"]) for c in stats["counts"]}
    assert counts["LOOPED"] == 0 and counts["UNSENT"] == 0
    with pytest.raises(subprocess.CalledProcessError):
        ours.do("wg", "set", ours.interface, "fwmark", "0")


def test_wg_gives_two_thousand_peers_at_once(lab):
    """DAT-16: as `wg setconf` says them, with all that a peer has, in one request; traffic goes on, and they are there after a restart."""
    ours, theirs = lab.ours, lab.theirs
    text = [f"[Interface]\nPrivateKey = {ours.key}\nListenPort = {ours.port}\n[Peer]\nPublicKey = {theirs.public}\n"
            f"AllowedIPs = 10.9.0.2/32\nEndpoint = 192.168.9.2:{theirs.port}"]
    some = lambda: base64.b64encode(os.urandom(32)).decode()
    text += [f"[Peer]\nPublicKey = {some()}\nPresharedKey = {some()}\nAllowedIPs = 10.{20 + i // 250}.{i % 250}.0/24, fd10:{i:x}::/64\n"
             f"Endpoint = 192.0.2.1:{20000 + i}\nPersistentKeepalive = 65535" for i in range(2000)]
    said = lab.file("peers.conf", "\n".join(text))
    shown = lambda: sorted(part.strip() for part in ours.do("wg", "showconf", ours.interface).split("\n\n"))
    lab.start_theirs()
    lab.start_ours(more="room: 4096", peers=False)
    theirs.echo()
    begun = time.monotonic()
    ours.do("wg", "setconf", ours.interface, said)
    ours.do("wg", "setconf", ours.interface, said)
    assert time.monotonic() - begun < 10, "what it takes grows with the peers, not with their square: packets wait meanwhile"
    before = shown()
    assert len(before) == 2002 and ours.ask(theirs) == 10
    ours.do("wg", "syncconf", ours.interface, said)
    assert shown() == before
    lab.stop_ours()
    lab.start_ours(more="room: 4096", peers=False)
    assert shown() == before and ours.ask(theirs) == 10


def test_who_hangs_keeps_nobody_from_wg(lab):
    """Programs that connected and say nothing, half of a request, or do not read what they asked for."""
    lab.start_ours()
    ours, held = lab.ours, []
    for i in range(20):
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].connect(f"/var/run/wireguard/{ours.interface}.sock")
        if i % 3:
            held[-1].sendall(b"get=1\n" if i % 3 == 1 else b"get=1\n\n")
    for _ in range(3):
        assert run("timeout", "20", *ours.enter, "wg", "show", ours.interface, "listen-port") == str(ours.port)
    for one in held:
        one.close()


def test_it_holds_nothing(lab):
    """DAT-15: the packet loop has no capability and a filter, by what the kernel says; no key is in its log; and after a
    restart it is heard at once."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs(lab.psk)
    lab.start_ours(lab.psk)
    theirs.echo()
    assert ours.ask(theirs) == 10
    with open(f"/proc/{ours.process.pid}/status", encoding="utf-8") as f:
        status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
    lab.stop_ours()
    lab.start_ours(lab.psk)
    assert ours.ask(theirs, count=3) == 3
    text = lab.log.read_text()
    for secret in (ours.key, open(lab.psk, encoding="utf-8").read().strip()):
        raw = base64.b64decode(secret)
        assert all(form not in text for form in (secret, raw.hex(), secret[:12], raw.hex()[:12]))


def test_who_has_nothing_to_do_sleeps(lab):
    """Answers are waited for awake, but nobody who is silent: after 500 questions in a row 20 more, one in 100 ms, take next
    to nothing of a processor, and silence nothing."""
    ours, theirs = lab.ours, lab.theirs

    def used_s():
        with open(f"/proc/{ours.process.pid}/stat", encoding="utf-8") as f:
            return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    lab.start_theirs()
    lab.start_ours()
    theirs.echo()
    assert ours.ask(theirs, count=500) == 500
    before = used_s()
    assert ours.ask(theirs, count=20, every=0.1) == 20
    assert used_s() - before <= 0.2


def test_a_key_that_others_may_read_is_refused(lab):
    for name, others in ((lab.ours.key_file, 0o640), (lab.psk, 0o604)):
        os.chmod(name, others)
        with pytest.raises(AssertionError, match=f"DATAPATH-SECRET-OPEN.*file={name} mode=0{others:o}"):
            lab.start_ours(psk=lab.psk)
        os.chmod(name, 0o600)
    lab.start_ours(psk=lab.psk)


# Asks HOST PORT for NAME TYPE … by DNS, and prints of each answer the code and the data, in hexadecimal.
RESOLVE = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5.0)
for name, kind in zip(sys.argv[3::2], sys.argv[4::2]):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\\0"
    s.sendto(b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + labels + int(kind).to_bytes(2, "big") + b"\\0\\1", (sys.argv[1], int(sys.argv[2])))
    answer = s.recv(2000)
    at, data = 16 + len(labels), []
    for _ in range(int.from_bytes(answer[6:8], "big")):
        size = int.from_bytes(answer[at + 10:at + 12], "big")
        data.append(answer[at + 12:at + 12 + size].hex())
        at += 12 + size
    print(answer[3] & 15, *data)
"""


def test_nodes_have_names(lab):
    """DAT-18: by DNS where they are and who is there, and in our own commands."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs()
    lab.start_ours(more="name: near\nzone: lab.internal\ndns: 127.0.0.1:7453", name="far")
    said = ours.do(sys.executable, "-c", RESOLVE, "127.0.0.1", "7453", "far.lab.internal", "1", "FAR.Lab.internal", "28",
                   "near.lab.internal", "1", "nobody.lab.internal", "1", "example.org", "1", "2.0.9.10.in-addr.arpa", "12")
    assert said.splitlines() == ["0 0a090002", "0 fd09" + "00" * 13 + "02", "0 0a090001", "3", "5",
                                 "0 03" + b"far".hex() + "03" + b"lab".hex() + "08" + b"internal".hex() + "00"]
    cell = (lab.build.binary("cell"), "--run", str(lab.path / "run"), "--json", "overlay")
    assert [p["name"] for p in json.loads(run(*cell, "peers"))["peers"]] == ["far"]
    assert len(json.loads(run(*cell, "ping", "far", "--count", "1"))["rtt_us"]) == 1
    status = json.loads(run(*cell, "status"))
    assert (status["name"], status["zone"], status["answers_dns"]) == ("near", "lab.internal", True)
    with pytest.raises(subprocess.CalledProcessError):
        run(*cell, "ping", "nobody", "--count", "1")


def test_what_is_missing_is_named(lab):
    """What the host has otherwise than the configuration says it: nothing is started, and the log has the thing and not only an errno."""
    ours = lab.ours

    def refused(words, **config):
        with pytest.raises(AssertionError, match=words):
            lab.start_ours(**config)

    hold = lab.start(*ours.enter, sys.executable, "-c", f"import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                     f"s.bind(('', {ours.port}))\nprint('ready', flush=True)\ntime.sleep(600)", stdin=None)
    assert hold.stdout.readline() == "ready\n"
    refused("DATAPATH-LISTEN.*another program has this port")
    hold.kill()
    hold.wait(20)
    refused("DATAPATH-LISTEN.*no interface of this host has this address", listen="192.0.2.1")
    refused("DATAPATH-DNS.*no interface of this host", more="dns: 192.0.2.1:53")
    ours.do("ip", "tuntap", "add", "dev", ours.interface, "mode", "tun", "multi_queue")
    refused("DATAPATH-TUN.*an interface of that name, and it is no TUN of one queue")
    ours.do("ip", "link", "del", ours.interface)
    ours.do("sysctl", "-wq", "net.ipv6.conf.default.disable_ipv6=1")
    refused("DATAPATH-TUN.*the interface has no IPv6")
    ours.do("sysctl", "-wq", "net.ipv6.conf.default.disable_ipv6=0")


@pytest.mark.needs_tool("nft")
def test_a_filter_that_holds_us_back_is_told(lab):
    lab.start_ours()
    ours = lab.ours
    ours.do("nft", "-f", "-", stdin=f"table inet t {{ chain o {{ type filter hook output priority 0; udp sport {ours.port} drop; }}; }}")
    ours.ask(lab.theirs, count=1, timeout=1.0)
    wait.until(lambda: "DATAPATH-UNSENT" in lab.log.read_text(), 20, "it is told")
    assert 'reason="Operation not permitted"' in lab.log.read_text() and "nft list ruleset" in lab.log.read_text()


def test_commands_of_peers_and_pings(lab):
    """What is not said of a peer stays; a host's name is asked for; pings that are lost are counted, and those that were answered told;
    a capture ends when who read it is gone, also when there is nothing to write."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs()
    lab.start_ours(name="far")
    theirs.echo()
    assert ours.ask(theirs, count=1) == 1
    cell = (*ours.enter, lab.build.binary("cell"), "--run", str(lab.path / "run"))
    peer = lambda: [p for p in json.loads(run(*cell, "--json", "overlay", "peers"))["peers"] if p["public_key"] == theirs.public][0]
    run(*cell, "overlay", "add", theirs.public, "--keepalive", "7")
    run(*cell, "overlay", "add", theirs.public, "10.9.3.0/24")
    assert (peer()["keepalive_s"], peer()["endpoint"], len(peer()["allowed"])) == (7, f"192.168.9.2:{theirs.port}", 3)
    run(*cell, "overlay", "add", theirs.public, "--keepalive", "0")
    assert peer()["keepalive_s"] == 0
    run(*cell, "overlay", "add", theirs.public, "--endpoint", "localhost:5")
    assert peer()["endpoint"] == "127.0.0.1:5"
    run(*cell, "overlay", "add", theirs.public, "--endpoint", f"192.168.9.2:{theirs.port}")
    for wrong, words in (("nobody.invalid:5", "nobody.invalid"), ("localhost", "an address in numbers"), ("localhost:0x5", "localhost")):
        made = subprocess.run([*cell, "overlay", "add", theirs.public, "--endpoint", wrong], capture_output=True, text=True, check=False, timeout=60)
        assert made.returncode == 1 and words in made.stderr, made
    said = json.loads(run(*cell, "--json", "overlay", "ping", "far", "--count", "2"))
    assert (len(said["rtt_us"]), said["sent"], said["received"]) == (2, 2, 2)
    theirs.do("nft", "-f", "-", stdin="table inet t { chain i { type filter hook input priority 0; icmp type echo-request numgen inc mod 2 0 drop; }; }")
    said = json.loads(run(*cell, "--json", "overlay", "ping", "far", "--count", "4"))
    assert (len(said["rtt_us"]), said["sent"], said["received"]) == (2, 4, 2)
    text = run(*cell, "overlay", "ping", "far", "--count", "2")
    assert "far: no echo within 2 s" in text and "2 asked, 1 answered, 50 % lost; least/mean/most " in text
    reader = subprocess.Popen([*cell, "overlay", "capture", "--out", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert len(os.read(reader.stdout.fileno(), 24)) == 24, "the head of the file"
    reader.stdout.close()
    assert reader.wait(20) == 0


def test_the_control_socket_of_another_is_left_alone(lab):
    path = f"/var/run/wireguard/{lab.ours.interface}.sock"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        with pytest.raises(AssertionError, match="DATAPATH-CONTROL-OPEN.*EXISTS"):
            lab.start_ours()
    lab.start_ours() # it was killed: its name is free


def test_it_ends_with_its_interface(lab):
    """Without privilege it cannot make another: it says so and ends, and whoever started it decides."""
    lab.start_ours()
    lab.ours.do("ip", "link", "del", lab.ours.interface)
    wait.until(lambda: lab.ours.process.poll() is not None, 20, "it ended")
    assert "DATAPATH-TUN-GONE" in lab.log.read_text()


@pytest.mark.skipif(not LONG, reason="CELL_TEST_OVERLAY=long has it")
def test_a_session_is_renewed_under_traffic(lab):
    """Every ten seconds, for half a minute: not one packet is lost."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs(lab.psk)
    lab.start_ours(lab.psk, more="rekey: 10")
    theirs.echo()
    assert ours.ask(theirs, count=1) == 1
    assert ours.ask(theirs, count=1500, every=0.02) == 1500
    assert lab.log.read_text().count("DATAPATH-SESSION") >= 3


@pytest.mark.skipif(not LONG, reason="CELL_TEST_OVERLAY=long has it")
def test_a_peer_gets_in_under_a_flood(lab):
    """Forged initiations, more than the budget: wireguard-go is asked for a cookie, takes it, and is let in."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_ours(endpoint=False)
    ours.echo()
    public = base64.b64decode(ours.public).hex()
    flood = lab.start(*theirs.enter, sys.executable, "-c", FLOOD, public, "192.168.9.1", str(ours.port), "1000000")
    lab.start_theirs(endpoint=True)
    assert theirs.ask(ours, count=1, timeout=25.0) == 1
    assert flood.poll() is None, "the flood goes on"
    cookies = run(lab.build.binary("cell"), "--run", str(lab.path / "run"), "call", "datapath.Status", "{}")
    assert '"COOKIES","value":"0"' not in cookies


def test_psks_follow_from_a_secret(lab):
    """DAT-2: with a cluster's secret the pair has a pre-shared key that `wg` shows, and not the secret."""
    secret = lab.file("secret", "correct horse battery staple")
    lab.start_ours(more=f"secret: {secret}\ncluster: one\ncontext: overlay")
    psk = lab.ours.show("preshared-keys")[lab.theirs.public]
    assert len(base64.b64decode(psk)) == 32 and psk != base64.b64encode(bytes(32)).decode()
    assert "horse" not in lab.log.read_text()
