"""Several nodes on a network of their own: one network namespace a node, a bridge between them in one more.

    def test_x(make_cluster):
        cluster = make_cluster(3, [{"name": "nodosum", ...}])
        cluster.up()
        cluster.cut(cluster[0], cluster[1])            # and heal(); one_way=True: only what 0 sends to 1
        cluster[2].crash()                             # every process of the node at once, by SIGKILL
        cluster.wait_each(cluster[:2], living, 2, 1.2, "node 2 is known to be dead")

Node i has 10.77.0.i+1 and fdce::i+1 on its `eth0`. What a frame may do is decided where it enters the port of its
receiver, by the sender's hardware address: so cuts hold for everything, multicast and ARP too. The filters are
classic BPF in tc, which every kernel with NET_CLS_BPF has, unlike netem; delays are netem where there is one and a
process that carries the frames (wire.py) where not."""
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import time

from . import node as node_module, procs, remains, wait

HERE = os.path.dirname(os.path.realpath(__file__))
NODES_MAX = 250 # the last byte of an address
NSENTER = shutil.which("nsenter") or "/usr/bin/nsenter"
DROP, PASS = 2, 0xffffffff # TC_ACT_SHOT, TC_ACT_UNSPEC
LOAD_SENDER = "32 0 0 8"              # the last four bytes of the sender's hardware address
LOAD_RANDOM = f"32 0 0 {0xfffff000 + 56}" # SKF_AD_OFF + SKF_AD_RANDOM
SENDER_BASE = 0x11000000
SETTLE = 10.0
TOGETHER = 4 # nodes that start or end at one time


def missing():
    """What this machine lacks for a cluster, or None."""
    if os.geteuid() != 0:
        return "a cluster needs root: network namespaces and a bridge"
    for tool in ("ip", "tc", "nsenter"):
        if shutil.which(tool) is None:
            return f"a cluster needs the program {tool}"
    script = ("ip link add br0 type bridge && ip link add x0 type veth peer name y0 && tc qdisc add dev x0 clsact && "
              f"tc filter add dev x0 egress pref 1 protocol all bpf da bytecode '1,6 0 0 {PASS}'")
    made = subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, check=False)
    return None if made.returncode == 0 else \
        "a cluster needs bridge, veth and tc bpf filters: " + made.stderr.decode().strip()


def has_netem():
    made = subprocess.run(["unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"],
                          capture_output=True, check=False)
    return made.returncode == 0


def filter_program(rules):
    """Bytecode for {sender index: share of its frames that is lost}."""
    code = [LOAD_SENDER]
    for sender, share in sorted(rules.items()):
        if share >= 1:
            code += [f"21 0 1 {SENDER_BASE + sender + 1}", f"6 0 0 {DROP}"]
        else:
            code += [f"21 0 4 {SENDER_BASE + sender + 1}", LOAD_RANDOM, f"53 1 0 {int(share * 0xffffffff)}",
                     f"6 0 0 {DROP}", f"6 0 0 {PASS}"]
    code.append(f"6 0 0 {PASS}")
    return f"{len(code)}," + ",".join(code)


