"""The supervisor may die: NUC-10, NUC-7 (no stranger is signalled), NUC-21."""
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from support import pb, procs, sp, wait

GREET = 10000


def nucleus(node):
    return node.cli("status", json=True)["nucleus_pid"]


def rows(node):
    return {(r["namespace"], r["cell"], r["instance"]): (r["pid"], r["restarts"]) for r in node.status()}


def wait_successor(node, pid):
    return node.wait_until(lambda: nucleus(node) not in (0, pid) and nucleus(node), 10, "a new nucleus")


def test_killed_nucleus_restarts_nothing(node):
    """NUC-10: same pids, same restarts, calls go on in between; deaths afterwards are exact."""
    before = rows(node)
    old = nucleus(node)
    with node.client("greeter", 0, timeout=30) as client:
        procs.kill(old)
        for i in range(200):
            reply = client.call(GREET, pb.encode([(1, f"n{i}")]))
            assert reply.status == 1
    wait_successor(node, old)
    assert rows(node) == before
    node.kill("greeter", 0)
    node.wait_until(lambda: node.instance("greeter", 0)["state"] == "ready"
                    and node.instance("greeter", 0)["restarts"] == 1, 10, "it is restarted")
    assert "signal 9" in node.cli("events")


def test_exit_status_of_an_adopted_cell_is_exact(make_node, build):
    """NUC-10: a process that is no child of the new nucleus ends with status 7: the event says 7."""
    node = make_node([{"name": "probe", "exec": build.binary("cell-probe")}])
    node.up()
    old = nucleus(node)
    procs.kill(old)
    wait_successor(node, old)
    for status in (7, 42):
        with node.client("probe") as client:
            client.send(sp.envelope([sp.request(20001, pb.encode([(1, status)]))]))
            node.wait_until(lambda: f"ended with status {status}" in node.cli("events"), 10, f"status {status}")
        node.wait_state("probe", "ready")
        old = nucleus(node)
        procs.kill(old)
        wait_successor(node, old)


def test_nucleus_killed_again_and_again(make_node):
    """NUC-10: at random moments, also while instances are killed: no cell twice, none forgotten."""
    node = make_node([{"name": "greeter", "instances": 4, "restart": {"give_up": "16 in 1s", "max": "100ms"}}])
    node.up()
    seed = int(os.environ.get("CELL_TEST_SEED", time.time_ns() % 1000000))
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(int(os.environ.get("CELL_TEST_ROUNDS", 15))):
        status = node.wait_until(lambda: node.cli("status", json=True), 10, "the nucleus answers")
        if rng.random() < 0.7:
            victim = rng.choice(status["cells"])["pid"]
            if victim:
                procs.kill(victim)
        time.sleep(rng.random() * 0.02) # not a wait for anything: draws the moment of the blow
        procs.kill(status["nucleus_pid"])

    def settled():
        cells = node.status()
        greeters = [p for p in node.processes() if procs.name(p).startswith("cell-greeter")]
        return ([r["instance"] for r in cells] == [0, 1, 2, 3] and all(r["state"] == "ready" for r in cells)
                and sorted(greeters) == sorted(r["pid"] for r in cells))

    node.wait_until(settled, 30, "four are ready and there is no process beyond the recorded ones")


def test_guard_may_die_too(make_node):
    """NUC-10: kill -9 the guard: nothing restarts, another guard stands, and it guards."""
    node = make_node([{"name": "greeter", "instances": 2}])
    node.up()
    node.damaged("the guard is killed")
    before = rows(node)
    status = node.cli("status", json=True)
    procs.kill(status["guard_pid"])
    node.wait_until(lambda: node.cli("status", json=True)["guard_pid"] not in (0, status["guard_pid"]), 10,
                    "another guard")
    assert rows(node) == before
    procs.kill(status["nucleus_pid"])
    wait_successor(node, status["nucleus_pid"])
    assert rows(node) == before
    node.cli("down")


DOORS = ("nucleus.sock", "nucleus/cells.sock", "nucleus/gap.sock")


def doors(node):
    return [os.stat(os.path.join(node.run, file)).st_ino for file in DOORS]


def test_nobody_is_refused_while_there_is_no_nucleus(make_node):
    """NUC-10: the guard holds the listening sockets: who connects meanwhile waits and is answered."""
    node = make_node([{"name": "greeter", "instances": 2}])
    node.up()
    before = doors(node)
    for _ in range(5):
        old = nucleus(node)
        procs.kill(old)
        with sp.Client(os.path.join(node.run, "nucleus.sock"), 10) as client: # never ECONNREFUSED, never ENOENT
            reply = client.call(100, b"", timeout=10)
        assert reply.status == 1
        wait_successor(node, old)
    assert doors(node) == before, "the very same sockets"


