"""Keys that change while everything runs, in a cluster of network namespaces: NOD-2, NOD-9, GW-2."""
import contextlib
import os
import subprocess
import sys
import threading
import time

from support import nodosums, wait
from test_calls import ask

GOSSIP, MESH, TALK = 7402, 7401, 7500
HEARD = 5.0        # within which a change of keys is everywhere; seconds. Usually a fraction of one
OUT = 10 + HEARD   # … and a removed node out of it: the grace of a removal, once everybody has heard
EVERY_MS = 5       # between datagrams of a talker


class Keyed:
    """Nodes of one cluster that joined with tokens; the first has the issuer, the others the cell that asks it. With
    `talks`, nodes 2 and 3 send each other sealed datagrams without end."""

    def __init__(self, make_cluster, build, count, talks=False):
        self.build = build
        self.cluster = make_cluster(count, self.manifest)
        first = self[0]
        first.cli("init", "--node-id", first.name)
        first.up()
        for node in self.nodes[1:]:
            self.join(node)
        if talks:
            for node, other in ((self[1], self[2]), (self[2], self[1])):
                node.write_manifest(self.manifest(node.index) + [self.talker(other)])
        self.cluster.up(self.nodes[1:])
        nodosums.agree(self.cluster, self.nodes, 15, f"{count} members")

    def __getitem__(self, index):
        return self.cluster[index]

    @property
    def nodes(self):
        return self.cluster.members

    def join(self, node):
        token = self[0].cli("token", "create", json=True)["token"]
        node.cli("join", "-", "--node-id", node.name, stdin=token)

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
             "may_call": [f"callee@node-{n}.*" for n in range(1, 6)]},
        ]
        if index == 0:
            return cells + [{"name": "issuer", "serves": ["issuer.*"], "may_call": ["nucleus.Rekey"],
                             "sandbox": {"network": True, "write": ["state"], "keys": ["issuer"]}}]
        return cells + [{"name": "renewer", "serves": ["renewer.*"], "requires": ["nodosum"],
                         "may_call": ["nucleus.Rekey", "nodosum.Keys", "nodosum.Members"],
                         "sandbox": {"network": True, "keys": ["renew"]}}]

    def talker(self, other):
        config = {"peer": identity(other)["id"], "at": f"{other.address}:{TALK}", "every_ms": EVERY_MS}
        return {"name": "talker", "exec": self.build.binary("cell-talker"), "config": config,
                "sandbox": {"network": True, "keys": ["datagram"], "listen": [{"name": "talk", "at": f"udp://0.0.0.0:{TALK}"}]}}

    def everywhere(self, epoch, nodes=None, deadline=HEARD):
        return self.cluster.wait_each(nodes or self.nodes, lambda n: identity(n)["epoch"], epoch, deadline,
                                      f"epoch {epoch} is everywhere")


def identity(node):
    return node.cli("identity", json=True)


def renewer(node):
    return node.cli("call", "renewer.State", json=True)


def metrics(node, cell):
    return {m["name"]: m["value"] for m in node.cli("inspect", cell, json=True)["metrics"]}


def processes(nodes):
    return {(n.name, c["cell"]): c["pid"] for n in nodes for c in n.cli("status", json=True)["cells"]}


@contextlib.contextmanager
def calls(node, target):
    """Calls from the node's cell `caller` without a pause, in a thread; yields the list of what came back."""
    results, is_over = [], threading.Event()

    def run():
        while not is_over.is_set():
            results.append(ask(node, target, "x", deadline_ms=3000)[0])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield results
    finally:
        is_over.set()
        thread.join()


def secrets(*nodes):
    """Everything that must not be seen on the way: keys of the cluster, of the nodes, of the authority."""
    found = []
    for node in nodes:
        for name in ("cluster", "identity"):
            with open(os.path.join(node.state, "node", name), encoding="utf-8") as f:
                found += [bytes.fromhex(line.split()[-1]) for line in f if line.split()[0] in ("key", "seed") and ":" not in line]
    return found


# ---- rotation -----------------------------------------------------------------------------------------------------


