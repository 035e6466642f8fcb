"""The overlay's shield under a supervisor: two nodes, the first of which has it at its network; what it drops, what it lets
through, where it hangs, and what becomes of it when processes die. Frames that are nobody's come from the second node."""
import json
import os
import subprocess
import sys
from signal import SIGSTOP

import pytest

from support import procs, wait
from support.build import Build
from support.variant import Variant
from test_overlay import Lab, run

BPFTOOL = "/usr/sbin/bpftool"
PORT = 51820
SIGNAL = 0x6c656305 # the first word of one
PATIENCE_S = 60 # every look is a process or two, and the host may be busy
# … sends COUNT datagrams of SIZE bytes that begin with a message's KIND and the id ID to HOST, from one port.
RUBBISH = """
import socket, sys
host, kind, who, size, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
m = kind.to_bytes(4, "little") + who.to_bytes(4, "little")
for i in range(count):
    s.sendto(m + bytes(size - len(m)), (host, 51820))
"""
# … sends the datagram HEX to HOST, COUNT times, as if from PORT: whoever can make packets can.
SAY = """
import socket, struct, sys
host, port, message, count = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3]), int(sys.argv[4])
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
for i in range(count):
    s.sendto(struct.pack("!HHHH", port, 51820, 8 + len(message), 0) + message, (host, 0))
"""
# … waits until this node says a signal to HOST, and prints it.
LISTEN = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
print("ready", flush=True)
while True:
    p = s.recv(65535)
    at = (p[0] & 15) * 4
    if p[0] >> 4 == 4 and p[9] == 17 and p[16:20] == socket.inet_aton(sys.argv[1]) and p[at + 8:at + 12] == b"\\x05cel":
        print(p[at + 8:].hex(), flush=True)
        break
"""
# … asks the echo at HOST COUNT times; prints how many answers came.
ASK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
came = 0
for i in range(int(sys.argv[2])):
    s.sendto(b"%d" % i, (sys.argv[1], 7000))
    try:
        while s.recv(100) != b"%d" % i:
            pass
        came += 1
    except OSError:
        pass
print(came)
"""
ECHO = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 7000))
print("ready", flush=True)
while True:
    data, place = s.recvfrom(2000)
    s.sendto(data, place)
"""


def no_bpf():
    """Why this host has no shield, or None."""
    try:
        made = subprocess.run([BPFTOOL, "prog", "show"], capture_output=True, check=False, timeout=20)
    except FileNotFoundError:
        return "bpftool is missing"
    return None if made.returncode == 0 else "no right to BPF: " + made.stderr.decode().strip()


pytestmark = [pytest.mark.needs_root, pytest.mark.needs_netns, pytest.mark.skipif(no_bpf() is not None, reason=str(no_bpf()))]


def inner(index):
    return f"10.9.0.{index + 1}"


def entry(index, interface="eth0", **config):
    shield = {"shield": interface} if index == 0 and interface else {}
    return {"name": "datapath", "serves": ["datapath.*"],
            "sandbox": {"write": ["state"], "listen": [{"name": "overlay", "at": f"udp://0.0.0.0:{PORT}", **shield}],
                        "tun": [{"name": "overlay", "interface": "cell0", "address": [f"{inner(index)}/24"], "mtu": 1400}]},
            "restart": {"first": 0, "give_up": "16 in 10m"}, "config": config}


def overlay(node, *words):
    return node.cli("overlay", *words, json=True)


def stats(node):
    return {c["name"]: int(c["value"]) for c in overlay(node, "stats")["counts"]}


def heard(node):
    """Datagrams that the cell itself found to be nobody's."""
    counts = {c["name"]: int(c["value"]) for c in overlay(node, "status")["counts"]}
    return counts["KIND"] + counts["MAC1"] + counts["INDEX"]


def shield(node):
    status = overlay(node, "status")
    return status["shield"], status["shield_at"], status["shield_reason"]


def keepers(node):
    """Pids of cell-shield in the node's network."""
    made = node.execute(["/bin/sh", "-c", "for p in /proc/[0-9]*; do [ \"$(cat $p/comm 2>/dev/null)\" = cell-shield ] && "
                         "[ \"$(readlink $p/ns/net)\" = \"$(readlink /proc/self/ns/net)\" ] && echo ${p#/proc/}; done; true"])
    return [int(word) for word in made.out.split()]


def has_xdp(node):
    """Whether a program hangs at the network's driver, as the kernel has it (of tcx no tool of Debian 12 knows)."""
    made = node.execute(["ip", "-json", "link", "show", "eth0"])
    return "xdp" in json.loads(made.out)[0]


