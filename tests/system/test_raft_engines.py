"""RFT-10: the operations of raft.proto mean the same whoever carries them out, the cell's own log or an etcd cluster. Every
test runs on both, by the independent client; what only one of them has is at the end."""
import itertools
import os
import signal
import subprocess
import threading
import time

import pytest

from support import etcd as etcd_module, node as node_module, pb, sp

(PUT, GET, DELETE, RANGE, CAS, TXN, WATCH, GRANT, KEEP, REVOKE, INFO, LIST, OPEN, CLOSE, STATUS, MEMBERS, ADD, REMOVE, PROMOTE,
 TRANSFER, SNAPSHOT, COMPACT, BACKUP, RESTORE, HASH) = range(300, 325)
PEER, LINK, HELLO, JOIN = range(340, 344)
OK, LIMIT, NOT_FOUND, DENIED, TIMEOUT, INVALID, EXISTS, RANGE_ERROR, UNIMPLEMENTED, UNAVAILABLE, PEER_DEAD = (
    1, 3, 5, 6, 9, 13, 14, 17, 18, 20, 23)
STALE, NOT_OLDER = 1, 2
VALUE, VERSION, CREATED, MODIFIED, LEASE = range(5)
EQUAL, UNEQUAL, LESS, GREATER = range(4)

pytestmark = pytest.mark.needs_etcd


def cell(config=None, **sandbox):
    return {"name": "raft", "serves": ["raft.*"], "sandbox": {"write": ["state"], **sandbox}, "config": config or {},
            "limits": {"memory": "512M", "message": "8M"}}


def on_etcd(etcd, **more):
    return cell({"engine": "etcd", "endpoints": etcd.urls(), **more}, network=True)


class Store:
    """A cell and whoever stands behind it."""

    def __init__(self, node, engine, etcd=None):
        self.node, self.engine, self.etcd = node, engine, etcd
        self.numbers = itertools.count(1)

    def prefix(self):
        """Keys of one test alone: the store is shared."""
        return b"t%d/" % next(self.numbers)

    def reply(self, operation, fields, timeout=10.0, deadline_ms=8000):
        with self.node.client("raft", timeout=timeout) as client:
            return client.call(operation, pb.encode(fields), deadline_ms=deadline_ms, timeout=timeout)

    def ask(self, operation, fields, **more):
        reply = self.reply(operation, fields, **more)
        assert reply.status == OK, (operation, reply)
        return pb.decode(reply.body)

    def put(self, key, value, *more):
        return pb.first(self.ask(PUT, [(1, key), (2, value), *more]), 1)

    def get(self, key, *more):
        """(value, created, modified, version, lease) or None."""
        pair = self.ask(GET, [(1, key), *more]).get(2)
        return None if pair is None else pair_of(pair[0])[1:]

    def range(self, *fields):
        """[(key, value, created, modified, version, lease)], and the reply."""
        reply = self.ask(RANGE, fields)
        return [pair_of(p) for p in reply.get(2, [])], reply

    def watch(self, *fields, wait_ms=2000):
        """([(key, is_delete, value, modified, previous)], reply)."""
        reply = self.ask(WATCH, [*fields, (6, wait_ms)])
        return [event_of(e) for e in reply.get(2, [])], reply


def pair_of(data):
    pair = pb.decode(data)
    return (pb.first(pair, 1, b""), pb.first(pair, 2, b""), *(pb.first(pair, n) for n in range(3, 7)))


def event_of(data):
    event = pb.decode(data)
    pair = pair_of(event[2][0])
    return pair[0], bool(pb.first(event, 1)), pair[1], pair[3], pair_of(event[3][0])[1] if 3 in event else None


@pytest.fixture(scope="module", params=["embedded", "etcd"])
def store(request, build):
    etcd = etcd_module.Etcd() if request.param == "etcd" else None
    node = node_module.Node(build, [on_etcd(etcd) if etcd else cell()])
    try:
        node.up()
        yield Store(node, request.param, etcd)
    finally:
        node.close()
        if etcd:
            etcd.close()


# ---- keys ------------------------------------------------------------------------------------------


