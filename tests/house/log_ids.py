#!/usr/bin/env python3
"""Log ids are addresses of call sites: a literal, shaped like RAFT-VOTE-STALE, used once. And no
process has more of them than the rate limiter can tell apart (LOG_IDS_MAX)."""
import re

import house

CALL = re.compile(r"\blog_(error|warn|info|debug)\s*\(\s*")
WRITE = re.compile(r"\blog_write\s*\(")
SHAPE = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)+$")
LITERAL = re.compile(r'"((?:\\.|[^"\\])*)"\s*[,)]')


def check_file(tree, path, sites, per_room):
    text = house.without_comments(tree.read(path))
    for match in CALL.finditer(text):
        line = house.line_of(text, match.start())
        if re.match(r"[^\n]*#\s*define", text[text.rfind("\n", 0, match.start()) + 1:]):
            continue # the macros themselves
        tree.saw()
        literal = LITERAL.match(text, match.end())
        if not literal:
            tree.fault(path, line, "the id of a log line is a literal")
            continue
        name = literal[1]
        if not SHAPE.match(name):
            tree.fault(path, line, f'log id "{name}" is not shaped like RAFT-VOTE-STALE')
        if name in sites:
            tree.fault(path, line, f'log id "{name}" is taken by {sites[name]}')
        sites.setdefault(name, f"{path}:{line}")
        per_room.setdefault(house.room_of(path), set()).add(name)
    for match in WRITE.finditer(text):
        if not re.match(r"common/run/log\.[ch]$", path):
            tree.fault(path, house.line_of(text, match.start()), "log_write is behind the macros")


def main():
    tree = house.House("log ids are unique and well shaped")
    sites, per_room = {}, {}
    for path in tree.files(*house.C_SUFFIXES):
        if house.room_of(path).split("/")[0] not in house.OUTSIDE:
            check_file(tree, path, sites, per_room)
    limit = re.search(r"LOG_IDS_MAX\s*=\s*(\d+)", "".join(
        tree.read(p) for p in tree.files("common/run/log.h")))
    runtime = len(per_room.get("common/run", ()))
    for room, names in sorted(per_room.items()):
        if limit and room != "common/run" and len(names) + runtime > int(limit[1]):
            tree.fault(room, 0, f"{len(names)} ids and {runtime} of the runtime are more than "
                                f"LOG_IDS_MAX = {limit[1]}")
    tree.finish("log call sites")


if __name__ == "__main__":
    main()
