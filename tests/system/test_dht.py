"""Values that are found across nodes: DHT-3, DHT-5 at the cells' own doors, DHT-6, DHT-7."""
import os
import time

import pytest

from support import nodosums, pb, sp

PORT = 7403
MAY_CALL = ["nodosum.Members", "nodosum.Watch"]
PUT, GET, STATS, LOOKUP, ANNOUNCE, FIND = 400, 401, 403, 404, 406, 407


def entry(keys, **config):
    return {"name": "dht", "serves": ["dht.*"], "may_call": MAY_CALL, "config": {"keys": keys, **config},
            "sandbox": {"network": True, "read": [keys], "write": ["state"]}}


def make(make_cluster, build, short_dir, count, has_members=True, alone=(), **config):
    """Nodes whose dht knows the others by membership, or, without, by a bootstrap list. alone: indexes of nodes that have
    the cell without a way to anybody."""
    os.chmod(short_dir, 0o755)
    seeds = [f"10.77.0.{i + 1}:{nodosums.PORT}" for i in range(2)]

    def one(index):
        name = f"node-{index + 1}"
        if has_members:
            cells = nodosums.manifest(build, short_dir, name, seeds)
            return [*cells, entry(cells[0]["config"]["keys"], **config)]
        keys = nodosums.make_keys(build, short_dir, name)
        return [entry(keys, **({} if index in alone else {"bootstrap": ["10.77.0.1:7403", "10.77.0.2"]}), **config)]

    return make_cluster(count, one)


def stats(node):
    """(peers, members, records, {counts}) by the independent client."""
    with node.client("dht", timeout=2) as client:
        reply = client.call(STATS, timeout=2)
    assert reply.status == sp.OK, reply
    body = pb.decode(reply.body)
    counts = {pb.first(c, 1).decode(): pb.first(c, 2, 0) for c in map(pb.decode, body[6])}
    return pb.first(body, 2, 0), pb.first(body, 8, 0), pb.first(body, 3, 0), counts


def count(node, name):
    return stats(node)[3][name]


def put(node, value, *options):
    return node.cli("dht", "put", value, *options, json=True)


def get(node, key, *options):
    return node.cli("dht", "get", key, *options, json=True)


def text(node, key, *options):
    """The value, or why there is none."""
    done = node.command("dht", "get", key, *options)
    return done.out.rstrip("\n") if done.status == 0 else done.err


def know(cluster, nodes, others):
    cluster.wait_each(nodes, lambda n: stats(n)[:2], (others, others), 20, "all take part")


@pytest.fixture
def five(make_cluster, build, short_dir):
    made = make(make_cluster, build, short_dir, 5)
    made.up()
    know(made, list(made), 4)
    return made


def test_what_one_node_puts_another_gets(five):
    """DHT-3: immutable, named, compared, removed, gone at its end; and a holder's death costs nothing."""
    one, two, three = five[0], five[1], five[2]
    held = put(one, "a value")
    assert len(held["key"]) == 40 and held["acked"] >= 3, held
    five.wait_each(list(five), lambda n: stats(n)[2], 1, 10, "fewer nodes than holders: each has it")
    assert [text(n, held["key"]) for n in five] == ["a value"] * 5
    assert put(two, "a value")["key"] == held["key"], "its key is its hash"

    # Named: signed by the node, in place of what was there before.
    owner = one.cli("dht", "stats", json=True)["owner"]
    first = put(one, "red", "--name", "color", "--ttl", "1m")
    assert get(one, "color")["text"] == "red" and text(two, "color", "--owner", owner) == "red"
    assert "no such value" in text(two, "color"), "another node's names are its own"
    second = put(one, "blue", "--name", "color", "--if-seq", str(first["seq"]))
    assert second["seq"] > first["seq"] and text(three, "color", "--owner", owner) == "blue"
    late = one.command("dht", "put", "green", "--name", "color", "--if-seq", str(first["seq"]))
    assert late.status == 1 and "sequence" in late.err, late
    assert get(three, second["key"], "--reads", "3")["value"]["seq"] == second["seq"]
    one.cli("dht", "rm", "color")
    assert "no such value" in text(three, "color", "--owner", owner) and "no such value" in text(one, "color")
    assert one.command("dht", "rm", "color").status == 1, "it is gone already"

    # An end to the second, on all of them.
    begin = time.monotonic()
    brief = put(two, "brief", "--ttl", "3s")
    assert text(three, brief["key"]) == "brief"
    five.wait_each(list(five), lambda n: "no such value" in text(n, brief["key"]), True, 10, "it has ended")
    assert 2 < time.monotonic() - begin, "and not before its time"

    # A holder dies, and another one: what they held is held.
    five[4].crash()
    assert text(three, held["key"]) == "a value" and put(three, "late")["acked"] >= 3
    five[3].crash()
    five.wait_each([one, two, three], lambda n: stats(n)[1], 2, 20, "membership tells who is gone")
    assert text(three, held["key"]) == "a value"

    # Who comes back has nothing of it on its disk, and gets all of it.
    five[4].up()
    five.wait_each([five[4]], lambda n: stats(n)[2] >= 2, True, 20, "the others bring what it should hold")
    assert text(five[4], held["key"]) == "a value"

    found = three.cli("dht", "lookup", held["key"], json=True)
    assert len(found["peers"]) == 4 and sum(p["is_self"] for p in found["peers"]) == 1, found
    assert {s["state"] for s in found["path"]} == {"known"} and "self" in three.cli("dht", "lookup", held["key"])