def test_another_guard_holds_the_sockets_too(make_node):
    node = make_node([{"name": "greeter", "instances": 1}])
    node.up()
    node.damaged("the guard is killed")
    before = doors(node)
    status = node.cli("status", json=True)
    procs.kill(status["guard_pid"])
    node.wait_until(lambda: node.cli("status", json=True)["guard_pid"] not in (0, status["guard_pid"]), 10,
                    "another guard")
    old = nucleus(node)
    procs.kill(old)
    wait_successor(node, old)
    assert doors(node) == before


def test_a_door_that_was_removed_is_made_anew(make_node):
    """A socket whose file somebody unlinked is reachable for nobody: a successor makes all three again, and
    the cells find them."""
    node = make_node([{"name": "greeter", "instances": 2}])
    node.up()
    before = rows(node)
    old = nucleus(node)
    os.unlink(os.path.join(node.run, "nucleus/gap.sock"))
    procs.kill(old)
    wait_successor(node, old)
    node.wait_until(lambda: "NUCLEUS-REJOIN" in node.log() or rows(node) == before, 10, "the cells are owned")
    assert rows(node) == before
    node.kill("greeter", 0)
    node.wait_until(lambda: node.instance("greeter", 0)["restarts"] == 1
                    and node.instance("greeter", 0)["state"] == "ready", 10, "it is looked after")


def test_a_binary_that_was_removed_does_not_stop_the_successor(make_node, build, tmp_path):
    """NUC-10: the manifest in force names a program that is gone: the others are looked after all the same."""
    program = tmp_path / "cell-gone"
    shutil.copy(build.binary("cell-probe"), program)
    node = make_node([{"name": "greeter", "instances": 1}, {"name": "gone", "exec": str(program)}])
    node.up()
    before = rows(node)
    program.unlink()
    old = nucleus(node)
    procs.kill(old)
    wait_successor(node, old)
    assert rows(node) == before
    node.kill("greeter", 0)
    node.wait_until(lambda: node.instance("greeter", 0)["restarts"] == 1
                    and node.instance("greeter", 0)["state"] == "ready", 10, "the greeter is restarted")


def test_both_killed_ends_the_cells(make_node):
    """NUC-14: cells end when the node has ended: they look for a supervisor for a while, then leave."""
    node = make_node([{"name": "greeter", "instances": 1}])
    node.up()
    node.damaged("guard and nucleus are killed")
    pid = node.pid("greeter")
    status = node.cli("status", json=True)
    os.kill(status["guard_pid"], signal.SIGSTOP)
    os.kill(status["nucleus_pid"], signal.SIGKILL)
    procs.kill(status["guard_pid"])
    with node.client("greeter") as client:
        assert client.call(GREET, pb.encode([(1, "x")])).status == 1, "it serves on at first"
    node.wait_until(lambda: not procs.is_alive(pid), 60, "it left")


def test_a_node_that_was_killed_whole_starts_again(make_node):
    """Guard and nucleus are killed, the cells still look for a supervisor: the next node ends them first, for they hold what its
    own cells need, here a store."""
    node = make_node([{"name": "greeter", "instances": 2},
                      {"name": "raft", "root": True, "serves": ["raft.*"], "sandbox": {"write": ["state"]}}])
    node.up()
    node.damaged("guard and nucleus are killed")
    node.cli("raft", "put", "k", "kept")
    before = {row["pid"] for row in node.status()}
    status = node.cli("status", json=True)
    os.kill(status["guard_pid"], signal.SIGSTOP)
    procs.kill(status["nucleus_pid"])
    procs.kill(status["guard_pid"])
    wait.until(lambda: not procs.is_alive(status["nucleus_pid"]) and not procs.is_alive(status["guard_pid"]), 10, "both are dead")
    assert all(procs.is_alive(pid) for pid in before), "what this is about"
    node.up()
    assert not any(procs.is_alive(pid) for pid in before)
    assert [(row["state"], row["restarts"]) for row in node.status()] == [("ready", 0)] * 3
    assert node.cli("raft", "get", "k") == "kept\n"
    node.cli("down")


