"""The commands of the README work as written, in order, on one node."""
import os
import re

import pytest

from support import build as build_module

SECTION = "Five minutes"


def blocks(path, section, language="sh"):
    """The blocks of a language below a heading."""
    with open(os.path.join(build_module.ROOT, path), encoding="utf-8") as f:
        text = f.read()
    match = re.search(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert match, f"{path} has no section {section}"
    return re.findall(rf"^```{language}\n(.*?)^```", match[1], re.M | re.S)


@pytest.mark.needs_tool("nngcat")
def test_five_minutes(make_node, build, short_dir):
    with open(os.path.join(build_module.ROOT, "deploy", "node.yaml"), encoding="utf-8") as f:
        node = make_node(f.read())
    node.up()
    home = os.path.join(short_dir, "home")
    os.mkdir(home)
    environment = {**node.environment(), "HOME": home,
                   "PATH": f"{build.directory}:{os.environ['PATH']}"}
    if build.sanitizers != "none": # what is built against a sanitized libcell is sanitized too
        environment["CFLAGS"] = environment["LDFLAGS"] = f"-fsanitize={build.sanitizers}"
    said = ""
    for block in blocks("README.md", SECTION):
        script = "cd " + build_module.ROOT + "\n" + block.replace("/run/cell", node.run)
        result = node.execute(["/bin/bash", "-euo", "pipefail", "-c", script], timeout=180, env=environment)
        assert result.status == 0, result
        said += result.out
        for row in node.status():
            node.wait_state(row["cell"], "ready", 20, row["instance"]) # the next block starts from a whole node
    assert "Hello, World!" in said and "\nblue\n" in said, said


def test_a_cluster(make_cluster, build):
    """GW-2, NOD-5: two nodes as the README makes them, each on a host of its own."""
    cluster = make_cluster(2, [], "db")
    (manifest,) = blocks("README.md", "A cluster", "yaml")
    scripts = blocks("README.md", "A cluster")
    assert len(scripts) == 2 and "  - {name: issuer" in manifest
    token = ""
    for node, script, skips in zip(cluster, scripts, ("", "issuer")):
        place = os.path.join(node.directory, "home")
        os.mkdir(place)
        lines = [line for line in manifest.splitlines(True) if not skips or "name: " + skips not in line]
        with open(os.path.join(place, "node.yaml"), "w", encoding="utf-8") as f:
            f.write("".join(lines).replace("10.0.0.1", cluster[0].address))
        with open(os.path.join(place, "token"), "w", encoding="utf-8") as f:
            f.write(token)
        environment = {**node.environment(), "PATH": f"{build.directory}:{os.environ['PATH']}"}
        # Members know each other a moment after the node is up; a person types no faster.
        wait = "for i in $(seq 100); do cell members | grep -q db-1 && cell discover greeter | grep -q db-1 && break; sleep 0.1; done\n"
        script = script.replace("cell members", wait + "cell members")
        result = node.execute(["/bin/bash", "-euo", "pipefail", "-c", f"cd {place}\n{script}"], timeout=120, env=environment)
        assert result.status == 0, result
        with open(os.path.join(place, "token"), encoding="utf-8") as f:
            token = f.read()
    assert result.out.count("Hello, World!") == 3, result.out
    assert re.search(r"greeter@db-1 +alive +2 ", result.out), result.out


def test_the_replicated_store(make_node, build):
    """The three members of the README: they agree, and go on without the one that led."""
    manifest, entry = blocks("README.md", "The replicated store", "yaml")
    (script,) = blocks("README.md", "The replicated store")
    assert "instances: 3" in manifest and "raft@db-1" in entry # which test_raft_nodes.py runs
    node = make_node(manifest)
    place = os.path.join(node.directory, "home")
    os.mkdir(place)
    with open(os.path.join(place, "store.yaml"), "w", encoding="utf-8") as f:
        f.write(manifest)
    environment = {**node.environment(), "PATH": f"{build.directory}:{os.environ['PATH']}"}
    result = node.execute(["/bin/bash", "-euo", "pipefail", "-c", f"cd {place}\n{script}"], timeout=120, env=environment)
    assert result.status == 0, result
    assert result.out.count("voter") == 2 and os.path.getsize(os.path.join(place, "store.bak")) > 100, result
    node.wait_until(lambda: len([r for r in node.status() if r["state"] == "ready"]) == 3, 20, "all are back")