def test_limits_and_wrong_words(five):
    one = five[0]
    assert put(one, "x" * 1000)["acked"] >= 3
    for words, why in ((["put", "x" * 1001], "1000"), (["put", "x" * 937, "--name", "n" * 64], "1000"), (["put", "x", "--name", "n" * 65], "64"),
                       (["put", "x", "--ttl", "999ms"], "1000"), (["put", "x", "--ttl", "8d"], "604800000"), (["put", ""], "byte"),
                       (["put", "x", "--if-seq", "1"], "named"), (["rm", "nothing"], "no such value"), (["bootstrap", "nowhere"], "address"),
                       (["bootstrap", "0.0.0.0:7403"], "address"), (["bootstrap", *["10.0.0.1:7403"] * 17], "16"), (["find", "no cell"], "cell"),
                       (["get", "ab" * 20], "no such value"), (["find", "nobody"], "nobody")):
        refused = one.command("dht", *words)
        assert refused.status == 1 and why in refused.err, (words, refused)
    assert put(one, "y" * 936, "--name", "n" * 64)["acked"] >= 3
    for words in (["fly"], ["put"], ["get", "a", "b"], ["get", "a", "--ttl", "1s"], ["put", "a", "--owner", "ab" * 32], ["get", "a", "--reads", "9"],
                  ["get", "a", "--owner", "abc"], ["put", "a", "--name", "n", "--if-seq", "x"], ["stats", "x"]):
        one.cli("dht", *words, status=2)
    assert one.cli("dht", "put", "-", stdin="from a pipe").split()[0] == put(one, "from a pipe")["key"]


def test_garbage_is_counted_and_costs_nothing(five):
    """DHT-5 at the socket: who has no key of the cluster is not heard, and what is no packet changes nothing."""
    one = five[0]
    held = put(one, "kept")
    script = ("import os, socket\n"
              "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
              "for i in range(2000):\n"
              "    s.sendto(os.urandom(1 + i % 1400), ('10.77.0.1', 7403))\n"
              "    s.sendto(bytes([0x11 + i % 5, 1]) + os.urandom(142), ('10.77.0.1', 7403))\n")
    sender = five[1].program("/usr/bin/python3", "-c", script)
    assert sender.wait(60) == 0
    one.wait_until(lambda: count(one, "datagrams_refused") > 1000, 20, "refused and counted")
    assert count(one, "malformed") == 0 and stats(one)[0] == 4 and text(five[2], held["key"]) == "kept"