def test_a_node_starts_once_the_killed_one_has_let_go(make_node):
    """The last thread of a process that was killed ends, and lets go of its lock, when the process seems to be dead already. A node that
    runs is not waited for."""
    node = make_node([{"name": "greeter"}])
    os.makedirs(node.run, exist_ok=True)

    def let_go(lock):
        """0.12 s after it began to look for it, of the 0.5 for which it does."""
        guard = lambda: any("cell-guard" in name and node.run in name for name in map(procs.name, procs.descendants(os.getpid())))
        wait.until(guard, 20, "it begins", poll=0.001)
        time.sleep(0.12)
        fcntl.flock(lock, fcntl.LOCK_UN)

    with open(os.path.join(node.run, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        late = threading.Thread(target=let_go, args=(lock,))
        late.start()
        node.up()
        late.join()
    second = node.command("up", node.manifest_path, "--detach")
    assert second.status == 1 and "already runs here" in second.err, second
    node.cli("down")


def test_foreign_process_cannot_beat_or_rejoin(node):
    """NUC-21: neither with a guessed token nor over the junction's socket."""
    with sp.Client(os.path.join(node.run, "nucleus.sock")) as client:
        reply = client.call(107, pb.encode([(1, b"\0" * 32), (2, 1), (3, 1)]))
        assert reply.status == 7, reply # FORGED
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect(os.path.join(node.run, "nucleus", "gap.sock"))
        rejoin = pb.encode([(1, "greeter"), (2, "default"), (3, 0), (4, 1), (5, b"\0" * 32), (6, "ready")])
        s.send(pb.encode([(7, rejoin)]))
        s.settimeout(5)
        assert s.recv(100) == b"", "the nucleus hangs up"
    assert all(r["state"] == "ready" for r in node.status())


def test_other_user_reaches_nothing(node):
    """NUC-21: mode 0600 and 0711: another uid can neither list nor connect."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    os.chmod(node.directory, 0o711)
    for path in (os.path.join(node.run, "nucleus.sock"), node.socket_path("greeter")):
        child = subprocess.run(["/usr/bin/python3", "-c",
                                "import os, socket, sys\nos.setgid(12345); os.setuid(12345)\n"
                                "s = socket.socket(socket.AF_UNIX)\n"
                                "try:\n s.connect(sys.argv[1])\n"
                                "except PermissionError:\n sys.exit(7)\n", path], check=False)
        assert child.returncode == 7, path


def test_no_secret_in_environment_arguments_or_logs(node):
    """NUC-3: every process of the node starts with an empty environment; no token anywhere readable."""
    for row in node.status():
        if os.geteuid() == 0:
            with open(f"/proc/{row['pid']}/environ", "rb") as f:
                assert f.read() == b""
        else: # another process of the same user may not even look
            with pytest.raises(PermissionError):
                open(f"/proc/{row['pid']}/environ", "rb")
        with open(f"/proc/{row['pid']}/cmdline", "rb") as f:
            assert re.fullmatch(rb"[a-z0-9_./: -]*\0", f.read())
    with open(os.path.join(node.run, "nucleus", "ledger"), "rb") as f:
        ledger = f.read()
    assert len(ledger) > 4096
    assert os.stat(os.path.join(node.run, "nucleus")).st_mode & 0o077 == 0
    logs = node.log()
    for at in range(0, len(ledger) - 32, 8):
        part = ledger[at:at + 32]
        if len(set(part)) > 20: # looks random: a token
            assert part.hex() not in logs


def test_ledger_damage_is_survived(make_node):
    """Bit rot in the supervisor's memory: it says so, ends what it cannot know and starts it again."""
    node = make_node([{"name": "greeter", "instances": 3}])
    node.up()
    pid = nucleus(node)
    os.kill(node.cli("status", json=True)["guard_pid"], signal.SIGSTOP)
    procs.kill(pid)
    wait.until(lambda: not procs.is_alive(pid), 5, "the nucleus is dead")
    path = os.path.join(node.run, "nucleus", "ledger")
    with open(path, "r+b") as f:
        data = bytearray(f.read())
        for at in range(4096 + 100, len(data), 512):
            data[at] ^= 0xFF
        f.seek(0)
        f.write(data)
    guard = next(p for p in node.processes() if "cell-guard" in procs.name(p))
    os.kill(guard, signal.SIGCONT)
    wait_successor(node, pid)
    node.wait_until(lambda: sorted(r["instance"] for r in node.status()) == [0, 1, 2]
                    and all(r["state"] == "ready" for r in node.status()), 20, "three are ready")
    greeters = [p for p in node.processes() if procs.name(p).startswith("cell-greeter")]
    assert len(greeters) == 3
