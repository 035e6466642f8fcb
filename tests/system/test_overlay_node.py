"""The overlay under a supervisor: two nodes on a network of their own, each with an interface and a socket that its
supervisor made, and a cell that has no privilege at any time."""
import base64
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import time

import pytest

from support import procs, wait
from test_overlay import NAMED, RESOLVE

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_netns]

PORT = 51820
# Runs inside a node's namespace: echo answers all, ask sends COUNT datagrams one after the other and prints how many came
# back, each tried for TIMEOUT seconds.
PROGRAM = """
import socket, sys
mode, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
if mode == "echo":
    s.bind((host, port))
    print("ready", flush=True)
    while True:
        data, place = s.recvfrom(2000)
        s.sendto(data, place)
count, size, came = int(sys.argv[4]), int(sys.argv[5]), 0
s.settimeout(float(sys.argv[6]))
for i in range(count):
    s.sendto(i.to_bytes(4, "big") + bytes(size - 4), (host, port))
    try:
        while s.recv(2000)[:4] != i.to_bytes(4, "big"):
            pass
        came += 1
    except OSError:
        pass
print(came)
"""


# Of nobody here.
FIRST = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
SECOND = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="


def inner(index):
    return f"10.9.0.{index + 1}"


def entry(index, **config):
    return {"name": "datapath", "serves": ["datapath.*"],
            "sandbox": {"write": ["state"], "listen": [{"name": "overlay", "at": f"udp://0.0.0.0:{PORT}"}],
                        "tun": [{"name": "overlay", "interface": "cell0", "address": [f"{inner(index)}/24", f"fd09::{index + 1}/64"],
                                 "mtu": 1400}]},
            "restart": {"first": 0, "give_up": "16 in 10m"}, "config": config}


def overlay(node, *words, status=0):
    return node.cli("overlay", *words, json=True, status=status)


def ask(node, address, count=5, size=200, timeout=5.0):
    """How many of `count` datagrams the echo at `address` gives back."""
    made = node.execute([sys.executable, "-c", PROGRAM, "ask", address, "7000", str(count), str(size), str(timeout)], timeout=60)
    assert made.status == 0, made
    return int(made.out)


def has_interface(node):
    return node.execute(["/bin/sh", "-c", "ip link show cell0"]).status == 0


@pytest.fixture
def pair(make_cluster):
    """Two nodes that are each other's peers, and an echo on the second."""
    cluster = make_cluster(2, lambda index: [entry(index)])
    cluster.up()
    for i, node in enumerate(cluster):
        other = cluster[1 - i]
        key = overlay(other, "status")["public_key"]
        assert overlay(node, "add", key, f"{inner(1 - i)}/32", f"fd09::{2 - i}/128", "--endpoint",
                       f"{other.address}:{PORT}") == {"is_new": True}
    for address in (inner(1), "fd09::2"):
        echo = cluster[1].program(sys.executable, "-c", PROGRAM, "echo", address, "7000", stdout=-1, text=True)
        assert echo.stdout.readline() == "ready\n"
    return cluster


def restart(node):
    """kill -9, and another process is ready."""
    old = node.kill("datapath", 0)
    node.wait_until(lambda: node.instance("datapath")["pid"] not in (old, 0), 20, "another process")
    node.wait_state("datapath", "ready", 20)


