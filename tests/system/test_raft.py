"""Three members of a consensus cell on one node: kills, lost disks, rot, snapshots, full disks, a second process."""
import glob
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from support import history, pb, procs, sp

PUT, GET, STATUS, MEMBERS, TRANSFER, SNAPSHOT = 300, 301, 314, 315, 319, 320
LEASE_GRANT, LEASE_INFO = 307, 310
PEER, LINK, HELLO, JOIN = 340, 341, 342, 343
OK, NOT_FOUND, DENIED = 1, 5, 6
CONFIG = {"peers": ["raft.0", "raft.1", "raft.2"], "log_mib": 1, "tail": 1, "segment_mib": 4}
RESTART = {"first": "50ms", "max": "1s", "give_up": "16 in 10s"}


def manifest(config=None, **restart):
    return [{"name": "raft", "instances": 3, "serves": ["raft.*"], "may_call": ["raft.*"], "sandbox": {"write": ["state"]},
             "heartbeat": {"every": "5s"}, # who is stopped is not replaced meanwhile
             "config": config or CONFIG, "limits": {"memory": "512M", "message": "4M"}, "restart": {**RESTART, **restart}}]


def three(make_node, config=None, **restart):
    node = make_node(manifest(config, **restart))
    node.up()
    leading(node)
    return node


def call(node, instance, operation, body=b"", timeout=5.0):
    """The reply, or None where nobody answers."""
    try:
        with node.client("raft", instance, timeout=timeout) as client:
            return client.call(operation, body)
    except (OSError, EOFError, AssertionError):
        return None


def status(node, instance):
    reply = call(node, instance, STATUS, timeout=2.0)
    return pb.decode(reply.body) if reply is not None and reply.status == OK else None


def role(node, instance):
    said = status(node, instance)
    return pb.first(said, 4, b"").decode() if said else None


def leader(node):
    return next((i for i in range(3) if role(node, i) == "leader"), None)


def leading(node, *others):
    """The member that leads, as soon as one does that is none of `others`: on a busy host, or just after an election, nobody may say
    that he does."""
    return node.wait_until(lambda: (who, ) if (who := leader(node)) not in (None, *others) else None, 20, "somebody leads")[0]


