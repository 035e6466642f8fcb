"""Whoever has the cluster's key makes up as many keys of nodes as it likes: DHT-5 on sockets."""
import os

from support import outsider, pb, sp
from test_dht import GET, PUT, count, know, make, stats

KEYS, MINE = 4, 60


def own_copies(node, keys):
    """How many of these the node holds itself."""
    with node.client("dht", timeout=30) as client:
        found = [client.call(GET, pb.encode([(1, pb.encode([(1, key)]))]), timeout=10) for key in keys]
    values = [pb.decode(pb.first(pb.decode(f.body), 1)) for f in found if f.status == sp.OK]
    return sum(pb.first(v, 7) for v in values)


def test_a_host_fills_no_store(make_cluster, build, short_dir):
    """Under four keys, one after another, it puts what it may: a store has room for others, and what they put is there."""
    made = make(make_cluster, build, short_dir, 3, store="256K")
    made.up()
    know(made, list(made), 2)
    one, two = made[0], made[1]
    with two.client("dht", timeout=30) as client:
        replies = [client.call(PUT, pb.encode([(2, os.urandom(60)), (3, 3600000)]), timeout=10) for _ in range(MINE)]
    keys = [pb.first(pb.decode(r.body), 1) for r in replies if r.status == sp.OK]
    one.wait_until(lambda: len(keys) == MINE and own_copies(one, keys) == MINE, 10, "it holds all of them")

    script = ("import os, sys\n"
              f"sys.path.insert(0, {os.path.dirname(os.path.dirname(os.path.realpath(__file__)))!r})\n"
              "from support import outsider\n"
              "link = outsider.Outsider('tests', ('10.77.0.1', 7403))\n"
              "token, taken, status = link.token(), 0, outsider.OK\n"
              "while status == outsider.OK and taken < 400:\n"
              "    status = link.store(os.urandom(1000), token, 604800000)\n"
              "    taken += status == outsider.OK\n"
              "print(taken, status)\n")
    taken = []
    for _ in range(KEYS):
        done = made[2].execute(["/usr/bin/python3", "-c", script], timeout=60)
        assert done.status == 0, done
        taken.append(tuple(map(int, done.out.split())))
    assert taken[0][0] > 50 and all(t[1] == outsider.QUOTA for t in taken), taken
    # The keys have as much as each other, of what the host had under the first of them.
    assert stats(one)[2] <= MINE + taken[0][0] and taken[-1][0] <= taken[0][0] / KEYS + 1, (taken, stats(one))
    assert own_copies(one, keys) == MINE, stats(one)
