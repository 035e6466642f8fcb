"""What those who look after a consensus cell do to it: members added, removed and handed over to, directories moved about, members
that hang or are none any more; each mistake has its own word, and the command line finds whoever can answer."""
import os
import signal
import subprocess
import threading

import pytest

from support import pb
from test_raft import call, directory, leading, manifest, three, wipe

MEMBERS, ADD, REMOVE, PROMOTE, TRANSFER, PUT, GET, WATCH = 315, 316, 317, 318, 319, 300, 301, 306
OK, NOT_LEADER = 1, 8


def raft(node, *arguments, status=0):
    return node.cli("raft", *arguments, json=True, status=status)


def refused(node, *arguments, status=1):
    result = node.command("raft", *arguments)
    assert result.status == status, result
    return result.err


def test_who_follows_reads_what_was_just_acknowledged(make_node):
    """It has the entry, and does not know yet that it is committed: the read waits for that."""
    node = three(make_node)
    leads = leading(node)
    with node.client("raft", leads, timeout=60) as writer, node.client("raft", (leads + 1) % 3, timeout=60) as reader:
        for i in range(300):
            assert writer.call(PUT, pb.encode([(1, "k"), (2, str(i))])).status == OK
            reply = reader.call(GET, pb.encode([(1, "k")]))
            assert reply.status == OK and pb.first(pb.decode(pb.first(pb.decode(reply.body), 2)), 2) == b"%d" % i, (i, reply)


def test_directories_that_were_swapped_are_refused(make_node):
    """As they are they would make a cluster in which nobody is reached; and one that was copied votes twice."""
    node = three(make_node, give_up="2 in 60s")
    raft(node, "put", "a", "1")
    leads = leading(node)
    others = [i for i in range(3) if i != leads]
    one, two = (directory(node, i) for i in others)

    def swap():
        os.rename(one, one + ".x")
        os.rename(two, one)
        os.rename(one + ".x", two)
    for i in others:
        node.cli("stop", f"raft.{i}")
    swap()
    for i in others:
        assert node.command("start", f"raft.{i}").status == 1
    for i, k in (others, others[::-1]):
        node.wait_log(f"the directory is that of raft.{k}, and this is raft.{i}: directories were swapped, or one was copied")
    for i in others:
        node.cli("stop", f"raft.{i}")
    swap()
    for i in others:
        node.cli("start", f"raft.{i}")
    assert node.cli("raft", "get", "a") == "1\n"


def test_who_loses_its_disk_twice_comes_back(make_node):
    """The second time before it has caught up: whoever should have come in its place never will."""
    node = three(make_node)
    leads = leading(node)
    lost = (leads + 1) % 3
    old = next(pb.decode(m) for m in pb.decode(call(node, leads, MEMBERS).body)[2] if pb.first(pb.decode(m), 3) == b"raft.%d" % lost)
    node.cli("stop", f"raft.{lost}")
    reply = call(node, leads, ADD, pb.encode([(1, pb.Fixed64(7)), (2, "never"), (3, f"raft.{lost}"), (5, pb.Fixed64(pb.first(old, 1)))]))
    assert reply.status == 1, reply
    wipe(directory(node, lost))
    node.cli("start", f"raft.{lost}")

    def names():
        said = raft(node, "members", "--at", f"raft.{leads}")["members"]
        return sorted((m["name"], m["role"]) for m in said) == [(f"raft.{i}", "voter") for i in range(3)] and said
    said = node.wait_until(names, 30, "it is a member, and the two before it are none")
    assert pb.first(old, 1) not in [int(m["id"], 16) for m in said]


def test_a_replacement_that_is_called_off_takes_nobody_out(make_node):
    node = three(make_node)
    leads = leading(node)
    kept = f"raft.{(leads + 1) % 3}"
    before = raft(node, "members", "--at", f"raft.{leads}")["members"]
    place = pb.Fixed64(int(next(m["id"] for m in before if m["name"] == kept), 16))
    reply = call(node, leads, ADD, pb.encode([(1, pb.Fixed64(7)), (2, "never"), (3, "raft.9"), (5, place)]))
    assert reply.status == 1, reply
    raft(node, "remove", "never")
    for i in range(20): # whoever is to leave leaves with one of the next heartbeats
        raft(node, "put", "a", str(i))
    after = raft(node, "members", "--at", f"raft.{leads}")["members"]
    assert [(m["id"], m["role"]) for m in after] == [(m["id"], "voter") for m in before]


# What a member that does not lead is asked, each about members that there are not, or are already.
QUESTIONS = [
    (ADD, [(1, pb.Fixed64(7)), (2, "raft.0"), (3, "raft.9")]),
    (REMOVE, [(2, "raft.9")]),
    (PROMOTE, [(2, "raft.9")]),
    (TRANSFER, [(2, "raft.9")]),
    (TRANSFER, []),
]


def test_the_leader_alone_answers_for_members(make_node):
    """Whoever follows may know members that are gone and not know those that came."""
    node = three(make_node)
    leads = leading(node)
    for i in range(3):
        node.wait_until(lambda who=i: who == leads or call(node, who, TRANSFER).hint, 20, f"raft.{i} has heard who leads")
        for operation, fields in QUESTIONS if i != leads else ():
            reply = call(node, i, operation, pb.encode(fields))
            assert (reply.status, reply.hint) == (NOT_LEADER, f"raft.{leads}"), (i, operation, reply)