def test_a_rotation_loses_nothing_and_restarts_nobody(make_cluster, build):
    """NOD-2: every node has the new epoch within five seconds; datagrams and calls between two of them go on without a
    loss, also when the key before ends; no process is another."""
    keyed = Keyed(make_cluster, build, 3, talks=True)
    two, three = keyed[1], keyed[2]
    wait.until(lambda: metrics(three, "talker")["cell_talker_received_total"] > 100, 15, "they talk")
    began = {n.name: metrics(n, "talker") for n in (two, three)}
    before = processes(keyed.nodes)
    with calls(two, "callee@node-3") as results:
        keyed[0].cli("rotate", "cluster-key", "--grace", "4s")
        took = keyed.everywhere(2)
        keyed.cluster.wait_each(keyed.nodes, lambda n: identity(n)["cluster_keys"], 1, 4 + HEARD, "the key before is over")
        time.sleep(1) # datagrams under the new key alone
    print(f"epoch 2 everywhere after {took:.2f} s; {len(results)} calls")
    assert len(results) > 20 and set(results) == {"OK"}, results
    for node in (two, three):
        now = metrics(node, "talker")
        assert now["cell_talker_received_total"] - began[node.name]["cell_talker_received_total"] > 300, now
        assert now["cell_talker_missing"] <= began[node.name]["cell_talker_missing"], (began[node.name], now)
        assert now["cell_talker_unsent_total"] == began[node.name]["cell_talker_unsent_total"], now
        assert now["cell_talker_rekeyed_total"] == 2, now # the new key; its predecessor's end
    assert processes(keyed.nodes) == before, "no cell was restarted"
    assert nodosums.names(keyed.nodes) == nodosums.alive(keyed[0])


def test_who_was_away_is_served(make_cluster, build):
    """NOD-2: a node that was off during two rotations has neither key of the others, and is served; and what an issuer had
    stored when it died is told by the next one."""
    keyed = Keyed(make_cluster, build, 3)
    here, away = keyed.nodes[:2], keyed[2]
    away.crash()
    keyed[0].cli("rotate", "cluster-key", "--grace", "1s")
    keyed[0].kill("issuer")
    keyed.everywhere(2, here, deadline=HEARD + 10) # it starts anew first
    keyed[0].wait_state("issuer", "ready", 15)
    keyed[0].cli("rotate", "cluster-key", "--grace", "1s")
    keyed.everywhere(3, here)
    keyed.cluster.wait_each(here, lambda n: identity(n)["cluster_keys"], 1, HEARD, "the key before is over")
    assert identity(away)["epoch"] == 1
    away.up()
    keyed.everywhere(3, [away], deadline=HEARD)
    nodosums.agree(keyed.cluster, keyed.nodes, 15, "all three again")


# ---- removal ------------------------------------------------------------------------------------------------------


def test_a_removed_member_is_out_everywhere(make_cluster, build):
    """NOD-2, GW-2: its links are cut and refused, it gets no new key, nobody hears its datagrams, and the others go on."""
    keyed = Keyed(make_cluster, build, 3, talks=True)
    one, two, gone = keyed.nodes
    assert ask(gone, "callee@node-1")[0] == ask(gone, "callee@node-2")[0] == ask(two, "callee@node-3")[0] == "OK"
    wait.until(lambda: metrics(two, "talker")["cell_talker_received_total"] > 100, 15, "it talks")
    one.cli("member", "remove", gone.name)
    keyed.everywhere(2, [one, two])
    check_list(one, gone)
    for node in (one, two):
        wait.until(lambda node=node: ask(gone, f"callee@{node.name}", deadline_ms=1000)[0] != "OK", HEARD,
                   f"{node.name} refuses its links")
        refused = {r["name"]: int(r["value"]) for r in node.cli("call", "gateway.Links", json=True)["refused"]}
        assert refused["CERTIFICATE"] > 0, refused
    assert ask(two, "callee@node-3", deadline_ms=1000)[0] != "OK", "nor is it asked"
    assert ask(two, "callee@node-1")[0] == ask(one, "callee@node-2")[0] == "OK"
    keyed.cluster.wait_each([one, two], lambda n: identity(n)["cluster_keys"], 1, OUT, "the key that it has is over")
    heard = metrics(two, "talker")["cell_talker_received_total"]
    time.sleep(1)
    assert metrics(two, "talker")["cell_talker_received_total"] == heard, "no datagram of it is taken"
    keyed.cluster.wait_each([one, two], nodosums.alive, ["node-1", "node-2"], 20, "it is no member any more")
    # It asks, and hears that it is none.
    gone.kill("renewer")
    wait.until(lambda: renewer(gone)["is_removed"], 15, "the issuer tells it so")
    state = renewer(gone)
    assert (state["epoch"], state["crl"], identity(gone)["epoch"]) == (1, 0, 1), state
    assert "no member" in state["why"]
    # Its name is free, and a token lets it in again, with another certificate.
    keyed.join(gone)
    gone.cli("restart", "nodosum")
    nodosums.agree(keyed.cluster, keyed.nodes, 15, "it is in again")
    wait.until(lambda: ask(gone, "callee@node-1")[0] == "OK", 15, "and asks")


