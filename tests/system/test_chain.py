"""Names beyond the node: NOD-5, NUC-16 across nodes, cells that start on demand."""
import json
import os
import time

import pytest

from support import pb
from support.mesh import Mesh
from test_calls import ASK, OK

START = 102
SLACK = float(os.environ.get("CELL_TEST_SLACK", "2")) # seconds of a loaded machine


def ask(node, target, text="hi", cell="caller", space="default", **more):
    """(error, text, where) of an Echo that `cell` asks; where: the callee's configuration."""
    fields = [(1, target), (2, text), (3, more.get("deadline_ms", 4000)), (4, more.get("later_ms", 0)), (5, more.get("write", 0))]
    with node.client(cell, space=space, timeout=15) as client:
        reply = client.call(ASK, pb.encode(fields), timeout=15)
    assert reply.status == OK, reply
    body = pb.decode(reply.body)
    return tuple(pb.first(body, field, b"").decode() for field in (1, 2, 5))


def callee(build, where, **entry):
    return {"name": "callee", "exec": build.binary("cell-probe"), "config": {"where": where}, "serves": ["callee.*"], **entry}


def where(node, **more):
    error, text, config = ask(node, "callee", **more)
    assert error == "OK", (error, text)
    return config.strip().removeprefix("where: ")


@pytest.fixture
def three(make_node, build):
    """`a` has callers and a callee that starts on demand; `b` and `c` have the callee for everybody."""
    probe = build.binary("cell-probe")
    caller = {"name": "caller", "exec": probe, "requires": ["gateway"], "may_call": ["callee.*", "callee@*.*"]}
    exports = [{"cell": "callee", "nodes": ["*"]}]
    return Mesh(make_node, {
        "a": [callee(build, "own", start="on-demand"), callee(build, "global", namespace="global"), caller,
              {**caller, "name": "homely", "may_call": ["callee.*"]}, {**caller, "name": "nobody", "may_call": ["gateway.Links"]},
              {**caller, "name": "roamer", "may_call": ["callee@*.*", "elsewhere@*.*"]}],
        "b": [callee(build, "b", heartbeat={"every": "100ms"})],
        "c": [callee(build, "c", heartbeat={"every": "100ms"})]}, {"b": exports, "c": exports})


def offered(mesh, *nodes):
    """Wait until the gateway of `a` knows that exactly these have the callee."""
    mesh.a.wait_until(lambda: sorted(mesh.found(mesh.a, "callee")) == sorted(nodes), 10, f"{nodes} have the callee")


def test_each_way_is_taken_when_those_before_it_are_gone(three):
    """NOD-5: own namespace, this node, the cluster, where it was last, start it: each by disabling the ones before."""
    a = three.a
    offered(three, "b", "c")
    assert ask(a, "callee", cell="nobody")[0] != "OK", "no right, no call"
    assert a.instance("callee")["state"] == "stopped", "and nobody who may not call it has it started"
    with a.client("nobody") as client:
        assert client is not None
    a.cli("start", "callee")
    assert where(a) == "own"
    a.cli("stop", "callee")
    a.wait_until(lambda: where(a) == "global", 5, "this node's shared one")
    assert where(a, cell="homely") == "global"
    a.cli("stop", "global/callee")
    a.wait_until(lambda: where(a) in ("b", "c"), 5, "another node's")
    assert where(a, cell="roamer") in ("b", "c")
    a.cli("stop", "nodosum") # the cluster is asked no more: the gateway knows where it was
    assert {where(a) for _ in range(8)} <= {"b", "c"}
    last = where(a)
    for node in (three.b, three.c):
        node.down()
    assert last in ("b", "c") and a.instance("callee")["state"] == "stopped", "not started while others had it"
    assert a.wait_until(lambda: where(a, deadline_ms=12000), 20, "nobody has it: it is started") == "own"
    assert a.instance("callee")["state"] == "ready"
    assert ask(a, "elsewhere", cell="roamer")[0] == "UNAVAILABLE", "what nobody has and nobody starts is away"
    events = [e for e in a.cli("events", json=False).splitlines() if "demand" in e]
    assert len(events) == 1, events


def test_whoever_may_call_a_cell_on_demand_has_it_started(make_node, build):
    """NOD-5: without a cluster too; the first callers wait for it within their deadline, later ones find it."""
    probe = build.binary("cell-probe")
    node = make_node([callee(build, "own", start="on-demand", requires=["slow"]), {"name": "slow", "exec": probe},
                      callee(build, "fail", name="broken", start="on-demand", restart={"give_up": "1 in 60s"}),
                      {"name": "caller", "exec": probe, "may_call": ["callee.Echo", "broken.Echo"]},
                      {"name": "nosy", "exec": probe, "may_call": ["*.Describe"]}])
    node.up()
    assert node.instance("callee")["state"] == "stopped" and "asked for" in node.instance("callee")["reason"]
    assert ask(node, "callee", cell="nosy", deadline_ms=1000)[0] != "OK"
    assert node.instance("callee")["state"] == "stopped", "a right to look at every cell starts none"
    assert ask(node, "broken")[0] == "UNAVAILABLE", "what does not come up is an error, not silence"
    assert where(node) == "own" and node.instance("callee")["state"] == "ready"
    node.kill("callee")
    node.wait_until(lambda: ask(node, "callee")[0] == "OK", 10, "it is kept like any other once it runs")
    node.cli("stop", "callee")
    assert json.loads(node.cli("call", "callee.Echo", '{"text":"typed"}'))["text"] == "typed", "the operator's call starts it too"


