"""What a cell can reach, as the kernel says: NUC-1, NUC-14."""
import os

from support import pb

TOUCH, ECHO = 20006, 20000


def test_descriptors_are_those_granted(make_node, build):
    """NUC-1: a program that does nothing has exactly 0, 1, 2 and 3."""
    node = make_node([{"name": "mule", "exec": build.binary("cell-stubborn"), "protocol": "none"}])
    node.up()
    assert sorted(os.listdir(f"/proc/{node.pid('mule')}/fd"), key=int) == ["0", "1", "2", "3"]


def test_sandbox_is_what_inspect_says(node):
    """NUC-14: namespaces, capabilities, seccomp, from /proc of the host and from the cell itself."""
    pid = node.pid("greeter")
    facts = dict(l.split(":\t", 1) for l in open(f"/proc/{pid}/status", encoding="utf-8").read().splitlines()
                 if ":\t" in l)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(facts[name], 16) == 0, name
    assert facts["Seccomp"] == "2" and int(facts["Seccomp_filters"]) >= 2 and facts["NoNewPrivs"] == "1"
    for kind in ("user", "pid", "mnt", "net", "ipc", "uts"):
        assert os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind
    seen = node.cli("inspect", "greeter.0", json=True)["sandbox"]
    assert seen["seccomp_mode"] == 2 and int(seen["seccomp_filters"]) == int(facts["Seccomp_filters"])
    assert seen["no_new_privs"] and not seen["dumpable"] and seen["landlock_enforced"]
    assert 0 < seen["syscalls_allowed"] < 150 < seen["syscalls_known"]
    inodes = {n["kind"]: str(n["inode"]) for n in seen["namespaces"]}
    for kind in ("user", "pid", "net", "ipc", "uts"):
        assert inodes[kind] in os.readlink(f"/proc/{pid}/ns/{kind}"), kind


def test_state_is_the_only_place_to_write(make_node, build):
    """NUC-14: `write: [state]` gives one directory; without it there is none."""
    exe = build.binary("cell-probe")
    node = make_node([{"name": "keeper", "exec": exe, "sandbox": {"write": ["state"]}},
                      {"name": "poor", "exec": exe}])
    node.up()

    def touch(cell, path):
        with node.client(cell) as c:
            return pb.first(pb.decode(c.call(TOUCH, pb.encode([(1, path)])).body), 1)

    with node.client("keeper") as c:
        state = pb.first(pb.decode(c.call(ECHO).body), 4).decode()
    assert state and touch("keeper", state + "/data") == 0
    assert os.path.exists(os.path.join(node.state, "cells", "default.keeper", "0", "data"))
    for cell in ("keeper", "poor"):
        for path in ("/data", "/usr/data", "/etc/passwd", "/run/data", "/proc/sys/kernel/hostname", node.run + "/x"):
            assert touch(cell, path) != 0, (cell, path)
    with node.client("poor") as c:
        assert pb.first(pb.decode(c.call(ECHO).body), 4, b"") == b""


def test_state_is_never_made_through_a_link(make_node, build, short_dir):
    """NUC-14: a twin sees the states of all instances of its cell. One that puts a link in the place of a
    state gets neither what it names nor another process."""
    os.chmod(short_dir, 0o755)
    victim, program = os.path.join(short_dir, "victim"), os.path.join(short_dir, "link.sh")
    os.mkdir(victim, 0o700)
    with open(program, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\nrmdir /state/0 && ln -s {victim} /state/0\nexit 1\n")
    os.chmod(program, 0o755)
    before = os.stat(victim)
    node = make_node([{"name": "twin", "exec": program, "spare": True, "sandbox": {"write": ["state"]},
                       "restart": {"give_up": "3 in 60s"}}])
    node.command("up", node.manifest_path, "--detach", timeout=60)
    row = node.wait_state("twin", "crash-loop", 30)
    assert os.path.islink(os.path.join(node.state, "cells", "default.twin", "0")), "the link was made"
    assert "state directory" in row["reason"], row
    after = os.stat(victim)
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert os.listdir(victim) == []


def test_hostile_program_is_denied_everything(make_node, build):
    """NUC-14: the escape suite, run as a cell of a real node."""
    node = make_node([{"name": "escape", "exec": build.binary("escape"), "protocol": "none",
                       "restart": {"give_up": "1 in 60s"}}])
    node.command("up", node.manifest_path, "--detach", timeout=60)
    node.wait_state("escape", "crash-loop", 30)
    text = node.log("escape")
    attempts = [l for l in text.splitlines() if " denied" in l or " ALLOWED" in l]
    assert len(attempts) > 20, text
    assert not [l for l in attempts if "ALLOWED" in l], text