class Member(node_module.Node):
    """A node in a namespace of its own."""

    def __init__(self, cluster, index, build, manifest, name, beside=None):
        """beside: a member whose namespace, and so address, it shares."""
        self.index, self.cluster, self.beside = index, cluster, beside
        self.clock_s = 0 # how far its monotonic clock and that of its boot are ahead of this machine's; before up()
        number = index + 1 if beside is None else beside.index + 1
        self.address, self.address6 = f"10.77.0.{number}", f"fdce::{number:x}"
        self.place, self.namespace = cluster.namespace() if beside is None else (beside.place, beside.namespace)
        super().__init__(build, manifest, name, directory=os.path.join(cluster.directory, f"n{index}"))

    def up(self, timeout=node_module.UP_DEADLINE):
        self.damage = None # what a crash left, the start has to deal with
        return super().up(timeout)

    def execute(self, command, timeout=30.0, stdin="", env=None):
        shift = ["unshare", "--time", "--fork", "--monotonic", str(self.clock_s), "--boottime", str(self.clock_s)]
        return super().execute([NSENTER, f"--net={self.namespace}", *(shift if self.clock_s else []), *command], timeout, stdin, env)

    def program(self, *command, **options):
        """Start a program in the node's namespace; ended with the cluster."""
        return self.cluster.program(self.namespace, *command, **options)

    def freeze(self):
        """SIGSTOP every process of the node, as when a machine stands still; thaw() lets them go on."""
        seen = []
        while (new := [p for p in self.processes() if p not in seen]):
            for pid in new: # a parent that is stopped starts nothing any more: the loop ends
                procs.kill(pid, node_module.signal.SIGSTOP)
            seen += new
        wait.until(lambda: all((state := procs.stat(pid)) is None or state[1] in "TZX" for pid in seen), 10, "all have stopped")
        return seen

    def thaw(self):
        for pid in self.processes():
            procs.kill(pid, node_module.signal.SIGCONT)

    def crash(self):
        """End every process of the node with SIGKILL, as a power cut would. up() starts it again."""
        self.damaged("the whole node was killed")
        found = self.freeze() # or the guard would start another nucleus in between
        for pid in found:
            procs.kill(pid)
        self.wait_until(lambda: not self.processes(), SETTLE, f"every process of {self.name} is gone")
        return found


