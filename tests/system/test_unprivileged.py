"""A whole node without root: everything but what needs privilege works, and that is refused by name."""
import json
import os
import shutil
import subprocess
import tempfile

import pytest

from support import procs, wait

UID = 12345 # owns nothing on any host


@pytest.fixture
def plain(build):
    """run(*arguments) -> CompletedProcess of `cell` as an ordinary user, with directories of its own."""
    if os.geteuid() != 0:
        pytest.skip("the other tests run unprivileged already")
    top = tempfile.mkdtemp(prefix="cu", dir="/tmp")
    os.chmod(top, 0o711)
    for name in ("run", "state"):
        os.mkdir(os.path.join(top, name), 0o700)
        os.chown(os.path.join(top, name), UID, UID)
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": os.path.join(top, "run"),
                   "XDG_STATE_HOME": os.path.join(top, "state")}
    environment.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})

    def run(*arguments, timeout=60):
        return subprocess.run(arguments, user=UID, group=UID, extra_groups=[], env=environment, cwd="/",
                              capture_output=True, text=True, timeout=timeout, check=False)

    run.top = top
    if run("test", "-x", build.binary("cell")).returncode != 0:
        pytest.skip("the build directory is not readable for other users")
    yield run
    run(build.binary("cell"), "down")
    shutil.rmtree(top)


def test_node_without_root(plain, build):
    """Up, call, kill an instance, kill the nucleus, down: as an ordinary user."""
    cell = build.binary("cell")
    manifest = os.path.join(plain.top, "node.yaml")
    with open(manifest, "w", encoding="utf-8") as f:
        json.dump({"cells": [{"name": "greeter", "instances": 2}]}, f)
    up = plain(cell, "up", manifest, "--detach")
    assert up.returncode == 0, up
    said = plain(cell, "call", "greeter.Greet", '{"name": "World"}')
    assert said.returncode == 0 and "Hello, World!" in said.stdout, said

    def status():
        return json.loads(plain(cell, "status", "--json").stdout)

    first = status()
    for row in first["cells"]:
        facts = open(f"/proc/{row['pid']}/status", encoding="utf-8").read()
        assert f"Uid:\t{UID}\t{UID}\t{UID}\t{UID}" in facts
        assert "CapBnd:\t0000000000000000" in facts and "Seccomp:\t2" in facts
    procs.kill(first["cells"][1]["pid"])
    procs.kill(first["nucleus_pid"])
    wait.until(lambda: status()["nucleus_generation"] == 2
               and all(r["state"] == "ready" for r in status()["cells"]), 20, "both are ready again")
    assert status()["cells"][0]["pid"] == first["cells"][0]["pid"]
    down = plain(cell, "down")
    assert down.returncode == 0, down
    assert not [p for r in first["cells"] for p in [r["pid"]] if procs.is_alive(p)]


def test_run_directory_of_root_is_refused(plain, build):
    """Another user's node: the message says whose it is."""
    refused = plain(build.binary("cell"), "--run", "/run/cell-of-somebody-else", "status")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1


def test_a_port_that_needs_a_right_is_named(plain, build):
    """An ordinary user's cell that wants a low port does not start, and its reason says which right is missing."""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as f:
        if int(f.read()) <= 80:
            pytest.skip("any user may bind every port here")
    cell = build.binary("cell")
    manifest = os.path.join(plain.top, "node.yaml")
    with open(manifest, "w", encoding="utf-8") as f:
        json.dump({"cells": [{"name": "greeter", "sandbox": {"listen": [{"name": "web", "at": "tcp://127.0.0.1:80"}]}},
                             {"name": "other", "exec": "cell-greeter"}]}, f)
    assert plain(cell, "up", manifest, "--detach").returncode == 1
    rows = {r["cell"]: r for r in json.loads(plain(cell, "status", "--json").stdout)["cells"]}
    assert "listen.web: port 80 needs CAP_NET_BIND_SERVICE" in rows["greeter"]["reason"], rows
    assert rows["other"]["state"] == "ready"
    assert plain(cell, "down").returncode == 0
