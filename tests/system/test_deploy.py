"""The two scripts a newcomer runs: up.sh from a built tree to a running node, down.sh back."""
import glob
import os
import re
import shutil
import subprocess

import pytest

from support import build as build_module, wait

UP = os.path.join(build_module.ROOT, "deploy", "up.sh")
DOWN = os.path.join(build_module.ROOT, "deploy", "down.sh")
DEADLINE = 300.0


@pytest.fixture
def place(make_node, build):
    """A node's directories and the environment of the scripts; nothing is started."""
    node = make_node("cells: []\n")
    environment = {**node.environment(), "CELL_BUILD": build.directory}
    return lambda script: node.execute([script], timeout=DEADLINE, env=environment), node


def names_in_manifest():
    with open(os.path.join(build_module.ROOT, "deploy", "node.yaml"), encoding="utf-8") as f:
        return re.findall(r"^  - name: (\S+)", f.read(), re.M)


@pytest.mark.needs_own_build
def test_up_twice_and_down_twice(place):
    run, node = place
    first = run(UP)
    assert first.status == 0, first
    assert {row["state"] for row in node.status()} == {"ready"}
    assert {row["cell"] for row in node.status()} == set(names_in_manifest())
    for name in names_in_manifest():
        assert f"\n{name}: cell call {name}." in first.out, "each cell is called once"
    pids = sorted(row["pid"] for row in node.status())

    second = run(UP)
    assert (second.status, "already runs" in second.out) == (0, True), second
    assert sorted(row["pid"] for row in node.status()) == pids, "the second run changed nothing"

    assert run(DOWN).status == 0
    wait.until(lambda: not node.processes(), 10, "everything ended")
    again = run(DOWN)
    assert (again.status, "no node runs" in again.out) == (0, True), again


GREETER = {"name": "greeter", "serves": ["greeter.Greet"]}


def test_a_node_that_runs_is_said_to_only_when_it_is_well(place):
    """Run again after an interruption, say: it waits for who is on the way, and names who does not come."""
    run, node = place
    node.write_manifest([{**GREETER, "restart": {"first": "3s", "max": "3s"}}])
    node.up()
    killed = node.kill("greeter")
    second = run(UP)
    assert (second.status, "already runs" in second.out) == (0, True), second
    row = node.instance("greeter")
    assert row["state"] == "ready" and row["pid"] != killed, "it was waited for"
    node.write_manifest([GREETER, {"name": "crasher", "exec": "/bin/false",
                                   "restart": {"first": "1ms", "max": "1ms", "give_up": "2 in 60s"}}])
    assert node.command("apply", node.manifest_path).status == 1
    third = run(UP)
    assert (third.status, "crasher.0" in third.err) == (1, True), third


def test_every_cell_of_the_manifest_has_a_first_call():
    with open(os.path.join(build_module.ROOT, "deploy", "first-calls.txt"), encoding="utf-8") as f:
        called = [line.split()[0] for line in f if line.strip() and not line.startswith("#")]
    assert sorted(called) == sorted(names_in_manifest())


@pytest.mark.needs_other_user
def test_a_node_needs_a_place_before_anything_is_built(place, short_dir):
    """Without root, XDG_RUNTIME_DIR and CELL_RUN: said at once, not after a build."""
    _, node = place
    nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    result = node.execute([*nobody, UP], env={"PATH": os.environ["PATH"], "CELL_BUILD": short_dir})
    assert (result.status, "XDG_RUNTIME_DIR is not set" in result.err) == (1, True), result
    assert os.listdir(short_dir) == []


@pytest.mark.needs_other_user
def test_a_build_directory_of_another_user_is_refused(place, build, short_dir):
    """What is there already, and what would have to be made where one may not: said before anything else."""
    _, node = place
    nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for directory in (build.directory, os.path.join(short_dir, "none", "there")):
        result = node.execute([*nobody, UP], env={"PATH": os.environ["PATH"], "CELL_BUILD": directory,
                                                  "CELL_RUN": short_dir})
        assert (result.status, "choose another directory with CELL_BUILD" in result.err) == (1, True), result


@pytest.mark.parametrize("script", [UP, DOWN])
def test_a_word_too_many_does_nothing(place, script):
    _, node = place
    said = node.execute([script, "--nonsense"], timeout=DEADLINE, env=node.environment())
    assert said.status == 2 and "--nonsense" in said.err, said


def test_down_without_a_build_says_so(place, short_dir):
    _, node = place
    result = node.execute([DOWN], env={**node.environment(), "CELL_BUILD": short_dir})
    assert (result.status, "is not built" in result.err) == (1, True), result


def test_missing_packages_are_named_without_root(place, short_dir):
    """packages.sh with a list of its own: what is missing is named, nothing is tried without root."""
    _, node = place
    script = os.path.join(short_dir, "packages.sh")
    with open(os.path.join(build_module.ROOT, "deploy", "packages.sh"), encoding="utf-8") as f:
        text = f.read().replace("$(id -u)", "1000")
    with open(script, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(script, 0o755)
    with open(os.path.join(short_dir, "packages.txt"), "w", encoding="utf-8") as f:
        f.write("# a list\ngcc build # here\nno-such-package-a build # not here\nno-such-b test # unasked\n"
                "no-such-c/nowhere build # another architecture's\n")
    result = node.execute([script, "build"])
    assert result.status == 1
    assert "missing: no-such-package-a\n" in result.err and "no-such-b" not in result.err and "no-such-c" not in result.err, result


def package_of(program):
    """Who brings a program, by dpkg; also where /bin is a link to /usr/bin. None: nobody, or one of several (`cc`)."""
    path = shutil.which(program)
    for name in (path, "/usr" + path, path.removeprefix("/usr")):
        found = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.split(":")[0]
    return None


@pytest.mark.needs_tool("dpkg-query")
def test_what_tests_ask_for_is_in_the_list():
    """tests/run.sh installs the list: a test that lacks a tool there is skipped for nothing."""
    with open(os.path.join(build_module.ROOT, "deploy", "packages.txt"), encoding="utf-8") as f:
        listed = {line.split()[0].split("/")[0] for line in f if line.strip() and not line.startswith("#")}
    asked = set()
    for path in glob.glob(os.path.join(build_module.ROOT, "tests", "**", "*.py"), recursive=True):
        with open(path, encoding="utf-8") as f:
            asked |= set(re.findall(r'(?:needs_tool|needs\.tool|shutil\.which)\("([a-z0-9-]+)"\)', f.read()))
    missing = []
    for program in sorted(p for p in asked if shutil.which(p)):
        package = package_of(program)
        if package is None or package in listed: # of no package: somebody built it
            continue
        told = subprocess.run(["dpkg-query", "-W", "-f", "${Essential} ${Priority}", package], capture_output=True, text=True, check=True)
        if told.stdout != "yes required": # what every Debian has
            missing.append(f"{program}: {package}")
    assert not missing and "strace" in asked, missing
