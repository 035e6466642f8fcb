"""Datagrams past the host's stack: two nodes with AF_XDP sockets at their networks. What the counters say of both directions, by
IPv4 and IPv6; that others' packets go on; what becomes of it when processes die; what is no whole datagram."""
import sys

import pytest

from support import procs
from test_shield import ASK, ECHO, PATIENCE_S, PORT, ask, has_xdp, inner, keepers, no_bpf, overlay

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_netns, pytest.mark.skipif(no_bpf() is not None, reason=str(no_bpf()))]

# In the network between the nodes: waits for a datagram of a session at port FROM, and sends it to port TO once more, COUNT times
# as it was, COUNT times with another checksum, and COUNT times with another byte.
AGAIN = """
import socket, sys
near, far = (socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) for _ in range(2))
near.bind((sys.argv[1], 0))
far.bind((sys.argv[2], 0))
print("ready", flush=True)
UDP = 14 + 20
while True:
    frame, place = near.recvfrom(4000)
    if place[2] != 4 and frame[12:14] == b"\\x08\\x00" and frame[23] == 17 and frame[UDP + 2:UDP + 4] == (51820).to_bytes(2, "big") \\
            and frame[UDP + 8:UDP + 12] == b"\\4\\0\\0\\0":
        break
for at in (None, UDP + 6, len(frame) - 1):
    other = bytearray(frame)
    if at is not None:
        other[at] ^= 0x5a
    for i in range(int(sys.argv[3])):
        far.send(other)
print("done", flush=True)
"""


def entry(index, is_v6=False, interface="eth0", **config):
    at = f"udp://[::]:{PORT}" if is_v6 else f"udp://0.0.0.0:{PORT}"
    shield = {"shield": interface} if interface else {}
    return {"name": "datapath", "serves": ["datapath.*"],
            "sandbox": {"write": ["state"], "listen": [{"name": "overlay", "at": at, **shield}],
                        "tun": [{"name": "overlay", "interface": "cell0", "address": [f"{inner(index)}/24"], "mtu": 1400}]},
            "restart": {"first": 0, "give_up": "16 in 10m"}, "config": {"path": "xdp", **config}}


def path(node):
    return overlay(node, "status")["path"]


def number(node, name):
    return int(path(node)[name])


def start_pair(make_cluster, entries, is_v6=False):
    cluster = make_cluster(2, lambda index: [entries[index]])
    cluster.up()
    for i, node in enumerate(cluster):
        other = cluster[1 - i]
        place = f"[{other.address6}]:{PORT}" if is_v6 else f"{other.address}:{PORT}"
        overlay(node, "add", overlay(other, "status")["public_key"], f"{inner(1 - i)}/32", "--endpoint", place)
    echo = cluster[1].program(sys.executable, "-c", ECHO, inner(1), stdout=-1, text=True)
    assert echo.stdout.readline() == "ready\n"
    return cluster


def is_past(node):
    said = path(node)
    return said["wanted"] == "xdp" and said["at"] == "xdp" and said["reason"] == ""


def ask_past(ours, theirs, count=50):
    """COUNT questions and their answers, of which nearly all go past both hosts' stacks in both directions."""
    ours.wait_until(lambda: is_past(ours) and is_past(theirs), PATIENCE_S, "both have it")
    before = {n: number(n, "sent") for n in (ours, theirs)}
    # By the socket, until the kernels know who is at the other end.
    ours.wait_until(lambda: ask(ours, inner(1), 5) == 5 and all(number(n, "sent") > before[n] for n in (ours, theirs)), PATIENCE_S, "it goes so")
    before = {n: (number(n, "sent"), number(n, "received")) for n in (ours, theirs)}
    assert ask(ours, inner(1), count) == count
    for n in (ours, theirs):
        assert number(n, "sent") >= before[n][0] + count * 9 // 10, path(n)
        assert number(n, "received") >= before[n][1] + count * 9 // 10, path(n)


@pytest.mark.parametrize("is_v6", [False, True], ids=["v4", "v6"])
def test_both_directions_go_past_the_stack(make_cluster, is_v6):
    """Questions and answers through the tunnel are frames of AF_XDP at both ends; what is not the overlay's comes through the
    host's stack as before, while it is so."""
    ours, theirs = start_pair(make_cluster, [entry(0, is_v6), entry(1, is_v6)], is_v6)
    ask_past(ours, theirs)
    assert has_xdp(ours) and has_xdp(theirs)
    said = path(ours)
    assert said["queues"] >= 1 and said["copies"] and said["broken"] == 0 and said["foreign"] == 0
    with open(f"/proc/{ours.pid('datapath')}/status", encoding="utf-8") as f:
        lines = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
    assert int(lines["CapEff"], 16) == int(lines["CapPrm"], 16) == 0 and lines["Seccomp"] == "2" and lines["NoNewPrivs"] == "1"
    outer = theirs.program(sys.executable, "-c", ECHO, theirs.address, stdout=-1, text=True)
    assert outer.stdout.readline() == "ready\n"
    received = number(ours, "received")
    made = ours.execute([sys.executable, "-c", ASK, theirs.address, "50"], timeout=60)
    assert (made.status, made.out.strip()) == (0, "50")
    assert number(ours, "received") < received + 25