def test_a_restart_keeps(make_cluster, build, short_dir):
    """DHT-7: nodes that know each other only by a bootstrap list find each other again without it; what was to be kept is said again."""
    made = make(make_cluster, build, short_dir, 4, has_members=False)
    made.up()
    made.wait_each(list(made), lambda n: stats(n)[0], 3, 30, "each has found the others")
    one, four = made[0], made[3]
    owner = four.cli("dht", "stats", json=True)["owner"]
    kept = put(four, "mine", "--name", "kept", "--keep", "--ttl", "2s")
    put(four, "lost", "--name", "brief", "--ttl", "2s")
    plain = put(four, "plain", "--ttl", "1h")
    assert text(one, "kept", "--owner", owner) == "mine"
    one.wait_until(lambda: get(one, "kept", "--owner", owner)["value"]["seq"] > kept["seq"], 10, "it is said again")
    assert "no such value" in text(one, "brief", "--owner", owner)

    # The bootstrap nodes are gone, and the others start anew.
    for node in made:
        node.cli("down")
    for node in (made[2], four):
        node.up()
    made.wait_each([made[2], four], lambda n: stats(n)[0], 1, 30, "they find each other without bootstrap nodes")
    made[2].wait_until(lambda: text(made[2], "kept", "--owner", owner) == "mine", 20, "kept over the restart")
    assert text(made[2], plain["key"]) == "plain", "what others put outlives the nodes' stop too"
    four.cli("dht", "rm", "kept")
    assert "no such value" in text(made[2], "kept", "--owner", owner)
    four.kill("dht", 0)
    four.wait_until(lambda: stats(four)[0] >= 1, 20, "it is back")
    assert "no such value" in text(made[2], "kept", "--owner", owner), "and what was removed is not kept"

    # A way in by hand.
    assert four.cli("dht", "bootstrap", "10.77.0.3", json=True)["asked"] == 1


def offer(node, cells, valid_ms=60000):
    with node.client("dht") as client:
        body = [(1, pb.encode([(1, name), (2, ready), (3, 90), (4, 250)])) for name, ready in cells]
        return client.call(ANNOUNCE, pb.encode([*body, (2, valid_ms), (3, b"place")]))


def found(node, cell):
    """{node: ready} as one node finds it."""
    with node.client("dht", timeout=5) as client:
        reply = client.call(FIND, pb.encode([(1, cell)]), timeout=5)
    assert reply.status == sp.OK, reply
    all_found = map(pb.decode, pb.decode(reply.body).get(1, []))
    return {pb.first(f, 1).decode(): pb.first(f, 4) for f in all_found}


def test_cells_are_found_by_name(five):
    """DHT-6: who offers a cell is found by name at once, and not any more when it offers it no longer or says nothing."""
    one, two, three = five[0], five[1], five[2]
    begin = time.monotonic()
    assert offer(one, [("lab/thing", 2), ("other", 1), ("none", 0)]).status == sp.OK
    three.wait_until(lambda: found(three, "lab/thing") == {"node-1": 2}, 5, "it is found")
    took = time.monotonic() - begin
    assert took < 1, took
    assert offer(two, [("lab/thing", 1)]).status == sp.OK
    three.wait_until(lambda: found(three, "lab/thing") == {"node-1": 2, "node-2": 1}, 5, "both are found")
    assert found(three, "none") == {} and found(three, "lab/thin") == {}
    shown = three.cli("dht", "find", "lab/thing", json=True)["found"]
    assert {f["address"] for f in shown} == {"10.77.0.1:7403", "10.77.0.2:7403"} and all(f["place"] == b"place".hex() for f in shown)
    assert offer(one, [("lab/thing", 3)]).status == sp.OK
    three.wait_until(lambda: found(three, "lab/thing") == {"node-1": 3, "node-2": 1} and found(three, "other") == {}, 5, "what changed is told")
    assert offer(two, [("lab/thing", 1)], 500).status == sp.OK
    three.wait_until(lambda: found(three, "lab/thing") == {"node-1": 3}, 5, "who says nothing for so long offers nothing")
    for cells, valid in (([("a b", 1)], 1000), ([("x" * 65, 1)], 1000), ([("x", 1)], 499), ([("x", 1)], 60001), ([(f"c{i}", 1) for i in range(33)], 1000),
                         ([("x@node-2", 1)], 1000), ([("x.1", 1)], 1000)):
        assert offer(one, cells, valid).status != sp.OK, (cells, valid)
