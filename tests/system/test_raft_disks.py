"""Three members of a consensus cell on disks that lose what was not synced, lie, fail, are slow and full."""
import contextlib
import os
import time

import pytest

from support import disk, pb, procs
from test_raft import Writer, call, check, directory, leading, manifest, put, role, status, wait_level, PUT, OK

pytestmark = pytest.mark.needs_disks
ROUNDS = int(os.environ.get("CELL_TEST_ROUNDS", "1"))


@pytest.fixture
def on_disks(make_node):
    """on_disks(count, size_mib, config) -> (node, its members' disks)"""
    made = []

    def make(count=3, size_mib=48, config=None, **restart):
        node = make_node([{**manifest(config, **restart)[0], "instances": count}])
        made.extend(disk.Disk(os.path.join(node.state, "cells", "default.raft", str(i)), size_mib) for i in range(count))
        node.up()
        leading(node)
        assert all(os.path.samefile(d.place, directory(node, i)) for i, d in enumerate(made))
        return node, made
    yield make
    for one in made:
        one.close()


def pids(node):
    return [node.pid("raft", i) for i in range(3)]


def wait_back(node, old):
    node.wait_until(lambda: all(pid not in old for pid in pids(node)), 20, "they are restarted")


def test_a_loss_of_power_takes_nothing_that_was_acknowledged(on_disks):
    """Scenario 55: all members at one moment, in the middle of writing."""
    node, disks = on_disks()
    writer = Writer(node)
    writer.start()
    for _ in range(ROUNDS):
        before, old = writer.acknowledged, pids(node)
        node.wait_until(lambda b=before: writer.acknowledged > b + 20, 30, "writing goes on")
        disk.lose_power(old, disks)
        wait_back(node, old)
    before = writer.acknowledged
    node.wait_until(lambda: writer.acknowledged > before, 60, "it goes on")
    writer.stop()
    check(node, writer)


@pytest.mark.needs_tool("strace")
def test_one_disk_that_lies_loses_nothing(on_disks):
    """Scenario 56: syncs of one member do nothing, and then its power is lost; the others have everything."""
    node, disks = on_disks()
    liar = (leading(node) + 1) % 3
    old = node.pid("raft", liar)
    writer = Writer(node)
    writer.start()
    with disk.meddled(old, "fdatasync:retval=0", "fsync:retval=0"):
        before = writer.acknowledged
        node.wait_until(lambda: writer.acknowledged > before + 20, 30, "writing goes on")
        disk.lose_power([old], [disks[liar]])
    node.wait_until(lambda: node.pid("raft", liar) not in (0, old), 20, "it is restarted")
    writer.stop()
    check(node, writer)


@pytest.mark.needs_tool("strace")
def test_a_sync_that_fails_ends_the_process(on_disks):
    """Scenario 53: nothing is tried again, for a second sync would say that all is well. The next process recovers."""
    node, _ = on_disks()
    leads = leading(node)
    old = node.pid("raft", leads)
    writer = Writer(node)
    writer.start()
    node.wait_until(lambda: writer.acknowledged > 5, 30, "writing goes on")
    with disk.meddled(old, "fdatasync:error=EIO:when=1"):
        node.wait_until(lambda: not procs.is_alive(old), 10, "the leader has ended")
    before = writer.acknowledged
    node.wait_until(lambda: writer.acknowledged > before + 20, 30, "it goes on without it")
    assert "action=\"this process ends" in node.wait_log("RAFT-FAILED", 10)
    writer.stop()
    check(node, writer)


@pytest.mark.needs_tool("strace")
def test_slow_disks_are_borne(on_disks):
    """Scenario 58: a sync takes 200 ms. A follower's is waited for by nobody, and the leader's deposes nobody."""
    node, _ = on_disks()
    leads = leading(node)
    term = pb.first(status(node, leads), 5)
    slow = (leads + 1) % 3

    def pace(count):
        begun = time.monotonic()
        for i in range(count):
            reply = call(node, leads, PUT, pb.encode([(1, b"slow%d" % i), (2, b"v")]), timeout=5)
            assert reply is not None and reply.status == OK, reply
        return (time.monotonic() - begun) / count
    with disk.meddled(node.pid("raft", slow), "fdatasync:delay_enter=200000"):
        assert pace(20) < 0.15, "the other two are a majority"
    with disk.meddled(node.pid("raft", leads), "fdatasync:delay_enter=200000"):
        assert pace(8) < 1.5, "the two others are a majority of disks"
        assert role(node, leads) == "leader" and pb.first(status(node, leads), 5) == term, "no election"
    wait_level(node)


