"""Ethernet frames between nodes of the overlay: each has a TAP interface beside the other, frames are sent and seen there by
programs of their own."""
import base64
import os
import signal
import struct
import subprocess
import sys
import time

import pytest

from support import framer, wait
from test_overlay import STREAM

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_netns]

PORT = 51820
TAP = "cell-l2-0"
KIND = 0x88b5 # for experiments: IEEE 802, section 9.2.4
ALL = bytes.fromhex("ffffffffffff")
HERE = os.path.dirname(os.path.realpath(__file__))
FRAMER = os.path.join(HERE, "..", "support", "framer.py")
# Inside a node: `send` puts frames, a line of hex each, onto the interface; `see` shows those of KIND that come: their tag or -,
# and their hex; `echo` and `ask` are UDP, with packets that may not be cut.
PROGRAM = """
import socket, struct, sys
mode, interface = sys.argv[1], sys.argv[2]
if mode in ("send", "see"):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3 if mode == "see" else 0))
    s.bind((interface, 3 if mode == "see" else 0))
    s.setsockopt(263, 8, 1) # SOL_PACKET, PACKET_AUXDATA: the kernel takes tags off
    print("ready", flush=True)
    if mode == "send":
        for line in sys.stdin:
            try:
                s.send(bytes.fromhex(line))
            except OSError:
                break # the node ends before this does
            print("sent", flush=True)
        sys.exit()
    while True:
        frame, more, flags, place = s.recvmsg(20000, 1000)
        status, _, _, _, _, tag, _ = struct.unpack("=IIIHHHH", more[0][2][:20])
        if place[2] != 4 and frame[12:14] == bytes.fromhex("88b5"): # not what was sent here
            print(tag & 0xfff if status & 16 else "-", frame.hex(), flush=True)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 2) # IP_MTU_DISCOVER: always
if mode == "echo":
    s.bind((interface, 7001))
    print("ready", flush=True)
    while True:
        data, place = s.recvfrom(20000)
        s.sendto(data, place)
size, count, came = int(sys.argv[3]), int(sys.argv[4]), 0
s.settimeout(3)
for i in range(count):
    text = (i.to_bytes(4, "big") * (size // 4 + 1))[:size]
    s.sendto(text, (interface, 7001))
    try:
        while s.recv(20000) != text:
            pass
        came += 1
    except OSError:
        pass
print(came)
"""


def entry(index, mtu=1500, **config):
    return {"name": "datapath", "serves": ["datapath.*"],
            "sandbox": {"write": ["state"], "listen": [{"name": "overlay", "at": f"udp://0.0.0.0:{PORT}"}],
                        "tun": [{"name": "overlay", "interface": "cell0", "address": [f"10.9.0.{index + 1}/24"]}],
                        "tap": [{"name": "overlay", "interface": TAP, "address": [f"10.8.0.{index + 1}/24"], "mtu": mtu}]},
            "restart": {"first": 0, "give_up": "16 in 10m"}, "config": config}


def overlay(node, *words):
    return node.cli("overlay", *words, json=True)


def counts(node):
    return {c["name"]: int(c["value"]) for c in overlay(node, "stats")["counts"]}


def know_each_other(cluster):
    keys = [overlay(node, "status")["public_key"] for node in cluster]
    for i, node in enumerate(cluster):
        for k, other in enumerate(cluster):
            if k != i:
                overlay(node, "add", keys[k], f"10.9.0.{k + 1}/32", "--endpoint", f"{other.address}:{PORT}")


class Cable:
    """A node's end of it."""

    def __init__(self, node):
        self.node = node
        self.sender = self.start("send", stdin=subprocess.PIPE)
        self.seer = self.start("see")
        os.set_blocking(self.seer.stdout.fileno(), False)
        self.seen, self.rest = [], ""

    def start(self, mode, **options):
        made = self.node.program(sys.executable, "-c", PROGRAM, mode, TAP, stdout=subprocess.PIPE, text=True, **options)
        assert made.stdout.readline() == "ready\n"
        return made

    def send(self, to, source, text=b"", tag=None):
        frame = to + source + (b"" if tag is None else struct.pack(">HH", 0x8100, tag)) + struct.pack(">H", KIND) + text
        self.sender.stdin.write(frame.hex() + "\n")
        self.sender.stdin.flush()
        assert self.sender.stdout.readline() == "sent\n"

    def look(self):
        """[(tag, frame)] of all that came so far."""
        try:
            self.rest += os.read(self.seer.stdout.fileno(), 1 << 20).decode()
        except BlockingIOError:
            pass
        *lines, self.rest = self.rest.split("\n")
        self.seen += [(tag, bytes.fromhex(frame)) for tag, frame in (line.split() for line in lines)]
        return self.seen

    def texts(self):
        return [frame[14:] for _, frame in self.look()]


