"""Members of a consensus cell on nodes of their own, and a network that fails between them: whole, in one direction, for one of
them. What clients at every node saw is judged as in test_raft_linear.py. CELL_TEST_NODES=5 for five."""
import os
import random
import time

import pytest

from support import history, nodosums, pb
from test_raft_linear import SECONDS, SEED, Tellers

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_tool("tc")]
COUNT = int(os.environ.get("CELL_TEST_NODES", "3"))
STATUS, PUT, GET, OK = 314, 300, 301, 1


def manifest(index):
    cells = [
        {"name": "nodosum", "serves": ["nodosum.*"], "config": {"seeds": ["10.77.0.1:7402"]},
         "sandbox": {"network": True, "write": ["state"], "keys": ["datagram"],
                     "listen": [{"name": "gossip", "at": "udp://0.0.0.0:7402"}]}},
        {"name": "gateway", "requires": ["nodosum"], "may_call": ["nodosum.*", "nucleus.Events", "raft.*", "*.Describe", "*.Schema"],
         "config": {"exports": [{"cell": "raft", "nodes": ["*"]}]}, "limits": {"memory": "512M", "message": "4M"},
         "sandbox": {"network": True, "keys": ["tls"], "listen": [{"name": "mesh", "at": "tcp://0.0.0.0:7401"}]}},
        {"name": "raft", "requires": ["gateway"], "serves": ["raft.*"], "may_call": ["raft.*", "raft@*.*"],
         "sandbox": {"write": ["state"]}, "limits": {"memory": "512M", "message": "4M"},
         "config": {"peers": [f"raft@node-{n + 1}" for n in range(COUNT)]}}]
    issuer = {"name": "issuer", "serves": ["issuer.*"], "sandbox": {"network": True, "write": ["state"], "keys": ["issuer"]}}
    return cells + [issuer] if index == 0 else cells


@pytest.fixture
def nodes(make_cluster):
    cluster = make_cluster(COUNT, manifest)
    for node in cluster.members:
        node.clock_s = 1000000 * node.index # scenario 61: no two of them have started at the same time
    first = cluster[0]
    first.cli("init", "--node-id", first.name)
    first.up()
    token = first.cli("token", "create", "--uses", str(COUNT), json=True)["token"]
    for node in cluster.members[1:]:
        node.cli("join", "-", "--node-id", node.name, stdin=token)
    cluster.up(cluster.members[1:])
    nodosums.agree(cluster, cluster.members, 15, f"{COUNT} members")
    leading(cluster)
    return cluster


def said(node):
    """(role, term) of the node's member"""
    try:
        with node.client("raft", timeout=2) as client:
            reply = client.call(STATUS, timeout=2)
    except (OSError, EOFError):
        return None, 0
    body = pb.decode(reply.body)
    return pb.first(body, 4, b"").decode(), pb.first(body, 5)


def leader(nodes, among=None):
    return next((n for n in among or nodes.members if said(n)[0] == "leader"), None)


def leading(nodes):
    """The one that leads, as soon as one says so: on a busy host nobody may for a moment."""
    return nodes.members[0].wait_until(lambda: leader(nodes), 20, "somebody leads")


def ask(node, operation, fields, timeout=4.0):
    with node.client("raft", timeout=timeout) as client:
        try:
            return client.call(operation, pb.encode(fields), timeout=timeout)
        except (OSError, EOFError):
            return None


def put(nodes, key, value, deadline=20.0):
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        for node in nodes:
            reply = ask(node, PUT, [(1, key), (2, value)], 2.0)
            if reply is not None and reply.status == OK:
                return
    raise AssertionError(f"no member takes {key!r}")


