"""Logs: NUC-23."""
import os
import re
import socket

from support import pb, wait

WRITE = 20004


def numbers(node):
    found = []
    for path in sorted(node.log_files()):
        if ".probe." in path:
            with open(path, encoding="utf-8", errors="replace") as f:
                for line in f:
                    m = re.fullmatch(r"probe line (\d+) \.+\n", line)
                    if m:
                        found.append(int(m.group(1)))
                    assert m or not line.startswith("probe"), f"torn line {line[:80]!r} in {path}"
    return found


def test_rotation_loses_no_line(make_node, build):
    """NUC-23: lines written as fast as a cell can, over several rotations: each is there once, whole."""
    node = make_node([{"name": "probe", "exec": build.binary("cell-probe"),
                       "limits": {"log": "1M", "log_files": 60}}])
    node.up()
    total = 0
    current = os.path.join(node.state, "logs", "default.probe.0.log")
    with node.client("probe", timeout=60) as client:
        for _ in range(20):
            reply = client.call(WRITE, pb.encode([(1, 5000), (2, 200)]), timeout=30)
            total += pb.first(pb.decode(reply.body), 1)
            node.wait_until(lambda: os.stat(current).st_size < 1 << 20, 10, "it was rotated")
    assert total == 100000
    assert len([p for p in node.log_files() if ".probe." in p]) > 8
    found = numbers(node)
    assert len(found) == total
    assert sorted(set(found)) == list(range(5000)) and all(found.count(n) == 20 for n in (0, 2500, 4999))


def test_logs_command_reads_and_follows(node):
    """`cell logs` works with the nucleus down, by name, glob and instance."""
    wait.until(lambda: "CELL-READY" in node.cli("logs", "greeter.0"), 10, "what it said is in its file: that comes after its being ready")
    assert "CELL-READY" in node.cli("logs", "greet*", "-n", "1000")
    assert node.command("logs", "nobody").status == 1


def test_files_belong_to_the_operator(node):
    for path in node.log_files():
        if ".greeter." in path:
            assert os.stat(path).st_mode & 0o027 == 0


def test_journal_gets_a_copy(make_node, build):
    """NUC-23: with a journal on the host each line arrives there with its fields, once, over rotations."""
    node = make_node([{"name": "probe", "exec": build.binary("cell-probe"), "limits": {"log": "64K"}}])
    path = os.path.join(node.directory, "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(path)
        journal.settimeout(10)
        node.guard("--journal", path)
        node.wait_until(lambda: node.instance("probe")["state"] == "ready", 20, "it is ready")
        node.wait_until(lambda: "NUCLEUS-JOURNAL" in node.log("nucleus"), 5, "the journal was found")
        seen = []
        with node.client("probe", timeout=60) as client:
            for batch in range(1, 7):
                client.call(WRITE, pb.encode([(1, 60), (2, 500)]), timeout=30)
                while len(seen) < 60 * batch: # the socket holds few: what did not fit is sent later
                    text = journal.recv(65536).decode()
                    if "probe line" in text:
                        seen.append(text)
    os.unlink(path)
    assert "SYSLOG_IDENTIFIER=cell-probe\n" in seen[0] and "CELL_INSTANCE=0\n" in seen[0]
    counted = [int(re.search(r"probe line (\d+) ", t).group(1)) for t in seen]
    assert counted == list(range(60)) * 6