@pytest.mark.needs_tool("strace")
def test_disks_that_stall_depose_nobody(on_disks):
    """Scenario 58: syncs take 1.5 s, of one who follows, of both, of all. A leader is answered meanwhile: what was asked is done
    late, and nothing else happens."""
    node, _ = on_disks()
    leads = leading(node)
    term = pb.first(status(node, leads), 5)
    follow = [i for i in range(3) if i != leads]
    for slow in follow[:1], follow[1:], follow, [0, 1, 2]:
        time.sleep(2.5) # a disk that was not slow for two seconds is waited for again
        with contextlib.ExitStack() as meddling:
            for i in slow:
                meddling.enter_context(disk.meddled(node.pid("raft", i), "fdatasync:delay_enter=1500000"))
            reply = call(node, leads, PUT, pb.encode([(1, b"stalls"), (2, b"v")]), timeout=20)
            assert reply is not None and reply.status == OK, f"the disks of {slow} stall: {reply}"
        assert role(node, leads) == "leader" and pb.first(status(node, leads), 5) == term, f"{slow}: an election"
    wait_level(node)


def dropped(node, member):
    told = node.cli("inspect", f"raft.{member}", json=True)["metrics"]
    return next((m["value"] for m in told if m["name"] == "cell_raft_dropped_total"), 0)


@pytest.mark.needs_tool("strace")
def test_entries_wait_for_segments_that_are_made_slowly(on_disks):
    """A follower's log grows faster than its segments are made: nothing that came is thrown away, to come again when its leader has
    found that out."""
    node, _ = on_disks(3, 96, {"peers": [f"raft.{i}" for i in range(3)], "segment_mib": 4})
    leads = leading(node)
    slow = (leads + 1) % 3
    before = dropped(node, slow)
    with disk.meddled(node.pid("raft", slow), "sync_file_range:delay_enter=20000"): # 16 of them a segment
        for i in range(24):
            reply = call(node, leads, PUT, pb.encode([(1, b"large%d" % i), (2, b"x" * 800000)]), timeout=10)
            assert reply is not None and reply.status == OK, reply
        wait_level(node)
    assert dropped(node, slow) == before


def fill(path):
    with open(path, "wb", buffering=0) as out:
        try:
            while True:
                out.write(b"x" * 65536)
        except OSError:
            pass


def test_a_full_disk_is_survived(on_disks):
    """Scenario 54: what cannot be kept is refused, what was acknowledged is there after a restart, too, and when there is room
    it goes on by itself."""
    node, (small,) = on_disks(1, 32, {"segment_mib": 4, "log_mib": 64})
    filler = os.path.join(small.place, "filler")
    fill(filler)
    written = 0
    while call(node, 0, PUT, pb.encode([(1, b"k%d" % written), (2, b"x" * 800000)]), timeout=10).status == OK:
        written += 1
        assert written < 40
    assert pb.first(status(node, 0), 24, b"") == b"the disk is full", status(node, 0)
    old = node.kill("raft", 0)
    node.wait_until(lambda: node.pid("raft", 0) not in (0, old) and role(node, 0) == "leader", 20, "it comes back, full as it is")
    assert pb.first(status(node, 0), 15) == written, "keys"
    old = node.pid("raft", 0)
    os.unlink(filler)
    node.wait_until(lambda: call(node, 0, PUT, pb.encode([(1, b"after"), (2, b"v" * 800000)])).status == OK, 20, "it takes writes again")
    assert node.pid("raft", 0) == old and pb.first(status(node, 0), 24, b"") == b""
