"""Shared-memory channels against the floor (two processes bouncing one cache line each way), against other
transports, and their waiting policy against policies that never learn."""
import contextlib
import os
import shutil
import subprocess

from bench.kit import rows, world

ROUNDS = {"line": 20000, "shm": 20000}
SLOW_ROUNDS = 1500 # a transport that sleeps takes a hundred times as long
# Libraries that a person has built elsewhere: the daemon each needs, and where it finds its peer.
DRIVERS = {"iceoryx": "iox-roudi", "aeron": "aeronmd"}
PEERS = ["nng", "zmq", "seqpacket", "pipe"]
GAP_US = 500       # between two calls: by then both sides sleep
LONG = 1000000     # rounds that many slices of the scheduler fit into; shm_calls stops by itself in time


def one(w, kind, size=64, touch="touch", cpus=(0, 1), gap_us=0, hogs=0, spin_ns=None, rounds=None):
    """p50, p99, mean and the server's CPU time of a round trip, in ns; how many were made."""
    is_sealed = kind == "sealed"
    binary = w.binary("shm_calls_sealed" if is_sealed else f"shm_calls_{kind}" if kind in DRIVERS
                      else "shm_calls" if spin_ns is None else "shm_calls_fixed")
    kind = "shm" if is_sealed else kind
    rounds = rounds or ROUNDS.get(kind, SLOW_ROUNDS)
    env = dict(os.environ) if spin_ns is None else {**os.environ, "BENCH_SPIN_NS": str(spin_ns)}
    try:
        done = subprocess.run([binary, kind, str(size), touch, str(cpus[0]), str(cpus[1]), str(rounds), str(gap_us),
                               str(hogs)], capture_output=True, check=False, timeout=120, env=env)
    except subprocess.TimeoutExpired as fault:
        raise world.Unmeasured(f"{kind} {size}: {fault}") from fault
    if done.returncode != 0:
        raise world.Unmeasured(f"{kind}: {done.stderr.decode().strip() or done.returncode}")
    return [int(word) for word in done.stdout.split()]


class Turns:
    """Subjects measured by turns; p50, p99 and mean of each."""

    def __init__(self, names):
        self.p50 = {n: rows.Sample(n) for n in names}
        self.p99 = {n: rows.Sample(n) for n in names}
        self.mean = {n: rows.Sample(n) for n in names}

    def add(self, name, figures):
        self.p50[name].add([figures[0]])
        self.p99[name].add([figures[1]])
        self.mean[name].add([figures[2]])


def ratios(ours, floor):
    """Within each turn: the host moves its processors, only neighbours are compared."""
    return rows.sample("ratio", [a / b for a, b in zip(ours.medians, floor.medians)])


def two_cores():
    if (os.cpu_count() or 1) < 2:
        raise world.Unmeasured("two processors are needed")


def floor_blocks(w, size, touch, only=("line", "shm")):
    """line, ours, line: ours is compared with the mean of the lines around it; a block whose two lines differ
    by more than 15 % saw the host move and is counted, not used."""
    kept, dropped = [], 0
    for _ in range(4 * w.runs):
        before = one(w, only[0])
        ours = one(w, only[1], size, touch)
        after = one(w, only[0])
        if abs(before[0] - after[0]) > 0.15 * max(before[0], after[0]):
            dropped += 1
            continue
        kept.append((ours, [(a + b) / 2 for a, b in zip(before, after)]))
        if len(kept) == w.runs:
            break
    if not kept:
        raise world.Unmeasured(f"the floor never stood still in {dropped} blocks")
    return kept, dropped


def awake(w):
    two_cores()
    for size, touch, goal in ((64, "touch", 1.25), (48, "touch", None), (1024, "touch", None), (65536, "touch", None),
                              (1 << 20, "touch", None), (1 << 20, "leave", None)):
        kept, dropped = floor_blocks(w, size, touch)
        name = f"shm.awake.{size}" + (".untouched" if touch == "leave" else "")
        for index, what in ((0, "p50"), (1, "p99")):
            ours = rows.sample("shm", [k[0][index] for k in kept])
            floor = rows.sample("line", [k[1][index] for k in kept])
            ratio = ratios(ours, floor).median
            limit = goal if index == 0 else 2.0 if goal else None
            yield rows.row(f"{name}.{what}", ours, "ns", floor,
                           goal=f"<= {limit} x the line" if limit else "", met=ratio <= limit if limit else None,
                           note=f"median of the ratios within blocks {ratio:.2f}, {dropped} blocks dropped")


