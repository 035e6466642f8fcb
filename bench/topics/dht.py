"""Lookups among many nodes: real cell-dht processes against as many of OpenDHT's dhtnode, on the loopback, by turns.

Ours are standalone cells on addresses of the loopback in the host's network namespace, with their sealed datagrams and
their inner sandbox; they know each other by a bootstrap list and no membership, as OpenDHT's do. A Python client puts at one of
them and gets at another, one after the other: at ours through the cells' sockets, at OpenDHT through its Python binding. Round trips
are the loopback's; what wires are worth is in docs/TESTING.md, by simulation. `silent`: a fifth of the processes are stopped
(SIGSTOP) and nobody is told."""
import json
import os
import shutil
import signal
import subprocess
import time

from bench.kit import rows, world
from tests.support import pb, sp

PUT, GET, STATS = 400, 401, 403
PORT = 7403
SEEDS = 3
DEADLINE_S = 60
IDLE_S = 6
SILENT_PART = 2 # of the operations, among silent nodes: each may cost OpenDHT more than a second
VALUE = 64
BATCH = 64
HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
MS = 1000


class Swarm:
    """Ours: processes, and a client at the last of them."""

    def __init__(self, w, tag):
        self.world, self.count = w, w.parameters["swarm"]
        self.dir = w.place(f"dht-{tag}")
        self.begun = time.monotonic()
        self.processes = [self.start(i) for i in range(self.count)]
        self.client = world.until(lambda: self.listening(-1), DEADLINE_S, "the last node listens", 0.005)
        self.other = world.until(lambda: self.listening(-2), DEADLINE_S, "another node listens", 0.005)
        last = time.monotonic()
        world.until(lambda: self.peers() >= min(8, self.count - 1), DEADLINE_S, "it knows eight others", 0.005)
        self.join_s = time.monotonic() - last

    def start(self, number):
        place = os.path.join(self.dir, f"n{number}")
        os.makedirs(place)
        keys, config = os.path.join(place, "keys"), os.path.join(place, "config.yaml")
        subprocess.run([self.world.binary("tests/system/probe/test-keys"), f"n{number}", "bench", keys], check=True, timeout=60)
        with open(config, "w", encoding="utf-8") as f:
            f.write(f"keys: {keys}\nmembers: false\nlisten: {self.address(number)}\nbootstrap:\n")
            f.writelines(f"- {self.address(i)}\n" for i in range(SEEDS) if i != number)
        return self.world.start([self.world.binary("cell-dht"), "--standalone", "--config", config, "--run", place, "--read", keys],
                                os.path.join(place, "log"), cwd=place)

    @staticmethod
    def address(number):
        return f"127.3.{number // 200}.{number % 200 + 1}:{PORT}"

    def listening(self, which):
        try:
            return sp.Client(os.path.join(self.dir, f"n{self.count + which}", "default", "dht.0.sock"), timeout=3600)
        except OSError:
            return None

    @staticmethod
    def call(client, number, body):
        reply = client.call(number, body, timeout=DEADLINE_S)
        return pb.decode(reply.body) if reply.status == sp.OK else None

    def peers(self):
        return pb.first(self.call(self.client, STATS, b""), 2, 0)

    def pids(self):
        return [p.pid for p in self.processes[:-2]]

    def put(self, value):
        """(seconds, key); None: it failed."""
        begin = time.monotonic()
        reply = self.call(self.client, PUT, pb.encode([(2, value)]))
        return (time.monotonic() - begin, pb.first(reply, 1)) if reply else (None, None)

    def get(self, key):
        begin = time.monotonic()
        reply = self.call(self.other, GET, pb.encode([(1, pb.encode([(1, key)]))]))
        return time.monotonic() - begin if reply else None

    def work(self, result, prefix, ops):
        puts = [self.put(os.urandom(VALUE)) for _ in range(ops)]
        result[prefix + "put_s"] = [seconds for seconds, _ in puts]
        result[prefix + "get_s"] = result[prefix + "end_s"] = [self.get(key) for _, key in puts if key]

    def own_key(self):
        """Of a value that the node which is asked holds itself."""
        for _ in range(20 * self.count):
            _, key = self.put(os.urandom(VALUE))
            value = pb.decode(pb.first(self.call(self.client, GET, pb.encode([(1, pb.encode([(1, key)]))])), 1))
            if pb.first(value, 7, 0):
                return key
        raise world.Unmeasured("no value falls to the node that is asked")

    def batches(self, key):
        """Gets a second of a node, 64 in an envelope; and of its CPU."""
        body = pb.encode([(1, pb.encode([(1, key)]))])
        frame = sp.envelope([sp.request(GET, body, request_id=i + 1) for i in range(BATCH)])
        before, begin, done = world.cpu_ns([self.processes[-1].pid]), time.monotonic(), 0
        while time.monotonic() - begin < 2:
            self.client.deadline = time.monotonic() + DEADLINE_S
            self.client.send(frame)
            got = 0
            while got < BATCH:
                got += len(pb.decode(self.client.read_frame()[4:]).get(2, []))
            done += got
        return done / (time.monotonic() - begin), done / ((world.cpu_ns([self.processes[-1].pid]) - before) / 1e9)

    def measure(self):
        result = {"join_s": self.join_s}
        world.quiet(2)
        before = world.cpu_ns(self.pids())
        ops = self.world.parameters["lookups"]
        self.work(result, "", ops)
        result["cpu_s"] = (world.cpu_ns(self.pids()) - before) / 1e9
        result["rate"], result["core_rate"] = self.batches(self.own_key())
        result["private_kb"] = private_kb(self.processes[-3].pid)
        world.quiet(2)
        before = world.cpu_ns(self.pids())
        world.quiet(IDLE_S)
        result["idle_cpu_s"] = (world.cpu_ns(self.pids()) - before) / 1e9 / (self.count - 2) / IDLE_S
        for process in self.processes[SEEDS:-2:5]:
            process.send_signal(signal.SIGSTOP)
        self.work(result, "silent_", -(-ops // SILENT_PART))
        return result

    def stop(self):
        self.client.close()
        self.other.close()
        for process in self.processes:
            process.kill()
            process.wait()


def private_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_"))


def opendht(w):
    for tool, package in (("dhtnode", "dhtnode"), ("unshare", "util-linux")):
        w.tool(tool, package)
    done = subprocess.run([shutil.which("unshare"), "--net", os.path.join(HERE, "opendht_load.py"), str(w.parameters["swarm"]),
                           str(w.parameters["lookups"]), str(-(-w.parameters["lookups"] // SILENT_PART)), str(IDLE_S)], capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise world.Unmeasured(f"OpenDHT (Debian packages dhtnode, python3-opendht): {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


# name, where in a result, unit, how it is shown
FIGURES = (("put", "put_s", "ms", MS), ("get", "get_s", "ms", MS), ("get.ended", "end_s", "ms", MS),
           ("silent.put", "silent_put_s", "ms", MS), ("silent.get", "silent_get_s", "ms", MS), ("silent.get.ended", "silent_end_s", "ms", MS))
GOALS = {"silent.put.p99": 10, "silent.get.ended.p99": 10} # of a stranger's silence only the worst shows on a loopback


def worst(result, where, q):
    values = sorted(float("inf") if v is None else v for v in result[where])
    return values[min(len(values) - 1, int(q * len(values)))]


def lookups(w):
    ours, theirs = [], []
    for turn in range(w.runs):
        for side in sorted((0, 1), reverse=turn % 2 == 1):
            if side == 0:
                swarm = Swarm(w, turn)
                try:
                    ours.append(swarm.measure())
                finally:
                    swarm.stop()
            else:
                theirs.append(opendht(w))

    def sample(results, value, name):
        s = rows.Sample(name)
        for result in results:
            s.add([value(result)])
        return s

    def figure(name, unit, value, goal="", is_met=None, note=""):
        a, b = sample(ours, value, "ours"), sample(theirs, value, "OpenDHT 2.4.12, dhtnode")
        return rows.row("dht." + name, a, unit, peer=b, goal=goal, met=is_met(a.median, b.median) if is_met else None, note=note)

    for name, where, unit, scale in FIGURES:
        for label, q in (("p50", 0.5), ("p99", 0.99)):
            factor = GOALS.get(f"{name}.{label}")
            yield figure(f"{name}.{label}", unit, lambda r, p=where, at=q, by=scale: worst(r, p, at) * by,
                         goal=f"<= 1/{factor} of OpenDHT's" if factor else "", is_met=(lambda a, b, f=factor: a * f <= b) if factor else None)
    ops = 2 * w.parameters["lookups"]
    yield figure("cpu", "ms", lambda r: r["cpu_s"] * MS / ops, note="of all other processes, a put or get")
    yield figure("idle.cpu", "us/s", lambda r: r["idle_cpu_s"] * 1e6, note="a process")
    yield figure("memory", "KiB", lambda r: r["private_kb"], note="private, a process")
    yield figure("join", "ms", lambda r: r["join_s"] * MS, note="until the node that asks knows eight good ones", goal="<= 1 s and 1/30", is_met=lambda a, b: a <= MS and a * 30 <= b)
    yield rows.row("dht.rate", sample(ours, lambda r: r["core_rate"], "ours"), "gets/s of CPU", goal=">= 100,000",
                   met=sample(ours, lambda r: r["core_rate"], "ours").median >= 100000,
                   note=f"{BATCH} in an envelope, of what the node itself holds; {sample(ours, lambda r: r['rate'], 'ours').median:.0f} a second as a Python client asks")


PARTS = {"lookups": lookups}
