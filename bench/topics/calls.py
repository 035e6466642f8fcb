"""A call to a cell against a bare echo over the same nng sockets."""
import os
import subprocess

from bench.kit import rows, world

ROUNDS = 3000
BATCH = 100
BATCH_ROUNDS = 150


def client(w, url, kind, rounds, batch):
    """p50, p99 and mean of a round trip, in us."""
    done = subprocess.run([w.binary("nng_calls"), url, kind, str(rounds), str(batch)], capture_output=True,
                          check=False, timeout=120)
    if done.returncode != 0:
        raise world.Unmeasured(done.stderr.decode().strip())
    return [int(word) / 1000 for word in done.stdout.split()]


def find_socket(top):
    """The one socket of a standalone cell."""
    for folder, _, names in os.walk(top):
        for name in names:
            if name.endswith(".sock"):
                return os.path.join(folder, name)
    return None


def doors(w):
    echo = os.path.join(w.place("echo"), "echo.sock")
    run = w.place("run")
    w.start([w.binary("nng_echo"), "ipc://" + echo], os.path.join(w.directory, "echo.out"))
    w.start([w.binary("cell-greeter"), "--standalone", "--run", run, "--state", w.place("state")],
            os.path.join(w.directory, "greeter.out"))
    world.until(lambda: os.path.exists(echo), 10, "the echo listens")
    path = world.until(lambda: find_socket(run), 10, "the greeter listens")
    return {"echo": "ipc://" + echo, "cell": "ipc://" + path}


def rtt(w):
    url = doors(w)
    p50 = {k: rows.Sample(k) for k in url}
    p99 = {k: rows.Sample(k) for k in url}
    rate = {k: rows.Sample(k) for k in url}
    single = {k: rows.Sample("one by one") for k in url}
    for turn in range(w.runs):
        for kind in sorted(url, reverse=turn % 2 == 0):
            a, b, mean = client(w, url[kind], kind, ROUNDS, 1)
            p50[kind].add([a])
            p99[kind].add([b])
            single[kind].add([1e6 / mean])
            _, _, mean = client(w, url[kind], kind, BATCH_ROUNDS, BATCH)
            rate[kind].add([BATCH * 1e6 / mean])
    yield rows.row("calls.rtt", p50["cell"], "us", p50["echo"], goal="<= 1.3 x a bare nng echo",
                   met=p50["cell"].median <= 1.3 * p50["echo"].median,
                   note="p50 of one Greet through cell_main, one caller")
    yield rows.row("calls.rtt.p99", p99["cell"], "us", p99["echo"])
    yield rows.row("calls.batch", rate["cell"], "calls/s", rate["echo"], single["cell"],
                   note=f"{BATCH} Greets in a message, one message in flight (more is better); the floor echoes "
                        "the message unread; the peer is ours one by one")


PARTS = {"rtt": rtt}
