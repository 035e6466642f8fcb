"""A cluster of state directories on one machine: init, tokens, joins, and what an outsider can do."""
import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from support import wait
from support.ports import free_port

FILES = {"ca.crt", "cluster", "identity", "node.crt", "node.key"}


class Cluster:
    """An initial node with a running issuer; other nodes are state directories beside it."""

    def __init__(self, make_node, **fields):
        self.port = free_port()
        self.node = make_node([{"name": "issuer", "serves": ["issuer.*"], "may_call": ["nucleus.Rekey"], **fields,
                                "config": {"listen": f"127.0.0.1:{self.port}"},
                                "sandbox": {"network": True, "write": ["state"], "keys": ["issuer"]}}], "db-1")
        self.node.cli("init", "--node-id", "db-1")

    def up(self):
        self.node.up()
        return self

    def state(self, name):
        return os.path.join(self.node.directory, name)

    def at(self, name, *arguments, **named):
        """`cell ARGUMENTS` as the node whose state directory is `name`: no node runs there."""
        return self.node.command("--state", self.state(name), "--run", self.state(name + ".run"), *arguments, **named)

    def token(self, *options):
        return self.node.cli("token", "create", *options, json=True)

    def join(self, name, token, *options, stdin=True):
        given = ("-",) if stdin else (token,)
        return self.at(name, "--json", "join", *given, "--node-id", name, *options, stdin=token if stdin else "")

    def members(self):
        return {m["name"]: m for m in self.node.cli("member", "list", json=True)["members"]}

    def tokens(self):
        return {t["id"]: t for t in self.node.cli("token", "list", json=True)["tokens"]}

    def restart_issuer(self, by):
        old = self.node.pid("issuer")
        by(old)
        wait.until(lambda: self.node.pid("issuer") != old, 15, "another process is the issuer")
        self.node.wait_state("issuer", "ready", 15)


@pytest.fixture
def cluster(make_node):
    return Cluster(make_node).up()


def error_of(result):
    assert result.status == 1, result
    assert "Traceback" not in result.err
    import json
    return json.loads(result.err.strip().splitlines()[0])["error"]


class Proxy:
    """Between a node and the issuer: records both directions, and may hold back or change what passes."""

    def __init__(self, to_port, change=None):
        self.to_port, self.change = to_port, change
        self.up, self.down = b"", b""
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                with client, socket.create_connection(("127.0.0.1", self.to_port)) as issuer:
                    self.carry(client, issuer)

    def carry(self, client, issuer):
        """Frames in turn: client, issuer, client, issuer."""
        with contextlib.suppress(OSError, EOFError):
            for turn in range(4):
                source, target = (client, issuer) if turn % 2 == 0 else (issuer, client)
                frame = self.read_frame(source)
                if turn % 2 == 0:
                    self.up += frame
                else:
                    self.down += frame
                if self.change:
                    frame = self.change(turn, frame)
                if frame is None:
                    return
                target.sendall(frame)

    @staticmethod
    def read_frame(source):
        data = b""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            more = source.recv(2 + int.from_bytes(data[:2], "big") - len(data) if len(data) >= 2 else 2 - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def close(self):
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR) # wakes who accepts
        self.server.close()
        self.thread.join(10)


@contextlib.contextmanager
def proxy(cluster, change=None):
    made = Proxy(cluster.port, change)
    try:
        yield made
    finally:
        made.close()


def say(port, data, timeout=8.0):
    """Send bytes to the issuer as a stranger; what it says until it ends the connection."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        s.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            while True:
                more = s.recv(65536)
                if not more:
                    break
                got += more
    return got


def secrets_of(directory):
    """Every secret in a node's directory, as bytes and as the text it stands in."""
    found = []
    for name in ("identity", "cluster"):
        with open(os.path.join(directory, "node", name), encoding="ascii") as f:
            for word in re.findall(r"^(?:seed|key \d+) ([0-9a-f]{64})$", f.read(), re.M):
                found += [bytes.fromhex(word), word.encode()]
    with open(os.path.join(directory, "node", "node.key"), encoding="ascii") as f:
        found.append("".join(f.read().splitlines()[1:-1]).encode())
    assert len(found) >= 5
    return found


# ---- the good way --------------------------------------------------------------------------------------------