def loan(w):
    two_cores()
    t = Turns(["small", "large"])
    for turn in range(w.runs):
        for name in sorted(t.p50, reverse=turn % 2 == 0):
            t.add(name, one(w, "shm", 64 if name == "small" else 1 << 20, "leave"))
    ratio = ratios(t.p50["large"], t.p50["small"]).median
    t.p50["small"].name = "64 B"
    yield rows.row("shm.loan", t.p50["large"], "ns", peer=t.p50["small"], goal="<= 1.1 x a 64 B round trip",
                   met=ratio <= 1.1, note=f"1 MiB built and read in place, untouched; ratio within turns {ratio:.2f}")


def against(w, name, goals, note, size=64, floor=None, **how):
    """Ours and every peer by turns; `goals`: {peer: at least so many times faster}; `floor`: a kind."""
    t = Turns(["shm", *PEERS, *([floor] if floor else [])])
    for turn in range(w.runs):
        for kind in sorted(t.p50, reverse=turn % 2 == 0):
            t.add(kind, one(w, kind, size, **how))
    for peer in PEERS:
        times = rows.sample("times", [b / a for a, b in zip(t.p50["shm"].medians, t.p50[peer].medians)]).median
        goal = goals.get(peer)
        yield rows.row(f"{name}.{peer}", t.p50["shm"], "ns", t.p50[floor] if floor else None, t.p50[peer],
                       goal=f">= {goal} x faster" if goal else "", met=times >= goal if goal else None,
                       note=f"{note}; {times:.1f} x faster within turns")


def peers(w):
    two_cores()
    yield from against(w, "shm.peers.64", {"nng": 500}, "p50 of 64 B, both awake", floor="line")
    yield from against(w, "shm.peers.64k", {}, "p50 of 64 KiB, touched", 65536)


def asleep(w):
    """The floors are the kernel's own: one wake of a sleeper on another processor by a caller that spins; and two
    processes that wake each other by turns on one."""
    two_cores()
    yield from against(w, "shm.asleep.two", {"nng": 4}, "p50 of 64 B to a server asleep on the other core",
                       floor="wake", gap_us=GAP_US, rounds=400)
    yield from against(w, "shm.asleep.one", {"nng": 25}, "p50 of 64 B on one core, one call after another",
                       floor="futex", cpus=(0, 0))


def sealed(w):
    """What the system call filter of a cell adds where every call makes system calls."""
    two_cores()
    t = Turns(["shm", "sealed"])
    for turn in range(2 * w.runs):
        for kind in sorted(t.p50, reverse=turn % 2 == 0):
            t.add(kind, one(w, kind, cpus=(0, 0), rounds=3000))
    ratio = ratios(t.p50["sealed"], t.p50["shm"]).median
    yield rows.row("shm.sealed", t.p50["sealed"], "ns", peer=t.p50["shm"], goal="<= 1.05 x without the filter",
                   met=ratio <= 1.05, note=f"p50 of 64 B on one core, both sides sealed; ratio within turns {ratio:.3f}")


CASES = {"two": {"cpus": (0, 1)}, "one": {"cpus": (0, 0)}, "unpinned": {"cpus": (-1, -1)},
         "hogs": {"cpus": (0, 1), "hogs": 2}, "unpinned_hogs": {"cpus": (-1, -1), "hogs": 2}}
FIXED_NS = {"never": 0, "2us": 2000, "20us": 20000, "100us": 100000, "ever": 1000000000}
POLICY_ROUNDS = {"one": 3000, "hogs": LONG, "unpinned_hogs": LONG}


