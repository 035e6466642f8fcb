"""What survives: the nucleus killed under load, hung cells, a loaded host, callers of killed instances."""
import os
import random
import signal
import statistics
import subprocess
import sys
import time

from bench.kit import node, rows, world
from tests.support import pb, procs, sp

LOAD_STATS, LOAD_HANG, HANG_BUSY, HANG_SLEEP = 19900, 19901, 1, 2
RECOVER_DEADLINE_S = 20
GUARD_STABLE_S = 5.2 # a nucleus that lived shorter is restarted with a back-off, rightly
PERIOD_MS = 500      # heartbeat of cells that will hang
FIND_DEADLINE_S = 40 # on a busy host a busy cell is given 30 periods


def load_entry(n, callers, instances=1, pause_ms=0, **more):
    entry = n.cell("load", "cell-load", instances=instances, serves=["load.*"], may_call=["greeter.Greet"],
                   **more)
    if callers:
        entry["requires"] = ["greeter"]
        entry["config"] = {"callers": callers, "pause_ms": pause_ms}
    return entry


def greeters(n, count, **more):
    return n.cell("greeter", "cell-greeter", instances=count, serves=["greeter.Greet"], **more)


def client(n, cell, index, timeout=10.0):
    return sp.Client(os.path.join(n.run, "default", f"{cell}.{index}.sock"), timeout)


def stats(n):
    """calls, failed, retries, slowest_us, last_error of the load cell."""
    with client(n, "load", 0) as c:
        reply = c.call(LOAD_STATS)
    if reply.status != sp.OK:
        raise world.Unmeasured(f"the load cell answered {reply}")
    f = pb.decode(reply.body)
    return [pb.first(f, i) for i in range(1, 5)] + [pb.first(f, 5, b"").decode()]


def count_row(name, values, goal, note):
    s = rows.sample(name, values)
    return rows.row(name, s, "count", goal=goal, met=max(values) == 0, note=note)


# ---- the nucleus is killed ---------------------------------------------------------------------


def identity(statuses):
    return {(r.cell, r.index): (r.pid, r.generation, r.restarts) for r in statuses}


def owned_again(n, before, generation):
    """Whether a successor says that every cell is ready, as the very process it was."""
    try:
        fields = n.status_fields(timeout=2.0)
    except (OSError, ValueError, AssertionError, world.Unmeasured):
        return None
    if pb.first(fields, 4) == generation:
        return None
    now = [node.Instance(d) for d in fields.get(2, [])]
    is_ready = len(now) == len(before) and all(r.state == "ready" for r in now)
    return now if is_ready and {k: v[0] for k, v in identity(now).items()} == \
        {k: v[0] for k, v in before.items()} else None


def kill_nucleus(n, before):
    """Milliseconds until all is owned again."""
    fields = n.status_fields()
    begun_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    procs.kill(pb.first(fields, 5))
    now = world.until(lambda: owned_again(n, before, pb.first(fields, 4)), RECOVER_DEADLINE_S,
                      "the successor owns every cell", 0.001)
    took = (time.clock_gettime_ns(time.CLOCK_MONOTONIC) - begun_ns) / 1e6
    return took, identity(now)


def die(n, index, before):
    """End trivial `index` in a way of its own; the words the supervisor must find for it."""
    ways = [(signal.SIGKILL, None), (signal.SIGRTMIN + 7, 7), (signal.SIGRTMIN + 1, 1),
            (signal.SIGRTMIN + 29, 29), (signal.SIGRTMIN, 0)]
    number, code = ways[index % len(ways)]
    pid = before[("t", index)][0]
    procs.kill(pid, number)
    return f"pid {pid} " + (f"killed by signal {int(number)}" if code is None else f"ended with status {code}")


def exits_said(n):
    try:
        return {e[4] for e in n.events() if e[3] == "exit"}
    except (OSError, ValueError, AssertionError, world.Unmeasured):
        return set() # between two nuclei


def wrong_exits(n, before):
    """End adopted trivials, half of them while there is no nucleus; what was not said of them exactly."""
    said = set()
    expected = {die(n, i, before) for i in range(10)}
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not expected <= said:
        said |= exits_said(n)
        world.quiet(0.01)
    procs.kill(n.nucleus_pid())
    expected |= {die(n, i, before) for i in range(10, 20)}
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and not expected <= said:
        said |= exits_said(n)
        world.quiet(0.01)
    return sorted(expected - said)


