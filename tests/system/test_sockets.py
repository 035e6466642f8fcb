"""`sandbox.listen`: sockets that the supervisor binds and hands over."""
import errno
import os
import pathlib
import shutil
import socket
import tempfile

import pytest

from support import pb, procs, wait

SOCKET = 20009


def ask(node, verb, cell="probe"):
    """(errno, text)"""
    with node.client(cell) as c:
        fields = pb.decode(c.call(SOCKET, pb.encode([(1, verb)])).body)
    return pb.first(fields, 1, 0), pb.first(fields, 2, b"").decode()


def cell_of(build, at, **sandbox):
    return {"name": "probe", "exec": build.binary("cell-probe"),
            "sandbox": {"listen": [{"name": "probe", "at": at}], **sandbox}}


def client(family, kind, port):
    s = socket.socket(family, kind)
    s.settimeout(10)
    s.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
    return s


def row(node):
    return node.instance("probe")


def test_a_datagram_socket_works_without_the_network(make_node, build):
    """A cell in a network namespace of its own receives and sends over the socket it was handed, and can make none."""
    node = make_node([cell_of(build, "udp://127.0.0.1:0")])
    node.up()
    port = int(ask(node, "where")[1])
    with client(socket.AF_INET, socket.SOCK_DGRAM, port) as s:
        s.send(b"knock")
        wait.until(lambda: ask(node, "echo") == (0, "knock"), 5, "the datagram is there")
        assert s.recv(100) == b"knock"
    assert ask(node, "make")[0] != 0


def test_a_socket_outlives_its_process(make_node, build):
    """What comes while a cell is dead is there for the next one, at the same port."""
    node = make_node([cell_of(build, "udp://[::]:0")])
    node.up()
    port = int(ask(node, "where")[1])
    with client(socket.AF_INET, socket.SOCK_DGRAM, port) as s:
        old = node.kill("probe", 0)
        s.send(b"meanwhile")
        node.wait_until(lambda: row(node)["pid"] not in (old, 0), 10, "another process")
        node.wait_until(lambda: row(node)["state"] == "ready", 10, "ready")
        assert int(ask(node, "where")[1]) == port
        wait.until(lambda: ask(node, "echo") == (0, "meanwhile"), 5, "it waited")
        assert s.recv(100) == b"meanwhile"


def test_a_socket_is_bound_again_after_both_have_died(make_node, build):
    """kill -9 the nucleus: the cell serves on. Kill the cell too: the successor binds the same port for the next one."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    node = make_node([cell_of(build, f"tcp://127.0.0.1:{port}")])
    node.up()
    before = node.cli("status", json=True)
    procs.kill(before["nucleus_pid"])
    node.wait_until(lambda: node.command("--json", "status").status == 0
                    and node.cli("status", json=True)["nucleus_generation"] == 2, 10, "a successor")
    with client(socket.AF_INET, socket.SOCK_STREAM, port) as s:
        wait.until(lambda: ask(node, "accept")[0] == 0, 5, "the cell serves on")
        assert s.recv(5) == b"hello"
    old = node.kill("probe", 0)
    node.wait_until(lambda: row(node)["pid"] not in (old, 0) and row(node)["state"] == "ready", 20, "another process")
    with client(socket.AF_INET, socket.SOCK_STREAM, port) as s:
        wait.until(lambda: ask(node, "accept")[0] == 0, 5, "at the same port")
        assert s.recv(5) == b"hello"


def test_a_stream_socket_listens(make_node, build):
    node = make_node([cell_of(build, "tcp://127.0.0.1:0")])
    node.up()
    port = int(ask(node, "where")[1])
    with client(socket.AF_INET, socket.SOCK_STREAM, port) as s:
        wait.until(lambda: ask(node, "accept")[0] == 0, 5, "it is accepted")
        assert s.recv(5) == b"hello"
    assert ask(node, "accept")[0] == errno.EAGAIN, "and does not block"


def test_what_cannot_be_bound_is_named(make_node, build):
    """In use: the cell does not start, and its reason says why; then it does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        node = make_node([{**cell_of(build, f"udp://127.0.0.1:{port}"), "restart": {"first": "50ms", "max": "100ms",
                                                                                   "give_up": "16 in 100ms"}}])
        node.guard()
        node.wait_until(lambda: node.command("status").status == 0, 10, "the node")
        node.wait_until(lambda: f"udp://127.0.0.1:{port} is in use" in row(node)["reason"], 10, "the reason")
    node.wait_until(lambda: row(node)["state"] == "ready", 20, "free now, so it starts")
    assert ask(node, "where") == (0, str(port))