def test_a_node_joins_and_both_verify_each_other(cluster):
    made = cluster.token()
    assert re.fullmatch(r"cell1-[a-z2-7]+", made["token"]) and made["contacts"] == [f"127.0.0.1:{cluster.port}"]
    shown = cluster.join("db-2", made["token"]).json()
    assert shown["node"] == "db-2" and shown["member"] and not shown["issuer"]
    first = cluster.node.cli("identity", json=True)
    assert shown["cluster"] == first["cluster"] and shown["issuer_id"] == first["id"] and shown["id"] != first["id"]
    assert cluster.members()["db-2"]["id"] == shown["id"] and cluster.members()["db-2"]["token"] == made["id"]
    assert cluster.tokens()[made["id"]]["state"] == "used"
    directory = os.path.join(cluster.state("db-2"), "node")
    assert set(os.listdir(directory)) == FILES, "no authority's key outside of the initial node"
    for name in FILES:
        assert stat.S_IMODE(os.stat(os.path.join(directory, name)).st_mode) == 0o600, name
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700


@pytest.mark.needs_tool("openssl")
def test_certificates_are_what_openssl_takes_for_good(cluster):
    assert cluster.join("db-2", cluster.token()["token"]).status == 0
    for state, name in ((cluster.node.state, "db-1"), (cluster.state("db-2"), "db-2")):
        folder = os.path.join(state, "node")
        for other in (cluster.node.state, cluster.state("db-2")):
            done = subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile",
                                   os.path.join(other, "node", "ca.crt"), os.path.join(folder, "node.crt")],
                                  capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        text = subprocess.run(["openssl", "x509", "-noout", "-text", "-in", os.path.join(folder, "node.crt")],
                              capture_output=True, text=True, check=True).stdout
        shown = cluster.node.execute([cluster.node.build.binary("cell"), "--state", state, "--json", "identity"]).json()
        assert f"Subject: CN = {name}" in text and f"DNS:{name}" in text
        assert f"URI:cell://{shown['cluster']}/{shown['id']}" in text
        assert "TLS Web Server Authentication, TLS Web Client Authentication" in text and "CA:FALSE" in text
        sha = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in",
                              os.path.join(folder, "node.crt")], capture_output=True, text=True, check=True).stdout
        assert sha.split("=")[1].strip().replace(":", "").lower() == shown["certificate_sha256"]


def test_a_token_lets_in_as_many_as_it_says(cluster):
    token = cluster.token("--uses", "2")["token"]
    assert cluster.join("db-2", token).status == 0
    assert cluster.join("db-3", token, stdin=False).status == 0, "as an argument, too"
    assert "used up" in error_of(cluster.join("db-4", token))["message"]
    assert set(cluster.members()) == {"db-1", "db-2", "db-3"}


def test_joining_again_brings_fresh_keys(cluster):
    one = cluster.join("db-2", cluster.token()["token"]).json()
    rotated = cluster.node.cli("rotate", "cluster-key", json=True)
    assert rotated == {"epoch": 2, "grace_s": 300}
    wait.until(lambda: cluster.node.cli("identity", json=True)["epoch"] == 2, 5, "its own node has it")
    two = cluster.join("db-2", cluster.token()["token"]).json()
    assert two["epoch"] == 2 and two["id"] == one["id"] and two["certificate_sha256"] != one["certificate_sha256"]
    three = cluster.join("db-2", cluster.token()["token"], "--new-identity").json()
    assert three["id"] != two["id"] and cluster.members()["db-2"]["id"] == three["id"]
    assert set(os.listdir(os.path.join(cluster.state("db-2"), "node"))) == FILES
    assert set(cluster.members()) == {"db-1", "db-2"}


# ---- what is refused -------------------------------------------------------------------------------------------


