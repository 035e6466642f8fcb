"""Starting, dying, restarting, stopping: NUC-1 to NUC-9, NUC-15, NUC-18, NUC-19."""
import concurrent.futures
import json
import os
import signal
import subprocess
import time

from support import pb, procs, sp

ECHO, EXIT, STALL, LATER, WRITE, ASK, TOUCH = range(20000, 20007)


def probe(build, name="probe", **more):
    return {"name": name, "exec": build.binary("cell-probe"), **more}


def greeters(node, space="default"):
    return [r for r in node.status() if r["cell"] == "greeter" and r["namespace"] == space]


def test_killed_instance_comes_back_alone(node):
    """NUC-4, NUC-6, NUC-7: kill 1 of 2; it returns with another pid, the other is untouched."""
    before = {r["instance"]: r["pid"] for r in greeters(node)}
    node.kill("greeter", 1)
    node.wait_until(lambda: node.instance("greeter", 1)["state"] == "ready"
                    and node.instance("greeter", 1)["pid"] not in (0, before[1]), 5, "greeter.1 is back")
    after = {r["instance"]: r for r in greeters(node)}
    assert after[0]["pid"] == before[0] and after[0]["restarts"] == 0
    assert after[1]["restarts"] == 1
    assert "signal 9" in node.cli("events")


def test_death_is_known_at_once(node):
    """NUC-7: from kill -9 to the supervisor's exit event in less than 50 ms (generous under sanitizers). The best of a few: a host
    that has something else to do only adds."""
    def late_ms():
        old = node.wait_until(lambda: node.instance("greeter", 0)["state"] == "ready" and node.pid("greeter", 0), 10, "it runs")
        start = time.time()
        procs.kill(old)
        line = node.wait_until(lambda: next((e for e in events(node) if e["kind"] == "exit"
                                             and f"pid {old} " in e["detail"]), None), 5, "the exit is an event")
        return line["time_ms"] - start * 1000

    seen = []
    while not seen or (seen[-1] >= 50 and len(seen) < 4): # no more: it would be given up
        seen.append(late_ms())
    print("death noticed after", ", ".join(f"{ms:.1f} ms" for ms in seen))
    assert min(seen) < 50


def events(node):
    return [json.loads(l) for l in node.command("events", "--json").out.splitlines() if l.strip()]


def test_apply_scales_up_and_down(node):
    """NUC-4: instances 2 -> 4 -> 1, and an invalid manifest changes nothing."""
    entry = {"name": "greeter", "instances": 4, "serves": ["greeter.Greet"]}
    node.write_manifest([entry])
    node.cli("apply", node.manifest_path)
    node.wait_until(lambda: len([r for r in greeters(node) if r["state"] == "ready"]) == 4, 10, "4 ready")
    pids = {r["pid"] for r in greeters(node)}
    node.write_manifest('cells:\n  - name: greeter\n    instances: many\n')
    refused = node.command("apply", node.manifest_path)
    assert refused.status == 1 and ":3:" in refused.err and "instances" in refused.err, refused
    assert {r["pid"] for r in greeters(node)} == pids
    node.write_manifest([{**entry, "instances": 1}])
    shown = node.cli("apply", "--dry-run", node.manifest_path)
    assert "4 -> 1" in shown
    assert len(greeters(node)) == 4
    node.cli("apply", node.manifest_path)
    node.wait_until(lambda: [r["instance"] for r in greeters(node)] == [0], 10, "only greeter.0 is left")


def test_start_order_follows_requires(make_node, build):
    """NUC-5: nothing becomes ready before what it requires; a cycle is refused by name."""
    node = make_node([probe(build, "top", requires=["middle"]), probe(build, "middle", requires=["bottom"]),
                      probe(build, "bottom")])
    node.up()
    order = [e["cell"] for e in events(node) if e["kind"] == "state" and e["detail"].startswith("ready")]
    assert order == ["bottom", "middle", "top"]
    node.write_manifest([probe(build, "top", requires=["middle"]), probe(build, "middle", requires=["top"])])
    refused = node.command("apply", node.manifest_path)
    assert refused.status == 1
    assert "top" in refused.err and "middle" in refused.err and "cycle" in refused.err, refused


def test_crash_loop_is_visible(make_node, build):
    """NUC-8: a cell that cannot start is given up, with the reason and its last log lines."""
    node = make_node([{"name": "greeter"},
                      probe(build, config={"start": "fail"}, restart={"max": "200ms", "give_up": "3 in 60s"})])
    assert node.command("up", node.manifest_path, "--detach", timeout=60).status == 1
    row = node.wait_state("probe", "crash-loop", 20)
    assert row["reason"]
    text = node.command("status").out
    assert "crash-loop" in text and "CELL-START" in text, text
    node.cli("call", "greeter.Greet", '{"name": "x"}')


def test_never_ready_is_killed_at_the_deadline(make_node, build):
    """NUC-1: a child that never speaks is killed at the ready deadline."""
    node = make_node([{"name": "greeter"}, {"name": "mute", "exec": build.binary("cell-stubborn"),
                      "deadlines": {"ready": "500ms"}, "restart": {"give_up": "2 in 60s"}}])
    node.command("up", node.manifest_path, "--detach", timeout=60)
    node.wait_state("mute", "crash-loop", 30)
    assert any(e["cell"] == "mute" and "signal 9" in e["detail"] for e in events(node))