def test_keys_have_values_revisions_and_versions(store):
    p = store.prefix()
    assert store.get(p + b"a") is None
    first = store.put(p + b"a", b"one")
    second = store.put(p + b"a", b"two\x00\xff")
    assert second == first + 1
    assert store.get(p + b"a") == (b"two\x00\xff", first, second, 2, 0)
    assert store.get(p + b"a", (2, first)) == (b"one", first, first, 1, 0)
    said = store.ask(PUT, [(1, p + b"a"), (2, b"three"), (4, 1)])
    assert pair_of(said[2][0])[1] == b"two\x00\xff" and pb.first(said, 1) == second + 1
    assert 2 not in store.ask(PUT, [(1, p + b"fresh"), (4, 1)]), "there was nothing before"
    said = store.ask(DELETE, [(1, p + b"a"), (4, 1)])
    assert pb.first(said, 2) == 1 and pair_of(said[3][0])[:2] == (p + b"a", b"three")
    assert store.get(p + b"a") is None
    said = store.ask(DELETE, [(1, p + b"a")])
    assert pb.first(said, 2) == 0
    born = store.put(p + b"a", b"again")
    assert store.get(p + b"a") == (b"again", born, born, 1, 0), "it begins anew"
    assert store.get(p + b"a", (2, second + 1))[0] == b"three"


def test_value_or_lease_is_kept(store):
    p = store.prefix()
    lease = pb.first(store.ask(GRANT, [(2, 60000)]), 2)
    store.put(p + b"a", b"one", (3, lease))
    store.put(p + b"a", b"two", (6, 1))
    assert store.get(p + b"a")[0] == b"two" and store.get(p + b"a")[4] == lease
    store.ask(PUT, [(1, p + b"a"), (5, 1)])
    assert store.get(p + b"a")[0] == b"two" and store.get(p + b"a")[4] == 0
    assert store.reply(PUT, [(1, p + b"nothing"), (5, 1)]).status == NOT_FOUND
    assert store.reply(PUT, [(1, p + b"a"), (2, b"x"), (5, 1)]).status == INVALID, "what is kept cannot be given"


def test_ranges(store):
    p = store.prefix()
    keys = [p + k for k in (b"a", b"b", b"ba", b"bb", b"b\xff", b"c")]
    revisions = {k: store.put(k, b"v" + k) for k in keys}
    everything = sorted(keys)

    def names(*fields):
        return [pair[0] for pair in store.range(*fields)[0]]

    assert names((1, p), (3, 1)) == everything
    assert names((1, p + b"b"), (3, 1)) == [p + b"b", p + b"ba", p + b"bb", p + b"b\xff"]
    assert names((1, p + b"b"), (2, p + b"bb")) == [p + b"b", p + b"ba"], "the end is not of it"
    assert names((1, p + b"b")) == [p + b"b"], "a key alone"
    assert names((1, p + b"x"), (3, 1)) == []
    assert names((1, p), (3, 1), (10, 1)) == everything[::-1]
    assert names((1, p), (3, 1), (11, revisions[keys[4]])) == sorted(keys[4:]), "modified since then"
    assert names((1, p), (3, 1), (12, revisions[keys[5]])) == keys[5:], "created since then"
    pairs, _ = store.range((1, p), (3, 1), (8, 1))
    assert [(pair[0], pair[1]) for pair in pairs] == [(k, b"") for k in everything], "keys alone"
    pairs, reply = store.range((1, p), (3, 1), (9, 1))
    assert pairs == [] and pb.first(reply, 5) == len(keys), "the number alone"
    store.ask(DELETE, [(1, p + b"b"), (3, 1)])
    assert names((1, p), (3, 1)) == [p + b"a", p + b"c"]
    assert names((1, p), (3, 1), (4, revisions[keys[5]])) == everything, "as it was then"


