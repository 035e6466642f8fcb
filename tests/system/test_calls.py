"""Calls between cells and from outside: NUC-16, NUC-17, NUC-21, RPC-1, RPC-3, RPC-9, RPC-10."""
import time

from support import pb, sp

ECHO, EXIT, STALL, LATER, WRITE, ASK, TOUCH = range(20000, 20007)
OK, LIMIT, MALFORMED, DENIED, TIMEOUT, UNIMPLEMENTED, INCOMPATIBLE = 1, 3, 4, 6, 9, 18, 24


def pair(build, **caller):
    exe = build.binary("cell-probe")
    return [{"name": "callee", "exec": exe, "serves": ["callee.Echo", "callee.Later"]},
            {"name": "caller", "exec": exe, "requires": ["callee"], **caller}]


def ask(node, target, text="hi", **more):
    fields = [(1, target), (2, text), (3, more.get("deadline_ms", 2000)), (4, more.get("later_ms", 0))]
    with node.client("caller", timeout=10) as client:
        reply = client.call(ASK, pb.encode(fields), timeout=10)
    assert reply.status == OK, reply
    body = pb.decode(reply.body)
    return (pb.first(body, 1, b"").decode(), pb.first(body, 2, b"").decode(), pb.first(body, 3, b"").decode(),
            pb.first(body, 4))


def test_may_call_is_kept_per_operation(make_node, build):
    """NUC-21: Echo is granted, Later is not; the callee knows its caller without being told."""
    node = make_node(pair(build, may_call=["callee.Echo"]))
    node.up()
    error, text, caller, _ = ask(node, "callee.0", "hello")
    assert (error, text, caller) == ("OK", "hello", "default/caller")
    assert ask(node, "callee", "by name")[0] == "OK"
    error, text, _, _ = ask(node, "callee.0", later_ms=1)
    assert error == "DENIED" and "may_call" in text
    metrics = {m["name"]: m for m in node.cli("inspect", "callee", json=True)["metrics"]}
    assert metrics["cell_requests_denied_total"]["value"] == 1


def test_without_may_call_there_is_no_door(make_node, build):
    """NUC-21: a cell sees only sockets that were made for it."""
    node = make_node(pair(build))
    node.up()
    assert ask(node, "callee.0", deadline_ms=300)[0] in ("TIMEOUT", "DENIED", "NOT_FOUND", "UNAVAILABLE")


def test_grants_change_with_the_manifest(make_node, build):
    """NUC-4, NUC-21: a right given or taken by `cell apply` is in force without restarting the callee."""
    node = make_node(pair(build))
    node.up()
    pid = node.pid("callee")
    node.write_manifest(pair(build, may_call=["callee.Echo"]))
    node.cli("apply", node.manifest_path)
    node.wait_until(lambda: ask(node, "callee.0", deadline_ms=500)[0] == "OK", 15, "the call is allowed")
    node.write_manifest(pair(build, may_call=["callee.Later"]))
    node.cli("apply", node.manifest_path)
    node.wait_until(lambda: ask(node, "callee.0", deadline_ms=500)[0] == "DENIED", 15, "the call is denied")
    assert node.pid("callee") == pid


def test_deadline_is_passed_on(make_node, build):
    """RPC-3: the callee sees what is left of the first caller's patience, and TIMEOUT comes at it."""
    node = make_node(pair(build, may_call=["callee.*"]))
    node.up()
    with node.client("caller", timeout=10) as client:
        start = time.monotonic()
        reply = client.call(ASK, pb.encode([(1, "callee.0"), (3, 60000), (4, 5000)]), deadline_ms=400)
        took = time.monotonic() - start
    body = pb.decode(reply.body)
    assert reply.status == TIMEOUT or pb.first(body, 1) == b"TIMEOUT", reply
    assert 0.35 < took < 4, took # and not the five seconds that the callee takes
    remaining = ask(node, "callee.0", deadline_ms=900, later_ms=10)[3]
    assert 0 < remaining <= 900


def test_refusals_have_their_own_errors(make_node, build):
    """RPC-1, RPC-2: unknown operation, other schema, unparsable body and oversize differ."""
    node = make_node([{"name": "probe", "exec": build.binary("cell-probe"), "limits": {"message": "64K"}}])
    node.up()
    with node.client("probe", timeout=20) as c:
        assert c.call(29999).status == UNIMPLEMENTED
        assert c.call(ECHO, pb.encode([(1, "x")]), schema=12345).status == INCOMPATIBLE
        assert c.call(ECHO, b"\xff\xff\xff").status == MALFORMED
        assert c.call(ECHO, pb.encode([(1, "x" * 70000)])).status == LIMIT
        assert c.call_many([sp.request(ECHO)], version=9)[0].status == INCOMPATIBLE
        assert c.call(ECHO, pb.encode([(1, "x")])).status == OK
        many = c.call_many([sp.request(ECHO, pb.encode([(1, str(i))]), request_id=i) for i in range(100)])
        assert [(r.id, pb.first(pb.decode(r.body), 1)) for r in many] == [(i, str(i).encode()) for i in range(100)]


def test_too_many_waiting_calls_are_refused_not_lost(make_node, build):
    """RPC-9, RPC-10: sent = answered + refused, inspection still works when a cell is full."""
    node = make_node([{"name": "probe", "exec": build.binary("cell-probe"), "limits": {"calls_waiting": 16}}])
    node.up()
    with node.client("probe", timeout=20) as c:
        replies = c.call_many([sp.request(LATER, pb.encode([(1, 300)]), request_id=i) for i in range(40)])
    assert sorted(r.status for r in replies) == [OK] * 16 + [LIMIT] * 24
    metrics = {m["name"]: m for m in node.cli("inspect", "probe", json=True)["metrics"]}
    assert metrics["cell_requests_shed_total"]["value"] == 24


def test_every_cell_answers_inspection(node):
    """NUC-17: real, non-zero numbers; the schema is there; no source path is given away."""
    for _ in range(5):
        node.cli("call", "greeter.0.Greet", '{"name": "x"}')
    seen = node.cli("inspect", "greeter.0", json=True)
    metrics = {m["name"]: m for m in seen["metrics"]}
    assert metrics["cell_greeter_greetings_total"]["value"] == 5
    assert metrics["process_cpu_seconds_total"]["value"] > 0
    assert "greeter.c" not in str(seen) and "/main/" not in str(seen)
    assert {o["name"] for o in seen["operations"]} >= {"Greet", "Describe", "Health", "Metrics", "Schema",
                                                       "Log", "Drain", "Shutdown"}


def test_resolve_tells_live_instances(node):
    """NUC-16: endpoints, health and latency of those that are ready."""
    with sp.Client(node.run + "/nucleus.sock") as client:
        reply = client.call(106, pb.encode([(1, "greeter")]))
    found = [pb.decode(i) for i in pb.decode(reply.body)[1]]
    assert [pb.first(i, 4) for i in found] == [b"default/greeter.0.sock", b"default/greeter.1.sock"]
    assert all(pb.first(i, 5) == 1 for i in found)
