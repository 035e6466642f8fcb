"""Cells of other nodes, by way of the gateways: GW-1, GW-2, NUC-21 across nodes."""
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from support import pb, sp
from support.mesh import Mesh
from test_calls import ASK, DENIED, ask

LINKS = 1000
ECHO, POUR, DRINK = 20000, 20011, 20012


def count(links, reason):
    return next(int(r["value"]) for r in links["refused"] if r["name"] == reason)


def error_of(node, *arguments):
    """What a refused command says."""
    done = node.command("--json", *arguments)
    assert done.status == 1, done
    return json.loads(done.err)["error"]


class Two(Mesh):
    """Two nodes: `a` with a cell that calls; `b` with one that is called."""

    def __init__(self, make_node, build, may_call=("callee@b.*",), exports=({"cell": "callee", "nodes": ["a"]},), beat="1s"):
        probe = build.binary("cell-probe")
        super().__init__(make_node, {
            "a": [{"name": "caller", "exec": probe, "requires": ["gateway"], "may_call": list(may_call)}],
            "b": [{"name": "callee", "exec": probe, "serves": ["callee.Echo", "callee.Later", "callee.Pour"]},
                  {"name": "hidden", "exec": probe, "serves": ["hidden.Echo"]}]}, {"b": exports}, beat=beat)


@pytest.fixture
def two(make_node, build):
    return Two(make_node, build)


def test_a_cell_of_another_node_is_called_by_its_name(two):
    """GW-2: from the command line and from a cell; what is small and what is large; its own node's cells stay what they are."""
    reply = two.a.cli("call", "callee@b.Echo", '{"text":"over there"}', json=True)
    assert reply["text"] == "over there" and reply["caller"] == "default/gateway", reply
    assert reply["from"] == "@a", "its operator's, by the word of that node alone"
    for target in ("callee@b", "callee.0@b", "default/callee@b"):
        assert ask(two.a, target, "hello")[:3] == ("OK", "hello", "default/gateway"), target
    text = "x" * 500_000
    assert ask(two.a, "callee@b", text, deadline_ms=20000)[:2] == ("OK", text)
    link = two.links(two.a)["links"][0]
    assert (link["node"], link["is_up"], int(link["attempts"])) == ("b", True, 1), link
    assert int(link["asked"]) == int(link["answered"]) >= 7, link
    connection = [c for c in two.a.cli("inspect", "caller", json=True)["connections"] if c["route"] == "callee@b"]
    assert connection and connection[0]["kind"] == "ipc" and connection[0]["peer"].endswith("gateway.0.sock")


def test_the_callee_knows_whose_request_it_is(two):
    """GW-1: the node by its certificate, the cell by that node's door, not by what the request says of itself."""
    with two.a.client("caller", timeout=10) as client:
        reply = client.call(ASK, pb.encode([(1, "callee@b"), (2, "hi"), (3, 2000)]), timeout=10)
    assert pb.first(pb.decode(reply.body), 6) == b"default/caller@a", reply
    lie = pb.encode([(1, 1), (2, ECHO), (3, 5000), (9, "callee@b"), (11, "default/raft"), (12, "c")])
    with two.a.client("gateway") as client:
        (reply,) = client.call_many([lie])
    assert pb.first(pb.decode(reply.body), 5) == b"@a", "an operator's, whatever it claims"
    with two.b.client("callee") as client: # no gateway says it
        (reply,) = client.call_many([pb.encode([(1, 1), (2, ECHO), (11, "default/raft"), (12, "a")])])
    assert reply.status == 1 and not pb.first(pb.decode(reply.body), 5), reply


def drink(node, target, parts, size, deadline=15, **more):
    """What came of asking `target` for an answer in so many parts: {error, parts, bytes, in_order}."""
    fields = [(1, target), (2, parts), (3, size), (4, more.get("cancel_after", 0)), (5, more.get("credit", 0))]
    with node.client("caller", timeout=deadline + 5) as client:
        reply = client.call(DRINK, pb.encode(fields), deadline_ms=deadline * 1000, timeout=deadline + 5)
    if reply.status == 9:
        return {"error": "TIMEOUT"} # the time of whoever asks `caller` is up as well
    assert reply.status == 1, reply
    body = pb.decode(reply.body)
    return {"error": pb.first(body, 1, b"").decode(), "parts": pb.first(body, 2), "bytes": pb.first(body, 3),
            "in_order": pb.first(body, 4), "text": pb.first(body, 5, b"").decode()}


def poured(node, cell="callee"):
    """(callers that gave up, parts that one let it be ahead) as the cell that pours counts them."""
    with node.client(cell) as client:
        body = pb.decode(client.call(POUR, b"").body)
    return pb.first(body, 3), pb.first(body, 4)


