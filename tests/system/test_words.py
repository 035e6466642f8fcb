"""Texts in messages: whoever takes a message takes it whole or not at all, and says which text was wrong."""
import pytest

from support import pb, sp
from support.mesh import Mesh
from support.ports import free_port
from test_raft_store import RAFT

MALFORMED, INVALID = 4, 13
ECHO = 20000
BAD = [(b"web\0evil", "holds a NUL"), (b"\0", "holds a NUL"), (b"web\0", "holds a NUL"), (b"w\xc0\x80b", "is not UTF-8"),
       (b"\xe0\x80\xaf", "is not UTF-8"), (b"\xed\xa0\x80", "is not UTF-8"), (b"\xf4\x90\x80\x80", "is not UTF-8"), (b"w\xff", "is not UTF-8"),
       (b"w\xe2\x82", "is not UTF-8")]

# (cell, operation, fields that lead to the text, what it is called). Numbers are those of proto/.
DOORS = [
    ("nucleus", 106, lambda t: [(1, t)], "target"),                                  # Resolve
    ("nucleus", 103, lambda t: [(1, t)], "target"),                                  # Stop
    ("nodosum", 204, lambda t: [(1, t)], "name"),                                    # Discover
    ("nodosum", 206, lambda t: [(1, pb.encode([(1, "probe")])), (1, pb.encode([(1, t)]))], "cells[1].name"), # Offer
    ("dht", 400, lambda t: [(1, t), (2, "value")], "name"),                          # Put
    ("dht", 405, lambda t: [(1, "10.0.0.1:7403"), (1, "10.0.0.2:7403"), (1, t)], "at[2]"), # Bootstrap
    ("raft", 316, lambda t: [(2, t), (3, "10.0.0.1:7404")], "name"),                 # AddMember
    ("probe", ECHO, lambda t: [(1, t)], "text"),
    ("gateway", 1001, lambda t: [(1, t)], "name"),                                   # Resolve
]


@pytest.fixture
def mesh(make_node, build):
    probe, at = build.binary("cell-probe"), f"127.0.0.1:{free_port()}"
    dht = {"name": "dht", "serves": ["dht.*"], "requires": ["nodosum"], "may_call": ["nodosum.Members", "nodosum.Watch"],
           "config": {"listen": at, "advertise": at}, "sandbox": {"network": True, "write": ["state"], "keys": ["datagram"]}}
    return Mesh(make_node, {"a": [*RAFT, dht, {"name": "probe", "exec": probe, "serves": ["probe.Echo"]}],
                            "b": [{"name": "callee", "exec": probe, "serves": ["callee.Echo"]}]}, {"b": [{"cell": "callee", "nodes": ["a"]}]})


def client(node, cell):
    return sp.Client(node.run + "/nucleus.sock", 20) if cell == "nucleus" else node.client(cell, timeout=20)


def test_texts_are_taken_whole_and_named(mesh):
    """Nine cells' doors, nine texts that are none; the door stays open."""
    for cell, operation, fields, name in DOORS:
        with client(mesh.a, cell) as c:
            for text, what in BAD:
                reply = c.call(operation, pb.encode(fields(text)))
                assert (reply.status, reply.message) == (MALFORMED, f"{name}: {what}"), (cell, operation, text, reply)
            good = c.call(operation, pb.encode(fields("z\u00fcri".encode() if cell == "probe" else b"web")))
            assert good.status != MALFORMED, (cell, operation, good)


def test_texts_of_the_envelope_are_taken_whole(mesh):
    """Where a request is to go is a text too: a gateway that reads it and one that passes it on read the same."""
    for cell in ("probe", "gateway"):
        with client(mesh.a, cell) as c:
            for text, what in BAD:
                request = sp.request(ECHO, pb.encode([(1, "x")])) + pb.encode([(9, text)])
                replies = c.call_many([sp.request(ECHO), request])
                assert [r.status for r in replies] == [MALFORMED] and replies[0].id == 0, (cell, text, replies)
                assert replies[0].message == f"requests[1].route: {what}", (cell, text, replies)


def test_texts_that_pass_two_gateways_are_taken_whole(mesh):
    """Who only passes a body on does not look into it; who answers does, and says so across the nodes."""
    with client(mesh.a, "gateway") as c:
        for text, what in BAD:
            request = sp.request(ECHO, pb.encode([(1, text)])) + pb.encode([(9, "callee@b")])
            reply, = c.call_many([request], timeout=20)
            assert (reply.status, reply.message) == (MALFORMED, f"text: {what}"), (text, reply)
        reply, = c.call_many([sp.request(ECHO, pb.encode([(1, "whole")])) + pb.encode([(9, "callee@b")])], timeout=20)
        assert reply.status == sp.OK and pb.first(pb.decode(reply.body), 1) == b"whole", reply


def test_kinds_that_nobody_knows_are_refused(mesh):
    """proto3 lets any number through where one of a list is meant."""
    with client(mesh.a, "raft") as c:
        for fields in ([(1, "k"), (4, 5)], [(1, "k"), (5, 4)], [(1, "k"), (4, 1 << 31)]): # Compare.target, Compare.result
            reply = c.call(305, pb.encode([(1, pb.encode(fields))]))
            assert reply.status == INVALID and "does not know" in reply.message, reply
        for operation in (301, 303): # Get, Range
            fields = [(1, "k"), (3 if operation == 301 else 5, 7)]
            reply = c.call(operation, pb.encode(fields))
            assert reply.status == INVALID and "freshness" in reply.message, reply
        assert c.call(301, pb.encode([(1, "k")])).status == sp.OK
