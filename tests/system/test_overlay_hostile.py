"""The overlay against who means it ill: datagrams of every kind and length, keys that lead nowhere, requests at the control socket
that are nearly right; and the same requests to wireguard-go, which is to say the same."""
import base64
import hashlib
import json
import os
import socket
import sys

import pytest

from support import wait
from test_overlay import Lab, run

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_netns, pytest.mark.needs_tool("wireguard-go"),
              pytest.mark.needs_tool("wg"), pytest.mark.needs_tool("ip"), pytest.mark.needs_tool("nsenter"),
              pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="needs /dev/net/tun")]

# Says each line of its input, which is hex, to HOST:PORT, from one port.
MOUTH = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i, line in enumerate(sys.stdin):
    s.sendto(bytes.fromhex(line), (sys.argv[1], int(sys.argv[2])))
    if i % 50 == 0:
        import time
        time.sleep(0.01)
"""
# Points of X25519 whose product with every key is zero: curve25519-donna's list, "May the Fourth".
NOWHERE = ["00" * 32, "01" + "00" * 31, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f",
           "ee" + "ff" * 30 + "7f"]


@pytest.fixture
def lab(build, tmp_path):
    made = Lab(build, tmp_path)
    yield made
    made.close()


def initiation(public, ephemeral, size=148):
    """One whose first MAC is right, as anybody makes it who knows our key."""
    text = b"\1\0\0\0" + os.urandom(4) + ephemeral + os.urandom(48 + 28)
    key = hashlib.blake2s(b"mac1----" + public).digest()
    return (text + hashlib.blake2s(text, key=key, digest_size=16).digest() + bytes(16))[:size]


def counts(lab):
    status = json.loads(run(lab.build.binary("cell"), "--run", str(lab.path / "run"), "--json", "overlay", "status"))
    return {c["name"]: int(c["value"]) for c in status["counts"]}


def test_datagrams_of_every_kind_and_length(lab):
    """Nothing of it ends the cell, is answered, or takes the session with its peer away."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs()
    lab.start_ours(more="shield: off") # so that the cell sees all of it
    theirs.echo()
    assert ours.ask(theirs) == 10
    public, before = base64.b64decode(ours.public), counts(lab)
    said = []
    for kind in (b"\1\0\0\0", b"\2\0\0\0", b"\3\0\0\0", b"\4\0\0\0", b"\5cel", b"\6cel", b"\0\0\0\0", b"\4\0\0\1", b"\xff\xff\xff\xff"):
        for size in (*range(0, 200, 3), 148, 92, 64, 32, 191, 192, 1000, 1001, 1472, 1500, 9000, 40000, 65507):
            said.append((kind + os.urandom(max(0, size - 4)))[:size])
            said.append((kind + bytes(max(0, size - 4)))[:size])
    made = sum(len(m) == 148 and m[:4] == b"\1\0\0\0" for m in said)
    for point in NOWHERE:
        for high in (0, 0x80): # the highest bit does not count
            said.append(initiation(public, bytes.fromhex(point)[:31] + bytes([bytes.fromhex(point)[31] | high])))
    said += [initiation(public, os.urandom(32)) for _ in range(20)]
    said += [initiation(public, os.urandom(32), size) for size in (147, 116, 4)]
    theirs.do(sys.executable, "-c", MOUTH, "192.168.9.1", str(ours.port), stdin="".join(m.hex() + "\n" for m in said))
    wait.until(lambda: counts(lab)["FORGED"] >= before["FORGED"] + 2 * len(NOWHERE) + 20, 20, "initiations that lead nowhere are forged ones")
    after = counts(lab)
    assert after["MAC1"] - before["MAC1"] >= made
    assert (after["RESPONSES"], after["SESSIONS"]) == (before["RESPONSES"], before["SESSIONS"])
    assert ours.ask(theirs) == 10 and ours.process.poll() is None
    assert ours.show("latest-handshakes").keys() == {theirs.public}


def test_a_peer_that_is_nobody_is_refused_by_its_field(lab):
    """This node's own key, and one that no private key leads to: who reads the log finds what to mend."""
    for key in (lab.ours.public, base64.b64encode(bytes(32)).decode()):
        lab.theirs.public = key
        with pytest.raises(AssertionError, match="DATAPATH-PEER.*peers.key: this node's own"):
            lab.start_ours()