def test_refusals_say_why(cluster):
    port = cluster.port
    good = cluster.token("--uses", "5")
    other = good["token"]
    # A wrong secret: characters 16 to 40 hold it; the checksum is made right again.
    raw = decode(other)
    wrong = encode(raw[:12] + bytes([raw[12] ^ 1]) + raw[13:])
    pinned = encode(raw[:30] + bytes([raw[30] ^ 1]) + raw[31:])
    assert "does not know this token" in error_of(cluster.join("db-2", wrong))["message"]
    error = error_of(cluster.join("db-2", pinned))
    assert "does not know this token" in error["message"] or "not the issuer" in error["message"]
    assert "no join token" in error_of(cluster.join("db-2", other[:-1]))["message"]
    assert "no join token" in error_of(cluster.join("db-2", "hunter2"))["message"]
    assert "db-1" in error_of(cluster.at("x", "--json", "join", "-", "--node-id", "db-1", stdin=other))["message"]
    cluster.node.cli("token", "revoke", good["id"])
    assert "revoked" in error_of(cluster.join("db-2", other))["message"]
    brief = cluster.token("--valid", "1s")
    wait.until(lambda: cluster.tokens()[brief["id"]]["state"] == "expired", 5, "it expires")
    assert "expired" in error_of(cluster.join("db-2", brief["token"]))["message"]
    assert set(cluster.members()) == {"db-1"}, "nobody came in"
    assert not os.path.exists(os.path.join(cluster.state("db-2"), "node", "cluster"))
    log = cluster.node.log("issuer")
    for text in (other, brief["token"]):
        assert text not in log and text[6:30] not in log
    assert port


def decode(token):
    import base64
    text = token[6:].upper()
    return base64.b32decode(text + "=" * (-len(text) % 8))


def encode(raw):
    import base64
    import hashlib
    body = raw[:-4]
    body += hashlib.blake2b(body, digest_size=32).digest()[:4]
    return "cell1-" + base64.b32encode(body).decode().rstrip("=").lower()


def test_nobody_listening_is_said_with_the_address(cluster):
    token = cluster.token("--address", f"127.0.0.1:{free_port()}")["token"]
    error = error_of(cluster.join("db-2", token, "--deadline", "3s"))
    assert "not reached" in error["message"] and "127.0.0.1" in error["message"] and "cell status issuer" in error["hint"]


def test_a_node_that_is_in_a_cluster_stays_there(cluster, make_node):
    assert cluster.join("db-2", cluster.token()["token"]).status == 0
    other = Cluster(make_node).up()
    foreign = other.token()["token"]
    assert "another cluster" in error_of(cluster.join("db-2", foreign))["message"]
    assert "cluster of its own" in error_of(cluster.node.command("--json", "join", "-", stdin=foreign))["message"]
    assert "in a cluster already" in error_of(cluster.at("db-2", "--json", "init"))["message"]
    assert "called db-2" in error_of(cluster.at("db-2", "--json", "join", "-", "--node-id", "db-9",
                                                stdin=cluster.token()["token"]))["message"]


@pytest.mark.parametrize("name", ["../x", "-x", "a b", "a\nb", "a/b", "", "A", "x" * 65, "é"])
def test_names_that_are_none_are_refused(cluster, name):
    for words in (("init",), ("join", "-")):
        result = cluster.at("x", *words, f"--node-id={name}", stdin=cluster_token(cluster))
        assert result.status == 2 and "no name of a node" in result.err, result
    assert not os.path.exists(os.path.join(cluster.state("x"), "node", "identity"))


def cluster_token(cluster):
    if not hasattr(cluster, "kept"):
        cluster.kept = cluster.token("--uses", "9")["token"]
    return cluster.kept


# ---- who listens on the way ---------------------------------------------------------------------------------------