def nucleus(w):
    count = w.parameters["cells"]
    n = node.Node(w)
    trivials = count - 11
    entries = [n.cell("t", "trivial", instances=trivials, protocol="none"), greeters(n, 10),
               load_entry(n, 8, pause_ms=5)]
    n.up(entries)
    before = identity(n.status())
    processes = len(n.supervised())
    calls = stats(n)[0]
    took = rows.Sample("recovery")
    world.quiet(GUARD_STABLE_S)
    restarts, copies, failures = [], [], []
    for _ in range(w.runs):
        ms, now = kill_nucleus(n, before)
        took.add([ms])
        restarts.append(sum(a != b for a, b in zip(sorted(before.items()), sorted(now.items()))))
        world.quiet(GUARD_STABLE_S)
        copies.append(len(n.supervised()) - processes)
        failures.append(stats(n)[1])
    went_on = stats(n)
    wrong = wrong_exits(n, identity(n.status()))
    n.stop()
    yield rows.row("supervision.nucleus", took, "ms", goal="<= 50 ms", met=took.median <= 50,
                   note=f"kill -9 of the nucleus until its successor owns {count} cells, {trivials} of them "
                        f"trivial, 8 callers that rest 5 ms ({went_on[0] - calls} answered, {went_on[2]} tried again)")
    yield count_row("supervision.nucleus.restarted", restarts, "0", "cells whose pid, generation or restarts changed")
    yield count_row("supervision.nucleus.duplicates", copies, "0", "processes more (or fewer) than before")
    yield count_row("supervision.nucleus.failed_calls", failures, "0", "calls between cells without an answer in 10 s")
    yield count_row("supervision.nucleus.wrong_exits", [len(wrong)], "0",
                    f"of 20 adopted cells ended by 5 signals and codes, half while no nucleus ran {wrong[:3] or ''}")


# ---- hung cells ---------------------------------------------------------------------------------


def hang_once(n, way, index):
    """Periods from the moment a cell hangs until the supervisor calls it unhealthy."""
    row = next(r for r in n.status() if r.cell == "load" and r.index == index)
    after = max((e[0] for e in n.events()), default=0)
    connection = client(n, "load", index)
    begun_ms = time.time() * 1000
    if way == "stopped":
        procs.kill(row.pid, signal.SIGSTOP)
    else:
        how = HANG_BUSY if way == "busy" else HANG_SLEEP
        connection.send(sp.envelope([sp.request(LOAD_HANG, pb.encode([(1, how)]))]))
    def found():
        for _, cell, instance, kind, detail, time_ms in n.events(after):
            if cell == "load" and instance == index and kind == "state" and "unhealthy" in detail:
                return (time_ms - begun_ms) / PERIOD_MS
        return None
    periods = world.until(found, FIND_DEADLINE_S, f"a {way} cell is found", 0.02)
    connection.close()
    procs.kill(row.pid)
    n.wait_ready(4)
    return periods


def hang(w):
    n = node.Node(w)
    n.up([load_entry(n, 0, instances=4, heartbeat={"every": f"{PERIOD_MS}ms", "dead_after": 2})])
    for way in ("stopped", "busy", "sleeping"):
        s = rows.Sample(way)
        for turn in range(w.runs):
            world.quiet(random.random() * PERIOD_MS / 1000) # at any moment between two beats
            s.add([hang_once(n, way, turn % 4)])
        worst = max(s.medians)
        yield rows.row(f"supervision.hang.{way}", s, "periods", goal="<= 2 periods", met=worst <= 2.0,
                       note=f"heartbeat {PERIOD_MS} ms, dead_after 2; worst {worst:.3g}")
    n.stop()


def calm(w):
    """Nobody is killed because the host is busy."""
    seconds, load = w.parameters["hang_s"], w.parameters["load"]
    n = node.Node(w)
    n.up([greeters(n, 10, heartbeat={"every": "100ms", "dead_after": 2}),
          load_entry(n, 4, heartbeat={"every": "100ms", "dead_after": 2})])
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
            for _ in range(load)] # each with a share of its own of the CPU
    time.sleep(seconds)
    restarts = sum(r.restarts for r in n.status(timeout=30))
    unhealthy = sum(1 for e in n.events() if "unhealthy" in e[4])
    for hog in hogs:
        hog.kill()
        hog.wait()
    n.stop()
    yield count_row("supervision.calm", [restarts], "0",
                    f"cells killed in {seconds} s at load {load} with a 100 ms heartbeat, dead_after 2; "
                    f"{unhealthy} times unhealthy for a moment")


# ---- callers of killed instances ----------------------------------------------------------------


def greeter(w):
    kills = w.parameters["kills"]
    n = node.Node(w)
    n.up([greeters(n, 3), load_entry(n, 16)])
    begun = stats(n)
    back = []
    begun_s = time.monotonic()
    for _ in range(kills):
        victim = random.choice([r for r in n.status() if r.cell == "greeter"])
        killed_s = time.monotonic()
        procs.kill(victim.pid)
        world.until(lambda v=victim: any(
            r.cell == "greeter" and r.index == v.index and r.pid != v.pid and r.state == "ready"
            for r in n.status()), 10, "the greeter is ready again", 0.002)
        back.append((time.monotonic() - killed_s) * 1000)
    world.quiet(0.5)
    seconds = time.monotonic() - begun_s
    calls, failed, retries, slowest_us, last = stats(n)
    n.stop()
    yield count_row("supervision.greeter", [failed - begun[1]], "0",
                    f"failed calls of {calls - begun[0]} ({(calls - begun[0]) / seconds:.0f} a second, 16 callers) "
                    f"while 3 greeters were killed {kills} times; {retries - begun[2]} attempts repeated, slowest "
                    f"call {slowest_us / 1000:.0f} ms{', last error ' + last if failed else ''}")
    yield rows.row("supervision.greeter.ready", rows.sample("ready", back), "ms",
                   note=f"kill to Ready of a whole greeter, full sandbox; p99 "
                        f"{statistics.quantiles(back, n=100)[98]:.3g}")
