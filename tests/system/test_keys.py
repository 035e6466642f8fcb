"""Keys that change while everything runs: rotation, removal, renewal, in a cluster of network namespaces."""
import time

import pytest

from support import cluster as cluster_module
from support import nodosums

pytestmark = pytest.mark.skipif(cluster_module.missing() is not None, reason=str(cluster_module.missing()))

JOIN, GOSSIP, MESH = 7402, 7402, 7401
HEARD = 5.0 # within which a change of keys is everywhere; seconds


class Keyed:
    """Nodes of one cluster that joined with tokens: the first has the issuer."""

    def __init__(self, make_cluster, build, count, extra=lambda index: []):
        self.build, self.extra = build, extra
        self.cluster = make_cluster(count, self.manifest)
        first = self.cluster[0]
        first.cli("init", "--node-id", first.name)
        first.up()
        for node in self.cluster.members[1:]:
            self.join(node)

    def __getitem__(self, index):
        return self.cluster[index]

    def join(self, node, *options):
        token = self[0].cli("token", "create", *options, json=True)["token"]
        node.cli("join", "-", "--node-id", node.name, stdin=token)
        node.up()

    def manifest(self, index):
        cells = [
            {"name": "nodosum", "serves": ["nodosum.*"], "config": {"seeds": ["10.77.0.1:7402"]},
             "sandbox": {"network": True, "write": ["state"], "keys": ["datagram"],
                         "listen": [{"name": "gossip", "at": f"udp://0.0.0.0:{GOSSIP}"}]}},
            {"name": "gateway", "requires": ["nodosum"], "may_call": ["nodosum.*", "nucleus.*", "callee.*"],
             "config": {"exports": [{"cell": "callee", "nodes": [f"node-{n}" for n in range(1, 6)]}]},
             "sandbox": {"network": True, "keys": ["tls"], "listen": [{"name": "mesh", "at": f"tcp://0.0.0.0:{MESH}"}]}},
            {"name": "callee", "exec": self.build.binary("cell-probe"), "serves": ["callee.*"]},
            {"name": "caller", "exec": self.build.binary("cell-probe"), "requires": ["gateway"],
             "may_call": ["callee@*.*"]},
        ]
        if index == 0:
            cells.append({"name": "issuer", "serves": ["issuer.*"], "may_call": ["nucleus.Rekey"],
                          "sandbox": {"network": True, "write": ["state"], "keys": ["issuer"]}})
        else:
            cells.append({"name": "renewer", "serves": ["renewer.*"], "requires": ["nodosum"],
                          "may_call": ["nucleus.Rekey", "nodosum.Keys", "nodosum.Members"],
                          "sandbox": {"network": True, "keys": ["renew"]}})
        return cells + self.extra(index)


def identity(node):
    return node.cli("identity", json=True)


def epoch_of(node):
    return identity(node)["epoch"]


def pids(nodes):
    return {(n.name, c["cell"]): c["pid"] for n in nodes for c in n.cli("status", json=True)["cells"]}


def test_a_rotation_reaches_everybody(make_cluster, build):
    keyed = Keyed(make_cluster, build, 3)
    nodes = keyed.cluster.members
    nodosums.agree(keyed.cluster, nodes, 10, "three members")
    before = pids(nodes)
    assert keyed[0].cli("rotate", "cluster-key", json=True)["epoch"] == 2
    took = keyed.cluster.wait_each(nodes, epoch_of, 2, HEARD, "the new epoch is everywhere")
    print(f"everywhere after {took:.2f} s")
    assert pids(nodes) == before, "no cell was restarted"
