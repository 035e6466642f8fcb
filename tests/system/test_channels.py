"""Calls through shared memory between sandboxed cells: RPC-6, SHM-2, SHM-3, SHM-10."""
import ctypes
import os
import signal
import socket
import threading
import time

import pytest

from support import pb, procs
from test_calls import ask, pair

AFTER = 8 # requests until a channel is asked for
PIDFD_OPEN, PIDFD_GETFD = 434, 438
libc = ctypes.CDLL(None, use_errno=True)


def connection(node, cell="caller", peer="callee.0.sock"):
    found = [c for c in node.cli("inspect", cell, json=True)["connections"] if c["peer"].endswith(peer)]
    return found[0] if found else None


def kind(node, **which):
    found = connection(node, **which)
    return found["kind"] if found else None


def warm(node, target="callee.0"):
    """Ask until the connection is a channel, and once through it."""
    for i in range(AFTER + 2):
        assert ask(node, target, f"warm {i}")[:2] == ("OK", f"warm {i}")
    node.wait_until(lambda: ask(node, target)[0] == "OK" and kind(node) == "shm", 10, "a channel")
    assert ask(node, target, "through it")[:2] == ("OK", "through it")


def test_a_used_connection_becomes_a_channel(make_node, build):
    """RPC-6: nothing in either cell asks for it; inspect says which it is and why; rights stay the same."""
    node = make_node(pair(build, may_call=["callee.Echo"]))
    node.up()
    assert ask(node, "callee.0", "first")[:3] == ("OK", "first", "default/caller")
    first = connection(node)
    assert first["kind"] == "ipc" and "after 8 requests" in first["reason"], first
    warm(node)
    now = connection(node)
    assert "shared memory" in now["reason"] and now["state"] == "up", now
    before = int(now["reason"].split()[2])
    assert before > 0, now
    assert ask(node, "callee.0", "via memory")[:3] == ("OK", "via memory", "default/caller")
    assert int(connection(node)["reason"].split()[2]) == before + 1, connection(node)
    error, text, _, _ = ask(node, "callee.0", later_ms=1)
    assert error == "DENIED" and "may_call" in text


@pytest.mark.parametrize("size", [0, 1, 40, 1000, 32 * 1024, 200 * 1024, 900 * 1024])
def test_every_size_goes_through(make_node, build, size):
    """SHM-11: also what is larger than the ring, there and back."""
    node = make_node(pair(build, may_call=["callee.Echo"]))
    node.up()
    warm(node)
    text = "x" * size
    assert ask(node, "callee.0", text, deadline_ms=10000)[:2] == ("OK", text)
    assert kind(node) == "shm"


def test_a_message_over_the_limit_is_refused(make_node, build):
    """RPC-1: by the same words as over a socket, and the channel goes on."""
    node = make_node([{"name": "callee", "exec": build.binary("cell-probe"), "serves": ["callee.Echo"],
                       "limits": {"message": "64K"}},
                      {"name": "caller", "exec": build.binary("cell-probe"), "requires": ["callee"],
                       "may_call": ["callee.Echo"]}])
    node.up()
    warm(node)
    error, text, _, _ = ask(node, "callee.0", "x" * 70000)
    assert error == "LIMIT" and "limits.message" in text, (error, text)
    assert ask(node, "callee.0", "small")[:2] == ("OK", "small") and kind(node) == "shm"


def test_death_is_known_and_the_next_one_is_met(make_node, build):
    """SHM-10, RPC-6: kill -9 of the callee in a call: PEER_DEAD, nobody hangs; its successor gets a channel."""
    node = make_node(pair(build, may_call=["callee.*"]))
    node.up()
    warm(node)
    answer = []
    def wait_long():
        answer.append(ask(node, "callee.0", later_ms=20000, deadline_ms=25000))
    thread = threading.Thread(target=wait_long)
    thread.start()
    node.wait_until(lambda: connection(node)["outstanding"] >= 1, 10, "the call is out")
    start = time.monotonic()
    os.kill(node.pid("callee"), signal.SIGKILL)
    thread.join(20)
    assert not thread.is_alive()
    # Later has no side effects, but the probe does not say so: it must not be done twice.
    assert answer[0][0] == "PEER_DEAD", answer
    assert time.monotonic() - start < 5
    node.wait_until(lambda: ask(node, "callee.0", deadline_ms=1000)[0] == "OK", 20, "the successor answers")
    warm(node)