def hardware(cable):
    """The hardware address of its interface."""
    words = cable.node.execute(["/bin/ip", "-oneline", "link", "show", "dev", TAP]).out.split()
    return words[words.index("link/ether") + 1]


def mac(number):
    return bytes([2, 0, 0, 0, 0, number])


@pytest.fixture
def cables(make_cluster):
    """As many nodes as asked for, all of which take frames of all others."""
    def make(count, **more):
        cluster = make_cluster(count, lambda index: [entry(index, **more)])
        cluster.up()
        know_each_other(cluster)
        made = [Cable(node) for node in cluster]

        def all_know():
            for i, cable in enumerate(made):
                cable.send(ALL, mac(100 + i), b"hello")
            return all(int(overlay(node, "status")["frames"]["peers"]) == count - 1 for node in cluster)
        wait.until(all_know, 30, "all take frames of all", poll=0.2)
        return made
    return make


def test_two_nodes_exchange_frames(cables):
    """What is sent at one comes at the other, byte for byte, with its tag; a full packet of another Ethernet goes in pieces; a
    cell that begins anew has the same interface."""
    ours, theirs = cables(2)
    sizes = [0, 1, 46, 100, 1000, 1390, 1391, 1392, 1393, 1500]
    for size in sizes:
        ours.send(mac(2), mac(1), b"%04d" % size + bytes(i % 251 for i in range(size))[4:])
    ours.send(ALL, mac(1), b"tagged" * 200, tag=0x2000 | 77)
    wait.until(lambda: b"tagged" * 200 in theirs.texts(), 10, "the last one")
    texts = theirs.texts()
    for size in sizes:
        text = b"%04d" % size + bytes(i % 251 for i in range(size))[4:]
        assert texts.count(text) == 1, (size, [len(t) for t in texts])
    tags = [tag for tag, frame in theirs.seen if frame[14:] == b"tagged" * 200]
    assert tags == ["77"]
    echo = theirs.node.program(sys.executable, "-c", PROGRAM, "echo", "10.8.0.2", stdout=subprocess.PIPE, text=True)
    assert echo.stdout.readline() == "ready\n"

    def ask(size, count):
        return int(ours.node.execute([sys.executable, "-c", PROGRAM, "ask", "10.8.0.2", str(size), str(count)], timeout=60).out)

    before = counts(ours.node)
    assert ask(1472, 20) == 20, "packets of 1,500 bytes that may not be cut"
    after = counts(ours.node)
    assert after["FRAMES_ONE"] - before["FRAMES_ONE"] >= 20 and after["PIECES_WHOLE"] - before["PIECES_WHOLE"] >= 20
    assert after["FRAMES_DATAGRAMS"] - before["FRAMES_DATAGRAMS"] >= 40, "each in two"
    assert counts(theirs.node)["PIECES_LATE"] == 0 and after["FRAMES_UNWRITTEN"] == after["FRAMES_MISFITS"] == 0
    address = hardware(ours)
    old = ours.node.kill("datapath", 0)
    ours.node.wait_until(lambda: ours.node.instance("datapath")["pid"] not in (old, 0), 20, "another process")
    ours.node.wait_state("datapath", "ready", 20)
    assert hardware(ours) == address
    wait.until(lambda: ask(1472, 1) == 1, 30, "it speaks again")
    shown = ours.node.cli("overlay", "status")
    assert f"frames by {TAP}, mtu 1500: 1 peers take them" in shown, shown


