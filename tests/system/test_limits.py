"""Memory and CPU limits, by control group and without: NUC-4, NUC-14."""
import json
import os
import time

import pytest

from support import groups, pb, procs, sp

ECHO, STALL, EAT = 20000, 20002, 20008
MEMORY = 256 << 20
REASON = "out of memory, it reached limits.memory"
NOMEM = 2 # wire number
UID = 12345 # owns nothing on any host, no control group either


def probe(build, name="probe", **more):
    return {"name": name, "exec": build.binary("cell-probe"), **more}


def eat(node, cell, size, timeout=20.0):
    with node.client(cell, timeout=timeout) as c:
        return c.call(EAT, pb.encode([(1, size)])).status


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_new(node, cell, old):
    """The row of the process that followed pid `old`, once it is ready."""
    def row():
        seen = node.instance(cell)
        return seen if seen["state"] == "ready" and seen["pid"] not in (0, old) else None
    return node.wait_until(row, 20, f"{cell} is back")


def identity(directory):
    return os.stat(directory).st_ino if os.path.exists(directory) else None


def starve(node, cell):
    """Have it use more memory than it may. Nothing of its group must stay."""
    group = groups.limit_dir(node.pid(cell), "memory")
    before = identity(group)
    assert before is not None
    with pytest.raises((ConnectionError, TimeoutError, sp.socket.error)):
        eat(node, cell, 2 * MEMORY)
    node.wait_until(lambda: identity(group) != before, 10, "the group of the dead is gone")


def last_failure(node, cell):
    """What the newest event of state "failed" or "crash-loop" of a cell says."""
    rows = [json.loads(l) for l in node.command("events", "--json").out.splitlines() if l.strip()]
    told = [r["detail"] for r in rows if r["cell"] == cell and r["detail"].startswith(("failed", "crash-loop"))]
    return told[-1] if told else ""


