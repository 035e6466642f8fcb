"""Datagrams past the host's stack: two nodes with AF_XDP sockets at their networks. What the counters say of both directions, by
IPv4 and IPv6; that others' packets go on; what becomes of it when processes die; what is no whole datagram."""
import json
import os
import re
import subprocess
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

# In the network between the nodes: says what comes out of the ports, frames of the kind for experiments and datagrams for port 9.
WITNESS = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
print("ready", flush=True)
while True:
    f, place = s.recvfrom(4000)
    side = ("to " if place[2] == 4 else "from ") + place[0]
    if f[12:14] == b"\\x88\\xb5":
        print(side, "ours" if f[0:6] == f[6:12] else "others", flush=True)
    elif f[12:14] == b"\\x08\\x00" and f[23] == 17 and f[36:38] == b"\\0\\x09":
        print(side, "datagram", flush=True)
    elif f[12:14] == b"\\x08\\x00" and f[23] == 17 and f[34:36] == f[36:38] == (51820).to_bytes(2, "big"):
        print("over", flush=True)
        break
"""
# One end of a cable between two networks: an Ethernet interface whose frames go to a socket's other end, and the other way. Its
# driver has XDP, beside which it loses nothing, and there is no other end that could.
CABLE = """
import fcntl, os, select, socket, struct, sys
name, own, other = sys.argv[1:4]
tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH", name.encode(), 0x0002 | 0x1000))
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(own)
print("ready", flush=True)
while True:
    for fd in select.select([tap, s], [], [])[0]:
        try:
            if fd == tap:
                s.sendto(os.read(tap, 4000), other)
            else:
                os.write(tap, s.recv(4000))
        except OSError:
            pass
"""
# How many queues an interface receives with from now on: SIOCETHTOOL, ETHTOOL_SCHANNELS.
QUEUES = """
import ctypes, fcntl, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
words = ctypes.create_string_buffer(struct.pack("9I", 0x3c, *[0] * 8), 36)
request = struct.pack("16sP", sys.argv[1].encode(), ctypes.addressof(words))
fcntl.ioctl(s, 0x8946, request)
said = list(struct.unpack("9I", words.raw))
said[0], said[5] = 0x3d, int(sys.argv[2])
words.raw = struct.pack("9I", *said)
fcntl.ioctl(s, 0x8946, request)
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


def sessions(node):
    return {c["name"]: int(c["value"]) for c in overlay(node, "status")["counts"]}["SESSIONS"]


def measured(node):
    said = path(node)
    assert said["measured"] and 0 < int(said["took_us"]) < 200000, said
    return said


def test_it_goes_on_when_processes_die(make_cluster):
    """kill -9 of the keeper: the socket has it, with the same session, and the next keeper brings it back to the same process.
    kill -9 of the cell: the next one's keeper gets the queues, and it is as it was."""
    ours, theirs = start_pair(make_cluster, [entry(0), entry(1)])
    ask_past(ours, theirs)
    had, pid, first = sessions(ours), ours.pid("datapath"), keepers(ours)
    for turn in range(6): # each follows later than the one before: 100 ms, doubled
        procs.kill(keepers(ours)[0])
        ours.wait_until(lambda: turn < 5 or (path(ours)["at"] == "udp" and path(ours)["reason"] == "its keeper, cell-shield, ended"),
                        PATIENCE_S, "it says so")
        if turn == 5:
            assert not has_xdp(ours)
            sent = number(ours, "sent")
            assert ask(ours, inner(1), 20) == 20
            assert sessions(ours) == had and number(ours, "sent") == sent
        ours.wait_until(lambda: keepers(ours) not in ([], first) and is_past(ours), PATIENCE_S, "the next one")
        first = keepers(ours)
    ask_past(ours, theirs)
    assert sessions(ours) == had and ours.pid("datapath") == pid and measured(ours)["past_ns"] > 0
    rests = [int(ms) for ms in re.findall(r"NUCLEUS-SHIELD-END.* again_ms=(\d+)", ours.log("nucleus"))]
    assert rests[:3] == [100, 200, 400] and len(rests) == 6, rests
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


