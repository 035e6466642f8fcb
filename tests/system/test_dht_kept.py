"""What is kept is said again and again, beside all that its owner does with the same name meanwhile: DHT-3."""
import time

from test_dht import know, make, put, text


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