@pytest.mark.parametrize("descending", [0, 1])
def test_pages(store, descending):
    """By number and by size: a page says where the next one begins, and all of them are of one moment."""
    p = store.prefix()
    large = b"x" * 300_000
    for i in range(5):
        store.put(p + b"%02d" % i, large)
    for limit in (3, 0):
        seen, revision, key, end, pages = [], 0, p, p[:-1] + b"0", 0
        while True:
            pairs, reply = store.range((1, key), (2, end), (4, revision), (7, limit), (10, descending))
            seen += [pair[0] for pair in pairs]
            revision = revision or pb.first(reply, 1)
            pages += 1
            if not pb.first(reply, 3):
                break
            store.put(p + b"99", b"later") # not in this listing
            key, end = (key, pb.first(reply, 4)) if descending else (pb.first(reply, 4), end)
        store.ask(DELETE, [(1, p + b"99")])
        expected = [p + b"%02d" % i for i in range(5)]
        assert seen == (expected[::-1] if descending else expected) and pages > 1, (limit, seen)


def test_reads_are_as_new_as_was_asked_for(store):
    p = store.prefix()
    revision = store.put(p + b"a", b"one")
    assert store.get(p + b"a", (3, STALE))[0] == b"one", "one member has all there is"
    assert store.get(p + b"a", (3, NOT_OLDER), (4, revision))[0] == b"one"
    later = threading.Timer(0.3, lambda: store.put(p + b"a", b"two"))
    later.start()
    assert store.get(p + b"a", (3, NOT_OLDER), (4, revision + 1))[0] == b"two", "it waits for that"
    later.join()
    reply = store.reply(GET, [(1, p + b"a"), (3, NOT_OLDER), (4, revision + 1000)], deadline_ms=400)
    assert reply.status == TIMEOUT
    reply = store.reply(GET, [(1, p + b"a"), (2, revision + 1000)])
    assert reply.status == RANGE_ERROR, "a revision that is still to come"


# ---- comparing -------------------------------------------------------------------------------------


def test_compare_and_set(store):
    p = store.prefix()

    def cas(*fields):
        said = store.ask(CAS, [(1, p + b"k"), *fields])
        return bool(pb.first(said, 2)), pair_of(said[3][0])[1] if 3 in said else None

    assert cas((2, 0), (5, b"one")) == (True, None), "not there, as expected"
    assert cas((2, 0), (5, b"two")) == (False, b"one"), "what is there is shown"
    assert cas((3, 1), (4, b"one"), (5, b"two")) == (True, None)
    assert cas((3, 1), (4, b"one"), (5, b"three")) == (False, b"two")
    modified = store.get(p + b"k")[2]
    assert cas((2, modified), (6, 1)) == (True, None), "deleted"
    assert store.get(p + b"k") is None
    assert cas((3, 1), (4, b""), (5, b"x")) == (False, None), "no value is equal to none"


def compare(key, target, result, value=b"", number=0, **span):
    return pb.encode([(1, key), (2, span.get("end", b"")), (3, span.get("prefix", 0)), (4, target), (5, result), (6, value), (7, number)])


def op_put(key, value, *more):
    return pb.encode([(1, pb.encode([(1, key), (2, value), *more]))])


def op_delete(key, *more):
    return pb.encode([(2, pb.encode([(1, key), *more]))])


def op_range(key, *more):
    return pb.encode([(3, pb.encode([(1, key), *more]))])


def txn(compares=(), success=(), failure=()):
    return [*((1, c) for c in compares), *((2, o) for o in success), *((3, o) for o in failure)]


def test_what_transactions_compare(store):
    p = store.prefix()
    lease = pb.first(store.ask(GRANT, [(2, 60000)]), 2)
    created = store.put(p + b"k", b"one")
    modified = store.put(p + b"k", b"two", (3, lease))
    store.put(p + b"other", b"two")
    missing = p + b"missing"
    rows = [
        (compare(p + b"k", VALUE, EQUAL, b"two"), True), (compare(p + b"k", VALUE, EQUAL, b"one"), False),
        (compare(p + b"k", VALUE, UNEQUAL, b"one"), True), (compare(p + b"k", VALUE, LESS, b"twp"), True),
        (compare(p + b"k", VALUE, GREATER, b"twp"), False), (compare(p + b"k", VERSION, EQUAL, number=2), True),
        (compare(p + b"k", VERSION, GREATER, number=2), False), (compare(p + b"k", CREATED, EQUAL, number=created), True),
        (compare(p + b"k", MODIFIED, EQUAL, number=modified), True), (compare(p + b"k", MODIFIED, LESS, number=modified), False),
        (compare(p + b"k", LEASE, EQUAL, number=lease), True), (compare(p + b"k", LEASE, EQUAL, number=0), False),
        (compare(missing, CREATED, EQUAL, number=0), True), (compare(missing, VERSION, GREATER, number=0), False),
        (compare(missing, VALUE, EQUAL, b""), False), (compare(missing, VALUE, UNEQUAL, b"x"), False),
        (compare(p, VALUE, EQUAL, b"two", prefix=1), True), (compare(p, VERSION, EQUAL, number=2, prefix=1), False),
        (compare(p + b"x", MODIFIED, EQUAL, number=0, prefix=1), True),
    ]
    for i, (one, holds) in enumerate(rows):
        assert bool(pb.first(store.ask(TXN, txn([one])), 2)) == holds, f"row {i}"
    assert not pb.first(store.ask(TXN, txn([rows[0][0], rows[1][0]])), 2), "all must hold"


