#!/usr/bin/env python3
"""Every header compiles alone, with warnings as errors, and twice in one file (its guard works)."""
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import house

# Headers for the BPF target see kernel types and are compiled with their program.
KERNEL = (".bpf.h", "vmlinux.h")


def compile_alone(arguments):
    tree, header, flags = arguments
    with tempfile.NamedTemporaryFile("w", suffix=".c") as source:
        source.write(f'#include "{header}"\n#include "{header}"\n')
        source.flush()
        run = subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra",
                              "-Wstrict-prototypes", "-Werror", *flags, source.name],
                             capture_output=True, text=True, check=False)
    return header, run.returncode, run.stderr


def main():
    tree = house.House("every header compiles alone")
    flags = ["-I", tree.root, *house.package_flags()]
    if tree.build:
        flags += ["-I", tree.build]
        for folder in {os.path.dirname(h) for h in tree.files(".h")}:
            flags += ["-I", os.path.join(tree.build, folder)]
    headers = [h for h in tree.files(".h") if not h.endswith(KERNEL)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        for header, status, text in pool.map(compile_alone, [(tree, h, flags) for h in headers]):
            tree.saw()
            if status != 0:
                tree.fault(header, 0, "does not compile alone:\n" + text)
            guard = "CELL_" if not header.startswith(("tests/", "examples/")) else ""
            text = tree.read(header)
            if f"#ifndef {guard}" not in text and "#pragma once" not in text:
                tree.fault(header, 0, f"has no include guard that begins with CELL_")
    tree.finish("headers")


if __name__ == "__main__":
    sys.exit(main())
