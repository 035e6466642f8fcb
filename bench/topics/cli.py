"""The command line: what a person waits for."""
import subprocess

from bench.kit import node, rows, world

STARTS = 60


def times_ms(w, *argv):
    done = subprocess.run([w.binary("start_time"), str(STARTS), *argv], capture_output=True, check=False,
                          timeout=120)
    if done.returncode != 0:
        raise world.Unmeasured(f"{' '.join(argv)}: {done.stderr.decode().strip()}")
    return [int(line) / 1e6 for line in done.stdout.split()]


def status(w):
    n = node.Node(w)
    n.up([n.cell("greeter", "cell-greeter", instances=3, serves=["greeter.Greet"])])
    subjects = {
        "static": [w.binary("nothing_static")],
        "dynamic": [w.binary("nothing_dynamic")],
        "status": [w.binary("cell"), "--run", n.run, "--state", n.state, "status"],
        "version": [w.binary("cell"), "--version"],
    }
    samples = {k: rows.Sample(k) for k in subjects}
    for _ in range(w.runs):
        for name, argv in subjects.items():
            samples[name].add(times_ms(w, *argv))
    n.stop()
    samples["static"].name = "a static process"
    samples["version"].name = "cell --version"
    yield rows.row("cli.status", samples["status"], "ms", samples["dynamic"], samples["static"],
                   "<= 3 x a bare process", samples["status"].median <= 3 * samples["dynamic"].median,
                   "vfork to exit of `cell status` with its call, 3 cells; floor: a dynamic process that does nothing")
    yield rows.row("cli.version", samples["version"], "ms", samples["dynamic"],
                   note="the same command without a call: what starting it costs")


PARTS = {"status": status}
