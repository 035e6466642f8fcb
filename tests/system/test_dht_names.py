"""The way in by names, of servers of every kind (NOD-6 for lookups): some that are slow, broken, hostile or late."""
import json
import os
import subprocess
import sys
import time

from support import nodosums
from test_dht import SLACK, entry, stats

SERVICE = "_cell-dht._udp.x"
ONE = {"one.x A": ["10.77.0.1"]}
NOBODY = {f"h{i}.x A": [f"10.77.0.{90 + i}"] for i in range(19)} # addresses where nobody is


def srv(*hosts, priority=10):
    return [[priority, i, 7403, host] for i, host in enumerate(hosts)]


def beside(what_a, what_aaaa):
    return {f"{SERVICE} SRV": srv("bad.x", "one.x"), "bad.x A": what_a, "bad.x AAAA": what_aaaa, **ONE}


FIVE = [f"h{i}.x" for i in range(5)]
ALL = [f"h{i}.x" for i in range(19)]
WAYS = { # name: (what the server knows, seconds until it has joined)
    "plain": ({f"{SERVICE} SRV": srv("one.x"), **ONE}, 2),
    "no answer for IPv6": ({f"{SERVICE} SRV": srv("one.x", *FIVE), **NOBODY, **ONE, "* AAAA": "silent"}, 2),
    "… and it comes last": ({f"{SERVICE} SRV": srv(*FIVE, "one.x"), **NOBODY, **ONE, "* AAAA": "silent"}, 2),
    "others' names are not answered": ({f"{SERVICE} SRV": srv(*FIVE, "one.x"), **ONE, **{f"{h} *": "silent" for h in FIVE}}, 6),
    "others' names fail": ({f"{SERVICE} SRV": srv(*FIVE, "one.x"), **ONE, **{f"{h} *": "servfail" for h in FIVE}}, 2),
    "others' names are none": ({f"{SERVICE} SRV": srv(*FIVE, "one.x"), **ONE}, 2),
    "pointers that go round": (beside("loop", "itself"), 2),
    "rubbish": (beside("noise", "half"), 4),
    "huge": (beside("huge", "many"), 2),
    "cut off, and no TCP": (beside("cut", "cut"), 2),
    "the question, and nothing": (beside("echo", "nothing"), 4),
    "answers with other ids and of other hosts": ({f"{SERVICE} SRV": {"lie": srv("bad.x"), "truth": srv("one.x"), "times": 50}, **ONE, "bad.x A": ["10.77.0.99"]}, 2),
    "more than are looked at, the best one last": ({f"{SERVICE} SRV": srv(*ALL, priority=100) + srv("one.x"), **ONE, **NOBODY}, 2),
}


class Names:
    """A server for each way, on the first node."""

    def __init__(self, node, ways):
        self.path = os.path.join(node.directory, "names.json")
        self.known = {}
        self.know({str(5300 + i): way for i, way in enumerate(ways)})
        program = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support/dns_foe.py")
        self.server = node.program(sys.executable, "-u", program, self.path, stdout=subprocess.PIPE)
        assert self.server.stdout.readline() == b"ready\n"

    def know(self, ways):
        self.known.update(ways)
        with open(self.path + ".new", "w", encoding="utf-8") as f:
            json.dump(self.known, f)
        os.rename(self.path + ".new", self.path)


def make(make_cluster, build, short_dir, count):
    os.chmod(short_dir, 0o755)
    keys = [nodosums.make_keys(build, short_dir, f"node-{i + 1}") for i in range(count + 1)]
    return make_cluster(count + 1, lambda i: [entry(keys[i], members=False, **(
        {"dns": SERVICE, "dns_servers": [f"10.77.0.1:{5299 + i}"]} if i > 0 else {}))])


def test_whatever_servers_say_who_is_named_is_found(make_cluster, build, short_dir):
    """One that is there is named among what is not, or is not answered: it is asked as soon as it is known."""
    made = make(make_cluster, build, short_dir, len(WAYS))
    made[0].up()
    Names(made[0], [way for way, _ in WAYS.values()])
    late = []
    for node, (name, (_, bound_s)) in zip(list(made)[1:], WAYS.items()):
        node.up()
        began = time.monotonic()
        node.wait_until(lambda n=node: stats(n)[0] >= 1 or time.monotonic() > began + 40, 60, name)
        took = time.monotonic() - began
        if took > bound_s + SLACK:
            late.append((name, round(took, 1)))
    assert not late, late


def test_a_server_may_be_late_and_change_its_mind(make_cluster, build, short_dir):
    """Nobody is known: names are asked for again before long, however long there were none; what a name meant may be over."""
    made = make(make_cluster, build, short_dir, 2)
    made[0].up()
    old = {f"{SERVICE} SRV": [{"data": [10, 0, 7403, "old.x"], "ttl": 5}], "old.x A": [{"data": "10.77.0.99", "ttl": 5}]}
    names = Names(made[0], [{}, old])
    made[1].up()
    made[2].up()
    made[1].wait_log("DHT-NAMES-NOTHING", 20)
    began = time.monotonic()
    names.know({"5301": {**old, f"{SERVICE} SRV": [{"data": [10, 0, 7403, "one.x"], "ttl": 5}], **ONE}})
    made[2].wait_until(lambda: stats(made[2])[0] >= 1, 15 + SLACK, "another host is named now")
    made[1].wait_until(lambda: time.monotonic() > began + 40, 60, "forty seconds without a name")
    names.know({"5300": WAYS["plain"][0]})
    made[1].wait_until(lambda: stats(made[1])[0] >= 1, 16 + SLACK, "it is asked again within a quarter of a minute")