def test_a_transaction_is_one_revision(store):
    p = store.prefix()
    before = store.put(p + b"a", b"0")
    said = store.ask(TXN, txn([compare(p + b"a", VALUE, EQUAL, b"0")],
                              [op_put(p + b"a", b"1", (4, 1)), op_put(p + b"b", b"2"), op_range(p, (3, 1)), op_delete(p + b"c")],
                              [op_put(p + b"wrong", b"x")]))
    assert pb.first(said, 2) == 1 and pb.first(said, 1) == before + 1
    put, other, ranged, deleted = (pb.decode(r) for r in said[3])
    assert pair_of(pb.decode(put[1][0])[2][0])[1] == b"0" and 1 in other
    assert [pair_of(x)[:2] for x in pb.decode(ranged[3][0])[2]] == [(p + b"a", b"1"), (p + b"b", b"2")], "it sees what came before it"
    assert pb.first(pb.decode(deleted[2][0]), 2) == 0
    assert store.get(p + b"a")[2] == store.get(p + b"b")[2] == before + 1
    said = store.ask(TXN, txn([compare(p + b"a", VALUE, EQUAL, b"0")], [op_put(p + b"a", b"x")], [op_delete(p, (3, 1), (4, 1))]))
    assert not pb.first(said, 2)
    gone = pb.decode(pb.decode(said[3][0])[2][0])
    assert pb.first(gone, 2) == 2 and [pair_of(x)[0] for x in gone[3]] == [p + b"a", p + b"b"]
    reply = store.reply(TXN, txn([], [op_put(p + b"a", b"1"), op_put(p + b"z", b"1", (3, 4711))]))
    assert reply.status == NOT_FOUND and store.get(p + b"a") is None, "what one operation lacks keeps all from being done"


# ---- watches ---------------------------------------------------------------------------------------


def test_a_watch_tells_what_happened_from_a_revision_on(store):
    p = store.prefix()
    start = store.put(p + b"a", b"1")
    store.put(b"elsewhere", b"x")
    store.put(p + b"a", b"2")
    store.ask(DELETE, [(1, p + b"a")])
    expected = [(p + b"a", False, b"1", start, None), (p + b"a", False, b"2", start + 2, b"1"), (p + b"a", True, b"", start + 3, b"2")]
    seen, at, part = [], start, 0
    while len(seen) < 3:
        events, reply = store.watch((1, p), (3, 1), (4, at), (5, part), (7, 1))
        seen += events
        assert pb.first(reply, 3) > at or pb.first(reply, 4) > part or not events, "it goes on"
        at, part = pb.first(reply, 3), pb.first(reply, 4)
    assert seen == expected
    events, reply = store.watch((1, p), (3, 1), (4, start), (8, 1))
    assert [e[1] for e in events] == [True], "without puts"
    events, _ = store.watch((1, p), (3, 1), (4, start), (9, 1))
    assert [e[2] for e in events][:1] == [b"1"] and not any(e[1] for e in events), "without deletes"


