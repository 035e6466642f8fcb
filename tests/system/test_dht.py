"""Values that are found across nodes: DHT-3, DHT-5 at the cells' own doors, DHT-6, DHT-7."""
import concurrent.futures
import glob
import json
import os
import time

from support import names, nodosums, pb, sp

SLACK = float(os.environ.get("CELL_TEST_SLACK", "2")) # seconds of a loaded machine
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


def seek(node, key):
    """The value of a key by the independent client; None: there is none."""
    with node.client("dht", timeout=15) as client:
        reply = client.call(GET, pb.encode([(1, pb.encode([(1, bytes.fromhex(key))]))]), timeout=15)
    assert reply.status == sp.OK or "no such value" in reply.message, reply
    return pb.first(pb.decode(pb.first(pb.decode(reply.body), 1)), 2) if reply.status == sp.OK else None


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


def make_five(make_cluster, build, short_dir):
    made = make(make_cluster, build, short_dir, 5)
    made.up()
    know(made, list(made), 4)
    return made


def test_what_one_node_has_others_find(make_cluster, build, short_dir):
    """DHT-3, DHT-6 and DHT-5 at the cells' own doors, on five nodes that membership knows."""
    five = make_five(make_cluster, build, short_dir)
    it_is_one_thread(five)
    all_copies_end_at_once(five)
    cells_are_found_by_name(five)
    limits_are_kept(five)
    bytes_are_what_they_were(five)
    held = values_are_everybodys(five)
    garbage_costs_nothing(five, held)
    holders_come_and_go(five, held)


def it_is_one_thread(five):
    """Threads of libraries, and the libraries, are most of what a small process takes."""
    pid = five[0].pid("dht", 0)
    assert len(os.listdir(f"/proc/{pid}/task")) == 1
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        assert not [line for line in f if "libnng" in line or "libmbed" in line]


def values_are_everybodys(five):
    """Immutable, named, compared, removed, gone at its end."""
    one, two, three = five[0], five[1], five[2]
    held = put(one, "a value")
    assert len(held["key"]) == 40 and held["acked"] >= 3, held
    for node in five:
        node.wait_until(lambda n=node: seek(n, held["key"]) == b"a value", 5, "each has it, or finds it")
    assert put(two, "a value")["key"] == held["key"], "its key is its hash"

    # Named: signed by the node, in place of what was there before.
    owner = one.cli("dht", "stats", json=True)["owner"]
    first = put(one, "red", "--name", "color", "--ttl", "1m")
    assert get(one, "color")["text"] == "red" and text(two, "color", "--owner", owner) == "red"
    assert seek(two, first["key"]) == b"red" and "no such value" in text(two, "color"), "another node's names are its own"
    second = put(one, "blue", "--name", "color", "--if-seq", str(first["seq"]))
    assert second["seq"] > first["seq"] and seek(three, second["key"]) == b"blue"
    late = one.command("dht", "put", "green", "--name", "color", "--if-seq", str(first["seq"]))
    assert late.status == 1 and f"sequence {second['seq']} is held" in late.err, late
    who_compares_is_told_the_truth(one, second["seq"])
    second = put(one, "blue", "--name", "color")
    assert get(three, second["key"], "--reads", "3")["value"]["seq"] == second["seq"]
    one.cli("dht", "rm", "color")
    assert seek(three, second["key"]) is None and "no such value" in text(one, "color")
    assert one.command("dht", "rm", "color").status == 1, "it is gone already"

    return held["key"]