def channel_sockets(pid):
    """Descriptors of a process that are sockets with a name-less peer: candidates for channels."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if link.startswith("socket:"):
            found.append(int(fd))
    return found


def take(pid, fd):
    """A copy of another process's descriptor."""
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    copy = libc.syscall(PIDFD_GETFD, pidfd, fd, 0)
    os.close(pidfd)
    return socket.socket(fileno=copy) if copy >= 0 else None


def cut_channels(pid):
    """Shut every channel of a process down from outside. Returns how many; None: not permitted."""
    count = 0
    for fd in channel_sockets(pid):
        copy = take(pid, fd)
        if copy is None:
            return None
        with copy:
            if fd != 3 and copy.family == socket.AF_UNIX and copy.type & 0xf == socket.SOCK_SEQPACKET:
                copy.shutdown(socket.SHUT_RDWR)
                count += 1
    return count


def test_a_cut_channel_falls_back_and_comes_back(make_node, build):
    """RPC-6: both processes live, the channel between them does not: calls go on over the socket within
    100 ms, and a new channel is made."""
    node = make_node(pair(build, may_call=["callee.Echo"]))
    node.up()
    warm(node)
    caller, nucleus = node.pid("caller"), node.cli("status", json=True)["nucleus_pid"]
    os.kill(nucleus, signal.SIGSTOP) # who makes channels: what is answered now came over the socket
    try:
        cut = cut_channels(caller)
        if cut is None:
            pytest.skip("this user may not reach into other processes (CAP_SYS_PTRACE)")
        assert cut == 1
        start = time.monotonic()
        assert ask(node, "callee.0", "over the socket")[:2] == ("OK", "over the socket")
        assert time.monotonic() - start < 0.1 * (1 if build.sanitizers == "none" else 10)
    finally:
        os.kill(nucleus, signal.SIGCONT)
    node.wait_until(lambda: ask(node, "callee.0")[0] == "OK" and kind(node) == "shm", 10, "a new channel")


def test_without_a_nucleus_calls_and_channels_go_on(make_node, build):
    """NUC-10: a channel needs nobody; a new one waits for the next nucleus."""
    node = make_node(pair(build, may_call=["callee.Echo"]))
    node.up()
    warm(node)
    old = node.cli("status", json=True)["nucleus_pid"]
    os.kill(old, signal.SIGKILL)
    for i in range(20):
        assert ask(node, "callee.0", f"{i}")[:2] == ("OK", f"{i}")
    node.wait_until(lambda: node.cli("status", json=True)["nucleus_pid"] not in (0, old), 20, "a new nucleus")
    assert kind(node) == "shm"


def test_nothing_is_left_and_nobody_else_can_attach(make_node, build):
    """SHM-2: no file has a channel's memory, each half is sealed, and its descriptor is closed."""
    node = make_node(pair(build, may_call=["callee.Echo"]))
    node.up()
    warm(node)
    for cell in ("caller", "callee"):
        pid = node.pid(cell)
        with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
            halves = [line.split()[1] for line in maps if "memfd:cell-shm" in line]
        assert sorted(halves) == ["r--s", "rw-s"], halves
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        assert not [link for link in links if "memfd" in link], links
    left = [os.path.join(folder, name) for folder, _, names in os.walk(node.run) for name in names
            if "shm" in name]
    assert left == [] and not [name for name in os.listdir("/dev/shm") if "cell" in name]


def test_counters_are_read_from_the_living_and_the_dead(make_node, build):
    """A page in the run directory, no request: inspect shows it for a cell that hangs or has ended."""
    node = make_node([{"name": "callee", "exec": build.binary("cell-probe"), "serves": ["callee.*"],
                       "restart": {"give_up": "1 in 1h"}},
                      {"name": "caller", "exec": build.binary("cell-probe"), "requires": ["callee"],
                       "may_call": ["callee.Echo"]}])
    node.up()
    warm(node)
    alive = node.cli("inspect", "callee", json=True)["counters"]
    assert alive["requests"] >= AFTER and alive["generation"] > 0 and alive["age_ms"] < 60000, alive
    row, = alive["channels"]
    assert (row["peer"], row["role"], row["state"]) == ("default/caller", "callee", "up") and row["in"] > 0, row
    row, = node.cli("inspect", "caller", json=True)["counters"]["channels"]
    assert (row["peer"], row["role"]) == ("default/callee.0.sock", "caller"), row
    assert "default/caller" in node.cli("inspect", "callee")

    os.kill(node.pid("callee"), signal.SIGSTOP)
    hung = node.command("--json", "inspect", "callee")
    assert hung.status == 0 and hung.json()["counters"]["requests"] >= alive["requests"], hung
    assert "TIMEOUT" in hung.err # why there is nothing else

    def is_given_up():
        row = node.instance("callee")
        if row["pid"]:
            procs.kill(row["pid"])
        return row["state"] == "crash-loop"

    node.wait_until(is_given_up, 60, "it is given up")
    dead = node.command("--json", "inspect", "callee.0")
    assert dead.status == 0 and dead.json()["counters"]["cell"] == "callee", dead
    assert "counters (written" in node.command("inspect", "callee.0").out