def test_a_watch_waits(store):
    p = store.prefix()
    begun = time.monotonic()
    events, reply = store.watch((1, p), (3, 1), wait_ms=400)
    assert events == [] and 0.3 < time.monotonic() - begun < 5
    at = pb.first(reply, 3)
    assert at > pb.first(reply, 1), "what came before is not of interest"
    store.put(b"elsewhere", b"x")
    later = threading.Timer(0.3, lambda: store.put(p + b"a", b"now"))
    later.start()
    begun = time.monotonic()
    events, reply = store.watch((1, p), (3, 1), (4, at), wait_ms=8000)
    later.join()
    assert [e[:3] for e in events] == [(p + b"a", False, b"now")] and time.monotonic() - begun < 5
    events, _ = store.watch((1, p), (3, 1), (4, pb.first(reply, 3)), wait_ms=0)
    assert events == [], "what was told is not told again"
    assert store.reply(WATCH, [(1, p), (3, 1), (6, 60001)]).status == INVALID


def test_a_watch_tells_a_large_revision_in_parts(store):
    """Forty keys of 25,000 bytes and what they were before are more than one answer holds: within a revision and at the end of
    all of them, nothing is missed, nothing repeated."""
    p = store.prefix()
    value = b"v" * 25_000
    keys = [p + b"%02d" % i for i in range(40)]
    start = pb.first(store.ask(TXN, txn([], [op_put(k, value) for k in keys])), 1)
    store.ask(TXN, txn([], [op_put(k, value + b"2") for k in keys]))

    def poll(at, count, *more):
        seen, part, polls = [], 0, 0
        while len(seen) < count:
            events, reply = store.watch((1, p), (3, 1), (4, at), (5, part), *more)
            assert events, (at, part, len(seen))
            seen += [(e[0], e[3]) for e in events]
            at, part, polls = pb.first(reply, 3), pb.first(reply, 4), polls + 1
        assert polls > 1 and part == 0
        return seen, at

    again = [(k, start + 1) for k in keys]
    assert poll(start + 1, 40, (7, 1)) == (again, start + 2), "the last revision does not fit into one answer"
    assert poll(start, 80) == ([(k, start) for k in keys] + again, start + 2)


def test_what_is_compacted_is_told(store):
    p = store.prefix()
    first = store.put(p + b"a", b"1")
    for i in range(5):
        last = store.put(p + b"a", b"%d" % i)
    assert store.reply(COMPACT, [(1, last + 1000)]).status == RANGE_ERROR, "still to come"
    assert pb.first(store.ask(COMPACT, [(1, last)]), 2) == last
    assert store.reply(COMPACT, [(1, first)]).status == RANGE_ERROR, "compacted already"
    assert store.reply(GET, [(1, p + b"a"), (2, first)]).status == RANGE_ERROR
    assert store.reply(RANGE, [(1, p), (3, 1), (4, first)]).status == RANGE_ERROR
    assert store.get(p + b"a", (2, last))[0] == b"4"
    events, reply = store.watch((1, p), (3, 1), (4, first))
    assert events == [] and pb.first(reply, 5) >= last and pb.first(reply, 3) > last
    store.put(p + b"a", b"new")
    events, _ = store.watch((1, p), (3, 1), (4, pb.first(reply, 3)))
    assert [e[2] for e in events] == [b"new"], "and it goes on from there"


# ---- leases ----------------------------------------------------------------------------------------


def test_leases(store):
    p = store.prefix()
    said = store.ask(GRANT, [(1, 70001), (2, 30000)])
    assert (pb.first(said, 2), pb.first(said, 3)) == (70001, 30000)
    assert store.reply(GRANT, [(1, 70001), (2, 30000)]).status == EXISTS
    other = pb.first(store.ask(GRANT, [(2, 30000)]), 2)
    assert other not in (0, 70001)
    store.put(p + b"a", b"1", (3, 70001))
    store.put(p + b"b", b"2", (3, 70001))
    said = store.ask(INFO, [(1, 70001), (2, 1)])
    assert pb.first(said, 2) == 30000 and 0 < pb.first(said, 3) <= 30000 and pb.first(said, 4) == 2
    assert sorted(said[5]) == [p + b"a", p + b"b"]
    assert {70001, other} <= set(leases(store))
    assert pb.first(store.ask(KEEP, [(1, 70001)]), 2) == 30000
    assert pb.first(store.ask(REVOKE, [(1, 70001)]), 2) == 2
    assert store.get(p + b"a") is None
    for operation in (KEEP, REVOKE, INFO):
        assert store.reply(operation, [(1, 70001)]).status == NOT_FOUND, operation
    assert 70001 not in leases(store)
    assert store.reply(PUT, [(1, p + b"a"), (3, 70001)]).status == NOT_FOUND
    assert store.reply(GRANT, [(2, 1)]).status == INVALID and store.reply(KEEP, [(1, 0)]).status == INVALID