def test_a_capture_holds_no_secret_and_cannot_be_replayed(cluster):
    with proxy(cluster) as p:
        made = cluster.token("--uses", "3", "--address", f"127.0.0.1:{p.port}")
        assert cluster.join("db-2", made["token"]).status == 0
    whole = p.up + p.down
    assert len(p.up) > 200 and len(p.down) > 1000
    raw = decode(made["token"])
    token_id, secret, issuer = raw[1:9], raw[9:25], raw[25:57]
    assert token_id in whole, "the proxy saw the join"
    for secret_bytes in [secret, issuer, made["token"].encode(), made["token"][6:40].encode(), b"db-2", b"BEGIN CERT",
                         *secrets_of(cluster.node.state), *secrets_of(cluster.state("db-2"))]:
        assert secret_bytes not in whole, secret_bytes
    before = cluster.members(), cluster.tokens()
    assert before[1][made["id"]]["left"] == 2
    # All that the node said, played again: a fresh answer to HELLO that proves nothing, then silence.
    answer = say(cluster.port, p.up)
    assert answer[:2] == (57).to_bytes(2, "big") and len(answer) == 2 + 57, "WELCOME and no more"
    assert answer != p.down[:len(answer)]
    assert (cluster.members(), cluster.tokens()) == before, "a replay lets nobody in and costs no use"
    # All that the issuer said, played to a node.
    recorded = [p.down[:59], p.down[59:]]
    with proxy(cluster, lambda turn, frame: recorded[turn // 2] if turn % 2 == 1 else frame) as liar:
        again = cluster.token("--address", f"127.0.0.1:{liar.port}")
        assert "not the issuer" in error_of(cluster.join("db-3", again["token"]))["message"]
    assert not os.path.exists(os.path.join(cluster.state("db-3"), "node", "cluster"))


def test_who_changes_bytes_on_the_way_is_noticed(cluster):
    for turn in range(4):
        def change(at, frame, turn=turn):
            return frame if at != turn else frame[:40] + bytes([frame[40] ^ 0x10]) + frame[41:]
        with proxy(cluster, change) as p:
            made = cluster.token("--address", f"127.0.0.1:{p.port}")
            error = error_of(cluster.join("db-2", made["token"], "--deadline", "8s"))
        assert error["code"] in ("FORGED", "DENIED", "PEER_DEAD", "MALFORMED"), error
        assert not os.path.exists(os.path.join(cluster.state("db-2"), "node", "cluster"))


def test_strangers_cost_little_and_are_answered(cluster):
    refusal = b"\x00\x0aCELLJOIN\x01"
    assert say(cluster.port, b"\x00\x08GET / HT") == refusal + b"\x08"
    assert say(cluster.port, b"\x00\x51CELLJOIN\x01" + bytes(72)) == refusal + b"\x02", "an unknown token"
    assert say(cluster.port, b"\xff\xff" + bytes(100)) == b"", "no frame is that long"
    assert say(cluster.port, b"\x00\x00") == b"", "nor empty"
    began = time.monotonic()
    assert say(cluster.port, b"\x00") == b"", "who says no more is let go"
    assert 4 < time.monotonic() - began < 8
    # One source past its rate is told to come again; others are not asked to pay: the operator's calls go on.
    answers = [say(cluster.port, b"\x00\x08GET / HT")[-1:] for _ in range(12)]
    assert b"\x07" in answers, answers
    assert cluster.tokens() == {}
    token = cluster.token()["token"]
    assert cluster.join("db-2", token).status == 0, "an honest node waits for its turn"


# ---- death ----------------------------------------------------------------------------------------------------------


def test_an_issuer_killed_before_it_answers_has_not_forgotten(cluster):
    """The answer is lost and the issuer killed: the token stays used, for this node and no other."""
    def hold(turn, frame):
        if turn == 3:
            cluster.node.kill("issuer", number=signal.SIGKILL)
            return None
        return frame
    with proxy(cluster, hold) as p:
        made = cluster.token("--address", f"127.0.0.1:{p.port}", "--address", f"127.0.0.1:{cluster.port}")
        old = cluster.node.pid("issuer")
        first = cluster.at("db-2", "--json", "join", "-", "--node-id", "db-2", "--deadline", "4s", stdin=made["token"])
    wait.until(lambda: cluster.node.pid("issuer") != old, 15, "another process is the issuer")
    cluster.node.wait_state("issuer", "ready", 15)
    assert cluster.tokens()[made["id"]]["state"] == "used", "what was accepted is on disk"
    assert "db-2" in cluster.members()
    assert "used up" in error_of(cluster.at("db-3", "--json", "join", "-", "--node-id", "db-3", stdin=made["token"]))["message"]
    if first.status != 0: # the second contact may have been quick enough
        assert not os.path.exists(os.path.join(cluster.state("db-2"), "node", "cluster"))
    again = cluster.join("db-2", made["token"]).json()
    assert again["id"] == cluster.members()["db-2"]["id"], "the node itself comes again with the same token"


def test_used_tokens_stay_used_whatever_dies(cluster):
    token = cluster.token()
    assert cluster.join("db-2", token["token"]).status == 0
    cluster.restart_issuer(lambda pid: cluster.node.kill("issuer"))
    assert cluster.tokens()[token["id"]]["left"] == 0
    assert "used up" in error_of(cluster.join("db-3", token["token"]))["message"]
    fresh = cluster.token()
    cluster.restart_issuer(lambda pid: cluster.node.kill("issuer"))
    assert cluster.join("db-3", fresh["token"]).status == 0, "and unused ones unused"


def test_a_twin_is_handed_the_keys_when_it_takes_over(make_node):
    cluster = Cluster(make_node, spare=True).up()
    token = cluster.token("--uses", "2")["token"]
    assert cluster.join("db-2", token).status == 0
    cluster.restart_issuer(lambda pid: cluster.node.kill("issuer"))
    assert cluster.join("db-3", token).status == 0
    assert set(cluster.members()) == {"db-1", "db-2", "db-3"}


def issuer_file(cluster):
    return os.path.join(cluster.node.state, "cells", "default.issuer", "0", "issuer")


def test_a_damaged_memory_is_not_taken_for_an_empty_one(cluster):
    token = cluster.token()
    assert cluster.join("db-2", token["token"]).status == 0
    cluster.node.cli("stop", "issuer")
    with open(issuer_file(cluster), "r+b") as f: # in place: it belongs to the cells' user
        kept = f.read()
        f.seek(40)
        f.write(b"!")
    assert cluster.node.command("start", "issuer", "--deadline", "15s").status == 1
    assert "DATA_LOSS" in cluster.node.wait_log("ISSUER-STATE", part="issuer")
    with open(issuer_file(cluster), "r+b") as f:
        f.write(kept)
    cluster.node.cli("start", "issuer")
    assert cluster.tokens()[token["id"]]["state"] == "used"


@pytest.mark.parametrize("about", ["key", "name", "authority"])
def test_an_issuer_that_lies_about_a_certificate_is_not_believed(cluster, about):
    """It has the issuer's key and the token's, and still a node keeps nothing that is not its own."""
    token = cluster.token()["token"]
    cluster.node.cli("stop", "issuer")
    build, folder = cluster.node.build, os.path.join(cluster.node.state, "node")
    with subprocess.Popen([build.binary("test-liar"), str(cluster.port), folder, issuer_file(cluster), about],
                          stdout=subprocess.PIPE) as liar:
        assert liar.stdout.readline() == b"ready\n"
        error = error_of(cluster.join("db-2", token))
        assert liar.wait(10) == 0, "it has answered"
    assert "a certificate that is not this node's" in error["message"], error
    kept = set(os.listdir(os.path.join(cluster.state("db-2"), "node")))
    assert kept == {"identity", "node.key"}, kept


def test_a_disk_that_takes_nothing_refuses_and_forgets_nothing(cluster):
    """What cannot be stored is not told: no token, no join, no key; and what there was still holds."""
    kept = cluster.token("--uses", "2")
    assert cluster.join("db-2", kept["token"]).status == 0
    folder = os.path.dirname(issuer_file(cluster))
    before = cluster.members(), cluster.tokens(), cluster.node.cli("identity", json=True)["epoch"]
    os.chmod(folder, 0o500)
    try:
        assert "code" in error_of(cluster.node.command("--json", "token", "create"))
        assert error_of(cluster.node.command("--json", "rotate", "cluster-key"))["code"] in ("IO", "DENIED")
        assert error_of(cluster.node.command("--json", "member", "remove", "db-2"))["code"] in ("IO", "DENIED")
        refused = error_of(cluster.join("db-3", kept["token"]))
        assert refused["code"] == "DENIED" and "could not do it" in refused["message"], refused
        assert not os.path.exists(os.path.join(cluster.state("db-3"), "node", "cluster"))
    finally:
        os.chmod(folder, 0o700)
    assert (cluster.members(), cluster.tokens(), cluster.node.cli("identity", json=True)["epoch"]) == before
    cluster.restart_issuer(lambda pid: cluster.node.kill("issuer"))
    assert (cluster.members(), cluster.tokens()) == before[:2], "nor does another process know more"
    assert cluster.join("db-3", kept["token"]).status == 0, "the use was not spent"


def test_joins_come_in_by_a_socket_of_the_supervisor(make_node):
    """sandbox.listen: the port is bound before the issuer runs and stays while it is killed."""
    port = free_port()
    cluster = Cluster(make_node)
    cluster.port = port
    cluster.node.write_manifest([{"name": "issuer", "serves": ["issuer.*"], "may_call": ["nucleus.Rekey"], "config": {"advertise": [f"127.0.0.1:{port}"]},
                                  "sandbox": {"write": ["state"], "keys": ["issuer"],
                                              "listen": [{"name": "join", "at": f"tcp://127.0.0.1:{port}"}]}}])
    cluster.up()
    assert cluster.join("db-2", cluster.token()["token"]).status == 0, "without a network of its own"
    token = cluster.token()["token"]
    cluster.node.kill("issuer")
    assert cluster.join("db-3", token).status == 0, "who comes meanwhile waits"


# ---- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage, words", [
    (lambda path: os.chmod(path, 0o640), "mode 0640"),
    (lambda path: os.truncate(path, 50), "damaged"),
    (lambda path: os.rename(path, path + ".gone"), "No such file"),
])
def test_a_bad_identity_file_is_named(cluster, damage, words):
    path = os.path.join(cluster.node.state, "node", "cluster")
    cluster.node.cli("stop", "issuer")
    damage(path)
    result = cluster.node.command("identity")
    if words != "No such file": # without a cluster file the node is in no cluster
        assert result.status == 1 and words in result.err and path in result.err, result
    result = cluster.node.command("start", "issuer", "--deadline", "15s")
    assert result.status == 1
    reason = cluster.node.instance("issuer")["reason"]
    assert ("cell init" in reason) if words == "No such file" else ("its keys" in reason), reason


