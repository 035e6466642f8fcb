"""The overlay: two cells, two wireguard-go of Debian and the bare wire between the same two network namespaces, by turns,
with the same programs on top (overlay_load.c). Processor time is what the tunnel's and the load's processes used, and the
machine's softirqs, which nobody is charged for."""
import os
import subprocess

from bench.kit import rows, world

SECONDS = 1.0
LADDER_S = 0.4
RATES = [20000 * 2 ** i for i in range(6)] # to 640,000 a second
ROUNDS = 2000
WIRE, PORT, LOAD = "192.168.9", 51820, 7000
TICK = os.sysconf("SC_CLK_TCK")


def text(*command, stdin=""):
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise world.Unmeasured(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip()


def used_s(pids):
    """Seconds of processor that these have used, with threads that ended."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                total += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
        except FileNotFoundError:
            pass
    return total / TICK


def softirq_s():
    with open("/proc/stat", encoding="utf-8") as f:
        fields = f.readline().split()
    return (int(fields[6]) + int(fields[7])) / TICK


class Tunnel:
    """What carries packets between the two namespaces: the address of the far end in it, and its processes."""

    def __init__(self, name, far, pids):
        self.name, self.far, self.pids = name, far, pids


class Lab:
    def __init__(self, w, more="", tag=""):
        """more: lines of the cells' configuration; tag: tells several labs of one run apart."""
        self.w, self.load, self.tag = w, w.binary("overlay_load"), tag
        unshare, ip = w.tool("unshare", "util-linux"), w.tool("ip", "iproute2")
        self.ends = [w.start([unshare, "-n", "sleep", "1000"]) for _ in range(2)]
        world.until(lambda: all(os.readlink(f"/proc/{e.pid}/ns/net") != os.readlink("/proc/self/ns/net") for e in self.ends), 5,
                    "two network namespaces")
        text(ip, "link", "add", "wire", "netns", str(self.ends[0].pid), "type", "veth", "peer", "name", "wire", "netns",
             str(self.ends[1].pid))
        for i in range(2):
            self.do(i, ip, "link", "set", "lo", "up")
            self.do(i, ip, "address", "add", f"{WIRE}.{i + 1}/24", "dev", "wire")
            self.do(i, ip, "link", "set", "wire", "up")
        self.veth = Tunnel("veth", f"{WIRE}.2", [])
        self.ours = self.start_ours(more)
        self.peer = self.start_wireguard(ip)

    def enter(self, end):
        return ["nsenter", "-t", str(self.ends[end].pid), "-n", "--"]

    def do(self, end, *command, stdin=""):
        return text(*self.enter(end), *command, stdin=stdin)

    def keys(self, name):
        wg, files, public = self.w.tool("wg", "wireguard-tools"), [], []
        for i in range(2):
            key = text(wg, "genkey")
            files.append(os.path.join(self.w.directory, f"{name}{self.tag}-key-{i}"))
            with open(os.open(files[-1], os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as f:
                f.write(key + "\n")
            public.append(text(wg, "pubkey", stdin=key))
        return files, public

    def start_ours(self, more):
        files, public = self.keys("cell")
        cells, logs = [], []
        for i, other in ((0, 1), (1, 0)):
            place = self.w.place(f"cell{self.tag}-{i}")
            config, log = os.path.join(place, "config"), os.path.join(place, "log")
            with open(config, "w", encoding="utf-8") as f:
                f.write(f"interface: cell0\nlisten: 0.0.0.0:{PORT}\nkey: {files[i]}\naddress: [10.9.0.{i + 1}/24]\n{more}\n"
                        f'peers: [{{key: "{public[other]}", endpoint: "{WIRE}.{other + 1}:{PORT}", allowed: [10.9.0.{other + 1}/32]}}]\n')
            cells.append(self.w.start([*self.enter(i), self.w.binary("cell-datapath"), "--standalone", "--config", config, "--run",
                                       self.w.place(f"cell{self.tag}-{i}/run"), "--state",
                                       self.w.place(f"cell{self.tag}-{i}/state")], out=log))
            logs.append(log)
        world.until(lambda: all("CELL-READY" in open(log, encoding="utf-8").read() for log in logs), 20, "two overlays", 0.05)
        self.logs = logs
        return Tunnel("cell", "10.9.0.2", [c.pid for c in cells])

    def start_wireguard(self, ip):
        return self.start_go(ip, "wireguard-go", self.w.tool("wireguard-go", "wireguard-go"), "wg", "10.8.0", PORT + 1)

    def start_newer(self):
        """The one with offloads (bench/README.md says how to build it)."""
        return self.start_go(self.w.tool("ip", "iproute2"), "wireguard-go of 2023", self.w.external("wireguard-go-2023"), "wn", "10.7.0", PORT + 2)

    def start_go(self, ip, name, program, short, network, port):
        wg = self.w.tool("wg", "wireguard-tools")
        files, public = self.keys(short)
        names, started = [f"{short}{self.tag}{os.getpid() % 100000}{i}" for i in range(2)], []
        for i in range(2):
            started.append(self.w.start([*self.enter(i), program, "-f", names[i]]))
        for i, other in ((0, 1), (1, 0)):
            # Its socket is there before it answers; `wg` asks the kernel then, which knows nothing of it.
            world.until(lambda i=i: subprocess.run([*self.enter(i), wg, "show", names[i]], capture_output=True, check=False, timeout=60).returncode == 0,
                        20, "wireguard-go listens", 0.05)
            self.do(i, wg, "set", names[i], "private-key", files[i], "listen-port", str(port), "peer", public[other],
                    "endpoint", f"{WIRE}.{other + 1}:{port}", "allowed-ips", f"{network}.{other + 1}/32")
            self.do(i, ip, "address", "add", f"{network}.{i + 1}/24", "dev", names[i])
            self.do(i, ip, "link", "set", names[i], "mtu", "1420", "up")
        return Tunnel(name, f"{network}.2", [p.pid for p in started])

    def measure(self, tunnel, sink, source, *words, pinned=False):
        """Numbers that the source prints, and the processor's seconds."""
        pin = [["taskset", "-c", str(cpu)] if pinned and os.cpu_count() > 1 else [] for cpu in (0, 1)]
        far = subprocess.Popen([*self.enter(1), *pin[1], self.load, sink, tunnel.far, str(LOAD)], stdout=subprocess.PIPE, text=True)
        try:
            if far.stdout.readline() != "ready\n":
                raise world.Unmeasured(f"{sink} at {tunnel.far}")
            pids = [*tunnel.pids, far.pid]
            before, soft = used_s(pids), softirq_s()
            children = os.times()
            done = self.do(0, *pin[0], self.load, source, tunnel.far, str(LOAD), *map(str, words))
            after = os.times()
            used = used_s(pids) - before + softirq_s() - soft + \
                after.children_user + after.children_system - children.children_user - children.children_system
        finally:
            far.kill()
            far.wait()
        return [float(n) for n in done.split()], max(used, 0.01)

    def turns(self, runs, *tunnels):
        """Each tunnel once a turn, in an order that changes."""
        for turn in range(max(runs, 5)):
            yield from tunnels[turn % len(tunnels):] + tunnels[:turn % len(tunnels)]


def times_row(name, ours, unit, floor, peer, goal, is_met, note=""):
    """Ratios within turns: the host changes, only neighbours are compared. A turn in which one of them got nothing through at any
    rate says something of the host alone."""
    def ratios(other):
        return [a / b for a, b in zip(ours.medians, other.medians) if a > 0 and b > 0]

    times = rows.sample("times", ratios(peer))
    share = rows.sample("share", ratios(floor)) if floor else None
    note = f"{times.median:.3g} x {peer.name} [{times.spread[0]:.3g}, {times.spread[1]:.3g}]" + \
        (f", {share.median:.3g} x {floor.name} [{share.spread[0]:.3g}, {share.spread[1]:.3g}]" if share else "") + \
        " within turns" + (f"; {note}" if note else "")
    return rows.row(name, ours, unit, floor, peer, goal=goal, met=is_met(times.median, share.median if share else None), note=note)


def samples(lab):
    return {t: rows.Sample(t.name) for t in (lab.ours, lab.peer, lab.veth)}


def tcp(w):
    lab = Lab(w)
    rate, core, again = samples(lab), samples(lab), []
    for tunnel in lab.turns(w.runs, lab.ours, lab.peer, lab.veth):
        stream, used = lab.measure(tunnel, "tcp-sink", "tcp-source", SECONDS)
        rate[tunnel].add([gbit(stream)])
        core[tunnel].add([8 * stream[0] / 1e9 / used])
        again += [stream[2]] if tunnel is lab.ours else []
    yield times_row("datapath.tcp", rate[lab.ours], "Gbit/s", rate[lab.veth], rate[lab.peer],
                    ">= 10 x wireguard-go and >= 0.3 x veth", lambda times, share: times >= 10 and share >= 0.3,
                    f"{max(again):.0f} segments sent again at most")
    yield times_row("datapath.tcp.core", core[lab.ours], "Gbit/core-s", core[lab.veth], core[lab.peer],
                    ">= 9.7 x wireguard-go's and >= 0.243 x veth's (3.5 Gbit where they do 0.36 and 14.4)",
                    lambda times, share: times >= 9.7 and share >= 0.243)


def newer(w):
    """One stream beside the wireguard-go that has offloads, too."""
    lab = Lab(w)
    peer = lab.start_newer()
    rate, core = ({t: rows.Sample(t.name) for t in (lab.ours, peer)} for _ in range(2))
    for tunnel in lab.turns(w.runs, lab.ours, peer):
        stream, used = lab.measure(tunnel, "tcp-sink", "tcp-source", SECONDS)
        rate[tunnel].add([gbit(stream)])
        core[tunnel].add([8 * stream[0] / 1e9 / used])
    yield times_row("datapath.newer", rate[lab.ours], "Gbit/s", None, rate[peer], ">= 2 x its", lambda times, _: times >= 2)
    yield times_row("datapath.newer.core", core[lab.ours], "Gbit/core-s", None, core[peer], ">= 2 x its", lambda times, _: times >= 2)


def climb(lab, tunnel, size):
    """The highest rate of the ladder of which less than one in a hundred is lost: k a second, and k a second of processor."""
    best, per_core, missed = 0.0, 0.0, 0
    for rate in RATES:
        (sent, came, ns), used = lab.measure(tunnel, "udp-sink", "udp-source", size, rate, LADDER_S)
        holds = came >= 0.99 * sent and sent >= 0.9 * rate * LADDER_S
        if holds:
            best, per_core, missed = came * 1e6 / ns, came / 1e3 / used, 0
        else:
            missed += 1
        if missed == 2: # once may be the host's doing
            break
    return best, per_core


def udp(w):
    lab = Lab(w)
    for size, goal in ((64, 3), (1200, 2)):
        rate, core = samples(lab), samples(lab)
        for tunnel in lab.turns(w.runs, lab.ours, lab.peer, lab.veth):
            best, per_core = climb(lab, tunnel, size)
            rate[tunnel].add([best])
            core[tunnel].add([per_core])
        if not all(s.median > 0 for s in (*rate.values(), *core.values())):
            raise world.Unmeasured("a tunnel lost more than one in a hundred at every rate: the host is too busy")
        yield times_row(f"datapath.udp.{size}", rate[lab.ours], "k/s", rate[lab.veth], rate[lab.peer], f">= {goal} x wireguard-go",
                        lambda times, _, goal=goal: times >= goal, "less than 1 % lost")
        yield times_row(f"datapath.udp.{size}.core", core[lab.ours], "k/core-s", core[lab.veth], core[lab.peer],
                        f">= {goal} x wireguard-go", lambda times, _, goal=goal: times >= goal)


def rtt(w):
    """What a round trip takes longer than on the bare wire; each end on a processor of its own."""
    lab = Lab(w)
    took = samples(lab)
    for tunnel in lab.turns(w.runs, lab.ours, lab.peer, lab.veth):
        (p50, _, _, _), _ = lab.measure(tunnel, "echo", "rtt", 64, ROUNDS, pinned=True)
        took[tunnel].add([p50 / 1000])
    added = {t: rows.sample(t.name, [a - b for a, b in zip(took[t].medians, took[lab.veth].medians)]) for t in (lab.ours, lab.peer)}
    shares = [a / b for a, b in zip(added[lab.ours].medians, added[lab.peer].medians) if b > 0]
    if not shares:
        raise world.Unmeasured("the wire alone took as long as wireguard-go every time: the host is too busy")
    share = rows.sample("share", shares)
    yield rows.row("datapath.rtt.added", added[lab.ours], "us", None, added[lab.peer], goal="<= 0.25 x wireguard-go's",
                   met=share.median <= 0.25, note=f"{share.median:.3g} x wireguard-go's [{share.spread[0]:.3g}, {share.spread[1]:.3g}] "
                   f"within turns, on top of {took[lab.veth].median:.1f} us")


def renew(w):
    """A session is renewed every ten seconds under 5,000 packets a second: how many are lost."""
    lab = Lab(w, "rekey: 10")
    lost = rows.Sample("ours")
    (sent, came, _), _ = lab.measure(lab.ours, "udp-sink", "udp-source", 200, 5000, 35)
    lost.add([sent - came])
    yield rows.row("datapath.renew.lost", lost, "packets", goal="0", met=sent == came, note=f"of {sent:.0f}, three renewals")


def handshakes(w):
    """What the side that answers spends on one, and on its multiplications alone."""
    ours, floor = rows.Sample("ours"), rows.Sample("X25519")
    for turn in range(max(w.runs, 5)):
        for sample, kind in ((ours, "answer"), (floor, "floor"))[::1 if turn % 2 == 0 else -1]:
            sample.add([float(text(w.binary("overlay_shakes"), kind, "2000")) / 1000])
    shares = rows.sample("share", [f / o for o, f in zip(ours.medians, floor.medians)])
    yield rows.row("datapath.handshake", ours, "us", floor, goal=">= 0.9 x its multiplications alone, by libsodium",
                   met=shares.median >= 0.9, note=f"{shares.median:.3f} [{shares.spread[0]:.3f}, {shares.spread[1]:.3f}] x as many as of the "
                   f"multiplications alone within turns; {1e6 / ours.median:.0f} a second and core (7,000 where one takes 30 us)")


WAYS = {"udp": "", "plain": "", "xdp": "path=xdp at=xdp"} # what the log says of it


def start_ways(w):
    """A pair of cells for each way of datagrams, on a wire of its own: XDP changes what a wire is."""
    labs = {way: Lab(w, f"underlay: wire\npath: {way}", way[0]) for way in WAYS}
    world.until(lambda: all("DATAPATH-SHIELD" in open(log, encoding="utf-8").read() for lab in labs.values() for log in lab.logs), 20,
                "shields")
    for log in labs["xdp"].logs:
        with open(log, encoding="utf-8") as f:
            if WAYS["xdp"] not in f.read():
                raise world.Unmeasured("no AF_XDP here")
    return labs


def ways(w):
    """What `path` is worth at this interface: a round trip of 64 bytes, 40,000 datagrams of 64 bytes a second, one stream. wireguard-go
    and the wire are those beside `udp`."""
    labs = start_ways(w)
    beside = labs["udp"]
    takers = [(way, lab, lab.ours) for way, lab in labs.items()] + [(t.name, beside, t) for t in (beside.peer, beside.veth)]
    figures = {
        "rtt": ("us", lambda lab, t: lab.measure(t, "echo", "rtt", 64, ROUNDS, pinned=True)[0][0] / 1000),
        "udp64.core": ("k/core-s", lambda lab, t: per_core_k(lab.measure(t, "udp-sink", "udp-source", 64, 40000, SECONDS))),
        "tcp": ("Gbit/s", lambda lab, t: gbit(lab.measure(t, "tcp-sink", "tcp-source", SECONDS)[0])),
    }
    for figure, (unit, take) in figures.items():
        taken = {name: rows.Sample(name) for name, _, _ in takers}
        for turn in range(max(w.runs, 5)):
            at = turn % len(takers)
            for name, lab, tunnel in takers[at:] + takers[:at]:
                taken[name].add([take(lab, tunnel)])
        for way in labs:
            times = rows.sample("udp", [a / b for a, b in zip(taken[way].medians, taken["udp"].medians) if b > 0])
            note = f"{times.median:.3g} x by `path: udp` [{times.spread[0]:.3g}, {times.spread[1]:.3g}] within turns"
            yield rows.row(f"datapath.ways.{figure}.{way}", taken[way], unit, taken[beside.veth.name], taken[beside.peer.name],
                           note="" if way == "udp" else note)


def per_core_k(measured):
    (_, came, _), used = measured
    return came / 1e3 / used


def gbit(stream):
    size, ns, _ = stream
    return 8 * size / ns


PARTS = {"tcp": tcp, "newer": newer, "udp": udp, "rtt": rtt, "renew": renew, "handshakes": handshakes, "ways": ways}
