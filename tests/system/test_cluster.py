"""The cluster harness by itself: what it says of cuts, losses and delays is measured by programs that know nothing
of nodes, and what it leaves behind is nothing."""
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from support import cluster as cluster_module, procs, remains, wait

ECHO = textwrap.dedent("""
    import socket
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", 9000))
    print("ready", flush=True)
    while True:
        data, peer = s.recvfrom(2000)
        print("heard", flush=True)
        s.sendto(data, peer)
    """)
PROBE = textwrap.dedent("""
    import json, socket, sys, time
    address, count, wait = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(wait)
    times = []
    for i in range(count):
        begin = time.monotonic()
        s.sendto(b"%d" % i, (address, 9000))
        try:
            while s.recv(2000) != b"%d" % i:
                pass
            times.append((time.monotonic() - begin) * 1000)
        except TimeoutError:
            pass
    print(json.dumps(times))
    """)
EMPTY = [] # nodes without cells: the network is what is tested


@pytest.fixture
def pair(make_cluster):
    """Two nodes, an echo on the second."""
    cluster = make_cluster(2, EMPTY)
    cluster.echo = cluster[1].program(sys.executable, "-uc", ECHO, stdout=subprocess.PIPE)
    assert cluster.echo.stdout.readline() == b"ready\n"
    os.set_blocking(cluster.echo.stdout.fileno(), False)
    return cluster


def probe(node, address, count=3, patience=0.25):
    """Round trips in ms of those of `count` datagrams that came back."""
    asker = node.program(sys.executable, "-c", PROBE, address, count, patience, stdout=subprocess.PIPE)
    out = asker.stdout.read()
    node.cluster.end(asker)
    return json.loads(out)


def heard(cluster):
    """How many datagrams the echo has heard since the last look."""
    return (cluster.echo.stdout.read() or b"").count(b"heard")


def test_nodes_reach_each_other_and_a_cut_parts_them(pair):
    assert len(probe(pair[0], pair[1].address)) == 3
    pair.cut(pair[0], pair[1])
    assert heard(pair) == 3
    assert probe(pair[0], pair[1].address) == []
    assert heard(pair) == 0
    pair.heal()
    assert len(probe(pair[0], pair[1].address)) == 3


@pytest.mark.parametrize("sender, is_heard", [(0, 0), (1, 3)])
def test_a_cut_of_one_way_lets_the_other_through(pair, sender, is_heard):
    """The question does not arrive, or only the answer does not: the echo knows which."""
    assert len(probe(pair[0], pair[1].address)) == 3 # addresses are known to both: no ARP is needed any more
    heard(pair)
    pair.cut(pair[sender], pair[1 - sender], one_way=True)
    assert probe(pair[0], pair[1].address) == []
    assert heard(pair) == is_heard
    pair.heal()
    assert len(probe(pair[0], pair[1].address)) == 3


def test_a_part_of_the_frames_is_lost(pair):
    assert len(probe(pair[0], pair[1].address)) == 3 # or what waits for a lost ARP fills the send buffer
    pair.lose(pair[0], pair[1], 0.5, one_way=True)
    came = len(probe(pair[0], pair[1].address, count=200, patience=0.02))
    assert 60 <= came <= 140, came # six deviations of a fair coin are 42
    pair.heal()
    assert len(probe(pair[0], pair[1].address, count=20)) == 20


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_delay_is_felt_in_both_directions_and_goes_away(pair, by_hand):
    pair.delay(pair[1], 40, by_hand=by_hand)
    times = probe(pair[0], pair[1].address, count=5, patience=2)
    assert len(times) == 5 and min(times[1:]) >= 80, times
    pair.cut(pair[0], pair[1])
    assert probe(pair[0], pair[1].address) == [] # a cut holds behind the slow wire too
    pair.heal()
    pair.delay(pair[1], 0)
    times = probe(pair[0], pair[1].address, count=5, patience=2)
    assert len(times) == 5 and min(times) < 40, times


