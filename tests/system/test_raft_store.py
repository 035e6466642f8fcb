"""The replicated store of one node through the command line: keys, ranges, transactions, watches, leases, backups, and what
it refuses."""
import os
import time

import pytest

from support import pb, sp

PUT, GET, CAS, WATCH, GRANT, KEEP, SNAPSHOT = 300, 301, 304, 306, 307, 308, 320
DATA_LOSS = 21
RAFT = [{"name": "raft", "serves": ["raft.*"], "sandbox": {"write": ["state"]},
         "limits": {"memory": "512M", "message": "4M"}}]


@pytest.fixture
def node(make_node):
    made = make_node(RAFT)
    made.up()
    return made


def raft(node, *arguments, status=0):
    return node.cli("raft", *arguments, json=True, status=status)


def ask(client, operation, fields):
    """One request by the independent client: a command line takes a hundred times as long."""
    reply = client.call(operation, pb.encode(fields))
    assert reply.status == sp.OK, reply
    return pb.decode(reply.body)


def put_many(node, pairs, lease=0):
    with node.client("raft", timeout=20) as client:
        for key, value in pairs:
            ask(client, PUT, [(1, key), (2, value), (3, lease)])


# What a part of the command does not look at it does not take, as etcdctl does not.
STRANGE = [
    (("get", "a", "--limit", "3"), "--limit means nothing to `cell raft get`, which takes --revision, --stale, --raw, --at;"),
    (("put", "a", "1", "--prefix"), "--prefix means nothing to `cell raft put`"),
    (("del", "a", "--stale"), "--stale means nothing to `cell raft del`"),
    (("txn", "--then", "put a 1", "--lease", "3"), "--lease means nothing to `cell raft txn`"),
    (("lease", "list", "--ttl", "3s"), "--ttl means nothing to `cell raft lease`, which takes --at;"),
    (("status", "--limit", "3"), "which takes --at;"),
    (("restore", "/tmp/never", "--stale"), "--stale means nothing to `cell raft restore`"),
    (("snapshot", "now"), "usage: cell raft snapshot"),
    (("frobnicate",), "\"frobnicate\" is none of put, get, del,"),
]


def refused(node, *arguments, status=1):
    result = node.command("raft", *arguments)
    assert result.status == status, result
    return result.err


def test_keys_are_put_read_changed_and_deleted(node):
    first = raft(node, "put", "a/1", "one")["revision"]
    assert raft(node, "put", "a/1", "uno", "--previous")["previous"]["value"] == "one"
    assert node.cli("raft", "get", "a/1") == "uno\n"
    assert raft(node, "get", "a/1", "--revision", str(first))["pair"]["value"] == "one"
    raft(node, "put", "a/2", "two")
    raft(node, "put", "b", "three")
    assert [p["key"] for p in raft(node, "range", "a/", "--prefix")["pairs"]] == ["a/1", "a/2"]
    assert [p["key"] for p in raft(node, "range", "a/2", "c")["pairs"]] == ["a/2", "b"]
    assert raft(node, "range", "", "--prefix", "--limit", "2")["count"] == 2
    assert raft(node, "cas", "b", "three", "four")["succeeded"]
    assert "the key is not as expected" in refused(node, "cas", "b", "three", "five")
    assert raft(node, "cas", "new", "v", "--revision", "0")["succeeded"]
    assert raft(node, "del", "a/", "--prefix")["deleted"] == 2
    assert "there is no key" in refused(node, "get", "a/1")
    assert raft(node, "status")["keys"] == 2


def test_a_transaction_is_all_or_nothing(node):
    raft(node, "put", "a", "1")
    done = raft(node, "txn", "--if", "a = 1", "--if", "b missing", "--then", "put b 2", "--then", "get a", "--else", "put c 3")
    assert done["succeeded"] and done["results"][1]["pairs"][0]["value"] == "1"
    done = raft(node, "txn", "--if", "b missing", "--then", "put b 9", "--else", "put c 3")
    assert not done["succeeded"] and node.cli("raft", "get", "c") == "3\n"
    assert "changed twice" in refused(node, "txn", "--then", "put a 1", "--then", "put a 2")