def put(node, key, value, first=0, deadline=20.0):
    """Until a member says ok, and which one; a key is written by one writer only, so doing it again changes nothing."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        for i in ((first + k) % 3 for k in range(3)):
            reply = call(node, i, PUT, pb.encode([(1, key), (2, value)]), timeout=2.0)
            if reply is not None and reply.status == OK:
                return i
    raise AssertionError(f"no member takes {key!r}")


def get(node, key):
    """Linearizable, from whoever answers."""
    for _ in range(100):
        for i in range(3):
            reply = call(node, i, GET, pb.encode([(1, key)]), timeout=2.0)
            if reply is not None and reply.status in (OK, NOT_FOUND):
                pair = pb.first(pb.decode(reply.body), 2) if reply.status == OK else None
                return pb.first(pb.decode(pair), 2, b"") if pair else None
        time.sleep(0.05)
    raise AssertionError("nobody reads")


def applied(node, instance):
    said = status(node, instance)
    return pb.first(said, 9, 0) if said else 0


def wait_level(node):
    """All members have applied the same entries."""
    node.wait_until(lambda: len({applied(node, i) for i in range(3)}) == 1 and applied(node, 0) > 0, 30, "all are level")


def directory(node, instance):
    return next(d for d in glob.glob(os.path.join(node.state, "cells", "*raft*", str(instance))))


class Writer(threading.Thread):
    """Puts numbered keys, one after the other; `acknowledged` are those that a member said ok to."""

    def __init__(self, node):
        super().__init__()
        self.node, self.acknowledged, self.ends, self.gap, self.fault = node, 0, False, 0.0, None

    def run(self):
        try:
            last, at = time.monotonic(), 0
            while not self.ends:
                at = put(self.node, b"w%d" % (self.acknowledged + 1), b"v%d" % (self.acknowledged + 1), at)
                self.acknowledged += 1
                self.gap = max(self.gap, time.monotonic() - last)
                last = time.monotonic()
        except AssertionError as fault:
            self.fault = fault

    def stop(self):
        self.ends = True
        self.join()
        assert self.fault is None, self.fault


def check(node, writer):
    """Each member has all of it: asked for what it has itself, when all are level."""
    wait_level(node)
    for instance in range(3):
        with node.client("raft", instance, timeout=60) as client:
            for i in range(1, writer.acknowledged + 1):
                reply = client.call(GET, pb.encode([(1, b"w%d" % i), (3, 1)]))
                pair = pb.first(pb.decode(reply.body), 2, None) if reply.status == OK else None
                assert pair is not None, f"{i} of {writer.acknowledged} was acknowledged, raft.{instance} has it not: {reply}"
                assert pb.first(pb.decode(pair), 2) == b"v%d" % i


def test_the_command_line_waits_until_somebody_leads(make_node):
    """Right after the start nobody does, and for a moment when the leader has been killed."""
    node = make_node(manifest())
    node.up()
    node.cli("raft", "put", "a", "1", timeout=20)
    node.kill("raft", leading(node))
    assert node.cli("raft", "get", "a", timeout=20) == "1\n"


def test_the_command_line_reads_on_when_a_leader_is_deposed(make_node):
    """A read is under way then. It did nothing: it is asked again."""
    node = three(make_node)
    node.cli("raft", "put", "a", "1")
    leads = leading(node)
    pids = stopped(node, *(i for i in range(3) if i != leads))
    later = threading.Timer(1.5, go_on, (pids,))
    later.start()
    try:
        assert node.cli("raft", "get", "a", "--at", f"raft.{leads}") == "1\n"
    finally:
        later.join()


@pytest.mark.needs_tool("strace")
def test_the_command_line_finds_another_when_a_member_has_just_ended(make_node):
    """It has asked the supervisor whom to ask, and while it turns there that one ends."""
    node = three(make_node, first="3s", max="3s")
    assert node.command("raft", "put", "a", "1").status == 0
    ended = node.pid("raft", 0)
    later = threading.Timer(0.5, procs.kill, (ended,))
    later.start()
    try: # its second connection is to the member
        one = node.execute([shutil.which("strace"), "-o", "/dev/null", "-e", "inject=connect:delay_enter=1000000:when=2",
                            node.build.binary("cell"), "--run", node.run, "raft", "put", "a", "2"],
                           env={**node.environment(), "ASAN_OPTIONS": "detect_leaks=0"})
    finally:
        later.join()
    assert one.status == 0, one
    assert node.cli("raft", "get", "a") == "2\n" and node.cli("raft", "get", "a", "--raw") == "2"
    assert node.command("--json", "raft", "get", "a", "--raw").status == 2


@pytest.mark.parametrize("rounds", [int(os.environ.get("CELL_TEST_ROUNDS", "1"))])
def test_killed_members_lose_nothing_that_was_acknowledged(make_node, rounds):
    """Scenarios 2, 46, 64: the leader is killed again and again while somebody writes, at last all at once."""
    node = three(make_node)
    writer = Writer(node)
    writer.start()
    for _ in range(rounds):
        before = writer.acknowledged
        node.wait_until(lambda b=before: writer.acknowledged > b + 10, 30, "writing goes on")
        killed = leading(node)
        old = node.kill("raft", killed)
        node.wait_until(lambda k=killed, o=old: node.pid("raft", k) not in (0, o), 20, "it is restarted")
    before = writer.acknowledged
    for pid in [node.pid("raft", i) for i in range(3)]:
        procs.kill(pid)
    node.wait_until(lambda: writer.acknowledged > before + 10, 60, "it goes on after the loss of all")
    writer.stop()
    check(node, writer)


def stopped(node, *instances):
    """Stop them where they stand; pids, to be continued."""
    return [node.kill("raft", i, number=signal.SIGSTOP) for i in instances]


def go_on(pids):
    for pid in pids:
        procs.kill(pid, signal.SIGCONT)


def test_a_leader_alone_acknowledges_nothing(make_node):
    """Scenarios 7, 46, 62: nothing without a majority, and it does not stay the leader of nobody."""
    node = three(make_node)
    leads = leading(node)
    others = [i for i in range(3) if i != leads]
    one = stopped(node, others[0])
    begun = time.monotonic()
    assert call(node, leads, PUT, pb.encode([(1, b"k"), (2, b"two")])).status == OK
    assert time.monotonic() - begun < 2, "one that is stopped holds up nobody"
    two = stopped(node, others[1])
    for operation, fields in (PUT, [(1, b"k"), (2, b"alone")]), (GET, [(1, b"k")]):
        reply = call(node, leads, operation, pb.encode(fields), timeout=3)
        assert reply is None or reply.status != OK, f"{operation} is answered by one of three: {reply}"
        if operation == PUT: # it is in the log, and may be done yet
            assert reply is None or reply.status not in history.NOT_DONE, f"nobody knows whether it was done: {reply}"
    node.wait_until(lambda: role(node, leads) != "leader", 5, "it steps down")
    stale = call(node, leads, GET, pb.encode([(1, b"k"), (3, 1)]))
    assert stale.status == OK, "what it has it tells who asks for no more than that"
    go_on(one + two)
    put(node, b"after", b"v")
    assert get(node, b"k") in (b"two", b"alone"), "whether the last one was done was not known"
    wait_level(node)


def test_a_leader_that_was_stopped_tells_nothing_old(make_node):
    """Scenarios 32, 34, 62: a question that waited while it was stopped is answered as of now, or not at all."""
    node = three(make_node)
    leads = leading(node)
    put(node, b"k", b"old", leads)
    clients = [node.client("raft", leads, timeout=30) for _ in range(8)] # some are read before what the others say
    for client in clients:
        assert client.call(GET, pb.encode([(1, b"k")])).status == OK
    pids = stopped(node, leads)
    asked = [client.send(sp.envelope([sp.request(GET, pb.encode([(1, b"k")]), deadline_ms=20000)])) for client in clients]
    put(node, b"k", b"new", (leads + 1) % 3)
    go_on(pids)
    for client, number in zip(clients, asked):
        client.deadline = time.monotonic() + 20
        reply = sp.Reply(pb.decode(client.receive(number))[2][0])
        value = pb.first(pb.decode(pb.first(pb.decode(reply.body), 2, b"")), 2) if reply.status == OK else b"new"
        assert value == b"new", reply
        client.close()
    pids = stopped(node, 0, 1, 2)
    time.sleep(1) # all of them, for longer than any of their times
    go_on(pids)
    put(node, b"after", b"v", leads, 10)
    wait_level(node)


def stop_and(node, instance, harm):
    """Do harm to a member's directory while no process has it."""
    pid = node.pid("raft", instance)
    procs.kill(pid, signal.SIGSTOP) # stopped first: nothing is written any more, and then it is gone
    harm(directory(node, instance))
    procs.kill(pid)
    node.wait_until(lambda: node.pid("raft", instance) not in (0, pid), 20, "it is restarted")


