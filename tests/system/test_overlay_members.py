"""The overlay of a cluster: its members are each other's peers, and nobody lists them anywhere."""
import ipaddress

import pytest

from support import nodosums
from test_overlay_node import overlay

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_netns]

GOSSIP, PORT = 7402, 51820
NETWORK = "10.64.0.0/10"
NETWORK6 = "fd09::/64"


def cells(index, seed="10.77.0.1", anywhere="0.0.0.0", **config):
    made = [
        {"name": "nodosum", "serves": ["nodosum.*"], "config": {"seeds": [f"{seed}:{GOSSIP}"]},
         "sandbox": {"network": True, "write": ["state"], "keys": ["datagram"],
                     "listen": [{"name": "gossip", "at": f"udp://{anywhere}:{GOSSIP}"}]}},
        {"name": "datapath", "root": True, "serves": ["datapath.*"], "requires": ["nodosum"],
         "may_call": ["nodosum.Members", "nodosum.Watch"], "config": {"membership": [NETWORK, NETWORK6], **config},
         "sandbox": {"write": ["state"], "keys": ["datagram"], "listen": [{"name": "overlay", "at": f"udp://{anywhere}:{PORT}"}],
                     "tun": [{"name": "overlay", "interface": "cell0", "address": [NETWORK, NETWORK6]}]},
         "restart": {"first": 0, "give_up": "16 in 10m"}}]
    if index == 0:
        return made + [{"name": "issuer", "serves": ["issuer.*"], "may_call": ["nucleus.Rekey"],
                        "sandbox": {"network": True, "write": ["state"], "keys": ["issuer"]}}]
    return made + [{"name": "renewer", "serves": ["renewer.*"], "requires": ["nodosum"],
                    "may_call": ["nucleus.Rekey", "nodosum.Keys", "nodosum.Members"],
                    "sandbox": {"network": True, "keys": ["renew"]}}]


def inner(node):
    """Its addresses, as its interface has them: of IPv4 and of IPv6."""
    shown = node.execute(["/bin/sh", "-c", "ip -o address show dev cell0 scope global"]).out.split()
    found = [ipaddress.ip_interface(shown[i + 1]) for i, word in enumerate(shown) if word in ("inet", "inet6")]
    return [next(str(a.ip) for a in found if a.version == v) for v in (4, 6)]


def peers(node):
    """{name: inner addresses} of its peers."""
    return {p["name"]: sorted(p["allowed"]) for p in overlay(node, "peers")["peers"]}


def reaches(node, where):
    return node.command("overlay", "ping", where, "--count", "1").status == 0


def join_three(make_cluster, manifest):
    cluster = make_cluster(3, manifest)
    first, *others = cluster.members
    first.cli("init", "--node-id", first.name)
    first.up()
    for node in others:
        token = first.cli("token", "create", json=True)["token"]
        node.cli("join", "-", "--node-id", node.name, stdin=token)
    cluster.up(others)
    nodosums.agree(cluster, cluster.members, 20, "three members")
    return cluster


@pytest.fixture
def three(make_cluster):
    return join_three(make_cluster, cells)


def test_members_of_ipv6_alone_are_peers(make_cluster):
    """Once they have joined there is no address of IPv4 beside those inside, and the overlay's cells begin anew."""
    three = join_three(make_cluster, lambda index: cells(index, "[fdce::1]", "[::]"))
    nodes = three.members
    for node in nodes:
        node.execute(["/bin/sh", "-c", "ip -4 addr flush dev eth0"])
        overlay(node, "down")
        overlay(node, "up")
        assert overlay(node, "status")["places"] == [f"[{node.address6}]:{PORT}"]
    for node in nodes:
        for other in nodes:
            if other is not node:
                node.wait_until(lambda node=node, other=other: reaches(node, other.name), 30, f"{node.name} reaches {other.name}")
    for node in nodes:
        assert {p["endpoint"] for p in overlay(node, "peers")["peers"]} == {f"[{n.address6}]:{PORT}" for n in nodes if n is not node}


def test_members_are_peers(three):
    """Each reaches each by address and by name; nobody wrote a peer down. One leaves, one dies and comes back with its key,
    and another cluster key parts nobody."""
    nodes = three.members
    at = {n.name: inner(n) for n in nodes}
    assert all(ipaddress.ip_address(a) in ipaddress.ip_network(NETWORK) and ipaddress.ip_address(b) in ipaddress.ip_network(NETWORK6)
               for a, b in at.values()) and len({a for a, _ in at.values()}) == 3
    for node in nodes:
        expected = {n.name: sorted([f"{at[n.name][0]}/32", f"{at[n.name][1]}/128"]) for n in nodes if n is not node}
        node.wait_until(lambda node=node, expected=expected: peers(node) == expected, 20, f"the peers of {node.name}")
        assert all(p["is_brought"] for p in overlay(node, "peers")["peers"])
        count = {c["name"]: int(c["value"]) for c in overlay(node, "stats")["counts"]}
        assert (count["MEMBERS"], count["MEMBERS_REFUSED"], count["MEMBER_COLLISIONS"]) == (2, 0, 0)
    for node in nodes:
        for other in nodes:
            if other is not node:
                for where in (*at[other.name], other.name):
                    node.wait_until(lambda node=node, where=where: reaches(node, where), 20, f"{node.name} reaches {where}")
    first, second, third = nodes
    assert overlay(first, "status")["name"] == first.name
    key = overlay(second, "status")["public_key"]
    second.crash()
    second.wait_until(lambda: second.up() or True, 20, "it starts again") # the kernel takes a moment to take the interface down
    second.wait_until(lambda: reaches(second, at[first.name][0]), 30, "it is back")
    assert overlay(second, "status")["public_key"] == key and inner(second) == at[second.name]
    first.wait_until(lambda: reaches(first, second.name), 30, "and is reached")
    first.cli("rotate", "cluster-key", "--grace", "1s")
    three.wait_each(nodes, lambda n: n.cli("identity", json=True)["epoch"], 2, 10, "all have the new key")
    overlay(third, "down")
    overlay(third, "up")
    third.wait_until(lambda: reaches(third, first.name) and reaches(third, second.name), 30, "another cluster key parts nobody")
    third.cli("call", "nodosum.Leave", "{}")
    for node in (first, second):
        node.wait_until(lambda node=node: third.name not in peers(node), 10, "who leaves is no peer")
        assert not reaches(node, at[third.name][0])


def test_a_network_is_for_a_node_of_a_cluster(make_cluster):
    """Without an identity there is no address, and the reason says what to do."""
    one = cells(1)[1]
    sandbox = {key: value for key, value in one["sandbox"].items() if key != "keys"}
    cluster = make_cluster(1, [{**one, "requires": [], "may_call": [], "config": {}, "sandbox": sandbox, "restart": {"give_up": "1 in 60s"}}])
    node = cluster[0]
    result = node.command("up", node.manifest_path, "--detach")
    said = result.err + str(node.cli("status", json=True)["cells"])
    assert result.status == 1 and "address by id" in said and "cell init" in said, said
