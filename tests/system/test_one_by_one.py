"""The cells of the manifests that come with the tree, all on one node: each is looked into through its own socket, restarted, killed
and stopped alone, and so is the supervisor, while others work."""
import os
import re
import threading

import pytest

from support import build as build_module, procs
from test_docs import blocks

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_netns]

# Envelope version 1, one request: id 1, operation 2 (Health), as the README sends it.
HEALTH = r"\x08\x01\x12\x04\x08\x01\x10\x02"


def entry(file, name):
    """An entry of a manifest of deploy, as it stands there."""
    with open(os.path.join(build_module.ROOT, "deploy", file), encoding="utf-8") as f:
        return re.search(rf"^  - name: {name}\b.*?(?=^  - |\Z)", f.read(), re.M | re.S)[0]


def whole():
    """The README's node, with the store and the overlay."""
    (cluster,) = blocks("README.md", "A cluster", "yaml")
    return cluster + entry("node.yaml", "raft") + entry("overlay.yaml", "datapath")


class Works(threading.Thread):
    """Does `act(number)` again and again; `done` is how often that went well, `failures` what else was said."""

    def __init__(self, act):
        super().__init__()
        self.act, self.ends, self.done, self.failures = act, False, 0, []

    def run(self):
        while not self.ends:
            result = self.act(self.done)
            if result.status == 0:
                self.done += 1
            else:
                self.failures.append(result.err)

    def stop(self):
        self.ends = True
        self.join()


@pytest.fixture
def node(make_cluster):
    made = make_cluster(1, [], "db")[0]
    made.write_manifest(whole().replace("10.0.0.1", made.address))
    made.cli("init", "--node-id", "db-1")
    made.up()
    return made


def pids(node):
    return {f"{r['cell']}.{r['instance']}": r["pid"] for r in node.status() if r["state"] != "stopped"}


def is_back(node, who, old):
    """Ready, as another process; and meanwhile nobody else was touched."""
    cell, instance = who.split(".")

    def again():
        row = node.instance(cell, int(instance))
        return row["state"] == "ready" and row["pid"] not in (0, old[who])
    node.wait_until(again, 30, f"{who} is back")
    new = pids(node)
    assert {k: v for k, v in new.items() if k != who} == {k: v for k, v in old.items() if k != who}, f"{who} alone"
    return new


@pytest.mark.needs_tool("nngcat")
def test_each_is_looked_into(node):
    """NUC-17: by `cell inspect`, and by nng's own client at the very same socket."""
    for row in node.status():
        if row["state"] == "stopped": # on demand
            continue
        who = f"{row['cell']}.{row['instance']}"
        seen = node.cli("inspect", who, json=True)
        assert {"Describe", "Health", "Drain"} <= {o["name"] for o in seen["operations"]} and seen["metrics"], who
        assert seen["sandbox"]["seccomp_filters"] > 0 and seen["sandbox"]["landlock_enforced"], who
        said = node.execute(["/bin/bash", "-c", f"nngcat --req --dial ipc://{row['endpoint']} --quoted --data $'{HEALTH}'"])
        assert said.status == 0 and said.out.startswith('"\\x08\\x01'), said


def test_each_is_restarted_killed_and_stopped_alone(node):
    """NUC-4, NUC-7, NUC-9, NUC-10: what a store acknowledged is there afterwards, and who has another instance to go to has no failure."""
    writer = Works(lambda n: node.command("raft", "put", f"w/{n:06}", str(n)))
    caller = Works(lambda n: node.command("call", "greeter.Greet", '{"name": "x"}'))
    now = pids(node)
    assert len(now) == 10, now
    for work in (writer, caller):
        work.start()
    try:
        for who in now:
            node.cli("restart", who)
            now = is_back(node, who, now)
        assert not writer.failures and not caller.failures, (writer.failures, caller.failures)
        for who in now:
            assert procs.kill(now[who])
            now = is_back(node, who, now)
        for who in now:
            node.cli("stop", who)
            assert {k: v for k, v in pids(node).items() if v} == {k: v for k, v in now.items() if k != who}, f"{who} alone"
            node.cli("start", who)
            now = is_back(node, who, now)
        old = node.cli("status", json=True)["nucleus_pid"]
        procs.kill(old)
        node.wait_until(lambda: node.cli("status", json=True)["nucleus_pid"] not in (0, old), 20, "another supervisor")
        assert pids(node) == now
    finally:
        writer.stop()
        caller.stop()
    assert writer.done > 20 and caller.done > 20, (writer.done, caller.done)
    kept = node.cli("raft", "range", "w/", "--prefix", json=True)["pairs"]
    assert {p["key"] for p in kept} >= {f"w/{n:06}" for n in range(writer.done)}


def test_a_manifest_that_changes_touches_what_it_changes(node):
    """NUC-4: one entry is another one, one is wrong (nothing happens), one goes."""
    now = pids(node)
    text = whole().replace("10.0.0.1", node.address)
    node.write_manifest(text.replace("{name: greeter, instances: 2,", "{name: greeter, limits: {message: 2M}, instances: 2,"))
    node.cli("apply", node.manifest_path)
    changed = pids(node)
    assert {k for k in now if now[k] != changed[k]} == {"greeter.0", "greeter.1"}
    node.write_manifest(text.replace("instances: 2", "instances: two"))
    refused = node.command("apply", node.manifest_path)
    assert refused.status == 1 and re.search(r"node\.yaml:\d+: .*instances", refused.err), refused
    assert pids(node) == changed
    node.write_manifest(text.replace(entry("overlay.yaml", "datapath"), ""))
    node.cli("apply", node.manifest_path)
    node.wait_until(lambda: "datapath.0" not in pids(node), 20, "it is gone")
    now = pids(node)
    assert set(changed) - set(now) == {"datapath.0"}
