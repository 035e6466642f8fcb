"""Nodes whose clocks are wrong: what they are told, and what that is to others (DHT-3, DHT-5). Ends of signed values are dates."""
import os
import re

from support import nodosums
from support.variant import Variant
from test_dht import SLACK, entry, get, know, put, text

OFF = {"node-5": -7200, "node-6": 7200} # s


def with_clock(build, place, ahead_s):
    """The build with a cell-dht whose wall clock is ahead by so much."""
    place.mkdir()
    source = place.parent / f"{place.name}.c"
    source.write_text('#include "tests/support/wall.c"\n'
                      f"__attribute__((constructor)) static void set(void) {{ atomic_store(&wall_ahead_s, {ahead_s}); }}\n")
    Variant(build.directory, str(place)).add(str(source), "cell-dht")
    return type(build)(str(place))


def test_whose_clock_is_wrong_is_told_so(make_cluster, build, short_dir, tmp_path):
    os.chmod(short_dir, 0o755)
    seeds = [f"10.77.0.{i + 1}:{nodosums.PORT}" for i in range(2)]

    def cells(name):
        first = nodosums.manifest(build, short_dir, name, seeds)
        return [*first, entry(first[0]["config"]["keys"])]

    made = make_cluster(4, lambda i: cells(f"node-{i + 1}"))
    behind, ahead = (made.add(with_clock(build, tmp_path / name, off), cells(name), name) for name, off in OFF.items())
    made.up()
    know(made, list(made), 5)
    one = made[0]
    owners = {node.name: node.cli("dht", "stats", json=True)["owner"] for node in made}

    # Behind: what it signs is over before it is said. What has no date is put all the same, and what others signed is found.
    refused = behind.command("dht", "put", "late", "--name", "color", "--ttl", "1m")
    assert refused.status == 1 and re.search(r"clock of this node is 7(199|200|201) s behind those of [3-5] .*\(node [0-9a-f]{16}\)", refused.err), refused
    assert "behind_s=7" in behind.wait_log("DHT-CLOCK", 5)
    plain = put(behind, "of no date")
    assert text(one, plain["key"]) == "of no date"
    put(one, "red", "--name", "color", "--ttl", "10m")
    assert get(behind, "color", "--owner", owners["node-1"])["text"] == "red"
    # Of three hours of life one is left, and that is told.
    assert put(behind, "early", "--name", "long", "--ttl", "3h")["acked"] >= 3
    left = get(one, "long", "--owner", owners["node-5"], "--reads", "3")["value"]["left_ms"]
    assert left <= 3600000 + 61000 and behind.log().count("DHT-CLOCK") >= 2, left

    # Ahead: what it signs lives as long as it was to; what others signed is held, and not believed.
    put(ahead, "soon", "--name", "brief", "--ttl", "3s")
    one.wait_until(lambda: "no such value" in text(one, "brief", "--owner", owners["node-6"]), 3 + SLACK, "its life is what was asked for")
    unbelieved = ahead.command("dht", "get", "color", "--owner", owners["node-1"])
    assert unbelieved.status == 1 and re.search(r"over by the date here: .* 71[34]\d s ahead of those of [1-6] ", unbelieved.err), unbelieved
    assert "no such value" in text(ahead, "nothing", "--owner", owners["node-1"]), "what is not there is not there"
    assert "ahead_s=" in ahead.wait_log("DHT-CLOCK", 5)
    assert not any("DHT-CLOCK" in node.log() for node in list(made)[:4]), "whose clock is right is told nothing"