def all_copies_end_at_once(five):
    """DHT-3: each holder lets a value go at its end, a second more or less, also one that lost it and got it from another; what
    lives longer stays. Before anything else is held."""
    one, two, four, life = five[0], five[1], five[3], 5
    assert [stats(n)[2] for n in five] == [0] * 5
    lasting = put(one, "lasting", "--ttl", "1m")["key"]
    begin = time.monotonic()
    keys = [put(two, "brief one", "--ttl", f"{life}s")["key"], put(two, "red", "--name", "brief", "--ttl", f"{life}s")["key"]]
    put_by = time.monotonic()
    five.wait_each(list(five), lambda n: stats(n)[2], 3, 2, "all hold all")
    four.kill("dht", 0)
    four.wait_until(lambda: stats(four)[2] == 3, life - 2, "it gets from others what it held")
    ended = {}
    while len(ended) < 5 and time.monotonic() < put_by + life + 2 + SLACK:
        for node in five:
            asked = time.monotonic()
            if node not in ended and stats(node)[2] == 1:
                ended[node] = (asked, time.monotonic())
        time.sleep(0.02)
    took = {n.name: (round(ended[n][1] - begin, 2), round(ended[n][0] - put_by, 2)) for n in five if n in ended}
    assert len(took) == 5 and all(late > life - 1 and early < life + 1 for late, early in took.values()), took
    assert all(seek(n, key) is None for n in five for key in keys) and all(seek(n, lasting) == b"lasting" for n in five)


def who_compares_is_told_the_truth(one, seq):
    """Who asks again for its answer was lost is answered as before, by a new life of the cell too; of those who race one has it."""
    def ask(value, request, expected=seq):
        return one.command("dht", "put", value, "--name", "color", "--if-seq", str(expected), "--request", request, "--json")

    first = ask("six", "r1")
    assert first.status == 0, first
    assert ask("six", "r1").out == first.out or json.loads(ask("six", "r1").out)["seq"] == json.loads(first.out)["seq"]
    one.kill("dht", 0)
    again = ask("six", "r1")
    assert again.status == 0 and json.loads(again.out)["seq"] == json.loads(first.out)["seq"], again
    for other in (ask("six", "r2"), ask("seven", "r1"), one.command("dht", "put", "six", "--name", "color", "--if-seq", str(seq))):
        assert other.status == 1 and "is held" in other.out + other.err, other
    # Ten at one time, of the same value too; the cell is killed meanwhile: whoever waited asks again.
    seq = json.loads(first.out)["seq"]
    for is_killed in (False, True):
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            racers = [pool.submit(one.command, "dht", "put", "seven", "--name", "color", "--if-seq", str(seq), "--json") for _ in range(10)]
            if is_killed:
                one.kill("dht", 0)
            done = [r.result() for r in racers]
        won = [json.loads(d.out)["seq"] for d in done if d.status == 0]
        others = [d.out + d.err for d in done if d.status != 0]
        assert len(won) == 1 and all("is held" in told for told in others), [told for told in others if "is held" not in told]
        seq = won[0]
        one.wait_until(lambda: stats(one), 10, "it is back, should it have been killed when all were answered")
        assert get(one, "color", "--reads", "3")["value"]["seq"] == seq
    one.cli("dht", "put", "a", "--name", "", status=2)
    for words in (["--request", "r1"], ["--if-seq", "1", "--request", "r" * 33], ["--if-seq", "-1"], ["--if-seq", "x"], ["--if-seq", "+1"], ["--if-seq", " -1"], ["--if-seq", ""]):
        one.cli("dht", "put", "a", "--name", "color", *words, status=2)


def holders_come_and_go(five, key):
    """A holder dies, and another one: what they held is held. Who comes back gets all that it should hold."""
    one, three, four = five[0], five[2], five[3]
    # Only the cell, so quickly that membership sees nothing of it.
    four.kill("dht", 0)
    four.wait_until(lambda: stats(four)[:3] == (4, 4, stats(one)[2]), 20, "the others bring what it should hold")
    five[4].crash()
    four.crash()
    assert seek(three, key) == b"a value" and put(three, "late")["acked"] >= 3
    five.wait_each([one, five[1], three], lambda n: stats(n)[1], 2, 20, "membership tells who is gone")
    assert seek(three, key) == b"a value"
    five[4].up()
    five.wait_each([five[4]], lambda n: stats(n)[2] >= stats(one)[2], True, 20, "the others bring what it should hold")
    assert seek(five[4], key) == b"a value"
    found = three.cli("dht", "lookup", key, json=True)
    assert len(found["peers"]) == 4 and sum(p["is_self"] for p in found["peers"]) == 1, found
    assert {s["state"] for s in found["path"]} == {"known"} and "self" in three.cli("dht", "lookup", key)