@pytest.mark.needs_group("memory")
def test_memory_limit_ends_the_cell_alone(make_node, build):
    """One that uses more than limits.memory is killed and restarted, the reason says why, and its neighbour
    has noticed nothing."""
    node = make_node([probe(build, "hungry", limits={"memory": "256M"}, restart={"give_up": "3 in 10m"}),
                      probe(build, "neighbour")])
    node.up()
    pid, neighbour = node.pid("hungry"), node.pid("neighbour")
    group = groups.limit_dir(pid, "memory")
    assert int(groups.read(group, "memory.max", "memory.limit_in_bytes")) == MEMORY
    assert group != groups.limit_dir(neighbour, "memory"), "a group for whoever has a limit"
    assert eat(node, "hungry", MEMORY // 8) == sp.OK, "within the limit"
    starve(node, "hungry")
    row = wait_new(node, "hungry", pid)
    assert row["restarts"] == 1
    assert "signal 9" in last_failure(node, "hungry") and REASON in last_failure(node, "hungry")
    assert groups.limit_dir(row["pid"], "memory") is not None, "its successor is limited too"
    assert eat(node, "hungry", MEMORY // 8) == sp.OK
    seen = node.instance("neighbour")
    assert (seen["pid"], seen["restarts"]) == (neighbour, 0)
    with node.client("neighbour") as c:
        assert c.call(ECHO).status == sp.OK
    killed = node.kill("hungry")
    wait_new(node, "hungry", killed)
    assert "memory" not in last_failure(node, "hungry"), "killed by hand is not out of memory"
    starve(node, "hungry")
    row = node.wait_state("hungry", "crash-loop", 20)
    assert REASON in row["reason"], row


@pytest.mark.needs_group("cpu")
def test_cpu_limit_is_kept(make_node, build):
    """A cell that burns gets the share it may have and no more."""
    node = make_node([probe(build, "busy", limits={"cpu": 0.2}, heartbeat={"every": "1m", "dead_after": 10})])
    node.up()
    pid = node.pid("busy")
    group = groups.limit_dir(pid, "cpu")
    quota = groups.read(group, "cpu.max", "cpu.cfs_quota_us").split()
    assert int(quota[0]) == 20000, quota
    client = node.client("busy", timeout=30)
    try:
        client.send(sp.envelope([sp.request(STALL, pb.encode([(1, 1)]))]))
        node.wait_until(lambda: cpu_seconds(pid) > 0.1, 20, "it burns")
        started, before = time.monotonic(), cpu_seconds(pid)
        node.wait_until(lambda: time.monotonic() - started > 3, 10, "three seconds have passed")
        used, passed = cpu_seconds(pid) - before, time.monotonic() - started
    finally:
        client.close()
    print(f"{used:.2f} s of CPU in {passed:.2f} s: {used / passed:.2f} cores of 0.20")
    assert used / passed <= 0.25, "the limit, a period at each end, and the clock's ticks"
    counts = dict(line.split() for line in groups.read(group, "cpu.stat").splitlines())
    assert int(counts["nr_throttled"]) > 5, counts
    procs.kill(pid) # it heeds nothing else


@pytest.mark.needs_group("memory")
def test_what_a_cell_starts_is_limited_too(make_node, build, short_dir):
    """A program that forks in its first instruction has no child outside of its group."""
    os.chmod(short_dir, 0o755)
    program = os.path.join(short_dir, "forks.sh")
    with open(program, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\nsleep 1000 &\nexec sleep 1000\n")
    os.chmod(program, 0o755)
    node = make_node([{"name": "forks", "exec": program, "protocol": "none", "limits": {"memory": "64M", "cpu": 1}}])
    node.up()
    pid = node.pid("forks")
    child = node.wait_until(lambda: procs.descendants(pid), 10, "it has a child")[0]
    assert groups.limit_dir(pid, "memory") == groups.limit_dir(child, "memory")
    assert int(groups.read(groups.limit_dir(child, "memory"), "memory.max", "memory.limit_in_bytes")) == 64 << 20
    if not groups.missing("cpu"):
        assert groups.limit_dir(pid, "cpu") == groups.limit_dir(child, "cpu")
        assert os.path.basename(groups.limit_dir(pid, "cpu")).startswith("default.forks.0-")


@pytest.mark.needs_group("memory")
def test_limits_outlive_the_nucleus(make_node, build):
    """After the nucleus was killed its successor knows the group: it tells the reason and removes it."""
    node = make_node([probe(build, "hungry", limits={"memory": "256M"})])
    node.up()
    pid = node.pid("hungry")
    status = node.cli("status", json=True)
    procs.kill(status["nucleus_pid"])
    node.wait_until(lambda: node.cli("status", json=True)["nucleus_generation"] > status["nucleus_generation"], 20,
                    "another nucleus")
    node.wait_state("hungry", "ready")
    assert node.pid("hungry") == pid
    starve(node, "hungry")
    wait_new(node, "hungry", pid)
    assert REASON in last_failure(node, "hungry")


@pytest.mark.needs_group("memory")
def test_spare_is_limited(make_node, build):
    """A warm spare waits in a group of its own, with the limits of what it will be."""
    node = make_node([probe(build, "hungry", limits={"memory": "256M"}, spare=True)])
    node.up()
    old = node.pid("hungry")
    starve(node, "hungry")
    row = wait_new(node, "hungry", old)
    group = groups.limit_dir(row["pid"], "memory")
    assert int(groups.read(group, "memory.max", "memory.limit_in_bytes")) == MEMORY
    assert REASON in last_failure(node, "hungry")
    node.write_manifest([probe(build, "hungry", limits={"memory": "256M"})])
    node.cli("apply", node.manifest_path)
    wait_new(node, "hungry", row["pid"])
    nucleus = node.cli("status", json=True)["nucleus_pid"]

    def children():
        return [p for p in os.listdir("/proc") if p.isdigit() and (procs.stat(int(p)) or (0,))[0] == nucleus]
    node.wait_until(lambda: len(children()) == 1, 10, "the spare that nobody wants is gone, no zombie stays")


@pytest.mark.needs_other_user
def test_without_groups_the_address_space_is_bounded(make_node, build):
    """Where no control group can be made, an allocation past limits.memory is refused, and a limit of CPU
    time is said not to hold."""
    if build.sanitizers != "none":
        pytest.skip("sanitizers reserve more address space than any limit")
    if not build.is_readable_for_others():
        pytest.skip("the build directory is not readable for other users")
    node = make_node([probe(build, "hungry", limits={"memory": "256M", "cpu": 0.5})], user=UID)
    node.up()
    assert "memory=none cpu=none" in node.wait_log("NUCLEUS-GROUPS")
    node.wait_log("NUCLEUS-CPU-LIMIT")
    pid = node.pid("hungry")
    assert eat(node, "hungry", MEMORY // 8) == sp.OK
    assert eat(node, "hungry", 4 * MEMORY) == NOMEM, "refused, not killed"
    assert node.pid("hungry") == pid
    limits = {l["name"]: int(l["soft"]) for l in node.cli("inspect", "hungry", json=True)["sandbox"]["rlimits"]}
    assert MEMORY < limits["data"] < 4 * MEMORY