def control(side, text):
    """The errno that its control socket answers, and what peers it has then."""
    answers = []
    for request in (text, "get=1\n\n"):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(f"/var/run/wireguard/{side.interface}.sock")
            s.sendall(request.encode())
            answer = b""
            while not answer.endswith(b"\n\n"):
                more = s.recv(65536)
                assert more, "it closed"
                answer += more
        answers.append(answer.decode().splitlines())
    peers, peer = {}, None
    for line in answers[1]:
        name, _, value = line.partition("=")
        if name == "public_key":
            peer = peers.setdefault(value, set())
        elif peer is not None and name in ("preshared_key", "endpoint", "persistent_keepalive_interval", "allowed_ip"):
            peer.add(line)
    return answers[0][-2], peers


def test_the_control_socket_says_what_that_of_wireguard_go_says(lab):
    """One request after the other to both: the same errno, the same peers afterwards. What ours cannot do without a new key, another
    port or privilege is refused, and nothing has changed."""
    ours, theirs = lab.ours, lab.theirs
    lab.start_theirs()
    lab.start_ours()
    a, b, c = (base64.b64decode(run("wg", "pubkey", stdin=run("wg", "genkey"))).hex() for _ in range(3))
    requests = [
        "replace_peers=true\n", f"public_key={a}\nallowed_ip=10.1.0.0/16\nallowed_ip=fd01::/64\n", f"public_key={a}\nallowed_ip=10.1.0.5/16\n",
        f"public_key={b}\nallowed_ip=10.1.0.0/16\n", f"public_key={b}\nreplace_allowed_ips=true\nallowed_ip=0.0.0.0/0\nallowed_ip=::/0\n",
        f"public_key={b}\nreplace_allowed_ips=false\n", f"public_key={a}\npreshared_key={'11' * 32}\n", f"public_key={a}\npreshared_key={'0' * 64}\n",
        f"public_key={a}\npreshared_key={'1' * 63}\n", f"public_key={a}\nendpoint=192.168.9.77:51820\n", f"public_key={a}\nendpoint=[fd00::1]:51820\n",
        f"public_key={a}\nendpoint=192.168.9.77\n", f"public_key={a}\nendpoint=host:1\n", f"public_key={a}\nendpoint=192.168.9.77:65536\n",
        f"public_key={a}\npersistent_keepalive_interval=25\n", f"public_key={a}\npersistent_keepalive_interval=65535\n",
        f"public_key={a}\npersistent_keepalive_interval=65536\n", f"public_key={a}\npersistent_keepalive_interval=-1\n",
        f"public_key={a}\nprotocol_version=1\n", f"public_key={a}\nprotocol_version=2\n",
        f"public_key={c}\nupdate_only=true\nallowed_ip=10.3.0.0/16\n", f"public_key={a}\nupdate_only=true\nallowed_ip=10.3.0.0/16\n",
        f"public_key={a}\nupdate_only=false\n", f"public_key={c}\nremove=true\n", f"public_key={c}\nremove=true\nallowed_ip=10.4.0.0/16\n",
        f"public_key={a}\nremove=false\n", f"public_key={a}\nremove=true\npublic_key={a}\nallowed_ip=10.5.0.0/16\n",
        f"public_key={a}\nallowed_ip=10.5.0.0/33\n", f"public_key={a}\nallowed_ip=fd00::/129\n", f"public_key={a}\nallowed_ip=\n",
        f"public_key={a[:-2]}\n", f"public_key={a}0\n", f"public_key={a.upper()}\npersistent_keepalive_interval=7\n", "public_key=\n", "nonsense=1\n",
        f"public_key={a}\nnonsense=1\n", "nonsense\n", "endpoint=1.2.3.4:5\n", "fwmark=0\n", "fwmark=x\n", "fwmark=4294967296\n", "listen_port=x\n",
        "listen_port=65536\n", "private_key=00\n", "replace_peers=false\n", f"public_key={base64.b64decode(ours.public).hex()}\nallowed_ip=10.9.9.9/32\n",
    ]
    for text in requests:
        said, told = control(ours, f"set=1\n{text}\n"), control(theirs, f"set=1\n{text}\n")
        if base64.b64decode(ours.public).hex() in text: # to wireguard-go that is a peer
            assert said[0] == "errno=0" and said[1].keys() == {a, b}
            continue
        assert said == told, text
    before = control(ours, "set=1\n\n")[1]
    for text in (f"listen_port={ours.port + 1}\n", f"private_key={'22' * 32}\n", "fwmark=1\n"):
        assert control(ours, f"set=1\n{text}\n") == ("errno=-95", before), "EOPNOTSUPP"
    for point in NOWHERE[:3]:
        assert control(ours, f"set=1\npublic_key={point}\nallowed_ip=10.7.0.0/16\n\n") == ("errno=-22", before), "a key that leads nowhere is nobody's"
    assert control(ours, "set=1\nreplace_peers=true\n\n") == ("errno=0", {})