def test_an_answer_in_parts_crosses_the_nodes(two):
    """RPC-11 across nodes: parts in order, credit end to end, a caller that gives up, a callee that dies."""
    a, b = two.a, two.b
    assert drink(a, "callee@b", 2000, 100, credit=5) == {"error": "OK", "parts": 2000, "bytes": 200_000, "in_order": 1, "text": ""}
    assert poured(b) == (0, 5), "never more ahead than the caller at the other end lets it be"
    got = drink(a, "callee@b", 60, 500_000)
    assert (got["error"], got["parts"], got["bytes"]) == ("OK", 60, 30_000_000), got
    got = drink(a, "callee@b", 1_000_000_000, 10, cancel_after=50)
    assert (got["error"], got["parts"]) == ("CANCELLED", 50), got
    b.wait_until(lambda: poured(b)[0] == 1, 5, "whoever pours is told that nobody drinks")
    assert drink(a, "callee@b", 1_000_000_000, 10, deadline=1)["error"] == "TIMEOUT"
    b.wait_until(lambda: poured(b)[0] == 2, 5, "and when the deadline has passed")
    killer = threading.Timer(0.5, lambda: b.kill("callee"))
    killer.start()
    got = drink(a, "callee@b", 1_000_000_000, 10)
    killer.join()
    assert got["error"] == "PEER_DEAD" and got["parts"] > 0 and got["in_order"], got
    links = two.links(a)["links"][0]
    assert int(links["waiting"]) == 0 and int(links["attempts"]) == 1, links


def routed(text, **more):
    """An Echo for the callee of the other node, by whoever connects to the gateway here."""
    fields = [(1, 1), (2, ECHO), (3, 20000), (6, pb.encode([(1, text)])), (9, "callee@b")]
    return sp.envelope([pb.encode(fields + [(13, 1)] * bool(more.get("urgent")))])


def test_what_is_urgent_overtakes(two):
    """Between nodes as well: a gateway that comes back finds megabytes on one link, and takes them in turns with the other."""
    size, count = 300_000, 12
    with two.a.client("gateway", timeout=30) as bulk, two.a.client("gateway", timeout=30) as urgent:
        bulk.exchange(routed("x"), timeout=10)
        urgent.exchange(routed("x", urgent=True), timeout=10) # both links are there
        there = two.b.pid("gateway")
        os.kill(there, signal.SIGSTOP)
        try:
            bulk.deadline = urgent.deadline = time.monotonic() + 20
            for _ in range(count):
                bulk.send(routed("x" * size))
            two.a.wait_until(lambda: int(two.links(two.a)["links"][0]["waiting"]) == count, 10, "all of it is under way")
            urgent.send(routed("now", urgent=True))
        finally:
            os.kill(there, signal.SIGCONT)
        before = 0
        while urgent.socket not in (ready := select.select([bulk.socket, urgent.socket], [], [], 20)[0]):
            assert ready, "nobody answers"
            before += len(bulk.socket.recv(1 << 16))
        assert before < size * count / 2, "it was answered behind the rest"


def test_what_is_not_exported_is_denied(two):
    """GW-2: and looks the same as what is not there; nobody is passed on to a third node."""
    hidden = error_of(two.a, "call", "hidden@b.Echo")
    nobody = error_of(two.a, "call", "nobody@b.Echo")
    assert hidden["code"] == nobody["code"] == "DENIED"
    assert hidden["message"].replace("hidden", "nobody") == nobody["message"], (hidden, nobody)
    metrics = {m["name"]: m["value"] for m in two.b.cli("inspect", "gateway", json=True)["metrics"]}
    assert metrics["cell_gateway_denied_total"] == 2
    nowhere = error_of(two.a, "call", "callee@c.Echo")
    assert nowhere["code"] == "UNAVAILABLE" and "cell members" in nowhere["hint"], nowhere
    assert error_of(two.b, "call", "caller@a.Echo")["code"] == "DENIED"


def test_an_export_is_for_the_nodes_it_names(make_node, build):
    """GW-2: per-node authorisation."""
    two = Two(make_node, build, exports=({"cell": "callee", "nodes": ["c"]},))
    assert ask(two.a, "callee@b")[0] == "DENIED"


def test_an_export_is_for_the_cells_it_names(make_node, build):
    """GW-1: of a node that may ask, these cells alone; not its operator, nor who says that he is one of them."""
    two = Two(make_node, build, exports=({"cell": "callee", "nodes": ["a"], "callers": ["caller"]},
                                         {"cell": "hidden", "nodes": ["a"], "callers": ["somebody"]}),
              may_call=("callee@b.*", "hidden@b.*"))
    assert ask(two.a, "callee@b")[0] == "OK"
    assert ask(two.a, "hidden@b")[0] == "DENIED"
    assert error_of(two.a, "call", "callee@b.Echo")["code"] == "DENIED"
    lie = pb.encode([(1, 1), (2, ECHO), (3, 5000), (9, "callee@b"), (11, "default/caller"), (12, "a")])
    with two.a.client("gateway") as client:
        (reply,) = client.call_many([lie])
    assert reply.status == DENIED, reply