# Messages of 1,400 bytes of which the kernel is handed ten at a time, and who counts them.
MESSAGES = """
import socket, sys, time
mode, host, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), 1400
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if mode == "count":
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind((host, 7002))
    s.settimeout(5)
    print("ready", flush=True)
    came = set()
    try:
        while len(came) < count:
            text = s.recv(20000)
            if len(text) == size and text == text[:4] * (size // 4):
                came.add(text[:4])
    except OSError:
        pass
    print(len(came), flush=True)
    sys.exit()
s.setsockopt(socket.IPPROTO_UDP, 103, size) # UDP_SEGMENT
for i in range(0, count, 10):
    s.sendto(b"".join(k.to_bytes(4, "big") * (size // 4) for k in range(i, i + 10)), (host, 7002))
    time.sleep(0.01) # the receiver's buffer is small
"""


@pytest.mark.parametrize("offload", ["auto", "off"])
def test_streams_go_uncut_and_messages_whole(cables, offload):
    """What the kernel leaves uncut at one end is joined at the other: a stream is what it was, both ways, in far fewer calls than
    frames, none of which needs pieces; messages of UDP that are longer than a datagram go in pieces, each as it was."""
    ours, theirs = cables(2, offload=offload)
    far = theirs.node.program(sys.executable, "-c", STREAM, "accept", "10.8.0.2", "7100", "6000000", stdout=subprocess.PIPE, text=True)
    assert far.stdout.readline() == "ready\n"
    before = counts(ours.node)
    assert ours.node.execute([sys.executable, "-c", STREAM, "connect", "10.8.0.2", "7100", "6000000"], timeout=60).out == "same\n"
    assert far.stdout.readline() == "same\n"
    n = {name: value - before[name] for name, value in counts(ours.node).items()}
    if offload == "auto":
        assert n["FRAMES_READ"] < n["FRAMES_SENT"] / 2 and n["FRAMES_WRITTEN_CALLS"] < n["FRAMES_WRITTEN"] / 2, n
        assert n["FRAMES_DATAGRAMS"] < n["FRAMES_SENT"] * 1.1, n
    else:
        assert n["FRAMES_READ"] == n["FRAMES_SENT"] and n["FRAMES_WRITTEN_CALLS"] == n["FRAMES_WRITTEN"], n
    far = theirs.node.program(sys.executable, "-c", MESSAGES, "count", "10.8.0.2", "200", stdout=subprocess.PIPE, text=True)
    assert far.stdout.readline() == "ready\n"
    ours.node.execute([sys.executable, "-c", MESSAGES, "send", "10.8.0.2", "200"], timeout=60)
    assert far.stdout.readline() == "200\n"
    n = {name: value - before[name] for name, value in counts(ours.node).items()}
    assert n["FRAMES_MISFITS"] == n["FRAMES_UNWRITTEN"] == 0 and counts(theirs.node)["FRAMES_UNWRITTEN"] == 0