def test_nodes_speak_hold_nothing_and_come_back(pair):
    """Both families; the cell has no capability, no file but its state, and is an ordinary user. kill -9: the interface
    stays, with its routes; the next process has the same key, its peers, and is heard."""
    ours = pair[0]
    assert ask(ours, inner(1)) == 5 and ask(ours, "fd09::2", size=1300) == 5
    status = overlay(ours, "status")
    assert (status["interface"], status["mtu"], status["listen"]) == ("cell0", 1400, f"0.0.0.0:{PORT}")
    with open(f"/proc/{ours.pid('datapath')}/status", encoding="utf-8") as f:
        lines = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
    assert {lines[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert lines["Seccomp"] == "2" and lines["NoNewPrivs"] == "1" and lines["Uid"].split()[0] != "0"
    assert len(overlay(ours, "ping", inner(1), "--count", "2")["rtt_us"]) == 2
    assert "no peer has this address" in ours.command("overlay", "ping", "10.9.0.77").err
    counts = {c["name"]: int(c["value"]) for c in overlay(ours, "stats")["counts"]}
    assert counts["READ"] >= 10 and counts["WRITTEN"] >= 10 and counts["UNWRITTEN"] == counts["MISFITS"] == 0
    has_aes = overlay(ours, "stats")["own"] != "" # else it is no faster here
    assert overlay(ours, "peers")["peers"][0]["own"] == has_aes, "both are nodes of ours"
    ours.execute(["/bin/sh", "-c", "ip route add 10.99.0.0/16 dev cell0"])
    restart(ours)
    assert overlay(ours, "status")["public_key"] == status["public_key"]
    assert ask(ours, inner(1), count=3) == 3
    assert "10.99.0.0/16" in ours.execute(["/bin/sh", "-c", "ip route show dev cell0"]).out
    peers = overlay(ours, "peers")["peers"]
    assert len(peers) == 1 and sorted(peers[0]["allowed"]) == ["10.9.0.2/32", "fd09::2/128"]
    overlay(ours, "rm", peers[0]["public_key"])
    assert "no peer has this key" in ours.command("overlay", "rm", peers[0]["public_key"]).err
    restart(ours)
    assert overlay(ours, "peers")["peers"] == [], "what was removed stays removed"


def test_down_up_and_a_nucleus_that_dies(pair):
    """Down: no interface, so what is sent there is refused and not lost. Up: as it was. The supervisor dies: the cell goes
    on, and when it dies too, the successor makes the interface anew."""
    ours = pair[0]
    assert ask(ours, inner(1), count=1) == 1 and has_interface(ours)
    overlay(ours, "down")
    ours.wait_until(lambda: not has_interface(ours), 10, "its interface is gone")
    overlay(ours, "up")
    assert has_interface(ours) and ask(ours, inner(1), count=3) == 3
    before = ours.cli("status", json=True)
    procs.kill(before["nucleus_pid"])
    ours.wait_until(lambda: ours.command("--json", "status").status == 0
                    and ours.cli("status", json=True)["nucleus_generation"] == 2, 20, "a successor")
    assert ask(ours, inner(1)) == 5 and ours.pid("datapath") == before["cells"][0]["pid"]
    restart(ours)
    assert ask(ours, inner(1), count=3) == 3


def test_addresses_of_a_link_have_an_interface_of_the_host(make_cluster):
    """The cell has no interface but lo where it is: names and numbers are those of the socket that it was handed, in the manifest, for
    AddPeer and in what is shown. An interface that there is not leaves a peer of the manifest without a place, and is refused else."""
    def made(index):
        one = entry(index, peers=[{"key": key, "allowed": [], "endpoint": f"[fe80::7%{name}]:{PORT}"}
                                  for key, name in ((FIRST, "eth0"), (SECOND, "none"))])
        one["sandbox"]["listen"][0]["at"] = f"udp://[::]:{PORT}"
        return [one]
    cluster = make_cluster(2, made)
    cluster.up()
    keys = [overlay(node, "status")["public_key"] for node in cluster]
    of_link = lambda node: node.execute(["/bin/sh", "-c", "ip -6 -o address show dev eth0 scope link -tentative"]).out
    wait.until(lambda: all("fe80:" in of_link(node) for node in cluster), 20, "the kernels know that their addresses are nobody else's")
    for i, node in enumerate(cluster):
        there = of_link(cluster[1 - i])
        at = f"[{re.search('fe80:[0-9a-f:]*', there)[0]}%eth0]:{PORT}"
        overlay(node, "add", keys[1 - i], f"{inner(1 - i)}/32", "--endpoint", at)
        assert {p["public_key"]: p["endpoint"] for p in overlay(node, "peers")["peers"]} == {
            FIRST: f"[fe80::7%eth0]:{PORT}", SECOND: "", keys[1 - i]: at}
        assert "DATAPATH-SCOPE" in node.log("datapath"), "of the second it is said"
        refused = node.command("overlay", "add", keys[1 - i], "--endpoint", "[fe80::7%none]:1")
        assert refused.status == 1 and "an interface that there is" in refused.err, refused
    assert len(overlay(cluster[0], "ping", inner(1), "--count", "2")["rtt_us"]) == 2


def start_around(make_cluster, endpoint, prepare):
    """Three nodes with sockets of both families: the second and the third know the first alone, a rendezvous that is no relay and is
    at endpoint(it). prepare(node): before it starts."""
    def made(index, peers=(), **config):
        one = entry(index, **config, peers=list(peers))
        one["sandbox"]["listen"][0]["at"] = f"udp://[::]:{PORT}"
        return [one]
    cluster = make_cluster(3, lambda index: made(index, **({"rendezvous": "on"} if index == 0 else {})))
    for node in cluster:
        prepare(node)
    first, *others = cluster
    first.up()
    known = {"key": overlay(first, "status")["public_key"], "endpoint": endpoint(first), "allowed": [f"{inner(0)}/32"], "rendezvous": "on"}
    for index, node in enumerate(others, 1):
        node.write_manifest(made(index, [known]))
        node.up()
        overlay(first, "add", overlay(node, "status")["public_key"], f"{inner(index)}/32")
    return cluster


def at_each_other(one, other):
    """Where the two send each other's packets."""
    keys = [overlay(node, "status")["public_key"] for node in (one, other)]
    return [next((p["endpoint"] for p in overlay(node, "peers")["peers"] if p["public_key"] == key), "") for node, key in ((one, keys[1]), (other, keys[0]))]


def pings(node, address):
    return node.command("overlay", "ping", address, "--count", "1").status == 0


def test_nodes_of_ipv6_alone_find_each_other(make_cluster):
    """DAT-18: by a rendezvous, and nowhere is an address of IPv4 beside those inside."""
    flush = lambda node: node.execute(["/bin/sh", "-c", "ip -4 addr flush dev eth0"])
    _, one, other = start_around(make_cluster, lambda first: f"[{first.address6}]:{PORT}", flush)
    assert overlay(one, "status")["places"] == [f"[{one.address6}]:{PORT}"]
    one.wait_until(lambda: pings(one, inner(2)), 30, "they meet")
    assert at_each_other(one, other) == [f"[{other.address6}]:{PORT}", f"[{one.address6}]:{PORT}"]


def test_where_ipv4_is_cut_ipv6_serves(make_cluster):
    """DAT-18: the rendezvous is reached by IPv4, and between the two others that does not go. What a cell tells of itself are the
    addresses of its host's network, of both families, as they are now: one that comes is told within seconds, and none of the overlay."""
    first, one, other = start_around(make_cluster, lambda first: f"{first.address}:{PORT}", lambda node: None)
    for node, far in ((one, other), (other, one)):
        assert node.execute(["/bin/sh", "-c", f"ip route add blackhole {far.address}/32"]).status == 0
        assert overlay(node, "status")["places"] == [f"{node.address}:{PORT}", f"[{node.address6}]:{PORT}"]
    one.wait_until(lambda: pings(one, inner(2)), 40, "they meet")
    assert at_each_other(one, other) == [f"[{other.address6}]:{PORT}", f"[{one.address6}]:{PORT}"]
    assert overlay(first, "status")["members"] == 2
    one.execute(["/bin/sh", "-c", "ip addr add 2001:db8:7::1/64 dev eth0 nodad; ip addr add 2001:db8:8::1/64 dev eth0 nodad preferred_lft 0; "
                                  "ip addr add 2001:db8:7::2/64 dev eth0 nodad"])
    expected = [[f"{one.address}:{PORT}", f"[2001:db8:7::{last}]:{PORT}", f"[{one.address6}]:{PORT}"] for last in (1, 2)]
    one.wait_until(lambda: overlay(one, "status")["places"] in expected, 30, "one of a network, and none that is to go")
    one.execute(["/bin/sh", "-c", "ip -6 addr flush dev eth0"])
    one.wait_until(lambda: overlay(one, "status")["places"] == [f"{one.address}:{PORT}"], 30, "none is left")


def test_an_interface_that_somebody_removed_is_made_again(pair):
    """The cell ends with it, and its next process has another: with its addresses, and packets go again."""
    ours = pair[0]
    assert ask(ours, inner(1), count=1) == 1
    for _ in range(2):
        old = ours.pid("datapath")
        assert ours.execute(["/bin/sh", "-c", "ip link del cell0"]).status == 0
        ours.wait_until(lambda before=old: ours.instance("datapath")["pid"] not in (before, 0), 20, "another process")
        ours.wait_state("datapath", "ready", 20)
        assert has_interface(ours) and ask(ours, inner(1), count=3) == 3 and ask(ours, "fd09::2", count=1) == 1


def addresses_of(node, name="cell0"):
    """{address/bits} of the interface, but for those of the link."""
    made = node.execute(["/bin/sh", "-c", f"ip -o addr show dev {name} scope global"])
    return set(re.findall(r"inet6? (\S+)", made.out))


def test_addresses_that_somebody_took_away_come_back(pair):
    """Both families, whatever the interface is called by then, and when it was down, which the kernel takes those of IPv6 from. Who
    takes them again and again has them for longer. Also of a supervisor's successor."""
    ours, all_of_it = pair[0], {f"{inner(0)}/24", "fd09::1/64"}
    do = lambda words: ours.execute(["/bin/sh", "-c", words])
    again = lambda name="cell0", said=all_of_it: ours.wait_until(lambda: addresses_of(ours, name) == said, 20, "they are back")
    before = ours.cli("status", json=True)
    assert addresses_of(ours) == all_of_it and ask(ours, inner(1), count=1) == 1
    do("ip addr flush dev cell0")
    again()
    assert ask(ours, inner(1), count=2) == 2 and ask(ours, "fd09::2", count=2) == 2
    do("ip link set cell0 down; ip addr flush dev cell0")
    time.sleep(0.5) # it is looked at while it is down
    do("ip link set cell0 up")
    again()
    do("ip addr add 10.7.7.7/24 dev cell0; ip addr del fd09::1/64 dev cell0")
    again(said=all_of_it | {"10.7.7.7/24"})
    do("ip addr del 10.7.7.7/24 dev cell0")
    procs.kill(before["nucleus_pid"])
    ours.wait_until(lambda: ours.command("--json", "status").status == 0
                    and ours.cli("status", json=True)["nucleus_generation"] == 2, 20, "a successor")
    do("ip link set cell0 down; ip link set cell0 name mine; ip link set mine up; ip addr flush dev mine")
    again("mine")
    assert ask(ours, inner(1), count=2) == 2 and ask(ours, "fd09::2", count=2) == 2
    assert ours.pid("datapath") == before["cells"][0]["pid"]
    assert ours.log("nucleus").count("NUCLEUS-TUN-MENDED") <= 8


def test_an_interface_is_what_it_is_now(pair):
    """Its name and its mtu are those that somebody gives it while the cell runs, and packets are as long; so it is for the cell's next
    process, also with an mtu that no overlay has."""
    ours, theirs = pair
    do = lambda node, words: node.execute(["/bin/sh", "-c", words])
    seen = lambda node: [overlay(node, "status")[name] for name in ("interface", "mtu")]
    is_now = lambda node, *what: node.wait_until(lambda: seen(node) == list(what), 20, f"it is {what}")
    assert ask(ours, inner(1), count=1, size=1372) == 1
    do(ours, "ip link set cell0 down; ip link set cell0 name mine; ip link set mine up mtu 1460")
    do(theirs, "ip link set cell0 mtu 1460")
    is_now(ours, "mine", 1460)
    is_now(theirs, "cell0", 1460)
    assert ask(ours, inner(1), count=5, size=1432) == 5
    for mtu, used in ((1280, 1280), (300, 576), (65535, 9000)):
        do(ours, f"ip link set mine mtu {mtu}")
        is_now(ours, "mine", used)
        assert ask(ours, inner(1), count=2) == 2
    restart(ours)
    assert seen(ours) == ["mine", 9000] and ask(ours, inner(1), count=2, size=1200) == 2
    do(ours, "ip link set mine mtu 300")
    restart(ours)
    assert seen(ours) == ["mine", 576] and ask(ours, inner(1), count=2) == 2


def test_an_interface_may_be_in_another_network(pair):
    """One that somebody gave to a container: packets go to and from there, also of the cell's next process. When that network is no
    more, the interface is made again where the first one was."""
    ours = pair[0]
    assert ask(ours, inner(1), count=1) == 1
    _, there = pair.namespace()
    within = lambda *words: pair.inside(there, *words)
    question = (sys.executable, "-c", PROGRAM, "ask", inner(1), "7000", "3", "1200", "5")
    assert ours.execute(["/bin/sh", "-c", f"ip link set cell0 netns {there}"]).status == 0
    for words in (("addr", "add", f"{inner(0)}/24", "dev", "cell0"), ("link", "set", "cell0", "up")):
        within("ip", *words)
    assert within(*question).stdout.strip() == "3"
    restart(ours)
    assert within(*question).stdout.strip() == "3"
    within("ip", "link", "del", "cell0")
    ours.wait_until(lambda: has_interface(ours), 20, "it is made again")
    ours.wait_state("datapath", "ready", 20)
    assert ask(ours, inner(1), count=3) == 3


def test_an_interface_has_all_its_addresses(make_cluster):
    """Several of one family, of one network and of others."""
    one = entry(0)
    wanted = ["10.9.0.1/24", "10.8.0.1/24", "10.9.0.2/24", "fd09::1/64", "fd08::1/64"]
    one["sandbox"]["tun"][0]["address"] = wanted
    cluster = make_cluster(1, [one])
    cluster.up()
    assert addresses_of(cluster[0]) == set(wanted)


def test_names_are_answered_by_a_cell_that_is_kept(make_cluster):
    """DAT-18: by the socket that the supervisor made, which is still there for the cell's next process. Of this node's own
    addresses the cell knows those that the supervisor gave to its interface, of both families, whatever its configuration has."""
    one = entry(0, name="a", address=["10.9.9.9/24", "fd09::99/64"], peers=[{"key": "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", "name": "b",
                                     "allowed": [f"{inner(1)}/32", "fd09::2/128"]}])
    one["sandbox"]["listen"].append({"name": "dns", "at": "udp://127.0.0.1:7453"})
    cluster = make_cluster(1, [one])
    cluster.up()
    node = cluster[0]
    for _ in range(2):
        said = node.execute([sys.executable, "-c", RESOLVE, "127.0.0.1", "7453", "b.cell.internal", "1", "b.cell.internal", "28",
                             "a.cell.internal", "1", "a.cell.internal", "28", "c.cell.internal", "1"], timeout=20)
        assert said.out.splitlines() == ["0 0a090002", "0 fd09" + "00" * 13 + "02", "0 0a090001", "0 fd09" + "00" * 13 + "01", "3"], said
        restart(node)
    assert overlay(node, "status")["answers_dns"] and [p["name"] for p in overlay(node, "peers")["peers"]] == ["b"]
    assert "nobody knows where" in node.command("overlay", "ping", "b").err, "it is a peer's name"
    for asked, code in (("c", "NOT_FOUND"), ("C.cell.internal", "NOT_FOUND"), ("10.9.0.77", "NOT_FOUND"), ("10.9.0.0/24", "INVALID"), ("c_d", "INVALID")):
        said = node.command("--json", "overlay", "ping", asked)
        assert (said.status, json.loads(said.err)["error"]["code"]) == (1, code), f"{asked}: {said}"
    assert "no peer with an address of its own has this name" in node.command("overlay", "ping", "c").err


@pytest.mark.needs_tool("wg")
def test_wg_shows_and_sets_a_cell_that_is_kept(make_cluster):
    """Debian's `wg` by a socket that the supervisor made: what it sets outlives the cell's process, and when the cell is
    down it is refused at once, and nothing is left of the socket."""
    name = f"cell{os.getpid() % 10000}"
    path = f"/var/run/wireguard/{name}.sock"
    one = entry(0)
    one["sandbox"]["tun"][0]["interface"] = name
    one["sandbox"]["listen"][0]["mark"] = "0xca6c"
    one["sandbox"]["listen"].append({"name": "control", "at": f"unix://{path}"})
    cluster = make_cluster(1, [one])
    cluster.up()
    node = cluster[0]
    peer = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

    def wg(*words):
        return node.execute(["/usr/bin/wg", *words], timeout=20)

    assert os.stat(path).st_mode & 0o777 == 0o600
    assert wg("show", name, "public-key").out.strip() == overlay(node, "status")["public_key"]
    assert wg("show", name, "fwmark").out.strip() == "0xca6c" and wg("set", name, "fwmark", "51820").status == 0
    assert wg("set", name, "peer", peer, "allowed-ips", "10.9.0.7/32", "endpoint", "192.0.2.1:7").status == 0
    assert [p["public_key"] for p in overlay(node, "peers")["peers"]] == [peer]
    restart(node)
    assert wg("show", name, "allowed-ips").out.split() == [peer, "10.9.0.7/32"]
    overlay(node, "down")
    node.wait_until(lambda: not os.path.exists(path), 10, "the socket is gone")
    assert wg("show", name).status != 0
    overlay(node, "up")
    node.wait_state("datapath", "ready", 20)
    assert wg("show", name, "endpoints").out.split() == [peer, "192.0.2.1:7"]
    node.down()
    assert not os.path.exists(path)


def test_an_endpoint_by_name_takes_the_network(make_cluster, tmp_path):
    """With `network: true` in its sandbox the cell asks for the name, also when DNS comes later."""
    key, at = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", tmp_path / "at"
    at.write_text("192.0.2.77")
    one = entry(0, dns_servers=["127.0.0.1"], peers=[{"key": key, "allowed": ["10.9.0.7/32"], "endpoint": "gate.example.org:51820"}])
    one["sandbox"]["network"] = True
    cluster = make_cluster(1, [one])
    cluster.up()
    node = cluster[0]
    place = lambda: overlay(node, "peers")["peers"][0]["endpoint"]
    assert place() == ""
    named = node.program(sys.executable, "-c", NAMED, "127.0.0.1", str(at), stdout=-1, text=True)
    assert named.stdout.readline() == "ready\n"
    node.wait_until(lambda: place() == "192.0.2.77:51820", 60, "DNS says where he is")


def test_peers_of_the_manifest_have_the_last_word(make_cluster):
    """What was changed at run time holds until the next start; peers that stand nowhere are kept."""
    listed, added = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
    cluster = make_cluster(1, [entry(0, peers=[{"key": listed, "allowed": ["10.9.0.7/32"]}])])
    cluster.up()
    node = cluster[0]
    overlay(node, "add", listed, "10.9.0.8/32", "--keepalive", "30")
    overlay(node, "add", added, "10.9.0.9/32", "--endpoint", "192.0.2.1:1")
    silent = node.command("overlay", "ping", "10.9.0.9")
    assert silent.status != 0 and "no echo of 10.9.0.9 came within 2 s" in silent.err and "hung" not in silent.err, silent
    restart(node)
    peers = {p["public_key"]: p for p in overlay(node, "peers")["peers"]}
    assert peers[listed]["allowed"] == ["10.9.0.7/32"] and peers[listed]["keepalive_s"] == 0
    assert peers[added]["allowed"] == ["10.9.0.9/32"] and peers[added]["endpoint"] == "192.0.2.1:1"
    assert json.dumps(peers).count("10.9.0.8") == 0
    for nobody in (overlay(node, "status")["public_key"], base64.b64encode(bytes(32)).decode()):
        refused = node.command("overlay", "add", nobody, "10.9.0.10/32")
        assert refused.status == 1 and "INVALID" in refused.err and "this node's own" in refused.err, refused
    assert len(overlay(node, "peers")["peers"]) == 2


# Sends a datagram from PORT to HOST as whoever may make packets can, whose text is HEX.
SAY = """
import socket, struct, sys
host, port, text = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"cell0")
if len(sys.argv) > 4:
    s.bind((sys.argv[4], 0))
s.sendto(struct.pack("!HHHH", port, int(sys.argv[5]) if len(sys.argv) > 5 else 9, 8 + len(text), 0) + text, (host, 0))
"""


def test_what_we_sent_does_not_come_round(pair):
    """A route to a peer that leads into the overlay: our datagrams are dropped there, of every length, instead of being sealed again
    and again for ever, and when it is gone packets go as before. Neither does a signal find a way through the overlay itself. Others'
    datagrams go, whatever port they come from, and ours to others."""
    ours, theirs = pair
    counts = lambda: {c["name"]: int(c["value"]) for c in overlay(ours, "stats")["counts"]}
    do = lambda words: ours.execute(["/bin/sh", "-c", words])
    key = overlay(theirs, "status")["public_key"]
    overlay(ours, "add", key, "0.0.0.0/0")
    assert ask(ours, inner(1), count=2) == 2
    assert do(f"ip route add {theirs.address}/32 dev cell0").status == 0
    before = counts()
    for size in (100, 1300):
        assert ask(ours, inner(1), count=1, size=size, timeout=0.3) == 0
    ours.wait_until(lambda: counts()["LOOPED"] > before["LOOPED"], 10, "it is seen")
    assert "DATAPATH-LOOP" in ours.log("datapath")
    before = counts()
    time.sleep(1) # what must not happen has no event
    assert counts()["READ_CALLS"] < before["READ_CALLS"] + 300
    assert do(f"ip route del {theirs.address}/32 dev cell0").status == 0
    ours.wait_until(lambda: ask(ours, inner(1), count=1, timeout=1) == 1, 20, "packets go again")

    signal = "0563656c" + "00" * 188
    data = "04" + "00" * 31
    assert do("ip addr add 192.0.2.77/32 dev lo").status == 0 # as a host behind us
    to_peer = lambda source: (theirs.address, PORT, data, source, str(PORT))
    for words, is_ours in (((inner(1), PORT, signal), True), (("fd09::2", PORT, signal), True), ((inner(1), PORT, data), False),
                           ((inner(1), PORT + 1, signal), False), (("fd09::2", PORT, "61" * 40), False),
                           (to_peer(inner(0)), True), (to_peer(ours.address), True), (to_peer("192.0.2.77"), False)):
        before = counts()
        made = ours.execute([sys.executable, "-c", SAY, *map(str, words)])
        assert made.status == 0, made
        ours.wait_until(lambda had=before: counts()["READ_CALLS"] > had["READ_CALLS"], 10, "it came")
        assert (counts()["LOOPED"] > before["LOOPED"]) == is_ours, words


def test_places_where_nobody_can_be_are_refused(make_cluster):
    """By AddPeer, with what is wrong, and nothing is changed; of the manifest's peers it is said, and they may speak first. No option of
    the command line is taken that says nothing."""
    lost = ("[2001:db8::1]:7", "0.0.0.0:7", "224.0.0.1:7", "255.255.255.255:7", "[::]:7")
    cluster = make_cluster(1, [entry(0, peers=[{"key": FIRST, "allowed": ["10.9.0.7/32"], "endpoint": lost[0]},
                                               {"key": SECOND, "allowed": [], "endpoint": "127.0.0.1:7"}])])
    cluster.up()
    node = cluster[0]
    node.wait_log("DATAPATH-UNREACHABLE", part="datapath")
    places = lambda: {p["public_key"]: p["endpoint"] for p in overlay(node, "peers")["peers"]}
    assert places() == {FIRST: "", SECOND: "127.0.0.1:7"}
    for at in lost:
        made = node.command("overlay", "add", SECOND, "--endpoint", at)
        assert made.status == 1 and ("takes IPv4 alone" if "db8" in at else "of many or of nobody") in made.err, made
    for words in (("add", SECOND, "--endpoint", ""), ("capture", "--duration", "1s", "--peer", ""), ("capture", "--duration", "1s", "--out", "")):
        made = node.command("overlay", *words)
        assert made.status == 2 and '"" is none' in made.err, made
    assert places() == {FIRST: "", SECOND: "127.0.0.1:7"} and captures(node) == 0


def test_an_interface_of_somebody_else_is_named(make_cluster):
    """The cell does not start, its reason says why; when the name is free, it does."""
    cluster = make_cluster(1, [entry(0)])
    node = cluster[0]
    holder = node.program(sys.executable, "-c", "import fcntl, os, struct, sys\n"
                          "f = os.open('/dev/net/tun', os.O_RDWR)\n"
                          "fcntl.ioctl(f, 0x400454ca, struct.pack('16sH', b'cell0', 0x1001))\n"
                          "print('held', flush=True)\nsys.stdin.read()", stdin=-1, stdout=-1, text=True)
    assert holder.stdout.readline() == "held\n"
    node.guard()
    node.wait_until(lambda: node.command("status").status == 0, 20, "the node")
    node.wait_until(lambda: "tun.overlay: cell0: another process has it" in node.instance("datapath")["reason"], 20, "the reason")
    holder.stdin.close()
    wait.until(lambda: holder.poll() is not None, 10, "it lets go")
    node.wait_until(lambda: node.instance("datapath")["state"] == "ready", 30, "it starts")


def packets_of(data, snap):
    """[(kept bytes, size)] of a file as libpcap writes them: microseconds, little-endian, no link's head."""
    assert struct.unpack_from("<IHHiIII", data) == (0xa1b2c3d4, 2, 4, 0, 0, snap, 101)
    found, at, newest = [], 24, 0
    while at < len(data):
        seconds, microseconds, kept, size = struct.unpack_from("<IIII", data, at)
        assert microseconds < 1000000 and kept == min(size, snap) and seconds + microseconds / 1e6 >= newest
        newest = seconds + microseconds / 1e6
        assert at + 16 + kept <= len(data), "the last packet is whole"
        found.append((data[at + 16:at + 16 + kept], size))
        at += 16 + kept
    assert not found or abs(newest - time.time()) < 60
    return found


def captures(node):
    """How many are on."""
    return {c["name"]: int(c["value"]) for c in overlay(node, "stats")["counts"]}["CAPTURES"]


def in_flight(node):
    """Calls that the cell has not answered yet, as it says itself."""
    return node.cli("health", "datapath", json=True)["cells"][0]["calls_waiting"]


def read_terminal(terminal):
    """All that was written to it by those who are gone; it is closed."""
    text = b""
    try:
        while (more := os.read(terminal, 4096)):
            text += more
    except OSError: # nobody has its other end any more
        pass
    os.close(terminal)
    return text.decode()


def test_capture_shows_what_goes_through(pair, tmp_path):
    """In a file, a pipe, JSON; of both directions; four at most; one ends when whoever asked is gone."""
    ours, key = pair[0], overlay(pair[1], "status")["public_key"]
    begun = 0

    def capture(*words, json_=False, stdout=subprocess.PIPE):
        nonlocal begun
        made = subprocess.Popen([ours.build.binary("cell"), "--run", ours.run, *(["--json"] if json_ else []), "overlay", "capture",
                                 *words], stdout=stdout, stderr=subprocess.PIPE)
        pair.programs.append(made)
        begun += 1
        ours.wait_until(lambda: ours.log("datapath").count("DATAPATH-CAPTURE ") == begun, 20, "it has begun")
        return made

    gone = capture(json_=True)
    procs.kill(gone.pid)

    path = tmp_path / "all.pcap"
    made = capture("--peer", key, "--count", "4", "--snap", "65535", "--out", str(path))
    assert ask(ours, "10.9.0.77", count=1, timeout=0.1) == 0, "nobody's, so none of this peer's packets"
    assert ask(ours, inner(1), count=2) == 2
    out, err = made.communicate(timeout=30)
    assert (made.returncode, out) == (0, b"") and err == b"cell: 4 packets\n"
    assert path.stat().st_mode & 0o777 == 0o600
    found = packets_of(path.read_bytes(), 65535)
    us, them = bytes([10, 9, 0, 1]), bytes([10, 9, 0, 2])
    for i, (packet, size) in enumerate(found):
        assert (packet[0], packet[9], size) == (0x45, 17, 228), "UDP in IPv4, whole"
        assert (packet[12:16], packet[16:20]) == ((us, them) if i % 2 == 0 else (them, us)), "there and back"
        assert packet[28:] == (i // 2).to_bytes(4, "big") + bytes(196)
    assert len(found) == 4

    made = capture("--peer", key, "--snap", "40")
    assert ask(ours, "fd09::2", count=1, size=1000) == 1
    made.send_signal(signal.SIGINT)
    out, err = made.communicate(timeout=30)
    assert made.returncode == 0 and b"2 packets" in err
    assert [(packet[0] >> 4, len(packet), size) for packet, size in packets_of(out, 40)] == [(6, 40, 1048)] * 2

    made = capture("--peer", key, "--count", "2", json_=True)
    overlay(ours, "ping", inner(1), "--count", "1")
    lines = [json.loads(line) for line in made.communicate(timeout=30)[0].splitlines()]
    assert [(p["is_out"], p["source"], p["destination"], p["protocol"], p["public_key"]) for p in lines] == \
        [(True, inner(0), inner(1), "ICMP echo request", key), (False, inner(1), inner(0), "ICMP echo reply", key)]

    terminal, other_end = pty.openpty()
    made = capture("--peer", key, "--count", "2", stdout=other_end)
    os.close(other_end)
    assert ask(ours, "fd09::2", count=1, size=100) == 1
    assert made.wait(30) == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", read_terminal(terminal))
    time_of_day = r"\d\d:\d\d:\d\d\.\d{6}"
    assert re.fullmatch(rf"{time_of_day} out {re.escape(key[:12])} \[fd09::1\]:(\d+) > \[fd09::2\]:7000 UDP 148\r\n"
                        rf"{time_of_day} in  {re.escape(key[:12])} \[fd09::2\]:7000 > \[fd09::1\]:\1 UDP 148\r\n", text), text

    ours.wait_until(lambda: "nobody asked any more" in ours.log("datapath"), 20, "the first has ended")
    four = [capture("--duration", "5m", json_=True) for _ in range(4)]
    fifth = ours.command("overlay", "capture", "--duration", "1s")
    assert fifth.status == 1 and "LIMIT" in fifth.err and "4 captures are on" in fifth.err
    assert captures(ours) == 4
    assert ask(ours, "10.9.0.77", count=1, timeout=0.1) == 0
    for one in four:
        one.send_signal(signal.SIGTERM)
    for one in four: # each has all, also what goes to nobody
        lines = [json.loads(line) for line in one.communicate(timeout=30)[0].splitlines()]
        assert [(p["is_out"], p["public_key"]) for p in lines if p["destination"] == "10.9.0.77:7000"] == [(True, "")]
        assert one.returncode == 0
    assert captures(ours) == 0


def test_captures_that_cannot_be(pair):
    """Each is refused with what is wrong, and none is on after it."""
    stranger = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
    for status, words, said in ((1, ("--peer", stranger), "no peer has this key"), (1, ("--peer", "me"), "44 characters"),
                                (2, ("--snap", "0"), "from 1 to 65535"), (2, ("--snap", "65536"), "from 1 to 65535"),
                                (2, ("--count", "0"), "from 1"), (2, ("--duration", "0s"), "no duration"),
                                (2, ("--out", "-", "--json"), "packets are no text"), (2, ("more",), "usage"),
                                (1, ("--out", "/nowhere/at/all"), "cannot make /nowhere/at/all")):
        made = pair[0].command("overlay", "capture", "--duration", "1s", *words)
        assert made.status == status and said in made.err, made
    for request, said in (({"snap": 65536}, "1 to 65535 bytes"), ({"wait_ms": 10001}, "at most 10000"), ({"capture": 7}, "it has ended")):
        made = pair[0].command("call", "datapath.Capture", json.dumps(request))
        assert made.status == 1 and said in made.err, made
    assert captures(pair[0]) == 0


def test_files_that_are_none_for_packets(pair, tmp_path):
    """A file keeps what it has until there is a capture; none is left that has none; others cannot read it, nor is it theirs."""
    ours, stranger = pair[0], "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
    path = tmp_path / "packets"

    def capture(*words):
        return ours.command("overlay", "capture", "--duration", "1s", "--out", path, *words)

    assert capture("--peer", stranger).status == 1 and not path.exists(), "nothing of it is left"
    path.write_bytes(b"dear to somebody")
    path.chmod(0o600)
    made = capture("--peer", stranger)
    assert made.status == 1 and "no peer has this key" in made.err and path.read_bytes() == b"dear to somebody"
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        made = capture()
        assert made.status == 1 and f"others may read or write it (mode {mode:o})" in made.err, made
    path.chmod(0o600)
    os.chown(path, 12345, -1)
    made = capture()
    assert made.status == 1 and "it is user 12345's" in made.err, made
    os.chown(path, os.geteuid(), -1)
    assert path.read_bytes() == b"dear to somebody" and captures(ours) == 0
    assert capture().status == 0 and packets_of(path.read_bytes(), 256) == []
    assert ours.command("overlay", "capture", "--duration", "1s", "--out", "/dev/null").status == 0


def test_a_capture_read_slowly_is_whole(pair):
    """Ctrl-C while whoever reads it does not: what was taken is written to its end, and no part of a packet."""
    ours = pair[0]
    made = subprocess.Popen([ours.build.binary("cell"), "--run", ours.run, "overlay", "capture", "--snap", "65535"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, pipesize=4096)
    pair.programs.append(made)
    ours.wait_until(lambda: "DATAPATH-CAPTURE " in ours.log("datapath"), 20, "it has begun")
    assert ask(ours, inner(1), count=40, size=1300) == 40

    def told(name, words):
        with open(f"/proc/{made.pid}/{name}", encoding="utf-8") as f:
            return words in f.read()
    wait.until(lambda: told("wchan", "pipe_write"), 20, "it writes, and cannot go on")
    made.send_signal(signal.SIGINT)
    wait.until(lambda: told("status", "ShdPnd:\t0000000000000000"), 20, "it has heard of it")
    out, err = made.communicate(timeout=30)
    packets = packets_of(out, 65535)
    assert made.returncode == 0 and f"{len(packets)} packets" in err.decode(), err
    assert all(size in (len(packet), 1328) for packet, size in packets) and len(packets) >= 1


def test_an_answer_is_as_large_as_it_may_be(make_cluster):
    """Packets that one message has no room for come with the next one, and none is lost."""
    cluster = make_cluster(1, [{**entry(0), "limits": {"message": "16KiB"}}])
    cluster.up()
    node = cluster[0]

    def capture(status=0, **request):
        made = node.command("--json", "call", "datapath.Capture", json.dumps(request))
        assert made.status == status, made
        return made.json() if status == 0 else made.err

    assert "snap: at most 16" in capture(status=1, snap=65535), "of such packets none has room"
    number = capture(snap=2000)["capture"]
    assert ask(node, "10.9.0.77", count=40, size=1300, timeout=0.01) == 0
    answers = []
    while not answers or answers[-1].get("packets"):
        answers.append(capture(capture=number))
    sizes = [p["size"] for a in answers for p in a.get("packets", [])]
    assert sizes.count(1328) == 40 and sum(sizes) < 40 * 1328 + 1000, sizes # a host looks for routers now and then
    assert len(answers) >= 5 and int(answers[-1]["taken"]) == len(sizes) and int(answers[-1].get("dropped", 0)) == 0


def test_a_capture_does_not_hold_up_the_cell(pair):
    """Whoever waits for a packet is told that the cell ends, when it does."""
    node = pair[0]
    number = node.cli("call", "datapath.Capture", "{}", json=True)["capture"]
    before = in_flight(node)
    waiting = node.program(node.build.binary("cell"), "--run", node.run, "call", "datapath.Capture",
                           json.dumps({"capture": number, "wait_ms": 10000}), stdout=-1, stderr=-1, text=True)
    node.wait_until(lambda: in_flight(node) == before + 1, 20, "it waits")
    node.cli("stop", "datapath")
    out, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 1 and "the cell ends" in err, (out, err)