def test_of_those_who_compare_at_once_one_succeeds(node):
    """They come in one message and become one proposal: each is held against what those before it did."""
    raft(node, "put", "k", "0")
    asked = [sp.request(CAS, pb.encode([(1, "k"), (3, 1), (4, "0"), (5, str(i))]), request_id=i) for i in range(1, 21)]
    with node.client("raft", timeout=20) as client:
        replies = client.call_many(asked, timeout=20)
    assert [reply.status for reply in replies] == [sp.OK] * 20
    assert sum(pb.first(pb.decode(reply.body), 2) for reply in replies) == 1
    assert raft(node, "get", "k")["pair"]["version"] == 2


def test_a_transaction_compares_what_keys_have(node):
    """What etcdctl calls version, create, mod and lease."""
    lease = str(raft(node, "lease", "grant", "--ttl", "1h")["id"])
    raft(node, "put", "other", "1")
    raft(node, "put", "a", "1")
    raft(node, "put", "a", "2", "--lease", lease)
    for holds in ("a version = 2", "a version > 1", "a version < 3", "a version != 1", "a created = 2", "a modified = 3",
                  f"a lease = {lease}", "none version = 0", "none lease = 0", "a = 2"):
        assert raft(node, "txn", "--if", holds, "--then", "get a", "--else", "get other")["succeeded"], holds
    for holds in ("a version = 1", "a created > 2", "a modified < 3", "a lease != " + lease, "none created > 0", "version = 2"):
        assert not raft(node, "txn", "--if", holds, "--then", "get a", "--else", "get other")["succeeded"], holds
    for bad in ("a version 2", "a version == 2", "a age = 2"):
        assert "is no condition" in refused(node, "txn", "--if", bad, "--then", "get a", status=2), bad
    for bad in ("a version =", "a version = x", "a modified > -1", "a lease = 1 2"):
        assert "from 0 on" in refused(node, "txn", "--if", bad, "--then", "get a", status=2), bad


def test_a_value_is_what_a_file_has(node, short_dir):
    """Any bytes, and more than an argument may have."""
    path = os.path.join(short_dir, "value")
    value = bytes(range(256)) * 4096
    with open(path, "wb") as f:
        f.write(value)
    raft(node, "put", "k", "--file", path)
    with node.client("raft", timeout=20) as client:
        pair = pb.decode(pb.first(ask(client, GET, [(1, "k")]), 2))
    assert pb.first(pair, 2) == value
    assert raft(node, "get", "k")["pair"]["value_hex"] == value.hex()
    with open(path, "ab") as f:
        f.write(b"x")
    assert "larger than" in refused(node, "put", "k", "--file", path)
    node.cli("raft", "put", "k", "--file", "-", stdin="two\nlines\n")
    assert node.cli("raft", "get", "k") == "two\nlines\n\n"
    node.cli("raft", "put", "k", "--file", "/dev/null")
    assert raft(node, "get", "k")["pair"]["value"] == ""
    assert "No such file" in refused(node, "put", "k", "--file", path + ".none")
    assert "usage: cell raft put" in refused(node, "put", "k", "v", "--file", path, status=2)


def test_a_watch_from_what_is_compacted_says_so(node):
    for i in range(5):
        raft(node, "put", "k", str(i))
    raft(node, "compact", "3")
    watch = (node.build.binary("cell"), "--run", node.run, "raft", "watch", "k", "--revision")
    seen = node.command("--json", "raft", "watch", "k", "--revision", "4", "--limit", "2")
    assert [line.split('"modified":')[1].split(",")[0] for line in seen.out.splitlines()] == ["4", "5"]
    for json in ((), ("--json",)):
        said = node.execute(["/usr/bin/timeout", "2", *watch, "2", *json])
        if json:
            assert said.out.splitlines() == ['{"type":"compacted","revision":3}'], said
        else:
            assert "revisions up to 3 are compacted" in said.err and said.out == "", said