def rubbish(node, to, kind=4, who=0x01020304, size=64, count=20):
    made = node.execute([sys.executable, "-c", RUBBISH, to.address, str(kind), str(who), str(size), str(count)], timeout=60)
    assert made.status == 0, made


def ask(node, address, count=5):
    made = node.execute([sys.executable, "-c", ASK, address, str(count)], timeout=60)
    assert made.status == 0, made
    return int(made.out)


def start_pair(make_cluster, first):
    cluster = make_cluster(2, lambda index: [first if index == 0 else entry(1)])
    cluster.up()
    for i, node in enumerate(cluster):
        other = cluster[1 - i]
        overlay(node, "add", overlay(other, "status")["public_key"], f"{inner(1 - i)}/32", "--endpoint", f"{other.address}:{PORT}")
    echo = cluster[1].program(sys.executable, "-c", ECHO, inner(1), stdout=-1, text=True)
    assert echo.stdout.readline() == "ready\n"
    return cluster


def test_rubbish_ends_in_the_kernel(make_cluster):
    """Each kind of rubbish by its name, and the cell does not see it; packets of sessions pass, before and after the cell dies;
    every datagram is counted once. Who holds what: the keeper one capability and a filter. A supervisor's successor leaves the
    keeper alone. kill -9 of the keeper: the cell says so, and goes on until there is another."""
    ours, theirs = start_pair(make_cluster, entry(0))
    ours.wait_until(lambda: shield(ours) == ("auto", "tcx", ""), PATIENCE_S, "the shield hangs")
    assert not has_xdp(ours) and len(keepers(ours)) == 1
    assert ask(ours, inner(1)) == 5
    before, unheard = stats(ours), heard(ours)
    assert before["SHIELD_DATA"] >= 5 and before["SHIELD_OWN"] >= 1 # … and its peer's signals
    kinds = (("INDEX", 4, 64), ("MAC1", 1, 148), ("KIND", 7, 64), ("KIND", 1, 147), ("INDEX", 2, 92), ("STRANGER", SIGNAL, 192),
             ("STRANGER", SIGNAL + 1, 192), ("KIND", SIGNAL, 191))
    for name, kind, size in kinds:
        rubbish(theirs, ours, kind, size=size)
    ours.wait_until(lambda: all(stats(ours)["SHIELD_" + name] == before["SHIELD_" + name] + more
                                for name, more in (("INDEX", 40), ("MAC1", 20), ("KIND", 60), ("STRANGER", 40))), PATIENCE_S, "each is counted")
    after = stats(ours)
    assert heard(ours) == unheard, "the cell heard nothing of it"
    assert sum(after["SHIELD_" + n] - before["SHIELD_" + n] for n in ("MALFORMED", "KIND", "INDEX", "MAC1", "SOURCE", "ALL", "STRANGER", "MUCH", "FLOOD")) == 160
    with open(f"/proc/{keepers(ours)[0]}/status", encoding="utf-8") as f:
        lines = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
    assert int(lines["CapEff"], 16) == int(lines["CapPrm"], 16) == 1 << 12 # CAP_NET_ADMIN
    assert lines["Seccomp"] == "2" and lines["NoNewPrivs"] == "1"
    first = keepers(ours)[0]
    ours.kill("datapath", 0)
    ours.wait_until(lambda: keepers(ours) not in ([], [first]) and len(keepers(ours)) == 1, PATIENCE_S, "a keeper for the next process")
    ours.wait_state("datapath", "ready", PATIENCE_S)
    ours.wait_until(lambda: shield(ours)[1] == "tcx", PATIENCE_S, "it hangs again")
    assert ask(ours, inner(1)) == 5, "ids of the new sessions are let through"
    at_work = ours.cli("status", json=True)
    procs.kill(at_work["nucleus_pid"])
    ours.wait_until(lambda: ours.command("--json", "status").status == 0
                    and ours.cli("status", json=True)["nucleus_generation"] == 2, PATIENCE_S, "a successor")
    assert (shield(ours)[1], len(keepers(ours))) == ("tcx", 1)
    for _ in range(5): # each is followed by another, the successor's, too, and each of these later than the one before
        first = keepers(ours)
        procs.kill(first[0])
        ours.wait_until(lambda first=first: keepers(ours) not in ([], first) and shield(ours)[1] == "tcx", PATIENCE_S, "the next one")
    assert ask(ours, inner(1)) == 5
    procs.kill(keepers(ours)[0])
    ours.wait_until(lambda: shield(ours) == ("auto", "nowhere", "its keeper, cell-shield, ended"), PATIENCE_S, "the cell says so")
    unheard = heard(ours)
    rubbish(theirs, ours)
    ours.wait_until(lambda: heard(ours) >= unheard + 20, PATIENCE_S, "the cell looks at it itself")
    assert ask(ours, inner(1)) == 5 and ours.pid("datapath") == at_work["cells"][0]["pid"]
    overlay(ours, "down")
    wait.until(lambda: keepers(ours) == [], PATIENCE_S, "nothing of it is left")