def policy(w):
    """The mean, where policies differ: a p50 hides the calls that slept."""
    two_cores()
    for case, how in CASES.items():
        # Two that spin for ever on one core take a scheduler's slice a hop: known, and not worth the time.
        fixed = {k: v for k, v in FIXED_NS.items() if case != "one" or k != "ever"}
        t = Turns(["shm", *fixed])
        rounds = POLICY_ROUNDS.get(case, 10000)
        for turn in range(w.runs):
            for name in sorted(t.mean, reverse=turn % 2 == 0):
                t.add(name, one(w, "shm", spin_ns=fixed.get(name), rounds=rounds, **how))
        best = min(fixed, key=lambda n: t.mean[n].median)
        yield rows.row(f"shm.policy.{case}", t.mean["shm"], "ns", peer=t.mean[best],
                       goal="mean <= 1.3 x the best fixed policy", met=t.mean["shm"].median <= 1.3 * t.mean[best].median,
                       note="means of the others: " + ", ".join(f"{n} {t.mean[n].median:.0f}" for n in fixed))


def hogs(w):
    """SHM-6: the peer's core is taken by another; what is left of the rate, one call after another, and with the
    pauses of a caller that has other things to do."""
    two_cores()
    for name, how in (("busy", {"rounds": LONG}), ("paused", {"rounds": 1000, "gap_us": GAP_US})):
        t = Turns(["shm", "reference"])
        for turn in range(w.runs):
            for kind in sorted(t.mean, reverse=turn % 2 == 0):
                t.add(kind, one(w, kind, hogs="peer", **how))
        times = rows.sample("times", [b / a for a, b in zip(t.mean["shm"].medians, t.mean["reference"].medians)]).median
        yield rows.row(f"shm.hogs.{name}", t.mean["shm"], "ns", peer=t.mean["reference"], goal=">= 5 x faster",
                       met=times >= 5, note=f"mean of 64 B, a hog on the server's core; {times:.1f} x faster within turns")


@contextlib.contextmanager
def driver(w, kind):
    """The daemon that a peer cannot do without."""
    name = DRIVERS[kind]
    binary = shutil.which(name, path=os.environ.get("BENCH_EXTERNAL", ""))
    if binary is None:
        raise world.Unmeasured(f"{kind}: no {name} in $BENCH_EXTERNAL (bench/README.md says how to build it)")
    directory = w.place(kind)
    os.environ["BENCH_AERON_DIR"] = directory + "/driver"
    log = directory + "/log"
    process = w.start([binary] + ([f"-Daeron.dir={directory}/driver"] if kind == "aeron" else []), log)
    try:
        world.quiet(2)
        if process.poll() is not None:
            with open(log, encoding="utf-8") as f:
                raise world.Unmeasured(f"{name}: {f.read()[-200:]}")
        yield
    finally:
        process.terminate()
        process.wait(20)


def external(w, kind, at_p50, at_p99):
    two_cores()
    w.binary(f"shm_calls_{kind}")
    t = Turns(["shm", "line", kind])
    with driver(w, kind):
        for turn in range(2 * w.runs):
            for name in sorted(t.p50, reverse=turn % 2 == 0):
                t.add(name, one(w, name, rounds=20000))
    for what, of, goal in (("p50", t.p50, at_p50), ("p99", t.p99, at_p99)):
        times = rows.sample("times", [b / a for a, b in zip(of["shm"].medians, of[kind].medians)]).median
        yield rows.row(f"shm.{kind}.{what}", of["shm"], "ns", of["line"], of[kind],
                       goal=f">= {goal} x faster" if goal else "", met=times >= goal if goal else None,
                       note=f"64 B, both awake, under {DRIVERS[kind]}; {times:.2f} x faster within turns")


def iceoryx(w):
    yield from external(w, "iceoryx", 8, None)


def aeron(w):
    yield from external(w, "aeron", 1, 5)


PARTS = {"awake": awake, "loan": loan, "peers": peers, "asleep": asleep, "sealed": sealed, "policy": policy, "hogs": hogs,
         "iceoryx": iceoryx, "aeron": aeron}