def leases(store):
    """Ids of all leases (packed or not)."""
    found = []
    for entry in store.ask(LIST, []).get(2, []):
        at = 0
        if isinstance(entry, int):
            found.append(entry)
        while not isinstance(entry, int) and at < len(entry):
            value, at = pb.read_varint(entry, at)
            found.append(value)
    return found


def test_a_key_ends_with_its_lease(store):
    p = store.prefix()
    said = store.ask(GRANT, [(2, 1000)])
    lease, ttl_ms = pb.first(said, 2), pb.first(said, 3)
    assert 1000 <= ttl_ms <= 3000, "never shorter than it was asked for"
    store.put(p + b"a", b"1", (3, lease))
    begun = time.monotonic()
    store.node.wait_until(lambda: store.get(p + b"a") is None, 15, "the key ends with its lease")
    assert time.monotonic() - begun > ttl_ms / 1000 - 0.2, "not before it"


# ---- what is refused -------------------------------------------------------------------------------


def test_bad_input_has_the_same_answers(store):
    p = store.prefix()
    for operation, fields, status in [
        (GET, [(1, b"")], INVALID), (PUT, [(1, b"k" * 1025)], LIMIT), (GET, [(1, b"k" * 1025)], LIMIT),
        (PUT, [(1, p), (2, b"v" * ((1 << 20) + 1))], LIMIT), (RANGE, [(1, b"")], INVALID),
        (RANGE, [(1, p), (2, b"z"), (3, 1)], INVALID), (CAS, [(1, b"")], INVALID),
        (TXN, txn([], [op_put(p + b"a", b"1"), op_put(p + b"a", b"2")]), INVALID),
        (TXN, txn([], [pb.encode([])]), INVALID), (TXN, txn([], [op_range(p, (4, 1))]), INVALID),
        (TXN, txn([compare(p, VALUE, EQUAL, b"x")] * 513), LIMIT), (PUT, [(1, p), (3, 4711)], NOT_FOUND),
    ]:
        reply = store.reply(operation, fields)
        assert reply.status == status and reply.message, (operation, fields[:1], reply)
    assert store.get(p + b"a") is None


def test_members_alone_ask_what_members_ask(store):
    for operation in (PEER, LINK, HELLO, JOIN):
        assert store.reply(operation, []).status in (DENIED, UNIMPLEMENTED), operation


def test_the_command_line_does_not_notice(store):
    p = store.prefix().decode()
    node = store.node
    assert node.cli("raft", "status", json=True)["engine"] == store.engine
    assert ("an etcd cluster" in node.cli("raft", "status")) == (store.engine == "etcd")
    members = [pb.decode(m) for m in store.ask(MEMBERS, [])[2]]
    assert len(members) == 1 and pb.first(members[0], 5), "it leads itself"
    node.cli("raft", "put", p + "a", "one")
    assert node.cli("raft", "get", p + "a") == "one\n"
    done = node.cli("raft", "txn", "--if", f"{p}a = one", "--then", f"put {p}b 1", "--then", f"get {p}a", json=True)
    assert done["succeeded"] and done["results"][1]["pairs"][0]["value"] == "one"
    seen = node.command("--json", "raft", "watch", p, "--prefix", "--revision", str(done["revision"]), "--limit", "1")
    assert f'"key":"{p}b"' in seen.out, seen
    result = node.command("raft", "get", p + "none")
    assert result.status == 1 and "there is no key" in result.err


# ---- etcd alone ------------------------------------------------------------------------------------


@pytest.fixture
def make_etcd():
    made = []

    def make(*arguments, **more):
        made.append(etcd_module.Etcd(*arguments, **more))
        return made[-1]
    yield make
    for one in made:
        one.close()


def store_on(make_node, etcd, **more):
    node = make_node([on_etcd(etcd, **more)])
    node.up()
    return Store(node, "etcd", etcd)