def limits_are_kept(five):
    """At each limit and one past it, by the independent client; then what the command line says."""
    one = five[0]
    rows = [([(2, b"x" * 1000)], True, ""), ([(2, b"x" * 1001)], False, "1000"), ([(1, "n" * 64), (2, b"x" * 936)], True, ""),
            ([(1, "n" * 64), (2, b"x" * 937)], False, "1000"), ([(1, "n" * 65), (2, b"x")], False, "64"), ([(2, b"x"), (3, 999)], False, "1000"),
            ([(2, b"x"), (3, 1000)], True, ""), ([(2, b"x"), (3, 604800000)], True, ""), ([(2, b"x"), (3, 604800001)], False, "604800000"),
            ([(1, "q"), (2, b"x"), (5, 1), (7, b"r" * 32)], True, ""), ([(1, "r"), (2, b"x"), (5, 1), (7, b"r" * 33)], False, "32"),
            ([(2, b"")], False, "byte"), ([(2, b"x"), (5, 1)], False, "named"), ([(1, "n"), (2, b"x"), (5, 1), (6, 2**53 - 1)], False, "2^53")]
    places = [([(1, b"k" * 20), (2, "n")], "key or a name"), ([], "key or a name"), ([(1, b"k" * 19)], "20"), ([(2, "n" * 65)], "64"), ([(2, "n"), (3, b"o")], "32")]
    with one.client("dht", timeout=5) as client:
        for fields, is_good, why in rows:
            reply = client.call(PUT, pb.encode(fields), timeout=5)
            assert (reply.status == sp.OK) == is_good and why in reply.message, (fields, reply)
        for place, why in places:
            for number in (GET, LOOKUP):
                reply = client.call(number, pb.encode([(1, pb.encode(place))]), timeout=5)
                assert reply.status != sp.OK and why in reply.message, (place, reply)
    for words, why in ((["rm", "nothing"], "no such value"), (["bootstrap", "0.0.0.0:7403"], "address"), (["bootstrap", *["10.0.0.1"] * 17], "16"),
                       (["find", "no cell"], "cell"), (["get", "ab" * 20], "no such value"), (["find", "nobody"], "nobody")):
        refused = one.command("dht", *words)
        assert refused.status == 1 and why in refused.err, (words, refused)
    for words in (["put", "a", "--name", "ab" * 20], ["fly"], ["get", "a", "--ttl", "1s"], ["put", "a", "--owner", "ab" * 32], ["get", "a", "--owner", "abc"]):
        one.cli("dht", *words, status=2)
    assert one.cli("dht", "put", "-", stdin="from a pipe").split()[0] == put(one, "from a pipe")["key"]
    assert "--owner" in one.command("dht", "get", "nothing").err and "--owner" not in one.command("dht", "get", "ab" * 20).err
    bad = put(one, "a\x1b[2Jb\n\tc")["key"]
    shown = one.execute(["/usr/bin/script", "-qec", f"{one.build.binary('cell')} dht get {bad}", "/dev/null"]).out
    assert "\x1b" not in shown and "a\\x1b[2Jb\r\n" in shown, "a value of others does nothing to a terminal"
    assert one.command("dht", "get", bad).out == "a\x1b[2Jb\n\tc\n", "a pipe gets the bytes as they are"


def bytes_are_what_they_were(five):
    """Binary values, from standard input and from a file, come back byte for byte; one past the limit is refused with it."""
    one, two = five[0], five[1]
    binary = one.build.binary("cell")
    for i, value in enumerate((b"\0", b"\n\n", bytes(range(256)), b"x" * 999, os.urandom(1000))):
        path = os.path.join(one.state, f"value{i}")
        with open(path, "wb") as f:
            f.write(value)
        key = one.execute(["/bin/sh", "-c", f"{binary} dht put - < {path}"]).out.split()[0]
        assert put(one, "--file", path)["key"] == key
        done = two.execute(["/bin/sh", "-c", f"{binary} dht get {key} --raw > {path}.out; echo $?"])
        with open(f"{path}.out", "rb") as f:
            assert f.read() == value and done.out == "0\n", (i, done)
    with open(path, "ab") as f:
        f.write(b"x")
    for words in (["put", "--file", path], ["put", "-"]):
        refused = one.execute(["/bin/sh", "-c", f"{binary} dht {' '.join(words)} < {path}"])
        assert refused.status == 1 and "1000" in refused.err, refused
    for words in (["get", key, "--raw", "--json"], ["put", "a", "--file", path], ["put"], ["put", "a", "--raw"]):
        one.cli("dht", *words, status=2)


