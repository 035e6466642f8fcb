"""Network coordinates: what a step and a distance cost, against a plain Vivaldi in C on the same places."""
import subprocess

from bench.kit import rows, world

STEPS, DISTANCES = 500000, 20000000


def one(w, kind, count):
    """ns of CPU"""
    done = subprocess.run([w.binary("vivaldi_steps"), kind, str(count)], capture_output=True, check=False, timeout=120)
    if done.returncode != 0:
        raise world.Unmeasured(f"{kind}: {done.stderr.decode().strip() or done.returncode}")
    return float(done.stdout)


def measure(w, kinds, count):
    samples = {k: rows.Sample(k) for k in kinds}
    for turn in range(w.runs):
        for kind in sorted(kinds, reverse=turn % 2 == 0):
            samples[kind].add([one(w, kind, count)])
    return samples


def steps(w):
    s = measure(w, ("update", "plain-update"), STEPS)
    yield rows.row("coordinates.update", s["update"], "ns", peer=s["plain-update"], goal="<= 1100 ns (serf's client, recorded: 1100)",
                   met=s["update"].median <= 1100, note="a round trip and a refit to 32; the plain one moves by one round trip alone")


def distances(w):
    s = measure(w, ("distances", "distance", "plain-distance"), DISTANCES)
    yield rows.row("coordinates.distance", s["distances"], "ns", peer=s["plain-distance"], goal="<= 8 ns (serf's client, recorded: 59)",
                   met=s["distances"].median <= 8, note="256 at once, eight parts each")
    yield rows.row("coordinates.distance.single", s["distance"], "ns", peer=s["plain-distance"])


PARTS = {"steps": steps, "distances": distances}