def test_a_keeper_that_ends_with_the_supervisor_is_followed(make_cluster):
    """kill -9 of both at once, and of the supervisor while none is there: its successor starts the next one for the same process."""
    ours, theirs = start_pair(make_cluster, entry(0))
    hangs = lambda: shield(ours) == ("auto", "tcx", "") and len(keepers(ours)) == 1
    ours.wait_until(hangs, PATIENCE_S, "the shield hangs")
    pid = ours.pid("datapath")
    for generation, is_at_once in ((2, True), (3, False)):
        at_work, keeper = ours.cli("status", json=True)["nucleus_pid"], keepers(ours)[0]
        if is_at_once:
            procs.kill(at_work)
            procs.kill(keeper)
        else:
            procs.kill(at_work, SIGSTOP)
            procs.kill(keeper)
            wait.until(lambda pid=keeper: not procs.is_alive(pid), PATIENCE_S, "it ended, and nobody was told")
            procs.kill(at_work)
        ours.wait_until(lambda now=generation: ours.command("--json", "status").status == 0
                        and ours.cli("status", json=True)["nucleus_generation"] == now, PATIENCE_S, "a successor")
        ours.wait_until(lambda: hangs() and ours.pid("datapath") == pid, PATIENCE_S, "the next one")
        assert ask(ours, inner(1)) == 5
    before = stats(ours)["SHIELD_INDEX"]
    rubbish(theirs, ours)
    ours.wait_until(lambda: stats(ours)["SHIELD_INDEX"] == before + 20, PATIENCE_S, "it judges")


def test_a_place_is_shown_by_a_signal_that_opens(make_cluster):
    """What relays pass on is let through from where a peer's signal opened, and from nowhere else: neither a signal that is
    recorded nor one that is false makes a place known."""
    ours, theirs = start_pair(make_cluster, entry(0))
    ours.wait_until(lambda: shield(ours) == ("auto", "tcx", ""), PATIENCE_S, "the shield hangs")
    listener = theirs.program(sys.executable, "-c", LISTEN, ours.address, stdout=-1, text=True)
    assert listener.stdout.readline() == "ready\n"
    ours.wait_until(lambda: ask(ours, inner(1), 1) == 1 and listener.poll() is not None, PATIENCE_S, "a signal is said")
    signal = bytes.fromhex(listener.stdout.readline())

    def say(port, message, count):
        made = theirs.execute([sys.executable, "-c", SAY, ours.address, str(port), message.hex(), str(count)], timeout=60)
        assert made.status == 0, made

    def expect(what, before, **more):
        ours.wait_until(lambda: all(stats(ours)[n] >= before[n] + k for n, k in more.items()), PATIENCE_S, what)
        after = stats(ours)
        got = {n: after[n] - before[n] for n in ("SHIELD_INDEX", "SHIELD_STRANGER")}
        assert got == {"SHIELD_INDEX": 0, "SHIELD_STRANGER": 0} | {n: k for n, k in more.items() if n in got}, what

    relayed = (SIGNAL + 1).to_bytes(4, "little") + b"\1\2\3\4" + (4).to_bytes(4, "little") + b"\1\2\3\4" + bytes(56)
    before = stats(ours)
    say(PORT, relayed, 20)
    expect("from the peer's place it is looked at", before, SHIELD_INDEX=20)
    before = stats(ours)
    say(4444, relayed, 20)
    expect("from another it is not", before, SHIELD_STRANGER=20)
    before = stats(ours)
    say(4444, signal, 1)
    say(4444, signal[:-1] + bytes([signal[-1] ^ 1]), 1)
    expect("they reach the cell", before, SIGNALS_FALSE=2)
    before = stats(ours)
    say(4444, relayed, 20)
    expect("and show nothing", before, SHIELD_STRANGER=20)