def garbage_costs_nothing(five, key):
    """Who has no key of the cluster is not heard, and what is no packet changes nothing."""
    one = five[0]
    script = ("import os, socket\n"
              "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
              "for i in range(2000):\n"
              "    s.sendto(os.urandom(1 + i % 1400), ('10.77.0.1', 7403))\n"
              "    s.sendto(bytes([0x11 + i % 5, 1]) + os.urandom(142), ('10.77.0.1', 7403))\n")
    sender = five[1].program("/usr/bin/python3", "-c", script)
    assert sender.wait(60) == 0
    one.wait_until(lambda: count(one, "datagrams_refused") > 1000, 20, "refused and counted")
    assert count(one, "malformed") == 0 and stats(one)[0] == 4 and seek(five[2], key) == b"a value"


def cells_are_found_by_name(five):
    """Who offers a cell is found by name at once, and not any more when it offers it no longer or says nothing."""
    one, two, three = five[0], five[1], five[2]
    begin = time.monotonic()
    assert offer(one, [("lab/thing", 2), ("other", 1), ("none", 0)]).status == sp.OK
    three.wait_until(lambda: found(three, "lab/thing") == {"node-1": 2}, 5, "it is found")
    took = time.monotonic() - begin
    assert took < 1 + SLACK, took
    assert offer(two, [("lab/thing", 1)]).status == sp.OK
    three.wait_until(lambda: found(three, "lab/thing") == {"node-1": 2, "node-2": 1}, 5, "both are found")
    assert found(three, "none") == {} and found(three, "lab/thin") == {}
    shown = three.cli("dht", "find", "lab/thing", json=True)["found"]
    assert {f["address"] for f in shown} == {"10.77.0.1:7403", "10.77.0.2:7403"} and all(f["place"] == b"place".hex() for f in shown)
    assert offer(one, [("lab/thing", 3)]).status == sp.OK
    three.wait_until(lambda: found(three, "lab/thing") == {"node-1": 3, "node-2": 1} and found(three, "other") == {}, 5, "what changed is told")
    long = "n" * 60 + "/" + "c" * 64 # longer than a salt, and no reason to tell of nothing
    assert offer(two, [("lab/thing", 1), (long, 2)]).status == sp.OK
    three.wait_until(lambda: found(three, long) == {"node-2": 2} and found(three, long[:-1]) == {}, 5, "a long name is one like others")
    assert offer(two, [("lab/thing", 1)], 500).status == sp.OK
    three.wait_until(lambda: found(three, "lab/thing") == {"node-1": 3}, 5, "who says nothing for so long offers nothing")
    for cells, valid in (([("a b", 1)], 1000), ([("x" * 65, 1)], 1000), ([("x", 1)], 499), ([("x", 1)], 60001), ([(f"c{i}", 1) for i in range(33)], 1000),
                         ([("x@node-2", 1)], 1000), ([("x.1", 1)], 1000)):
        assert offer(one, cells, valid).status != sp.OK, (cells, valid)


def test_more_members_than_there_is_room_for(make_cluster, build, short_dir):
    """Each node has places for three of seven others, so what it knows is not everybody, and it goes step by step: all is found."""
    made = make(make_cluster, build, short_dir, 8, peers=3)
    made.up()
    made.wait_each(list(made), lambda n: "DHT-MEMBERS-FULL" in n.log(), True, 60, "membership knows of more than there is room for")
    made.wait_each(list(made), lambda n: stats(n)[0], 3, 20, "all places are taken")
    held = {put(node, f"value {i} of {node.name}")["key"]: f"value {i} of {node.name}".encode() for node in made for i in range(6)}
    lost = [(node.name, value) for node in made for key, value in held.items() if seek(node, key) != value]
    assert lost == [], f"{len(lost)} of {len(held) * 8}: {lost[:5]}"
    assert "no such value" in text(made[0], "ab" * 20), "what nobody put is not found"


