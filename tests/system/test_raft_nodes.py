"""Members of a consensus cell on several nodes, each in a network namespace: found through nodosum, asked by way of the
gateways and their TLS. A node is lost and comes back, another one joins, a cell that is no member stays outside."""
import json
import re
import time

from support import nodosums, pb
from test_docs import blocks

PUT, GET, STATUS, MEMBERS = 300, 301, 314, 315
OK = 1


def manifest(build, index):
    """The entry of the README; raft on each node knows the first three, and itself."""
    peers = [f"raft@node-{n}" for n in sorted({1, 2, 3, index + 1})]
    entry = re.sub(r"peers: \[.*?\]", f"peers: {json.dumps(peers)}", blocks("README.md", "The replicated store", "yaml")[1])
    cells = [
        {"name": "nodosum", "serves": ["nodosum.*"], "config": {"seeds": ["10.77.0.1:7402"]},
         "sandbox": {"network": True, "write": ["state"], "keys": ["datagram"],
                     "listen": [{"name": "gossip", "at": "udp://0.0.0.0:7402"}]}},
        {"name": "gateway", "requires": ["nodosum"],
         "may_call": ["nodosum.Discover", "nodosum.Watch", "nodosum.Offer", "nucleus.Events", "raft.*", "*.Describe", "*.Schema"],
         "config": {"exports": [{"cell": "raft", "nodes": ["*"]}]},
         "sandbox": {"network": True, "keys": ["tls"], "listen": [{"name": "mesh", "at": "tcp://0.0.0.0:7401"}]},
         "limits": {"memory": "512M", "message": "4M"}},
    ]
    if index == 0:
        cells.append({"name": "issuer", "serves": ["issuer.*"], "sandbox": {"network": True, "write": ["state"], "keys": ["issuer"]}})
    if index == 1: # the same program under another name: it may ask raft of other nodes everything that users may
        cells.append({"name": "other", "exec": build.binary("cell-raft"), "requires": ["gateway"], "serves": ["other.*"],
                      "may_call": ["raft@node-1.*"], "sandbox": {"write": ["state"]},
                      "config": {"peers": ["raft@node-1", "other@node-2"]}, "limits": {"memory": "512M"}})
    for cell in cells:
        cell["exec"] = cell.get("exec") or build.binary("cell-" + cell["name"])
    return "cells:\n" + "".join(f"  - {json.dumps(c)}\n" for c in cells) + entry


def ask(node, operation, fields=(), deadline_ms=3000):
    """The reply of this node's member, or None where nobody answers."""
    try:
        with node.client("raft", timeout=5) as client:
            return client.call(operation, pb.encode(list(fields)), deadline_ms=deadline_ms)
    except (OSError, EOFError):
        return None


def status(node):
    """(role, leader's name, applied)"""
    reply = ask(node, STATUS)
    if reply is None or reply.status != OK:
        return None
    body = pb.decode(reply.body)
    return pb.first(body, 4, b"").decode(), pb.first(body, 7, b"").decode(), pb.first(body, 9)


def leaders(nodes):
    return [n for n in nodes if (status(n) or ("",))[0] == "leader"]


def voters(node):
    reply = ask(node, MEMBERS)
    members = [pb.decode(m) for m in pb.decode(reply.body).get(2, [])] if reply is not None and reply.status == OK else []
    return sorted(pb.first(m, 3, b"").decode() for m in members if pb.first(m, 4, b"") == b"voter")


def put(nodes, key, value, deadline=20.0):
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        for node in nodes:
            reply = ask(node, PUT, [(1, key), (2, value)])
            if reply is not None and reply.status == OK:
                return
    raise AssertionError(f"no member takes {key!r}")


def get(node, key):
    reply = ask(node, GET, [(1, key)])
    if reply is None or reply.status != OK:
        return None
    pair = pb.first(pb.decode(reply.body), 2, None)
    return pb.first(pb.decode(pair), 2) if pair is not None else None


def test_members_on_nodes(make_cluster, build):
    """RFT's "peers found through nodosum; TLS between nodes", GW-1."""
    cluster = make_cluster(3, lambda index: manifest(build, index))
    first = cluster[0]
    first.cli("init", "--node-id", first.name)
    first.up()
    token = first.cli("token", "create", "--uses", "3", json=True)["token"]
    for node in cluster.members[1:]:
        node.cli("join", "-", "--node-id", node.name, stdin=token)
    cluster.up(cluster.members[1:])
    three = list(cluster.members)
    nodosums.agree(cluster, three, 15, "three members")
    cluster.wait_each(three, voters, [f"raft@node-{n}" for n in (1, 2, 3)], 20, "all are voters of one cluster")
    first.wait_until(lambda: len(leaders(three)) == 1, 10, "one of them leads")

    # From the command line, whichever node one sits at; each node reads what was put elsewhere.
    three[1].cli("raft", "put", "k", "one")
    assert [get(node, b"k") for node in three] == [b"one"] * 3, "linearizable from every node"

    # What may ask everything that users ask is no member by that: neither a cell of that name nor an operator there.
    refused = three[1].wait_log("RAFT-HELLO-DENIED", 10, "other")
    assert "only members" in refused, refused
    reply = three[1].command("call", "raft@node-1.Hello", "{}")
    assert reply.status == 1 and "only members" in reply.err, reply

    # The leader's whole node is lost: the others go on, and it comes back.
    lost = leaders(three)[0]
    rest = [n for n in three if n is not lost]
    begun = time.monotonic()
    lost.crash()
    put(rest, b"k", b"two")
    print(f"after the loss of the leader's node a put took {time.monotonic() - begun:.2f} s")
    assert [get(node, b"k") for node in rest] == [b"two"] * 2
    lost.up()
    lost.wait_until(lambda: get(lost, b"k") == b"two", 30, "it has caught up, and reads through whoever leads")

    # A fourth node: it joins the cluster, and its member is added by being there.
    fourth = cluster.add(build, manifest(build, 3), "node-4")
    fourth.cli("join", "-", "--node-id", fourth.name, stdin=token)
    fourth.up()
    cluster.wait_each(cluster.members, voters, [f"raft@node-{n}" for n in (1, 2, 3, 4)], 30, "the fourth is a voter")
    put(cluster.members, b"k", b"three")
    assert get(fourth, b"k") == b"three"
    # And it is taken out again by hand.
    fourth.cli("raft", "remove", "raft@node-4")
    cluster.wait_each(three, voters, [f"raft@node-{n}" for n in (1, 2, 3)], 20, "three are left")
