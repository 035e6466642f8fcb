"""The overlay's shield in the kernel: ns a packet by what becomes of it, beside the same program when it is off."""
import subprocess

from bench.kit import rows, world

REPEATS = 1000000
# what becomes of a packet: goal in ns above the floor, and where it is from
KINDS = {"foreign": (None, "TCP, passed: what every other packet pays"),
         "data": (30, "of a session, one of 10,000 peers' ids, passed"),
         "index": (30, "of no session, dropped"),
         "mac1": (620, "a forged initiation: BLAKE2s over 116 bytes, dropped"),
         "source": (None, "an initiation with a right mac1 of an address that sent too many, dropped")}


def one(w, hook, what):
    """ns a packet"""
    done = subprocess.run([w.binary("shield_cost"), hook, what, str(REPEATS)], capture_output=True, check=False, timeout=120)
    if done.returncode != 0:
        raise world.Unmeasured(f"{hook} {what}: {done.stderr.decode().strip() or done.returncode}")
    return float(done.stdout)


def verdicts(w):
    for hook in ("xdp", "tc"):
        samples = {k: rows.Sample(k) for k in ("off", *KINDS)}
        for turn in range(w.runs):
            for kind in sorted(samples, reverse=turn % 2 == 0):
                samples[kind].add([one(w, hook, kind)])
        for kind, (goal, note) in KINDS.items():
            above = samples[kind].median - samples["off"].median
            yield rows.row(f"shield.{hook}.{kind}", samples[kind], "ns", floor=samples["off"], note=note,
                           goal="" if goal is None else f"<= {goal} ns above the floor",
                           met=None if goal is None else above <= goal)


PARTS = {"verdicts": verdicts}