def test_the_way_in_may_be_a_name(make_cluster, build, short_dir):
    """NOD-6's way of finding somebody, for lookups: a service of DNS, or a host's name, and a server that comes late."""
    os.chmod(short_dir, 0o755)
    keys = [nodosums.make_keys(build, short_dir, f"node-{i + 1}") for i in range(3)]
    ways = [{}, {"dns": "_cell-dht._udp.test.example"}, {"bootstrap": ["one.test.example"]}]
    made = make_cluster(3, lambda i: [entry(keys[i], members=False, **ways[i], **({"dns_servers": ["10.77.0.1"]} if i > 0 else {}))])
    made.up()
    assert stats(made[1])[0] == 0
    assert "knows no other" in text(made[1], "ab" * 20), "there is somebody, who may have it"
    assert "no such value" in text(made[0], "ab" * 20), "there is nobody else"
    names.serve(made[0], {("_cell-dht._udp.test.example", names.SRV): [[10, 0, 7403, "one.test.example"]],
                          ("one.test.example", names.A): ["10.77.0.1"]})
    made.wait_each([made[1], made[2]], lambda n: stats(n)[0] >= 1, True, 30, "they find the one that is named")
    held = put(made[1], "by name")
    made[2].wait_until(lambda: seek(made[2], held["key"]) == b"by name", 10, "and through it each other")


def test_whoever_is_named_is_asked_until_it_is_there(make_cluster, build, short_dir):
    """A name is known for a minute, who bears it comes later: it is asked again long before the name is."""
    os.chmod(short_dir, 0o755)
    keys = [nodosums.make_keys(build, short_dir, f"node-{i + 1}") for i in range(3)]
    way = {"bootstrap": ["one.test.example"], "dns_servers": ["10.77.0.3"]}
    made = make_cluster(3, lambda i: [entry(keys[i], members=False, **(way if i == 1 else {}))])
    for node in (made[1], made[2]):
        node.up()
    ignorant = names.serve(made[2], {}, "--tell")
    for _ in range(4): # of two rounds: each asks for addresses of both kinds
        assert ignorant.stdout.readline() == b"one.test.example\n"
    made[1].wait_log("DHT-NAMES-NOTHING", 20)
    made.end(ignorant)
    names.serve(made[2], {("one.test.example", names.A): ["10.77.0.1"]})
    made[1].wait_log("DHT-NAMED", 60)
    made[1].wait_until(lambda: count(made[1], "timeouts") >= 1, 20, "the first question has no answer")
    assert stats(made[1])[0] == 0
    made[0].up()
    made[1].wait_until(lambda: stats(made[1])[0] >= 1, 20, "it is asked again, for the name is good for a minute")
    assert made[1].log().count("DHT-NAMES-NOTHING") == 1, "told once, however often nothing was found"


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
    one.wait_until(lambda: "no such value" in text(one, "brief", "--owner", owner), 5, "what was not to be kept is gone")

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

    what_is_on_disk_may_be_anything(made)


def what_is_on_disk_may_be_anything(made):
    """Damaged, cut, or another node's: refused with a word, and the way in is the bootstrap list."""
    one, three, four = made[0], made[2], made[3]

    def peers(node):
        (path,) = glob.glob(os.path.join(node.state, "**", "peers"), recursive=True)
        return path

    for node in (three, four):
        node.cli("down")
    one.up()
    with open(peers(three), "rb") as f:
        foreign = f.read()
    with open(peers(four), "rb") as f:
        whole = f.read()
    flipped = whole[:60] + bytes([whole[60] ^ 4]) + whole[61:]
    for image, why in ((flipped, "damaged"), (whole[:-1], "damaged"), (whole + b"x", "damaged"), (b"", "damaged"), (foreign, "another node's")):
        with open(peers(four), "r+b") as f:
            f.truncate(0)
            f.write(image)
        before = four.log().count(f'file=peers reason="{why}"')
        four.up()
        assert four.log().count(f'file=peers reason="{why}"') == before + 1, (why, four.log()[-500:])
        four.wait_until(lambda: stats(four)[0] >= 1, 20, "it joins by the bootstrap list")
        four.cli("down")


