"""The commands of the README work as written, in order, on one node."""
import os
import re

import pytest

from support import build as build_module

SECTION = "Five minutes"


def blocks(path, section):
    """The ```sh blocks below a heading."""
    with open(os.path.join(build_module.ROOT, path), encoding="utf-8") as f:
        text = f.read()
    match = re.search(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert match, f"{path} has no section {section}"
    return re.findall(r"^```sh\n(.*?)^```", match[1], re.M | re.S)


@pytest.mark.needs_tool("nngcat")
def test_five_minutes(make_node, build, short_dir):
    with open(os.path.join(build_module.ROOT, "deploy", "node.yaml"), encoding="utf-8") as f:
        node = make_node(f.read())
    node.up()
    # A reader's machine runs one node; here pgrep must find none but ours.
    finder = os.path.join(short_dir, "pgrep")
    with open(finder, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\nset -eu\n"
                "cell status --json | sed -n 's/.*\"nucleus_pid\": *\\([0-9]*\\).*/\\1/p' | head -n 1\n")
    os.chmod(finder, 0o755)
    home = os.path.join(short_dir, "home")
    os.mkdir(home)
    environment = {**node.environment(), "HOME": home,
                   "PATH": f"{short_dir}:{build.directory}:{os.environ['PATH']}"}
    if build.sanitizers != "none": # what is built against a sanitized libcell is sanitized too
        environment["CFLAGS"] = environment["LDFLAGS"] = f"-fsanitize={build.sanitizers}"
    said = ""
    for block in blocks("README.md", SECTION):
        script = "cd " + build_module.ROOT + "\n" + block.replace("/run/cell", node.run)
        result = node.execute(["/bin/bash", "-euo", "pipefail", "-c", script], timeout=180, env=environment)
        assert result.status == 0, result
        said += result.out
        for name in {row["cell"] for row in node.status()}:
            for instance in range(3):
                node.wait_state(name, "ready", 20, instance) # the next block starts from a whole node
    assert "Hello, World!" in said