def test_any_node_that_has_it(three):
    """GW-2, NUC-16: who has it, how fast and how well, as calls find it; who is gone is gone at once."""
    a = three.a
    offered(three, "b", "c")
    assert {ask(a, "callee@*")[2].strip()[-1] for _ in range(20)} <= {"b", "c"}
    took = {"b": [], "c": []}
    for node in 35 * ["b", "c"]:
        begin = time.monotonic()
        assert ask(a, f"callee@{node}", later_ms=60)[0] == "OK"
        took[node].append(time.monotonic() - begin)
    for node, one in three.found(a, "callee").items():
        assert one["is_measured"] and one["state"] == "alive" and (one["score"], one["ready"]) == (100, 1), one
        assert 0.055 < int(one["latency_us"]) / 1e6 < max(took[node]), (node, one, took[node]) # what it waits, and what we did
    listed = {(row["node"], row["cell"]) for row in a.cli("resolve", "callee", json=True)["endpoints"]}
    assert listed == {("b", "callee"), ("c", "callee"), ("a", "callee")}, listed # the last is global/callee
    for _ in range(60):
        ask(three.a, "callee@*", write=1) # refused by the callee: an error in its own count
    a.wait_until(lambda: min(o["score"] for o in three.found(a, "callee").values()) < 75, 12, "a score drops")
    begin = time.monotonic()
    three.b.kill("callee")
    a.wait_until(lambda: "b" not in three.found(a, "callee") or time.monotonic() - begin > 0.5, 2, "b's is away")
    assert ask(a, "callee@*")[0] == "OK", "the other one answers meanwhile"
    offered(three, "b", "c")
    for node in (three.b, three.c):
        node.cli("stop", "callee")
    offered(three)
    error, text, _ = ask(a, "callee@*")
    assert error == "UNAVAILABLE" and "no other node" in text, (error, text)


class Wide(Mesh):
    """Nodes without membership: a dht with a bootstrap list is all they have of each other."""

    def nodosum(self, name, **config):
        at = self.at("gossip-" + name)
        return {"name": "dht", "serves": ["dht.*"], "config": {"advertise": at, "members": False, "bootstrap": [self.at("gossip-a")]},
                "sandbox": {"keys": ["datagram"], "write": ["state"], "listen": [{"name": "dht", "at": "udp://" + at}]}}

    def gateway(self, name, exports, may_call):
        return {**super().gateway(name, exports, ["dht.Find", "dht.Announce", *may_call]), "requires": ["dht"]}

    def meet(self):
        for name in self.names:
            node = getattr(self, name)
            node.wait_until(lambda n=node: n.cli("dht", "stats", json=True)["peers"] == len(self.names) - 1, 10, "all have met")


def test_the_dht_is_asked_when_no_member_has_it(make_node, build):
    """NOD-5, DHT-6: who announced a cell is found, called, and not found any more when it has stopped."""
    caller = {"name": "caller", "exec": build.binary("cell-probe"), "requires": ["gateway"], "may_call": ["callee.*", "callee@*.*"]}
    two = Wide(make_node, {"a": [caller], "b": [callee(build, "b", namespace="lab", heartbeat={"every": "100ms"}), callee(build, "b")]},
               {"b": [{"cell": "callee", "nodes": ["a"]}, {"cell": "lab/callee", "nodes": ["a"]}]})
    a, b = two.a, two.b
    a.wait_until(lambda: where(a) == "b", 10, "it is found and called")
    assert [one["node"] for one in a.cli("dht", "find", "callee", json=True)["found"]] == ["b"]
    assert set(two.found(a, "callee")) == {"b"}

    # A cell that starts in a namespace there is found within a second, and is gone as soon.
    b.cli("stop", "lab/callee")
    a.wait_until(lambda: a.command("dht", "find", "lab/callee").status == 1, 10, "nobody has it")
    b.cli("start", "lab/callee")
    begin = time.monotonic()
    a.wait_until(lambda: a.command("dht", "find", "lab/callee").status == 0, 10, "it is found")
    assert time.monotonic() - begin < 1 + SLACK
    b.cli("stop", "callee")
    a.wait_until(lambda: ask(a, "callee")[0] == "UNAVAILABLE", 10, "nobody has it any more")
