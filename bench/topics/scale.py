"""A hundred services: how soon they run, what supervising them takes in memory and in CPU."""
from bench.kit import node, peers, rows, world

IDLE_S = 20
LAYERS = 10 # of the dependency graph: every cell requires two of the layer before


class Graph(node.Node):
    """Cells with readiness, each launched when the two it requires are ready."""

    def __init__(self, w, tag, sandbox):
        super().__init__(w, tag)
        self.sandbox = sandbox

    def entries(self, count):
        width = max(1, count // LAYERS)
        entries = []
        for i in range(count):
            more = {"heartbeat": node.NO_BEATS}
            if self.sandbox == "none":
                more["sandbox"] = "none"
            if i >= width:
                layer, at = divmod(i, width)
                above = (layer - 1) * width
                more["requires"] = sorted({f"g{above + at}", f"g{above + (at + 1) % width}"})
            entries.append(self.cell(f"g{i}", "trivial_gap", **more))
        return entries

    def launch(self, count):
        self.begin(self.entries(count))
        world.quiet(0.2) # answering for all its cells is work: ask when it is most likely done
        self.wait_ready(count, poll_s=0.1)

    def times(self, count, which):
        """Of every cell, when it was in main() (0) or had said Ready (1)."""
        seen = [list(self.started(f"g{i}", 0).last.values()) for i in range(count)]
        if any(len(s) != 1 for s in seen):
            raise world.Unmeasured("a cell was started more than once, or never")
        return [s[0][which] for s in seen]

    def launch_ns(self):
        return max(self.times(len(self.status()), 1)) - self.begun_ns

    def first_ns(self):
        return min(self.times(len(self.status()), 0)) - self.begun_ns


def makers(w):
    return [("floor", lambda tag: peers.Floor(w, tag)),
            ("bare", lambda tag: Graph(w, "-bare" + tag, "none")),
            ("jailed", lambda tag: Graph(w, "-jailed" + tag, "full")),
            *[(p.name, lambda tag, p=p: p(w, tag)) for p in peers.PEERS]]


def launch(w):
    count = w.parameters["cells"]
    samples = {label: rows.Sample(label) for label, _ in makers(w)}
    boot = rows.Sample("boot")
    for turn in range(w.runs):
        for label, make in makers(w):
            s = make(f"-{turn}")
            s.launch(count)
            samples[label].add([s.launch_ns() / 1e6])
            if label == "bare":
                boot.add([s.first_ns() / 1e6])
            s.stop()
    floor, bare, jailed = (samples[k] for k in ("floor", "bare", "jailed"))
    work = rows.sample("work", [b - f for b, f in zip(bare.medians, boot.medians)])
    yield rows.row("supervision.launch", bare, "ms", floor, samples["daemontools"],
                   "<= 1.5 x floor", bare.median <= 1.5 * floor.median,
                   f"{count} cells, graph with readiness, sandbox: none; exec of the guard to the last Ready")
    yield rows.row("supervision.launch.cells", work, "ms", floor,
                   note=f"of that, from the first cell's main() on: the nucleus itself takes "
                        f"{boot.median:.3g} ms to start")
    for name in ("runit", "s6"):
        yield rows.row(f"supervision.launch.{name}", bare, "ms", floor, samples[name], note="sandbox: none")
    yield rows.row("supervision.launch.jailed", jailed, "ms", floor, samples["daemontools"],
                   note="full sandbox")


def with_real_cells(w, count):
    """PSS of guard and nucleus when the cells are what cells are: programs on the same runtime."""
    n = node.Node(w, "-real")
    n.up([n.cell("greeter", "cell-greeter", instances=count, serves=["greeter.Greet"])])
    pids = n.pids()
    world.quiet(6)
    sample = rows.Sample("greeters")
    for _ in range(w.runs):
        sample.add([world.pss_kb(pids) / 1000])
        world.quiet(0.2)
    n.stop()
    return sample, count


def memory(w):
    count = w.parameters["cells"]
    subjects = []
    for label, make in makers(w):
        if label == "floor" or label == "jailed" or label in [p.name for p in peers.PEERS]:
            s = make("")
            s.label = label
            s.launch(count)
            subjects.append(s)
    pids = {s.label: s.pids() for s in subjects} # asked for once: who is asked is not idle
    world.quiet(6) # what answering left in memory is let go after five
    used = {s.label: world.cpu_ns(pids[s.label]) for s in subjects}
    pss = {s.label: rows.Sample(s.label) for s in subjects}
    for _ in range(w.runs): # idle all the while: memory is read in between
        world.quiet(IDLE_S / w.runs)
        for s in subjects:
            pss[s.label].add([world.pss_kb(pids[s.label]) / 1000])
    cpu = {s.label: rows.sample(s.label, [(world.cpu_ns(pids[s.label]) - used[s.label]) / 1e6 / IDLE_S])
           for s in subjects}
    guard, nucleus = (world.pss_kb([p]) / 1000 for p in pids["jailed"])
    ours = next(s for s in subjects if s.label == "jailed")
    asked = world.pss_kb(ours.pids()) / 1000
    for s in subjects:
        s.stop()
    real, real_count = with_real_cells(w, count)
    mb = pss["jailed"].median
    for name in ("runit", "s6", "daemontools"):
        is_main = name == "runit"
        yield rows.row("supervision.memory" if is_main else f"supervision.memory.{name}", pss["jailed"],
                       "MB", pss["floor"], pss[name], "<= 1.5 MB" if is_main else "",
                       mb <= 1.5 if is_main else None,
                       f"PSS with {count} cells, idle: guard {guard:.2f} + nucleus {nucleus:.2f}; {asked:.2f} right "
                       f"after a status of all" if is_main else "")
    yield rows.row("supervision.memory.greeters", real, "MB", pss["floor"],
                   note=f"PSS with {real_count} cells on the runtime, which shares its libraries with them")
    yield rows.row("supervision.idle", cpu["jailed"], "ms/s", cpu["floor"], cpu["s6"],
                   note=f"CPU of guard and nucleus, {IDLE_S} s idle; runit "
                        f"{cpu['runit'].median:.3g}, daemontools {cpu['daemontools'].median:.3g}")
