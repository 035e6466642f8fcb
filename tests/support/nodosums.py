"""Clusters whose nodes know each other through nodosum: manifests, keys, and what the tests say about members."""
import os
import subprocess

from . import pb, sp

PORT = 7402
SERVES = ["nodosum.*"]
made_keys = {}
MEMBERS, WATCH, LEAVE, DISCOVER, RTTS, OFFER, KEYS = 200, 201, 202, 204, 205, 206, 207


def make_keys(build, directory, name, cluster="tests"):
    """Keys of a node as `cell init` and `cell join` would have made them; the path of the file."""
    path = os.path.join(directory, f"keys-{name}")
    if (name, cluster) not in made_keys: # the same ones every time
        subprocess.run([build.binary("test-keys"), name, cluster, path], check=True)
        with open(path, "rb") as f:
            made_keys[name, cluster] = f.read()
    with open(path, "wb") as f:
        f.write(made_keys[name, cluster])
    return path


def manifest(build, directory, name, seeds=(), cluster="tests", labels=None, **config):
    keys = make_keys(build, directory, name, cluster)
    return [{"name": "nodosum", "serves": SERVES, "placement": {"labels": labels or {}},
             "sandbox": {"network": True, "read": [keys], "write": ["state"]},
             "config": {"keys": keys, "seeds": list(seeds), **config}}]


def make(make_cluster, build, short_dir, count, **config):
    """A cluster of `count` nodes; all have the first two as seeds."""
    os.chmod(short_dir, 0o755) # cells of a node that root runs are another user
    seeds = [f"10.77.0.{i + 1}:{PORT}" for i in range(min(count, 2))]

    def one(index):
        return manifest(build, short_dir, f"node-{index + 1}", seeds, **config)

    return make_cluster(count, one)


def members(node, *options):
    """{name: state} as the node sees it."""
    return {m["name"]: m["state"] for m in node.cli("members", *options, json=True)["members"]}


def seen(node, field=3):
    """{name: state}, or another text of a Member, by the independent client on the cell's own socket: no process is started, which costs tens of
    milliseconds, too coarse for claims about a second."""
    with node.client("nodosum", timeout=1) as client:
        reply = client.call(MEMBERS, timeout=1)
    assert reply.status == sp.OK, reply
    found = (pb.decode(m) for m in pb.decode(reply.body).get(1, []))
    return {pb.first(m, 2).decode(): pb.first(m, field).decode() for m in found}


def alive(node):
    """Names of those that answer."""
    return sorted(name for name, state in seen(node).items() if state == "alive")


def living(node):
    """Names of those that are not held for dead."""
    return sorted(seen(node))


def names(nodes):
    return sorted(n.name for n in nodes)


def agree(cluster, nodes, deadline, why, look=alive):
    """Wait until each of `nodes` holds exactly `nodes` for alive; the seconds that took."""
    return cluster.wait_each(nodes, look, names(nodes), deadline, why)
