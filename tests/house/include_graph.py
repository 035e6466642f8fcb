#!/usr/bin/env python3
"""Who may include what.

A folder includes itself, common/ and proto/; common/base includes only itself; a core includes only
common/base and headers of its own folder that are as pure as it is; only common/run touches nng,
seccomp, landlock and the event loop; and in a folder with a core, protobuf types and core types meet
only in main, wire, service and shell files, where messages are translated.
"""
import os
import re

import house

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
GENERATED = (".pb-c.h", ".schema.h", ".ops.h", ".skel.h")
RUNTIME_ONLY = re.compile(r"^(nng/|seccomp\.h$|linux/(landlock|seccomp)\.h$|uv\.h$|uv/|event|ev\.h$)")
# What a core may take from the system: types, memory, strings, mathematics, and cryptography that is
# a pure function of its arguments. core_purity.py looks at the symbols it really uses.
CORE_SYSTEM = {
    "assert.h", "ctype.h", "endian.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h",
    "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h",
    "stdlib.h", "string.h", "sodium.h", "blake2.h",
}
MEETING = re.compile(r"^(main|wire|service|shell)(_\w+)?\.[ch]$")
# The supervisor speaks two languages, its own operations and the junction's, and its shell is several
# rooms large: these translate too.
MEETING_ALSO = {
    "gateway/inbound": "takes envelopes of other nodes",
    "gateway/names": "asks nodosum and the dht which nodes have a cell, and vivaldi how far they are",
    "gateway/nodes": "asks nodosum where nodes are",
    "gateway/offers": "tells nodosum and the dht what the supervisor says of exported cells",
    "gateway/outbound": "puts requests into envelopes for other nodes",
    "issuer/roll": "brings the own node's update to the supervisor",
    "gateway/resolve": "answers who has a cell",
    "nucleus/demand": "answers those who wait for a cell to start",
    "nucleus/events": "answers long polls",
    "nucleus/rekey": "takes new keys and hands them out on fd 3",
    "nucleus/connect": "brings two of them together for a channel, on fd 3 of both",
    "nucleus/junction": "speaks with cells on fd 3",
    "nucleus/logs": "hands a new log file to a cell",
    "nucleus/spawn": "writes a cell's Genesis",
    "vivaldi/verify": "asks nodosum to measure",
    "raft/engine_admin": "answers with what etcd says of itself",
    "raft/engine_etcd": "one call of raft.proto and its question to etcd",
    "raft/engine_keys": "keys of raft.proto as etcd's gateway has them, and back",
    "raft/engine_lease": "leases, the same",
    "raft/engine_txn": "transactions, the same",
    "raft/engine_watch": "watches, the same",
    "raft/found": "asks others for a cluster, and is asked",
    "raft/lane": "puts packets for members into requests and answers",
    "raft/peers": "takes packets of members out of requests and answers",
}
MESSAGE_TYPE = re.compile(r"\b(Cell__\w+|cell__\w+__\w+)\b")


def includes_of(tree, path):
    text = house.without_comments(tree.read(path))
    return [(m[1], m[2], house.line_of(text, m.start())) for m in INCLUDE.finditer(text)]


class Graph:
    def __init__(self, tree):
        self.tree = tree
        self.paths = set(tree.files(*house.C_SUFFIXES))
        self.edges = {p: includes_of(tree, p) for p in self.paths}
        self.cores = house.cores(tree)

    def reach(self, path, inside=None):
        """Every quoted include reachable from `path`, through headers of folder `inside` only."""
        seen, todo = set(), [path]
        while todo:
            for kind, name, _ in self.edges.get(todo.pop(), ()):
                if kind == '"' and name not in seen:
                    seen.add(name)
                    if name in self.paths and (not inside or house.room_of(name) == inside):
                        todo.append(name)
        return seen

    def is_core_header(self, name):
        return name.endswith(".h") and name[:-2] + ".c" in self.cores


def check_path(graph, path, name, line):
    """A quoted include names an existing file from the root."""
    if name in graph.paths:
        return True
    if name.endswith(GENERATED) and "/" in name:
        return True
    beside = os.path.join(os.path.dirname(path), name)
    if path.split("/")[0] in house.OUTSIDE + ("examples",):
        # An example is built as a user's own project would be, and so are the tests' own cells.
        if beside in graph.paths or name.endswith(GENERATED):
            return True
    return missing(graph, path, name, line)


def missing(graph, path, name, line):
    graph.tree.fault(path, line, f'"{name}" is not a file seen from the root of the tree')
    return False


def check_folder(graph, path, name, line):
    room, target = house.room_of(path), house.room_of(name) or house.room_of(path)
    if room.split("/")[0] in house.OUTSIDE or target == room:
        return
    if room == "common/base":
        graph.tree.fault(path, line, f'common/base includes only itself, not "{name}"')
    elif target.split("/")[0] not in ("common", "proto"):
        graph.tree.fault(path, line, f'{room} reaches into {target}: cells meet over messages')


def check_core(graph, path):
    room = graph.cores[path]
    for kind, name, line in graph.edges[path]:
        if kind == "<" and name not in CORE_SYSTEM and not name.startswith("sodium/"):
            graph.tree.fault(path, line, f"a core has no use for <{name}>")
    for name in sorted(graph.reach(path)):
        target = house.room_of(name)
        if target not in ("common/base", room) or name.endswith(GENERATED):
            graph.tree.fault(path, 0, f'a core sees "{name}" (directly or through a header)')


def check_meeting(graph, path):
    room = house.room_of(path)
    if room.split("/")[0] in house.OUTSIDE or room.startswith("common/"):
        return
    if MEETING.match(os.path.basename(path)) or path[:-2] in MEETING_ALSO:
        return
    core = sorted(n for n in graph.reach(path, room) if graph.is_core_header(n) and house.room_of(n) == room)
    text = house.code_only(graph.tree.read(path))
    message = MESSAGE_TYPE.search(text)
    if core and message:
        graph.tree.fault(path, house.line_of(text, message.start()),
                         f'names the protobuf type {message[0]} and sees core types ("{core[0]}"): '
                         "only main, wire, service and shell files translate")


def main():
    tree = house.House("who may include what")
    graph = Graph(tree)
    for path in sorted(graph.paths):
        for kind, name, line in graph.edges[path]:
            tree.saw()
            if kind == '"' and check_path(graph, path, name, line):
                check_folder(graph, path, name, line)
            elif kind == "<" and RUNTIME_ONLY.match(name):
                if not path.startswith(("common/run/", "tests/", "bench/")):
                    tree.fault(path, line, f"only common/run touches <{name}>")
        if path in graph.cores:
            check_core(graph, path)
        check_meeting(graph, path)
    tree.finish("includes")


if __name__ == "__main__":
    main()