def check_list(issuer, member):
    """What OpenSSL makes of the revocation list and of the member's certificate."""
    where, crt = os.path.join(issuer.state, "node"), os.path.join(member.state, "node", "node.crt")
    ca, crl = os.path.join(where, "ca.crt"), os.path.join(where, "ca.crl")
    shown = subprocess.run(["openssl", "crl", "-in", crl, "-noout", "-text", "-CAfile", ca], capture_output=True, text=True,
                           check=True)
    assert "verify OK" in shown.stderr and "X509v3 CRL Number" in shown.stdout, shown
    judged = subprocess.run(["openssl", "verify", "-crl_check", "-CAfile", ca, "-CRLfile", crl, crt], capture_output=True,
                            text=True, check=False)
    assert judged.returncode != 0 and "revoked" in judged.stderr + judged.stdout, judged


# ---- renewal ------------------------------------------------------------------------------------------------------


def test_a_certificate_near_its_end_is_renewed(make_cluster, build):
    """NOD-2: also one that has ended, and without a restart: links are made with the new one."""
    keyed = Keyed(make_cluster, build, 2)
    node = keyed[1]
    issuer_file = os.path.join(keyed[0].state, "cells", "default.issuer", "0", "issuer")
    where = [os.path.join(n.state, "node") for n in keyed.nodes]
    for age_days in (250, 400): # a third of its time is left; it ended
        keyed[0].cli("stop", "issuer")
        subprocess.run([build.binary("test-recertify"), *where, issuer_file, str(age_days)], check=True)
        keyed[0].cli("start", "issuer")
        old = identity(node)
        assert old["certificate_not_after_s"] < time.time() + 120 * 86400
        node.kill("renewer") # it asks when it starts
        wait.until(lambda old=old: identity(node)["certificate_not_after_s"] > time.time() + 364 * 86400, 15,
                   f"the certificate of {age_days} days ago is renewed")
        assert identity(node)["certificate_sha256"] != old["certificate_sha256"]
        assert ask(node, "callee@node-1")[0] == ask(keyed[0], "callee@node-2")[0] == "OK"


# ---- who listens on the way ----------------------------------------------------------------------------------------


def test_a_capture_holds_no_secret_and_replays_to_nothing(make_cluster, build):
    keyed = Keyed(make_cluster, build, 2)
    one, two = keyed.nodes
    stop = os.path.join(keyed.cluster.directory, "stop")
    path = os.path.join(keyed.cluster.directory, "capture")
    sniffer = two.program(sys.executable, "-c", SNIFF, path, stop, stdout=subprocess.PIPE)
    assert sniffer.stdout.readline() == b"ready\n"
    before = secrets(one, two)
    one.cli("rotate", "cluster-key")
    keyed.everywhere(2)
    one.cli("rotate", "cluster-key")
    keyed.everywhere(3)
    time.sleep(0.3)
    with open(stop, "w", encoding="utf-8"):
        pass
    sniffer.wait(10)
    with open(path, "rb") as f:
        frames = [bytes.fromhex(line.decode()) for line in f.read().split()]
    whole = b"".join(frames)
    assert whole.count(b"CELLRENW") >= 2, "the exchanges are in it"
    for secret in before + secrets(one, two):
        assert secret not in whole and secret.hex().encode() not in whole
    assert identity(one)["id"].encode() not in whole and b"BEGIN" not in whole
    # The first frame of an exchange, played again: an answer that proves nothing, and then silence.
    at = whole.index(b"CELLRENW")
    hello = whole[at - 2:at + 137]
    assert hello[:2] == (137).to_bytes(2, "big")
    replayed = two.execute([sys.executable, "-c", REPLAY, one.address, hello.hex()])
    answer = bytes.fromhex(replayed.out.strip())
    assert answer[:2] == (57).to_bytes(2, "big") and len(answer) == 59, "WELCOME and no more"
    assert answer not in whole
    assert identity(one)["epoch"] == 3


SNIFF = """
import os, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("eth0", 0))
s.settimeout(0.1)
print("ready", flush=True)
with open(sys.argv[1], "w") as f:
    while not os.path.exists(sys.argv[2]):
        try:
            f.write(s.recv(65536).hex() + "\\n")
        except TimeoutError:
            pass
"""

REPLAY = """
import socket, sys
with socket.create_connection((sys.argv[1], 7402), 5) as s:
    s.sendall(bytes.fromhex(sys.argv[2]))
    s.settimeout(1)
    got = b""
    while True:
        try:
            more = s.recv(4096)
        except TimeoutError:
            break
        if not more:
            break
        got += more
print(got.hex())
"""