def test_large_datagrams_and_streams_pass_the_slow_wire(pair):
    """Nothing was left to hardware that is not there: a checksum nobody completed would be refused."""
    pair.delay(pair[1], 5, by_hand=True)
    server = pair[1].program(sys.executable, "-c", textwrap.dedent("""
        import socket
        s = socket.create_server(("0.0.0.0", 9001)); print("ready", flush=True)
        c, _ = s.accept(); n = 0
        while (data := c.recv(65536)): n += len(data)
        print(n, flush=True)
        """), stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"ready\n"
    client = pair[0].program(sys.executable, "-c", textwrap.dedent(f"""
        import socket
        c = socket.create_connection(("{pair[1].address}", 9001), 5); c.sendall(bytes(1 << 20)); c.close()
        """))
    assert client.wait(20) == 0
    assert server.stdout.readline() == b"%d\n" % (1 << 20)


def test_a_cable_that_is_pulled(pair):
    pair.unplug(pair[1])
    assert probe(pair[0], pair[1].address, count=1) == []
    pair.plug(pair[1])
    wait.until(lambda: probe(pair[0], pair[1].address, count=1), 10, "the cable is plugged in again")


def test_groups_are_split_and_nobody_else(make_cluster):
    cluster = make_cluster(3, EMPTY)
    for node in cluster:
        echo = node.program(sys.executable, "-uc", ECHO, stdout=subprocess.PIPE)
        assert echo.stdout.readline() == b"ready\n"
    cluster.split([cluster[0], cluster[1]], [cluster[2]])

    def reached(node):
        return [bool(probe(node, other.address, count=2, patience=0.2)) for other in cluster if other is not node]

    assert [reached(node) for node in cluster] == [[True, False], [True, False], [False, False]]


def test_wait_each_says_what_was_seen_last(make_cluster):
    cluster = make_cluster(2, EMPTY)
    assert cluster.wait_each(cluster, lambda node: node.index < 2, True, 1, "both are") < 1
    with pytest.raises(AssertionError) as fault:
        cluster.wait_each(cluster, lambda node: node.index, 0, 0.05, "all are the first")
    assert "all are the first" in str(fault.value)
    assert "node-1 (as it should): 0" in str(fault.value) and "node-2: 1" in str(fault.value)


GREETER = [{"name": "greeter", "serves": ["greeter.Greet"]}]


def test_real_nodes_stand_still_die_and_start_again(make_cluster):
    cluster = make_cluster(2, GREETER)
    cluster.up()
    pids = [node.pid("greeter") for node in cluster]
    assert os.stat(f"/proc/{procs.descendants(cluster[0].keepers[0].pid)[0]}/ns/net").st_ino != \
        os.stat("/proc/self/ns/net").st_ino
    stopped = cluster[0].freeze()
    assert pids[0] in stopped and pids[1] not in stopped
    assert {procs.stat(p)[1] for p in stopped} == {"T"}
    cluster[0].thaw()
    assert cluster[0].cli("call", "greeter.Greet", '{"name": "n"}', json=True)
    assert pids[0] in cluster[0].crash()
    assert not procs.is_alive(pids[0]) and cluster[1].pid("greeter") == pids[1]
    cluster[0].up()
    assert cluster[0].pid("greeter") != pids[0]


# A test that is killed: its cluster's processes, namespaces and directory go with it.

DOOMED = textwrap.dedent("""
    import sys, time
    sys.path.insert(0, {tests!r})
    from support import build, cluster
    c = cluster.Cluster(build.find(), 1, {manifest!r})
    c.up()
    print(c.directory, c.warden.pid, c[0].pid("greeter"), flush=True)
    time.sleep(600)
    """)


@pytest.fixture
def doomed(build, cluster_room):
    """A test run with a cluster, in a process of its own: (process, directory, warden's pid, a cell's pid)."""
    tests = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    manifest = [{**GREETER[0], "exec": build.binary("cell-greeter")}]
    run = subprocess.Popen([sys.executable, "-c", DOOMED.format(tests=tests, manifest=manifest)],
                           stdout=subprocess.PIPE, text=True)
    directory, warden, pid = run.stdout.readline().split()
    yield run, directory, int(warden), int(pid)
    run.kill()
    run.wait()
    run.stdout.close()
    remains.remove(directory)


def test_a_killed_test_run_leaves_nothing(doomed):
    run, directory, warden, pid = doomed
    assert procs.is_alive(pid) and remains.owner_lives(directory)
    run.kill()
    run.wait()
    wait.until(lambda: not procs.is_alive(pid) and not procs.is_alive(warden) and not os.path.exists(directory), 20,
               "the warden ended the cells and removed the directory")
    assert remains.processes(directory) == []


def test_what_a_killed_run_and_its_warden_leave_is_found_by_owner(doomed):
    run, directory, warden, pid = doomed
    os.kill(warden, signal.SIGKILL)
    assert directory not in remains.sweep(), "its owner lives"
    assert procs.is_alive(pid)
    run.kill()
    run.wait()
    assert procs.is_alive(pid), "without a warden the cell is left over"
    assert directory in remains.sweep()
    assert not procs.is_alive(pid) and not os.path.exists(directory)
    assert remains.processes(directory) == []


def test_a_directory_of_another_kind_is_left_alone(cluster_room):
    directory = os.path.join(remains.TOP, f"{remains.PREFIX}-of-somebody-else-{os.getpid()}")
    os.mkdir(directory)
    try:
        assert remains.owner_lives(directory) is None and directory not in remains.sweep()
        assert os.path.isdir(directory)
    finally:
        os.rmdir(directory)


def test_without_privilege_the_missing_thing_is_named(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in cluster_module.missing()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "")
    assert "needs the program ip" in cluster_module.missing()


def test_a_cluster_costs_little(make_cluster):
    """Five namespaces are made in a second or so: tests need not share a cluster."""
    begin = time.monotonic()
    make_cluster(5, EMPTY)
    assert time.monotonic() - begin < 10
