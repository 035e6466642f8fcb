"""One-way messages through a channel's byte ring against the floor (fixed places that both sides spin on)
and other transports; streams against memcpy."""
import os
import subprocess

from bench.kit import rows, world

COUNT = {64: {"lines": 3000000, "shm": 3000000, "zmq": 1000000, "nng": 30000},
         1024: {"lines": 1000000, "shm": 1000000, "zmq": 200000, "nng": 30000},
         65536: {"lines": 30000, "shm": 30000, "zmq": 5000, "nng": 4000}}
GOALS = {64: {"nng": 100, "zmq": 2}, 1024: {}, 65536: {"nng": 12}}
CHUNKS = (16384, 65536) # the second is what shm_post.h recommends, as is the ring's size
STREAM_BYTES = 256 << 20
PINNED, FREE = (0, 1), (-1, -1)


def one(w, kind, size, count, cpus=PINNED):
    """(messages/s, bytes/s)"""
    try:
        done = subprocess.run([w.binary("ring"), kind, str(size), str(count), str(cpus[0]), str(cpus[1])],
                              capture_output=True, check=False, timeout=120)
    except subprocess.TimeoutExpired as fault:
        raise world.Unmeasured(f"{kind} {size}: {fault}") from fault
    if done.returncode != 0:
        raise world.Unmeasured(f"{kind}: {done.stderr.decode().strip() or done.returncode}")
    return [int(word) for word in done.stdout.split()]


def times(ours, theirs):
    """Within each turn: the host moves its processors, only neighbours are compared."""
    return rows.sample("times", [a / b for a, b in zip(ours.medians, theirs.medians)]).median


def two_cores():
    if (os.cpu_count() or 1) < 2:
        raise world.Unmeasured("two processors are needed")


def messages(w):
    """nng's own threads need a place to run: it is measured where the scheduler puts it as well, and the better
    of the two is what counts."""
    two_cores()
    for size, counts in COUNT.items():
        rate = {k: rows.Sample(k) for k in counts}
        for turn in range(w.runs):
            for kind in sorted(counts, reverse=turn % 2 == 0):
                figures = [one(w, kind, size, counts[kind])[0]]
                if kind in ("nng", "zmq"):
                    figures.append(one(w, kind, size, counts[kind], FREE)[0])
                rate[kind].add([max(figures)])
        for peer in ("nng", "zmq"):
            faster = times(rate["shm"], rate[peer])
            goal = GOALS[size].get(peer)
            yield rows.row(f"ring.{size}.{peer}", rate["shm"], "messages/s", rate["lines"], rate[peer],
                           goal=f">= {goal} x {peer}" if goal else "", met=faster >= goal if goal else None,
                           note=f"more is better; {faster:.1f} x within turns")


def streams(w):
    """Each between two of the floor: the host moves its processors. The floor is one process, the same bytes from memory
    to memory in pieces of the same size; a stream has the ring's bytes to move beside, and two processes for it."""
    two_cores()
    for size in CHUNKS:
        rate = {k: rows.Sample(k) for k in ("stream", "streamread", "memcpy")}
        share = {k: rows.Sample(k) for k in ("stream", "streamread")}
        for turn in range(w.runs):
            before = one(w, "memcpy", size, STREAM_BYTES)[1] / 1e9
            for kind in sorted(share, reverse=turn % 2 == 0):
                now = one(w, kind, size, STREAM_BYTES)[1] / 1e9
                after = one(w, "memcpy", size, STREAM_BYTES)[1] / 1e9
                rate[kind].add([now])
                rate["memcpy"].add([after])
                share[kind].add([2 * now / (before + after)])
                before = after
        for kind, how in (("stream", "copied in and out"), ("streamread", "copied in, read in place")):
            low, high = share[kind].spread
            yield rows.row(f"ring.{kind}.{size}", rate[kind], "GB/s", rate["memcpy"], goal=">= 0.9 x memcpy",
                           met=share[kind].median >= 0.9, note=f"chunks of {size} B, {how}; {share[kind].median:.2f} "
                           f"[{low:.2f}-{high:.2f}] of the memcpys before and after")


PARTS = {"messages": messages, "streams": streams}