def test_a_cell_without_keys_says_what_to_run(make_node):
    node = make_node([{"name": "issuer", "restart": {"give_up": "1 in 60s"},
                       "sandbox": {"network": True, "write": ["state"], "keys": ["issuer"]}}])
    assert node.command("up", node.manifest_path, "--detach", timeout=60).status == 1
    assert "run `cell init` or `cell join`" in node.instance("issuer")["reason"]


def test_leaving(cluster):
    assert "no cluster" in error_of(cluster.at("db-2", "--json", "leave"))["message"]
    assert cluster.join("db-2", cluster.token()["token"]).status == 0
    assert "only key" in error_of(cluster.node.command("--json", "leave"))["message"]
    one = cluster.at("db-2", "--json", "identity").json()["id"]
    assert cluster.at("db-2", "leave").status == 0
    assert os.listdir(os.path.join(cluster.state("db-2"), "node")) == ["identity"]
    assert cluster.join("db-2", cluster.token()["token"]).json()["id"] == one, "its name is still its own"
    assert cluster.at("db-2", "leave").status == 0
    cluster.node.cli("member", "remove", "db-2")
    assert cluster.at("other", "--json", "join", "-", "--node-id", "db-2", stdin=cluster.token()["token"]).status == 0
    assert "stays" in cluster.node.command("member", "remove", "db-1").err


