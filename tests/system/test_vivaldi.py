"""Network coordinates on real nodes in network namespaces, with delays between them: VIV-2, VIV-3."""
import math
import os
import socket
import threading
import time

import pytest

from support import nodosums, pb, sp
from support.mesh import Mesh
from test_calls import ASK


# Of what each sends; so far from each other that a busy machine seldom changes their order. What it adds is no fault of
# coordinates: it can only be bounded widely.
DELAY_MS = {"node-1": 2, "node-2": 10, "node-3": 200}
ALIKE_MS = 50 # of four nodes: where nothing is far, what a busy machine adds moves each of them by more than it is away


def is_about(ms, expected_ms):
    return 0.5 * expected_ms < ms < 3 * expected_ms + 250

MAY_CALL = [f"nodosum.{what}" for what in ("Rtts", "Place", "Places", "Measure", "Discover", "Topology")]
COORD, STATS, OBSERVE, ESTIMATE, PLACE = 500, 503, 504, 505, 208


def rtt_ms(a, b):
    return DELAY_MS[a] + DELAY_MS[b]


def make(make_cluster, build, short_dir, count):
    """Nodes that know each other."""
    os.chmod(short_dir, 0o755)
    seeds = [f"10.77.0.{i + 1}:{nodosums.PORT}" for i in range(2)]

    def one(index):
        return [*nodosums.manifest(build, short_dir, f"node-{index + 1}", seeds),
                {"name": "vivaldi", "serves": ["vivaldi.*"], "requires": ["nodosum"], "may_call": MAY_CALL,
                 "sandbox": {"write": ["state"]}, "config": {"peers": 64}}]

    made = make_cluster(count, one)
    for node in made if count >= len(DELAY_MS) else ():
        made.delay(node, DELAY_MS[node.name] if count == len(DELAY_MS) else ALIKE_MS)
    made.up()
    nodosums.agree(made, list(made), 20, "all know each other")
    return made


@pytest.fixture
def cluster(make_cluster, build, short_dir):
    return make(make_cluster, build, short_dir, len(DELAY_MS))


@pytest.fixture
def pair(make_cluster, build, short_dir):
    return make(make_cluster, build, short_dir, 2)


@pytest.fixture
def four(make_cluster, build, short_dir):
    return make(make_cluster, build, short_dir, 4)


def stats(node):
    return node.cli("vivaldi", "stats", json=True)


def look(node):
    """(peers, error, samples) by the independent client: no process is started for it."""
    with node.client("vivaldi", timeout=1) as client:
        reply = client.call(STATS, timeout=1)
    assert reply.status == sp.OK, reply
    body = pb.decode(reply.body)
    counts = {pb.first(c, 1).decode(): pb.first(c, 2) for c in map(pb.decode, body[6])}
    return pb.first(body, 4), pb.double_of(pb.first(body, 2)), counts["samples"]


def is_settled(seen):
    """It has measured all others and knows where it is."""
    peers, error, samples = seen
    return peers == len(DELAY_MS) - 1 and error < 0.3 and samples > 30


def estimate(node, other, *options):
    return node.cli("vivaldi", "rtt", other, *options, json=True)["estimate"]


def offer(node, cell):
    with node.client("nodosum") as client:
        body = pb.encode([(1, pb.encode([(1, cell), (2, 1), (3, 100)])), (2, 60000)])
        assert client.call(nodosums.OFFER, body).status == sp.OK