def test_ids_of_sessions_outlive_the_keeper(make_cluster):
    """What the shield lets through is what it let through before its keeper was another: sessions go on behind it."""
    ours, theirs = start_pair(make_cluster, [entry(0, path="udp"), entry(1, path="udp")])
    tcx = lambda: overlay(ours, "status")["shield_at"] == "tcx"
    ours.wait_until(tcx, PATIENCE_S, "it hangs")
    assert ask(ours, inner(1), 5) == 5
    counts = lambda: {c["name"]: int(c["value"]) for c in overlay(ours, "stats")["counts"] if c["name"].startswith("SHIELD_")}
    had, first, before = sessions(ours), keepers(ours), counts()
    procs.kill(first[0])
    ours.wait_until(lambda: keepers(ours) not in ([], first) and tcx(), PATIENCE_S, "the next one hangs it")
    assert ask(ours, inner(1), 20) == 20 and sessions(ours) == had
    after = counts()
    assert all(after[name] >= before[name] for name in before) and after["SHIELD_DATA"] >= before["SHIELD_DATA"] + 20


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


def test_it_comes_back_with_its_interface(make_cluster):
    """One that is renamed, is too narrow, has other addresses or queues, or goes to another network: the way past the stack goes
    with it and comes back with it, of the same process and session."""
    ours, theirs = start_pair(make_cluster, [entry(0), entry(1)])
    ask_past(ours, theirs)
    had, pid = sessions(ours), ours.pid("datapath")
    do = lambda *words: ours.cluster.inside(ours.namespace, *words)
    again = lambda: [do("ip", *words) for words in (("addr", "replace", f"{ours.address}/16", "dev", "eth0"), ("link", "set", "eth0", "up"))]

    for words in (("down",), ("name", "eth9")):
        do("ip", "link", "set", "eth0", *words)
    ours.wait_until(lambda: path(ours)["at"] == "udp" and path(ours)["reason"] == "the underlay's interface: No such device", PATIENCE_S, "renamed")
    do("ip", "link", "set", "eth9", "name", "eth0")
    again()
    ask_past(ours, theirs)

    do("ip", "link", "set", "eth0", "mtu", "1279")
    ours.wait_until(lambda: path(ours)["reason"] == "eth0 has an mtu of 1279: less than 1280", PATIENCE_S, "narrow")
    assert ask(ours, inner(1), 5) == 5
    do("ip", "link", "set", "eth0", "mtu", "1500")
    ask_past(ours, theirs)

    do("ip", "addr", "add", "10.77.0.77/16", "dev", "eth0")
    do("ip", "addr", "del", f"{ours.address}/16", "dev", "eth0")
    do("ip", "addr", "replace", "10.77.0.77/16", "dev", "eth0")
    ask_past(ours, theirs)
    do("ip", "addr", "del", "10.77.0.77/16", "dev", "eth0")
    again()

    do(sys.executable, "-c", QUEUES, "eth0", "2")
    ours.wait_until(lambda: is_past(ours) and path(ours)["queues"] == 2, PATIENCE_S, "another queue")
    ask_past(ours, theirs)
    made = ours.cluster.inside(ours.namespace, sys.executable, "-c", QUEUES, "eth0", "1", check=False)
    assert "Invalid argument" in made.stderr, "the kernel takes no queue away that has a socket"

    do("ip", "link", "set", "eth0", "netns", ours.cluster.hub)
    ours.wait_until(lambda: path(ours)["reason"] == "the underlay's interface: No such device", PATIENCE_S, "it is elsewhere")
    made = ours.cluster.ip("-json", "link", "show", "eth0")
    assert "xdp" not in json.loads(made.stdout)[0], "nothing of ours is left at it"
    ours.cluster.ip("link", "set", "eth0", "netns", ours.namespace)
    again()
    ask_past(ours, theirs)
    assert sessions(ours) == had and ours.pid("datapath") == pid