def test_nothing_secret_is_shown_or_logged(cluster):
    token = cluster.token()["token"]
    assert cluster.join("db-2", token).status == 0
    said = cluster.node.log() + cluster.node.cli("inspect", "issuer") + cluster.node.cli("identity")
    for words in (["status"], ["identity"], ["member", "list"], ["token", "list"], ["inspect", "issuer"]):
        said += repr(cluster.node.cli(*words, json=True))
    pid = cluster.node.pid("issuer")
    for part in ("cmdline", "environ"):
        with open(f"/proc/{pid}/{part}", "rb") as f:
            said += f.read().decode(errors="replace")
    for secret in secrets_of(cluster.node.state) + secrets_of(cluster.state("db-2")) + [token.encode(), token[6:40].encode()]:
        if secret.isascii():
            assert secret.decode() not in said


def test_a_node_has_one_name(cluster):
    """NOD-10: a manifest that calls the node otherwise is refused, with both names; without one it is the identity's."""
    node = cluster.node
    assert node.cli("status", json=True)["node"] == "db-1"
    with open(node.manifest_path, encoding="utf-8") as f:
        text = f.read()
    with open(node.manifest_path, "w", encoding="utf-8") as f:
        f.write(text.replace('"node": "db-1"', '"node": "elsewhere"'))
    said = error_of(node.command("--json", "apply", node.manifest_path))
    assert "elsewhere" in said["message"] and "db-1" in said["message"], said
    with open(node.manifest_path, "w", encoding="utf-8") as f:
        f.write(text.replace('"node": "db-1",', ""))
    node.cli("apply", node.manifest_path)
    assert node.cli("status", json=True)["node"] == "db-1"