def test_it_hangs_where_it_is_told_to(make_cluster):
    """In the driver; nowhere, for it is off; nowhere, for there is no such interface, or none was given: said by name."""
    first = [entry(0, shield="xdp"), entry(0, shield="off"), entry(0, interface="nowhere0"), entry(0, interface=None, shield="tcx")]
    cluster = make_cluster(4, lambda index: [first[index]])
    cluster.up()
    xdp, off, missing, ungiven = cluster
    xdp.wait_until(lambda: shield(xdp) == ("xdp", "xdp", ""), PATIENCE_S, "it hangs in the driver")
    assert has_xdp(xdp) and len(keepers(xdp)) == 1
    before, unheard = stats(xdp), heard(xdp)
    rubbish(off, xdp)
    xdp.wait_until(lambda: stats(xdp)["SHIELD_INDEX"] == before["SHIELD_INDEX"] + 20, PATIENCE_S, "it is dropped")
    assert heard(xdp) == unheard
    assert shield(off) == ("off", "nowhere", "") and keepers(off) == []
    unheard = heard(off)
    assert "SHIELD_INDEX" not in stats(off)
    rubbish(xdp, off)
    off.wait_until(lambda: heard(off) >= unheard + 20, PATIENCE_S, "the cell looks at all of it")
    missing.wait_until(lambda: "the interface of the shield: No such device" in shield(missing)[2], PATIENCE_S, "the reason")
    assert shield(missing)[:2] == ("auto", "nowhere")
    assert shield(ungiven)[:2] == ("tcx", "nowhere") and "sandbox.listen" in shield(ungiven)[2]


def test_a_keeper_that_does_not_start_is_told(make_cluster, build, tmp_path):
    """An installation without its program: the cell goes on, and its status says what is missing."""
    Variant(build.directory, str(tmp_path))
    os.unlink(tmp_path / "cell-shield")
    cluster = make_cluster(1, [entry(0)])
    cluster[0].build = Build(str(tmp_path))
    cluster.up()
    why = "cell-shield did not start, or ended at once: standard error and log of whoever starts it say why"
    cluster[0].wait_until(lambda: shield(cluster[0]) == ("auto", "nowhere", why), PATIENCE_S, "the cell says so")
    cluster[0].wait_log('why="cell-shield: No such file or directory"', part="nucleus")


@pytest.mark.needs_tool("wg")
def test_by_hand_keepers_follow_each_other_too(build, tmp_path):
    """DAT-15: a cell that no supervisor started has who starts its keepers. kill -9 of a keeper, of two: the next one hangs the shield
    for the same process. kill -9 of who starts them: the shield stays, and with the next end it is told that there will be none; the
    cell goes on with its session, by status and by metric without a shield. Nothing is left of them when the cell ends."""
    lab = Lab(build, tmp_path)
    try:
        lab.start_ours(more="underlay: wire", endpoint=True)
        lab.start_second()
        lab.theirs.echo()
        cell = (build.binary("cell"), "--run", str(tmp_path / "run"), "--json")
        status = lambda: json.loads(run(*cell, "overlay", "status"))
        metric = lambda: next(m["value"] for m in json.loads(run(*cell, "inspect", "datapath"))["metrics"] if m["name"] == "cell_datapath_shield")
        pid = lab.ours.process.pid
        below = lambda: [p for p in procs.descendants(pid) if "cell-shield" in procs.name(p)]
        minder, keeper = below()
        assert lab.ours.ask(lab.theirs) == 10
        wait.until(lambda: status()["shield_at"] == "tcx", PATIENCE_S, "it hangs")
        for _ in range(2):
            procs.kill(keeper)
            wait.until(lambda last=keeper: len(below()) == 2 and last not in below() and status()["shield_at"] == "tcx", PATIENCE_S, "the next keeper")
            keeper = next(p for p in below() if p != minder)
        assert lab.log.read_text().count("its keeper, cell-shield, ended") >= 2 and metric() == 1
        procs.kill(minder)
        wait.until(lambda: "DATAPATH-SHIELD-UNMINDED" in lab.log.read_text(), PATIENCE_S, "nobody starts another")
        assert status()["shield_at"] == "tcx" and lab.ours.ask(lab.theirs) == 10
        procs.kill(keeper)
        wait.until(lambda: status()["shield_at"] == "nowhere" and "nobody starts another" in status()["shield_reason"], PATIENCE_S, "it says so")
        wait.until(lambda: metric() == 0, PATIENCE_S, "and so does the metric")
        assert lab.ours.ask(lab.theirs) == 10 and lab.ours.process.pid == pid
        lab.stop_ours()
        assert below() == []
    finally:
        lab.close()


@pytest.mark.needs_tool("wg")
def test_by_hand_nothing_is_left_of_keepers(build, tmp_path):
    """kill -9 of the cell: who starts its keepers ends, and the keeper."""
    lab = Lab(build, tmp_path)
    try:
        lab.start_ours(more="underlay: wire")
        mine = [p for p in procs.descendants(lab.ours.process.pid) if "cell-shield" in procs.name(p)]
        assert len(mine) == 2
        procs.kill(lab.ours.process.pid)
        wait.until(lambda: not any(procs.is_alive(p) for p in mine), PATIENCE_S, "both ended")
    finally:
        lab.close()