def wipe(path):
    for name in os.listdir(path):
        os.unlink(os.path.join(path, name))


def test_a_member_without_its_disk_comes_back_as_another(make_node):
    """Scenario 29: its old identity is gone with the disk; the others take the new one in its place."""
    node = three(make_node)
    for i in range(50):
        put(node, b"k%d" % i, b"v")
    lose_disk(node, 2)
    node.kill("raft", leading(node))
    put(node, b"after", b"v")
    assert get(node, b"k7") == b"v"


def lead(node, instance):
    """Hand leadership over to this one."""
    def leads():
        now = leader(node)
        if now not in (None, instance):
            call(node, now, TRANSFER, pb.encode([(2, b"raft.%d" % instance)]))
        return now == instance
    node.wait_until(leads, 20, f"raft.{instance} leads")


def lose_disk(node, instance):
    """And wait until it is a member again, in its old one's place."""
    old = pb.first(node.wait_until(lambda: status(node, instance), 20, "it answers"), 2)

    def is_member():
        said = status(node, instance)
        return said and pb.first(said, 2) not in (0, None, old) and pb.first(said, 9, 0) > 50
    stop_and(node, instance, wipe)
    node.wait_until(is_member, 30, "it is a member again, with all entries")
    node.wait_until(lambda: len(members(node)) == 3 and old not in members(node), 30, "the old one is out")


