"""What the manifest grants can be opened at any time, and nothing beside it: NUC-4, NUC-14."""
import errno
import os
import stat

import pytest

from support import pb

FILE, ECHO = 20007, 20000
UID = 12345 # owns nothing on any host


@pytest.fixture(params=["root", "user"])
def user(request, build):
    """Whom the node runs as: None for whoever runs the tests."""
    if request.param == "root":
        if os.geteuid() != 0:
            pytest.skip("needs root")
        return None
    if os.geteuid() != 0:
        return None
    if not build.is_readable_for_others():
        pytest.skip("the build directory is not readable for other users")
    return UID


@pytest.fixture
def host(short_dir):
    """A directory of the host with ro/data, ro/sub, rw, beside/data: whoever owns the process, file modes
    refuse it nothing."""
    for name in ("ro", "ro/sub", "rw", "beside"):
        os.mkdir(os.path.join(short_dir, name))
    for name in ("ro/data", "beside/data"):
        with open(os.path.join(short_dir, name), "w", encoding="utf-8") as f:
            f.write("host\n")
    for folder, _, files in os.walk(short_dir):
        os.chmod(folder, 0o777)
        for name in files:
            os.chmod(os.path.join(folder, name), 0o666)
    return short_dir


def use(node, cell, verb, path, to=""):
    """Have the cell do it; returns (errno, text)."""
    with node.client(cell) as c:
        reply = pb.decode(c.call(FILE, pb.encode([(1, verb), (2, path), (3, to)])).body)
    return pb.first(reply, 1, 0), pb.first(reply, 2, b"").decode()


def places(node, cell):
    """{path: (read, write, bind)} as the cell reports it."""
    return {p["path"]: (p["read"], p["write"], p["bind"])
            for p in node.cli("inspect", cell, json=True)["sandbox"]["places"]}


def test_granted_paths_stay_open(make_node, build, host, user):
    """Read what is granted, not write it, not read beside it, write where that is granted."""
    exe = build.binary("cell-probe")
    ro, rw, beside = (os.path.join(host, name) for name in ("ro", "rw", "beside"))
    node = make_node([
        {"name": "reader", "exec": exe, "sandbox": {"read": [ro]}},
        {"name": "writer", "exec": exe, "sandbox": {"read": [ro + "/data"], "write": ["state", rw]}},
        {"name": "poor", "exec": exe}], user=user)
    node.up()

    assert use(node, "reader", "read", ro + "/data") == (0, "host\n")
    assert use(node, "reader", "list", ro) == (0, "4") # ".", "..", data, sub
    assert use(node, "writer", "read", ro + "/data") == (0, "host\n")
    for cell in ("reader", "writer"):
        for verb in ("write", "cut", "cut-reading", "remove"):
            assert use(node, cell, verb, ro + "/data")[0] != 0, (cell, verb)
        assert use(node, cell, "make", ro + "/new")[0] != 0
        for path in (beside + "/data", beside, host, "/etc/passwd", "/usr/bin/env"):
            assert use(node, cell, "read", path)[0] in (errno.ENOENT, errno.EACCES), (cell, path)
    for verb, path in (("list", ro), ("read", ro + "/sub"), ("write", ro + "/sub/new")):
        assert use(node, "writer", verb, path)[0] in (errno.ENOENT, errno.EACCES), "one file, not its directory"
    # Nothing is granted: not even the call (which sanitizers need for their reports).
    refused = (errno.EPERM,) if build.sanitizers == "none" else (errno.ENOENT, errno.EACCES)
    for path in (ro + "/data", rw, "/etc/passwd"):
        assert use(node, "poor", "read", path)[0] in refused, path

    assert use(node, "writer", "write", rw + "/log") == (0, "")
    assert use(node, "writer", "make", rw + "/old") == (0, "")
    assert use(node, "writer", "move", rw + "/log", rw + "/old/log") == (0, "")
    assert use(node, "writer", "write", rw + "/old/log") == (0, "")
    assert use(node, "writer", "read", rw + "/old/log") == (0, "line\nline\n")
    assert use(node, "writer", "move", ro + "/data", rw + "/data")[0] != 0
    assert use(node, "writer", "write", "/state/log") == (0, "")
    with open(os.path.join(rw, "old", "log"), encoding="utf-8") as f:
        assert f.read() == "line\nline\n", "the host sees what the cell wrote"
    with open(os.path.join(ro, "data"), encoding="utf-8") as f:
        assert f.read() == "host\n", "and what it may only read is as it was"
    assert use(node, "writer", "cut-reading", rw + "/old/log")[0] != 0 or build.sanitizers != "none"
    assert use(node, "writer", "cut", rw + "/old/log") == (0, "")
    assert os.path.getsize(os.path.join(rw, "old", "log")) == 0
    assert use(node, "writer", "remove", rw + "/old/log") == (0, "")
    assert os.listdir(os.path.join(rw, "old")) == []


def test_inspect_shows_the_places(make_node, build, host):
    """`cell inspect` lists what can be opened, with what the kernel makes of it: a path that is granted to
    read inside one to write stays read-only."""
    exe = build.binary("cell-probe")
    rw, within = os.path.join(host, "rw"), os.path.join(host, "rw", "within")
    os.mkdir(within)
    node = make_node([{"name": "writer", "exec": exe, "sandbox": {"read": [within], "write": ["state", rw]}},
                      {"name": "poor", "exec": exe}])
    node.up()
    sanitizers = {} if build.sanitizers == "none" else {"/proc/self": (True, False, False)}
    assert places(node, "writer") == {"/run/bind": (False, False, True), "/state": (True, True, False),
                                      within: (True, False, False), rw: (True, True, True), **sanitizers}
    assert places(node, "poor") == {"/run/bind": (False, False, True), **sanitizers}
    text = node.cli("inspect", "writer")
    assert any(line.split() == [within, "read"] for line in text.splitlines()), text
    assert use(node, "writer", "write", within + "/new")[0] == errno.EROFS
    assert use(node, "writer", "write", rw + "/new") == (0, "")


def test_path_that_is_gone_is_named(make_node, build, host):
    """A cell whose path was removed does not start, and the reason names the path."""
    gone = os.path.join(host, "gone")
    os.mkdir(gone)
    node = make_node([{"name": "probe", "exec": build.binary("cell-probe"), "sandbox": {"read": [gone]},
                       "restart": {"give_up": "2 in 60s"}}])
    node.up()
    os.rmdir(gone)
    node.kill("probe")
    row = node.wait_state("probe", "crash-loop", 20)
    assert gone in row["reason"], row


def test_spare_has_its_paths(make_node, build, host):
    """A warm spare learns its paths when it becomes an instance, and has them after the swap."""
    ro = os.path.join(host, "ro")
    node = make_node([{"name": "probe", "exec": build.binary("cell-probe"), "spare": True,
                       "sandbox": {"read": [ro], "write": ["state"]}}])
    node.up()
    old = node.kill("probe")
    node.wait_until(lambda: node.pid("probe") != old, 10, "the spare took over")
    node.wait_state("probe", "ready")
    assert use(node, "probe", "read", ro + "/data") == (0, "host\n")
    assert use(node, "probe", "write", ro + "/data")[0] == errno.EROFS
    assert use(node, "probe", "write", "/state/0/data") == (0, "")
    assert stat.S_ISREG(os.stat(os.path.join(node.state, "cells", "default.probe", "0", "data")).st_mode)