class Cluster:
    def __init__(self, build, count, manifest, prefix="node"):
        """manifest: as Node takes it, or a function of the node's index that returns one."""
        assert 0 < count <= NODES_MAX
        self.directory = tempfile.mkdtemp(prefix=remains.PREFIX, dir=remains.TOP)
        remains.claim(self.directory)
        self.programs, self.members = [], []
        self.rules, self.filtered, self.wires = {}, set(), {} # rules: {receiver: {sender: share lost}}
        environment = {**os.environ, "CELL_TEST_CLUSTER": self.directory}
        self.warden = subprocess.Popen([sys.executable, os.path.join(HERE, "warden.py"), self.directory],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
                                       start_new_session=True) # Ctrl-C is for the test alone
        try:
            self.place, self.hub = self.namespace()
            self.ip("link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
            self.ip("link", "set", "bridge", "up")
            for index in range(count):
                self.add(build, manifest(index) if callable(manifest) else manifest, f"{prefix}-{index + 1}")
        except BaseException:
            self.close()
            raise

    def __getitem__(self, index):
        return self.members[index]

    def __len__(self):
        return len(self.members)

    # ---- the network ----------------------------------------------------------------------------

    def ask(self, request):
        self.warden.stdin.write(request + "\n")
        self.warden.stdin.flush()
        answer = self.warden.stdout.readline().strip()
        assert answer and not answer.startswith("error"), f"the warden says to {request!r}: {answer!r}"
        return answer

    def namespace(self):
        place, path = self.ask("new").split()
        return int(place), path

    def inside(self, namespace, *command, check=True, given=None):
        made = subprocess.run([NSENTER, f"--net={namespace}", *command], capture_output=True, text=True, check=False, input=given)
        assert made.returncode == 0 or not check, f"{' '.join(command)}: {made.stderr.strip()}"
        return made

    def ip(self, *words):
        return self.inside(self.hub, "ip", *words)

    def batch(self, namespace, *lines):
        """Several commands of ip as one: most of what they take is the start of a process."""
        return self.inside(namespace, "ip", "-batch", "-", given="\n".join(lines) + "\n")

    def add(self, build, manifest, name):
        """One more node, not started yet."""
        node = Member(self, len(self.members), build, manifest, name)
        port, i = f"p{node.index}", node.index + 1
        mac = f"02:ce:11:00:{i >> 8:02x}:{i & 255:02x}"
        self.batch(self.hub, f"link add {port} type veth peer name eth0 address {mac} netns {node.namespace}",
                   f"link set {port} master bridge up")
        self.inside(self.hub, "tc", "qdisc", "add", "dev", port, "clsact")
        has_six = os.path.isdir("/proc/sys/net/ipv6")
        self.batch(node.namespace, f"addr add {node.address}/16 dev eth0", "link set eth0 up", "route add 224.0.0.0/4 dev eth0",
                   *([f"addr add {node.address6}/64 dev eth0 nodad"] if has_six else []))
        self.ask(f"raw {node.place} eth0")
        self.members.append(node)
        return node

    def beside(self, other, build, manifest, name):
        """One more node on the same host as `other`: it shares its network. Cut and delay the other instead."""
        self.members.append(Member(self, len(self.members), build, manifest, name, other))
        return self.members[-1]

    def _apply(self, receivers):
        """Make the filters of these nodes' ports what the rules say: in one batch, the new one of a port before its
        old one goes, so nothing slips through between them."""
        lines = []
        for index in sorted(receivers):
            place, rules = f"dev p{index} egress pref", self.rules.get(index)
            if rules:
                add = f"protocol all bpf da bytecode \"{filter_program(rules)}\""
                lines.append(f"filter add {place} 2 {add}")
                lines += [f"filter del {place} 1"] if index in self.filtered else []
                lines += [f"filter add {place} 1 {add}", f"filter del {place} 2"]
                self.filtered.add(index)
            elif index in self.filtered:
                lines.append(f"filter del {place} 1")
                self.filtered.remove(index)
        made = subprocess.run([NSENTER, f"--net={self.hub}", "tc", "-batch", "-"], input="\n".join(lines) + "\n",
                              capture_output=True, text=True, check=False)
        assert made.returncode == 0, f"filters: {made.stderr}\n" + "\n".join(lines)

    @staticmethod
    def _pairs(left, right):
        lefts = left if isinstance(left, (list, tuple)) else [left]
        rights = right if isinstance(right, (list, tuple)) else [right]
        return [(a, b) for a in lefts for b in rights if a is not b]

    def lose(self, left, right, share, one_way=False):
        """Lose `share` (0 to 1) of the frames that `left` sends to `right`, and the other way unless one_way.
        Each is a node or a list of them. 0 heals."""
        changed = set()
        for a, b in self._pairs(left, right):
            for sender, receiver in ((a, b),) if one_way else ((a, b), (b, a)):
                rules = self.rules.setdefault(receiver.index, {})
                rules.pop(sender.index, None)
                if share > 0:
                    rules[sender.index] = share
                changed.add(receiver.index)
        self._apply(changed)

    def cut(self, left, right, one_way=False):
        """Nothing that `left` sends reaches `right` any more; nor the other way unless one_way."""
        self.lose(left, right, 1, one_way)

    def split(self, *groups):
        """Groups of nodes that do not hear each other."""
        for i, group in enumerate(groups):
            for other in groups[i + 1:]:
                self.cut(list(group), list(other))

    def heal(self):
        """Every frame arrives again."""
        self.rules = {}
        self._apply(set(self.filtered))

    def delay(self, node, delay_ms, jitter_ms=0.0, by_hand=None):
        """All that `node` sends and receives takes so much longer, in each direction; 0: no longer.
        by_hand: True forbids netem."""
        self._undelay(node)
        if delay_ms <= 0:
            return
        port, near, far = (f"{letter}{node.index}" for letter in "pab")
        if has_netem() and not by_hand:
            words = ("root", "netem", "delay", f"{delay_ms}ms", f"{jitter_ms}ms")
            self.inside(self.hub, "tc", "qdisc", "add", "dev", port, *words)
            self.inside(node.namespace, "tc", "qdisc", "add", "dev", "eth0", *words)
            self.wires[node.index] = None
            return
        self.ip("link", "set", port, "nomaster")
        self.ip("link", "add", near, "type", "veth", "peer", "name", far)
        self.ip("link", "set", near, "master", "bridge", "up")
        self.ip("link", "set", far, "up", "promisc", "on")
        self.ip("link", "set", port, "promisc", "on")
        wire = self.program(self.hub, sys.executable, os.path.join(HERE, "wire.py"), port, far, delay_ms, jitter_ms,
                            node.index + 1, stdout=subprocess.PIPE)
        assert wire.stdout.readline() == b"ready\n", "the slow wire does not start"
        self.wires[node.index] = wire

    def _undelay(self, node):
        if node.index not in self.wires:
            return
        wire = self.wires.pop(node.index)
        if wire is None:
            self.inside(self.hub, "tc", "qdisc", "del", "dev", f"p{node.index}", "root")
            self.inside(node.namespace, "tc", "qdisc", "del", "dev", "eth0", "root")
            return
        self.end(wire)
        self.ip("link", "del", f"a{node.index}")
        self.ip("link", "set", f"p{node.index}", "master", "bridge")

    def unplug(self, node):
        """Pull the node's cable: its interface has no carrier."""
        self.ip("link", "set", f"p{node.index}", "down")

    def plug(self, node):
        self.ip("link", "set", f"p{node.index}", "up")

    # ---- programs and nodes ---------------------------------------------------------------------

    def program(self, namespace, *command, **options):
        environment = {**os.environ, "CELL_TEST_CLUSTER": self.directory}
        made = subprocess.Popen([NSENTER, f"--net={namespace}", *map(str, command)], env=environment, **options)
        self.programs.append(made)
        return made

    def end(self, program):
        if program.poll() is None:
            program.kill()
        program.wait(SETTLE)
        for stream in (program.stdin, program.stdout, program.stderr):
            if stream is not None:
                stream.close()
        self.programs.remove(program)

    def up(self, nodes=None):
        """Start the nodes together and wait until every cell of each is ready."""
        with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
            list(pool.map(Member.up, nodes if nodes is not None else self.members))

    # ---- claims ---------------------------------------------------------------------------------

    @staticmethod
    def wait_each(nodes, look, expected, deadline, why, poll=0.02):
        """Wait until look(node) gives `expected` for every node; returns the seconds that took. Past the deadline
        it fails and says for each node what was seen last. `expected` may be a function of what was seen."""
        begin, seen = time.monotonic(), {}

        def is_met(value):
            return expected(value) if callable(expected) else value == expected

        while True:
            left = []
            for node in nodes:
                try:
                    seen[node.name] = look(node)
                    good = is_met(seen[node.name])
                except Exception as fault: # pylint: disable=broad-except
                    seen[node.name], good = f"{type(fault).__name__}: {fault}", False
                if not good:
                    left.append(node.name)
            took = time.monotonic() - begin
            if not left:
                return took
            if took > deadline:
                lines = [f"  {name}{'' if name in left else ' (as it should)'}: {value!r}"
                         for name, value in seen.items()]
                raise AssertionError(f"not within {deadline} s: {why}\nlast seen:\n" + "\n".join(lines))
            time.sleep(poll)

    # ---- the end --------------------------------------------------------------------------------

    @staticmethod
    def _close_one(node):
        try:
            node.close()
        except AssertionError as fault:
            return f"{node.name}: {fault}"
        return None

    def close(self):
        """End everything and fail if a node left something behind."""
        faults = []
        for node in self.members:
            node.thaw()
        with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
            faults += [f for f in pool.map(self._close_one, self.members) if f]
        for program in list(self.programs):
            self.end(program)
        self.warden.stdin.close()
        try:
            self.warden.wait(SETTLE)
        except subprocess.TimeoutExpired:
            faults.append("the warden does not end")
            self.warden.kill()
            self.warden.wait()
        self.warden.stdout.close()
        try:
            wait.until(lambda: not remains.processes(self.directory), SETTLE, "every process of the cluster ended")
        except AssertionError as fault:
            faults.append(f"{fault}: {[procs.name(p) for p in remains.processes(self.directory)]}")
        if os.path.exists(self.directory):
            faults.append(f"the directory {self.directory} is left")
        assert not faults, "\n".join(faults)