def test_frames_are_seen_and_addresses_told(cables, tmp_path):
    """A capture of frames has what the interface has, as tcpdump reads it, and no packet of the other interface; where addresses
    are is told with peers and with the state, sixteen of each place. Who has no interface for frames captures none."""
    ours, theirs = cables(2)
    key = overlay(theirs.node, "status")["public_key"]
    path = tmp_path / "frames.pcap"
    made = ours.node.program(ours.node.build.binary("cell"), "--run", ours.node.run, "overlay", "capture", "--frames", "--snap", "65535",
                             "--out", str(path), "--duration", "5m", stdout=subprocess.PIPE, text=True)
    ours.node.wait_until(lambda: "of=frames" in ours.node.log("datapath"), 20, "it has begun")
    ours.node.wait_until(lambda: theirs.send(mac(1), mac(2), b"first") or b"first" in ours.texts(), 10, "both know that the other takes frames")
    theirs.send(mac(1), mac(2), b"there" + bytes(1400))
    ours.node.wait_until(lambda: b"there" + bytes(1400) in ours.texts(), 10, "it came")
    ours.send(mac(2), mac(1), b"back", tag=7)
    ours.node.wait_until(lambda: b"back" in theirs.texts(), 10, "and went")
    overlay(ours.node, "ping", "10.9.0.2", "--count", "1")
    made.send_signal(signal.SIGINT)
    assert made.wait(30) == 0
    data, at, found = path.read_bytes(), 24, []
    assert struct.unpack_from("<I", data, 20) == (1,), "LINKTYPE_ETHERNET"
    while at < len(data):
        kept = struct.unpack_from("<I", data, at + 8)[0]
        found.append(data[at + 16:at + 16 + kept])
        at += 16 + kept
    assert found.count(mac(1) + mac(2) + struct.pack(">H", KIND) + b"there" + bytes(1400)) == 1
    assert found.count(mac(2) + mac(1) + struct.pack(">HHH", 0x8100, 7, KIND) + b"back") == 1
    assert not [f for f in found if f[:1] == b"\x45"], "packets are of another capture"
    for i in range(20):
        theirs.send(ALL, mac(30 + i), b"one of many")
    theirs.send(ALL, mac(2), b"last", tag=9)
    ours.node.wait_until(lambda: b"last" in ours.texts(), 10, "the last")
    peer = next(p for p in overlay(ours.node, "peers")["peers"] if p["public_key"] == key)
    said = [at for at in peer["macs"] if at.startswith(mac(0)[:5].hex(":"))] # the interface itself may speak, too
    assert said[:2] == ["02:00:00:00:00:02@9", "02:00:00:00:00:31"] and len(peer["macs"]) == 16 and peer["macs_all"] >= 21
    assert "02:00:00:00:00:01@7" in overlay(ours.node, "status")["frames"]["own"]
    lines = ours.node.command("--json", "overlay", "capture", "--frames", "--count", "1", "--duration", "1ms", "--peer", key)
    assert lines.status == 0


def test_known_addresses_go_to_one_and_nothing_goes_round(cables):
    """Unknown: all others get it, once. Known: its place alone. One that moved is found where it speaks; who says that he is
    somebody who speaks is not heard."""
    a, b, c = cables(3)
    a.send(mac(20), mac(10), b"unknown")
    wait.until(lambda: b"unknown" in b.texts() and b"unknown" in c.texts(), 10, "both get it")
    before = counts(a.node)
    b.send(mac(10), mac(20), b"I am 20")
    wait.until(lambda: b"I am 20" in a.texts(), 10, "it comes where 10 is")
    for i in range(50):
        a.send(mac(20), mac(10), b"known %d" % i)
    a.send(ALL, mac(10), b"the last")
    wait.until(lambda: b"the last" in c.texts() and b"the last" in b.texts(), 10, "a broadcast")
    assert [t for t in b.texts() if t.startswith(b"known")] == [b"known %d" % i for i in range(50)]
    assert not [t for t in c.texts() if t.startswith(b"known")] and b"I am 20" not in c.texts()
    after = counts(a.node)
    assert after["FRAMES_ONE"] - before["FRAMES_ONE"] >= 50
    for cable in (b, c):
        texts = cable.texts()
        assert texts.count(b"the last") == texts.count(b"unknown") == 1, "nothing is passed on by others"
    false = counts(a.node)["FRAMES_ELSEWHERE"]
    b.send(ALL, mac(20), b"still here")
    wait.until(lambda: b"still here" in a.texts() and b"still here" in c.texts(), 10, "20 speaks") # and within a second of that:
    c.send(mac(10), mac(20), b"no, I am 20")
    wait.until(lambda: counts(a.node)["FRAMES_ELSEWHERE"] > false, 10, "it is not believed")
    assert b"no, I am 20" not in a.texts()
    time.sleep(1.1) # 20 is silent for a second: it may move
    c.send(ALL, mac(20), b"now I am 20")
    wait.until(lambda: b"now I am 20" in a.texts(), 10, "it moved")
    a.send(mac(20), mac(10), b"to the new place")
    wait.until(lambda: b"to the new place" in c.texts(), 10, "there it goes")
    assert b"to the new place" not in b.texts() and counts(a.node)["FRAMES_MOVED"] >= 1


