"""What is kept is said again and again, beside all that its owner does with the same name meanwhile: DHT-3."""
import time

from support import pb, sp
from test_dht import FIND, PUT, know, make, offer, put, seek, text


def make_slow(make_cluster, build, short_dir):
    """Three nodes, the first of which is so far away that what it says is long on its way."""
    made = make(make_cluster, build, short_dir, 3)
    made.up()
    know(made, list(made), 2)
    made.delay(made[0], 60)
    return made


def test_what_was_kept_does_not_come_back(make_cluster, build, short_dir):
    """It falls due while another value of its name, or its removal, is on its way: what was said last stays."""
    slow = make_slow(make_cluster, build, short_dir)
    one, two = slow[0], slow[1]
    owner = one.cli("dht", "stats", json=True)["owner"]

    def seen():
        return text(two, "color", "--owner", owner, "--reads", "2")

    for i in range(6):
        for value, how in ((f"red {i}", ("--keep", "--ttl", "1s")), (f"blue {i}", ("--keep", "--ttl", "1s")), (f"green {i}", ("--ttl", "20s"))):
            time.sleep(0.08 * i)
            put(one, value, "--name", "color", *how)
            assert [seen() for _ in range(3)] == [value] * 3, i
        put(one, f"grey {i}", "--name", "color", "--keep", "--ttl", "1s")
        time.sleep(0.1 + 0.08 * i)
        one.cli("dht", "rm", "color")
        for _ in range(3):
            assert "no such value" in seen(), i


def test_there_is_room_for_what_is_there_already(make_cluster, build, short_dir):
    """As many things are kept as may be: each of them can still be changed and offered anew, a further one cannot."""
    (one,) = made = make(make_cluster, build, short_dir, 1, has_members=False, alone=(0,), advertise="10.77.0.1:7403")
    made.up()

    def keep(client, number):
        return client.call(PUT, pb.encode([(1, f"n{number}"), (2, f"v{number}"), (4, 1)]), timeout=5)

    with one.client("dht", timeout=60) as client:
        assert all(keep(client, i).status == sp.OK for i in range(240))
        cells = [(f"cell{i}", 1) for i in range(16)]
        for _ in range(3):
            assert offer(one, cells).status == sp.OK
        refused = keep(client, 240)
        assert refused.status != sp.OK and "256" in refused.message, refused
        assert keep(client, 7).status == sp.OK, "what is kept already may be changed"
        loose = client.call(PUT, pb.encode([(2, "of no name"), (4, 1)]), timeout=5)
        assert loose.status != sp.OK, "nor one without a name"
        one.cli("dht", "rm", "n8")
        key = put(one, "of no name", "--keep", "--ttl", "1s")["key"]
        assert one.command("dht", "put", "another", "--keep").status == 1
        full = offer(one, [*cells, ("more", 1)])
        assert full.status != sp.OK and "256" in full.message, full
        assert offer(one, cells[1:]).status == sp.OK and offer(one, []).status == sp.OK
    assert "not said again" in one.cli("dht", "rm", key), "what has no name is let go of by its key"
    assert one.command("dht", "rm", key).status == 1 and one.cli("dht", "stats", json=True)["kept"] == 239
    one.wait_until(lambda: "no such value" in text(one, key), 5, "and ends")
    put(one, "another", "--keep")
    one.kill("dht", 0)
    one.wait_until(lambda: one.cli("dht", "stats", json=True)["kept"] == 240, 10, "as it is after a restart")


def test_who_moves_is_found_where_it_is(make_cluster, build, short_dir):
    """DHT-6: a node has another address; what it goes on offering is found there."""
    made = make(make_cluster, build, short_dir, 3)
    made.up()
    know(made, list(made), 2)
    one, three = made[0], made[2]

    def where():
        assert offer(three, [("lab/thing", 1)]).status == sp.OK
        with one.client("dht") as client:
            found = pb.decode(client.call(FIND, pb.encode([(1, "lab/thing")])).body)
        return [pb.first(pb.decode(f), 3).decode() for f in found.get(1, [])]

    one.wait_until(lambda: where() == ["10.77.0.3:7403"], 10, "it is found")
    made.batch(three.namespace, "addr del 10.77.0.3/16 dev eth0", "addr add 10.77.0.33/16 dev eth0", "route add 224.0.0.0/4 dev eth0")
    one.wait_until(lambda: where() == ["10.77.0.33:7403"], 40, "it is found where it is now")
    assert "10.77.0.33:7403" in three.cli("dht", "lookup", "ab" * 20)


def test_what_a_new_life_puts_others_have(make_cluster, build, short_dir):
    """The cell was killed and is back: what it is told to put first is held by a majority of those there are, not by itself alone."""
    made = make(make_cluster, build, short_dir, 5)
    made.up()
    know(made, list(made), 4)
    three, other = made[2], made[3]

    def first_put(number):
        with three.client("dht", timeout=10) as client:
            return client.call(PUT, pb.encode([(2, f"value {number} of a new life")]), timeout=10)

    for number in range(3):
        three.kill("dht", 0)
        reply = three.wait_until(lambda n=number: first_put(n), 10, "it answers")
        done = pb.decode(reply.body)
        assert reply.status == sp.OK and pb.first(done, 4) >= 3, reply
        assert seek(other, pb.first(done, 1).hex()) == f"value {number} of a new life".encode()