def test_nodes_know_how_far_they_are(cluster):
    """Round trips come from membership's probes, coordinates go with its news, and questions are answered from both."""
    nodes = {n.name: n for n in cluster}
    cluster.wait_each(list(cluster), look, is_settled, 60, "coordinates settle", poll=0.5)
    for name, node in (("node-1", nodes["node-1"]), ("node-3", nodes["node-3"])):
        assert estimate(node, name)["source"] == "self"
        for other in nodes.keys() - {name}:
            e = estimate(node, other)
            assert e["source"] == "measured", e
            assert is_about(e["rtt_ms"], rtt_ms(name, other)), (name, other, e)
    # As another one sees it nothing is measured here.
    e = estimate(nodes["node-1"], "node-2", "--from", "node-3")
    assert e["source"] == "predicted" and is_about(e["rtt_ms"], rtt_ms("node-2", "node-3")), e
    assert estimate(nodes["node-1"], "node-3", "--from", "node-3") == estimate(nodes["node-1"], "node-1"), "itself"
    coord = nodes["node-2"].cli("vivaldi", "coord", json=True)
    assert coord["node"] == "node-2" and len(coord["live"]["sides_ms"]) == 7 and coord["live"]["height_ms"] >= 0

    # The nearest of those that offer a cell, from here and from elsewhere.
    for name in ("node-2", "node-3"):
        offer(nodes[name], "thing")
    one = nodes["node-1"]
    one.wait_until(lambda: len(one.cli("discover", "thing", json=True)["found"]) == 2, 10, "two have it")
    def route(node, *options):
        return [h["node"] for h in node.cli("vivaldi", "route", "thing", *options, json=True)["hops"]]

    one.wait_until(lambda: route(one) == ["node-2", "node-3"], 30, "the nearest comes first")
    hops = one.cli("vivaldi", "route", "thing", json=True)["hops"]
    assert all(h["kind"] == "cell" and h["ready"] == 1 and h["address"] for h in hops)
    assert len(one.cli("discover", "thing", "--nearest", json=True)["found"]) == 2
    assert len(route(one, "-n", "1")) == 1 and route(one, "--hasty") == ["node-2", "node-3"]
    assert nodes["node-3"].cli("vivaldi", "route", "thing", json=True)["hops"][0]["is_self"]
    seen = one.cli("vivaldi", "route", "thing", "--from", "node-3", json=True)["hops"][0]
    assert (seen["node"], seen["estimate"]["source"]) == ("node-3", "self"), "as it is seen from there"
    assert "measured" in one.cli("vivaldi", "route", "thing")

    # By exact name: nobody is called so.
    for words in (("route", "thin"), ("rtt", "node-9"), ("rtt", "node-2", "--from", "node-9")):
        refused = one.command("vivaldi", *words)
        assert refused.status == 1 and "name" in refused.err, refused
    one.cli("vivaldi", "fly", status=2)

    # VIV-3: what was learned outlives the process, killed or not.
    before = stats(one)
    one.cli("restart", "vivaldi")
    one.wait_log("VIVALDI-RESTORED")
    after = stats(one)
    assert after["is_placed"] and after["peers"] == before["peers"] and after["error"] < 1.5 * before["error"] + 0.02, (before, after)
    assert estimate(one, "node-3")["source"] == "measured"


def test_what_is_no_round_trip_is_refused(pair):
    """VIV-4 at the cell's own door: hostile values are counted, and nothing follows from them."""
    one, two = pair[0], pair[1]
    pair.wait_each([one, two], look, lambda seen: seen[2] > 3, 60, "both are placed", poll=0.5)
    with one.client("vivaldi") as client:
        peer = pb.first(pb.decode(pb.first(pb.decode(nodosums_find(one, "node-2")), 1)), 2)
        rows = [(peer, 5000, b"", True), (peer, 0, b"", False), (peer, 2**64 - 5000, b"", False), (peer, 60000001, b"", False),
                (peer, 3600 * 10**6, b"", False), (peer, 2**64 - 1, b"", False),
                (peer[:31], 5000, b"", False), (b"", 5000, b"", False), (peer, 5000, b"\x01\x07" + bytes(26), True),
                (peer, 5000, b"\x01\x07" + b"\x7f" * 26, False), (peer, 5000, b"\x01\x07" + b"\xff" * 26, False),
                (peer, 5000, b"\x01\x07\x80" + bytes(25), False), (peer, 5000, b"\x01\x07" + bytes(25), False),
                (peer, 5000, b"\x01\x08" + bytes(29), False), (peer, 5000, b"\x01\x03", False), (peer, 5000, b"\x09", True)]
        for identity, rtt_us, place, is_good in rows:
            body = pb.encode([(1, pb.encode([(1, identity), (2, rtt_us), (3, place)]))])
            reply = client.call(OBSERVE, body)
            assert reply.status == sp.OK
            told = pb.decode(reply.body)
            assert (pb.first(told, 1, 0), pb.first(told, 2, 0)) == ((1, 0) if is_good else (0, 1)), (rtt_us, place)
        for rtt_us in (math.nan, math.inf, -math.inf, 1e308, 5000.0): # of a type that no round trip has
            assert client.call(OBSERVE, pb.encode([(1, pb.encode([(1, peer), (2, rtt_us)]))])).status not in (sp.OK, None)
        for text in ("NaN", "Infinity", "-1", "1e308", "-5000", "0.5"):
            refused = one.command("call", "vivaldi.Observe", '{"seen": [{"rtt_us": %s}]}' % text)
            assert refused.status != 0 and refused.err, (text, refused)
        many = [(1, pb.encode([(1, peer)]))] * 256
        assert client.call(ESTIMATE, pb.encode(many)).status == sp.OK
        assert client.call(ESTIMATE, pb.encode(many + many[:1])).status != sp.OK, "one more than there may be"
        coord = pb.decode(client.call(COORD, b"").body)
        assert 3 in coord, "it is still there"
    with one.client("nodosum") as client:
        assert client.call(PLACE, pb.encode([(1, b"\x01" * 29)])).status != sp.OK, "a place that is too long"

        def nonsense_is_counted():
            """Somebody tells the others nonsense, again and again: the node's own vivaldi soon tells them better."""
            assert client.call(PLACE, pb.encode([(1, b"\x01\x07" + b"\x7f" * 26)])).status == sp.OK
            return {c["name"]: c["value"] for c in stats(two)["counts"]}["unread"] > 0

        two.wait_until(nonsense_is_counted, 60, "nonsense is counted and left out")
    assert estimate(two, "node-1")["source"] == "measured"


