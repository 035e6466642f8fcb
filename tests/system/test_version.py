"""The version of what runs: NUC-12."""
import os
import shutil

import pytest

DEADLINES = {"ready": "30s", "drain": "100ms", "term": "100ms"}


def entry(program, **more):
    return {"name": "probe", "exec": program, **more}


@pytest.fixture
def program(build, short_dir):
    """A copy of the probe whose bytes are ours to change."""
    os.chmod(short_dir, 0o755)
    path = os.path.join(short_dir, "cell-probe")
    shutil.copy2(build.binary("cell-probe"), path)
    return path


def rebuild(program, change=None):
    """Put another file in the program's place, as a linker does: the same bytes, or one of them changed."""
    with open(program, "rb") as f:
        data = bytearray(f.read())
    if change is not None:
        data[change] ^= 1
    with open(program + ".new", "wb") as f:
        f.write(data)
    os.chmod(program + ".new", 0o755)
    os.rename(program + ".new", program)


def seen(node, instance=0):
    row = node.instance("probe", instance)
    return row["version"], row["outdated"]


def end_of_file(program):
    """Offset of a byte that no loader reads: the last one, of the section headers' table."""
    return os.path.getsize(program) - 1


def test_identical_rebuild_is_the_same_version(make_node, program):
    """Another file with the same bytes is not outdated; one changed byte is, until the cell is restarted."""
    node = make_node([entry(program)])
    node.up()
    version, outdated = seen(node)
    assert len(version) == 16 and int(version, 16) != 0 and not outdated
    rebuild(program)
    assert seen(node) == (version, False)
    rebuild(program, end_of_file(program))
    assert seen(node) == (version, True), "what runs is still the old one, and that is said"
    assert "outdated" in node.cli("status")
    rebuild(program, end_of_file(program))
    assert seen(node) == (version, False), "the byte is changed back"
    rebuild(program, end_of_file(program))
    node.cli("restart", "probe")
    node.wait_state("probe", "ready")
    after, outdated = seen(node)
    assert after != version and not outdated


def test_change_in_the_same_instant_is_seen(make_node, program):
    """Many changes faster than a file's times tick: the last one counts."""
    node = make_node([entry(program)])
    node.up()
    version, _ = seen(node)
    size = end_of_file(program)
    for _ in range(5):
        rebuild(program, size) # there …
        seen(node)
        rebuild(program, size) # … and back
        assert seen(node) == (version, False)
        with open(program + ".other", "wb") as f, open(program, "rb") as old:
            f.write(old.read())
            f.flush()
            os.chmod(f.name, 0o755)
            os.rename(f.name, program)
            assert seen(node)[1] is False
            f.seek(size) # the same file, the same length, a moment later
            f.write(b"\xff")
        assert seen(node) == (version, True)
        rebuild(program, None)
        os.remove(program)
        assert seen(node) == (version, True), "what is not there is not what runs"
        shutil.copy2(node.build.binary("cell-probe"), program)
        assert seen(node) == (version, False)


def test_changed_entry_is_another_version(make_node, program):
    """Before an apply its dry run says which entry would be another version; after it, what was not replaced
    yet is outdated, and what is new is not."""
    limits = {"message": "1M"}
    node = make_node([entry(program, instances=2, deadlines=DEADLINES, limits=limits)])
    node.up()
    version, outdated = seen(node)
    assert seen(node, 1) == (version, False) and not outdated, "instances of an entry are of one version"

    def plan(**more):
        node.write_manifest([entry(program, **more)])
        return [(c["kind"], c["what"]) for c in node.cli("apply", node.manifest_path, "--dry-run", json=True)["changes"]]

    assert plan(limits={"message": "1024K"}, instances=2, deadlines=DEADLINES) == [], "other words, the same entry"
    assert [k for k, _ in plan(instances=3, deadlines=DEADLINES, limits=limits)] == ["scale"]
    changed = plan(instances=2, deadlines=DEADLINES, limits=limits, config="never-ready")
    assert [k for k, _ in changed] == ["change"] and "version" in changed[0][1], changed
    assert seen(node) == (version, False), "a dry run changes nothing"

    node.command("apply", node.manifest_path, "--no-wait") # one of the two hangs in its start now
    row = node.wait_until(lambda: next((r for r in node.status() if r["state"] in ("booting", "listening")), None), 10,
                          "one starts")
    old = next(r for r in node.status() if r["instance"] != row["instance"])
    assert (old["version"], old["outdated"], old["state"]) == (version, True, "ready"), old
    assert row["version"] != version and not row["outdated"], row
    node.write_manifest([entry(program, instances=2, limits=limits, deadlines=DEADLINES)])
    node.cli("apply", node.manifest_path)
    node.wait_until(lambda: seen(node, 0) == seen(node, 1) == (version, False), 20, "the old entry is the old version")


def test_spare_of_an_older_program_does_not_take_over(make_node, program):
    """A twin that waits was started from the program of its time. After an upgrade a restart runs the new
    one."""
    node = make_node([entry(program, spare=True)])
    node.up()
    version, _ = seen(node)
    rebuild(program, end_of_file(program))
    assert seen(node) == (version, True)
    old = node.kill("probe")
    node.wait_until(lambda: node.pid("probe") not in (0, old) and node.instance("probe")["state"] == "ready", 10,
                    "it is back")
    pid = node.pid("probe")
    after, outdated = seen(node)
    assert after != version and not outdated
    assert os.stat(f"/proc/{pid}/exe").st_ino == os.stat(program).st_ino, "and that is what runs"