def test_all_who_have_a_cell_are_found(make_cluster, build, short_dir):
    """More than one answer has room for: eight or nine were, of as many as there might be."""
    os.chmod(short_dir, 0o755)
    made = make_cluster(12, lambda i: [entry(nodosums.make_keys(build, short_dir, f"node-{i + 1}"), members=False,
                                             advertise=f"10.77.0.{i + 1}:7403", **({"bootstrap": ["10.77.0.1"]} if i > 0 else {}))])
    made.up()
    made.wait_each(list(made), lambda n: stats(n)[0] >= 8, True, 30, "each has found others")
    everybody = {n.name: 1 for n in made}
    for node in made:
        assert offer(node, [("web", 1)]).status == sp.OK
    for node in (made[0], made[7]):
        node.wait_until(lambda n=node: found(n, "web") == everybody, 10, "all are found")


def test_two_nodes_with_one_key(make_cluster, build, short_dir):
    """A key file that was copied: both are told, others too, and what others do goes on."""
    os.chmod(short_dir, 0o755)
    keys = [nodosums.make_keys(build, short_dir, name) for name in ("node-1", "node-2", "node-3", "twin", "twin")]
    made = make_cluster(5, lambda i: [entry(keys[i], members=False, **({"bootstrap": ["10.77.0.1"]} if i > 0 else {}))])
    for node in (made[0], made[1], made[2], made[3]):
        node.up()
    made.wait_each([made[0], made[1], made[2], made[3]], lambda n: stats(n)[0], 3, 30, "each has found the others")
    assert "DHT-TWIN" not in "".join(n.log() for n in made)
    made[4].up()

    def work():
        for i, node in enumerate(made):
            done = node.command("dht", "put", f"value {i} of {time.monotonic_ns()}", "--json")
            if i < 3:
                assert done.status == 0, done
                assert text(made[(i + 1) % 3], json.loads(done.out)["key"]).startswith(f"value {i}"), "others find what others put"
        return all("DHT-TWIN " in n.log() for n in (made[3], made[4])) and any("DHT-TWINS" in n.log() for n in made)

    made[0].wait_until(work, 60, "both are told, and somebody else")
    assert "at=10.77.0.5:7403" in made[3].log() and "at=10.77.0.4:7403" in made[4].log()
    assert count(made[3], "own_twin") >= 1 and count(made[4], "own_twin") >= 1 and count(made[0], "own_twin") == 0
    assert all("DHT-TWIN " not in n.log() for n in (made[0], made[1], made[2])), "nobody else has a twin"


def test_one_node_with_two_addresses(make_cluster, build, short_dir):
    """Its datagrams leave from one and the other by turns: it is one node, and nobody says that there are two."""
    made = make(make_cluster, build, short_dir, 3, has_members=False)
    for node in made:
        node.up()
    made.wait_each(made, lambda n: stats(n)[0], 2, 30, "each has found the others")
    two, begun, turn = made[2], time.monotonic(), 0
    made.batch(two.namespace, "address add 10.77.0.33/16 dev eth0")
    while time.monotonic() < begun + 8: # returns are counted once a second, and three of them are enough
        made.batch(two.namespace, f"route replace 10.77.0.0/16 dev eth0 src 10.77.0.{3 if turn % 2 else 33}")
        key = put(two, f"value {turn}")["key"]
        assert text(made[turn % 2], key) == f"value {turn}"
        turn += 1
    assert [count(n, "twins") for n in made] == [0, 0, 0], [n.log()[-500:] for n in made]
    assert "DHT-TWIN" not in "".join(n.log() for n in made)