def test_a_cell_needs_the_right_to_leave_its_node(make_node, build):
    """NUC-21: may_call of this node's cells opens no way to another's, nor that of one node to a second."""
    two = Two(make_node, build, may_call=("callee@c.*", "callee.Echo"))
    error, text, _, _ = ask(two.a, "callee@b")
    assert error == "DENIED" and "may_call" in text, (error, text)
    assert ask(two.a, "callee@c")[0] == "UNAVAILABLE" # allowed, and nobody


def test_a_deadline_crosses_the_nodes(two):
    """RPC-3: the callee sees what is left of it, and the caller is not kept waiting."""
    start = time.monotonic()
    assert ask(two.a, "callee@b", deadline_ms=600, later_ms=20000)[0] == "TIMEOUT"
    assert 0.5 < time.monotonic() - start < 8
    remaining = ask(two.a, "callee@b", deadline_ms=3000, later_ms=1)[3]
    assert 0 < remaining <= 3000, "what is left, not what an envelope says that says nothing"


def test_whoever_dies_comes_back(two):
    """GW-2: kill -9 of each on the way; the next calls find it again, and meanwhile there are errors, never silence."""
    assert ask(two.a, "callee@b", "before")[:2] == ("OK", "before")
    for node, cell in ((two.b, "gateway"), (two.a, "gateway"), (two.b, "callee"), (two.a, "nodosum")):
        node.kill(cell)
        end = time.monotonic() + 15
        while ask(two.a, "callee@b", cell, deadline_ms=3000)[:2] != ("OK", cell):
            assert time.monotonic() < end, f"no call came through for 15 s after {cell} died"
        node.wait_state(cell, "ready", 10)
        assert ask(two.a, "callee@b", "after")[:2] == ("OK", "after")


def test_membership_that_hangs_stops_nobody(make_node, build):
    """NOD-5: where a node was last is the best there is while membership does not answer."""
    two = Two(make_node, build, beat="60s") # nobody ends it for its silence meanwhile
    assert ask(two.a, "callee@b", "before")[:2] == ("OK", "before")
    pid = two.a.pid("nodosum")
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(2.2) # past the time for which its word is taken unasked
        assert ask(two.a, "callee@b", "meanwhile", deadline_ms=8000)[:2] == ("OK", "meanwhile")
        assert two.a.pid("nodosum") == pid
    finally:
        os.kill(pid, signal.SIGCONT)


def test_strangers_get_nothing(two, short_dir):
    """GW-1: no TLS, no certificate, another cluster's certificate: refused and counted, and the door stays open."""
    at = ("127.0.0.1", two.ports["mesh-b"])
    with socket.create_connection(at, timeout=10) as plain:
        plain.sendall(b"\0SP\0\0\x30\0\0" + b"hello" * 20)
        plain.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert b"SP" not in plain.recv(4096)
    openssl = shutil.which("openssl")
    if openssl:
        other = os.path.join(short_dir, "s")
        two.a.command("--state", other, "init", "--node-id", "a")
        for certificate in ((), ("-cert", other + "/node/node.crt", "-key", other + "/node/node.key")):
            subprocess.run([openssl, "s_client", "-connect", f"{at[0]}:{at[1]}", "-quiet", *certificate], input=b"hello",
                           capture_output=True, timeout=20, check=False)
    two.b.wait_until(lambda: count(two.links(two.b), "PLAIN") >= 1, 10, "who speaks no TLS is counted")
    two.b.wait_until(lambda: not openssl or count(two.links(two.b), "CERTIFICATE") >= 2, 10, "and who has no certificate of ours")
    assert ask(two.a, "callee@b", "still")[:2] == ("OK", "still")
    with two.b.client("gateway") as client:
        assert client.call(LINKS, pb.encode([])).status == 1


def test_a_node_leaves_in_order(two):
    """NOD-2: `cell leave` of a node that runs tells the others at once, not by its silence."""
    assert ask(two.a, "callee@b")[0] == "OK"
    done = two.b.command("leave", "--force")
    assert done.status == 0, done
    two.a.wait_until(lambda: [m["name"] for m in two.a.cli("members", json=True)["members"]] == ["a"], 3, "a knows that b left")
    gone = [m for m in two.a.cli("members", "--all", json=True)["members"] if m["name"] == "b"]
    assert gone and gone[0]["state"] == "left", gone
    two.a.wait_until(lambda: ask(two.a, "callee@b")[0] == "UNAVAILABLE", 10, "b is no longer asked")