def test_auto_measures(make_cluster):
    """At a veth: what each way costs is said, in JSON, in words and in the log, and as metrics; the socket has it, in trains, and
    its peer keeps its offloads. Of measuring itself nobody gets anything."""
    cluster = make_cluster(2, lambda index: [entry(index, path="auto")])
    witness = cluster.program(cluster.hub, sys.executable, "-c", WITNESS, stdout=subprocess.PIPE, text=True)
    assert witness.stdout.readline() == "ready\n"
    cluster.up()
    for node in cluster:
        said = measured(node)
        assert (said["wanted"], said["at"], said["trains"]) == ("auto", "udp", True)
        assert said["reason"] == "the interface is one of a pair: XDP at it takes its other end's offloads"
        assert 0 < said["train_ns"] < said["alone_ns"] and said["past_ns"] > 0
        assert not has_xdp(node)
        assert f"alone {said['alone_ns']} ns, in a train {said['train_ns']}, past the host's stack {said['past_ns']}\n" in node.cli("overlay", "status")
        assert "DATAPATH-MEASURED" in node.log("datapath")
    overlay(cluster[0], "add", overlay(cluster[1], "status")["public_key"], f"{inner(1)}/32", "--endpoint", f"{cluster[1].address}:{PORT}")
    overlay(cluster[1], "add", overlay(cluster[0], "status")["public_key"], f"{inner(0)}/32", "--endpoint", f"{cluster[0].address}:{PORT}")
    cluster[0].execute([sys.executable, "-c", ASK, inner(1), "1"], timeout=60)
    seen = [line.strip() for line in iter(witness.stdout.readline, "over\n")]
    assert {line for line in seen if not line.startswith("to lo")} <= {"from p0 ours", "from p1 ours"} and len(seen) >= 64, sorted(set(seen))


@pytest.mark.needs_tool("nft")
def test_auto_goes_past_the_stack_where_that_pays(make_cluster):
    """At an interface of which XDP takes nothing: past the stack where a frame costs less by a fifth, by the socket else, and what
    was measured says which. Where a long packet filter stands in the way of the one it is the other."""
    cluster = make_cluster(2, lambda index: [entry(index, interface="wire0", path="auto", places=[f"10.66.0.{index + 1}:{PORT}"])])
    ends = [os.path.join(cluster.directory, f"wire{i}") for i in range(2)]
    for i, node in enumerate(cluster):
        cable = node.program(sys.executable, "-c", CABLE, "wire0", ends[i], ends[1 - i], stdout=subprocess.PIPE, text=True)
        assert cable.stdout.readline() == "ready\n"
        cluster.batch(node.namespace, f"addr add 10.66.0.{i + 1}/24 dev wire0", "link set wire0 up")
    # A packet filter that takes its time with whatever leaves by the stack, so that what is chosen does not hang by a hair.
    rules = "".join(f"add rule ip slow out udp dport {port} accept\n" for port in range(1000, 2500))
    cluster.inside(cluster[1].namespace, "nft", "-f", "-", given="add table ip slow\nadd chain ip slow out { type filter hook output priority 0; }\n" + rules)
    cluster.up()
    for i, node in enumerate(cluster):
        overlay(node, "add", overlay(cluster[1 - i], "status")["public_key"], f"{inner(1 - i)}/32", "--endpoint", f"10.66.0.{2 - i}:{PORT}")
    echo = cluster[1].program(sys.executable, "-c", ECHO, inner(1), stdout=-1, text=True)
    assert echo.stdout.readline() == "ready\n"
    for node in cluster:
        said = measured(node)
        pays = said["past_ns"] * 5 <= said["alone_ns"] * 4
        node.wait_until(lambda node=node, pays=pays: (path(node)["at"], path(node)["reason"]) ==
                        (("xdp", "") if pays else ("udp", "past the host's stack a datagram costs hardly less")), PATIENCE_S, str(said))
    slow = cluster[1]
    assert path(slow)["at"] == "xdp", path(slow)
    slow.wait_until(lambda: ask(cluster[0], inner(1), 5) == 5 and number(slow, "sent") > 0, PATIENCE_S, "its neighbour is known")
    sent, received = number(slow, "sent"), number(slow, "received")
    assert ask(cluster[0], inner(1), 100) == 100
    assert number(slow, "sent") >= sent + 90 and number(slow, "received") >= received + 90, path(slow)