def test_who_is_no_member_yet_leaves_members_to_others(make_node):
    """One of three is missing: nothing is founded."""
    node = make_node([{**manifest()[0], "instances": 2}])
    node.up()
    for operation, fields in QUESTIONS:
        reply = call(node, 0, operation, pb.encode(fields))
        assert reply.status == NOT_LEADER, (operation, reply)


def test_members_that_would_not_be_told_apart_are_refused(make_node):
    node = three(make_node)
    for name, contact, words in [
        ("third\nraft.0", "raft.7", "a name is like raft.1"),
        ("Third", "raft.7", "a name is like raft.1"),
        ("raft.0", "raft.7", "a member of this id or name exists"),
        ("third", "raft.1", "raft.1 has that contact: remove it first"),
    ]:
        assert words in refused(node, "add", "0123456789abcdef", name, contact), name
    assert raft(node, "add", "0123456789abcdef", "third", "raft.7")["members"]
    assert "a member of this id or name exists" in refused(node, "add", "0123456789abcdef", "fourth", "raft.8")
    assert "not caught up" in refused(node, "promote", "third")
    raft(node, "remove", "third")
    assert "no member has that name" in refused(node, "remove", "third")


def test_who_hands_over_says_to_whom(make_node):
    node = three(make_node)
    for _ in range(3):
        leads = leading(node)
        other = next(i for i in range(3) if i != leads)
        done = raft(node, "transfer", f"raft.{other}")
        assert done["leader_name"] == f"raft.{other}" and int(done["leader"], 16), done


def test_a_removed_member_sends_callers_on(make_node):
    """Its instance runs on, and is asked like the others: it names members that are some, and lets no watcher wait."""
    node = three(make_node)
    raft(node, "put", "a", "1")
    watches = pb.encode([(1, "b"), (4, 9), (6, 20000)])
    waiting = node.client("raft", 0, timeout=20)
    replies = []
    thread = threading.Thread(target=lambda: replies.append(waiting.call(WATCH, watches, timeout=20, deadline_ms=20000)))
    thread.start()
    raft(node, "remove", "raft.0")
    thread.join(20)
    waiting.close()
    assert replies and replies[0].status == NOT_LEADER, replies
    hints = {call(node, 0, GET, pb.encode([(1, "a")])).hint for _ in range(6)}
    assert hints == {"raft.1", "raft.2"}, hints
    assert call(node, 0, WATCH, watches).status == NOT_LEADER
    for i in range(5):
        assert node.cli("raft", "get", "a") == "1\n"
        raft(node, "put", "b", str(i))
        assert node.cli("raft", "get", "b", "--at", "raft.0") == f"{i}\n"


def test_the_command_line_leaves_a_member_that_hangs(make_node):
    """Whichever it is, and before the supervisor has noticed."""
    node = three(make_node)
    raft(node, "put", "a", "0")
    for i in range(3):
        pid = node.pid("raft", i)
        os.kill(pid, signal.SIGSTOP)
        try:
            for k in range(3):
                raft(node, "put", "a", f"{i} {k}")
                assert node.cli("raft", "get", "a") == f"{i} {k}\n"
        finally:
            os.kill(pid, signal.SIGCONT)
        leading(node)


@pytest.mark.parametrize("revision", [(), ("--revision", "1")], ids=["now", "first"])
def test_the_command_line_watches_on_when_its_member_ends(make_node, revision):
    """Nothing is missed, also of what comes while it looks for another."""
    node = make_node([{**manifest({"segment_mib": 4})[0], "instances": 1}])
    node.up()
    watch = subprocess.Popen([node.build.binary("cell"), "raft", "watch", "k", "--prefix", *revision], stdout=subprocess.PIPE,
                             text=True, env={**node.environment(), "ASAN_OPTIONS": "detect_leaks=0"})
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(watch.stdout.readline, "")), daemon=True)
    reader.start()

    def begun():
        raft(node, "put", "k", "first")
        return lines or None
    try:
        node.wait_until(begun, 20, "it has begun")
        watch.send_signal(signal.SIGSTOP) # it looks for another when that one has gone on
        node.kill("raft")
        node.wait_state("raft", "ready")
        raft(node, "put", "k", "second")
        watch.send_signal(signal.SIGCONT)
        node.wait_until(lambda: any("second" in line for line in lines) or watch.poll() is not None, 20, "it goes on")
        assert watch.poll() is None, lines
    finally:
        watch.kill()
        watch.wait()
        reader.join()
    revisions = [int(line.split("\t")[0]) for line in lines]
    assert revisions == list(range(revisions[0], revisions[-1] + 1)), revisions


def test_a_backup_without_a_leader(make_node, short_dir):
    """Whoever has lost most of the members can still have what one of them has."""
    node = three(make_node)
    raft(node, "put", "a", "1")
    for i in (1, 2):
        node.cli("stop", f"raft.{i}")
    path = os.path.join(short_dir, "store.bak")
    assert refused(node, "backup", path, "--at", "raft.0") and not os.path.exists(path)
    raft(node, "backup", path, "--stale", "--at", "raft.0")
    other = make_node([{**manifest({"segment_mib": 4})[0], "instances": 1}], name="node-2")
    other.up()
    assert raft(other, "restore", path)["keys"] == 1 and other.cli("raft", "get", "a") == "1\n"
