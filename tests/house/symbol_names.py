#!/usr/bin/env python3
"""A name is an address: every external symbol of <folder>/<file>.c is <folder>_<file>_<verb>, in
common/ and in the supervisor's rooms <file>_<verb>; main.c defines nothing but main.

A room too large for one file is split at a word: door_listen.c may define door_listen_… and door_….
A file's symbols may also carry the name of the header that declares them (cell_reply of
common/run/cell.h is defined in door.c), and the plural of the file (asks_open of ask.c). Examples are
users' code and free.

With --build the objects of the build are read; without, the sources are compiled here.
"""
import os
import re
import subprocess
import tempfile

import house

# Rooms whose files are named <file>_<verb>. The supervisor is one: its words (node, manifest, spawn)
# are the vocabulary of the whole project and no other cell has files of these names.
SHORT = ("common", "nucleus")
# libc's names on purpose: libnng is to find these first.
INTERPOSED = {("common/run/epipe.c", "readv"), ("common/run/epipe.c", "sendmsg")}
INSTRUMENTED = re.compile(r"^(__odr_asan|__[alut]san_|__ubsan|__gcov)")


def defined(paths):
    return {path: [n for n in names if not INSTRUMENTED.match(n)]
            for path, names in house.symbols(paths, "--defined-only", "-g").items()}


def objects(tree, sources, scratch):
    if tree.build:
        return [(s, o) for s, o, _ in house.compile_commands(tree) if s in sources]
    made = []
    for index, source in enumerate(sorted(sources)):
        output = os.path.join(scratch, f"{index}.o")
        subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-I", tree.root, "-c", "-o", output,
                        os.path.join(tree.root, source)], check=True)
        made.append((source, output))
    return made


def headers_by_word(tree):
    """{word: {header}}: where each identifier of a header stands."""
    found = {}
    for path in tree.files(".h"):
        for word in set(re.findall(r"\w+", house.without_comments(tree.read(path)))):
            found.setdefault(word, set()).add(path)
    return found


def prefixes(source, name, declared):
    """Every prefix that would make `name` an address of `source`."""
    room = house.room_of(source)
    files = {source[:-2]} | {h[:-2] for h in declared.get(name, ()) if house.room_of(h) == room}
    found = set()
    for file in files:
        stem = re.sub(r"\W", "_", os.path.basename(file))
        words = stem.split("_")
        stems = {"_".join(words[:n]) for n in range(1, len(words) + 1)} | {stem + "s"}
        if room.split("/")[0] in SHORT:
            found |= {s + "_" for s in stems}
        else:
            inner = os.path.dirname(file)[len(room):].strip("/")
            folder = re.sub(r"\W", "_", room + ("/" + inner if inner else ""))
            found |= {f"{folder}_{s}_" for s in stems}
    return found


def main():
    tree = house.House("a symbol's name says which file it is in")
    sources = {p for p in tree.files(".c")
               if house.room_of(p).split("/")[0] not in house.OUTSIDE + ("examples", "proto")
               and not p.endswith(".bpf.c")}
    declared = headers_by_word(tree)
    with tempfile.TemporaryDirectory() as scratch:
        seen = set()
        made = objects(tree, sources, scratch)
        for source, output in made:
            if not os.path.exists(output):
                tree.fault(source, 0, "not built yet")
        made = [(s, o) for s, o in made if os.path.exists(o)]
        names_of = defined([o for _, o in made])
        for source, output in made:
            for name in names_of[output]:
                if (source, name) in seen or (source, name) in INTERPOSED:
                    continue
                seen.add((source, name))
                tree.saw()
                if name == "main" and source.endswith("_main.c"):
                    continue # a second program of a folder: guard_main.c
                if os.path.basename(source) == "main.c":
                    if name != "main":
                        tree.fault(source, 0, f"{name} does not belong into main.c")
                elif not any((name + "_").startswith(p) for p in prefixes(source, name, declared)):
                    tree.fault(source, 0, f"{name} should begin with "
                               + " or ".join(sorted(prefixes(source, name, declared))))
    tree.finish("external symbols")


if __name__ == "__main__":
    main()