def cut_each_way(nodes):
    """Scenarios 5, 7, 9: with real links, each in turn."""
    all_nodes = nodes.members
    first = leading(nodes)
    put([first], b"k", b"old")

    # The leader alone: it steps down, promises nothing and reads nothing old; the others go on.
    rest = [n for n in all_nodes if n is not first]
    nodes.split([first], rest)
    put(rest, b"k", b"new")
    reply = ask(first, GET, [(1, b"k")], 2.0)
    assert reply is None or reply.status != OK, reply
    first.wait_until(lambda: said(first)[0] != "leader", 5, "it leads no longer")
    nodes.heal()
    put([first, *rest], b"k2", b"v")

    # It stands still meanwhile, too: back, it leads as far as it can know, and still reads nothing old.
    second = leading(nodes)
    rest = [n for n in all_nodes if n is not second]
    second.freeze()
    nodes.split([second], rest)
    put(rest, b"k", b"newer")
    second.thaw()
    reply = ask(second, GET, [(1, b"k")], 2.0)
    assert reply is None or reply.status != OK, reply
    second.wait_until(lambda: said(second)[0] != "leader", 5, "it leads no longer")
    nodes.heal()
    put(all_nodes, b"k3", b"v")
    second.wait_until(lambda: leader(nodes) is not None and (r := ask(second, GET, [(1, b"k3")])) is not None and r.status == OK, 20,
                      "it is one cluster again")
    first.wait_until(lambda: leader(nodes) is not None and ask(first, GET, [(1, b"k")]).status == OK, 20, "it is one cluster again")

    # A follower alone for longer than many elections would take: back, it deposes nobody.
    leads = leading(nodes)
    term = said(leads)[1]
    alone = next(n for n in all_nodes if n is not leads)
    nodes.split([alone], [n for n in all_nodes if n is not alone])
    for i in range(20):
        put([leads], b"away%d" % i, b"v")
    nodes.heal()
    alone.wait_until(lambda: ask(alone, GET, [(1, b"away19")]).status == OK, 20, "it has caught up")
    assert said(leads) == ("leader", term), "whoever was away asks before it makes a new term"

    # The leader is heard by nobody, and hears all; then the reverse. Each ends with one that leads.
    for is_deaf in (False, True):
        leads = leading(nodes)
        rest = [n for n in all_nodes if n is not leads]
        nodes.cut(rest if is_deaf else [leads], [leads] if is_deaf else rest, one_way=True)
        put(rest, b"way%d" % is_deaf, b"v")
        leads.wait_until(lambda l=leads: said(l)[0] != "leader", 10, "a leader of nobody steps down")
        nodes.heal()
        leads.wait_until(lambda l=leads, d=is_deaf: (r := ask(l, GET, [(1, b"way%d" % d)])) is not None and r.status == OK, 20,
                         "one cluster again")


def trouble(nodes, drawn, until):
    """The network fails in one way after the other; now and then a whole node dies or stops."""
    while time.monotonic() < until:
        time.sleep(drawn.uniform(0.2, 0.8))
        one, *rest = drawn.sample(nodes.members, len(nodes))
        kind = drawn.choice(("one", "halves", "deaf", "mute", "loss", "freeze"))
        if kind == "one":
            nodes.split([one], rest)
        elif kind == "halves":
            nodes.split([one, *rest[:len(nodes) // 2]], rest[len(nodes) // 2:])
        elif kind in ("deaf", "mute"):
            nodes.cut(rest if kind == "deaf" else [one], [one] if kind == "deaf" else rest, one_way=True)
        elif kind == "loss":
            nodes.lose(nodes.members, nodes.members, 0.3)
        else:
            one.freeze()
        time.sleep(drawn.uniform(0.5, 1.5))
        one.thaw()
        nodes.heal()


def test_clients_see_one_store_while_the_network_fails(nodes, build, short_dir):
    cut_each_way(nodes) # one test, for making the nodes takes longer than either
    sockets = [n.socket_path("raft") for n in nodes.members]
    path = os.path.join(short_dir, "history.jsonl")
    until = time.monotonic() + SECONDS
    tellers = Tellers(sockets, "h/", until)
    outcomes = history.record(sockets, path, SECONDS, seed=SEED, prefix="h/",
                              during=lambda: trouble(nodes, random.Random(SEED), until - 1))
    faults = tellers.end(history.puts_of(path))
    print(f"seed {SEED}: {outcomes}")
    status, words = history.judge(build, path)
    assert status == 0 and not faults, "\n".join([words, *faults[:20]])
    assert outcomes["ok"] > 5 * SECONDS, f"somebody led most of the time: {outcomes}"