def test_bad_input_has_clear_answers(node):
    raft(node, "put", "a", "1")
    raft(node, "put", "a", "2")
    raft(node, "compact", "2")
    for arguments, words in [
        (("get", "nothing"), "there is no key"),
        (("get", ""), "a key has 1 to 1024 bytes"),
        (("put", "k" * 1025, "v"), "a key has 1 to 1024 bytes"),
        (("get", "a", "--revision", "1"), "is not kept"),
        (("get", "a", "--revision", "99"), "is not kept"),
        (("compact", "1"), "compacted already"),
        (("compact", "99"), "still to come"),
        (("put", "k", "v", "--lease", "77"), "no such lease"),
        (("lease", "revoke", "77"), "no such lease"),
        (("lease", "grant", "--ttl", "1ms"), "ttl_ms is 1"),
        (("remove", "nobody"), "no member has that name"),
    ]:
        assert words in refused(node, *arguments), arguments
    assert "does not come after" in refused(node, "range", "b", "a", status=2)
    assert "not both" in refused(node, "del", "a", "b", "--prefix", status=2)
    assert "it leads already" in refused(node, "transfer", "raft.0")
    assert "a contact is" in refused(node, "add", "0123456789abcdef", "other", "nowhere")
    raft(node, "put", "empty", "")
    assert node.cli("raft", "get", "empty") == "\n"
    raft(node, "put", "steers", "a\x1b[2Jb")
    shown = node.execute(["/usr/bin/script", "-qec", f"{node.build.binary('cell')} raft get steers", "/dev/null"]).out
    assert shown == "a\\x1b[2Jb\r\n", "a value does nothing to a terminal"
    assert node.cli("raft", "get", "steers") == "a\x1b[2Jb\n", "a pipe gets the bytes as they are"
    assert "from 0 on" in refused(node, "get", "a", "--revision", "-1", status=2)
    assert "usage: cell raft put" in refused(node, "put", "k", status=2)
    for arguments, words in STRANGE:
        assert words in refused(node, *arguments, status=2), arguments
    assert [p["key"] for p in raft(node, "get", "em", "--prefix", "--limit", "1", "--keys-only")["pairs"]] == ["empty"], "a range by another name"
    assert raft(node, "get", "empty", "--stale", "--at", "raft.0")["pair"]["value"] == ""


def test_a_key_ends_with_its_lease(node):
    with node.client("raft", timeout=30) as client:
        lease = pb.first(ask(client, GRANT, [(2, 1000)]), 2)
        ask(client, PUT, [(1, "owner"), (2, "me"), (3, lease)])
        begun = time.monotonic()
        while time.monotonic() - begun < 1.5: # kept alive beyond its time
            kept = time.monotonic()
            ask(client, KEEP, [(1, lease)])
            assert 2 in ask(client, GET, [(1, "owner")])
        node.wait_until(lambda: 2 not in ask(client, GET, [(1, "owner")]), 10, "the key ends with its lease")
        assert time.monotonic() - kept > 1.0, "not before it"
    assert raft(node, "lease", "list")["leases"] == []


def test_a_watch_misses_and_repeats_nothing_over_a_kill(node):
    put_many(node, [("w/%d" % i, str(i)) for i in range(5)])
    seen = node.command("--json", "raft", "watch", "w/", "--prefix", "--revision", "1", "--limit", "5")
    assert [line.split('"key":"')[1].split('"')[0] for line in seen.out.splitlines()] == ["w/%d" % i for i in range(5)]
    node.kill("raft")
    node.wait_state("raft", "ready")
    raft(node, "put", "w/5", "5")
    seen = node.command("--json", "raft", "watch", "w/", "--prefix", "--revision", "4", "--limit", "3")
    assert [line.split('"key":"')[1].split('"')[0] for line in seen.out.splitlines()] == ["w/3", "w/4", "w/5"]


def test_what_was_acknowledged_is_there_after_a_kill(node):
    put_many(node, [("k/%03d" % i, "x" * i) for i in range(500)])
    before = raft(node, "range", "k/", "--prefix")["pairs"]
    node.kill("raft")
    node.wait_state("raft", "ready")
    assert raft(node, "range", "k/", "--prefix")["pairs"] == before