def test_a_removed_member_on_its_old_disk_says_so(make_node, tmp_path):
    """Scenario 10: its disk was lost and replaced, and then somebody puts the old one back. It is told, says so, disturbs
    nobody, and without that disk comes back as another; also when what is on that disk has rotted."""
    node = three(make_node)
    for i in range(50):
        put(node, b"k%d" % i, b"v")
    lead(node, 0)
    old = pb.first(status(node, 2), 2)
    stop_and(node, 2, lambda path: shutil.copytree(path, tmp_path / "old"))
    lose_disk(node, 2)

    def put_back(path):
        owner = os.stat(path)
        wipe(path)
        for name in os.listdir(tmp_path / "old"):
            shutil.copy(tmp_path / "old" / name, path)
            os.chown(os.path.join(path, name), owner.st_uid, owner.st_gid)
    stop_and(node, 2, put_back)
    node.wait_log("RAFT-REMOVED ", 20)
    node.wait_until(lambda: role(node, 2) == "removed" and pb.first(status(node, 2), 2) == old, 10, "it knows")
    term = pb.first(status(node, leading(node)), 5)
    assert "removed: the others go on without this member" in node.cli("raft", "status", "--at", "raft.2")
    health = node.cli("health", "raft.2", status=1)
    assert "removed: the others go on" in health, health
    for i in range(20):
        put(node, b"after%d" % i, b"v")
    assert pb.first(status(node, leading(node)), 5) == term, "nobody was deposed"
    # The same on a disk that rotted meanwhile: nobody brings it what it lost, and it has no vote to ask for.
    stop_and(node, 2, lambda path: flip(os.path.join(path, "wal-0000000000000001"), 600))
    node.wait_log("RAFT-LOG-DAMAGED ", 20)
    node.wait_until(lambda: role(node, 2) == "removed" and pb.first(status(node, 2), 2) == old, 10, "it knows all the same")
    stop_and(node, 2, wipe)
    node.wait_until(lambda: role(node, 2) == "follower" and applied(node, 2) > 50, 30, "it is a member again, and another")
    assert pb.first(status(node, 2), 2) != old


def test_a_lease_keeps_its_time_over_leaders(make_node):
    """Scenario 50: what is left of it under the next leader is what was left of it, but for a heartbeat."""
    node = three(make_node)
    lease = None
    while lease is None:
        granted = call(node, leading(node), LEASE_GRANT, pb.encode([(2, 60000)]))
        lease = pb.first(pb.decode(granted.body), 2) if granted is not None and granted.status == OK else None

    def remaining(*instances):
        """(when it was asked, when it was answered, ms that are left), by whichever of these leads"""
        def ask():
            leads, asked = next((i for i in instances if role(node, i) == "leader"), None), time.monotonic()
            reply = call(node, leads, LEASE_INFO, pb.encode([(1, lease), (3, 1)])) if leads is not None else None
            return (asked, time.monotonic(), pb.first(pb.decode(reply.body), 3)) if reply is not None and reply.status == OK else None
        return node.wait_until(ask, 20, "somebody leads and says")

    def wait_for_what_only_heartbeats_know():
        """The leader, when the clock was carried into the log 350 ms ago; that is done all 500 to 600 ms."""
        leads = leading(node)
        last = applied(node, leads)
        node.wait_until(lambda: applied(node, leads) != last, 10, "the clock is carried into the log")
        carried, (_, _, begin) = applied(node, leads), remaining(leads)
        node.wait_until(lambda: remaining(leads)[2] < begin - 350, 10, "time goes by")
        return (leads, ) if applied(node, leads) == carried else None
    back = []
    for _ in range(4):
        node.wait_until(lambda: len({applied(node, i) for i in range(3)}) == 1 and leader(node) is not None, 30, "all follow")
        leads = node.wait_until(wait_for_what_only_heartbeats_know, 60, "and no command carries it into the log")[0]
        _, answered, before = remaining(leads)
        old = node.kill("raft", leads)
        killed = time.monotonic()
        asked, _, after = remaining((leads + 1) % 3, (leads + 2) % 3)
        back.append(round(after - (before - (killed - answered) * 1000)))
        assert after > before - (asked - answered) * 1000 - 1500, "nobody takes more than went by"
        node.wait_until(lambda k=leads, o=old: node.pid("raft", k) not in (0, o), 20, "it is restarted")
    print(f"given back, ms: {back}")
    assert sum(max(0, ms) for ms in back) < 500, f"given back, ms: {back}"


