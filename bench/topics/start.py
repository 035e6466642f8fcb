"""What the sandbox costs, step by step."""
import subprocess

from bench.kit import rows, world

STARTS = 40


def parts_ms(w, root):
    done = subprocess.run([w.binary("jail_parts"), root, str(STARTS), w.binary("trivial")],
                          capture_output=True, check=False, timeout=120)
    if done.returncode != 0:
        raise world.Unmeasured(done.stderr.decode().strip())
    return {name: int(ns) / 1e6 for name, ns in (l.split("\t") for l in done.stdout.decode().splitlines())}


def floor_ms(w):
    done = subprocess.run([w.binary("start_time"), str(STARTS), w.binary("nothing_static")],
                          capture_output=True, check=True, timeout=120)
    return [int(line) / 1e6 for line in done.stdout.split()]


def sandbox(w):
    root = w.place("root")
    runs, floor = [], rows.Sample("floor")
    for _ in range(w.runs):
        runs.append(parts_ms(w, root))
        floor.add(floor_ms(w))
    names = [n for n in runs[0] if any(r[n] > 0 for r in runs)]
    samples = {n: rows.sample(n, [r[n] for r in runs]) for n in names}
    extra = rows.sample("extra", [r["whole"] - r["none"] for r in runs])
    none = samples["none"]
    none.name = "no sandbox"
    yield rows.row("start.sandbox", extra, "ms", floor,
                   note=f"clone to exec in the jail ({samples['whole'].median:.3g}) less the same without one "
                        f"({none.median:.3g}); floor: a static process from vfork to "
                        "exit; the goal is judged at supervision.restart.sandbox")
    for name in sorted(names, key=lambda n: -samples[n].median):
        if name not in ("whole", "none"):
            yield rows.row(f"start.sandbox.{name.replace(' ', '_')}", samples[name], "ms", floor)


PARTS = {"sandbox": sandbox}
