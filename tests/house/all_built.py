#!/usr/bin/env python3
"""Every C file is built: one that no meson.build names is dead code, or a test that never runs."""
import os

import house

# Built on request: -Dbench=true; the paths of libraries that Debian does not have. Or for another target (BPF).
OPTIONAL = ("bench/external/", "bench/")


def main():
    tree = house.House("every C file is built")
    if not tree.build:
        print("skipped: needs --build")
        raise SystemExit(house.SKIPPED)
    built = {source for source, _, _ in house.compile_commands(tree)}
    for path in tree.files(".c"):
        if path.endswith(".bpf.c"):
            continue
        group = next((g for g in OPTIONAL if path.startswith(g)), None)
        if group is not None and not any(s.startswith(group) for s in built):
            continue
        tree.saw()
        if path not in built:
            tree.fault(path, 0, "is in no meson.build")
    for path in tree.files(".py"):
        folder, name = os.path.split(path)
        if name.startswith("test_") and folder != "tests/system" and not folder.startswith("tests/system/"):
            tree.fault(path, 0, "is not under tests/system: pytest does not find it")
    tree.finish("sources")


if __name__ == "__main__":
    main()