def test_a_leader_that_is_told_to_end_hands_over(make_node):
    """Scenario 30 with a restart and under load: another leads before it goes, each time, and nobody has to find out that it is
    gone."""
    node = three(make_node)
    writer = Writer(node)
    writer.start()
    for i in range(int(os.environ.get("CELL_TEST_ROUNDS", "6"))):
        leads = leading(node)
        before = writer.acknowledged
        node.wait_until(lambda b=before: writer.acknowledged > b + 20, 20, "it is written to")
        node.cli("restart", f"raft.{leads}")
        leading(node, leads)
        # Others may know of the new leader before the old one does.
        said = node.wait_until(lambda n=i: re.findall(r"RAFT-TRANSFERRED .*ok=(\d)", node.log())[n:], 20, "its word is in the log")
        assert said == ["1"], said
        node.wait_until(lambda k=leads: status(node, k), 20, "it is back")
    writer.stop()
    check(node, writer)


def way_to_lead(node, instance):
    """What a member was before it led last, newest first."""
    said = re.findall(r"RAFT-ROLE .*role=(\w+)", node.log(f"raft.{instance}"))
    return said[::-1][said[::-1].index("leader") + 1:][:2]


def test_who_takes_over_was_told_to(make_node):
    """The others have not even heard of what is to be on disk before: the leader stays until they have, and they find out nothing
    by themselves."""
    node = three(make_node, {"peers": CONFIG["peers"], "election_ms": 2000}) # it is borne that they say nothing for a while
    put(node, b"k", b"v")
    wait_level(node)
    leads = leading(node)
    others = [i for i in range(3) if i != leads]
    end = threading.Thread(target=node.cli, args=("restart", f"raft.{leads}"), kwargs={"timeout": 60})
    with node.client("raft", leads, timeout=20) as client:
        for i in others:
            os.kill(node.pid("raft", i), signal.SIGSTOP)
        try:
            for i in range(8):
                client.send(sp.envelope([sp.request(PUT, pb.encode([(1, b"bulk%d" % i), (2, bytes(100_000))]))]))
            end.start()
            node.wait_log("told to drain")
        finally:
            for i in others:
                os.kill(node.pid("raft", i), signal.SIGCONT)
        now = leading(node, leads)
    node.wait_until(lambda: way_to_lead(node, now), 10, "that it leads is in its log")
    assert way_to_lead(node, now) == ["candidate", "follower"]
    end.join()


def test_heartbeats_have_a_way_of_their_own(make_node):
    """Of two connections to each member one goes on with heartbeats while nobody writes; the other has nothing to say."""
    node = three(make_node)
    put(node, b"k", b"v")
    wait_level(node)
    leads = leading(node)
    others = [i for i in range(3) if i != leads]

    def asked():
        ways = node.cli("inspect", f"raft.{leads}", json=True)["connections"]
        return {i: [int(w["requests"]) for w in ways if w["peer"].endswith(f"raft.{i}.sock")] for i in others}

    before = asked()
    assert all(len(ways) == 2 for ways in before.values()), before
    node.wait_until(lambda: all(max(b - a for a, b in zip(before[i], asked()[i])) > 20 for i in others), 20, "heartbeats")
    after = asked()
    assert all(min(b - a for a, b in zip(before[i], after[i])) < 10 for i in others), (before, after)


