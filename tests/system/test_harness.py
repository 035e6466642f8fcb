"""The harness itself: the independent client against a server that is not ours, the codec, the
keeper."""
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

import pytest

from support import build as build_module, node as node_module, pb, procs, sp, wait

NNGCAT = pytest.mark.needs_tool("nngcat")


@pytest.fixture
def nng_server(short_dir):
    """Path of an nng REP socket that answers every request with "pong"."""
    path = os.path.join(short_dir, "rep.sock")
    with subprocess.Popen(["nngcat", "--rep", "--listen", "ipc://" + path, "--data", "pong"],
                          stdout=subprocess.DEVNULL) as server:
        wait.until(lambda: os.path.exists(path), 10, "nngcat listens")
        yield path
        server.kill()


@NNGCAT
def test_client_calls_an_nng_server(nng_server):
    with sp.Client(nng_server) as client:
        assert client.exchange(b"ping") == b"pong"
        assert client.exchange(b"") == b"pong"


@NNGCAT
def test_client_sends_large_messages(nng_server):
    with sp.Client(nng_server) as client:
        assert client.exchange(os.urandom(300_000)) == b"pong"


def test_answers_are_matched_by_id(short_dir):
    """A peer that answers the second request first, after one to an id nobody asked with."""
    path = os.path.join(short_dir, "own.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve():
            peer, _ = listener.accept()
            with peer:
                peer.sendall(sp.REP_HEADER)
                peer.recv(8, socket.MSG_WAITALL)
                asked = [peer.recv(9 + 5, socket.MSG_WAITALL)[9:] for _ in range(2)]
                stray = struct.pack(">I", 1 << 31) + b"stray"
                for body in (stray, asked[1] + b"2", asked[0] + b"1"):
                    peer.sendall(b"\x01" + struct.pack(">Q", len(body)) + body)
                peer.recv(1)

        server = threading.Thread(target=serve)
        server.start()
        with sp.Client(path) as client:
            first, second = client.send(b"a"), client.send(b"b")
            assert first != second
            assert client.receive(second) == b"b2"
            assert client.receive(first) == b"a1"
        server.join(10)


@NNGCAT
def test_wrong_protocol_is_refused(nng_server):
    """nng closes on a peer that says it is REP to a REP."""
    with pytest.raises((ConnectionError, TimeoutError)):
        with sp.Client(nng_server, timeout=3, header=sp.REP_HEADER) as client:
            client.exchange(b"ping", timeout=3)


@NNGCAT
def test_nng_client_reaches_a_python_server(short_dir):
    """The bytes are right in the other direction too: nng's own REQ against a server made by hand."""
    path = os.path.join(short_dir, "own.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    seen = []

    def serve():
        peer, _ = listener.accept()
        with peer:
            peer.sendall(sp.REP_HEADER)
            seen.append(peer.recv(8, socket.MSG_WAITALL))
            _, size = struct.unpack(">BQ", peer.recv(9, socket.MSG_WAITALL))
            body = peer.recv(size, socket.MSG_WAITALL)
            seen.append(body[4:])
            answer = body[:4] + b"answer"
            peer.sendall(b"\x01" + struct.pack(">Q", len(answer)) + answer)
            peer.recv(1)

    server = threading.Thread(target=serve)
    server.start()
    # nngcat 1.5.2 without an interval takes what the sending cost from -1, and after 2 ms refuses the result.
    out = subprocess.run(["nngcat", "--req", "--dial", "ipc://" + path, "--data", "question", "--ascii",
                          "--count", "1", "--recv-timeout", "10", "--interval", "10"], capture_output=True, timeout=20, check=False)
    listener.close()
    server.join(10)
    assert seen == [sp.REQ_HEADER, b"question"]
    assert b"answer" in out.stdout


def test_client_gives_up_at_its_deadline(short_dir):
    """A peer that never says a word costs no more than the timeout."""
    path = os.path.join(short_dir, "mute.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with pytest.raises(TimeoutError):
            sp.Client(path, timeout=0.2)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32 - 1, 2**63, 2**64 - 1])
def test_varints_come_back(value):
    assert pb.decode(pb.encode([(1, value)])) == {1: [value]}


def test_codec_agrees_with_a_known_message():
    """{1: 150} is 08 96 01, {2: "testing"} is 12 07 74 …: the examples of protobuf's own encoding guide."""
    assert pb.encode([(1, 150)]) == bytes.fromhex("089601")
    assert pb.encode([(2, "testing")]) == bytes.fromhex("120774657374696e67")
    assert pb.decode(bytes.fromhex("089601120774657374696e67")) == {1: [150], 2: [b"testing"]}
    assert pb.encode([(1, -1)]) == bytes.fromhex("08" + "ff" * 9 + "01"), "a negative int32 is ten bytes"
    assert pb.double_of(pb.decode(pb.encode([(1, 2.5)]))[1][0]) == 2.5


@pytest.mark.parametrize("cut", ["0a", "0a05616263", "09000000"])
def test_cut_messages_are_errors(cut):
    with pytest.raises((ValueError, IndexError, struct.error)):
        pb.decode(bytes.fromhex(cut))


def test_envelope_has_the_documented_fields():
    data = sp.envelope([sp.request(10000, b"x", request_id=7, deadline_ms=9, key=b"k", schema=3)])
    outer = pb.decode(data)
    assert outer[1] == [1]
    assert pb.decode(outer[2][0]) == {1: [7], 2: [10000], 3: [9], 5: [b"k"], 6: [b"x"], 7: [3]}


class FakeBuild:
    """A build whose `cell` is a shell script."""

    def __init__(self, directory, script):
        self.path = os.path.join(directory, "cell")
        with open(self.path, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + script)
        os.chmod(self.path, 0o755)

    def binary(self, name):
        return build_module.find().binary(name) if name == "test-keeper" else self.path


def test_what_a_command_leaves_running_is_found_and_ended(short_dir):
    """A command that detaches a process twice over: the harness names it, ends it and complains."""
    fake = FakeBuild(short_dir, 'case $1 in up) setsid sh -c "sleep 600 & exit" >/dev/null 2>&1 ;; esac\n')
    node = node_module.Node(fake, "cells: []\n")
    node.cli("up", timeout=10)
    [pid] = wait.until(lambda: [p for p in node.processes() if procs.name(p).startswith("sleep")], 5,
                       "the orphan is found")
    with pytest.raises(AssertionError, match=f"process {pid}: sleep 600"):
        node.close()
    assert not procs.is_alive(pid)
    assert not os.path.exists(node.directory)


def test_a_socket_left_behind_is_a_fault(short_dir):
    node = node_module.Node(FakeBuild(short_dir, "exit 0\n"), "cells: []\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.join(node.run, "left.sock"))
    with pytest.raises(AssertionError, match="left.sock"):
        node.close()


@pytest.mark.parametrize("line", ["==7==ERROR: AddressSanitizer: heap-use-after-free", "x.c:1:2: runtime error: shift",
                                  "cell-x: x.c:7: f: Assertion `a' failed."])
def test_a_sanitizer_report_in_a_log_is_a_fault(short_dir, line):
    node = node_module.Node(FakeBuild(short_dir, "exit 0\n"), "cells: []\n")
    with open(os.path.join(node.state, "greeter.0.log"), "w", encoding="utf-8") as log:
        log.write("fine\n" + line + "\n")
    with pytest.raises(AssertionError, match="report: "):
        node.close()


def test_status_and_streams_of_a_command(short_dir):
    node = node_module.Node(FakeBuild(short_dir, 'cat; echo "$CELL_RUN" >&2; exit 3\n'), "cells: []\n")
    result = node.command("anything", stdin="in\n")
    assert (result.status, result.out, result.err) == (3, "in\n", node.run + "\n")
    with pytest.raises(AssertionError, match="expected status 0"):
        node.cli("anything")
    node.close()


def test_a_hanging_command_is_ended(short_dir):
    node = node_module.Node(FakeBuild(short_dir, "sleep 600\n"), "cells: []\n")
    with pytest.raises(AssertionError, match="no end"):
        node.command("up", timeout=0.3)
    assert node.processes() == []
    node.close()


def test_a_detached_process_that_holds_the_output_is_a_fault(short_dir):
    """$(cell up --detach) in a script would hang for ever."""
    node = node_module.Node(FakeBuild(short_dir, "sleep 600 &\n"), "cells: []\n")
    with pytest.raises(AssertionError, match="output is held open"):
        node.command("up", timeout=0.5)
    assert node.processes() == []
    node.close()


def test_a_signal_hits_only_who_is_meant():
    with subprocess.Popen(["sleep", "600"]) as child:
        assert procs.kill(child.pid, signal.SIGKILL)
        child.wait(10)
        assert not procs.kill(child.pid), "gone and reaped: nobody is signalled"


def test_waiting_fails_with_its_reason():
    with pytest.raises(AssertionError, match="the moon is blue.*last value: 0"):
        wait.until(lambda: 0, 0.05, "the moon is blue")
    assert wait.until(lambda: 5, 0.05, "five") == 5
    assert sys.version_info >= (3, 9), "pidfd_open and waitstatus_to_exitcode"