def test_plain_is_one_by_one(make_cluster):
    """By name: no trains, and nothing past the stack; a stream of TCP takes a call for each datagram."""
    ours, theirs = start_pair(make_cluster, [entry(0, path="plain"), entry(1, path="udp")])
    assert [(p["wanted"], p["at"], p["reason"], p["trains"]) for p in (path(ours), path(theirs))] == [("plain", "plain", "", False), ("udp", "udp", "", True)]
    take = ("import socket\ns=socket.socket()\ns.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\n"
            f"s.bind(('{inner(1)}',7001))\ns.listen()\nprint('ready',flush=True)\nc,_=s.accept()\nn=0\n"
            "while (b:=c.recv(65536)): n+=len(b)\nprint(n,flush=True)")
    give = f"import socket\ns=socket.create_connection(('{inner(1)}',7001))\ns.sendall(bytes(4000000))\ns.close()"
    taker = theirs.program(sys.executable, "-c", take, stdout=-1, text=True)
    assert taker.stdout.readline() == "ready\n"
    counts = lambda: {c["name"]: int(c["value"]) for c in overlay(ours, "stats")["counts"]}
    before = counts()
    assert ours.execute([sys.executable, "-c", give], timeout=60).status == 0 and taker.stdout.readline() == "4000000\n"
    after = counts()
    assert after["SENT"] - before["SENT"] == after["SENT_CALLS"] - before["SENT_CALLS"] >= 2000


def test_a_driver_without_xdp_leaves_the_socket(make_cluster):
    """By force at an interface whose driver has none: refused in words, and the way by the socket is as ever."""
    first = entry(0, interface="bridge9")
    cluster = make_cluster(2, lambda index: [first if index == 0 else entry(1, path="udp")])
    cluster.batch(cluster[0].namespace, "link add bridge9 type bridge", "link set bridge9 up")
    cluster.up()
    for i, node in enumerate(cluster):
        overlay(node, "add", overlay(cluster[1 - i], "status")["public_key"], f"{inner(1 - i)}/32", "--endpoint", f"{cluster[1 - i].address}:{PORT}")
    echo = cluster[1].program(sys.executable, "-c", ECHO, inner(1), stdout=-1, text=True)
    assert echo.stdout.readline() == "ready\n"
    cluster[0].wait_until(lambda: path(cluster[0])["at"] == "udp" and path(cluster[0])["reason"] == "XDP does not hang at the interface", PATIENCE_S, "refused")
    assert ask(cluster[0], inner(1), 5) == 5


def test_it_says_why_not(make_cluster):
    """`auto` at a veth leaves its peer its offloads; without an interface, or one that is not there, and when nobody wants it."""
    first = [entry(0, path="auto"), entry(1, interface=None), entry(2, interface="nowhere0"), entry(3, path="udp")]
    cluster = make_cluster(4, lambda index: [first[index]])
    cluster.up()
    said = [path(node) for node in cluster]
    assert [p["at"] for p in said] == ["udp"] * 4
    assert [p["wanted"] for p in said] == ["auto", "xdp", "xdp", "udp"]
    assert said[0]["reason"] == "the interface is one of a pair: XDP at it takes its other end's offloads" and not has_xdp(cluster[0])
    assert said[1]["reason"] == "no interface was given to the shield"
    assert said[2]["reason"] == "the underlay's interface: No such device"
    assert said[3]["reason"] == ""