def test_every_disk_is_lost_one_after_the_other(make_node):
    """Then nobody is left who was there at the beginning: the leader is in no configuration of its log's first terms."""
    node = three(make_node)
    for i in range(50):
        put(node, b"k%d" % i, b"v")
    lose_disk(node, 2)
    for i in range(10): # terms: one message has entries of one of them, and eight are sent before one is answered
        lead(node, i % 3)
    lead(node, 2)
    lose_disk(node, 0)
    lead(node, 0)
    lose_disk(node, 1)
    assert get(node, b"k7") == b"v"


def test_a_member_that_was_away_is_reached_at_once(make_node):
    """Nobody tries to reach whoever is gone for long; when it is back and speaks, it hears from the leader."""
    node = three(make_node, first="4s", max="4s")
    leads = leading(node)
    away = (leads + 1) % 3
    old = node.kill("raft", away)
    put(node, b"meanwhile", b"v", leads)
    node.wait_until(lambda: node.pid("raft", away) not in (0, old) and status(node, away), 20, "it is back")
    back = time.monotonic()
    node.wait_until(lambda: applied(node, away) == applied(node, leads), 20, "it has all")
    assert time.monotonic() - back < 1.5
    asked = [w["peer"] for w in node.cli("inspect", f"raft.{away}", json=True)["connections"] if int(w["requests"]) > 0]
    for other in (leads, (leads + 2) % 3): # it has told everybody, though most have nothing to say to it
        assert any(peer.endswith(f"raft.{other}.sock") for peer in asked), asked
    node.kill("raft", (leads + 2) % 3)
    put(node, b"after", b"v", leads, 2) # there is a majority with it alone


def members(node):
    reply = call(node, leading(node), 315)
    return [pb.first(pb.decode(m), 1) for m in pb.decode(reply.body).get(2, [])] if reply else []


def test_rot_is_noticed_and_repaired_by_the_others(make_node):
    """Scenario 52: one bit of a member's log; it does not vote before it has all of it again."""
    node = three(make_node, {**CONFIG, "log_mib": 64, "tail": 100000})
    for i in range(100):
        put(node, b"k%d" % i, b"v" * 200)
    wait_level(node)

    def rot(path):
        with open(os.path.join(path, "wal-0000000000000001"), "r+b") as f:
            f.seek(9000)
            byte = f.read(1)[0]
            f.seek(9000)
            f.write(bytes([byte ^ 4]))

    stop_and(node, 1, rot)
    node.wait_log("RAFT-LOG-DAMAGED", 20)
    node.wait_log("RAFT-REPAIRED", 30)
    put(node, b"after", b"v")
    wait_level(node)
    node.kill("raft", 0)
    node.kill("raft", 2)
    assert get(node, b"k7") == b"v" * 200


def test_a_member_far_behind_gets_a_snapshot(make_node):
    """Scenarios 38 to 42: the log is cut behind a snapshot, and who lags gets that; a restart reads it."""
    node = three(make_node)
    at = 0
    for i in range(14):
        at = put(node, b"big%d" % (i % 4), bytes([i]) * 200000, at)
    node.wait_log("RAFT-SNAPSHOT ", 20)
    stop_and(node, 2, wipe) # whoever has nothing lags as far as one can
    node.wait_log("RAFT-SNAPSHOT-RECEIVED", 30)
    wait_level(node)
    for i in range(10, 14): # as it has it itself: a restart would read the file anew
        own = call(node, 2, GET, pb.encode([(1, b"big%d" % (i % 4)), (3, 1)]))
        pair = pb.first(pb.decode(own.body), 2, None)
        assert pair is not None, f"big{i % 4} is not there: {own}"
        assert pb.first(pb.decode(pair), 2) == bytes([i]) * 200000, f"big{i % 4}"
    for i in range(3):
        node.kill("raft", i)
    for i in range(10, 14):
        assert get(node, b"big%d" % (i % 4)) == bytes([i]) * 200000
    wait_level(node)