def test_neighbours_are_answered_for(cables):
    """DAT-18: who has an address and said so is not asked for it by a broadcast again, with ARP and with neighbour discovery;
    and when it is somewhere else, it is found there."""
    a, b, c = cables(3)
    for i, cable in enumerate((a, b, c)):
        cable.node.cluster.batch(cable.node.namespace, f"address add fd08::{i + 1}/64 dev {TAP} nodad")

    def speak(target):
        """Whether the kernel of a, which has forgotten everybody, finds the hardware address of the target; and that."""
        a.node.cluster.batch(a.node.namespace, f"neighbour flush dev {TAP}")
        text = a.node.execute([sys.executable, "-c", "import socket, subprocess, sys, time\n"
                               "s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)\n"
                               "s.sendto(b'', (sys.argv[1], 9))\n"
                               "for i in range(30):\n"
                               "    out = subprocess.run(['ip', 'neighbour', 'show', sys.argv[1]], capture_output=True, text=True).stdout.split()\n"
                               "    if 'lladdr' in out:\n"
                               "        print(out[out.index('lladdr') + 1])\n"
                               "        break\n"
                               "    time.sleep(0.1)\n", target], timeout=30)
        assert text.status == 0, text
        return text.out.strip()

    for target in ("10.8.0.2", "fd08::2"):
        assert speak(target) == hardware(b), "its owner says so"
        before = counts(a.node)["FRAMES_ANSWERED"]
        assert speak(target) == hardware(b) and counts(a.node)["FRAMES_ANSWERED"] == before + 1, "it is said in its place"
    b.node.cluster.batch(b.node.namespace, f"address del 10.8.0.2/24 dev {TAP}", f"address del fd08::2/64 dev {TAP}")
    c.node.cluster.batch(c.node.namespace, f"address add 10.8.0.2/24 dev {TAP}", f"address add fd08::2/64 dev {TAP} nodad")
    for target in ("10.8.0.2", "fd08::2"):
        wait.until(lambda t=target: speak(t) == hardware(c), 20, "it is found where it is now")


def test_two_ends_on_one_cable_are_no_storm(cables):
    """Both nodes' interfaces are in bridges that a second cable joins: a broadcast goes round by neither."""
    a, b = cables(2)
    for cable in (a, b):
        cable.node.cluster.batch(cable.node.namespace, "link add lan type bridge mcast_snooping 0", "link set lan up",
                                 f"link set {TAP} master lan")
    a.node.cluster.inside(a.node.namespace, "ip", "link", "add", "second", "type", "veth", "peer", "name", "second", "netns", b.node.namespace)
    for cable in (a, b):
        cable.node.cluster.batch(cable.node.namespace, "link set second master lan", "link set second up")
    time.sleep(0.5)
    before = [counts(cable.node)["FRAMES_READ"] for cable in (a, b)]
    for i in range(20):
        a.node.execute([sys.executable, "-c", "import socket\n"
                        "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\ns.bind(('lan', 0))\n"
                        f"s.send(bytes.fromhex('{(ALL + mac(50) + struct.pack('>H', KIND) + b'%d' % i).hex()}'))"])
    time.sleep(1)
    read = [counts(cable.node)["FRAMES_READ"] - n for cable, n in zip((a, b), before)]
    assert max(read) < 600, f"20 broadcasts, and {read} frames"
    time.sleep(2)
    more = [counts(cable.node)["FRAMES_READ"] - n - r for cable, n, r in zip((a, b), before, read)]
    assert max(more) < 50, f"{more} frames while nobody sends"