def test_what_etcd_has_not_is_refused_by_name(make_node, make_etcd):
    """The list of docs/decisions/0012-engines.md; and it is etcd itself that has what was put."""
    store = store_on(make_node, make_etcd())
    store.put(b"k", b"v")
    assert store.etcd.get(b"k") == b"v"
    for operation in (OPEN, CLOSE, ADD, REMOVE, PROMOTE, TRANSFER, SNAPSHOT, BACKUP, RESTORE, HASH, PEER, LINK, HELLO, JOIN):
        reply = store.reply(operation, [])
        assert reply.status == UNIMPLEMENTED and "the engine etcd has no such operation" in reply.message, (operation, reply)
    reply = store.reply(PUT, [(1, b"k"), (7, pb.encode([(1, 5), (2, 1)]))])
    assert reply.status == UNIMPLEMENTED and "no sessions" in reply.message, reply
    assert "etcdctl" in store.node.command("raft", "snapshot").err


def test_another_member_is_asked_when_one_is_gone(make_node, make_etcd):
    """Three members: reads and writes go on when one is killed; without a majority nothing is claimed."""
    etcd = make_etcd(3)
    store = store_on(make_node, etcd)
    store.put(b"k", b"0")
    rounds = int(os.environ.get("CELL_TEST_ROUNDS", "1"))
    for index in range(rounds):
        etcd.kill(index % 3)
        answers = []
        for i in range(200): # what is not known is asked again by hand; it ends with the election
            answers.append(store.reply(PUT, [(1, b"k"), (2, b"%d-%d" % (index, i))], deadline_ms=2000).status)
            if answers[-1] == OK:
                break
        assert answers[-1] == OK and set(answers) <= {OK, UNAVAILABLE, TIMEOUT, PEER_DEAD}, answers
        assert store.get(b"k")[0] == b"%d-%d" % (index, len(answers) - 1)
        if index + 1 < rounds:
            etcd.start(index % 3)
    etcd.kill(rounds % 3)
    reply = store.reply(PUT, [(1, b"k"), (2, b"alone")], deadline_ms=700)
    assert reply.status in (TIMEOUT, UNAVAILABLE, PEER_DEAD), reply
    etcd.kill((rounds + 1) % 3)
    reply = store.reply(PUT, [(1, b"k"), (2, b"nobody")], deadline_ms=700)
    assert reply.status == UNAVAILABLE and "no endpoint of etcd answers" in reply.message, reply
    assert store.node.status()[0]["state"] == "ready", "the cell stays; callers are told"
    for index in range(3):
        etcd.start(index, waits=False)
    store.node.wait_until(lambda: store.reply(PUT, [(1, b"k"), (2, b"back")], deadline_ms=2000).status == OK, 30, "it is back")


def test_an_etcd_that_stands_still_is_a_timeout(make_node, make_etcd):
    etcd = make_etcd()
    store = store_on(make_node, etcd)
    store.put(b"k", b"v")
    etcd.kill(0, signal.SIGSTOP)
    begun = time.monotonic()
    assert store.reply(PUT, [(1, b"k"), (2, b"w")], deadline_ms=700).status == TIMEOUT
    assert time.monotonic() - begun < 3
    etcd.kill(0, signal.SIGCONT)
    store.node.wait_until(lambda: store.reply(GET, [(1, b"k")], deadline_ms=1000).status == OK, 10, "it goes on")


def test_an_etcd_that_dies_while_it_is_asked_may_have_done_it(make_node, make_etcd):
    """A write that it had got is not known, and is not asked twice. A read may be: then nobody is there."""
    etcd = make_etcd()
    store = store_on(make_node, etcd)
    store.put(b"k", b"v")
    for operation, fields, statuses in ((PUT, [(1, b"k"), (2, b"w")], {PEER_DEAD}), (GET, [(1, b"k")], {PEER_DEAD, UNAVAILABLE})):
        etcd.kill(0, signal.SIGSTOP) # its kernel takes the question, it does not
        killer = threading.Timer(0.5, etcd.kill)
        killer.start()
        reply = store.reply(operation, fields)
        killer.join()
        assert reply.status in statuses, (operation, reply)
        etcd.start()
        store.node.wait_until(lambda: store.reply(GET, [(1, b"k")], deadline_ms=1000).status == OK, 10, "it goes on")


