"""Three members of a consensus cell on one node that has too few processors, loses all of them at once, or has one of another
version. By hand for longer: CELL_TEST_ROUNDS=100, CELL_TEST_SECONDS=300."""
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time

from support import history, node as node_module, procs
from support.variant import ROOT, Variant
from test_raft import Writer, check, leading, manifest, put, role, status, three, wait_level
from test_raft_linear import Tellers

ROUNDS = int(os.environ.get("CELL_TEST_ROUNDS", "5"))
SECONDS = float(os.environ.get("CELL_TEST_SECONDS", "5"))


def pids(node):
    return [row["pid"] for row in node.cli("status", json=True)["cells"] if row["cell"] == "raft" and row["pid"] > 0]


def test_all_are_killed_at_one_moment(make_node):
    """Scenario 64: under load, again and again; nothing that was acknowledged is lost."""
    node = three(make_node, max="100ms", give_up="16 in 1s") # a round may take less than a second
    writer = Writer(node)
    writer.start()
    for _ in range(ROUNDS):
        before = writer.acknowledged
        node.wait_until(lambda b=before: writer.acknowledged > b + 5, 60, "writing goes on")
        for pid in pids(node):
            procs.kill(pid)
    before = writer.acknowledged
    node.wait_until(lambda: writer.acknowledged > before + 5, 60, "it goes on")
    writer.stop()
    check(node, writer)


@contextlib.contextmanager
def busy(count):
    """So many processes that only want the processor."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for one in loops:
            one.kill()
            one.wait()


def elections(node):
    return len(re.findall(r"RAFT-ROLE .*role=leader", node.log()))


def test_starved_of_processors_it_stays_as_it_is(make_node):
    """Scenario 63: eight busy loops beside it, with the usual times; at most one needless election."""
    node = three(make_node)
    writer = Writer(node)
    writer.start()
    before = elections(node)
    with busy(8):
        end, acknowledged = time.monotonic() + SECONDS, writer.acknowledged
        node.wait_until(lambda: time.monotonic() > end and writer.acknowledged > acknowledged, SECONDS + 60, "time goes by, and it goes on")
        after = elections(node)
    writer.stop()
    print(f"{after - before} elections in {SECONDS:.0f} s, {writer.acknowledged} writes, the longest took {writer.gap:.2f} s")
    assert after - before <= 1
    check(node, writer)


def test_wall_clocks_that_jump_move_nothing(build, tmp_path, short_dir):
    """Scenario 60: those of all members and of the supervisor are set five times a second, to hours ago and hours ahead, each
    by itself. No election, and leases, sessions and watches are as if nobody had; the log tells times as they are said."""
    place = tmp_path / "build"
    place.mkdir()
    variant = Variant(build.directory, str(place))
    for program in ("cell-raft", "cell-nucleus"):
        variant.add("tests/support/wall.c", program)
    node = node_module.Node(type(build)(str(place)), manifest(), "node-1", None)
    begun = time.time()
    try:
        node.up()
        leading(node)
        before = elections(node)
        sockets = [node.socket_path("raft", i) for i in range(3)]
        path = os.path.join(short_dir, "history.jsonl")
        tellers = Tellers(sockets, "h/", time.monotonic() + SECONDS / 2)
        outcomes = history.record(sockets, path, SECONDS / 2, seed=1, prefix="h/")
        faults = tellers.end(history.puts_of(path))
        verdict, said = history.judge(build, path)
        assert verdict == 0 and not faults, "\n".join([said, *faults[:20]])
        assert outcomes["ok"] > 5 * SECONDS and elections(node) == before, outcomes
        real = {time.strftime("%Y-%m-%dT%H", time.gmtime(at)) for at in (begun, time.time())}
        for who in ("default.raft", "nucleus"):
            said = {line[:13] for line in node.log(who).splitlines() if re.match(r"\d{4}-\d\d-\d\dT\d\d:", line)}
            assert said - real, f"the wall clock of {who} was set: {said}"
        for i in range(3):
            node.kill("raft", i) # whoever starts is told a time of its own
        put(node, b"after", b"v")
        wait_level(node)
    finally:
        node.close()


def other_version():
    with open(os.path.join(ROOT, "raft", "packet.c"), encoding="utf-8") as source:
        text = source.read()
    assert text.count("RAFT_PACKET_VERSION") == 2
    return text.replace("RAFT_PACKET_VERSION", "(RAFT_PACKET_VERSION + 1)")


def test_a_member_of_the_next_version_is_not_heard(build, tmp_path):
    """Scenario 67: on the real wire. It is refused by name and counted on both sides, the others go on; with their version it
    has all that it missed."""
    place = tmp_path / "build"
    place.mkdir()
    source = tmp_path / "packet.c"
    source.write_text(other_version())
    variant = Variant(build.directory, str(place))
    shutil.copy(build.binary("cell-raft"), variant.own("cell-raft"))
    node = node_module.Node(type(build)(str(place)), manifest(), "node-1", None)
    try:
        go_through_versions(node, variant, source, build)
    finally:
        node.close()


def refused(node, member):
    told = node.cli("inspect", f"raft.{member}", json=True)["metrics"]
    return next(m["value"] for m in told if m["name"] == "cell_raft_refused_total")


def go_through_versions(node, variant, source, build):
    node.up()
    leading(node)
    put(node, b"before", b"v")
    odd = (leading(node) + 1) % 3
    same = [i for i in range(3) if i != odd]

    def run(with_program):
        with_program()
        old = node.kill("raft", odd)
        node.wait_until(lambda: node.pid("raft", odd) not in (0, old) and status(node, odd), 30, "it is restarted")
    run(lambda: variant.make("raft/packet.c", str(source)))
    line = node.wait_log("RAFT-PACKET-VERSION ", 20)
    assert "effect=\"neither hears the other\"" in line and re.search(r"version=[12] ours=[12]", line), line
    term = status(node, same[0])[5]
    for i in range(20):
        put(node, b"meanwhile%d" % i, b"v", same[0])
    assert status(node, same[0])[5] == term and role(node, odd) != "leader", "no election by it"
    for member in range(3):
        node.wait_until(lambda k=member: refused(node, k) > 0, 20, f"raft.{member} counts what it refuses, raft.{odd} is the odd one")
    run(lambda: shutil.copy(build.binary("cell-raft"), variant.own("cell-raft")))
    put(node, b"after", b"v")
    wait_level(node)
