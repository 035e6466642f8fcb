"""`sandbox.listen`: sockets that the supervisor binds and hands over."""
import errno
import socket

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
                                                                                   "give_up": "16 in 10m"}}])
        node.guard()
        node.wait_until(lambda: node.command("status").status == 0, 10, "the node")
        node.wait_until(lambda: "is in use" in row(node)["reason"], 10, "the reason")
        assert f"udp://127.0.0.1:{port}" in row(node)["reason"]
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