def test_it_goes_on_when_processes_die(make_cluster):
    """kill -9 of the keeper: the socket has it, at once and with the same session. kill -9 of the cell: the next one's keeper gets
    the queues, and it is as it was."""
    ours, theirs = start_pair(make_cluster, [entry(0), entry(1)])
    ask_past(ours, theirs)
    handshakes = lambda: {c["name"]: int(c["value"]) for c in overlay(ours, "status")["counts"]}["SESSIONS"]
    sessions, pid = handshakes(), ours.pid("datapath")
    procs.kill(keepers(ours)[0])
    ours.wait_until(lambda: path(ours)["at"] == "udp" and path(ours)["reason"] == "its keeper, cell-shield, ended", PATIENCE_S, "it says so")
    assert not has_xdp(ours)
    sent = number(ours, "sent")
    assert ask(ours, inner(1), 20) == 20
    assert handshakes() == sessions and ours.pid("datapath") == pid and number(ours, "sent") == sent
    assert is_past(theirs)
    ours.kill("datapath", 0)
    ours.wait_until(lambda: ours.pid("datapath") not in (0, pid), PATIENCE_S, "another process")
    ours.wait_state("datapath", "ready", PATIENCE_S)
    ask_past(ours, theirs)
    pid = ours.pid("datapath")
    ours.kill("datapath", 0) # … now with sockets that are open
    ours.wait_until(lambda: ours.pid("datapath") not in (0, pid), PATIENCE_S, "another process")
    ours.wait_state("datapath", "ready", PATIENCE_S)
    ask_past(ours, theirs)


def test_it_goes_on_when_the_cable_does(make_cluster):
    """An interface that is down carries nothing by either way; when it is up again, and has another address on the cable, it is as
    it was."""
    ours, theirs = start_pair(make_cluster, [entry(0), entry(1)])
    ask_past(ours, theirs)
    assert ours.execute(["ip", "link", "set", "eth0", "down"]).status == 0
    assert ours.execute([sys.executable, "-c", ASK.replace("settimeout(5)", "settimeout(0.2)"), inner(1), "5"], timeout=60).out.strip() == "0"
    assert ours.execute(["ip", "link", "set", "eth0", "address", "02:ce:11:00:07:07"]).status == 0
    assert ours.execute(["ip", "link", "set", "eth0", "up"]).status == 0
    ask_past(ours, theirs)
    assert number(ours, "full") == 0


def test_what_was_broken_on_the_way_is_dropped(make_cluster):
    """A frame of a session with a wrong checksum, or a byte that is another, is not read: the host's stack, which would have
    dropped it, did not see it. As it was it is read, and found to be an old one."""
    ours, theirs = start_pair(make_cluster, [entry(0), entry(1)])
    ask_past(ours, theirs)
    again = ours.cluster.program(ours.cluster.hub, sys.executable, "-c", AGAIN, "p1", "p0", "20", stdout=-1, text=True)
    assert again.stdout.readline() == "ready\n"
    replays = lambda: {c["name"]: int(c["value"]) for c in overlay(ours, "status")["counts"]}["REPLAYED"]
    before, old = path(ours), replays()
    assert ask(ours, inner(1), 5) == 5 and again.stdout.readline() == "done\n"
    ours.wait_until(lambda: number(ours, "broken") == int(before["broken"]) + 40, PATIENCE_S, "each is counted")
    assert replays() == old + 20 and number(ours, "foreign") == 0
    assert ask(ours, inner(1), 20) == 20


def test_trains_and_small_ones_arrive(make_cluster):
    """A stream of TCP through the tunnel, whose large datagrams go by the socket and whose acknowledgements past the stack, comes
    byte for byte."""
    ours, theirs = start_pair(make_cluster, [entry(0), entry(1)])
    ask_past(ours, theirs)
    take = ("import socket,hashlib\ns=socket.socket()\ns.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\n"
            f"s.bind(('{inner(1)}',7001))\ns.listen()\nprint('ready',flush=True)\nc,_=s.accept()\nh=hashlib.sha256()\n"
            "while (b:=c.recv(65536)): h.update(b)\nprint(h.hexdigest(),flush=True)")
    give = ("import socket,hashlib,random\nr=random.Random(7)\ns=socket.create_connection(('%s',7001))\nh=hashlib.sha256()\n"
            "for i in range(400):\n b=r.randbytes(r.choice((1,100,1400,65536)))\n h.update(b)\n s.sendall(b)\ns.close()\nprint(h.hexdigest())" % inner(1))
    taker = theirs.program(sys.executable, "-c", take, stdout=-1, text=True)
    assert taker.stdout.readline() == "ready\n"
    made = ours.execute([sys.executable, "-c", give], timeout=120)
    assert made.status == 0 and taker.stdout.readline() == made.out


def test_it_says_why_not(make_cluster):
    """`auto` at a veth leaves its peer its offloads; without an interface, or one that is not there, and when nobody wants it."""
    first = [entry(0, path="auto"), entry(1, interface=None), entry(2, interface="nowhere0"), entry(3, path="udp")]
    cluster = make_cluster(4, lambda index: [first[index]])
    cluster.up()
    said = [path(node) for node in cluster]
    assert [p["at"] for p in said] == ["udp"] * 4
    assert [p["wanted"] for p in said] == ["auto", "xdp", "xdp", "udp"]
    assert said[0]["reason"] == "a veth: XDP at it takes its peer's offloads" and not has_xdp(cluster[0])
    assert said[1]["reason"] == "no interface was given to the shield"
    assert said[2]["reason"] == "the underlay's interface: No such device"
    assert said[3]["reason"] == ""