def test_stubborn_program_is_gone_in_time(make_node, build):
    """NUC-9: SIGTERM, then SIGKILL at its deadline (nothing speaks on the junction: there is no drain)."""
    node = make_node([{"name": "mule", "exec": build.binary("cell-stubborn"), "protocol": "none",
                       "deadlines": {"drain": "200ms", "term": "200ms"}}])
    node.up()
    pid = node.pid("mule")
    start = time.monotonic()
    node.cli("stop", "mule")
    node.wait_until(lambda: not procs.is_alive(pid), 10, "it is gone")
    assert 0.15 < time.monotonic() - start < 5
    node.wait_state("mule", "stopped")


def test_draining_cell_finishes_its_calls(make_node, build):
    """NUC-9: a call in flight survives `cell restart`."""
    node = make_node([probe(build)])
    node.up()
    with node.client("probe") as client:
        sent = client.send(sp.envelope(
            [sp.request(LATER, pb.encode([(1, 700)]))]))
        client.call(ECHO) # behind it on the same connection: it has arrived
        node.cli("restart", "probe")
        client.deadline = time.monotonic() + 5
        reply = pb.decode(client.receive(sent))
    assert pb.first(pb.decode(reply[2][0]), 2) == 1


def test_hung_cell_is_unhealthy_then_replaced(make_node, build):
    """NUC-19: SIGSTOP: unhealthy in period x misses, not resolved, then replaced."""
    node = make_node([probe(build, heartbeat={"every": "1s", "dead_after": 3})]) # unhealthy after two seconds, replaced after six
    node.up()
    pid = node.pid("probe")
    os.kill(pid, signal.SIGSTOP)
    node.wait_until(lambda: not node.instance("probe")["healthy"], 5, "it is unhealthy")
    refused = node.command("--json", "call", "probe.Echo", '{"text": "x"}')
    assert refused.status == 1 and "UNAVAILABLE" in refused.err, refused
    node.wait_until(lambda: node.instance("probe")["pid"] not in (0, pid)
                    and node.instance("probe")["state"] == "ready", 20, "it was replaced")


def test_busy_handler_that_never_returns_is_found(make_node, build):
    """NUC-6, NUC-19: a cell that burns CPU without beating is replaced."""
    node = make_node([probe(build, heartbeat={"every": "200ms", "dead_after": 2})])
    node.up()
    pid = node.pid("probe")
    with node.client("probe") as client:
        client.send(sp.envelope(
            [sp.request(STALL, pb.encode([(1, 1)]))]))
        node.wait_until(lambda: node.instance("probe")["pid"] not in (0, pid), 20, "it was replaced")


def test_two_namespaces_side_by_side(make_node):
    """NUC-15: the same cell name twice."""
    node = make_node([{"name": "greeter"}, {"name": "greeter", "namespace": "other"}])
    node.up()
    assert len(greeters(node)) == 1 and len(greeters(node, "other")) == 1
    assert greeters(node)[0]["pid"] != greeters(node, "other")[0]["pid"]
    for target in ("greeter", "other/greeter"):
        assert node.cli("call", target + ".Greet", '{"name": "x"}', json=True)["greeting"] == "Hello, x!"


def test_one_winner_per_run_directory(make_node, build):
    """NUC-18: many starts at once, one node; the losers say who holds it."""
    node = make_node([{"name": "greeter"}])
    command = [build.binary("cell-guard"), "--run", node.run, "--state", node.state, "--manifest",
               node.manifest_path]
    node.up()
    holder = node.cli("status", json=True)["guard_pid"]

    def start(_):
        return subprocess.run(command, capture_output=True, timeout=30, check=False)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        ends = list(pool.map(start, range(100)))
    assert all(e.returncode == 1 for e in ends)
    assert all(str(holder).encode() in e.stderr for e in ends)


def test_stop_keeps_it_stopped_and_start_brings_it_back(node):
    """A person's stop outlives the instance's death and a supervisor crash."""
    node.cli("stop", "greeter.1")
    node.wait_state("greeter", "stopped", instance=1)
    procs.kill(node.cli("status", json=True)["nucleus_pid"])
    node.wait_until(lambda: node.cli("status", json=True)["nucleus_generation"] == 2, 10, "a new nucleus")
    assert node.instance("greeter", 1)["state"] == "stopped"
    node.cli("start", "greeter.1")
    node.wait_state("greeter", "ready", instance=1)
    node.cli("scale", "greeter", "3")
    node.wait_state("greeter", "ready", instance=2)


def test_an_idle_supervisor_sleeps(make_node, build):
    """Nothing wakes it that does not happen: with a cell that owes no beat, not once in two seconds."""
    node = make_node([{"name": "mule", "exec": build.binary("cell-stubborn"), "protocol": "none"}])
    node.up()
    status = f"/proc/{node.cli('status', json=True)['nucleus_pid']}/status"
    since = [None, time.monotonic()]

    def has_slept():
        with open(status, encoding="ascii") as f:
            switches = [line for line in f if "ctxt_switches" in line]
        if switches != since[0]:
            since[:] = switches, time.monotonic()
        return time.monotonic() - since[1] > 2

    # What starting and answering left to be done is done after five seconds.
    node.wait_until(has_slept, 20, "two seconds in a row in which it did not run")