def test_a_backup_becomes_another_cluster(node, make_node, short_dir, build):
    path = os.path.join(short_dir, "store.bak")
    lease = str(raft(node, "lease", "grant", "--ttl", "1h")["id"])
    put_many(node, [("k/%02d" % i, str(i) * 100) for i in range(30)])
    put_many(node, [("leased", "v")], int(lease))
    raft(node, "del", "k/00")
    assert raft(node, "backup", path)["revision"] == raft(node, "status")["revision"]
    for _ in range(4): # one that was read to its end is in nobody's way
        raft(node, "backup", path)
    pairs = raft(node, "range", "", "--prefix")
    assert "has never been used" in refused(node, "restore", path)

    other = make_node(RAFT, name="node-2")
    other.up()
    damaged = path + ".damaged"
    with open(path, "rb") as f:
        content = bytearray(f.read())
    content[len(content) // 2] ^= 1
    with open(damaged, "wb") as f:
        f.write(content)
    assert "is no whole backup" in refused(other, "restore", damaged)
    assert raft(other, "restore", path)["keys"] == 30
    again = raft(other, "range", "", "--prefix")
    assert again["pairs"] == pairs["pairs"] and raft(other, "lease", "info", lease)["key_count"] == 1
    raft(other, "put", "goes", "on")


def past_file(node):
    """The unnamed file in which the cell has what is old, through the table of its descriptors."""
    table = f"/proc/{node.pid('raft')}/fd"
    for number in os.listdir(table):
        try:
            if os.readlink(f"{table}/{number}").endswith("/past.tmp (deleted)"):
                return os.path.join(table, number)
        except FileNotFoundError:
            pass
    return None


def test_what_is_old_is_read_from_a_file_and_rot_there_is_said(node):
    """Old values leave memory for a file. Reads at a revision, watches and backups have them from there; one that rotted is
    refused by name and is no other value; whoever starts anew has all of them again."""
    rounds, keys = 60, 20
    value = lambda i, key: f"{i}/{key}-".ljust(3000, "v")  # noqa: E731 pylint: disable=unnecessary-lambda-assignment
    put_many(node, [(f"k{key}", value(i, key)) for i in range(rounds) for key in range(keys)])

    def at(revision):
        i, key = divmod(revision - 1, keys)
        with node.client("raft", timeout=20) as client:
            reply = client.call(GET, pb.encode([(1, f"k{key}"), (2, revision)]))
        if reply.status != sp.OK:
            return reply.status
        assert pb.first(pb.decode(pb.first(pb.decode(reply.body), 2)), 2) == value(i, key).encode(), revision
        return sp.OK

    assert at(1) == sp.OK, "the very first"
    status = raft(node, "status")
    assert int(status["held_bytes"]) < int(status["live_bytes"]) + (600 << 10), "memory has the live ones, and half a MiB"
    file = past_file(node)
    assert file is not None and os.stat(file).st_size > 2 << 20, "the rest is there"
    assert {at(revision) for revision in range(1, rounds * keys + 1, 37)} == {sp.OK}
    assert raft(node, "hash")["hash"]

    def rot():
        with open(file, "r+b") as f:
            f.seek(4000)  # in the second value that was replaced, which is that of revision 2
            byte = f.read(1)
            f.seek(4000)
            f.write(bytes([byte[0] ^ 4]))

    def snapshot():
        with node.client("raft", timeout=20) as client:
            return client.call(SNAPSHOT, b"").status
    rot()
    assert at(2) == DATA_LOSS and at(1) == sp.OK and at(3) == sp.OK
    assert "cannot be read back" in refused(node, "get", "k1", "--revision", "2")
    assert "cannot be read back" in refused(node, "hash")
    node.wait_log("RAFT-PAST-ROTTEN")

    def watch(revision):
        with node.client("raft", timeout=20) as client:
            reply = ask(client, WATCH, [(1, ""), (3, 1), (4, revision)])
        return len(reply.get(2, [])), pb.first(reply, 3), pb.first(reply, 5, 0)

    newest = int(raft(node, "status")["revision"])
    assert watch(1) == (1, 2, 0), "a watcher gets what is before it"
    assert watch(2) == (0, newest + 1, 2), "and is told then that it missed something: it would never get further"
    assert watch(3)[0] > 100, "others do not notice"
    assert raft(node, "status").get("trouble", "") == ""
    assert snapshot() == DATA_LOSS, "a snapshot needs it"
    assert "restart this member" in raft(node, "status")["trouble"]
    told = node.cli("inspect", "raft.0", json=True)["metrics"]
    count = {one["name"]: float(one.get("value", 0)) for one in told}
    assert count["cell_raft_snapshots_failed_total"] == 1 and count["cell_raft_past_rotten_total"] >= 4, count
    assert count["cell_raft_past_unwritten_total"] == 0
    rot()
    assert snapshot() == sp.OK and raft(node, "status").get("trouble", "") == "", "the bit is back: one that succeeds is the end of it"
    rot()
    assert raft(node, "get", "k1")["pair"]["value"] == value(rounds - 1, 1), "what is now is another matter"
    node.cli("restart", "raft")
    node.wait_state("raft", "ready")
    assert at(2) == sp.OK and raft(node, "hash")["hash"], "the log has it"
    assert snapshot() == sp.OK and raft(node, "status").get("trouble", "") == ""
