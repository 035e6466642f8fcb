"""The overlay's shield in the kernel: ns a packet by what becomes of it, beside the same program when it is off; and in front
of a cell, how much of a quiet flow comes through while the same wire carries a flood of nobody's datagrams. The flood is made
on the same processors."""
import datetime
import json
import os
import re
import signal
import subprocess
import time

from bench.kit import rows, world
from bench.topics import datapath

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


FLOW = (1200, 5000)     # bytes, datagrams a second: 48 Mbit/s
FLOW_S = 1.0
SETTLE_S = 0.8          # from the beginning of a flood until what comes through is looked at: XDP hangs within 0.2


class Flooded(datapath.Lab):
    """A lab in which the first end can flood the second."""

    def __init__(self, w, shield, has_peer=False, tag=""):
        self.has_peer, self.flood_began_s = has_peer, 0.0
        super().__init__(w, f"underlay: wire\nshield: {shield}", tag=tag or shield.split()[0])
        self.do(1, w.binary("flood"), "gro", "wire")
        self.mac = json.loads(self.do(1, "ip", "-json", "link", "show", "wire"))[0]["address"]

    def start_wireguard(self, ip):
        return super().start_wireguard(ip) if self.has_peer else None

    def through(self, tunnel, port, kind, rate, seconds=FLOW_S, settle_s=SETTLE_S):
        """The share of a flow that arrives, and datagrams of the flood a second. The flow begins settle_s after the flood."""
        flood = None
        if rate > 0:
            flood = subprocess.Popen([*self.enter(0), self.w.binary("flood"), "wire", self.mac, f"{datapath.WIRE}.2", str(port), kind,
                                      str(rate), str(seconds + settle_s + 0.4)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if flood.stdout.readline() != "ready\n":
                raise world.Unmeasured(f"no flood here: {flood.communicate()[1].strip()}")
            self.flood_began_s = time.time()
            time.sleep(settle_s)
        (sent, came, _), _ = self.measure(tunnel, "udp-sink", "udp-source", *FLOW, seconds)
        if flood is None:
            return came / sent, 0
        count, ns = map(int, flood.communicate(timeout=60)[0].split())
        return came / sent, count * 1e9 / ns

    def dropping(self):
        """A process with which the second end drops the flood for nothing."""
        made = subprocess.Popen([*self.enter(1), self.w.binary("flood"), "drop", "wire"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if made.stdout.readline() != "ready\n":
            raise world.Unmeasured(f"nothing drops here: {made.communicate()[1].strip()}")
        return made

    def lost(self):
        """How often an end lost the way to the other: no answer to three pings."""
        logs = [open(os.path.join(self.w.place(f"cell{self.tag}-{i}"), "log"), encoding="utf-8") for i in range(2)]
        return sum(log.read().count(" DATAPATH-WAY-LOST ") for log in logs)

    def end(self):
        for pid in self.ours.pids:
            os.kill(pid, signal.SIGKILL)
        for end in self.ends:
            end.kill()
            end.wait()

    def xdp_since_s(self):
        """When the second end's shield began to judge by XDP, as its log has it; None: it did not."""
        with open(os.path.join(self.w.place(f"cell{self.tag}-1"), "log"), encoding="utf-8") as log:
            said = re.findall(r"^(\S+)Z \S+ DATAPATH-SHIELD \S+ at=xdp", log.read(), re.MULTILINE)
        return datetime.datetime.fromisoformat(said[0] + "+00:00").timestamp() if said else None


# name: shield, whose flow, kind and rate of the flood, goal
FLOODS = {
    "tcx": ("tcx", "ours", "data", 1_000_000, ">= 0.9 of the flow at 1 million a second"),
    "xdp": ("xdp", "ours", "data", 3_000_000, ">= 0.9 of the flow at 3 million a second"),
    "auto": ("auto", "ours", "data", 3_000_000, ">= 0.9 of the flow at 3 million a second"),
    "initiations": ("auto", "ours", "initiation", 1_000_000, ">= 0.9 of the flow at 1 million forged initiations a second"),
    "signals": ("auto", "ours", "signal", 1_000_000, ">= 0.9 of the flow at 1 million signals of nobody a second, no way lost"),
    "relayed": ("auto", "ours", "relayed", 1_000_000, ">= 0.9 of the flow at 1 million a second of no relay, no way lost"),
    "repeated": ("auto", "ours", "repeated", 1_000_000, ">= 0.9 of the flow at 1 million repeated signals a second, no way lost"),
    "floor": ("off", "ours", "data", 3_000_000, ""),
    "none": ("off", "ours", "data", 1_000_000, ""),
    "wireguard-go": ("off", "peer", "data", 1_000_000, ""),
}


OWN = ("signals", "relayed", "repeated")
# Without the shield, but with a program that drops the flood by the network that it is from, and looks at nothing else: what the
# making and the dropping of it leave of the processors.
FLOOR = "floor"


def floods(w):
    labs = {shield: Flooded(w, shield, shield == "off") for shield in ("tcx", "xdp", "auto", "off")}
    came, still, rates = ({name: rows.Sample(name) for name in FLOODS} for _ in range(3))
    lost = dict.fromkeys(FLOODS, 0)
    for turn in range(max(w.runs, 3)):
        for name in sorted(FLOODS, reverse=turn % 2 == 0):
            shield, whose, kind, rate, _ = FLOODS[name]
            lab = labs[shield]
            tunnel, port = (lab.ours, datapath.PORT) if whose == "ours" else (lab.peer, datapath.PORT + 1)
            dropping = lab.dropping() if name == FLOOR else None
            still[name].add([lab.through(tunnel, port, kind, 0)[0]])
            ways = lab.lost()
            # Of our own kinds long enough that who hears no signals says so.
            share, made = lab.through(tunnel, port, kind, rate, FLOW_S * (4 if name in OWN else 1))
            if dropping is not None:
                dropping.kill()
                dropping.wait()
            lost[name] += lab.lost() - ways
            came[name].add([share])
            rates[name].add([made / 1e6])
    for name, (_, _, kind, rate, goal) in FLOODS.items():
        reached = rates[name].median
        peer = came["wireguard-go"] if name != "wireguard-go" and (kind, rate) == FLOODS["wireguard-go"][2:4] else None
        yield rows.row(f"shield.flood.{name}", came[name], "of the flow", floor=still[name], peer=peer, goal=goal,
                       met=came[name].median >= 0.9 and (name not in OWN or lost[name] == 0) if goal and reached >= 0.8 * rate / 1e6 else None,
                       note=f"{reached:.2g} million a second were made [{rates[name].spread[0]:.2g}, {rates[name].spread[1]:.2g}] "
                            f"of {rate / 1e6:.2g}{f'; ways lost: {lost[name]}' if name in OWN else ''}")


def change(w):
    """Cells that have just begun, with tcx: how long it is from the first datagram of a flood until XDP judges, and what arrives
    of the flow in the second that begins with the flood, beside the second before."""
    took, came, still = rows.Sample("until XDP judges"), rows.Sample("the second of the change"), rows.Sample("the second before")
    for turn in range(max(w.runs, 3)):
        lab = Flooded(w, "auto", tag=f"change{turn}")
        still.add([lab.through(lab.ours, datapath.PORT, "data", 0)[0]])
        came.add([lab.through(lab.ours, datapath.PORT, "data", 3_000_000, settle_s=0)[0]])
        since_s = lab.xdp_since_s()
        if since_s is None:
            raise world.Unmeasured("the shield stayed at tcx under the flood: the host made too little of it")
        took.add([(since_s - lab.flood_began_s) * 1000])
        lab.end()
    yield rows.row("shield.flood.change", took, "ms", goal="<= 200 ms", met=took.median <= 200, note="3 million a second wanted")
    yield rows.row("shield.flood.change.flow", came, "of the flow", floor=still)


def renewal(w):
    """Sessions renewed every ten seconds while a flood goes on: how much of the flow is lost, beside the same without a flood."""
    lab = Flooded(w, "auto\nrekey: 10", tag="renewal")
    lost = {rate: rows.Sample(str(rate)) for rate in (0, 300_000)}
    for turn in range(max(w.runs, 3)):
        for rate in sorted(lost, reverse=turn % 2 == 1):
            share, _ = lab.through(lab.ours, datapath.PORT, "data", rate, 25)
            lost[rate].add([(1 - share) * FLOW[1] * 25])
    yield rows.row("shield.flood.renew.lost", lost[300_000], "packets", floor=lost[0], goal="0", met=lost[300_000].median == 0,
                   note=f"of {FLOW[1] * 25} each time, two renewals in each, 0.3 million a second")


PARTS = {"verdicts": verdicts, "floods": floods, "change": change, "renewal": renewal}