def test_who_tells_all_something_else_is_doubted(four):
    """VIV-4: a member that tells all to be where it does not say to be with its pings counts little, until it stops."""
    liar, one = four[0], four[1]
    four.wait_each(list(four), look, lambda seen: seen[0] == 3 and seen[2] > 30, 60, "all have measured each other", poll=0.5)

    def doubted(node):
        return {c["name"]: c["value"] for c in stats(node)["counts"]}["doubted"]

    assert doubted(one) == 0
    far, here = (b"\x01\x07" + (ms * 500).to_bytes(3, "big") + bytes(21) + b"\x00\xff" for ms in (3000, 1))
    with liar.client("nodosum") as client:
        def lie():
            """Again and again: its own vivaldi says the truth meanwhile."""
            for place, is_for_pings in ((far, 0), (here, 1)):
                assert client.call(PLACE, pb.encode([(1, place), (2, is_for_pings)])).status == sp.OK
            return doubted(one) == 1

        one.wait_until(lie, 60, "it is doubted")
    assert estimate(one, liar.name)["source"] == "measured", "what was measured counts all the same"
    one.wait_until(lambda: doubted(one) == 0, 90, "it is believed again")


def nodosums_find(node, name):
    with node.client("nodosum") as client:
        reply = client.call(nodosums.DISCOVER, pb.encode([(1, name)]))
    assert reply.status == sp.OK
    return reply.body


class SlowWay(threading.Thread):
    """Connections to a port of its own go on to `port`, with all that is sent 20 ms later."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.listener, self.to = socket.create_server(("127.0.0.1", 0)), ("127.0.0.1", port)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            near, far = self.listener.accept()[0], socket.create_connection(self.to)
            for left, right in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(left, right), daemon=True).start()

    @staticmethod
    def carry(left, right):
        try:
            while data := left.recv(65536):
                time.sleep(0.02)
                right.sendall(data)
        except OSError:
            pass
        for end in (left, right):
            end.close()


class SlowMesh(Mesh):
    """Gateways reach `b` by a slow way."""

    def gateway(self, name, exports, may_call):
        if "slow" not in self.ports:
            self.ports["slow"] = SlowWay(self.ports["mesh-b"]).port
        made = super().gateway(name, exports, may_call)
        made["config"]["nodes"] = [text.replace(f":{self.ports['mesh-b']}", f":{self.ports['slow']}") for text in made["config"]["nodes"]]
        return made


def test_calls_are_round_trips_too(make_node, build):
    """VIV-3: what calls of this node's cells show of the way is told to vivaldi, by the gateway that passes them on."""
    probe = build.binary("cell-probe")
    vivaldi = {"name": "vivaldi", "serves": ["vivaldi.*"], "requires": ["nodosum"], "may_call": MAY_CALL, "sandbox": {"write": ["state"]}}
    mesh = SlowMesh(make_node, {
        "a": [vivaldi, {"name": "caller", "exec": probe, "requires": ["gateway"], "may_call": ["callee@*.*"]}],
        "b": [vivaldi, {"name": "callee", "exec": probe, "serves": ["callee.*"]}]},
        {"b": [{"cell": "callee", "nodes": ["*"]}]}, ("vivaldi.*", "callee.*", "*.Describe", "*.Schema"))
    mesh.a.wait_until(lambda: mesh.found(mesh.a, "callee"), 10, "b has it")

    def observed():
        return {c["name"]: c["value"] for c in stats(mesh.a)["counts"]}["observed"]

    def call():
        with mesh.a.client("caller", timeout=60) as client:
            for _ in range(32): # so many calls of a way a gateway remembers
                reply = client.call(ASK, pb.encode([(1, "callee@*"), (2, "hi"), (3, 4000)]), timeout=15)
                assert reply.status == sp.OK and pb.first(pb.decode(reply.body), 1) == b"OK", reply
        return observed() >= 1

    assert observed() == 0
    mesh.a.wait_until(call, 40, "calls are told as a round trip")
    assert estimate(mesh.a, "b")["source"] == "measured"