def test_a_watch_goes_on_over_a_restart_of_etcd(make_node, make_etcd):
    etcd = make_etcd()
    store = store_on(make_node, etcd)
    at = store.put(b"w/0", b"0")
    seen = []
    killer = threading.Timer(0.5, etcd.kill)
    killer.start()
    events, reply = store.watch((1, b"w/"), (3, 1), (4, at + 1), wait_ms=5000)
    killer.join()
    assert events == [] and pb.first(reply, 3) == at + 1, "the poll that was under way says where to go on"
    etcd.start()
    for i in range(1, 4):
        store.put(b"w/%d" % i, b"%d" % i)
    at = pb.first(reply, 3)
    while len(seen) < 3:
        events, reply = store.watch((1, b"w/"), (3, 1), (4, at))
        seen += [e[0] for e in events]
        at = pb.first(reply, 3)
    assert seen == [b"w/1", b"w/2", b"w/3"]


def certificates(directory):
    """An authority, a server's certificate for 127.0.0.1 and etcd.test, a client's; and a second authority."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)
    for ca in ("ca", "stranger"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={ca}",
                "-keyout", ca + ".key", "-out", ca + ".pem")
    for name, extensions in (("server", "subjectAltName=IP:127.0.0.1,DNS:etcd.test\nextendedKeyUsage=serverAuth,clientAuth\n"),
                             ("client", "extendedKeyUsage=clientAuth\n")):
        with open(os.path.join(directory, name + ".ext"), "w", encoding="utf-8") as f:
            f.write(extensions)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", name + ".key", "-out", name + ".csr")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", name + ".ext", "-out", name + ".pem")
    for name in os.listdir(directory):
        os.chmod(os.path.join(directory, name), 0o644) # cells of a node that root runs are another user
    os.chmod(directory, 0o755)
    return lambda name: os.path.join(directory, name)


@pytest.mark.needs_tool("openssl")
def test_tls_to_etcd(make_node, make_etcd, short_dir, build):
    """The server must be of the authority and for the name, or the address; and it is shown who we are."""
    at = certificates(short_dir)
    etcd = make_etcd(tls={"ca": at("ca.pem"), "certificate": at("server.pem"), "key": at("server.key")})
    own = {"certificate": at("client.pem"), "key": at("client.key")}
    far = [etcd.url().replace("127.0.0.1", "127.0.0.2")]
    rows = {"address": ({"ca": at("ca.pem"), **own}, None), "named": ({"ca": at("ca.pem"), "host": "etcd.test", **own}, None),
            "elsewhere": ({"ca": at("ca.pem"), "endpoints": far, **own}, "not for this address"),
            "nearby": ({"ca": at("ca.pem"), "endpoints": far, "host": "etcd.test", **own}, None),
            "misnamed": ({"ca": at("ca.pem"), "host": "other.test", **own}, "another host's"),
            "stranger": ({"ca": at("stranger.pem"), **own}, "not of"),
            "nobody": ({"ca": at("ca.pem")}, "")}
    cells = []
    for name, (config, _) in rows.items():
        entry = on_etcd(etcd, **config)
        entry.update(name=name, exec=build.binary("cell-raft"), serves=[name + ".*"])
        entry["sandbox"]["read"] = [short_dir]
        cells.append(entry)
    node = make_node(cells)
    node.up()
    for name, (_, words) in rows.items():
        with node.client(name, timeout=15) as client:
            reply = client.call(PUT, pb.encode([(1, b"k"), (2, b"v")]), deadline_ms=10000, timeout=15)
        assert (reply.status == OK) == (words is None), (name, reply)
        assert words is None or words in reply.message, (name, reply)


def test_a_wrong_configuration_says_what_is_wrong(build, short_dir):
    """One of the rows of tests/unit/raft/test_engine.c, as a person sees it."""
    path = os.path.join(short_dir, "c.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("engine: etcd\nendpoints: [http://etcd.example:2379]\n")
    done = subprocess.run([build.binary("cell-raft"), "--standalone", "--config", path, "--run", short_dir, "--state", short_dir],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "an address in numbers" in done.stderr + done.stdout, done