def flip(path, at):
    """One bit of a file."""
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 4]))


def snapshots(node, instance, prefix=""):
    return sorted(glob.glob(os.path.join(directory(node, instance), prefix + "snapshot-" + "?" * 16)))


def test_a_rotten_snapshot_is_replaced(make_node):
    """Scenario 52, of snapshots: a member that finds its own rotten at the start goes on without what it lost, and without a
    vote, until the others have sent it again; a leader that sent one that is not whole makes another."""
    node = three(make_node)
    at, written = 0, 0

    def is_cut(instance): # the first segment is gone: only a snapshot has what was in it
        return not os.path.exists(os.path.join(directory(node, instance), "wal-0000000000000001")) and snapshots(node, instance)
    while not all(is_cut(i) for i in range(3)):
        at = put(node, b"big%d" % (written % 4), b"%d " % written * 300000, at)
        written += 1
        assert written < 100
    wait_level(node)
    stop_and(node, 2, lambda path: flip(snapshots(node, 2)[-1], 100000))
    node.wait_log("RAFT-SNAPSHOT-ROTTEN ", 20)
    node.wait_log("RAFT-REPAIRED ", 30)
    assert len(snapshots(node, 2, "damaged-")) == 1, "it is kept for a person"
    wait_level(node)
    for i in range(2): # whoever leads
        flip(snapshots(node, i)[-1], 100000)
    stop_and(node, 2, wipe)
    node.wait_log("RAFT-SNAPSHOT-ROTS ", 30)
    put(node, b"after", b"v")
    wait_level(node)
    node.kill("raft", 0)
    node.kill("raft", 1)
    for i in range(written - 4, written):
        assert get(node, b"big%d" % (i % 4)) == b"%d " % i * 300000


def test_a_second_process_and_a_foreign_directory_are_refused(make_node, build, tmp_path):
    """Scenarios 57, 59: each with its word."""
    os.chmod(tmp_path, 0o700)
    run, log = tmp_path / "r", tmp_path / "log"
    state = tmp_path / "s"
    run.mkdir(mode=0o700)
    state.mkdir(mode=0o700)

    command = [build.binary("cell-raft"), "--standalone", "--run", run, "--state", state, "--instance"]
    with open(log, "wb") as out:
        first = subprocess.Popen([*command, "0"], stderr=out, stdin=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 20
            while b"RAFT-ROLE" not in log.read_bytes():
                assert time.monotonic() < end and first.poll() is None, log.read_text()
                time.sleep(0.02)
            second = subprocess.run([*command, "1"], stderr=subprocess.PIPE, timeout=20, check=False)
            assert second.returncode == 1 and b"another process uses" in second.stderr, second
        finally:
            first.terminate()
            first.wait(20)
    os.chmod(state, 0o755)
    third = subprocess.run([*command, "0"], stderr=subprocess.PIPE, timeout=20, check=False)
    assert third.returncode == 1 and b"chmod 700" in third.stderr, third


def test_who_may_read_and_write_is_no_member_by_that(make_node):
    """The intruder has every right that a manifest can give and speaks the members' language."""
    node = make_node([{"name": "raft", "serves": ["raft.*"], "sandbox": {"write": ["state"]}, "limits": {"memory": "512M"}},
                      {"name": "intruder", "exec": "cell-raft", "may_call": ["raft.*"], "sandbox": {"write": ["state"]},
                       "limits": {"memory": "512M"}, "config": {"peers": ["raft.0", "intruder.0"], "self": "intruder.0"}}])
    node.up()
    node.wait_until(lambda: role(node, 0) == "leader", 20, "a cluster of one")
    node.wait_log("RAFT-HELLO-DENIED", part="intruder")
    assert node.client("raft", 0).call(PUT, pb.encode([(1, b"k"), (2, b"v")])).status == OK
    members = pb.decode(node.client("raft", 0).call(MEMBERS).body)
    assert len(members[2]) == 1
    for operation in (PEER, LINK, HELLO, JOIN):
        assert node.client("raft", 0).call(operation).status == DENIED, operation
