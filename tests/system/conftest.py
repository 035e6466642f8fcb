"""Fixtures of the system tests; the harness itself is tests/support."""
import os
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from support import build as build_module, cluster as cluster_module, needs, node as node_module, remains # noqa: E402


def pytest_configure(config):
    for name, (text, _) in needs.MARKS.items():
        config.addinivalue_line("markers", f"{name}: {text}" if "(" not in text else text)


# What takes a compiler of half a gigabyte is tried by hand: CELL_TEST_CLIENTS=1.
collect_ignore = [] if os.environ.get("CELL_TEST_CLIENTS") else ["test_codegen_go.py"]

# Tests of these files look at what all private nodes of the machine leave, so they must not meet each other.
ALONE = ("test_cli", "test_docs", "test_deploy", "test_unprivileged")


@pytest.hookimpl(tryfirst=True) # before xdist reads the marks
def pytest_collection_modifyitems(config, items):
    """With several workers a file's tests stay together: they share what its fixtures have started."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            name = item.module.__name__
            item.add_marker(pytest.mark.xdist_group("private-nodes" if name in ALONE else name))


def pytest_runtest_setup(item):
    for name, (_, check) in needs.MARKS.items():
        for mark in item.iter_markers(name):
            missing = check(*mark.args)
            if missing:
                pytest.skip(missing)


@pytest.fixture(scope="session")
def build():
    return build_module.find()


@pytest.fixture
def short_dir():
    """A directory whose path leaves room for a socket's name (107 characters in all)."""
    made = tempfile.mkdtemp(prefix="ct", dir="/tmp")
    yield made
    shutil.rmtree(made)


@pytest.fixture
def make_node(build):
    """make_node(manifest, name="node-1", user=None) -> Node; every node is closed and checked at the end."""
    made = []

    def make(manifest, name="node-1", user=None):
        made.append(node_module.Node(build, manifest, name, user))
        return made[-1]

    yield make
    faults = []
    for node in reversed(made):
        try:
            node.close()
        except AssertionError as fault:
            faults.append(str(fault))
    assert not faults, "\n".join(faults)


@pytest.fixture(scope="session")
def cluster_room():
    """Skips where no cluster can be made; removes what killed runs left."""
    missing = cluster_module.missing()
    if missing:
        pytest.skip(missing)
    remains.sweep()


@pytest.fixture
def make_cluster(build, cluster_room):
    """make_cluster(count, manifest, prefix="node") -> Cluster; closed and checked at the end."""
    made = []

    def make(count, manifest, prefix="node"):
        made.append(cluster_module.Cluster(build, count, manifest, prefix))
        return made[-1]

    yield make
    faults = []
    for cluster in reversed(made):
        try:
            cluster.close()
        except AssertionError as fault:
            faults.append(str(fault))
    assert not faults, "\n".join(faults)


@pytest.fixture
def node(make_node):
    """A running node with two greeters."""
    made = make_node([{"name": "greeter", "instances": 2, "serves": ["greeter.Greet"]}])
    made.up()
    return made