def test_an_address_of_another_host_is_named(make_node, build):
    node = make_node([cell_of(build, "tcp://192.0.2.1:0")]) # TEST-NET-1, RFC 5737
    node.guard()
    node.wait_until(lambda: node.command("status").status == 0, 10, "the node")
    node.wait_until(lambda: "tcp://192.0.2.1:0 is no address here" in row(node)["reason"], 10, "the reason")


def test_a_socket_goes_with_its_entry(make_node, build):
    """Another address is bound anew, and nobody keeps the old one."""
    node = make_node([cell_of(build, "udp://127.0.0.1:0")])
    node.up()
    old = int(ask(node, "where")[1])
    node.write_manifest([cell_of(build, "udp://127.0.0.2:0")])
    node.cli("apply", node.manifest_path)
    node.wait_until(lambda: row(node)["state"] == "ready" and ask(node, "where")[1] not in ("", str(old)), 10, "moved")

    def is_free():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind(("127.0.0.1", old))
            except OSError:
                return False
            return True

    node.wait_until(is_free, 10, "the old one is free")


@pytest.fixture
def short():
    """A directory whose paths fit a status."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="ct", dir="/tmp"))
    yield made
    shutil.rmtree(made)


def path_cell(build, path, give_up="16 in 100ms"):
    return {**cell_of(build, f"unix://{path}"), "restart": {"first": "50ms", "max": "100ms", "give_up": give_up}}


def greeting(node, path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(path))
        wait.until(lambda: ask(node, "accept")[0] == 0, 5, "it is accepted")
        return s.recv(5)


def test_a_path_is_known_to_the_next_supervisor(make_node, build, tmp_path):
    """kill -9 the nucleus: the cell serves on at its path. Stopped, it takes the path with it; started, it has it again; its
    next process has it, too."""
    path = tmp_path / "made" / "x.sock"
    node = make_node([path_cell(build, path)])
    node.up()
    assert greeting(node, path) == b"hello"
    procs.kill(node.cli("status", json=True)["nucleus_pid"])
    node.wait_until(lambda: node.command("--json", "status").status == 0
                    and node.cli("status", json=True)["nucleus_generation"] == 2, 10, "a successor")
    assert greeting(node, path) == b"hello"
    node.cli("stop", "probe")
    node.wait_until(lambda: not path.exists(), 10, "nothing is left of it")
    node.cli("start", "probe")
    node.wait_until(lambda: row(node)["state"] == "ready", 10, "it starts")
    assert greeting(node, path) == b"hello"
    procs.kill(node.cli("status", json=True)["nucleus_pid"])
    node.wait_until(lambda: node.command("--json", "status").status == 0
                    and node.cli("status", json=True)["nucleus_generation"] == 3, 10, "another successor")
    old = node.kill("probe", 0)
    node.wait_until(lambda: row(node)["pid"] not in (old, 0) and row(node)["state"] == "ready", 10, "another process")
    assert greeting(node, path) == b"hello"
    node.down()
    assert not path.exists()


def test_a_path_that_somebody_else_has_is_left_to_him(make_node, build, short):
    """What lies there is no longer what was made: it is nobody's to take away."""
    path = short / "x.sock"
    node = make_node([path_cell(build, path, "2 in 10m")])
    node.up()
    os.unlink(path)
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))
        theirs.listen()
        node.cli("stop", "probe")
        node.wait_until(lambda: row(node)["state"] == "stopped", 10, "it stops")
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
        refused = node.command("start", "probe")
        assert refused.status == 1 and f"{path}: is in use" in refused.err, refused
    node.cli("start", "probe")
    assert greeting(node, path) == b"hello"


def test_a_path_that_cannot_be_is_named(make_node, build, short):
    """A file in the place of the socket, or of a directory: said as it is."""
    path = short / "here" / "x.sock"
    path.parent.write_bytes(b"a file")
    node = make_node([path_cell(build, path)])
    node.guard()
    node.wait_until(lambda: node.command("status").status == 0, 10, "the node")
    node.wait_until(lambda: f"{path.parent}: is no directory, or in none" in row(node)["reason"], 10, "no directory")
    path.parent.unlink()
    path.parent.mkdir()
    path.write_bytes(b"dear to somebody")
    node.wait_until(lambda: f"{path}: is there, and no socket" in row(node)["reason"], 10, "a file")
    assert path.read_bytes() == b"dear to somebody"
    path.unlink()
    node.wait_until(lambda: row(node)["state"] == "ready", 20, "it starts")