def test_bombs_of_pieces_take_their_senders_share(cables):
    """A peer that begins 20,000 frames and ends none: the cell keeps eight of them and no more memory, and others' frames,
    pieces of theirs among them, go through meanwhile."""
    ours, theirs = cables(2)
    node = theirs.node
    private = bytes(range(32))
    status = overlay(node, "status")
    overlay(node, "add", base64.b64encode(framer.public_of(private)).decode(), "10.9.0.77/32")
    foe = ours.node.program(sys.executable, FRAMER, private.hex(), base64.b64decode(status["public_key"]).hex(), node.address, PORT,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert foe.stdout.readline() == "ready\n"

    def say(*texts):
        foe.stdin.write("".join(f"{t.hex() if isinstance(t, bytes) else t}\n" for t in texts))
        foe.stdin.flush()

    def memory():
        with open(f"/proc/{node.pid('datapath')}/statm", encoding="utf-8") as f:
            return int(f.read().split()[1])

    frame = ALL + mac(66) + struct.pack(">H", KIND) + b"of the foe" * 50
    say(framer.whole(frame))
    wait.until(lambda: b"of the foe" * 50 in theirs.texts(), 10, "as any peer of ours it is heard")
    say("bomb 1000 1514")
    wait.until(lambda: counts(node)["PIECES_PUSHED"] >= 900, 20, "the first ones")
    before, used = counts(node), memory()
    say("bomb 20000 1514")
    for i in range(50):
        ours.send(ALL, mac(1), b"%02d" % i + b"honest" * 230) # in pieces
        time.sleep(0.01)
    wait.until(lambda: counts(node)["PIECES_PUSHED"] - before["PIECES_PUSHED"] > 15000, 60, "the bomb went off")
    wait.until(lambda: b"49" + b"honest" * 230 in theirs.texts(), 10, "the last honest one")
    assert len([t for t in theirs.texts() if t.endswith(b"honest" * 230)]) >= 45, "but for what the socket lost"
    assert int(overlay(node, "status")["frames"]["unfinished"]) <= 8 + 1
    assert memory() - used < 1024, f"{memory() - used} pages more"
    lies = [framer.piece(0, 1514, 1, 700, b""), framer.piece(9, 1514, 2, 700, bytes(700)), framer.piece(0, 1514, 3, 10, bytes(10)),
            framer.FRAME + b"\xff" * 40, framer.whole(frame)[:30], framer.piece(0, 60000, 4, 700, bytes(700)),
            framer.piece(0, 1514, 5, 700, bytes(700)), framer.piece(0, 1514, 5, 700, bytes(700))]
    before = counts(node)
    say(*lies)
    wait.until(lambda: counts(node)["PIECES_AGAINST"] > before["PIECES_AGAINST"], 10, "the last lie")
    after = counts(node)
    assert after["PIECES_FALSE"] - before["PIECES_FALSE"] == 5 and after["PIECES_LONG"] - before["PIECES_LONG"] == 1
    bad = ALL + mac(1)[::-1] + struct.pack(">H", KIND) # a group address
    say(framer.whole(b"\xff" * 6 + b"\x01" + mac(1)[1:] + bad[12:]), framer.whole(mac(1) + mac(66) + b"\x88\x08" + bytes(46)))
    wait.until(lambda: counts(node)["FRAMES_LINK"] > after["FRAMES_LINK"], 10, "flow control is dropped")
    assert counts(node)["FRAMES_SOURCE"] > after["FRAMES_SOURCE"]
    say(*[framer.whole(ALL + mac(66) + struct.pack(">H", KIND) + b"storm %d" % i) for i in range(3000)])
    wait.until(lambda: counts(node)["FRAMES_STORM"] > after["FRAMES_STORM"], 20, "a storm of one peer ends here")
    foe.stdin.close()
    assert foe.stdout.readline() == "done\n"
    assert theirs.node.log("datapath").count("DATAPATH-UP") == 1, "it never ended"


def test_without_an_interface_frames_are_no_packets(make_cluster):
    """A node that has none, or is told to leave them: others send it none, and it says nothing of them."""
    def manifest(index):
        one = entry(index, **({"frames": "off"} if index == 1 else {}))
        if index == 2:
            del one["sandbox"]["tap"]
        return [one]

    cluster = make_cluster(3, manifest)
    cluster.up()
    know_each_other(cluster)
    assert "frames" not in overlay(cluster[1], "status") or overlay(cluster[1], "status")["frames"] is None
    cable = Cable(cluster[0])

    def all_met():
        cable.send(ALL, mac(1), b"is anybody there")
        return all(p["has_session"] for p in overlay(cluster[0], "peers")["peers"])
    wait.until(all_met, 20, "it asked both", poll=0.2)
    sent = counts(cluster[0])["FRAMES_SENT"]
    for _ in range(10):
        cable.send(ALL, mac(1), b"is anybody there")
    wait.until(lambda: counts(cluster[0])["FRAMES_ALL"] >= 10, 10, "they were read")
    assert counts(cluster[0])["FRAMES_SENT"] == sent == 0
    assert not any(p["frames"] for p in overlay(cluster[0], "peers")["peers"])