def test_top_shows_rates_of_what_was_counted(make_node, build):
    node = make_node(pair(build, may_call=["callee.Echo"]))
    node.up()
    warm(node)
    stop = threading.Event()
    def keep_asking():
        while not stop.is_set():
            ask(node, "callee.0")
    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        lines = node.cli("top", "-n", "2", "--every", "1s", "--json").splitlines()
    finally:
        stop.set()
        thread.join(20)
    import json
    rates = {r["cell"]: r for r in json.loads(lines[-1])["rates"]}
    assert rates["callee"]["requests_per_s"] > 1 and rates["caller"]["sent_per_s"] > 1, rates
    assert rates["callee"]["channels"] == 1 and rates["callee"]["messages_per_s"] > 1, rates
    assert "MSG/S" in node.cli("top", "-n", "1")


def test_pages_go_with_their_instances(make_node, build):
    node = make_node([{"name": "a", "exec": build.binary("cell-probe"), "instances": 3}])
    node.up()
    pages = os.path.join(node.run, "pages")
    assert sorted(os.listdir(pages)) == [f"default.a.{i}" for i in range(3)]
    assert all(os.stat(os.path.join(pages, p)).st_mode & 0o777 == 0o600 for p in os.listdir(pages))
    node.cli("scale", "a", "1")
    node.wait_until(lambda: os.listdir(pages) == ["default.a.0"], 20, "the others' pages are gone")
    node.cli("down")
    assert not os.path.exists(pages)


KNOCK = 20010


def knock(node, endpoint, times=1):
    """The caller asks the supervisor itself: (answers, channels, denied, invalid, limited), why."""
    with node.client("caller", timeout=30) as client:
        reply = client.call(KNOCK, pb.encode([(1, endpoint), (2, times)]), timeout=30)
    assert reply.status == 1, reply
    body = pb.decode(reply.body)
    return tuple(pb.first(body, i, 0) for i in range(1, 6)), pb.first(body, 6, b"").decode()


def test_the_supervisor_brings_nobody_to_a_door_that_was_not_made_for_it(make_node, build):
    """SHM-3, NUC-21: what is forbidden and what does not exist get one answer, so names are not to be guessed."""
    node = make_node([*pair(build, may_call=["callee.Echo"]),
                      {"name": "other", "exec": build.binary("cell-probe"), "serves": ["other.Echo"]}])
    node.up()
    forbidden = knock(node, "default/other.0.sock")
    assert forbidden[0] == (1, 0, 1, 0, 0), forbidden
    for nobody in ("default/nobody.0.sock", "default/callee.7.sock", "nucleus/callee.0.sock"):
        assert knock(node, nobody) == forbidden, nobody
    for nonsense in ("", ".sock", "callee", "default/callee.sock", "callee.0.sock", "../default/callee.0.sock",
                     "default/callee.-1.sock", "default/callee.0.sock\n", "node/default/callee.0.sock", "x" * 4096):
        assert knock(node, nonsense)[0] == (1, 0, 0, 1, 0), nonsense
    assert knock(node, "default/callee.0.sock")[0] == (1, 1, 0, 0, 0)
    assert ask(node, "callee.0", "still")[:2] == ("OK", "still")
    assert [i["state"] for i in node.cli("status", json=True)["cells"]] == ["ready"] * 3


def test_who_asks_for_channels_without_end_is_told_to_stop(make_node, build):
    """RPC-9: 128 in a second, then LIMIT; the callee, which each would cost memory, goes on serving others."""
    node = make_node(pair(build, may_call=["callee.Echo"]))
    node.up()
    for _ in range(5): # a host on which so many take longer than a second does not ask without end
        (answers, channels, _, _, limited), why = knock(node, "default/callee.0.sock", 400)
        assert answers == 400 and channels + limited <= 400, (channels, limited)
        if limited >= 100:
            break
        time.sleep(1.1)
    assert limited >= 100, limited
    assert channels >= 1 and "too many" in why
    time.sleep(1.1) # the second is over
    assert knock(node, "default/callee.0.sock")[0][4] == 0
    assert ask(node, "callee.0", "still")[:2] == ("OK", "still")
    assert [i["restarts"] for i in node.cli("status", json=True)["cells"]] == [0, 0]
