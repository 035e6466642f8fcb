"""From kill -9 to the main() of the replacement, by turns under every supervisor."""
from bench.kit import node, peers, rows, world

INSTANCES = 12     # killed in turn: the peers hold back whoever died within the last second
KILLS = 24         # of each supervisor in one repetition
PAUSE_S = 0.01     # between two kills: the last one's after-effects have ended


def measure(subjects, runs, kills=KILLS, ready=False):
    """{subject name: Sample} in ms. `ready`: up to the readiness instead of main()."""
    samples = {s.label: rows.Sample(s.label) for s in subjects}
    turn = 0
    for _ in range(runs):
        took = {s.label: [] for s in subjects}
        for _ in range(kills):
            for s in subjects:
                index = turn % INSTANCES
                before, killed_ns = s.kill(index)
                seen = s.wait_start(index, before)
                took[s.label].append((seen[1 if ready else 0] - killed_ns) / 1e6)
                world.quiet(PAUSE_S)
            turn += 1
            world.quiet(max(0, 1.2 / INSTANCES - PAUSE_S * len(subjects)))
        for s in subjects:
            samples[s.label].add(took[s.label])
    return samples


def begin(w, makers):
    """Launch every supervisor with INSTANCES services; those that are not installed are told."""
    subjects = []
    for label, make in makers:
        s = make()
        s.label = label
        s.launch(INSTANCES)
        subjects.append(s)
    world.quiet(1.2) # the peers believe a service that has lived for a second
    return subjects


def sandbox_ms(subject):
    """What the nucleus says its sandboxes cost, of the instances that run now."""
    return [r.sandbox_us / 1000 for r in subject.status()]


def restart(w):
    subjects = begin(w, [
        ("floor", lambda: peers.Floor(w)),
        ("bare", lambda: node.Trivials(w, "-bare")),
        ("jailed", lambda: node.Trivials(w, "-jailed", sandbox="full")),
        *[(p.name, lambda p=p: p(w)) for p in peers.PEERS],
    ])
    by = {s.label: s for s in subjects}
    samples = measure(subjects, w.runs)
    boxed = rows.sample("sandbox", sandbox_ms(by["jailed"]))
    unboxed = rows.sample("no sandbox", sandbox_ms(by["bare"]))
    floor, bare, jailed = (samples[k] for k in ("floor", "bare", "jailed"))
    for s in subjects:
        s.stop()
    ratio = bare.median / floor.median
    yield rows.row("supervision.restart", bare, "ms", floor, samples["runit"],
                   "<= 1.3 x floor and >= 2.5 x faster than runit",
                   ratio <= 1.3 and samples["runit"].median / bare.median >= 2.5,
                   f"sandbox: none; p99 {bare.quantile(.99):.3g}, floor {floor.quantile(.99):.3g}")
    yield rows.row("supervision.restart.s6", bare, "ms", floor, samples["s6"],
                   ">= 5 x faster than s6 with readiness", samples["s6"].median / bare.median >= 5,
                   "s6 runs an execline script as its manual writes them; sandbox: none")
    yield rows.row("supervision.restart.s6-sh", bare, "ms", floor, samples["s6-sh"],
                   note="the same with a shell script; sandbox: none")
    yield rows.row("supervision.restart.daemontools", bare, "ms", floor, samples["daemontools"],
                   note="sandbox: none")
    yield rows.row("supervision.restart.jailed", jailed, "ms", floor, samples["runit"],
                   note=f"full sandbox; p99 {jailed.quantile(.99):.3g}")
    yield rows.row("supervision.restart.sandbox", boxed, "ms", floor, unboxed,
                   "<= 1 x floor", boxed.median - unboxed.median <= floor.median,
                   "sandbox_us of the nucleus, clone to exec; the peer is clone to exec without one")


def spare(w):
    subjects = begin(w, [
        ("floor", lambda: peers.Floor(w)),
        ("spare", lambda: node.Trivials(w, "-spare", sandbox="full", spare=True, gap=True)),
        ("cold", lambda: node.Trivials(w, "-cold", sandbox="full", gap=True)),
    ])
    samples = measure(subjects, w.runs, ready=True)
    for s in subjects:
        s.stop()
    yield rows.row("supervision.spare", samples["spare"], "ms", samples["floor"], samples["cold"],
                   "<= 0.5 x floor", samples["spare"].median <= 0.5 * samples["floor"].median,
                   "kill to Ready of the twin, full sandbox; floor: kill to main(); peer: without a twin")
